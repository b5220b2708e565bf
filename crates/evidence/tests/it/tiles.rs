use evidence::checkpoint::Checkpoint;
use evidence::key::SigningKey;
use evidence::merkle;
use evidence::merkle::NodeStore as _;
use evidence::note::NoteSigner;
use evidence::tile::Tile;
use evidence::tile::WIDTH_MAX;
use tlog_tiles::tlog::HashReader;

use crate::merkle::Log;
use crate::merkle::leaf;

fn theirs(hash: merkle::Hash) -> tlog_tiles::tlog::Hash {
    tlog_tiles::tlog::Hash(hash)
}

/// Our log, read by the independent implementation through its own numbering of nodes.
struct Theirs<'a>(&'a Log);

impl HashReader for Theirs<'_> {
    fn read_hashes(
        &self,
        indexes: &[u64],
    ) -> Result<Vec<tlog_tiles::tlog::Hash>, tlog_tiles::tlog::Error> {
        let node = |index: &u64| {
            let (level, number) = tlog_tiles::tlog::split_stored_hash_index(*index);
            theirs(self.0.node(level, number).unwrap())
        };
        Ok(indexes.iter().map(node).collect())
    }
}

#[test]
fn another_implementation_computes_our_roots_and_accepts_our_inclusion_proofs() {
    let log = Log::of(300);
    for size in [1, 2, 3, 7, 8, 100, 256, 257, 300] {
        let root = theirs(merkle::root_at(&log, size).unwrap());
        assert_eq!(
            tlog_tiles::tlog::tree_hash(size, &Theirs(&log)).unwrap(),
            root
        );
        for index in [0, size / 2, size - 1] {
            let ours = merkle::inclusion_proof(&log, index, size).unwrap();
            let ours = ours.into_iter().map(theirs).collect::<Vec<_>>();
            let record = tlog_tiles::tlog::record_hash(&leaf(index));
            tlog_tiles::tlog::check_record(&ours, size, root, index, record).unwrap();
        }
        for old in [1, size / 2, size] {
            if old == 0 {
                continue;
            }
            let ours = merkle::consistency_proof(&log, old, size).unwrap();
            let ours = ours.into_iter().map(theirs).collect::<Vec<_>>();
            let old_root = theirs(merkle::root_at(&log, old).unwrap());
            tlog_tiles::tlog::check_tree(&ours, size, root, old, old_root).unwrap();
        }
    }
}

#[test]
fn our_tiles_are_those_of_another_implementation() {
    let log = Log::of(70_000);
    for (old, new) in [
        (0, 1),
        (0, 256),
        (5, 257),
        (256, 65_536),
        (0, 70_000),
        (69_999, 70_000),
    ] {
        let ours = Tile::added(old, new);
        let theirs = tlog_tiles::tile::Tile::new_tiles(8, old, new);
        assert_eq!(ours.len(), theirs.len(), "{old} to {new}");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            // Their path also names the height of tiles, which C2SP tlog-tiles fixes at 8.
            assert_eq!(ours.path(), theirs.path().replacen("tile/8/", "tile/", 1));
            assert_eq!(
                ours.bytes(&log).unwrap(),
                theirs.read_data(&Theirs(&log)).unwrap()
            );
        }
    }
    assert_eq!(WIDTH_MAX, 1 << 8);
}

#[test]
fn checkpoints_are_read_by_another_implementation_and_theirs_by_us() {
    let log = Log::of(70);
    let root = log.root();
    let signer = NoteSigner::new("zone.example", SigningKey::from_seed([5; 32])).unwrap();
    let ours = Checkpoint {
        origin: "zone.example".to_owned(),
        size: 70,
        root,
    };
    let note = ours.sign(&signer).unwrap();

    let text = signer.verifier().open(&note).unwrap();
    let read = tlog_tiles::checkpoint::Checkpoint::from_bytes(text.as_bytes()).unwrap();
    assert_eq!((read.origin(), read.size()), ("zone.example", 70));
    assert_eq!(read.hash(), &theirs(root));

    for extension in ["", "an extension\n"] {
        let made =
            tlog_tiles::checkpoint::Checkpoint::new("zone.example", 70, theirs(root), extension);
        let text = String::from_utf8(made.unwrap().to_bytes()).unwrap();
        let note = signer.sign(&text).unwrap();
        assert_eq!(Checkpoint::open(&note, signer.verifier()), Ok(ours.clone()));
    }
}
