//! Files: backup, restore, the lock, corrupt rows, archives.

use std::path::Path;

use evidence::checkpoint::Checkpoint;
use journal::{
    Append, Expected, Journal, LogIndex, NewEvent, Privacy, ReadError, Transaction, archive,
    conformance::{Fixture, ORIGIN, Subject},
    engine::{Engine, Snapshots as _},
    error::{Corruption, EngineError, Fault},
    fsck::{self, Damage},
};
use journal_sqlite::{BackupError, SqliteEngine, SqliteSnapshots, backup, restore};
use tempfile::TempDir;

struct File(TempDir);

impl Subject for File {
    fn open(&self) -> Result<Box<dyn Engine>, EngineError> {
        Ok(Box::new(SqliteEngine::open(self.path("journal.db"))?))
    }
}

impl File {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn execute(&self, sql: &str) {
        let db = rusqlite::Connection::open(self.path("journal.db")).unwrap();
        db.pragma_update(None, "ignore_check_constraints", true)
            .unwrap();
        db.execute_batch(sql).unwrap();
    }
}

fn append(journal: &Journal, stream: &str, n: u64) {
    let mut transaction = Transaction::new(1, "did:example:files");
    let personal = stream.starts_with("personal/");
    transaction.appends.push(Append {
        stream: stream.parse().unwrap(),
        privacy: if personal {
            Privacy::Personal
        } else {
            Privacy::Public
        },
        expected: Expected::Any,
        events: vec![NewEvent {
            kind: "note.put.v1".parse().unwrap(),
            payload: format!("{stream}.{n}={n}").into_bytes(),
        }],
    });
    journal.commit_blocking(transaction).unwrap();
}

fn fill(journal: &Journal) {
    for n in 0..30 {
        append(journal, ["s/a", "s/b", "personal/p"][n as usize % 3], n);
    }
}

fn fsck_file(path: &Path, expected: Option<&Checkpoint>) -> fsck::Report {
    let snapshots = SqliteSnapshots::open(path).unwrap();
    let rows = snapshots.snapshot().unwrap();
    let file = File::new();
    let verifier = Fixture::new(&file).verifier();
    fsck::check(&fsck::Rows(&*rows), &verifier, expected, |_, _| {})
}

#[test]
fn a_backup_taken_while_writing_is_whole_and_restores() {
    let file = File::new();
    let journal = Fixture::new(&file).open();
    fill(&journal);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| (0..100).for_each(|n| append(&journal, "s/more", n)));
        backup(file.path("journal.db"), file.path("backup.db"), |_, _| {}).unwrap();
        writer.join().unwrap();
    });
    let report = fsck_file(&file.path("backup.db"), None);
    assert!(report.events >= 30);
    assert_eq!(report.findings, []);

    let other = File::new();
    restore(file.path("backup.db"), other.path("journal.db"), |_, _| {}).unwrap();
    let restored = Fixture::new(&other).open();
    assert_eq!(restored.reader().size().unwrap(), report.events);
    append(&restored, "s/after", 0);
    assert!(matches!(
        restore(file.path("backup.db"), other.path("journal.db"), |_, _| {}),
        Err(BackupError::TargetExists { .. })
    ));
    drop(restored);
    assert_eq!(fsck_file(&other.path("journal.db"), None).findings, []);
}

#[test]
fn what_is_no_journal_is_neither_opened_nor_restored() {
    let file = File::new();
    let foreign = file.path("foreign.db");
    rusqlite::Connection::open(&foreign)
        .unwrap()
        .execute_batch("CREATE TABLE t (x)")
        .unwrap();
    assert!(SqliteEngine::open(&foreign).is_err());
    assert!(restore(&foreign, file.path("target.db"), |_, _| {}).is_err());
    assert!(!file.path("target.db").exists());
    assert!(!file.path("target.db.partial").exists());
}

#[test]
fn a_second_writer_is_refused() {
    let file = File::new();
    let _engine = file.open().unwrap();
    match file.open() {
        Err(error) => assert_eq!(error.fault, Fault::Busy),
        Ok(_) => panic!("two writers"),
    }
}

#[test]
fn a_corrupt_row_is_named_and_never_served() {
    for (sql, what) in [
        (
            "UPDATE events SET payload = X'00' WHERE idx = 7",
            Corruption::PayloadDigest,
        ),
        (
            "UPDATE events SET header = X'7B7D' WHERE idx = 7",
            Corruption::HeaderDigest,
        ),
        (
            "UPDATE events SET digest = zeroblob(32) WHERE idx = 7",
            Corruption::HeaderDigest,
        ),
    ] {
        let file = File::new();
        let journal = Fixture::new(&file).open();
        fill(&journal);
        file.execute(sql);
        match journal.reader().events(LogIndex(0), 100) {
            Err(ReadError::CorruptEvent {
                stream,
                seq,
                index,
                what: found,
            }) => {
                assert_eq!((stream.as_str(), seq.get(), index.0), ("s/b", 3, 7));
                assert_eq!(found, what);
            }
            other => panic!("{other:?}"),
        }
        drop(journal);
        let findings = fsck_file(&file.path("journal.db"), None).findings;
        assert!(
            findings.iter().any(|finding| matches!(
                finding,
                Damage::EventCorrupt { index: LogIndex(7), what: found, .. } if *found == what
            )),
            "{findings:?}"
        );
    }
}

#[test]
fn fsck_names_nodes_heads_and_checkpoints() {
    let key = Fixture::new(&File::new()).verifier();
    assert_eq!(key.name(), ORIGIN);
    for (sql, expected) in [
        (
            "UPDATE nodes SET hash = zeroblob(32) WHERE level = 2 AND idx = 3",
            Damage::NodeWrong { level: 2, index: 3 },
        ),
        (
            "DELETE FROM nodes WHERE level = 1 AND idx = 0",
            Damage::NodeMissing { level: 1, index: 0 },
        ),
        (
            "INSERT INTO nodes VALUES (1, 15, zeroblob(32))",
            Damage::NodeUnexpected {
                level: 1,
                index: 15,
            },
        ),
        (
            "UPDATE checkpoints SET note = note || 'x' WHERE size = 9",
            Damage::CheckpointRefused { size: 9 },
        ),
        (
            "DELETE FROM checkpoints WHERE size = 30",
            Damage::HeadUncovered { events: 30 },
        ),
        (
            "UPDATE streams SET head_seq = 9 WHERE name = 's/a'",
            Damage::StreamHead {
                stream: "s/a".parse().unwrap(),
            },
        ),
        (
            "DELETE FROM events WHERE idx = 12",
            Damage::EventMissing {
                index: LogIndex(12),
            },
        ),
        (
            "DELETE FROM events WHERE idx = 29",
            Damage::CheckpointBeyond {
                size: 30,
                events: 29,
            },
        ),
    ] {
        let file = File::new();
        fill(&Fixture::new(&file).open());
        file.execute(sql);
        let findings = fsck_file(&file.path("journal.db"), None).findings;
        assert!(findings.contains(&expected), "{sql}: {findings:?}");
    }
}

#[test]
fn a_tail_cut_with_its_checkpoints_is_found_by_a_checkpoint_from_outside() {
    let file = File::new();
    let fixture = Fixture::new(&file);
    let journal = fixture.open();
    fill(&journal);
    let note = journal.reader().checkpoint().unwrap().unwrap().note;
    let outside = Checkpoint::open(&note, &fixture.verifier()).unwrap();
    drop(journal);
    file.execute(
        "PRAGMA foreign_keys = OFF; DELETE FROM events WHERE idx = 29;
         DELETE FROM checkpoints WHERE size = 30; DELETE FROM nodes WHERE level = 1 AND idx = 14;
         UPDATE streams SET head_seq = 9, head_digest =
             (SELECT digest FROM events WHERE idx = 26) WHERE name = 'personal/p'",
    );
    let path = file.path("journal.db");
    assert_eq!(fsck_file(&path, None).findings, []);
    assert_eq!(
        fsck_file(&path, Some(&outside)).findings,
        [Damage::ExpectedCheckpoint { size: 30 }]
    );
}

#[test]
fn every_changed_byte_of_an_archive_is_found() {
    let file = File::new();
    let fixture = Fixture::new(&file);
    let journal = fixture.open();
    fill(&journal);
    let mut shred = Transaction::new(2, "did:example:files");
    shred.shred.push("personal/p".parse().unwrap());
    journal.commit_blocking(shred).unwrap();
    let mut bytes = Vec::new();
    journal
        .reader()
        .with_rows(|rows| archive::export(rows, ORIGIN, &mut bytes, |_, _| {}))
        .unwrap();
    let verifier = fixture.verifier();
    let check = |bytes: &[u8]| {
        archive::check(bytes, &verifier, None, |_, _| {})
            .unwrap()
            .findings
    };
    assert_eq!(check(&bytes), []);
    // A prime step visits every kind of line and every place within one.
    for at in (0..bytes.len()).step_by(37) {
        let mut changed = bytes.clone();
        changed[at] ^= 1 << (at % 8);
        assert_ne!(check(&changed), [], "flip at {at}");
        assert_ne!(check(&bytes[..at]), [], "cut at {at}");
    }
    let mut longer = bytes.clone();
    longer.push(b'\n');
    assert_ne!(check(&longer), []);
}
