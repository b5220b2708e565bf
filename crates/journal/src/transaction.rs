//! What a caller hands to the journal and what comes back.

use std::collections::BTreeMap;

use evidence::{digest::Digest, event::EventHeader};
use serde::{Deserialize, Serialize};

use crate::{
    Hash, bytes_text,
    decision::WriterDecision,
    guard::Guards,
    names::{EventKind, LogIndex, Seq, StreamName},
};

/// Whether the payloads of a stream are sealed. Chosen by the first append, fixed for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Privacy {
    /// Payloads are stored as given. Persisted as 1.
    Public = 1,
    /// Payloads are sealed with the stream's data key and can be shredded. Persisted as 2.
    Personal = 2,
}

impl Privacy {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Personal => "personal",
        }
    }
}

/// One event to append.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewEvent {
    /// Kind, such as `entity.applied.v1`.
    pub kind: EventKind,
    /// Canonical JSON or opaque bytes; sealed by the journal when the stream is personal.
    #[serde(with = "bytes_text")]
    pub payload: Vec<u8>,
}

/// What the caller believes about a stream's head; a wrong belief refuses the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// Anything.
    Any,
    /// The stream has no event.
    NoStream,
    /// The last event of the stream has this sequence number.
    At(Seq),
}

/// Events for one stream, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Append {
    /// Stream to append to.
    pub stream: StreamName,
    /// Privacy of the stream.
    pub privacy: Privacy,
    /// Expected head before this append.
    pub expected: Expected,
    /// Events, at least one.
    pub events: Vec<NewEvent>,
}

/// Something to do in the world: a row of the outbox, written with the events that cause it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewEffect {
    /// Unique id of the effect; a second effect with the same id refuses its transaction.
    pub id: String,
    /// Kind, which chooses the executor.
    pub kind: String,
    /// Stream the payload belongs to. When it is personal the payload is sealed with its key, and
    /// shredding the stream deletes the effect.
    pub owner: Option<StreamName>,
    /// Input of the executor.
    #[serde(with = "bytes_text")]
    pub payload: Vec<u8>,
    /// Earliest time to lease it, Unix milliseconds.
    pub not_before_ms: i64,
}

/// Outcome of a leased effect. The lease is a fencing token: only its newest holder can settle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// The effect happened.
    Done {
        /// Effect.
        id: String,
        /// Lease it was taken with.
        lease: u64,
    },
    /// The effect failed and is to be tried again.
    Retry {
        /// Effect.
        id: String,
        /// Lease it was taken with.
        lease: u64,
        /// Earliest time of the next attempt, Unix milliseconds.
        not_before_ms: i64,
        /// What went wrong, for people.
        error: String,
    },
    /// The effect failed for good and waits for a person.
    Dead {
        /// Effect.
        id: String,
        /// Lease it was taken with.
        lease: u64,
        /// What went wrong, for people.
        error: String,
    },
}

/// Makes a transaction happen once: the key and the response are stored with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// Principal and route.
    pub scope: String,
    /// The caller's key.
    pub key: String,
    /// Digest of the request; the same key with another request is refused.
    pub request: Digest,
    /// Stream the response belongs to; sealed and shredded like an effect's payload.
    pub owner: Option<StreamName>,
    /// Response to give again.
    #[serde(with = "bytes_text")]
    pub response: Vec<u8>,
    /// When the key may be forgotten, Unix milliseconds.
    pub expires_ms: i64,
}

/// Everything one command changes. It happens completely or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// Time of the command, Unix milliseconds.
    pub at_ms: i64,
    /// Who did it: a DID or a principal id.
    pub actor: String,
    /// Events, applied in order.
    pub appends: Vec<Append>,
    /// Outbox rows.
    pub effects: Vec<NewEffect>,
    /// Outcomes of leased effects.
    pub settlements: Vec<Settlement>,
    /// Idempotency key.
    pub idempotency: Option<Idempotency>,
    /// Personal streams whose key is destroyed, after the appends.
    pub shred: Vec<StreamName>,
    /// What it was decided on. The transaction is refused when any of it has moved.
    #[serde(default)]
    pub guards: Guards,
    /// What the writer decides when its turn comes, in order.
    #[serde(default)]
    pub decisions: Vec<WriterDecision>,
}

impl Transaction {
    /// A transaction that does nothing yet.
    #[must_use]
    pub fn new(at_ms: i64, actor: impl Into<String>) -> Self {
        Self {
            at_ms,
            actor: actor.into(),
            appends: Vec::new(),
            effects: Vec::new(),
            settlements: Vec::new(),
            idempotency: None,
            shred: Vec::new(),
            guards: Guards::default(),
            decisions: Vec::new(),
        }
    }

    /// Whether it changes nothing and answers for nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.appends.is_empty()
            && self.effects.is_empty()
            && self.settlements.is_empty()
            && self.idempotency.is_none()
            && self.shred.is_empty()
    }
}

/// Where an event went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventReceipt {
    /// Stream.
    pub stream: StreamName,
    /// Sequence number in the stream.
    pub seq: Seq,
    /// Digest of the event header.
    pub digest: Digest,
    /// Index in the Merkle log.
    pub index: LogIndex,
}

/// Proof of acceptance: the events are durable and covered by the head given here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Receipts, in the order of the transaction; a shredded stream's tombstone comes last.
    pub events: Vec<EventReceipt>,
    /// Size of a durable tree that holds all the events.
    pub tree_size: u64,
    /// Root of that tree.
    pub root: Hash,
}

/// An event as readers and projections see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Index in the Merkle log.
    pub index: LogIndex,
    /// Stream.
    pub stream: StreamName,
    /// Sequence number in the stream.
    pub seq: Seq,
    /// Kind.
    pub kind: EventKind,
    /// Header, from which the digest and the Merkle leaf are made.
    pub header: EventHeader,
    /// Canonical bytes of the header: the data of the Merkle leaf.
    pub header_bytes: Vec<u8>,
    /// Digest of the header.
    pub digest: Digest,
    /// Payload as stored: the sealed envelope when the event is sealed.
    pub stored: Vec<u8>,
    /// Payload as given, or nothing when its key was shredded.
    pub payload: Option<Vec<u8>>,
}

/// A row of a read model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Kind of record, such as `entity`.
    pub kind: String,
    /// Id, unique within the kind.
    pub id: String,
    /// Owner. The body is sealed with the owner's key when the owner is personal, and the record is
    /// deleted when the owner is shredded.
    pub stream: Option<StreamName>,
    /// Indexed fields, readable in the database until the record is deleted.
    pub fields: BTreeMap<String, String>,
    /// Body, as the projection gave it.
    pub body: Vec<u8>,
    /// Log index of the event that last changed it; set by the journal.
    pub version: u64,
}

/// State of an outbox row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum EffectState {
    /// To be done, perhaps leased. Persisted as 1.
    Pending = 1,
    /// Done. Persisted as 2.
    Done = 2,
    /// Given up; a person must look. Persisted as 3.
    Dead = 3,
}

/// An outbox row as readers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Unique id.
    pub id: String,
    /// Kind.
    pub kind: String,
    /// Owner of the payload.
    pub owner: Option<StreamName>,
    /// Input of the executor.
    pub payload: Vec<u8>,
    /// State.
    pub state: EffectState,
    /// How often it was leased.
    pub attempts: u64,
    /// Earliest time of the next lease, Unix milliseconds.
    pub not_before_ms: i64,
    /// End of the newest lease, Unix milliseconds; the smallest number when nobody holds one.
    pub leased_until_ms: i64,
    /// The last error, for people.
    pub error: Option<String>,
}

/// An effect handed to a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeasedEffect {
    /// Unique id.
    pub id: String,
    /// Kind.
    pub kind: String,
    /// Input of the executor.
    pub payload: Vec<u8>,
    /// How often it was leased, this time included.
    pub attempts: u64,
    /// Fencing token to settle with.
    pub lease: u64,
}

/// Which effects a worker wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRequest {
    /// Time, Unix milliseconds.
    pub now_ms: i64,
    /// Length of the lease, milliseconds.
    pub lease_ms: i64,
    /// At most so many.
    pub limit: usize,
    /// Kinds; empty means all.
    pub kinds: Vec<String>,
}

/// An event that may be dropped under pressure; every drop is counted and journalled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulkEvent {
    /// Stream to append to.
    pub stream: StreamName,
    /// Privacy of the stream.
    pub privacy: Privacy,
    /// Time, Unix milliseconds.
    pub at_ms: i64,
    /// Who did it.
    pub actor: String,
    /// The event.
    pub event: NewEvent,
}

/// What became of a bulk event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkOutcome {
    /// Queued. It is in the log soon, or covered by a gap marker.
    Accepted,
    /// Dropped, and counted for the next gap marker of its stream.
    Dropped,
}

/// A signed head of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// Number of leaves it commits to.
    pub size: u64,
    /// The note (C2SP tlog-checkpoint).
    pub note: String,
}

/// Size and root of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of leaves.
    pub size: u64,
    /// Root of the tree.
    pub root: Hash,
}
