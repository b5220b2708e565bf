//! From stored rows to what callers see: verified, and opened where there is a key.

use evidence::{
    event::{EventHeader, payload_digest},
    merkle::{self, Hash, NodeStore},
};

use crate::{
    engine::{EffectRow, EventRow, IdempotencyRow, Read, RecordRow, StreamRow},
    error::{Corruption, EngineError, Fault, ReadError},
    names::{EventKind, LogIndex, Seq, StreamName},
    seal::{Place, SealingKey},
    transaction::{Effect, Event, Privacy, Record},
};

/// How the rows of a stream are sealed.
pub(crate) enum Sealing {
    Plain,
    Key(SealingKey),
    Shredded,
}

/// The sealing of a stream, by its row.
pub(crate) fn sealing_of(row: &StreamRow, node_key: &SealingKey) -> Result<Sealing, ReadError> {
    match (row.privacy, &row.wrapped_key) {
        (Privacy::Public, _) => Ok(Sealing::Plain),
        (Privacy::Personal, None) => Ok(Sealing::Shredded),
        (Privacy::Personal, Some(wrapped)) => node_key
            .unwrap_key(&row.stream, wrapped)
            .map(Sealing::Key)
            .map_err(|source| ReadError::CorruptKey {
                stream: row.stream.clone(),
                source,
            }),
    }
}

/// One snapshot and the key that opens it.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) rows: &'a dyn Read,
    pub(crate) node_key: &'a SealingKey,
}

impl View<'_> {
    fn sealing(&self, stream: &StreamName) -> Result<Sealing, ReadError> {
        match self.rows.stream(stream)? {
            Some(row) => sealing_of(&row, self.node_key),
            None => Err(EngineError::new("find the stream that owns a row", Fault::Corrupt).into()),
        }
    }

    pub(crate) fn events(&self, rows: Vec<EventRow>) -> Result<Vec<Event>, ReadError> {
        // A page usually belongs to few streams, often to one.
        let mut last: Option<(StreamName, Sealing)> = None;
        rows.into_iter()
            .map(|row| {
                let header = check_event(&row)?;
                if !header.sealed {
                    let payload = Some(row.payload.clone());
                    return event(row, header, payload);
                }
                let sealing = match last.take() {
                    Some((stream, sealing)) if stream == row.stream => sealing,
                    _ => self.sealing(&row.stream)?,
                };
                let payload = match &sealing {
                    Sealing::Plain => return Err(corrupt(&row, Corruption::Sealed)),
                    Sealing::Shredded => None,
                    Sealing::Key(key) => {
                        let place = Place::Payload {
                            stream: &row.stream,
                            seq: row.seq,
                        };
                        let opened = key.open(place, &row.payload);
                        Some(opened.map_err(|_| corrupt(&row, Corruption::Sealed))?)
                    }
                };
                last = Some((row.stream.clone(), sealing));
                event(row, header, payload)
            })
            .collect()
    }

    pub(crate) fn record(&self, row: RecordRow) -> Result<Record, ReadError> {
        let body = match &row.stream {
            None => None,
            Some(stream) => match self.sealing(stream)? {
                Sealing::Plain => None,
                Sealing::Shredded => Some(Vec::new()),
                Sealing::Key(key) => {
                    let place = Place::Record {
                        stream,
                        kind: &row.kind,
                        id: &row.id,
                    };
                    let opened = key.open(place, &row.body);
                    Some(opened.map_err(|source| ReadError::CorruptRecord {
                        kind: row.kind.clone(),
                        id: row.id.clone(),
                        source,
                    })?)
                }
            },
        };
        Ok(Record {
            kind: row.kind,
            id: row.id,
            stream: row.stream,
            fields: row.fields,
            body: body.unwrap_or(row.body),
            version: row.version,
        })
    }

    pub(crate) fn effect(&self, row: EffectRow) -> Result<Effect, ReadError> {
        let payload = self.owned(row.owner.as_ref(), &row.payload, &row.id, |stream| {
            Place::Effect {
                stream,
                id: &row.id,
            }
        })?;
        Ok(Effect {
            id: row.id,
            kind: row.kind,
            owner: row.owner,
            payload,
            state: row.state,
            attempts: row.attempts,
            not_before_ms: row.not_before_ms,
            leased_until_ms: row.leased_until_ms,
            error: row.error,
        })
    }

    pub(crate) fn response(&self, row: &IdempotencyRow) -> Result<Vec<u8>, ReadError> {
        self.owned(row.owner.as_ref(), &row.response, &row.key, |stream| {
            Place::Response {
                stream,
                scope: &row.scope,
                key: &row.key,
            }
        })
    }

    /// Opens what a stream may own.
    fn owned<'p>(
        &self,
        owner: Option<&'p StreamName>,
        stored: &[u8],
        id: &str,
        place: impl FnOnce(&'p StreamName) -> Place<'p>,
    ) -> Result<Vec<u8>, ReadError> {
        let Some(stream) = owner else {
            return Ok(stored.to_vec());
        };
        match self.sealing(stream)? {
            Sealing::Plain => Ok(stored.to_vec()),
            Sealing::Shredded => Ok(Vec::new()),
            Sealing::Key(key) => {
                key.open(place(stream), stored)
                    .map_err(|source| ReadError::CorruptRow {
                        id: id.to_owned(),
                        source,
                    })
            }
        }
    }
}

/// Complete Merkle nodes: leaves are made from the events, the others are stored.
impl NodeStore for View<'_> {
    type Error = ReadError;

    fn node(&self, level: u8, index: u64) -> Result<Hash, ReadError> {
        let found = if level == 0 {
            let rows = self.rows.events(LogIndex(index), 1)?;
            rows.first()
                .filter(|row| row.index.0 == index)
                .map(|row| merkle::leaf_hash(&row.header))
        } else {
            self.rows.node(level, index)?
        };
        found.ok_or(ReadError::MissingNode { level, index })
    }
}

fn corrupt(row: &EventRow, what: Corruption) -> ReadError {
    ReadError::CorruptEvent {
        stream: row.stream.clone(),
        seq: row.seq,
        index: row.index,
        what,
    }
}

/// Checks a stored event against itself: header digest, canonical header, place, payload digest.
fn check_event(row: &EventRow) -> Result<EventHeader, ReadError> {
    let digest = evidence::digest::Digest::of(evidence::digest::Purpose::Event, &row.header);
    if digest != row.digest {
        return Err(corrupt(row, Corruption::HeaderDigest));
    }
    let header = EventHeader::decode(&row.header).map_err(|_| corrupt(row, Corruption::Header))?;
    if header.stream != row.stream.as_str() || header.seq.get() != row.seq.get() {
        return Err(corrupt(row, Corruption::Place));
    }
    if payload_digest(&row.payload) != header.payload_digest {
        return Err(corrupt(row, Corruption::PayloadDigest));
    }
    Ok(header)
}

fn event(row: EventRow, header: EventHeader, payload: Option<Vec<u8>>) -> Result<Event, ReadError> {
    let kind: EventKind = header
        .kind
        .parse()
        .map_err(|_| corrupt(&row, Corruption::Header))?;
    Ok(Event {
        index: row.index,
        stream: row.stream,
        seq: row.seq,
        kind,
        header,
        header_bytes: row.header,
        digest: row.digest,
        stored: row.payload,
        payload,
    })
}

/// The sequence number a stream's head has.
pub(crate) fn head_of(row: Option<&StreamRow>) -> Option<Seq> {
    row.map(|row| row.head)
}
