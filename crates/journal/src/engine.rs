//! What a storage engine must do.
//!
//! An engine stores rows; it knows no chain, no Merkle tree, no sealing and no idempotency rule.
//! Those live once, above this trait.
//!
//! Contract (guard: the conformance suite):
//! 1. `Write::commit` returns `Ok` only when all rows of the transaction survive a power loss.
//! 2. Readers see a transaction after it is durable, never before, and see all of it or nothing.
//! 3. A dropped or rolled-back transaction leaves no trace.
//! 4. A failed sync is reported as `Fault::Sync` and never retried inside the engine.
//! 5. After `Engine::erase` no byte of a deleted row is left in any file of the engine.

use std::{collections::BTreeMap, sync::Arc};

use evidence::digest::Digest;
use serde::{Deserialize, Serialize};

use crate::{
    Hash,
    error::EngineError,
    names::{LogIndex, Seq, StreamName},
    transaction::{EffectState, Privacy, SignedCheckpoint},
};

/// A stored event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRow {
    /// Index in the log.
    pub index: LogIndex,
    /// Stream.
    pub stream: StreamName,
    /// Sequence number in the stream.
    pub seq: Seq,
    /// Digest of the header.
    pub digest: Digest,
    /// Canonical header bytes.
    pub header: Vec<u8>,
    /// Payload as stored.
    pub payload: Vec<u8>,
}

/// A stream's head.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamRow {
    /// Name.
    pub stream: StreamName,
    /// Privacy, fixed by the first append.
    pub privacy: Privacy,
    /// Sequence number of the last event.
    pub head: Seq,
    /// Digest of the last event's header.
    pub head_digest: Digest,
    /// Data key wrapped by the node key: nothing for public and for shredded streams.
    pub wrapped_key: Option<Vec<u8>>,
    /// Whether the key was destroyed.
    pub shredded: bool,
}

/// A stored record; the body is sealed when the owner is personal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordRow {
    /// Kind.
    pub kind: String,
    /// Id, unique within the kind.
    pub id: String,
    /// Owner.
    pub stream: Option<StreamName>,
    /// Indexed fields.
    pub fields: BTreeMap<String, String>,
    /// Body as stored.
    pub body: Vec<u8>,
    /// Log index of the last change.
    pub version: u64,
}

/// Which records to list: those of `kind` whose fields equal every filter, with ids after `after`,
/// ordered by id, at most `limit`.
#[derive(Clone, Copy, Debug)]
pub struct RecordQuery<'a> {
    /// Kind.
    pub kind: &'a str,
    /// Field and value pairs that must all match.
    pub filters: &'a [(&'a str, &'a str)],
    /// Id to start after.
    pub after: Option<&'a str>,
    /// Page size.
    pub limit: usize,
}

/// A stored outbox row; the payload is sealed when the owner is personal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectRow {
    /// Unique id.
    pub id: String,
    /// Kind.
    pub kind: String,
    /// Owner of the payload.
    pub owner: Option<StreamName>,
    /// Payload as stored.
    pub payload: Vec<u8>,
    /// State.
    pub state: EffectState,
    /// How often it was leased; the newest lease's fencing token.
    pub attempts: u64,
    /// Earliest next lease, Unix milliseconds.
    pub not_before_ms: i64,
    /// End of the newest lease, Unix milliseconds.
    pub leased_until_ms: i64,
    /// Last error.
    pub error: Option<String>,
}

/// A stored idempotency key; the response is sealed when the owner is personal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRow {
    /// Principal and route.
    pub scope: String,
    /// Key.
    pub key: String,
    /// Digest of the request.
    pub request: Digest,
    /// Owner of the response.
    pub owner: Option<StreamName>,
    /// Response as stored.
    pub response: Vec<u8>,
    /// When it may be forgotten, Unix milliseconds.
    pub expires_ms: i64,
    /// Log index of the first event of the transaction.
    pub first: LogIndex,
    /// Number of its events.
    pub count: u64,
}

/// Reads of one consistent snapshot. In a transaction they see its own writes.
pub trait Read {
    /// Number of events in the log.
    fn size(&self) -> Result<u64, EngineError>;
    /// Head of a stream.
    fn stream(&self, stream: &StreamName) -> Result<Option<StreamRow>, EngineError>;
    /// Streams with names after `after`, ordered by name.
    fn streams(
        &self,
        after: Option<&StreamName>,
        limit: usize,
    ) -> Result<Vec<StreamRow>, EngineError>;
    /// Events of a stream from `from`, in order.
    fn stream_events(
        &self,
        stream: &StreamName,
        from: Seq,
        limit: usize,
    ) -> Result<Vec<EventRow>, EngineError>;
    /// Events of the log from `from`, in order.
    fn events(&self, from: LogIndex, limit: usize) -> Result<Vec<EventRow>, EngineError>;
    /// A complete Merkle node above the leaves.
    fn node(&self, level: u8, index: u64) -> Result<Option<Hash>, EngineError>;
    /// Places of Merkle nodes after (level, index), ordered by both.
    fn nodes(&self, after: Option<(u8, u64)>, limit: usize) -> Result<Vec<(u8, u64)>, EngineError>;
    /// The newest checkpoint.
    fn checkpoint_newest(&self) -> Result<Option<SignedCheckpoint>, EngineError>;
    /// Checkpoints of size at least `from`, in order.
    fn checkpoints(&self, from: u64, limit: usize) -> Result<Vec<SignedCheckpoint>, EngineError>;
    /// A record.
    fn record(&self, kind: &str, id: &str) -> Result<Option<RecordRow>, EngineError>;
    /// Records of one kind.
    fn records(&self, query: RecordQuery<'_>) -> Result<Vec<RecordRow>, EngineError>;
    /// All records after (kind, id), ordered by both: for comparison after a rebuild.
    fn records_all(
        &self,
        after: Option<(&str, &str)>,
        limit: usize,
    ) -> Result<Vec<RecordRow>, EngineError>;
    /// An outbox row.
    fn effect(&self, id: &str) -> Result<Option<EffectRow>, EngineError>;
    /// Outbox rows in one state with ids after `after`, ordered by id.
    fn effects(
        &self,
        state: EffectState,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<EffectRow>, EngineError>;
    /// Pending rows that may be leased at `now_ms`, ordered by (not_before, id). No kinds means all.
    fn effects_due(
        &self,
        now_ms: i64,
        kinds: &[String],
        limit: usize,
    ) -> Result<Vec<EffectRow>, EngineError>;
    /// Number of outbox rows in one state.
    fn effects_count(&self, state: EffectState) -> Result<u64, EngineError>;
    /// An idempotency row.
    fn idempotency(&self, scope: &str, key: &str) -> Result<Option<IdempotencyRow>, EngineError>;
    /// A named value of the journal itself.
    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, EngineError>;
}

/// One transaction: all its writes become durable together, or none.
pub trait Write: Read {
    /// Marks a point to roll back to. Marks do not nest.
    fn savepoint(&mut self) -> Result<(), EngineError>;
    /// Undoes the writes since the mark and removes it.
    fn rollback_to_savepoint(&mut self) -> Result<(), EngineError>;
    /// Removes the mark and keeps the writes.
    fn release_savepoint(&mut self) -> Result<(), EngineError>;
    /// Inserts an event; its index is the size of the log.
    fn insert_event(&mut self, row: &EventRow) -> Result<(), EngineError>;
    /// Inserts or replaces a stream's head. A `wrapped_key` of nothing destroys the stored key.
    fn put_stream(&mut self, row: &StreamRow) -> Result<(), EngineError>;
    /// Inserts a Merkle node.
    fn insert_node(&mut self, level: u8, index: u64, hash: Hash) -> Result<(), EngineError>;
    /// Inserts a checkpoint.
    fn insert_checkpoint(&mut self, checkpoint: &SignedCheckpoint) -> Result<(), EngineError>;
    /// Inserts or replaces a record.
    fn put_record(&mut self, row: &RecordRow) -> Result<(), EngineError>;
    /// Deletes a record, if it exists.
    fn delete_record(&mut self, kind: &str, id: &str) -> Result<(), EngineError>;
    /// Deletes every record.
    fn clear_records(&mut self) -> Result<(), EngineError>;
    /// Deletes the records, effects and idempotency rows that a stream owns.
    fn delete_owned(&mut self, stream: &StreamName) -> Result<(), EngineError>;
    /// Inserts or replaces an outbox row.
    fn put_effect(&mut self, row: &EffectRow) -> Result<(), EngineError>;
    /// Inserts or replaces an idempotency row.
    fn put_idempotency(&mut self, row: &IdempotencyRow) -> Result<(), EngineError>;
    /// Forgets at most `limit` idempotency rows that expired at `now_ms`.
    fn expire_idempotency(&mut self, now_ms: i64, limit: usize) -> Result<(), EngineError>;
    /// Inserts or replaces a named value of the journal itself.
    fn put_meta(&mut self, name: &str, value: &[u8]) -> Result<(), EngineError>;
    /// Makes the transaction durable, then visible.
    fn commit(self: Box<Self>) -> Result<(), EngineError>;
}

/// Opens consistent snapshots beside the writer.
pub trait Snapshots: Send + Sync {
    /// A snapshot of everything durable.
    fn snapshot(&self) -> Result<Box<dyn Read + '_>, EngineError>;
}

/// A storage engine, owned by one writer.
pub trait Engine: Send {
    /// Starts a transaction.
    fn begin(&mut self) -> Result<Box<dyn Write + '_>, EngineError>;
    /// Readers beside the writer.
    fn snapshots(&self) -> Arc<dyn Snapshots>;
    /// Removes the last bytes of deleted rows from every file.
    fn erase(&mut self) -> Result<(), EngineError>;
}
