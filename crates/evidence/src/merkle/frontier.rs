//! The growing edge of the log.

use thiserror::Error;

use super::Hash;
use super::NodeStore;
use super::empty_root;
use super::node_hash;

/// The peaks of a tree: all that appending and the current root need.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    /// Roots of the complete subtrees, largest first; one for each set bit of `size`.
    peaks: Vec<Hash>,
}

/// Peaks do not belong to a tree of the size they came with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a tree of {size} leaves has {expected} peaks, not {actual}")]
pub struct FrontierError {
    /// Leaves in the tree.
    pub size: u64,
    /// Peaks of a tree of that size.
    pub expected: usize,
    /// Peaks given.
    pub actual: usize,
}

impl Frontier {
    /// The edge of the tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// The edge of a tree whose peaks were kept, largest first.
    pub fn from_peaks(size: u64, peaks: Vec<Hash>) -> Result<Self, FrontierError> {
        let expected = size.count_ones() as usize;
        if peaks.len() != expected {
            return Err(FrontierError {
                size,
                expected,
                actual: peaks.len(),
            });
        }
        Ok(Self { size, peaks })
    }

    /// The edge of a tree whose nodes were kept.
    pub fn from_store<S: NodeStore + ?Sized>(size: u64, store: &S) -> Result<Self, S::Error> {
        let mut peaks = Vec::new();
        for level in (0..u64::BITS).rev().filter(|level| size >> level & 1 == 1) {
            peaks.push(store.node(level as u8, (size >> level) - 1)?);
        }
        Ok(Self { size, peaks })
    }

    /// Adds a leaf. `sink(level, index, hash)` is told every node that became complete, the leaf
    /// (level 0) first: what a [`NodeStore`] must be able to return.
    pub fn append(&mut self, leaf_hash: Hash, mut sink: impl FnMut(u8, u64, Hash)) {
        let mut hash = leaf_hash;
        let mut index = self.size;
        let mut level = 0;
        sink(level, index, hash);
        while index & 1 == 1 {
            let left = self
                .peaks
                .pop()
                .expect("a set bit of the size has its peak");
            hash = node_hash(&left, &hash);
            index >>= 1;
            level += 1;
            sink(level, index, hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Roots of the complete subtrees, largest first.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// The root of the tree as it stands.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => empty_root(),
            Some(&last) => peaks.fold(last, |right, left| node_hash(left, &right)),
        }
    }
}
