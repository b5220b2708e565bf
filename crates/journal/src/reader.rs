//! Reads beside the writer, each at an instant of its own: for what decides nothing.

use std::{fmt, sync::Arc};

use evidence::merkle::Hash;

use crate::{
    engine::{Read, Snapshots},
    error::ReadError,
    names::{LogIndex, Seq, StreamName},
    seal::SealingKey,
    snapshot::{Snapshot, StreamHead},
    transaction::{Effect, EffectState, Event, Head, Record, SignedCheckpoint},
};

/// A cheap handle for reads. Every call opens a [`Snapshot`] of its own, so two calls see two instants: a decision reads
/// through one [`Reader::snapshot`]. What a call does is told there.
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

impl Reader {
    /// Reads through an engine's snapshots, opening personal payloads with the node key.
    #[must_use]
    pub fn new(snapshots: Arc<dyn Snapshots>, node_key: SealingKey) -> Self {
        Self {
            snapshots,
            node_key,
        }
    }

    /// Everything durable at this instant.
    pub fn snapshot(&self) -> Result<Snapshot<'_>, ReadError> {
        Snapshot::new(self.snapshots.snapshot()?, &self.node_key)
    }

    /// Runs several reads on one snapshot of the raw rows: for fsck and export.
    pub fn with_rows<T, E: From<ReadError>>(
        &self,
        read: impl FnOnce(&dyn Read) -> Result<T, E>,
    ) -> Result<T, E> {
        read(self.snapshot()?.rows())
    }
}

/// Each is [`Snapshot`]'s method of the same name on a snapshot of its own.
macro_rules! delegate {
    ($($name:ident($($argument:ident: $type:ty),*) -> $result:ty;)+) => {
        impl Reader {
            $(
                #[doc = concat!("See [`Snapshot::", stringify!($name), "`].")]
                pub fn $name(&self $(, $argument: $type)*) -> Result<$result, ReadError> {
                    self.snapshot()?.$name($($argument),*)
                }
            )+
        }
    };
}

delegate! {
    stream_head(stream: &StreamName) -> Option<StreamHead>;
    streams(after: Option<&StreamName>, limit: usize) -> Vec<StreamHead>;
    stream(stream: &StreamName, from: Seq, limit: usize) -> Vec<Event>;
    events(from: LogIndex, limit: usize) -> Vec<Event>;
    event(index: LogIndex) -> Option<Event>;
    record(kind: &str, id: &str) -> Option<Record>;
    records(kind: &str, filters: &[(&str, &str)], after: Option<&str>, limit: usize) -> Vec<Record>;
    effect(id: &str) -> Option<Effect>;
    effects(state: EffectState, after: Option<&str>, limit: usize) -> Vec<Effect>;
    effects_count(state: EffectState) -> u64;
    idempotency(scope: &str, key: &str) -> Option<Vec<u8>>;
    size() -> u64;
    head() -> Head;
    inclusion(index: LogIndex, size: u64) -> Vec<Hash>;
    consistency(from: u64, to: u64) -> Vec<Hash>;
    checkpoint() -> Option<SignedCheckpoint>;
    checkpoints(from: u64, limit: usize) -> Vec<SignedCheckpoint>;
}
