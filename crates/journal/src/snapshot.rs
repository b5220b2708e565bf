//! One instant of the journal: everything a decision reads, and the memory of what it read.

use std::{cell::RefCell, fmt};

use evidence::merkle::{self, Hash, ProveError};

use crate::{
    engine::{Read, RecordQuery, StreamRow},
    error::ReadError,
    guard::{self, Guard, Guards},
    names::{LogIndex, Seq, StreamName},
    seal::SealingKey,
    transaction::{Effect, EffectState, Event, Head, Privacy, Record, SignedCheckpoint},
    view::{View, head_of},
};

/// Everything durable at one instant. All reads of one decision come from one snapshot; [`Snapshot::guards`] is what they
/// were, for the transaction that is decided.
///
/// Events are checked against their digests before they are returned: a corrupted row is an error that names it. Calls block
/// on the engine for as long as the read takes, so they belong off an async runtime's threads. Every call fails when the
/// engine fails or a row is corrupt.
///
/// Not guarded: rows of the outbox, which change by leases (a settlement is fenced by its lease), idempotency keys (the
/// writer alone decides about them), and what never changes: events, proofs and checkpoints that exist.
pub struct Snapshot<'a> {
    rows: Box<dyn Read + 'a>,
    node_key: &'a SealingKey,
    size: u64,
    reads: RefCell<Vec<Guard>>,
}

impl fmt::Debug for Snapshot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// Head of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamHead {
    /// Name.
    pub stream: StreamName,
    /// Privacy.
    pub privacy: Privacy,
    /// Sequence number of the last event.
    pub head: Seq,
    /// Whether its key was destroyed.
    pub shredded: bool,
}

impl From<StreamRow> for StreamHead {
    fn from(row: StreamRow) -> Self {
        Self {
            stream: row.stream,
            privacy: row.privacy,
            head: row.head,
            shredded: row.shredded,
        }
    }
}

impl<'a> Snapshot<'a> {
    /// A snapshot of an engine's rows that nobody writes beside, such as those of a backup; a running journal gives its own.
    pub fn new(rows: Box<dyn Read + 'a>, node_key: &'a SealingKey) -> Result<Self, ReadError> {
        let size = rows.size()?;
        Ok(Self {
            rows,
            node_key,
            size,
            reads: RefCell::default(),
        })
    }

    /// What was read so far.
    #[must_use]
    pub fn guards(&self) -> Guards {
        Guards {
            size: self.size,
            reads: self.reads.borrow().clone(),
        }
    }

    /// The raw rows, for fsck and export. What is read there is not guarded.
    #[must_use]
    pub fn rows(&self) -> &dyn Read {
        &*self.rows
    }

    fn view(&self) -> View<'_> {
        View {
            rows: &*self.rows,
            node_key: self.node_key,
        }
    }

    fn note(&self, guard: Guard) {
        self.reads.borrow_mut().push(guard);
    }

    /// Head of a stream, or nothing when it has no event.
    pub fn stream_head(&self, stream: &StreamName) -> Result<Option<StreamHead>, ReadError> {
        let row = self.rows.stream(stream)?;
        self.note(Guard::Stream {
            stream: stream.clone(),
            head: head_of(row.as_ref()),
        });
        Ok(row.map(StreamHead::from))
    }

    /// Heads of streams with names after `after`, ordered by name.
    pub fn streams(
        &self,
        after: Option<&StreamName>,
        limit: usize,
    ) -> Result<Vec<StreamHead>, ReadError> {
        self.note(Guard::Log);
        let rows = self.rows.streams(after, limit)?;
        Ok(rows.into_iter().map(StreamHead::from).collect())
    }

    /// Events of a stream from `from`, in order.
    pub fn stream(
        &self,
        stream: &StreamName,
        from: Seq,
        limit: usize,
    ) -> Result<Vec<Event>, ReadError> {
        self.stream_head(stream)?;
        self.view()
            .events(self.rows.stream_events(stream, from, limit)?)
    }

    /// Events of the log from `from`, in order.
    pub fn events(&self, from: LogIndex, limit: usize) -> Result<Vec<Event>, ReadError> {
        self.note(Guard::Log);
        self.view().events(self.rows.events(from, limit)?)
    }

    /// One event of the log.
    pub fn event(&self, index: LogIndex) -> Result<Option<Event>, ReadError> {
        let mut found = self.view().events(self.rows.events(index, 1)?)?;
        Ok(found.pop().filter(|event| event.index == index))
    }

    /// A record.
    pub fn record(&self, kind: &str, id: &str) -> Result<Option<Record>, ReadError> {
        let row = self.rows.record(kind, id)?;
        self.note(Guard::Record {
            kind: kind.to_owned(),
            id: id.to_owned(),
            version: row.as_ref().map(|row| row.version),
        });
        row.map(|row| self.view().record(row)).transpose()
    }

    /// Records of one kind whose fields equal every filter, with ids after `after`, ordered by id.
    pub fn records(
        &self,
        kind: &str,
        filters: &[(&str, &str)],
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>, ReadError> {
        let query = RecordQuery {
            kind,
            filters,
            after,
            limit,
        };
        self.page(query, "")
    }

    /// Records of one kind whose ids begin with `prefix`, with ids after `after`, ordered by id.
    pub fn records_under(
        &self,
        kind: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>, ReadError> {
        let after = after.filter(|after| *after >= prefix);
        let mut found = Vec::new();
        if after.is_none() && limit > 0 {
            found.extend(self.record(kind, prefix)?);
        }
        let query = RecordQuery {
            kind,
            filters: &[],
            after: Some(after.unwrap_or(prefix)),
            limit: limit - found.len(),
        };
        found.extend(self.page(query, prefix)?);
        Ok(found)
    }

    fn page(&self, query: RecordQuery<'_>, prefix: &str) -> Result<Vec<Record>, ReadError> {
        let rows = guard::page(&*self.rows, query, prefix)?;
        self.note(Guard::of_page(query, prefix, &rows));
        let view = self.view();
        rows.into_iter().map(|row| view.record(row)).collect()
    }

    /// An outbox row.
    pub fn effect(&self, id: &str) -> Result<Option<Effect>, ReadError> {
        let row = self.rows.effect(id)?;
        row.map(|row| self.view().effect(row)).transpose()
    }

    /// Outbox rows in one state with ids after `after`, ordered by id.
    pub fn effects(
        &self,
        state: EffectState,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Effect>, ReadError> {
        let view = self.view();
        let rows = self.rows.effects(state, after, limit)?;
        rows.into_iter().map(|row| view.effect(row)).collect()
    }

    /// Number of outbox rows in one state.
    pub fn effects_count(&self, state: EffectState) -> Result<u64, ReadError> {
        Ok(self.rows.effects_count(state)?)
    }

    /// Response stored with an idempotency key, whether it expired or not.
    pub fn idempotency(&self, scope: &str, key: &str) -> Result<Option<Vec<u8>>, ReadError> {
        let row = self.rows.idempotency(scope, key)?;
        row.map(|row| self.view().response(&row)).transpose()
    }

    /// Number of events in the log.
    pub fn size(&self) -> Result<u64, ReadError> {
        self.note(Guard::Log);
        Ok(self.size)
    }

    /// Size and root of the log.
    pub fn head(&self) -> Result<Head, ReadError> {
        let size = self.size()?;
        Ok(Head {
            size,
            root: merkle::root_at(&self.view(), size)?,
        })
    }

    /// Inclusion proof of a leaf in the tree of `size` (RFC 9162 section 2.1.3).
    pub fn inclusion(&self, index: LogIndex, size: u64) -> Result<Vec<Hash>, ReadError> {
        self.proof(index.0, size, |view| {
            merkle::inclusion_proof(view, index.0, size)
        })
    }

    /// Consistency proof between two sizes, the smaller at least 1 (RFC 9162 section 2.1.4).
    pub fn consistency(&self, from: u64, to: u64) -> Result<Vec<Hash>, ReadError> {
        self.proof(from, to, |view| merkle::consistency_proof(view, from, to))
    }

    fn proof(
        &self,
        index: u64,
        size: u64,
        prove: impl FnOnce(&View<'_>) -> Result<Vec<Hash>, ProveError<ReadError>>,
    ) -> Result<Vec<Hash>, ReadError> {
        let out_of_range = ReadError::OutOfRange {
            index,
            size,
            head: self.size,
        };
        if size > self.size {
            return Err(out_of_range);
        }
        prove(&self.view()).map_err(|error| match error {
            ProveError::Store(error) => error,
            _ => out_of_range,
        })
    }

    /// The newest checkpoint, or nothing for an empty log.
    pub fn checkpoint(&self) -> Result<Option<SignedCheckpoint>, ReadError> {
        self.note(Guard::Log);
        Ok(self.rows.checkpoint_newest()?)
    }

    /// Checkpoints of size at least `from`, in order.
    pub fn checkpoints(&self, from: u64, limit: usize) -> Result<Vec<SignedCheckpoint>, ReadError> {
        self.note(Guard::Log);
        Ok(self.rows.checkpoints(from, limit)?)
    }
}
