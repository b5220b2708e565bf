//! The event log of a node: ordered, durable, hash-chained, sealed streams, and beside them in the
//! same transaction read-model records, an outbox and idempotency keys.
//!
//! Read in this order: names and transactions (what goes in), the engine trait (what is stored),
//! the writer (the rules), the reader, then the checker that trusts neither.

pub mod error;
pub mod names;
pub mod options;
pub mod transaction;

pub mod engine;
pub mod projection;
pub mod seal;

pub mod dump;
pub mod journal;
pub mod reader;

mod bytes_text;

pub use crate::{
    dump::{DumpDirectory, DumpStore},
    error::{CommitError, OpenError, ProjectionError, ReadError},
    journal::{Journal, Stats, Status},
    names::{EventKind, LogIndex, Seq, StreamName},
    options::{Limits, Options},
    projection::{NoProjection, Projection, Records},
    reader::{Reader, StreamHead},
    seal::{Entropy, SealingKey},
    transaction::{
        Append, BulkEvent, BulkOutcome, Committed, Effect, EffectState, Event, EventReceipt,
        Expected, Head, Idempotency, LeaseRequest, LeasedEffect, NewEffect, NewEvent, Privacy,
        Record, Settlement, SignedCheckpoint, Transaction,
    },
};

/// A Merkle tree hash.
pub type Hash = [u8; 32];
