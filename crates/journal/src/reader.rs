//! Reads beside the writer: everything returned is durable and verified.

use std::{fmt, sync::Arc};

use evidence::merkle::{self, Hash, ProveError};

use crate::{
    engine::{Read, RecordQuery, Snapshots, StreamRow},
    error::ReadError,
    names::{LogIndex, Seq, StreamName},
    seal::SealingKey,
    transaction::{Effect, EffectState, Event, Head, Privacy, Record, SignedCheckpoint},
    view::View,
};

/// A cheap handle for reads. Every call sees one consistent snapshot of durable state.
///
/// Events are checked against their digests before they are returned: a corrupted row is an error
/// that names it. Calls block on the engine for as long as the read takes; wide reads belong off an
/// async runtime's threads. Every call fails when the engine fails or a row is corrupt.
#[derive(Clone)]
pub struct Reader {
    snapshots: Arc<dyn Snapshots>,
    node_key: SealingKey,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
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

impl Reader {
    /// Reads through an engine's snapshots, opening personal payloads with the node key.
    #[must_use]
    pub fn new(snapshots: Arc<dyn Snapshots>, node_key: SealingKey) -> Self {
        Self {
            snapshots,
            node_key,
        }
    }

    fn with<T>(&self, read: impl FnOnce(View<'_>) -> Result<T, ReadError>) -> Result<T, ReadError> {
        let rows = self.snapshots.snapshot()?;
        read(View {
            rows: &*rows,
            node_key: &self.node_key,
        })
    }

    /// Runs several reads on one snapshot of the raw rows: for fsck and export.
    pub fn with_rows<T, E: From<ReadError>>(
        &self,
        read: impl FnOnce(&dyn Read) -> Result<T, E>,
    ) -> Result<T, E> {
        let rows = self.snapshots.snapshot().map_err(ReadError::from)?;
        read(&*rows)
    }

    /// Head of a stream, or nothing when it has no event.
    pub fn stream_head(&self, stream: &StreamName) -> Result<Option<StreamHead>, ReadError> {
        self.with(|view| Ok(view.rows.stream(stream)?.map(StreamHead::from)))
    }

    /// Heads of streams with names after `after`, ordered by name.
    pub fn streams(
        &self,
        after: Option<&StreamName>,
        limit: usize,
    ) -> Result<Vec<StreamHead>, ReadError> {
        self.with(|view| {
            Ok(view
                .rows
                .streams(after, limit)?
                .into_iter()
                .map(StreamHead::from)
                .collect())
        })
    }

    /// Events of a stream from `from`, in order.
    pub fn stream(
        &self,
        stream: &StreamName,
        from: Seq,
        limit: usize,
    ) -> Result<Vec<Event>, ReadError> {
        self.with(|view| view.events(view.rows.stream_events(stream, from, limit)?))
    }

    /// Events of the log from `from`, in order.
    pub fn events(&self, from: LogIndex, limit: usize) -> Result<Vec<Event>, ReadError> {
        self.with(|view| view.events(view.rows.events(from, limit)?))
    }

    /// One event of the log.
    pub fn event(&self, index: LogIndex) -> Result<Option<Event>, ReadError> {
        let found = self.events(index, 1)?.pop();
        Ok(found.filter(|event| event.index == index))
    }

    /// A record.
    pub fn record(&self, kind: &str, id: &str) -> Result<Option<Record>, ReadError> {
        self.with(|view| {
            view.rows
                .record(kind, id)?
                .map(|row| view.record(row))
                .transpose()
        })
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
        self.with(|view| {
            view.rows
                .records(query)?
                .into_iter()
                .map(|row| view.record(row))
                .collect()
        })
    }

    /// An outbox row.
    pub fn effect(&self, id: &str) -> Result<Option<Effect>, ReadError> {
        self.with(|view| {
            view.rows
                .effect(id)?
                .map(|row| view.effect(row))
                .transpose()
        })
    }

    /// Outbox rows in one state with ids after `after`, ordered by id.
    pub fn effects(
        &self,
        state: EffectState,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Effect>, ReadError> {
        self.with(|view| {
            let rows = view.rows.effects(state, after, limit)?;
            rows.into_iter().map(|row| view.effect(row)).collect()
        })
    }

    /// Number of outbox rows in one state.
    pub fn effects_count(&self, state: EffectState) -> Result<u64, ReadError> {
        self.with(|view| Ok(view.rows.effects_count(state)?))
    }

    /// Response stored with an idempotency key, whether it expired or not.
    pub fn idempotency(&self, scope: &str, key: &str) -> Result<Option<Vec<u8>>, ReadError> {
        self.with(|view| {
            view.rows
                .idempotency(scope, key)?
                .map(|row| view.response(&row))
                .transpose()
        })
    }

    /// Number of events in the log.
    pub fn size(&self) -> Result<u64, ReadError> {
        self.with(|view| Ok(view.rows.size()?))
    }

    /// Size and root of the log.
    pub fn head(&self) -> Result<Head, ReadError> {
        self.with(|view| {
            let size = view.rows.size()?;
            Ok(Head {
                size,
                root: merkle::root_at(&view, size)?,
            })
        })
    }

    /// Inclusion proof of a leaf in the tree of `size` (RFC 9162 section 2.1.3).
    pub fn inclusion(&self, index: LogIndex, size: u64) -> Result<Vec<Hash>, ReadError> {
        self.with(|view| {
            let head = view.rows.size()?;
            let out_of_range = ReadError::OutOfRange {
                index: index.0,
                size,
                head,
            };
            if size > head {
                return Err(out_of_range);
            }
            merkle::inclusion_proof(&view, index.0, size).map_err(|error| match error {
                ProveError::Store(error) => error,
                _ => out_of_range,
            })
        })
    }

    /// Consistency proof between two sizes, the smaller at least 1 (RFC 9162 section 2.1.4).
    pub fn consistency(&self, from: u64, to: u64) -> Result<Vec<Hash>, ReadError> {
        self.with(|view| {
            let head = view.rows.size()?;
            let out_of_range = ReadError::OutOfRange {
                index: from,
                size: to,
                head,
            };
            if to > head {
                return Err(out_of_range);
            }
            merkle::consistency_proof(&view, from, to).map_err(|error| match error {
                ProveError::Store(error) => error,
                _ => out_of_range,
            })
        })
    }

    /// The newest checkpoint, or nothing for an empty log.
    pub fn checkpoint(&self) -> Result<Option<SignedCheckpoint>, ReadError> {
        self.with(|view| Ok(view.rows.checkpoint_newest()?))
    }

    /// Checkpoints of size at least `from`, in order.
    pub fn checkpoints(&self, from: u64, limit: usize) -> Result<Vec<SignedCheckpoint>, ReadError> {
        self.with(|view| Ok(view.rows.checkpoints(from, limit)?))
    }
}
