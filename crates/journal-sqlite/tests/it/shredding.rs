//! After a stream is shredded, neither what it said nor the key to it is in any file.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use evidence::digest::{Digest, Purpose};
use journal::{
    Append, DumpDirectory, Event, Expected, Idempotency, Journal, Limits, LogIndex, NewEffect,
    NewEvent, Options, Privacy, Projection, ProjectionError, Record, Records, SealingKey, Seq,
    StreamName, Transaction,
};
use journal_sqlite::SqliteEngine;
use rusqlite::Connection;

use crate::history;

const STREAMS: usize = 8;

/// A record of each event of a personal stream: its body is sealed, its indexed field is not.
struct People;

impl Projection for People {
    fn project(&self, event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
        let content = event.payload.clone().unwrap_or_default();
        let text = String::from_utf8_lossy(&content).into_owned();
        if !event.header.sealed {
            return Ok(());
        }
        records.put(Record {
            kind: "person".to_owned(),
            id: format!("{}-{}", event.stream, event.seq),
            stream: Some(event.stream.clone()),
            fields: BTreeMap::from([("name".to_owned(), format!("field {text}"))]),
            body: content,
            version: 0,
        })
    }
}

fn open(folder: &Path) -> Journal {
    let options = Options {
        origin: history::verifier().name().to_owned(),
        log_key: history::log_key(),
        node_key: SealingKey::from_bytes([6; 32]),
        projection: Arc::new(People),
        entropy: Box::new(|bytes| getrandom::fill(bytes).unwrap()),
        dumps: Box::new(DumpDirectory::create(folder.join("dumps")).unwrap()),
        limits: Limits::STANDARD,
    };
    let engine = SqliteEngine::open(folder.join("journal.sqlite")).unwrap();
    Journal::open(Box::new(engine), options).unwrap()
}

fn stream(n: usize) -> StreamName {
    format!("people/p-{n}").parse().unwrap()
}

fn canary(n: usize) -> String {
    format!("canary-{n}-7Kq2zR")
}

/// Everything a stream can own: event, record, effect and stored response.
fn fill(journal: &Journal, n: usize, privacy: Privacy) {
    let text = canary(n).into_bytes();
    let mut transaction = Transaction::new(1, "someone");
    transaction.appends.push(Append {
        stream: stream(n),
        privacy,
        expected: Expected::Any,
        events: vec![NewEvent {
            kind: "person.recorded.v1".parse().unwrap(),
            payload: text.clone(),
        }],
    });
    transaction.effects.push(NewEffect {
        id: format!("effect-{n}"),
        kind: "tell".to_owned(),
        owner: Some(stream(n)),
        payload: text.clone(),
        not_before_ms: 0,
    });
    transaction.idempotency = Some(Idempotency {
        scope: "test".to_owned(),
        key: n.to_string(),
        request: Digest::of(Purpose::Request, b""),
        owner: Some(stream(n)),
        response: text,
        expires_ms: i64::MAX,
    });
    journal.commit_blocking(transaction).unwrap();
}

/// Names of files below a folder that hold the bytes.
fn files_with(folder: &Path, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, bytes));
        } else if fs::read(&path)
            .unwrap()
            .windows(bytes.len())
            .any(|part| part == bytes)
        {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn no_byte_of_a_shredded_stream_or_of_its_key_is_left_in_any_file() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    for n in 0..STREAMS {
        fill(&journal, n, Privacy::Personal);
    }
    fill(&journal, STREAMS, Privacy::Public);
    let db = Connection::open(folder.path().join("journal.sqlite")).unwrap();
    let wrapped_key = |n: usize| -> Option<Vec<u8>> {
        let sql = "SELECT wrapped_key FROM streams WHERE name = ?1";
        db.query_row(sql, [stream(n).as_str()], |row| row.get(0))
            .unwrap()
    };
    let keys: Vec<Vec<u8>> = (0..STREAMS).map(|n| wrapped_key(n).unwrap()).collect();

    // The search finds what is there: the keys, the indexed fields, the content of a public stream.
    for (n, key) in keys.iter().enumerate() {
        assert_ne!(files_with(folder.path(), key), Vec::<String>::new());
        let field = format!("field {}", canary(n));
        assert_ne!(
            files_with(folder.path(), field.as_bytes()),
            Vec::<String>::new()
        );
    }
    let public = canary(STREAMS);
    assert_ne!(
        files_with(folder.path(), public.as_bytes()),
        Vec::<String>::new()
    );

    let index = journal.reader().stream(&stream(0), Seq::FIRST, 1).unwrap()[0].index;
    let mut transaction = Transaction::new(2, "someone");
    transaction.shred.extend((0..STREAMS).map(stream));
    journal.commit_blocking(transaction).unwrap();
    journal_sqlite::backup(
        folder.path().join("journal.sqlite"),
        folder.path().join("backup.sqlite"),
        |_, _| {},
    )
    .unwrap();

    for (n, key) in keys.iter().enumerate() {
        assert_eq!(wrapped_key(n), None);
        assert_eq!(
            files_with(folder.path(), key),
            Vec::<String>::new(),
            "key of {n}"
        );
        let text = canary(n);
        assert_eq!(
            files_with(folder.path(), text.as_bytes()),
            Vec::<String>::new(),
            "{text}"
        );
    }
    assert_ne!(
        files_with(folder.path(), public.as_bytes()),
        Vec::<String>::new()
    );
    still_proven(&journal, index);
    journal.shutdown();
    assert_eq!(
        history::check(&history::snapshots(folder.path())).findings,
        []
    );
}

/// The event is there, without content, and is in the log that is signed now.
fn still_proven(journal: &Journal, index: LogIndex) {
    let reader = journal.reader();
    let event = reader.event(index).unwrap().unwrap();
    assert_eq!(event.payload, None);
    let head = reader.head().unwrap();
    let proof = reader.inclusion(index, head.size).unwrap();
    let leaf = evidence::merkle::leaf_hash(&event.header_bytes);
    evidence::merkle::verify_inclusion(&leaf, index.0, head.size, &proof, &head.root).unwrap();
}
