//! The Merkle tree of RFC 9162 section 2.1 (the tree of RFC 6962), kept as an append-only log.
//!
//! Leaf `SHA-256(0x00 ‖ leaf)`, node `SHA-256(0x01 ‖ left ‖ right)`; the root folds the peaks from
//! right to left, which makes it the root of a Merkle mountain range over the same leaves too.
//!
//! A root says nothing about its size: the same 32 bytes can be read as trees of several sizes.
//! A verifier therefore takes size and root together from one signed checkpoint
//! ([`checkpoint`](crate::checkpoint)), never from whoever hands over the proof.
//!
//! Every proof is made from O(log n) stored nodes and checked in O(log n) hashes. The tests hold
//! all of this against the naive definition, and against the vectors of transparency-dev/merkle.

mod frontier;
mod prove;
mod verify;

pub use frontier::Frontier;
pub use frontier::FrontierError;
pub use prove::NodeStore;
pub use prove::ProveError;
pub use prove::consistency_proof;
pub use prove::inclusion_proof;
pub use prove::root_at;
pub use prove::subtree_consistency_proof;
pub use prove::subtree_inclusion_proof;
pub use prove::subtree_root;
use sha2::Digest as _;
use sha2::Sha256;
pub use verify::ProofError;
pub use verify::verify_consistency;
pub use verify::verify_inclusion;
pub use verify::verify_subtree_consistency;
pub use verify::verify_subtree_inclusion;

/// A hash in the tree.
pub type Hash = [u8; 32];

/// The hash of a leaf.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new()
        .chain_update([0])
        .chain_update(leaf)
        .finalize()
        .into()
}

/// The hash of an inner node.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut node = [1; 65];
    node[1..33].copy_from_slice(left);
    node[33..].copy_from_slice(right);
    Sha256::digest(node).into()
}

/// The root of the tree without leaves: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The leaves from `start` up to and without `end`, where `start` is a multiple of the power of two
/// that is at least `end - start` (draft-ietf-plants-merkle-tree-certs, "subtrees").
///
/// Only such a range is a node of every tree that contains it, or becomes one as the tree grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subtree {
    start: u64,
    end: u64,
}

impl Subtree {
    /// `None` when the range is not a subtree. An empty range is one.
    pub fn new(start: u64, end: u64) -> Option<Self> {
        let size = end.checked_sub(start)?;
        let aligned = match size.checked_next_power_of_two() {
            Some(width) => start.is_multiple_of(width),
            None => start == 0,
        };
        aligned.then_some(Self { start, end })
    }

    /// Index of the first leaf.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// One past the index of the last leaf.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// How many leaves.
    pub fn size(&self) -> u64 {
        self.end - self.start
    }
}

/// Leaves in the left half of a tree with `size` leaves, at least two: the largest power of two below.
fn left_size(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}
