//! What is written: operation n is the same whoever computes it, however often.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use evidence::{
    digest::{Digest, Purpose},
    key::SigningKey,
    note::NoteVerifier,
};
use journal::{
    Append, DumpDirectory, Event, Expected, Idempotency, Journal, Limits, NewEffect, NewEvent,
    Options, Privacy, Projection, ProjectionError, Record, Records, SealingKey, StreamName,
    Transaction, engine::Snapshots as _, fsck,
};
use journal_sqlite::{SqliteEngine, SqliteSnapshots};

pub(crate) const ORIGIN: &str = "kill9.example/log";
pub(crate) const THREADS: u64 = 4;
const STREAMS: u64 = 7;

pub(crate) fn stream(n: u64) -> StreamName {
    format!("load/{}", n % STREAMS).parse().unwrap()
}

pub(crate) fn streams() -> impl Iterator<Item = StreamName> {
    (0..STREAMS).map(stream)
}

pub(crate) fn payload(n: u64) -> Vec<u8> {
    format!("{{\"operation\":{n}}}").into_bytes()
}

/// The operation that a payload belongs to.
pub(crate) fn operation(payload: &[u8]) -> u64 {
    let value: serde_json::Value = serde_json::from_slice(payload).unwrap();
    value["operation"].as_u64().unwrap()
}

/// One event, one effect and an idempotency key; every third stream is sealed.
pub(crate) fn transaction(n: u64) -> Transaction {
    let mut transaction = Transaction::new(1_000 + n as i64, "load");
    let stream = stream(n);
    let privacy = if (n % STREAMS).is_multiple_of(3) {
        Privacy::Personal
    } else {
        Privacy::Public
    };
    transaction.appends.push(Append {
        stream,
        privacy,
        expected: Expected::Any,
        events: vec![NewEvent {
            kind: "load.done.v1".parse().unwrap(),
            payload: payload(n),
        }],
    });
    transaction.effects.push(NewEffect {
        id: format!("effect-{n}"),
        kind: "load".to_owned(),
        owner: None,
        payload: payload(n),
        not_before_ms: 0,
    });
    transaction.idempotency = Some(Idempotency {
        scope: "load".to_owned(),
        key: format!("key-{n}"),
        request: Digest::of(Purpose::Request, &payload(n)),
        owner: None,
        response: payload(n),
        expires_ms: i64::MAX,
    });
    transaction
}

/// Counts the events of each stream, so that a record which is not part of its commit shows.
pub(crate) struct Counts;

impl Projection for Counts {
    fn project(&self, event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
        let id = event.stream.to_string();
        let before = records
            .get("count", &id)?
            .map_or(0, |record| count(&record));
        records.put(Record {
            kind: "count".to_owned(),
            id,
            stream: Some(event.stream.clone()),
            fields: BTreeMap::new(),
            body: (before + 1).to_string().into_bytes(),
            version: 0,
        })
    }
}

pub(crate) fn count(record: &Record) -> u64 {
    std::str::from_utf8(&record.body).unwrap().parse().unwrap()
}

pub(crate) fn log_key() -> SigningKey {
    SigningKey::from_seed([4; 32])
}

pub(crate) fn open(directory: &Path) -> Journal {
    let engine = SqliteEngine::open(directory.join("journal.sqlite")).unwrap();
    let options = Options {
        origin: ORIGIN.to_owned(),
        log_key: log_key(),
        node_key: SealingKey::from_bytes([5; 32]),
        projection: Arc::new(Counts),
        entropy: Box::new(|bytes| getrandom::fill(bytes).unwrap()),
        dumps: Box::new(DumpDirectory::create(directory.join("dumps")).unwrap()),
        limits: Limits::STANDARD,
    };
    Journal::open(Box::new(engine), options).unwrap()
}

/// Every chain, node, root and checkpoint, from the bytes of the file alone.
pub(crate) fn fsck(directory: &Path) -> fsck::Report {
    let snapshots = SqliteSnapshots::open(directory.join("journal.sqlite")).unwrap();
    let verifier = NoteVerifier::new(ORIGIN, log_key().verifying_key()).unwrap();
    let rows = snapshots.snapshot().unwrap();
    fsck::check(&fsck::Rows(&*rows), &verifier, None, |_, _| {})
}
