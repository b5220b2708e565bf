//! A checker that trusts only published bytes.
//!
//! It shares no code with the writer beyond the hash functions: from the stored events alone it
//! makes every chain, every Merkle node and every root again, and compares them with what is
//! stored and signed. A log that was cut together with its checkpoints is whole in itself; only a
//! checkpoint kept elsewhere shows it, so the caller can pass one.

use std::collections::BTreeMap;

use evidence::{
    checkpoint::Checkpoint,
    digest::{Digest, Purpose},
    event::{self, EventHeader},
    merkle::{self, Frontier, Hash},
    note::NoteVerifier,
};

use crate::{
    engine::{EventRow, Read, StreamRow},
    error::{Corruption, EngineError},
    names::{LogIndex, Seq, StreamName},
    rules::SHREDDED_KIND,
    transaction::{Privacy, SignedCheckpoint},
};

const PAGE: usize = 256;

/// Published bytes to check. Pages are ordered and complete.
pub trait Source {
    /// Events from `from`, in order.
    fn events(&self, from: LogIndex, limit: usize) -> Result<Vec<EventRow>, EngineError>;
    /// A Merkle node above the leaves.
    fn node(&self, level: u8, index: u64) -> Result<Option<Hash>, EngineError>;
    /// Places of Merkle nodes after (level, index), ordered by both.
    fn nodes(&self, after: Option<(u8, u64)>, limit: usize) -> Result<Vec<(u8, u64)>, EngineError>;
    /// Checkpoints of size at least `from`, in order.
    fn checkpoints(&self, from: u64, limit: usize) -> Result<Vec<SignedCheckpoint>, EngineError>;
    /// Stream heads with names after `after`, in order. Wrapped keys are not looked at.
    fn streams(
        &self,
        after: Option<&StreamName>,
        limit: usize,
    ) -> Result<Vec<StreamRow>, EngineError>;
}

/// The rows of an engine's snapshot as a source.
pub struct Rows<'a>(pub &'a dyn Read);

impl Source for Rows<'_> {
    fn events(&self, from: LogIndex, limit: usize) -> Result<Vec<EventRow>, EngineError> {
        self.0.events(from, limit)
    }

    fn node(&self, level: u8, index: u64) -> Result<Option<Hash>, EngineError> {
        self.0.node(level, index)
    }

    fn nodes(&self, after: Option<(u8, u64)>, limit: usize) -> Result<Vec<(u8, u64)>, EngineError> {
        self.0.nodes(after, limit)
    }

    fn checkpoints(&self, from: u64, limit: usize) -> Result<Vec<SignedCheckpoint>, EngineError> {
        self.0.checkpoints(from, limit)
    }

    fn streams(
        &self,
        after: Option<&StreamName>,
        limit: usize,
    ) -> Result<Vec<StreamRow>, EngineError> {
        self.0.streams(after, limit)
    }
}

/// Something that is not what the writer wrote.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Damage {
    /// No event has this index, but a later one exists.
    #[error("event {index} is missing")]
    EventMissing {
        /// Index.
        index: LogIndex,
    },
    /// The event's row cannot be read.
    #[error("event {index} or what follows cannot be read")]
    EventUnreadable {
        /// Index.
        index: LogIndex,
    },
    /// The event's bytes are not what was written.
    #[error("event {seq} of stream {stream} at index {index}: {what}")]
    EventCorrupt {
        /// Index.
        index: LogIndex,
        /// Stream.
        stream: StreamName,
        /// Sequence number.
        seq: Seq,
        /// What differs.
        what: Corruption,
    },
    /// The event does not have the sequence number that follows in its stream.
    #[error("event {seq} of stream {stream} at index {index} follows event {after}")]
    WrongSeq {
        /// Index.
        index: LogIndex,
        /// Stream.
        stream: StreamName,
        /// Sequence number.
        seq: Seq,
        /// Sequence number of the event before, 0 for none.
        after: u64,
    },
    /// The event does not name its predecessor.
    #[error("event {seq} of stream {stream} at index {index} does not name its predecessor")]
    BrokenLink {
        /// Index.
        index: LogIndex,
        /// Stream.
        stream: StreamName,
        /// Sequence number.
        seq: Seq,
    },
    /// A Merkle node that the events make is not stored.
    #[error("Merkle node {level}/{index} is missing")]
    NodeMissing {
        /// Level.
        level: u8,
        /// Index in the level.
        index: u64,
    },
    /// A stored Merkle node is not the one the events make.
    #[error("Merkle node {level}/{index} is wrong")]
    NodeWrong {
        /// Level.
        level: u8,
        /// Index in the level.
        index: u64,
    },
    /// A stored Merkle node covers events that do not exist.
    #[error("Merkle node {level}/{index} covers no events")]
    NodeUnexpected {
        /// Level.
        level: u8,
        /// Index in the level.
        index: u64,
    },
    /// A checkpoint is malformed or not signed by the log.
    #[error("checkpoint {size} does not verify")]
    CheckpointRefused {
        /// Size it is stored under.
        size: u64,
    },
    /// A checkpoint is stored under another size than it signs.
    #[error("checkpoint stored as {size} is of size {signed}")]
    CheckpointPlace {
        /// Size it is stored under.
        size: u64,
        /// Size it signs.
        signed: u64,
    },
    /// A checkpoint signs another root than the events make.
    #[error("checkpoint {size} has another root")]
    CheckpointRoot {
        /// Size.
        size: u64,
    },
    /// A checkpoint is larger than the log: events are missing at its end.
    #[error("checkpoint {size} is beyond the log's {events} events")]
    CheckpointBeyond {
        /// Size.
        size: u64,
        /// Events there are.
        events: u64,
    },
    /// The last events are covered by no checkpoint.
    #[error("the {events} events are not covered by a checkpoint")]
    HeadUncovered {
        /// Events there are.
        events: u64,
    },
    /// A stream with events has no head.
    #[error("stream {stream} has events but no head")]
    StreamMissing {
        /// Stream.
        stream: StreamName,
    },
    /// A head is stored for a stream without events.
    #[error("stream {stream} has a head but no events")]
    StreamUnexpected {
        /// Stream.
        stream: StreamName,
    },
    /// A stream's head is not its last event.
    #[error("head of stream {stream} is not its last event")]
    StreamHead {
        /// Stream.
        stream: StreamName,
    },
    /// A stream's privacy or shredding is not what its events say.
    #[error("stream {stream} is not as sealed or shredded as its events")]
    StreamSealing {
        /// Stream.
        stream: StreamName,
    },
    /// A line of an archive is not canonical, out of order, or of no known form.
    #[error("line {line} of the archive is not what the journal wrote")]
    ArchiveLine {
        /// Line, from 1.
        line: u64,
    },
    /// The log is not the one the expected checkpoint was signed for.
    #[error("log does not contain the expected checkpoint of size {size}")]
    ExpectedCheckpoint {
        /// Size of the expected checkpoint.
        size: u64,
    },
    /// Rows other than events cannot be read.
    #[error("{what} cannot be read")]
    Unreadable {
        /// Which rows.
        what: &'static str,
    },
}

/// What a check saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Events checked.
    pub events: u64,
    /// Streams checked.
    pub streams: u64,
    /// Checkpoints checked.
    pub checkpoints: u64,
    /// Root of the events found.
    pub root: Hash,
    /// What is wrong, ordered by kind and place; empty when all is well.
    pub findings: Vec<Damage>,
}

/// What a stream's events say of its head.
struct Followed {
    seq: u64,
    digest: Digest,
    sealed: bool,
    shredded: bool,
}

struct Check<'a> {
    source: &'a dyn Source,
    frontier: Frontier,
    streams: BTreeMap<StreamName, Followed>,
    checkpoints: Checkpoints<'a>,
    expected: Option<&'a Checkpoint>,
    report: Report,
}

/// Checkpoints in order, a page at a time.
struct Checkpoints<'a> {
    source: &'a dyn Source,
    page: std::collections::VecDeque<SignedCheckpoint>,
    from: u64,
    unreadable: bool,
}

/// Checks everything. `expected` is a checkpoint from outside that the log must contain; `progress`
/// is told events done and the size of the newest checkpoint.
pub fn check(
    source: &dyn Source,
    verifier: &NoteVerifier,
    expected: Option<&Checkpoint>,
    mut progress: impl FnMut(u64, u64),
) -> Report {
    let checkpoints = Checkpoints {
        source,
        page: [].into(),
        from: 0,
        unreadable: false,
    };
    let mut check = Check {
        source,
        frontier: Frontier::new(),
        streams: BTreeMap::new(),
        checkpoints,
        expected,
        report: Report::default(),
    };
    check.at_size(verifier);
    check.events(verifier, &mut progress);
    check.checkpoints_beyond(verifier);
    check.nodes_beyond();
    check.stream_heads();
    let mut report = check.report;
    report.root = check.frontier.root();
    report.findings.sort();
    report.findings.dedup();
    report
}

impl Checkpoints<'_> {
    fn peek(&mut self) -> Option<&SignedCheckpoint> {
        if self.page.is_empty() && !self.unreadable {
            match self.source.checkpoints(self.from, PAGE) {
                Ok(page) => {
                    if let Some(last) = page.last() {
                        self.from = last.size.saturating_add(1);
                    }
                    self.page = page.into();
                }
                Err(_) => self.unreadable = true,
            }
        }
        self.page.front()
    }

    fn take_if(&mut self, wanted: impl Fn(u64) -> bool) -> Option<SignedCheckpoint> {
        if !self.peek().is_some_and(|next| wanted(next.size)) {
            return None;
        }
        self.page.pop_front()
    }
}

impl Check<'_> {
    fn find(&mut self, finding: Damage) {
        self.report.findings.push(finding);
    }

    fn events(&mut self, verifier: &NoteVerifier, progress: &mut impl FnMut(u64, u64)) {
        let mut from = LogIndex(0);
        let mut limit = PAGE;
        loop {
            match self.source.events(from, limit) {
                Ok(page) => {
                    let Some(last) = page.last() else { return };
                    let next = LogIndex(last.index.0.saturating_add(1));
                    for row in page {
                        self.event(row, verifier);
                    }
                    from = next;
                    limit = PAGE;
                }
                // Reading one by one finds the row; what follows it is still checked.
                Err(_) if limit > 1 => limit = 1,
                Err(_) => {
                    self.find(Damage::EventUnreadable { index: from });
                    match self.source.events(LogIndex(from.0 + 1), 1) {
                        Ok(page) if page.is_empty() => return,
                        Ok(_) => from = LogIndex(from.0 + 1),
                        Err(_) => return,
                    }
                }
            }
            progress(self.report.events, self.checkpoints.from);
        }
    }

    fn event(&mut self, row: EventRow, verifier: &NoteVerifier) {
        self.report.events += 1;
        let missing = self.frontier.size()..row.index.0;
        if !missing.is_empty() {
            self.find(Damage::EventMissing {
                index: LogIndex(missing.start),
            });
        }
        self.chain(&row);
        let mut completed = Vec::new();
        let leaf = merkle::leaf_hash(&row.header);
        self.frontier.append(leaf, |level, index, hash| {
            completed.push((level, index, hash))
        });
        for (level, index, hash) in completed.into_iter().filter(|&(level, ..)| level > 0) {
            match self.source.node(level, index) {
                Ok(Some(stored)) if stored == hash => {}
                Ok(None) => self.find(Damage::NodeMissing { level, index }),
                Ok(Some(_)) | Err(_) => self.find(Damage::NodeWrong { level, index }),
            }
        }
        self.at_size(verifier);
    }

    fn chain(&mut self, row: &EventRow) {
        let (index, stream, seq) = (row.index, row.stream.clone(), row.seq);
        let header = match check_event(row) {
            Ok(header) => Some(header),
            Err(what) => {
                self.find(Damage::EventCorrupt {
                    index,
                    stream: stream.clone(),
                    seq,
                    what,
                });
                EventHeader::decode(&row.header).ok()
            }
        };
        let digest = Digest::of(Purpose::Event, &row.header);
        let genesis = Followed {
            seq: 0,
            digest: event::genesis(stream.as_str()),
            sealed: false,
            shredded: false,
        };
        let before = self.streams.remove(&stream).unwrap_or(genesis);
        if before.seq.checked_add(1) != Some(seq.get()) {
            let after = before.seq;
            self.find(Damage::WrongSeq {
                index,
                stream: stream.clone(),
                seq,
                after,
            });
        }
        if header
            .as_ref()
            .is_some_and(|header| header.prev != before.digest)
        {
            self.find(Damage::BrokenLink {
                index,
                stream: stream.clone(),
                seq,
            });
        }
        let tombstone = header
            .as_ref()
            .is_some_and(|header| header.kind == SHREDDED_KIND);
        let sealed = header.is_none_or(|header| header.sealed);
        let fits = (before.seq == 0 || sealed == before.sealed || tombstone) && !before.shredded;
        if !fits {
            self.find(Damage::StreamSealing {
                stream: stream.clone(),
            });
        }
        let followed = Followed {
            seq: seq.get(),
            digest,
            sealed: sealed || before.sealed,
            shredded: tombstone,
        };
        self.streams.insert(stream, followed);
    }

    /// Compares the checkpoints of exactly this size.
    fn at_size(&mut self, verifier: &NoteVerifier) {
        let size = self.frontier.size();
        if let Some(expected) = self.expected
            && expected.size == size
            && expected.root != self.frontier.root()
        {
            self.find(Damage::ExpectedCheckpoint { size });
        }
        while let Some(signed) = self.checkpoints.take_if(|stored| stored <= size) {
            self.report.checkpoints += 1;
            match Checkpoint::open(&signed.note, verifier) {
                Err(_) => self.find(Damage::CheckpointRefused { size: signed.size }),
                Ok(opened) if opened.size != signed.size => {
                    let signed_size = opened.size;
                    self.find(Damage::CheckpointPlace {
                        size: signed.size,
                        signed: signed_size,
                    });
                }
                Ok(opened) if opened.size != size || opened.root != self.frontier.root() => {
                    self.find(Damage::CheckpointRoot { size: signed.size });
                }
                Ok(_) => {}
            }
        }
    }

    fn checkpoints_beyond(&mut self, verifier: &NoteVerifier) {
        let events = self.frontier.size();
        let covered = self.covers(events);
        while let Some(signed) = self.checkpoints.take_if(|_| true) {
            self.report.checkpoints += 1;
            let size = signed.size;
            self.find(match Checkpoint::open(&signed.note, verifier) {
                Ok(opened) if opened.size == size => Damage::CheckpointBeyond { size, events },
                Ok(opened) => Damage::CheckpointPlace {
                    size,
                    signed: opened.size,
                },
                Err(_) => Damage::CheckpointRefused { size },
            });
        }
        if self.checkpoints.unreadable {
            self.find(Damage::Unreadable {
                what: "checkpoints",
            });
        }
        if events > 0 && !covered {
            self.find(Damage::HeadUncovered { events });
        }
        if let Some(expected) = self.expected
            && expected.size > events
        {
            self.find(Damage::ExpectedCheckpoint {
                size: expected.size,
            });
        }
    }

    /// Whether a checkpoint of exactly this size is stored.
    fn covers(&self, events: u64) -> bool {
        match self.source.checkpoints(events, 1) {
            Ok(found) => found.first().is_some_and(|newest| newest.size == events),
            Err(_) => false,
        }
    }

    fn nodes_beyond(&mut self) {
        let size = self.frontier.size();
        let mut after = None;
        loop {
            let Ok(page) = self.source.nodes(after, PAGE) else {
                return self.find(Damage::Unreadable {
                    what: "Merkle nodes",
                });
            };
            let Some(last) = page.last() else { return };
            after = Some(*last);
            for (level, index) in page {
                let end = index
                    .checked_add(1)
                    .and_then(|end| end.checked_mul(1 << level.min(63)));
                if level == 0 || level > 63 || end.is_none_or(|end| end > size) {
                    self.find(Damage::NodeUnexpected { level, index });
                }
            }
        }
    }

    fn stream_heads(&mut self) {
        let mut after: Option<StreamName> = None;
        let mut limit = PAGE;
        let mut followed = std::mem::take(&mut self.streams);
        loop {
            let page = match self.source.streams(after.as_ref(), limit) {
                Ok(page) => page,
                // Reading one by one finds the row: it is that of the next stream with events.
                Err(_) if limit > 1 => {
                    limit = 1;
                    continue;
                }
                Err(_) => {
                    let next = followed
                        .keys()
                        .find(|&name| Some(name) > after.as_ref())
                        .cloned();
                    let Some(stream) = next else {
                        return self.find(Damage::Unreadable {
                            what: "stream heads",
                        });
                    };
                    followed.remove(&stream);
                    self.find(Damage::StreamHead {
                        stream: stream.clone(),
                    });
                    after = Some(stream);
                    continue;
                }
            };
            let Some(last) = page.last() else { break };
            after = Some(last.stream.clone());
            for row in page {
                self.report.streams += 1;
                let stream = row.stream;
                let Some(events) = followed.remove(&stream) else {
                    self.find(Damage::StreamUnexpected { stream });
                    continue;
                };
                if events.seq != row.head.get() || events.digest != row.head_digest {
                    self.find(Damage::StreamHead {
                        stream: stream.clone(),
                    });
                }
                let personal = row.privacy == Privacy::Personal;
                if events.sealed != personal || events.shredded != row.shredded {
                    self.find(Damage::StreamSealing { stream });
                }
            }
        }
        for stream in followed.into_keys() {
            self.find(Damage::StreamMissing { stream });
        }
    }
}

fn check_event(row: &EventRow) -> Result<EventHeader, Corruption> {
    if Digest::of(Purpose::Event, &row.header) != row.digest {
        return Err(Corruption::HeaderDigest);
    }
    let header = EventHeader::decode(&row.header).map_err(|_| Corruption::Header)?;
    if header.stream != row.stream.as_str() || header.seq.get() != row.seq.get() {
        return Err(Corruption::Place);
    }
    if event::payload_digest(&row.payload) != header.payload_digest {
        return Err(Corruption::PayloadDigest);
    }
    Ok(header)
}
