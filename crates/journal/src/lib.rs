//! The event log of a node: ordered, durable, hash-chained, sealed streams, and beside them in the
//! same transaction read-model records, an outbox and idempotency keys.
//!
//! Read in this order: names and transactions (what goes in), the engine trait (what is stored),
//! the writer (the rules), the reader, then the checker that trusts neither.

/// Whether a bug is planted in the holder. Without the feature it never is.
#[cfg(feature = "planted-bugs")]
macro_rules! planted {
    ($holder:expr, $bug:ident) => {
        $holder.bug == Some(crate::bug::PlantedBug::$bug)
    };
}
#[cfg(not(feature = "planted-bugs"))]
macro_rules! planted {
    ($holder:expr, $bug:ident) => {
        false
    };
}

pub mod error;
pub mod names;
pub mod options;
pub mod transaction;

pub mod decision;
pub mod engine;
pub mod guard;
pub mod projection;
pub mod seal;

mod rules;
mod view;
mod writer;

pub mod dump;
pub mod rebuild;
pub mod recovery;

mod observer;
mod queue;
mod stats;

pub mod journal;
pub mod reader;
pub mod snapshot;

pub mod archive;
pub mod fsck;

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "sim")]
pub mod sim;

mod bytes_text;

#[cfg(feature = "planted-bugs")]
pub mod bug;

pub use evidence::merkle::Hash;

pub use crate::{
    decision::{Declared, WriterDecision, WriterRefusal},
    dump::{DumpDirectory, DumpStore},
    error::{CommitError, OpenError, ProjectionError, ReadError},
    guard::{Guard, Guards},
    journal::{Journal, Observer, Status},
    names::{EventKind, LogIndex, Seq, StreamName},
    options::{Limits, Options},
    projection::{NoProjection, Projection, Records},
    reader::Reader,
    rebuild::{RebuildError, RebuildMode, RebuildReport},
    recovery::{RecoverError, Recovery},
    rules::{GAP_KIND, SHREDDED_KIND},
    seal::{Entropy, SealingKey},
    snapshot::{Snapshot, StreamHead},
    stats::Stats,
    transaction::{
        Append, BulkEvent, BulkOutcome, Committed, Effect, EffectState, Event, EventReceipt,
        Expected, Head, Idempotency, LeaseRequest, LeasedEffect, NewEffect, NewEvent, Privacy,
        Record, Settlement, SignedCheckpoint, Transaction,
    },
};
