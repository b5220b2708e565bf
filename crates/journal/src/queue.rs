//! What waits for the writer, bounded by count and bytes.
//!
//! Invariants (guard):
//! 1. a full queue refuses requests at once                     (`push`)
//! 2. a dropped bulk event is counted before anyone is told     (`push_bulk`, `lost`)
//! 3. the marker of a stream's drops comes before the stream's next accepted bulk event
//!    (`push_bulk` flushes the gap first)

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use crate::{
    error::{CommitError, HaltReason},
    names::StreamName,
    options::Limits,
    rules::Gap,
    stats::Counters,
    transaction::{BulkEvent, BulkOutcome},
    writer::{Bulk, Group, Request},
};

/// Bulk entries that share a group with transactions, which must not wait for all of them.
const BULK_PER_GROUP_MAX: usize = 1_024;

pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    limits: Limits,
    counters: Arc<Counters>,
    #[cfg(feature = "planted-bugs")]
    bug: Option<crate::bug::PlantedBug>,
}

#[derive(Default)]
struct State {
    requests: VecDeque<(Request, usize)>,
    requests_bytes: usize,
    bulk: VecDeque<Bulk>,
    gaps: BTreeMap<StreamName, Gap>,
    closed: Option<HaltReason>,
}

impl Queue {
    pub(crate) fn new(limits: Limits, counters: Arc<Counters>) -> Self {
        Self {
            state: Mutex::default(),
            wake: Condvar::new(),
            limits,
            counters,
            #[cfg(feature = "planted-bugs")]
            bug: None,
        }
    }

    /// Breaks a rule from here on.
    #[cfg(feature = "planted-bugs")]
    pub(crate) fn plant(&mut self, bug: Option<crate::bug::PlantedBug>) {
        self.bug = bug;
    }

    pub(crate) fn push(&self, request: Request, bytes: usize) -> Result<(), CommitError> {
        let mut state = self.lock();
        if let Some(reason) = state.closed {
            return Err(CommitError::Halted { reason });
        }
        let full = state.requests.len() >= self.limits.queue_count_max
            || state.requests_bytes.saturating_add(bytes) > self.limits.queue_bytes_max;
        if full {
            return Err(CommitError::Overloaded {
                queued: state.requests.len(),
                queued_bytes: state.requests_bytes,
            });
        }
        state.requests.push_back((request, bytes));
        state.requests_bytes += bytes;
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    pub(crate) fn push_bulk(&self, event: BulkEvent) -> BulkOutcome {
        let mut state = self.lock();
        let full = state.bulk.len() >= self.limits.bulk_count_max;
        let too_large = event.event.payload.len() > self.limits.payload_bytes_max;
        if state.closed.is_some() || full || too_large {
            self.count_drop(&mut state, event);
            return BulkOutcome::Dropped;
        }
        if let Some(gap) = state.gaps.remove(&event.stream) {
            state.bulk.push_back(Bulk::Gap(event.stream.clone(), gap));
        }
        state.bulk.push_back(Bulk::Event(event));
        drop(state);
        self.wake.notify_one();
        BulkOutcome::Accepted
    }

    fn count_drop(&self, state: &mut State, event: BulkEvent) {
        self.counters.add_dropped(1);
        if planted!(self, DropWithoutGapMarker) {
            return;
        }
        let gap = Gap {
            privacy: event.privacy,
            dropped: 1,
            at_ms: event.at_ms,
            actor: event.actor,
        };
        add_gap(&mut state.gaps, event.stream, gap);
    }

    /// Takes back bulk entries that a failed group lost.
    pub(crate) fn lost(&self, entries: Vec<Bulk>) {
        let mut state = self.lock();
        for entry in entries {
            match entry {
                Bulk::Event(event) => self.count_drop(&mut state, event),
                Bulk::Gap(stream, gap) => add_gap(&mut state.gaps, stream, gap),
            }
        }
    }

    /// Waits for work. Nothing when the queue is closed and empty.
    pub(crate) fn take(&self) -> Option<Group> {
        let mut state = self.lock();
        while state.is_empty() {
            if state.closed.is_some() {
                return None;
            }
            state = self
                .wake
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Some(state.take(self.limits.group_count_max))
    }

    /// Requests that wait, without waiting for more.
    pub(crate) fn take_requests(&self) -> Option<Group> {
        let mut state = self.lock();
        let requests: Vec<_> = state
            .requests
            .drain(..)
            .map(|(request, _)| request)
            .collect();
        state.requests_bytes = 0;
        (!requests.is_empty()).then(|| Group {
            requests,
            bulk: Vec::new(),
        })
    }

    /// Work that waits, without waiting for it.
    #[cfg(feature = "sim")]
    pub(crate) fn take_ready(&self) -> Option<Group> {
        let mut state = self.lock();
        (!state.is_empty()).then(|| state.take(self.limits.group_count_max))
    }

    /// Refuses what comes from here on. What waits is still taken.
    pub(crate) fn close(&self, reason: HaltReason) {
        self.lock().closed.get_or_insert(reason);
        self.wake.notify_all();
    }

    /// Drops what waits; the callers see that the writer is gone.
    pub(crate) fn discard(&self) {
        let waiting = std::mem::take(&mut self.lock().requests);
        drop(waiting);
    }

    pub(crate) fn closed(&self) -> Option<HaltReason> {
        self.lock().closed
    }

    pub(crate) fn waiting(&self) -> usize {
        self.lock().requests.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock, so the state is whole even if poisoned.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.bulk.is_empty() && self.gaps.is_empty()
    }

    fn take(&mut self, requests_max: usize) -> Group {
        let mut group = Group::default();
        let count = self.requests.len().min(requests_max);
        for (request, bytes) in self.requests.drain(..count) {
            self.requests_bytes -= bytes;
            group.requests.push(request);
        }
        let count = self.bulk.len().min(BULK_PER_GROUP_MAX);
        group.bulk.extend(self.bulk.drain(..count));
        // Everything that waited when these were dropped is taken or goes first.
        let gaps = std::mem::take(&mut self.gaps).into_iter();
        self.bulk
            .extend(gaps.map(|(stream, gap)| Bulk::Gap(stream, gap)));
        if group.bulk.len() < BULK_PER_GROUP_MAX {
            let rest = self.bulk.len().min(BULK_PER_GROUP_MAX - group.bulk.len());
            group.bulk.extend(self.bulk.drain(..rest));
        }
        group
    }
}

fn add_gap(gaps: &mut BTreeMap<StreamName, Gap>, stream: StreamName, gap: Gap) {
    match gaps.get_mut(&stream) {
        Some(known) => {
            known.dropped += gap.dropped;
            known.at_ms = gap.at_ms;
            known.actor = gap.actor;
        }
        None => {
            gaps.insert(stream, gap);
        }
    }
}
