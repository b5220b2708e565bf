//! Roots and proofs from stored nodes (RFC 9162 sections 2.1.1, 2.1.3.1 and 2.1.4.1).

use thiserror::Error;

use super::Hash;
use super::Subtree;
use super::empty_root;
use super::left_size;
use super::node_hash;

/// Where the complete nodes of a tree are kept.
pub trait NodeStore {
    /// Why a node could not be had.
    type Error;

    /// The root of the 2^`level` leaves that begin with leaf `index` · 2^`level`.
    ///
    /// Asked only for nodes whose leaves are all below the size that the caller named.
    fn node(&self, level: u8, index: u64) -> Result<Hash, Self::Error>;
}

/// Why there is no proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProveError<E> {
    /// The leaf is not in the tree.
    #[error("leaf {index} is not below {end}")]
    LeafOutsideTree {
        /// The leaf asked for.
        index: u64,
        /// One past the last leaf.
        end: u64,
    },
    /// The older tree is empty, or larger than the newer.
    #[error("no consistency proof from {old} to {new} leaves")]
    NoSuchGrowth {
        /// Leaves in the older tree or last leaf of the subtree.
        old: u64,
        /// Leaves in the newer tree.
        new: u64,
    },
    /// A node could not be read.
    #[error("read node")]
    Store(#[source] E),
}

/// The root of the first `size` leaves.
pub fn root_at<S: NodeStore + ?Sized>(store: &S, size: u64) -> Result<Hash, S::Error> {
    range_root(store, 0, size)
}

/// The root of a subtree.
pub fn subtree_root<S: NodeStore + ?Sized>(store: &S, subtree: Subtree) -> Result<Hash, S::Error> {
    range_root(store, subtree.start, subtree.end)
}

/// Shows that leaf `index` is in the tree of the first `size` leaves.
pub fn inclusion_proof<S: NodeStore + ?Sized>(
    store: &S,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, ProveError<S::Error>> {
    prove_inclusion(store, index, 0, size)
}

/// Shows that leaf `index` is in the subtree.
pub fn subtree_inclusion_proof<S: NodeStore + ?Sized>(
    store: &S,
    index: u64,
    subtree: Subtree,
) -> Result<Vec<Hash>, ProveError<S::Error>> {
    prove_inclusion(store, index, subtree.start, subtree.end)
}

/// Shows that the tree of the first `new` leaves begins with the first `old` leaves, at least one.
pub fn consistency_proof<S: NodeStore + ?Sized>(
    store: &S,
    old: u64,
    new: u64,
) -> Result<Vec<Hash>, ProveError<S::Error>> {
    if old == 0 {
        return Err(ProveError::NoSuchGrowth { old, new });
    }
    prove_consistency(store, 0, old, new)
}

/// Shows that the tree of the first `size` leaves contains the subtree.
pub fn subtree_consistency_proof<S: NodeStore + ?Sized>(
    store: &S,
    subtree: Subtree,
    size: u64,
) -> Result<Vec<Hash>, ProveError<S::Error>> {
    prove_consistency(store, subtree.start, subtree.end, size)
}

/// The root of the leaves in `start..end`, a subtree.
fn range_root<S: NodeStore + ?Sized>(store: &S, start: u64, end: u64) -> Result<Hash, S::Error> {
    let size = end - start;
    if size == 0 {
        return Ok(empty_root());
    }
    if size.is_power_of_two() {
        let level = size.ilog2();
        return store.node(level as u8, start >> level);
    }
    let middle = start + left_size(size);
    let left = range_root(store, start, middle)?;
    let right = range_root(store, middle, end)?;
    Ok(node_hash(&left, &right))
}

fn prove_inclusion<S: NodeStore + ?Sized>(
    store: &S,
    index: u64,
    mut start: u64,
    mut end: u64,
) -> Result<Vec<Hash>, ProveError<S::Error>> {
    if index < start || index >= end {
        return Err(ProveError::LeafOutsideTree { index, end });
    }
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + left_size(end - start);
        let (sibling_start, sibling_end);
        if index < middle {
            (sibling_start, sibling_end) = (middle, end);
            end = middle;
        } else {
            (sibling_start, sibling_end) = (start, middle);
            start = middle;
        }
        path.push(range_root(store, sibling_start, sibling_end).map_err(ProveError::Store)?);
    }
    path.reverse();
    Ok(path)
}

/// Descends from the whole tree to the node that ends where `start..end` ends.
fn prove_consistency<S: NodeStore + ?Sized>(
    store: &S,
    start: u64,
    end: u64,
    size: u64,
) -> Result<Vec<Hash>, ProveError<S::Error>> {
    if end > size {
        return Err(ProveError::NoSuchGrowth {
            old: end,
            new: size,
        });
    }
    let mut path = Vec::new();
    if start == end {
        return Ok(path);
    }
    let root = |from, to| range_root(store, from, to).map_err(ProveError::Store);
    let (mut node_start, mut node_end) = (0, size);
    while node_end != end || node_start < start {
        let middle = node_start + left_size(node_end - node_start);
        if end <= middle {
            path.push(root(middle, node_end)?);
            node_end = middle;
        } else {
            path.push(root(node_start, middle)?);
            node_start = middle;
        }
    }
    // The verifier knows the hash of the subtree as a whole, but not of its rightmost part.
    if node_start != start {
        path.push(root(node_start, node_end)?);
    }
    path.reverse();
    Ok(path)
}
