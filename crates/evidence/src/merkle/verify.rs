//! Checking proofs (RFC 9162 sections 2.1.3.2 and 2.1.4.2), by the definition read backwards.

use thiserror::Error;

use super::Hash;
use super::Subtree;
use super::empty_root;
use super::left_size;
use super::node_hash;

/// Why a proof does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ProofError {
    /// The leaf cannot be in a tree of this size.
    #[error("leaf {index} is not in {start}..{end}")]
    LeafOutsideTree {
        /// The leaf claimed.
        index: u64,
        /// First leaf of the tree.
        start: u64,
        /// One past the last leaf.
        end: u64,
    },
    /// The older tree is empty, or larger than the newer: nothing could be shown.
    #[error("no tree of {new} leaves grew from one of {old}")]
    NoSuchGrowth {
        /// Leaves in the older tree, or one past the last leaf of the subtree.
        old: u64,
        /// Leaves in the newer tree.
        new: u64,
    },
    /// There are fewer or more hashes than the sizes ask for.
    #[error("proof has the wrong number of hashes for its tree")]
    WrongLength,
    /// The hashes lead to another root than the trusted one.
    #[error("proof leads to another root")]
    RootMismatch,
    /// The hashes lead to another root of the older tree or of the subtree than the known one.
    #[error("proof leads to another root of the older tree")]
    OldRootMismatch,
}

/// Checks that the leaf with this hash is at `index` of the tree with `size` leaves and this root.
///
/// `size` and `root` must come from a checkpoint that the caller trusts.
pub fn verify_inclusion(
    leaf_hash: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::LeafOutsideTree {
            index,
            start: 0,
            end: size,
        });
    }
    match implied_root(leaf_hash, index, size, proof)? == *root {
        true => Ok(()),
        false => Err(ProofError::RootMismatch),
    }
}

/// Checks that the leaf with this hash is at `index` of the subtree with this root.
pub fn verify_subtree_inclusion(
    leaf_hash: &Hash,
    index: u64,
    subtree: Subtree,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    let (start, end) = (subtree.start, subtree.end);
    if index < start || index >= end {
        return Err(ProofError::LeafOutsideTree { index, start, end });
    }
    verify_inclusion(leaf_hash, index - start, end - start, proof, root)
}

/// Checks that the tree with `new` leaves begins with the tree with `old` leaves, at least one.
pub fn verify_consistency(
    old: u64,
    new: u64,
    proof: &[Hash],
    old_root: &Hash,
    new_root: &Hash,
) -> Result<(), ProofError> {
    if old == 0 {
        return Err(ProofError::NoSuchGrowth { old, new });
    }
    verify_subtree_consistency(
        Subtree { start: 0, end: old },
        new,
        proof,
        old_root,
        new_root,
    )
}

/// Checks that the tree with `size` leaves contains the subtree with this root.
///
/// An empty subtree is in every tree; only its own root and the absence of a proof are checked.
pub fn verify_subtree_consistency(
    subtree: Subtree,
    size: u64,
    proof: &[Hash],
    subtree_root: &Hash,
    root: &Hash,
) -> Result<(), ProofError> {
    if subtree.end > size {
        return Err(ProofError::NoSuchGrowth {
            old: subtree.end,
            new: size,
        });
    }
    if subtree.size() == 0 {
        return match (proof.is_empty(), *subtree_root == empty_root()) {
            (true, true) => Ok(()),
            (true, false) => Err(ProofError::OldRootMismatch),
            (false, _) => Err(ProofError::WrongLength),
        };
    }
    let known = Some(subtree_root);
    let (old, new) = implied_roots(subtree.start, subtree.end, size, known, proof)?;
    if old != *subtree_root {
        return Err(ProofError::OldRootMismatch);
    }
    if new != *root {
        return Err(ProofError::RootMismatch);
    }
    Ok(())
}

/// The root that the proof leads to. At most 64 calls deep.
fn implied_root(leaf: &Hash, index: u64, size: u64, proof: &[Hash]) -> Result<Hash, ProofError> {
    let (sibling, rest) = match (size, proof) {
        (1, []) => return Ok(*leaf),
        (1, _) | (_, []) => return Err(ProofError::WrongLength),
        (_, [rest @ .., sibling]) => (sibling, rest),
    };
    let left = left_size(size);
    Ok(match index < left {
        true => node_hash(&implied_root(leaf, index, left, rest)?, sibling),
        false => node_hash(
            sibling,
            &implied_root(leaf, index - left, size - left, rest)?,
        ),
    })
}

/// The roots of `start..end` and of the tree around it that the proof leads to. At most 64 calls deep.
///
/// `known` is the root of `start..end`, as long as the range has not been cut.
fn implied_roots(
    start: u64,
    end: u64,
    size: u64,
    known: Option<&Hash>,
    proof: &[Hash],
) -> Result<(Hash, Hash), ProofError> {
    if start == 0 && end == size {
        return match (known, proof) {
            (Some(hash), []) | (None, [hash]) => Ok((*hash, *hash)),
            _ => Err(ProofError::WrongLength),
        };
    }
    let [rest @ .., sibling] = proof else {
        return Err(ProofError::WrongLength);
    };
    let left = left_size(size);
    if end <= left {
        let (old, new) = implied_roots(start, end, left, known, rest)?;
        return Ok((old, node_hash(&new, sibling)));
    }
    if start >= left {
        let (old, new) = implied_roots(start - left, end - left, size - left, known, rest)?;
        return Ok((old, node_hash(sibling, &new)));
    }
    // A subtree that crosses the middle begins at the left end, so the whole left half is in it.
    let (old, new) = implied_roots(0, end - left, size - left, None, rest)?;
    Ok((node_hash(sibling, &old), node_hash(sibling, &new)))
}
