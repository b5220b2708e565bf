//! Reads beside the writer: everything returned is durable and verified.

use std::sync::Arc;

use crate::{
    Hash,
    engine::Snapshots,
    error::ReadError,
    names::{LogIndex, Seq, StreamName},
    seal::SealingKey,
    transaction::{Effect, EffectState, Event, Head, Privacy, Record, SignedCheckpoint},
};

/// A cheap handle for reads. Every call sees one consistent snapshot of durable state.
///
/// Calls block on the engine for as long as a point read takes; wide reads belong off an async
/// runtime's threads.
#[derive(Clone)]
pub struct Reader {
    snapshots: Arc<dyn Snapshots>,
    node_key: SealingKey,
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

impl Reader {
    /// Head of a stream, or nothing when it has no event.
    pub fn stream_head(&self, stream: &StreamName) -> Result<Option<StreamHead>, ReadError> {
        todo!()
    }
    /// Heads of streams with names after `after`, ordered by name.
    pub fn streams(
        &self,
        after: Option<&StreamName>,
        limit: usize,
    ) -> Result<Vec<StreamHead>, ReadError> {
        todo!()
    }
    /// Events of a stream from `from`, in order.
    pub fn stream(
        &self,
        stream: &StreamName,
        from: Seq,
        limit: usize,
    ) -> Result<Vec<Event>, ReadError> {
        todo!()
    }
    /// Events of the log from `from`, in order.
    pub fn events(&self, from: LogIndex, limit: usize) -> Result<Vec<Event>, ReadError> {
        todo!()
    }
    /// One event of the log.
    pub fn event(&self, index: LogIndex) -> Result<Option<Event>, ReadError> {
        todo!()
    }
    /// A record.
    pub fn record(&self, kind: &str, id: &str) -> Result<Option<Record>, ReadError> {
        todo!()
    }
    /// Records of one kind whose fields equal every filter, with ids after `after`, ordered by id.
    pub fn records(
        &self,
        kind: &str,
        filters: &[(&str, &str)],
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>, ReadError> {
        todo!()
    }
    /// An outbox row.
    pub fn effect(&self, id: &str) -> Result<Option<Effect>, ReadError> {
        todo!()
    }
    /// Outbox rows in one state with ids after `after`, ordered by id.
    pub fn effects(
        &self,
        state: EffectState,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Effect>, ReadError> {
        todo!()
    }
    /// Number of outbox rows in one state.
    pub fn effects_count(&self, state: EffectState) -> Result<u64, ReadError> {
        todo!()
    }
    /// Size and root of the log.
    pub fn head(&self) -> Result<Head, ReadError> {
        todo!()
    }
    /// Inclusion proof of a leaf in the tree of `size` (RFC 9162 section 2.1.3).
    pub fn inclusion(&self, index: LogIndex, size: u64) -> Result<Vec<Hash>, ReadError> {
        todo!()
    }
    /// Consistency proof between two sizes (RFC 9162 section 2.1.4).
    pub fn consistency(&self, from: u64, to: u64) -> Result<Vec<Hash>, ReadError> {
        todo!()
    }
    /// The newest checkpoint, or nothing for an empty log.
    pub fn checkpoint(&self) -> Result<Option<SignedCheckpoint>, ReadError> {
        todo!()
    }
    /// Checkpoints of size at least `from`, in order.
    pub fn checkpoints(&self, from: u64, limit: usize) -> Result<Vec<SignedCheckpoint>, ReadError> {
        todo!()
    }
}
