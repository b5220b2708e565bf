//! fsck finds every changed byte and names its record, and finds nothing where nothing changed.
//!
//! Mutations go through SQL into a real file, with its constraints off, as an attacker with the
//! file would make them. `cargo test --release -p journal-sqlite --test it fsck` does all 10,000.

use std::path::Path;

use journal::fsck::Damage;
use journal_sqlite::SqliteSnapshots;
use rusqlite::{Connection, params, types::Value};
use tempfile::TempDir;

use crate::history::{self, Random};

const SEED: u64 = 2_026;
const STREAMS: usize = 6;
const TRANSACTIONS: usize = 12;
const MUTATIONS: usize = 10_000;
const CLEAN_RUNS: usize = 1_000;

/// Columns of published bytes, and the columns that tell their row.
const COLUMNS: [(&str, &str, &str); 10] = [
    ("events", "idx", "digest"),
    ("events", "idx", "header"),
    ("events", "idx", "payload"),
    ("events", "idx", "seq"),
    ("events", "idx", "stream"),
    ("nodes", "(level || '/' || idx)", "hash"),
    ("checkpoints", "size", "note"),
    ("streams", "name", "head_digest"),
    ("streams", "name", "head_seq"),
    ("streams", "name", "shredded"),
];

/// A journal with public, personal and shredded streams, and several checkpoints.
fn journal() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let journal = history::open(directory.path(), SEED);
    let mut random = Random(SEED);
    for _ in 0..TRANSACTIONS {
        journal
            .commit_blocking(history::transaction(&mut random, STREAMS))
            .unwrap();
    }
    let mut shredding = history::transaction(&mut random, 1);
    shredding.shred.push(history::stream(1).0);
    journal.commit_blocking(shredding).unwrap();
    journal.shutdown();
    directory
}

/// The file, open for tampering.
fn tamper(directory: &Path) -> Connection {
    let db = Connection::open(directory.join("journal.sqlite")).unwrap();
    db.execute_batch(
        "PRAGMA synchronous = OFF; PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF;",
    )
    .unwrap();
    db
}

/// One value of one row.
struct Place {
    table: &'static str,
    key: &'static str,
    column: &'static str,
    row: Value,
}

impl Place {
    fn random(db: &Connection, random: &mut Random) -> Self {
        let &(table, key, column) = random.choose(&COLUMNS);
        let rows: Vec<Value> = db
            .prepare_cached(&format!("SELECT {key} FROM {table} ORDER BY 1"))
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        Self {
            table,
            key,
            column,
            row: random.choose(&rows).clone(),
        }
    }

    fn read(&self, db: &Connection) -> Value {
        let Self {
            table,
            key,
            column,
            row,
        } = self;
        let sql = format!("SELECT {column} FROM {table} WHERE {key} = ?1");
        db.prepare_cached(&sql)
            .unwrap()
            .query_row([row], |found| found.get(0))
            .unwrap()
    }

    /// Writes the value, unless it would be refused by a unique index, which even a forger needs.
    fn write(&self, db: &Connection, value: &Value) -> bool {
        let Self {
            table,
            key,
            column,
            row,
        } = self;
        // Text that is no text any more goes in as bytes and is stored as text.
        let given = if *column == "note" {
            "CAST(?2 AS TEXT)"
        } else {
            "?2"
        };
        let sql = format!("UPDATE {table} SET {column} = {given} WHERE {key} = ?1");
        match db
            .prepare_cached(&sql)
            .unwrap()
            .execute(params![row, value])
        {
            Ok(changed) => changed == 1,
            Err(rusqlite::Error::SqliteFailure(error, _)) => {
                assert_eq!(error.code, rusqlite::ErrorCode::ConstraintViolation);
                false
            }
            Err(error) => panic!("{sql}: {error}"),
        }
    }

    /// Whether a finding is about this row.
    fn is_named_by(&self, finding: &Damage) -> bool {
        let row = match &self.row {
            Value::Integer(n) => n.to_string(),
            Value::Text(text) => text.clone(),
            other => panic!("key {other:?}"),
        };
        let named = match finding {
            Damage::EventMissing { index }
            | Damage::EventUnreadable { index }
            | Damage::EventCorrupt { index, .. }
            | Damage::WrongSeq { index, .. }
            | Damage::BrokenLink { index, .. } => ("events", index.to_string()),
            // The last event left the log: the checkpoint says which.
            Damage::CheckpointBeyond { events, .. } => ("events", events.to_string()),
            Damage::NodeMissing { level, index }
            | Damage::NodeWrong { level, index }
            | Damage::NodeUnexpected { level, index } => ("nodes", format!("{level}/{index}")),
            Damage::CheckpointRefused { size }
            | Damage::CheckpointPlace { size, .. }
            | Damage::CheckpointRoot { size } => ("checkpoints", size.to_string()),
            Damage::StreamMissing { stream }
            | Damage::StreamUnexpected { stream }
            | Damage::StreamHead { stream }
            | Damage::StreamSealing { stream } => ("streams", stream.to_string()),
            _ => return false,
        };
        named == (self.table, row)
    }
}

/// Flips, swaps, cuts or appends in bytes; moves a number by a little or by a lot.
fn mutated(value: &Value, random: &mut Random) -> Value {
    match value {
        Value::Integer(0) if random.below(2) == 0 => Value::Integer(1),
        Value::Integer(n) => Value::Integer(n ^ (1 << random.below(8))),
        Value::Blob(bytes) => Value::Blob(mutated_bytes(bytes, random)),
        Value::Text(text) => Value::Blob(mutated_bytes(text.as_bytes(), random)),
        other => panic!("value {other:?}"),
    }
}

fn mutated_bytes(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    loop {
        let mut changed = bytes.to_vec();
        let (at, other) = (random.below(bytes.len()), random.below(bytes.len()));
        match random.below(4) {
            0 => changed[at] ^= 1 << random.below(8),
            1 => changed.swap(at, other),
            2 => drop(changed.remove(at)),
            _ => changed.insert(at, random.next() as u8),
        }
        if changed != bytes {
            return changed;
        }
    }
}

#[track_caller]
fn assert_clean(snapshots: &SqliteSnapshots) {
    assert_eq!(history::check(snapshots).findings, []);
}

#[test]
fn fsck_names_the_record_of_every_mutated_byte() {
    let directory = journal();
    let (db, snapshots) = (
        tamper(directory.path()),
        history::snapshots(directory.path()),
    );
    assert_clean(&snapshots);
    let mut random = Random(SEED + 1);
    let (mut done, mut unnamed) = (0, Vec::new());
    while done < history::repeated(MUTATIONS) {
        let place = Place::random(&db, &mut random);
        let before = place.read(&db);
        let after = mutated(&before, &mut random);
        if !place.write(&db, &after) {
            continue;
        }
        let findings = history::check(&snapshots).findings;
        if !findings.iter().any(|finding| place.is_named_by(finding)) {
            let (table, column, row) = (place.table, place.column, &place.row);
            unnamed.push(format!(
                "{table}.{column} of {row:?} became {after:?}: {findings:?}"
            ));
        }
        assert!(place.write(&db, &before));
        done += 1;
    }
    assert!(
        unnamed.is_empty(),
        "{} of {done}: {:#?}",
        unnamed.len(),
        &unnamed[..unnamed.len().min(5)]
    );
    assert_clean(&snapshots);
}

/// Takes a row away, looks, and puts it back.
fn without_row(db: &Connection, place: &Place, look: impl FnOnce()) {
    let Place {
        table, key, row, ..
    } = place;
    let keep = format!("CREATE TEMP TABLE kept AS SELECT * FROM {table} WHERE {key} = ?1");
    db.execute(&keep, [row]).unwrap();
    db.execute(&format!("DELETE FROM {table} WHERE {key} = ?1"), [row])
        .unwrap();
    look();
    db.execute_batch(&format!(
        "INSERT INTO {table} SELECT * FROM kept; DROP TABLE kept"
    ))
    .unwrap();
}

#[test]
fn fsck_names_a_removed_record() {
    let directory = journal();
    let (db, snapshots) = (
        tamper(directory.path()),
        history::snapshots(directory.path()),
    );
    let events = history::check(&snapshots).events as i64;
    let event = |index| Place {
        table: "events",
        key: "idx",
        column: "idx",
        row: Value::Integer(index),
    };
    for index in 0..events - 1 {
        without_row(&db, &event(index), || {
            let findings = history::check(&snapshots).findings;
            let missing = Damage::EventMissing {
                index: journal::LogIndex(index as u64),
            };
            assert!(findings.contains(&missing), "event {index}: {findings:?}");
        });
    }
    without_row(&db, &event(events - 1), || {
        let findings = history::check(&snapshots).findings;
        let beyond = Damage::CheckpointBeyond {
            size: events as u64,
            events: events as u64 - 1,
        };
        assert!(findings.contains(&beyond), "{findings:?}");
    });
    for index in 0..events / 2 {
        let row = Value::Text(format!("1/{index}"));
        let node = Place {
            table: "nodes",
            key: "(level || '/' || idx)",
            column: "hash",
            row,
        };
        without_row(&db, &node, || {
            let findings = history::check(&snapshots).findings;
            assert!(
                findings.iter().any(|finding| node.is_named_by(finding)),
                "{findings:?}"
            );
        });
    }
    assert_clean(&snapshots);
}

#[test]
fn fsck_notices_two_events_that_changed_places() {
    let directory = journal();
    let (db, snapshots) = (
        tamper(directory.path()),
        history::snapshots(directory.path()),
    );
    let events = history::check(&snapshots).events as i64;
    // Without its checks, SQLite still keeps indexes unique; a far index is free in between.
    let swap = |a: i64, b: i64| {
        let swap = [(a, -1), (b, a), (-1, b)];
        for (from, to) in swap {
            db.execute("UPDATE events SET idx = ?2 WHERE idx = ?1", [from, to])
                .unwrap();
        }
    };
    for index in 0..events - 1 {
        swap(index, index + 1);
        let findings = history::check(&snapshots).findings;
        assert!(!findings.is_empty(), "events {index} and {}", index + 1);
        swap(index, index + 1);
    }
    assert_clean(&snapshots);
}

#[test]
fn fsck_finds_the_end_that_was_cut_with_its_checkpoints_by_a_checkpoint_kept_elsewhere() {
    let directory = journal();
    let db = tamper(directory.path());
    let snapshots = history::snapshots(directory.path());
    let kept: (i64, String) = db
        .query_row(
            "SELECT size, note FROM checkpoints ORDER BY size DESC",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let last_but_one: i64 = db
        .query_row(
            "SELECT size FROM checkpoints WHERE size < ?1 ORDER BY size DESC",
            [kept.0],
            |row| row.get(0),
        )
        .unwrap();
    cut(&db, last_but_one);
    assert_clean(&snapshots);
    let expected = evidence::checkpoint::Checkpoint::open(&kept.1, &history::verifier()).unwrap();
    let findings = {
        let rows = journal::engine::Snapshots::snapshot(&snapshots).unwrap();
        let source = journal::fsck::Rows(&*rows);
        journal::fsck::check(&source, &history::verifier(), Some(&expected), |_, _| {}).findings
    };
    assert_eq!(
        findings,
        [Damage::ExpectedCheckpoint {
            size: kept.0 as u64
        }]
    );
}

/// A forger with the file, but without the log key, makes it as it was at an earlier checkpoint.
fn cut(db: &Connection, size: i64) {
    db.execute_batch(&format!(
        "DELETE FROM events WHERE idx >= {size};
         DELETE FROM checkpoints WHERE size > {size};
         DELETE FROM nodes WHERE (idx + 1) << level > {size};
         DELETE FROM streams WHERE id NOT IN (SELECT stream FROM events);
         UPDATE streams SET
             (head_seq, head_digest) = (SELECT seq, digest FROM events WHERE stream = streams.id
                 ORDER BY seq DESC LIMIT 1),
             shredded = 0;"
    ))
    .unwrap();
}

#[test]
fn fsck_raises_no_false_alarm_on_a_thousand_clean_states() {
    const COMMITS: usize = 50;
    for round in 0..history::repeated(CLEAN_RUNS) / COMMITS {
        let directory = tempfile::tempdir().unwrap();
        let journal = history::open(directory.path(), round as u64);
        let snapshots = history::snapshots(directory.path());
        let mut random = Random(round as u64);
        for commit in 0..COMMITS {
            let mut transaction = history::transaction(&mut random, 20);
            let newest = &transaction.appends[0];
            if newest.privacy == journal::Privacy::Personal && random.below(10) == 0 {
                transaction.shred.push(newest.stream.clone());
            }
            match journal.commit_blocking(transaction) {
                Ok(_) | Err(journal::CommitError::Shredded { .. }) => {}
                Err(error) => panic!("{error:?}"),
            }
            let findings = history::check(&snapshots).findings;
            assert_eq!(findings, [], "round {round}, commit {commit}");
        }
        journal.shutdown();
    }
}
