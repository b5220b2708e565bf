//! A disk that is really full: a file system of its own, in memory, with a size.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use journal::{
    Append, CommitError, DumpDirectory, Expected, Journal, Limits, NewEvent, NoProjection, Options,
    Privacy, SealingKey, Seq, Status, Transaction,
};
use journal_sqlite::SqliteEngine;

use crate::history;

const CANARY: &str = "canary-plaintext";

/// A mounted file system of limited size; unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Nothing when this user may not mount.
    fn mount(path: &Path) -> Option<Self> {
        std::fs::create_dir(path).unwrap();
        let disk = Self(path.to_owned());
        disk.resize("", "1m").then_some(disk)
    }

    fn resize(&self, how: &str, size: &str) -> bool {
        let options = format!("{how}size={size}");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(&self.0)
            .output();
        mount.is_ok_and(|output| output.status.success())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(&self.0).output());
    }
}

fn open(disk: &Path, dumps: &Path) -> Journal {
    let options = Options {
        origin: history::verifier().name().to_owned(),
        log_key: history::log_key(),
        node_key: SealingKey::from_bytes([6; 32]),
        projection: Arc::new(NoProjection),
        entropy: Box::new(|bytes| getrandom::fill(bytes).unwrap()),
        dumps: Box::new(DumpDirectory::create(dumps).unwrap()),
        limits: Limits::STANDARD,
    };
    let engine = SqliteEngine::open(disk.join("journal.sqlite")).unwrap();
    Journal::open(Box::new(engine), options).unwrap()
}

fn payload(n: u64) -> Vec<u8> {
    format!("{CANARY} {n} {}", "x".repeat(16 << 10)).into_bytes()
}

fn transaction(n: u64) -> Transaction {
    let mut transaction = Transaction::new(n as i64, "someone");
    transaction.appends.push(Append {
        stream: "filling/disk".parse().unwrap(),
        privacy: Privacy::Public,
        expected: Expected::Any,
        events: vec![NewEvent {
            kind: "disk.filled.v1".parse().unwrap(),
            payload: payload(n),
        }],
    });
    transaction
}

#[test]
fn a_full_disk_diverts_to_a_sealed_dump_that_is_recovered_once() {
    let folder = tempfile::tempdir().unwrap();
    let (small, dumps) = (folder.path().join("small"), folder.path().join("dumps"));
    let Some(disk) = needs::or_skip(SmallDisk::mount(&small), "a user who may mount a disk") else {
        return;
    };
    let journal = open(&small, &dumps);
    let (accepted, diverted) = fill(&journal);
    journal.shutdown();
    drop(journal);
    assert!(accepted > 10, "{accepted}");
    for dump in std::fs::read_dir(&dumps).unwrap() {
        let bytes = std::fs::read(dump.unwrap().path()).unwrap();
        assert!(
            !bytes
                .windows(CANARY.len())
                .any(|part| part == CANARY.as_bytes())
        );
    }

    assert!(disk.resize("remount,", "64m"));
    let journal = open(&small, &dumps);
    let recovery = journal.recover().unwrap();
    assert_eq!(
        (recovery.replayed + recovery.present, recovery.refused.len()),
        (diverted, 0)
    );
    let again = journal.recover().unwrap();
    assert_eq!((again.replayed, again.refused.len()), (0, 0));

    let mut found = BTreeMap::new();
    let events = journal
        .reader()
        .stream(&"filling/disk".parse().unwrap(), Seq::FIRST, usize::MAX);
    for event in events.unwrap() {
        *found.entry(event.payload.unwrap()).or_insert(0) += 1;
    }
    let expected = (0..accepted + diverted).map(|n| (payload(n), 1)).collect();
    assert!(
        found == expected,
        "{} events of {} are there",
        found.len(),
        accepted + diverted
    );
    journal.shutdown();
    assert_eq!(history::check(&history::snapshots(&small)).findings, []);
}

#[test]
fn a_journal_whose_full_disk_gets_room_goes_on_and_tells_followers_what_it_recovered() {
    let folder = tempfile::tempdir().unwrap();
    let (small, dumps) = (folder.path().join("small"), folder.path().join("dumps"));
    let Some(disk) = needs::or_skip(SmallDisk::mount(&small), "a user who may mount a disk") else {
        return;
    };
    let journal = open(&small, &dumps);
    let heard = Arc::new(AtomicU64::new(0));
    journal.observe(Box::new({
        let heard = heard.clone();
        move |_, receipts| {
            heard.fetch_add(receipts.len() as u64, Ordering::Relaxed);
        }
    }));
    let (accepted, diverted) = fill(&journal);
    assert_eq!(journal.status(), Status::Running);
    assert_eq!(heard.load(Ordering::Relaxed), accepted);
    journal.recover().unwrap_err();
    assert_eq!(journal.status(), Status::Running, "it may be tried again");

    assert!(disk.resize("remount,", "64m"));
    assert_eq!(journal.recover().unwrap().replayed, diverted);
    assert_eq!(heard.load(Ordering::Relaxed), accepted + diverted);
    journal
        .commit_blocking(transaction(accepted + diverted))
        .unwrap();
    journal.shutdown();
    assert_eq!(history::check(&history::snapshots(&small)).findings, []);
}

#[test]
fn a_dump_that_finds_no_room_either_is_no_dump_and_the_journal_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("small");
    let Some(disk) = needs::or_skip(SmallDisk::mount(&small), "a user who may mount a disk") else {
        return;
    };
    let journal = open(&small, &small.join("dumps"));
    let mut taken = 0;
    let lost = loop {
        match journal.commit_blocking(transaction(taken)) {
            Ok(_) => taken += 1,
            // Room for a last dump, but for nothing after it.
            Err(CommitError::Diverted { .. }) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(lost, CommitError::OutcomeUnknown), "{lost:?}");
    assert_eq!(journal.stats().outcome_unknown, 1);
    assert_eq!(journal.status(), Status::Running);
    assert!(disk.resize("remount,", "64m"));
    let recovery = journal.recover().unwrap();
    assert_eq!(recovery.replayed, journal.stats().diverted);
    journal.commit_blocking(transaction(taken)).unwrap();
    assert_eq!(journal.snapshot().unwrap().size().unwrap(), taken + 1);
    journal.shutdown();
}

/// Commits until the disk is full, and on until the journal has answered so three times or stops.
/// Returns how many were accepted, and how many are promised to be in a dump.
fn fill(journal: &Journal) -> (u64, u64) {
    let (mut accepted, mut diverted) = (0, 0);
    while diverted < 3 {
        match journal.commit_blocking(transaction(accepted + diverted)) {
            Ok(_) => {
                assert_eq!(diverted, 0, "space came back by itself");
                accepted += 1;
            }
            Err(CommitError::Diverted { dump }) => {
                assert!(dump.is_file());
                diverted += 1;
            }
            Err(CommitError::Halted { .. }) => break,
            Err(error) => panic!("{error:?}"),
        }
    }
    assert!(diverted > 0);
    (accepted, diverted)
}
