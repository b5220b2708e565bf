//! Numbers for metrics, written by the writer and the queue, read by anyone.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Numbers for metrics. All but `queued` and `halted` only grow while the journal is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Size of the log.
    pub size: u64,
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
    /// Transactions that neither the log nor a dump could be seen to take.
    pub outcome_unknown: u64,
    /// Transactions waiting.
    pub queued: u64,
    /// Whether the writer halted.
    pub halted: bool,
}

#[derive(Default)]
pub(crate) struct Counters {
    size: AtomicU64,
    groups: AtomicU64,
    transactions: AtomicU64,
    events: AtomicU64,
    refusals: AtomicU64,
    bulk_dropped: AtomicU64,
    diverted: AtomicU64,
    outcome_unknown: AtomicU64,
    halted: AtomicBool,
}

impl Counters {
    pub(crate) fn set_size(&self, size: u64) {
        self.size.store(size, Relaxed);
    }

    pub(crate) fn add_group(&self) {
        self.groups.fetch_add(1, Relaxed);
    }

    pub(crate) fn add_transaction(&self) {
        self.transactions.fetch_add(1, Relaxed);
    }

    pub(crate) fn add_events(&self, added: u64, size: u64) {
        self.events.fetch_add(added, Relaxed);
        self.set_size(size);
    }

    pub(crate) fn add_refusal(&self) {
        self.refusals.fetch_add(1, Relaxed);
    }

    pub(crate) fn add_dropped(&self, dropped: u64) {
        self.bulk_dropped.fetch_add(dropped, Relaxed);
    }

    pub(crate) fn add_diverted(&self) {
        self.diverted.fetch_add(1, Relaxed);
    }

    pub(crate) fn add_outcome_unknown(&self) {
        self.outcome_unknown.fetch_add(1, Relaxed);
    }

    pub(crate) fn halt(&self) {
        self.halted.store(true, Relaxed);
    }

    pub(crate) fn read(&self, queued: u64) -> Stats {
        Stats {
            size: self.size.load(Relaxed),
            groups: self.groups.load(Relaxed),
            transactions: self.transactions.load(Relaxed),
            events: self.events.load(Relaxed),
            refusals: self.refusals.load(Relaxed),
            bulk_dropped: self.bulk_dropped.load(Relaxed),
            diverted: self.diverted.load(Relaxed),
            outcome_unknown: self.outcome_unknown.load(Relaxed),
            queued,
            halted: self.halted.load(Relaxed),
        }
    }
}
