//! The audit export: its lines, and the check that needs no node.
//!
//! ```text
//! {"type":"head","version":1,"zone":…,"log_key":…,"from":0,"peaks":[],"checkpoint":…}
//! {"type":"event","index":0,"header":{…},"payload":{"json":{…}}}
//! …
//! {"type":"end","events":2}
//! ```
//!
//! The headers, appended to the peaks of the tree before `from`, must give the root that the
//! checkpoint signs. So no event can be changed, left out, added or moved, in a part as in the whole.
//! `payload` is what the header's digest is of. `opened` is the plain text of sealed content: the log
//! commits to its ciphertext, so the plain text is the exporter's word.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read as _};

use data_encoding::{BASE64, HEXLOWER};
use evidence::canonical::{self, CanonicalError};
use evidence::checkpoint::{Checkpoint, CheckpointError};
use evidence::did::DidKey;
use evidence::event::{ChainError, ChainHead, EventError, EventHeader, payload_digest};
use evidence::merkle::{Frontier, Hash};
use evidence::note::{NoteError, NoteVerifier};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest line that is read, in bytes: the largest payload in base64 fits.
const LINE_BYTES_MAX: u64 = 4 << 20;
const VERSION: u64 = 1;

/// One line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Line {
    /// The first line.
    Head(Head),
    /// One event.
    Event(Event),
    /// The last line.
    End(End),
}

/// What the events are checked against.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    version: u64,
    /// The zone.
    pub zone: DidKey,
    /// The verifier key of the log (C2SP signed-note).
    pub log_key: String,
    /// Index of the first event.
    pub from: u64,
    /// Peaks of the tree of the first `from` leaves, largest first, as hexadecimal digits.
    peaks: Vec<String>,
    /// The signed head of the tree that the events complete.
    pub checkpoint: String,
}

/// One event.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Index in the log.
    index: u64,
    /// The header; its canonical bytes are the leaf.
    header: Value,
    /// The content that the header commits to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload: Option<Content>,
    /// The plain text of sealed content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    opened: Option<Content>,
}

/// Bytes, as JSON when that loses nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Canonical JSON.
    Json(Value),
    /// Anything else.
    Base64(String),
}

/// Says that the export is whole.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// How many events there were.
    pub events: u64,
}

impl Head {
    /// The first line of an export that begins at `from`, where the tree before it has these peaks.
    pub fn new(
        zone: &DidKey,
        log: &NoteVerifier,
        from: u64,
        peaks: &[Hash],
        checkpoint: String,
    ) -> Self {
        let peaks = peaks.iter().map(|peak| HEXLOWER.encode(peak)).collect();
        Self {
            version: VERSION,
            zone: *zone,
            log_key: log.to_string(),
            from,
            peaks,
            checkpoint,
        }
    }

    fn frontier(&self) -> Result<Frontier, ExportError> {
        let peak = |text: &String| {
            let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
            Hash::try_from(bytes).ok()
        };
        let peaks: Option<Vec<Hash>> = self.peaks.iter().map(peak).collect();
        let frontier = peaks.and_then(|peaks| Frontier::from_peaks(self.from, peaks).ok());
        frontier.ok_or(ExportError::Peaks)
    }
}

impl Event {
    /// The line of an event, with as much content as is disclosed.
    ///
    /// # Errors
    /// The header is not JSON, which a journal that verifies what it reads never returns.
    pub fn of(event: &journal::Event, disclosed: Option<&[u8]>) -> Result<Self, CanonicalError> {
        let content = disclosed.map(Content::of);
        let (payload, opened) = if event.header.sealed {
            (None, content)
        } else {
            (content, None)
        };
        let header = canonical::parse(&event.header_bytes)?;
        Ok(Self {
            index: event.index.0,
            header,
            payload,
            opened,
        })
    }
}

impl Content {
    fn of(bytes: &[u8]) -> Self {
        let json = canonical::parse(bytes).ok();
        let json = json.filter(|value| canonical::to_vec(value).is_ok_and(|text| text == bytes));
        json.map_or_else(|| Self::Base64(BASE64.encode(bytes)), Self::Json)
    }

    fn bytes(&self) -> Option<Vec<u8>> {
        match self {
            Self::Json(value) => canonical::to_vec(value).ok(),
            Self::Base64(text) => BASE64.decode(text.as_bytes()).ok(),
        }
    }
}

/// What an export proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The zone it names.
    pub zone: DidKey,
    /// The log key that signed the checkpoint.
    pub log_key: NoteVerifier,
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// Index of the first event.
    pub from: u64,
    /// Events, all proven.
    pub events: u64,
    /// Streams they belong to.
    pub streams: u64,
    /// Events whose content is in the export and proven.
    pub contents: u64,
    /// Events whose sealed content is shown as plain text, on the exporter's word.
    pub opened: u64,
}

/// Why an export is refused.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file could not be read.
    #[error("export could not be read")]
    Read(#[source] io::Error),
    /// A line is not strict JSON, or too long.
    #[error("line {line} is not strict JSON of at most {LINE_BYTES_MAX} bytes")]
    NotJson {
        /// The line, from 1.
        line: u64,
        /// Why, when it was short enough to be read.
        #[source]
        source: Option<CanonicalError>,
    },
    /// A line does not have the documented members.
    #[error("line {line} is not a line of an audit export")]
    Shape {
        /// The line, from 1.
        line: u64,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The first line is not a head of version 1, or a later line is.
    #[error("line {line} is out of place")]
    Misplaced {
        /// The line, from 1.
        line: u64,
    },
    /// The file ends before the last line.
    #[error("export is cut off after {events} events")]
    CutOff {
        /// Events before the cut.
        events: u64,
    },
    /// The log key in the head is malformed.
    #[error("log key of the export is not a verifier key")]
    LogKey(#[source] NoteError),
    /// It is of another log than the one that is known.
    #[error("export is of log {actual}, not of {expected}")]
    OtherLog {
        /// The known verifier key.
        expected: String,
        /// The verifier key in the export.
        actual: String,
    },
    /// The peaks do not belong to a tree of the size `from`.
    #[error("peaks are not those of a tree")]
    Peaks,
    /// The checkpoint is not signed by the key.
    #[error("checkpoint is refused")]
    Checkpoint(#[source] CheckpointError),
    /// An event has another index than its place.
    #[error("line {line} holds event {actual} where {expected} belongs")]
    Index {
        /// The line, from 1.
        line: u64,
        /// The index that comes next.
        expected: u64,
        /// The index in the line.
        actual: u64,
    },
    /// A header has no canonical form or is not of the known form.
    #[error("header of event {index} is refused")]
    Header {
        /// Index of the event.
        index: u64,
        /// Why.
        #[source]
        source: EventError,
    },
    /// An event does not continue its stream.
    #[error("event {index} does not continue its stream")]
    Chain {
        /// Index of the event.
        index: u64,
        /// Why.
        #[source]
        source: ChainError,
    },
    /// Content is not what the header commits to.
    #[error("content of event {index} is not what its header commits to")]
    Payload {
        /// Index of the event.
        index: u64,
    },
    /// The events do not give the root that the checkpoint signs.
    #[error("events do not lead to the root of the checkpoint for {size} events")]
    Root {
        /// Size in the checkpoint.
        size: u64,
    },
    /// The last line counts other events than there are.
    #[error("last line counts {counted} events, there are {events}")]
    Count {
        /// In the last line.
        counted: u64,
        /// In the file.
        events: u64,
    },
}

/// Checks an export, line by line, in memory that does not grow with its length but with its streams.
///
/// Without `trusted`, the key that the export itself names is used; whoever reads [`Proven`] must
/// then compare that key with one from another source.
///
/// # Errors
/// The first thing that does not hold.
pub fn verify(
    mut input: impl BufRead,
    trusted: Option<&NoteVerifier>,
) -> Result<Proven, ExportError> {
    let mut number = 1;
    let head = match next_line(&mut input, number)? {
        Some(Line::Head(head)) if head.version == VERSION => head,
        Some(_) => return Err(ExportError::Misplaced { line: 1 }),
        None => return Err(ExportError::CutOff { events: 0 }),
    };
    let mut check = Check::begin(head, trusted)?;
    let counted = loop {
        number += 1;
        match next_line(&mut input, number)? {
            Some(Line::Event(event)) => check.event(&event, number)?,
            Some(Line::End(end)) => break end.events,
            Some(Line::Head(_)) => return Err(ExportError::Misplaced { line: number }),
            None => {
                return Err(ExportError::CutOff {
                    events: check.proven.events,
                });
            }
        }
    };
    if next_line(&mut input, number + 1)?.is_some() {
        return Err(ExportError::Misplaced { line: number + 1 });
    }
    check.finish(counted)
}

fn next_line(input: &mut impl BufRead, number: u64) -> Result<Option<Line>, ExportError> {
    let mut bytes = Vec::new();
    input
        .take(LINE_BYTES_MAX)
        .read_until(b'\n', &mut bytes)
        .map_err(ExportError::Read)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if bytes.pop() != Some(b'\n') {
        return Err(ExportError::NotJson {
            line: number,
            source: None,
        });
    }
    let value = canonical::parse(&bytes).map_err(|source| ExportError::NotJson {
        line: number,
        source: Some(source),
    })?;
    let line = serde_json::from_value(value);
    line.map(Some).map_err(|source| ExportError::Shape {
        line: number,
        source,
    })
}

struct Check {
    proven: Proven,
    frontier: Frontier,
    heads: BTreeMap<String, ChainHead>,
}

impl Check {
    fn begin(head: Head, trusted: Option<&NoteVerifier>) -> Result<Self, ExportError> {
        let frontier = head.frontier()?;
        let log_key: NoteVerifier = head.log_key.parse().map_err(ExportError::LogKey)?;
        if let Some(expected) = trusted
            && *expected != log_key
        {
            let (expected, actual) = (expected.to_string(), head.log_key);
            return Err(ExportError::OtherLog { expected, actual });
        }
        let checkpoint =
            Checkpoint::open(&head.checkpoint, &log_key).map_err(ExportError::Checkpoint)?;
        let proven = Proven {
            zone: head.zone,
            log_key,
            checkpoint,
            from: head.from,
            events: 0,
            streams: 0,
            contents: 0,
            opened: 0,
        };
        Ok(Self {
            proven,
            frontier,
            heads: BTreeMap::new(),
        })
    }

    fn event(&mut self, event: &Event, line: u64) -> Result<(), ExportError> {
        let (expected, actual) = (self.frontier.size(), event.index);
        if actual != expected {
            return Err(ExportError::Index {
                line,
                expected,
                actual,
            });
        }
        let refused = |source| ExportError::Header {
            index: actual,
            source,
        };
        let bytes = canonical::to_vec(&event.header)
            .map_err(|source| refused(EventError::NotJson(source)))?;
        let header = EventHeader::decode(&bytes).map_err(refused)?;
        let encoded = header.encode().map_err(refused)?;
        self.follow(&header, &encoded, actual)?;
        self.content(event, &header)?;
        self.frontier.append(encoded.leaf_hash(), |_, _, _| {});
        self.proven.events += 1;
        Ok(())
    }

    /// A part does not hold the beginning of every stream; its first event of each is believed for
    /// what came before, because the log's root covers both.
    fn follow(
        &mut self,
        header: &EventHeader,
        encoded: &evidence::event::EncodedHeader,
        index: u64,
    ) -> Result<(), ExportError> {
        let whole = self.proven.from == 0;
        match self.heads.get_mut(&header.stream) {
            None if whole || header.seq.get() == 1 => {
                let mut head = ChainHead::genesis(&header.stream);
                head.follow(header, encoded)
                    .map_err(|source| ExportError::Chain { index, source })?;
                self.heads.insert(header.stream.clone(), head);
            }
            None => {
                self.heads
                    .insert(header.stream.clone(), ChainHead::at(header, encoded));
            }
            Some(head) => head
                .follow(header, encoded)
                .map_err(|source| ExportError::Chain { index, source })?,
        }
        Ok(())
    }

    fn content(&mut self, event: &Event, header: &EventHeader) -> Result<(), ExportError> {
        let mismatch = ExportError::Payload { index: event.index };
        if let Some(payload) = &event.payload {
            let holds = payload
                .bytes()
                .is_some_and(|bytes| payload_digest(&bytes) == header.payload_digest);
            if !holds {
                return Err(mismatch);
            }
            self.proven.contents += 1;
        }
        if let Some(opened) = &event.opened {
            if !header.sealed || event.payload.is_some() || opened.bytes().is_none() {
                return Err(mismatch);
            }
            self.proven.opened += 1;
        }
        Ok(())
    }

    fn finish(mut self, counted: u64) -> Result<Proven, ExportError> {
        let events = self.proven.events;
        if counted != events {
            return Err(ExportError::Count { counted, events });
        }
        let checkpoint = &self.proven.checkpoint;
        if self.frontier.size() != checkpoint.size || self.frontier.root() != checkpoint.root {
            return Err(ExportError::Root {
                size: checkpoint.size,
            });
        }
        self.proven.streams = self.heads.len() as u64;
        Ok(self.proven)
    }
}
