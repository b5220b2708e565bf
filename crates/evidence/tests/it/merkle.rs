use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use data_encoding::BASE64;
use data_encoding::HEXLOWER;
use evidence::checkpoint::Checkpoint;
use evidence::digest::Digest;
use evidence::key::SigningKey;
use evidence::merkle;
use evidence::merkle::Frontier;
use evidence::merkle::Hash;
use evidence::merkle::NodeStore;
use evidence::merkle::Subtree;
use evidence::note::NoteSigner;
use proptest::prelude::*;
use serde_json::Value;

fn testdata(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "testdata", name]
        .iter()
        .collect()
}

/// A log in memory that counts how often it is read.
#[derive(Default)]
pub(crate) struct Log {
    frontier: Frontier,
    nodes: BTreeMap<(u8, u64), Hash>,
    reads: std::cell::Cell<usize>,
}

impl Log {
    pub(crate) fn of(size: u64) -> Self {
        let mut log = Self::default();
        (0..size).for_each(|index| log.append(&leaf(index)));
        log
    }

    pub(crate) fn append(&mut self, leaf: &[u8]) {
        let nodes = &mut self.nodes;
        self.frontier
            .append(merkle::leaf_hash(leaf), |level, index, hash| {
                assert!(nodes.insert((level, index), hash).is_none());
            });
    }

    pub(crate) fn root(&self) -> Hash {
        self.frontier.root()
    }
}

impl NodeStore for Log {
    type Error = Infallible;

    fn node(&self, level: u8, index: u64) -> Result<Hash, Infallible> {
        self.reads.set(self.reads.get() + 1);
        Ok(self.nodes[&(level, index)])
    }
}

pub(crate) fn leaf(index: u64) -> Vec<u8> {
    format!("leaf {index}").into_bytes()
}

/// The definition of RFC 9162 section 2.1.1, word for word.
fn naive_root(leaves: &[Vec<u8>]) -> Hash {
    match leaves {
        [] => *Digest::raw(b"").as_bytes(),
        [leaf] => *Digest::raw(&[&[0], leaf.as_slice()].concat()).as_bytes(),
        _ => {
            let middle = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(middle);
            let node = [&[1], naive_root(left).as_slice(), &naive_root(right)].concat();
            *Digest::raw(&node).as_bytes()
        }
    }
}

fn json_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => json_files(&path, found),
            false => found.push(path),
        }
    }
}

/// A hash; none where the text is empty. Some vectors use short stand-ins for hashes, of which
/// only matters whether they are equal.
fn hash(text: &Value) -> Option<Hash> {
    let bytes = BASE64.decode(text.as_str()?.as_bytes()).unwrap();
    let stand_in = *Digest::raw(&[b"stand-in", bytes.as_slice()].concat()).as_bytes();
    (!bytes.is_empty()).then(|| bytes.try_into().unwrap_or(stand_in))
}

fn holds(kind: &str, vector: &Value) -> Option<()> {
    let number = |name: &str| vector[name].as_u64().unwrap();
    let root = |name: &str| hash(&vector[name]);
    let proof = vector["proof"].as_array().into_iter().flatten().map(hash);
    let proof = proof.collect::<Option<Vec<Hash>>>()?;
    let subtree = || Subtree::new(number("start"), number("end"));
    let verified = match kind {
        "inclusion" => {
            let (leaf, index, size) = (root("leafHash")?, number("leafIdx"), number("treeSize"));
            merkle::verify_inclusion(&leaf, index, size, &proof, &root("root")?)
        }
        "consistency" => {
            let (old, new) = (number("size1"), number("size2"));
            merkle::verify_consistency(old, new, &proof, &root("root1")?, &root("root2")?)
        }
        "subtreeinclusion" => {
            let (leaf, index) = (root("leafHash")?, number("leafIdx"));
            merkle::verify_subtree_inclusion(&leaf, index, subtree()?, &proof, &root("root")?)
        }
        "subtreeconsistency" => {
            let (old, new, size) = (root("root1")?, root("root2")?, number("size"));
            merkle::verify_subtree_consistency(subtree()?, size, &proof, &old, &new)
        }
        _ => panic!("unknown kind {kind}"),
    };
    verified.ok()
}

#[test]
fn published_proofs_are_accepted_when_happy_and_refused_when_hostile() {
    let mut counts = Vec::new();
    for kind in [
        "inclusion",
        "consistency",
        "subtreeinclusion",
        "subtreeconsistency",
    ] {
        let mut files = Vec::new();
        json_files(&testdata("tlog-merkle/testdata").join(kind), &mut files);
        let mut accepted = 0;
        for path in &files {
            let vector: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
            let happy = vector["wantErr"] == false;
            assert_eq!(holds(kind, &vector).is_some(), happy, "{}", path.display());
            accepted += usize::from(happy);
        }
        counts.push((files.len(), accepted));
    }
    assert_eq!(counts, [(98, 6), (98, 6), (204, 12), (118, 12)]);
}

fn mountain_range() -> Value {
    serde_json::from_slice(&fs::read(testdata("mez/03_mmr.json")).unwrap()).unwrap()
}

fn hex(text: &Value) -> Hash {
    HEXLOWER
        .decode(text.as_str().unwrap().as_bytes())
        .unwrap()
        .try_into()
        .unwrap()
}

#[test]
fn mountain_range_roots_are_the_roots_of_this_tree() {
    let vectors = mountain_range();
    let receipts: Vec<Hash> = vectors["next_roots"]["hex"]
        .as_array()
        .unwrap()
        .iter()
        .map(hex)
        .collect();
    let mut frontier = Frontier::new();
    let roots = vectors["roots"].as_array().unwrap();
    for (row, receipt) in roots.iter().zip(&receipts) {
        frontier.append(merkle::leaf_hash(receipt), |_, _, _| {});
        assert_eq!(frontier.size(), row["size"].as_u64().unwrap());
        assert_eq!(frontier.root(), hex(&row["root"]));
        let peaks: Vec<Hash> = row["peaks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|peak| hex(&peak["hash"]))
            .collect();
        assert_eq!(frontier.peaks(), peaks);
    }
    assert_eq!(roots.len(), 17);
}

/// A mountain-range proof as this tree has it: the path within the peak, the bag of the peaks to
/// the right, then the peaks to the left.
fn path_of(proof: &Value) -> Vec<Hash> {
    let mut path: Vec<Hash> = proof["path"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| hex(&step["hash"]))
        .collect();
    let peaks: Vec<Hash> = proof["peaks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|peak| hex(&peak["hash"]))
        .collect();
    let own = proof["peak_index"].as_u64().unwrap() as usize;
    let bag = peaks[own + 1..].iter().rev().copied();
    path.extend(bag.reduce(|bag, peak| merkle::node_hash(&peak, &bag)));
    path.extend(peaks[..own].iter().rev());
    path
}

fn verify_mountain_range(proof: &Value) -> Result<(), merkle::ProofError> {
    let number = |name: &str| proof[name].as_u64().unwrap();
    let (leaf, root) = (
        merkle::leaf_hash(&hex(&proof["receipt_next_root"])),
        hex(&proof["root"]),
    );
    merkle::verify_inclusion(
        &leaf,
        number("leaf_index"),
        number("size"),
        &path_of(proof),
        &root,
    )
}

#[test]
fn mountain_range_proofs_hold_and_the_forged_index_is_refused() {
    let vectors = mountain_range();
    for proof in vectors["DERIVED_full_proofs"].as_array().unwrap() {
        assert_eq!(verify_mountain_range(proof), Ok(()));
    }
    let forged = &vectors["DERIVED_forgeries_reference_accepts"][0]["proof"];
    assert_eq!(
        verify_mountain_range(forged),
        Err(merkle::ProofError::RootMismatch)
    );
}

/// The second forgery passes the root of four leaves off as that of three. No path can show the
/// lie, since a root does not contain its size; the signature over size and root does.
#[test]
fn the_forged_size_is_refused_because_the_checkpoint_signs_size_and_root() {
    let vectors = mountain_range();
    let forged = &vectors["DERIVED_forgeries_reference_accepts"][1]["proof"];
    let (size, root) = (forged["size"].as_u64().unwrap(), hex(&forged["root"]));
    let signer = NoteSigner::new("log", SigningKey::from_seed([5; 32])).unwrap();
    let honest = Checkpoint {
        origin: "log".to_owned(),
        size: 4,
        root,
    };
    let note = honest.sign(&signer).unwrap();
    assert_eq!(size, 3);
    let altered = note.replace("\n4\n", "\n3\n");
    assert!(Checkpoint::open(&altered, signer.verifier()).is_err());

    // Nor does the true tree of three leaves grow into the forged one, or the forged into the true.
    let three = hex(&vectors["roots"][2]["root"]);
    let receipts = vectors["next_roots"]["hex"].as_array().unwrap();
    let mut log = Log::default();
    receipts
        .iter()
        .take(4)
        .for_each(|receipt| log.append(&hex(receipt)));
    let proof = merkle::consistency_proof(&log, 3, 4).unwrap();
    assert_eq!(
        merkle::verify_consistency(3, 4, &proof, &three, &root),
        Ok(())
    );
    assert!(merkle::verify_consistency(3, 4, &proof, &root, &root).is_err());
}

#[test]
fn roots_and_proofs_follow_the_definition_at_every_size() {
    const SIZE: u64 = 33;
    let log = Log::of(SIZE);
    let leaves: Vec<_> = (0..SIZE).map(leaf).collect();
    for size in 0..=SIZE {
        let root = naive_root(&leaves[..size as usize]);
        assert_eq!(merkle::root_at(&log, size).unwrap(), root);
        let frontier = Frontier::from_store(size, &log).unwrap();
        assert_eq!(frontier.root(), root);
        assert_eq!(
            Frontier::from_peaks(size, frontier.peaks().to_vec()),
            Ok(frontier)
        );
        for index in 0..size {
            let proof = merkle::inclusion_proof(&log, index, size).unwrap();
            let hash = merkle::leaf_hash(&leaves[index as usize]);
            assert_eq!(
                merkle::verify_inclusion(&hash, index, size, &proof, &root),
                Ok(())
            );
            for other in (0..size).filter(|other| *other != index) {
                assert!(merkle::verify_inclusion(&hash, other, size, &proof, &root).is_err());
            }
        }
        for old in 1..=size {
            let old_root = naive_root(&leaves[..old as usize]);
            let proof = merkle::consistency_proof(&log, old, size).unwrap();
            assert_eq!(
                merkle::verify_consistency(old, size, &proof, &old_root, &root),
                Ok(())
            );
        }
        assert!(merkle::inclusion_proof(&log, size, size).is_err());
        assert!(merkle::consistency_proof(&log, 0, size).is_err());
        assert!(merkle::consistency_proof(&log, size + 1, size).is_err());
    }
}

#[test]
fn every_subtree_is_shown_to_be_in_every_tree_around_it() {
    const SIZE: u64 = 21;
    let log = Log::of(SIZE);
    let leaves: Vec<_> = (0..SIZE).map(leaf).collect();
    for (start, end) in (0..SIZE).flat_map(|start| (start..=SIZE).map(move |end| (start, end))) {
        let Some(subtree) = Subtree::new(start, end) else {
            continue;
        };
        let root = naive_root(&leaves[start as usize..end as usize]);
        assert_eq!(merkle::subtree_root(&log, subtree).unwrap(), root);
        for index in start..end {
            let proof = merkle::subtree_inclusion_proof(&log, index, subtree).unwrap();
            let hash = merkle::leaf_hash(&leaves[index as usize]);
            let verified = merkle::verify_subtree_inclusion(&hash, index, subtree, &proof, &root);
            assert_eq!(verified, Ok(()));
        }
        for size in end..=SIZE {
            let tree = naive_root(&leaves[..size as usize]);
            let proof = merkle::subtree_consistency_proof(&log, subtree, size).unwrap();
            let verified = merkle::verify_subtree_consistency(subtree, size, &proof, &root, &tree);
            assert_eq!(verified, Ok(()), "{start}..{end} in {size}");
        }
    }
}

#[test]
fn an_append_and_a_proof_touch_as_many_nodes_as_the_tree_is_high() {
    let mut frontier = Frontier::new();
    let mut told = 0;
    (0..1 << 16).for_each(|_| frontier.append([7; 32], |_, _, _| told += 1));
    assert_eq!(told, (1 << 17) - 1);
    assert_eq!(frontier.peaks().len(), 1);

    let log = Log::of(5000);
    for (index, size) in [(0, 4097), (4999, 5000), (1234, 4999), (0, 5000)] {
        log.reads.set(0);
        merkle::inclusion_proof(&log, index, size).unwrap();
        merkle::consistency_proof(&log, index + 1, size).unwrap();
        assert!(log.reads.get() <= 4 * 13, "{} reads", log.reads.get());
    }
}

proptest! {
    #[test]
    fn a_damaged_proof_is_refused(size in 2u64..500, index: prop::sample::Index, at: prop::sample::Index, bit in 0usize..256, change in 0..5) {
        let log = Log::of(size);
        let index = index.index(size as usize) as u64;
        let (mut size, mut root) = (size, log.root());
        let mut hash = merkle::leaf_hash(&leaf(index));
        let mut proof = merkle::inclusion_proof(&log, index, size).unwrap();
        let at = at.index(proof.len());
        match change {
            0 => proof[at][bit / 8] ^= 1 << (bit % 8),
            1 => { proof.remove(at); }
            2 => proof.insert(at, [0; 32]),
            3 => hash[bit / 8] ^= 1 << (bit % 8),
            _ => root[bit / 8] ^= 1 << (bit % 8),
        }
        prop_assert!(merkle::verify_inclusion(&hash, index, size, &proof, &root).is_err());
        size = index;
        prop_assert!(merkle::verify_inclusion(&hash, index, size, &proof, &root).is_err());
    }

    #[test]
    fn a_rewritten_history_is_never_consistent(size in 2u64..300, rewritten: prop::sample::Index, old: prop::sample::Index) {
        let rewritten = rewritten.index(size as usize) as u64;
        let old = old.index(size as usize) as u64 + 1;
        prop_assume!(rewritten < old);
        let honest = Log::of(size);
        let mut forged = Log::default();
        (0..size).for_each(|index| match index == rewritten {
            true => forged.append(b"forged"),
            false => forged.append(&leaf(index)),
        });
        let old_root = merkle::root_at(&honest, old).unwrap();
        for log in [&honest, &forged] {
            let proof = merkle::consistency_proof(log, old, size).unwrap();
            prop_assert!(merkle::verify_consistency(old, size, &proof, &old_root, &forged.root()).is_err());
        }
    }
}
