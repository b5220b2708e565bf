//! The handle: a queue in front of one writer thread.

use std::sync::Arc;

use crate::{
    engine::Engine,
    error::{CommitError, HaltReason, OpenError},
    options::Options,
    reader::Reader,
    transaction::{BulkEvent, BulkOutcome, Committed, LeaseRequest, LeasedEffect, Transaction},
};

/// A cheap handle on an open journal. The writer stops when it is shut down.
#[derive(Clone)]
pub struct Journal {
    shared: Arc<()>,
    reader: Reader,
}

/// What the writer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It takes transactions.
    Running,
    /// It takes none.
    Halted(HaltReason),
}

/// Numbers for metrics. All but the queue's only grow while the journal is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Durable commits.
    pub groups: u64,
    /// Transactions committed.
    pub transactions: u64,
    /// Events committed.
    pub events: u64,
    /// Transactions refused.
    pub refusals: u64,
    /// Bulk events dropped.
    pub bulk_dropped: u64,
    /// Transactions diverted to an emergency dump.
    pub diverted: u64,
    /// Transactions waiting.
    pub queued: u64,
}

impl Journal {
    /// Opens the journal on an engine and starts its writer thread.
    ///
    /// # Errors
    /// The engine fails, or what it stores does not match origin, keys or its own checkpoint.
    pub fn open(engine: Box<dyn Engine>, options: Options) -> Result<Self, OpenError> {
        todo!()
    }
    /// Commits a transaction; returns after it is durable.
    ///
    /// When the returned future is dropped, the transaction may still happen.
    ///
    /// # Errors
    /// See [`CommitError`]: a refusal too is returned after what it depends on is durable.
    pub async fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        todo!()
    }
    /// [`Journal::commit`] for threads outside an async runtime.
    ///
    /// # Errors
    /// As for `commit`.
    pub fn commit_blocking(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        todo!()
    }
    /// Queues an event that may be dropped under pressure. Never blocks.
    pub fn append_bulk(&self, event: BulkEvent) -> BulkOutcome {
        todo!()
    }
    /// Leases due effects; returns after the leases are durable.
    ///
    /// # Errors
    /// The queue is full or the writer halted.
    pub async fn lease(&self, request: LeaseRequest) -> Result<Vec<LeasedEffect>, CommitError> {
        todo!()
    }
    /// [`Journal::lease`] for threads outside an async runtime.
    ///
    /// # Errors
    /// As for `lease`.
    pub fn lease_blocking(&self, request: LeaseRequest) -> Result<Vec<LeasedEffect>, CommitError> {
        todo!()
    }
    /// Reads beside the writer.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }
    /// What the writer does.
    #[must_use]
    pub fn status(&self) -> Status {
        todo!()
    }
    /// Numbers for metrics.
    #[must_use]
    pub fn stats(&self) -> Stats {
        todo!()
    }
    /// Finishes what is queued, stops the writer and waits for it. Later calls are refused.
    pub fn shutdown(&self) {
        todo!()
    }
}
