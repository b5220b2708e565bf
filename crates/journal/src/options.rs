//! What a journal is opened with.

use std::{fmt, sync::Arc};

use evidence::key::SigningKey;

use crate::{dump::DumpStore, projection::Projection, seal::Entropy, seal::SealingKey};

/// Bounds of one journal. Everything that can grow has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one payload.
    pub payload_bytes_max: usize,
    /// Bytes of one transaction: payloads, effects and response.
    pub transaction_bytes_max: usize,
    /// Events of one transaction.
    pub transaction_events_max: usize,
    /// Transactions waiting for the writer.
    pub queue_count_max: usize,
    /// Bytes waiting for the writer.
    pub queue_bytes_max: usize,
    /// Bulk events waiting for the writer.
    pub bulk_count_max: usize,
    /// Transactions that share one durable commit.
    pub group_count_max: usize,
}

impl Limits {
    /// Limits that suit a node with a few hundred clients.
    pub const STANDARD: Limits = Limits {
        payload_bytes_max: 1 << 20,
        transaction_bytes_max: 8 << 20,
        transaction_events_max: 1_000,
        queue_count_max: 4_096,
        queue_bytes_max: 64 << 20,
        bulk_count_max: 8_192,
        group_count_max: 512,
    };
}

const _: () = assert!(Limits::STANDARD.payload_bytes_max <= Limits::STANDARD.transaction_bytes_max);
const _: () = assert!(Limits::STANDARD.transaction_bytes_max <= Limits::STANDARD.queue_bytes_max);

/// What a journal is opened with. There is no default: every part is a decision of the node.
pub struct Options {
    /// Origin of the log: the first line of its checkpoints, such as `zone.example/log`.
    pub origin: String,
    /// Signs checkpoints.
    pub log_key: SigningKey,
    /// Wraps the streams' data keys and seals emergency dumps.
    pub node_key: SealingKey,
    /// Read models.
    pub projection: Arc<dyn Projection>,
    /// Random bytes for keys and nonces.
    pub entropy: Entropy,
    /// Where transactions go when the engine fails.
    pub dumps: Box<dyn DumpStore>,
    /// Bounds.
    pub limits: Limits,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("origin", &self.origin)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
