//! The Merkle log against ckb-merkle-mountain-range, both over plain vectors and both with the hashes of RFC 9162, so that
//! the two make the same roots.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::hint::black_box;
use std::time::Duration;

use anyhow::{Result, ensure};
use ckb_merkle_mountain_range::{
    MMR, MMRStoreReadOps, MMRStoreWriteOps, Merge, MerkleProof, leaf_index_to_pos,
};
use evidence::merkle::{
    Frontier, Hash, NodeStore, inclusion_proof, leaf_hash, node_hash, verify_inclusion,
};

use crate::measure::{Clock, Row, Title, compare, repeat};
use crate::sample::Numbers;

const SLICE: Duration = Duration::from_millis(100);
const RIVAL: &str = "ckb-merkle-mountain-range 0.6.1";
const LEAVES: u64 = 1_000_000;
/// Leaves of one append slice: large enough that starting from nothing does not count.
const APPENDED: u64 = 1 << 18;
const LEAF_BYTES: usize = 64;

/// Appends, proofs and their verification.
pub fn run() -> Result<Vec<Row>> {
    let ours = Ours::grown(LEAVES);
    let theirs = Theirs::grown(LEAVES)?;
    let root = ours.frontier.root();
    ensure!(theirs.mmr().get_root()? == root, "the two roots differ");
    Ok(vec![
        appends()?,
        proofs(&ours, &theirs)?,
        verifications(&ours, &theirs, root)?,
    ])
}

fn title(case: &'static str, unit: &'static str) -> Title<'static> {
    Title {
        topic: "log",
        case,
        rival: RIVAL,
        unit,
        clock: Clock::Cpu,
    }
}

fn appends() -> Result<Row> {
    compare(
        title("append, leaf hash and stored nodes included", "leaves"),
        || {
            repeat(SLICE, || {
                black_box(Ours::grown(APPENDED));
                Ok(APPENDED as f64)
            })
        },
        || {
            repeat(SLICE, || {
                black_box(Theirs::grown(APPENDED)?);
                Ok(APPENDED as f64)
            })
        },
    )
}

fn proofs(ours: &Ours, theirs: &Theirs) -> Result<Row> {
    let (mut a, mut b) = (Numbers::new(7), Numbers::new(7));
    let mmr = theirs.mmr();
    compare(
        title("inclusion proof in a million leaves", "proofs"),
        || {
            repeat(SLICE, || {
                let index = a.below(LEAVES);
                black_box(inclusion_proof(ours, index, LEAVES)?);
                Ok(1.0)
            })
        },
        || {
            repeat(SLICE, || {
                let position = leaf_index_to_pos(b.below(LEAVES));
                black_box(mmr.gen_proof(vec![position])?);
                Ok(1.0)
            })
        },
    )
}

fn verifications(ours: &Ours, theirs: &Theirs, root: Hash) -> Result<Row> {
    let mut numbers = Numbers::new(9);
    let indexes: Vec<u64> = (0..1_000).map(|_| numbers.below(LEAVES)).collect();
    let mmr = theirs.mmr();
    let (mut our_proofs, mut their_proofs) = (Vec::new(), Vec::new());
    for &index in &indexes {
        let leaf = leaf_hash(&leaf(index));
        let position = leaf_index_to_pos(index);
        our_proofs.push((index, leaf, inclusion_proof(ours, index, LEAVES)?));
        their_proofs.push((position, leaf, mmr.gen_proof(vec![position])?));
    }
    let count = indexes.len() as f64;
    compare(
        title(
            "verification of an inclusion proof in a million leaves",
            "proofs",
        ),
        || {
            repeat(SLICE, || {
                for (index, leaf, proof) in &our_proofs {
                    verify_inclusion(leaf, *index, LEAVES, proof, &root)?;
                }
                Ok(count)
            })
        },
        || {
            repeat(SLICE, || {
                for (position, leaf, proof) in &their_proofs {
                    let proof: &MerkleProof<Hash, Sha256Nodes> = proof;
                    ensure!(
                        proof.verify(root, vec![(*position, *leaf)])?,
                        "their proof fails"
                    );
                }
                Ok(count)
            })
        },
    )
}

fn leaf(index: u64) -> [u8; LEAF_BYTES] {
    let mut leaf = [0x5a; LEAF_BYTES];
    leaf[..8].copy_from_slice(&index.to_be_bytes());
    leaf
}

/// Our log over one vector of nodes for each level.
struct Ours {
    frontier: Frontier,
    levels: Vec<Vec<Hash>>,
}

impl Ours {
    fn grown(leaves: u64) -> Self {
        let mut log = Self {
            frontier: Frontier::new(),
            levels: vec![Vec::new(); 64],
        };
        for index in 0..leaves {
            let levels = &mut log.levels;
            let store = |level: u8, _: u64, hash: Hash| levels[usize::from(level)].push(hash);
            log.frontier.append(leaf_hash(&leaf(index)), store);
        }
        log
    }
}

impl NodeStore for Ours {
    type Error = Infallible;

    fn node(&self, level: u8, index: u64) -> Result<Hash, Infallible> {
        Ok(self.levels[usize::from(level)][index as usize])
    }
}

/// Their mountain range over one vector of nodes, the fastest store it can have.
struct Theirs {
    nodes: Nodes,
    size: Cell<u64>,
}

#[derive(Default)]
struct Nodes(RefCell<Vec<Hash>>);

impl Theirs {
    fn grown(leaves: u64) -> Result<Self> {
        let log = Self {
            nodes: Nodes::default(),
            size: Cell::new(0),
        };
        let mut mmr = log.mmr();
        for index in 0..leaves {
            mmr.push(leaf_hash(&leaf(index)))?;
            // Its batch is searched from the end, so an uncommitted batch only slows it down.
            mmr.commit()?;
        }
        log.size.set(mmr.mmr_size());
        Ok(log)
    }

    fn mmr(&self) -> MMR<Hash, Sha256Nodes, &Nodes> {
        MMR::new(self.size.get(), &self.nodes)
    }
}

impl MMRStoreReadOps<Hash> for &Nodes {
    fn get_elem(&self, position: u64) -> ckb_merkle_mountain_range::Result<Option<Hash>> {
        Ok(self.0.borrow().get(position as usize).copied())
    }
}

impl MMRStoreWriteOps<Hash> for &Nodes {
    fn append(&mut self, _: u64, hashes: Vec<Hash>) -> ckb_merkle_mountain_range::Result<()> {
        self.0.borrow_mut().extend(hashes);
        Ok(())
    }
}

/// RFC 9162 nodes, with peaks folded the same way round.
struct Sha256Nodes;

impl Merge for Sha256Nodes {
    type Item = Hash;

    fn merge(left: &Hash, right: &Hash) -> ckb_merkle_mountain_range::Result<Hash> {
        Ok(node_hash(left, right))
    }

    fn merge_peaks(right: &Hash, left: &Hash) -> ckb_merkle_mountain_range::Result<Hash> {
        Ok(node_hash(left, right))
    }
}
