//! What the cases share: keys, a projection, dumps in memory, short constructors.

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use evidence::{digest::Digest, key::SigningKey, note::NoteVerifier};

use super::Subject;
use crate::{
    Append, Committed, Declared, DumpStore, Entropy, Event, Expected, Idempotency, Journal, Limits,
    NewEffect, NewEvent, OpenError, Options, Privacy, Projection, ProjectionError, Record, Records,
    SealingKey, StreamName, Transaction, WriterDecision, WriterRefusal,
};

/// Origin of the suite's logs.
pub const ORIGIN: &str = "zone.example/log";

/// Random-looking bytes that are the same in every run.
#[must_use]
pub fn counting_entropy(seed: u64) -> Entropy {
    let mut counter = 0_u64;
    Box::new(move |bytes| {
        for chunk in bytes.chunks_mut(32) {
            let input = [seed.to_be_bytes(), counter.to_be_bytes()].concat();
            counter += 1;
            chunk.copy_from_slice(&Digest::raw(&input).as_bytes()[..chunk.len()]);
        }
    })
}

/// A read model: `note.put.v1` with payload `id=body` stores a record owned by its stream with a
/// field for the body; `note.share.v1` stores one that nobody owns; `note.drop.v1` deletes;
/// `note.refuse.v1` is refused.
#[derive(Clone, Copy, Debug)]
pub struct Notes;

impl Projection for Notes {
    fn project(&self, event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
        let payload = event
            .payload
            .as_deref()
            .expect("a projected event has a payload");
        let text = String::from_utf8_lossy(payload);
        let (id, body) = text.split_once('=').unwrap_or((&text, ""));
        let owner = match event.kind.as_str() {
            "note.put.v1" => Some(event.stream.clone()),
            "note.share.v1" => None,
            "note.drop.v1" => return records.delete("note", id),
            "note.refuse.v1" => {
                let rule = "the suite refuses it";
                return Err(ProjectionError::Rule {
                    kind: event.kind.clone(),
                    rule,
                });
            }
            _ => return Ok(()),
        };
        let writes = match records.get("note", id)? {
            Some(known) => known.fields["writes"].parse::<u64>().expect("a number") + 1,
            None => 1,
        };
        records.put(Record {
            kind: "note".to_owned(),
            id: id.to_owned(),
            stream: owner,
            fields: BTreeMap::from([
                ("length".to_owned(), body.len().to_string()),
                ("writes".to_owned(), writes.to_string()),
            ]),
            body: body.as_bytes().to_vec(),
            version: 0,
        })
    }

    /// `next` numbers a note: it puts the count of the declared record's writes, plus one, for `#`.
    fn decide(
        &self,
        decision: &WriterDecision,
        records: &dyn Declared,
        prepared: &mut [Append],
    ) -> Result<(), WriterRefusal> {
        let id = String::from_utf8_lossy(&decision.parameters).into_owned();
        let known = records.get("note", &id)?;
        let writes = known.map_or(Ok(0), |known| known.fields["writes"].parse::<u64>());
        let writes = writes.map_err(|_| WriterRefusal::Malformed { what: "the note" })?;
        if decision.rule == "limited" && writes >= 3 {
            return Err(WriterRefusal::Refused {
                code: "limit",
                detail: "three are enough".to_owned(),
            });
        }
        for event in prepared.iter_mut().flat_map(|append| &mut append.events) {
            let text =
                String::from_utf8_lossy(&event.payload).replace('#', &(writes + 1).to_string());
            event.payload = text.into_bytes();
        }
        Ok(())
    }
}

/// Dumps kept in memory, shared by clones.
#[derive(Clone, Debug, Default)]
pub struct MemoryDumps(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

impl MemoryDumps {
    fn with<T>(&self, run: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> T) -> T {
        run(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl DumpStore for MemoryDumps {
    fn store(&mut self, name: &str, sealed: &[u8]) -> io::Result<PathBuf> {
        self.with(|dumps| dumps.insert(name.to_owned(), sealed.to_vec()));
        Ok(PathBuf::from(name))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.with(|dumps| dumps.keys().cloned().collect()))
    }

    fn load(&self, name: &str) -> io::Result<Vec<u8>> {
        self.with(|dumps| dumps.get(name).cloned())
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        match self.with(|dumps| dumps.remove(name)) {
            Some(_) => Ok(()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// Opens journals on a subject.
pub struct Fixture<'a> {
    /// Storage.
    pub subject: &'a dyn Subject,
    /// Dumps.
    pub dumps: MemoryDumps,
    /// Limits.
    pub limits: Limits,
    /// Byte of the node key.
    pub node_key: u8,
    /// Byte of the log key.
    pub log_key: u8,
    /// Origin of the log.
    pub origin: &'a str,
}

impl<'a> Fixture<'a> {
    /// The usual keys and limits.
    #[must_use]
    pub fn new(subject: &'a dyn Subject) -> Self {
        Self {
            subject,
            dumps: MemoryDumps::default(),
            limits: Limits::STANDARD,
            node_key: 1,
            log_key: 2,
            origin: ORIGIN,
        }
    }

    /// Opens the journal.
    ///
    /// # Errors
    /// As for [`Journal::open`].
    pub fn try_open(&self) -> Result<Journal, OpenError> {
        let engine = self.subject.open()?;
        // Another seed each time the log has grown, as real entropy would be.
        let seed = engine.snapshots().snapshot()?.size()?;
        Journal::open(engine, self.options(seed))
    }

    /// The options it opens with.
    #[must_use]
    pub fn options(&self, seed: u64) -> Options {
        Options {
            origin: self.origin.to_owned(),
            log_key: SigningKey::from_seed([self.log_key; 32]),
            node_key: SealingKey::from_bytes([self.node_key; 32]),
            projection: Arc::new(Notes),
            entropy: counting_entropy(seed),
            dumps: Box::new(self.dumps.clone()),
            limits: self.limits,
        }
    }

    /// Opens the journal, which must work.
    #[must_use]
    pub fn open(&self) -> Journal {
        self.try_open().expect("the journal opens")
    }

    /// The key that checkpoints verify with.
    #[must_use]
    pub fn verifier(&self) -> NoteVerifier {
        let key = SigningKey::from_seed([self.log_key; 32]).verifying_key();
        NoteVerifier::new(self.origin, key).expect("the origin names a log")
    }
}

pub(crate) fn stream(name: &str) -> StreamName {
    name.parse().expect("the name is valid")
}

pub(crate) fn event(kind: &str, payload: &str) -> NewEvent {
    NewEvent {
        kind: kind.parse().expect("the kind is valid"),
        payload: payload.as_bytes().to_vec(),
    }
}

pub(crate) fn append(name: &str, expected: Expected, events: &[(&str, &str)]) -> Append {
    Append {
        stream: stream(name),
        privacy: if name.starts_with("personal/") {
            Privacy::Personal
        } else {
            Privacy::Public
        },
        expected,
        events: events
            .iter()
            .map(|(kind, payload)| event(kind, payload))
            .collect(),
    }
}

pub(crate) fn transaction(appends: Vec<Append>) -> Transaction {
    let mut transaction = Transaction::new(1_000, "did:example:suite");
    transaction.appends = appends;
    transaction
}

pub(crate) fn effect(id: &str, owner: Option<&str>) -> NewEffect {
    NewEffect {
        id: id.to_owned(),
        kind: "notify".to_owned(),
        owner: owner.map(stream),
        payload: format!("payload of {id}").into_bytes(),
        not_before_ms: 0,
    }
}

pub(crate) fn idempotency(key: &str, request: &str, expires_ms: i64) -> Idempotency {
    Idempotency {
        scope: "suite POST /notes".to_owned(),
        key: key.to_owned(),
        request: Digest::raw(request.as_bytes()),
        owner: None,
        response: format!("response to {request}").into_bytes(),
        expires_ms,
    }
}

/// Appends one `note.put.v1` to a stream.
pub(crate) fn put(journal: &Journal, name: &str, payload: &str) -> Committed {
    let append = append(name, Expected::Any, &[("note.put.v1", payload)]);
    journal
        .commit_blocking(transaction(vec![append]))
        .expect("the transaction commits")
}
