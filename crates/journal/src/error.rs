//! What can go wrong, one enum per operation.

use std::path::PathBuf;

use evidence::digest::Digest;

use crate::{
    decision::WriterRefusal,
    guard::Guard,
    names::{EventKind, LogIndex, Seq, StreamName},
    transaction::{Committed, Expected, Privacy},
};

/// A source error of an engine.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// What kind of fault an engine met. The writer decides by it, so engines must be exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No space; the transaction was rolled back and a later one may work.
    Full,
    /// Reading or writing failed.
    Io,
    /// Making bytes durable failed: what is on disk is unknown until the engine is reopened.
    Sync,
    /// Stored bytes are not what was written.
    Corrupt,
    /// Another process holds the database.
    Busy,
    /// The engine was used against its contract, or refused a statement.
    Misuse,
}

/// A failure of a storage engine.
#[derive(Debug, thiserror::Error)]
#[error("engine could not {action}: {fault:?}")]
pub struct EngineError {
    /// What it tried, as a verb phrase.
    pub action: &'static str,
    /// What kind of fault it was.
    pub fault: Fault,
    /// The engine's own error.
    #[source]
    pub source: Option<Source>,
}

impl EngineError {
    /// An error without a source.
    #[must_use]
    pub fn new(action: &'static str, fault: Fault) -> Self {
        Self {
            action,
            fault,
            source: None,
        }
    }

    /// An error caused by `source`.
    pub fn from_source(action: &'static str, fault: Fault, source: impl Into<Source>) -> Self {
        Self {
            action,
            fault,
            source: Some(source.into()),
        }
    }
}

/// Why sealed bytes do not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The envelope is too short or of an unknown version.
    #[error("sealed bytes have no known envelope")]
    Envelope,
    /// Key, place or bytes differ from those it was sealed with.
    #[error("sealed bytes do not open with this key at this place")]
    Refused,
    /// The wrapped key is not 32 bytes.
    #[error("wrapped key has the wrong length")]
    KeyLength,
}

/// Why a projection did not accept an event. It refuses the transaction.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// The payload is not what its kind says.
    #[error("payload of kind {kind} is not valid")]
    Payload {
        /// Kind of the event.
        kind: EventKind,
        /// Why.
        #[source]
        source: Source,
    },
    /// A rule of the read model refuses the event.
    #[error("read model refuses {kind}: {rule}")]
    Rule {
        /// Kind of the event.
        kind: EventKind,
        /// The rule.
        rule: &'static str,
    },
    /// An event of a personal stream wrote a record that the stream does not own. Its content would
    /// outlive the stream's key.
    #[error(
        "event of personal stream {stream} may not write record {kind}/{id}, which it does not own"
    )]
    ForeignRecord {
        /// The personal stream.
        stream: StreamName,
        /// Kind of the record.
        kind: String,
        /// Id of the record.
        id: String,
    },
    /// A record is owned by a stream that has no event.
    #[error("record {kind}/{id} is owned by {stream}, which has no event")]
    OwnerUnknown {
        /// The owner.
        stream: StreamName,
        /// Kind of the record.
        kind: String,
        /// Id of the record.
        id: String,
    },
    /// A record could not be read.
    #[error("record could not be read")]
    Read(#[source] Box<ReadError>),
}

impl From<ReadError> for ProjectionError {
    fn from(source: ReadError) -> Self {
        Self::Read(Box::new(source))
    }
}

impl From<EngineError> for ProjectionError {
    fn from(source: EngineError) -> Self {
        Self::Read(Box::new(ReadError::Engine(source)))
    }
}

/// Why a read did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The engine failed.
    #[error("engine failed")]
    Engine(#[from] EngineError),
    /// An event is not what was written.
    #[error("event {seq} of stream {stream} at index {index} is corrupt: {what}")]
    CorruptEvent {
        /// Stream.
        stream: StreamName,
        /// Sequence number.
        seq: Seq,
        /// Log index.
        index: LogIndex,
        /// What differs.
        what: Corruption,
    },
    /// A record's body does not open.
    #[error("record {kind}/{id} is corrupt")]
    CorruptRecord {
        /// Kind.
        kind: String,
        /// Id.
        id: String,
        /// Why.
        #[source]
        source: SealError,
    },
    /// An effect's payload or an idempotent response does not open.
    #[error("outbox or idempotency row {id} is corrupt")]
    CorruptRow {
        /// Id of the row.
        id: String,
        /// Why.
        #[source]
        source: SealError,
    },
    /// A stream's data key does not open with the node key.
    #[error("data key of stream {stream} does not open")]
    CorruptKey {
        /// Stream.
        stream: StreamName,
        /// Why.
        #[source]
        source: SealError,
    },
    /// A Merkle node that must exist does not.
    #[error("Merkle node at level {level}, index {index} is missing")]
    MissingNode {
        /// Level; leaves are level 0.
        level: u8,
        /// Index in the level.
        index: u64,
    },
    /// A proof was asked for a tree that does not exist (yet).
    #[error("no proof for index {index} in a tree of size {size}; the log has {head}")]
    OutOfRange {
        /// Index or smaller size asked for.
        index: u64,
        /// Tree size asked for.
        size: u64,
        /// Size of the log.
        head: u64,
    },
}

/// What is wrong with a stored event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Corruption {
    /// The header's bytes have another digest than the one stored beside them.
    #[error("header does not have its digest")]
    HeaderDigest,
    /// The header is not a canonical event header.
    #[error("header is not canonical")]
    Header,
    /// The header names another stream or sequence number.
    #[error("header names another place")]
    Place,
    /// The payload's bytes have another digest than the header commits to.
    #[error("payload does not have its digest")]
    PayloadDigest,
    /// The sealed payload does not open.
    #[error("sealed payload does not open")]
    Sealed,
}

/// Which limit a transaction exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// Bytes of one payload.
    #[error("payload bytes")]
    PayloadBytes,
    /// Bytes of the whole transaction.
    #[error("transaction bytes")]
    TransactionBytes,
    /// Events of the transaction.
    #[error("events")]
    Events,
}

/// Why a transaction was not committed. Except for `Diverted` and `OutcomeUnknown` nothing of it
/// was stored, and what the refusal was computed from is durable.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The stream's head is not what the caller expected.
    #[error("stream {stream} is at {actual:?}, the caller expected {expected:?}")]
    Conflict {
        /// Stream.
        stream: StreamName,
        /// The caller's belief.
        expected: Expected,
        /// The head, after earlier appends of the same transaction; nothing for an empty stream.
        actual: Option<Seq>,
    },
    /// Something that the transaction was decided on has changed since.
    #[error("what was read has changed since: {read:?}")]
    Moved {
        /// What was read.
        read: Box<Guard>,
    },
    /// The writer's decision went against the transaction.
    #[error("writer decides against it by rule {rule}")]
    Decided {
        /// The rule.
        rule: String,
        /// Why.
        #[source]
        refusal: WriterRefusal,
    },
    /// The idempotency key was used for the same request before; here is its outcome.
    #[error("request was done before")]
    Replayed {
        /// Response stored with the first.
        response: Vec<u8>,
        /// What the first committed.
        committed: Committed,
    },
    /// The idempotency key was used for another request.
    #[error("idempotency key was used for request {first}")]
    KeyReused {
        /// Digest of the first request.
        first: Digest,
    },
    /// The effect is settled, or leased anew by another worker.
    #[error("lease of effect {id} is lost")]
    LeaseLost {
        /// Effect.
        id: String,
    },
    /// No effect has this id.
    #[error("no effect has id {id}")]
    EffectUnknown {
        /// Effect.
        id: String,
    },
    /// An effect with this id exists.
    #[error("an effect with id {id} exists")]
    EffectExists {
        /// Effect.
        id: String,
    },
    /// The stream's key was destroyed; it takes no more events.
    #[error("stream {stream} is shredded")]
    Shredded {
        /// Stream.
        stream: StreamName,
    },
    /// The stream cannot be shredded: it is public, or has no event.
    #[error("stream {stream} has no key to destroy")]
    NotPersonal {
        /// Stream.
        stream: StreamName,
    },
    /// The stream has another privacy.
    #[error("stream {stream} is {actual:?}")]
    PrivacyMismatch {
        /// Stream.
        stream: StreamName,
        /// Its privacy.
        actual: Privacy,
    },
    /// The owner of an effect or a response has no event.
    #[error("stream {stream} owns a row but has no event")]
    OwnerUnknown {
        /// Stream.
        stream: StreamName,
    },
    /// An append carries no event.
    #[error("append to stream {stream} carries no event")]
    EmptyAppend {
        /// Stream.
        stream: StreamName,
    },
    /// The transaction exceeds a limit.
    #[error("transaction has {actual} {limit}, at most {max} are allowed")]
    TooLarge {
        /// Which limit.
        limit: Limit,
        /// What it has.
        actual: usize,
        /// What is allowed.
        max: usize,
    },
    /// The kind is written by the journal alone.
    #[error("kind {kind} is reserved for the journal")]
    ReservedKind {
        /// Kind.
        kind: EventKind,
    },
    /// The actor is empty, too long or has control characters, or the time is out of range.
    #[error("event header cannot be made")]
    Header {
        /// Why.
        #[source]
        source: Source,
    },
    /// A projection refused an event.
    #[error("projection refused event {seq} of stream {stream}")]
    Projection {
        /// Stream.
        stream: StreamName,
        /// Sequence number the event would have had.
        seq: Seq,
        /// Why.
        #[source]
        source: ProjectionError,
    },
    /// Stored bytes that the transaction depends on are corrupt.
    #[error("state the transaction depends on cannot be read")]
    Read(#[source] Box<ReadError>),
    /// The queue is full; try again later.
    #[error("queue holds {queued} transactions of {queued_bytes} bytes and is full")]
    Overloaded {
        /// Transactions waiting.
        queued: usize,
        /// Their size.
        queued_bytes: usize,
    },
    /// The engine failed; the transaction is durable in the emergency dump and in nothing else.
    /// `recover` brings it into the log.
    #[error("engine failed, transaction is in emergency dump {}", dump.display())]
    Diverted {
        /// The dump.
        dump: PathBuf,
    },
    /// The engine failed in the same group, so that what the transaction was judged by never became
    /// durable. Nothing of it was stored; it can be tried again.
    #[error("engine failed before the outcome was durable")]
    NotAttempted,
    /// The engine and the emergency dump failed: the transaction may or may not be durable.
    #[error("engine and emergency dump failed, outcome is unknown")]
    OutcomeUnknown,
    /// The writer stopped after an engine failure. The journal must be reopened.
    #[error("journal is halted: {reason}")]
    Halted {
        /// Why.
        reason: HaltReason,
    },
}

/// Why a writer takes no more transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HaltReason {
    /// It was shut down.
    #[error("shut down")]
    ShutDown,
    /// The engine failed in a way after which memory and disk may differ.
    #[error("engine fault {0:?}")]
    Engine(Fault),
    /// The writer thread died.
    #[error("writer thread is gone")]
    WriterGone,
}

impl From<ReadError> for CommitError {
    fn from(source: ReadError) -> Self {
        Self::Read(Box::new(source))
    }
}

/// Why a journal could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The engine failed.
    #[error("engine failed")]
    Engine(#[from] EngineError),
    /// Stored bytes could not be read.
    #[error("stored state could not be read")]
    Read(#[from] ReadError),
    /// The journal belongs to another origin.
    #[error("journal belongs to origin {stored}, not to {given}")]
    Origin {
        /// The journal's origin.
        stored: String,
        /// The configured origin.
        given: String,
    },
    /// The node key does not open what the journal sealed.
    #[error("node key is not the one the journal was sealed with")]
    NodeKey,
    /// The newest checkpoint does not describe the stored log.
    #[error("newest checkpoint has size {checkpoint} and does not match the log of size {stored}")]
    Head {
        /// Size in the checkpoint.
        checkpoint: u64,
        /// Events stored.
        stored: u64,
    },
    /// The origin cannot name a log.
    #[error("origin cannot name a log")]
    OriginText {
        /// Why.
        #[source]
        source: Source,
    },
    /// The newest checkpoint is not signed by the log key.
    #[error("newest checkpoint does not verify with the log key")]
    CheckpointSignature {
        /// Why.
        #[source]
        source: Source,
    },
    /// The writer thread could not start.
    #[error("writer thread could not start")]
    Thread(#[source] std::io::Error),
}
