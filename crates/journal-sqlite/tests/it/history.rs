//! Random histories by seed, written to a real file, and the check of it.

use std::{path::Path, sync::Arc};

use evidence::{key::SigningKey, note::NoteVerifier};
use journal::{
    Append, DumpDirectory, Expected, Journal, Limits, NewEvent, NoProjection, Options, Privacy,
    SealingKey, StreamName, Transaction, engine::Snapshots as _, fsck,
};
use journal_sqlite::{SqliteEngine, SqliteSnapshots};

const ORIGIN: &str = "history.example/log";

/// SplitMix64 (Steele, Lea, Flood 2014): one seed, one history.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(crate) fn choose<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

pub(crate) fn open(directory: &Path, seed: u64) -> Journal {
    let mut random = Random(seed);
    let engine = SqliteEngine::open(directory.join("journal.sqlite")).unwrap();
    let options = Options {
        origin: ORIGIN.to_owned(),
        log_key: log_key(),
        node_key: SealingKey::from_bytes([6; 32]),
        projection: Arc::new(NoProjection),
        entropy: Box::new(move |bytes| bytes.fill_with(|| random.next() as u8)),
        dumps: Box::new(DumpDirectory::create(directory.join("dumps")).unwrap()),
        limits: Limits::STANDARD,
    };
    Journal::open(Box::new(engine), options).unwrap()
}

pub(crate) fn log_key() -> SigningKey {
    SigningKey::from_seed([7; 32])
}

pub(crate) fn verifier() -> NoteVerifier {
    NoteVerifier::new(ORIGIN, log_key().verifying_key()).unwrap()
}

/// Every stream has its privacy for ever: odd ones are personal.
pub(crate) fn stream(n: usize) -> (StreamName, Privacy) {
    let privacy = if n % 2 == 1 {
        Privacy::Personal
    } else {
        Privacy::Public
    };
    (format!("area/stream-{n}").parse().unwrap(), privacy)
}

/// One to five events in one to three of `streams` streams.
pub(crate) fn transaction(random: &mut Random, streams: usize) -> Transaction {
    let mut transaction = Transaction::new(random.below(1_000_000) as i64, "someone");
    for _ in 0..=random.below(3) {
        let (stream, privacy) = stream(random.below(streams));
        let event = |random: &mut Random| NewEvent {
            kind: "thing.happened.v1".parse().unwrap(),
            payload: format!("{{\"n\":{}}}", random.next() >> 12).into_bytes(),
        };
        let events = (0..=random.below(2)).map(|_| event(random)).collect();
        transaction.appends.push(Append {
            stream,
            privacy,
            expected: Expected::Any,
            events,
        });
    }
    transaction
}

/// What fsck says of the file in a directory.
pub(crate) fn check(snapshots: &SqliteSnapshots) -> fsck::Report {
    let rows = snapshots.snapshot().unwrap();
    fsck::check(&fsck::Rows(&*rows), &verifier(), None, |_, _| {})
}

pub(crate) fn snapshots(directory: &Path) -> SqliteSnapshots {
    SqliteSnapshots::open(directory.join("journal.sqlite")).unwrap()
}

/// How often to repeat: all of it in a release build, a fifth in a debug build.
pub(crate) fn repeated(times: usize) -> usize {
    if cfg!(debug_assertions) {
        times / 5
    } else {
        times
    }
}
