//! The one way in: outcomes of all sessions become transactions of the journal, in the order of their
//! submission, and are delivered in that order after they are durable.
//!
//! Invariants (guard):
//! 1. what follows a submission runs after it is durable, or learns that it is not  (`tests/it/crash.rs`)
//! 2. what follows runs in the order of submission, which is archive order          (`tests/it/model.rs`)
//! 3. waiting submissions have at most `QUEUE_BYTES_MAX` bytes                       (`reserve`; `tests/it/backpressure.rs`)
//! 4. after something that may be stored or not, nothing more is stored             (`tests/it/crash.rs`)
//!
//! One transaction is in flight at a time and takes all that gathered meanwhile. While it is in flight, what
//! followed the one before runs.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use iris::archive::{ArchiveId, Archived, Entry};
use iris::documents::Write;
use journal::{
    Append, CommitError, Committed, Expected, Journal, NewEffect, NewEvent, Privacy, StreamName,
    Transaction,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;

use crate::store::{JournalStore, OwnerTooLong, Touched, archive_event, write_event};

/// Bytes that may wait for the journal.
const QUEUE_BYTES_MAX: usize = 16 << 20;
/// Events of one transaction; the journal takes 1,000.
const BATCH_EVENTS_MAX: usize = 900;
/// Bytes of one transaction.
const BATCH_BYTES_MAX: usize = 1 << 20;
/// Cost of an event beside its payload.
const EVENT_BYTES: usize = 256;
/// How long a full journal queue is left alone.
const OVERLOAD_PAUSE: Duration = Duration::from_millis(5);

/// Why a submission is not durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCommitted {
    /// The journal refused it, and nothing of it was stored.
    #[error("the journal refused the change")]
    Refused,
    /// The journal stopped: it may be stored or not, and nothing more will be.
    #[error("the journal stopped")]
    Halted,
}

/// Runs in the order of submission, with the archived messages in the order they were given.
type Then = Box<dyn FnOnce(Result<Vec<Archived>, NotCommitted>) + Send>;

/// What is to become durable together.
#[derive(Default)]
pub(crate) struct Change {
    events: Vec<(StreamName, NewEvent)>,
    touched: Vec<Touched>,
    archive: Vec<Entry>,
    effects: Vec<NewEffect>,
    bytes: usize,
}

impl Change {
    /// Documents first, then messages.
    ///
    /// # Errors
    /// An owner's address is too long.
    pub(crate) fn new(
        writes: &[Write],
        archive: Vec<Entry>,
        effects: Vec<NewEffect>,
    ) -> Result<Self, OwnerTooLong> {
        let mut change = Self {
            effects,
            ..Self::default()
        };
        for write in writes {
            let (Write::Put {
                collection, owner, ..
            }
            | Write::Delete {
                collection, owner, ..
            }) = write;
            change.touched.push((*collection, owner.clone()));
            change.events.push(write_event(write)?);
        }
        for entry in &archive {
            change.events.push(archive_event(entry)?);
        }
        change.archive = archive;
        let events = change
            .events
            .iter()
            .map(|(_, event)| event.payload.len() + EVENT_BYTES);
        change.bytes = events.sum::<usize>()
            + change
                .effects
                .iter()
                .map(|effect| effect.payload.len() + EVENT_BYTES)
                .sum::<usize>();
        Ok(change)
    }

    /// Whether nothing is to be stored.
    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.effects.is_empty()
    }
}

struct Submission {
    change: Change,
    waiter: Waiter,
}

/// Who waits for a change.
struct Waiter {
    then: Then,
    since: Instant,
    _space: OwnedSemaphorePermit,
}

/// What one transaction is made of.
struct Batch {
    changes: Vec<Change>,
    waiters: Vec<Waiter>,
}

/// Numbers of the committer.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Messages archived since the start.
    pub(crate) archived: AtomicU64,
    /// From submission to durable, of the newest commit, in microseconds.
    pub(crate) lag_us: AtomicU64,
    halted: AtomicBool,
}

/// A cheap handle on the committer. It ends when the last handle is dropped.
#[derive(Clone)]
pub(crate) struct Committer {
    queue: mpsc::UnboundedSender<Submission>,
    space: Arc<Semaphore>,
    counters: Arc<Counters>,
}

/// Room in the queue. Submitting is then immediate, so it can happen under a lock.
pub(crate) struct Place {
    queue: mpsc::UnboundedSender<Submission>,
    space: OwnedSemaphorePermit,
}

impl Place {
    /// Queues a change; `then` runs after all that was submitted before.
    pub(crate) fn submit(
        self,
        change: Change,
        then: impl FnOnce(Result<Vec<Archived>, NotCommitted>) + Send + 'static,
    ) {
        let waiter = Waiter {
            then: Box::new(then),
            since: Instant::now(),
            _space: self.space,
        };
        if let Err(refused) = self.queue.send(Submission { change, waiter }) {
            (refused.0.waiter.then)(Err(NotCommitted::Halted));
        }
    }
}

impl Committer {
    /// Starts the committer's task.
    pub(crate) fn start(
        journal: Journal,
        store: JournalStore,
        clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    ) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let counters = Arc::new(Counters::default());
        let worker = Worker {
            journal,
            store,
            clock,
            newest_ms: i64::MIN,
            counters: counters.clone(),
        };
        tokio::spawn(worker.run(receiver));
        Self {
            queue: sender,
            space: Arc::new(Semaphore::new(QUEUE_BYTES_MAX)),
            counters,
        }
    }

    /// Waits for room for about `bytes`: this is where a slow disk is felt.
    pub(crate) async fn reserve(&self, bytes: usize) -> Place {
        let bytes = u32::try_from(bytes.clamp(EVENT_BYTES, QUEUE_BYTES_MAX)).unwrap_or(u32::MAX);
        let space = self.space.clone().acquire_many_owned(bytes).await;
        Place {
            queue: self.queue.clone(),
            space: space.expect("the semaphore is never closed"),
        }
    }

    /// Bytes that wait.
    pub(crate) fn queued_bytes(&self) -> usize {
        QUEUE_BYTES_MAX - self.space.available_permits()
    }

    /// Whether the journal stopped.
    pub(crate) fn is_halted(&self) -> bool {
        self.counters.halted.load(Ordering::Relaxed)
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }
}

struct Worker {
    journal: Journal,
    store: JournalStore,
    clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    /// Archive times never go back, whatever the clock does.
    newest_ms: i64,
    counters: Arc<Counters>,
}

/// A batch with the outcome of its commit.
struct Settled {
    waiters: Vec<Waiter>,
    outcomes: Vec<Result<Vec<Archived>, NotCommitted>>,
}

impl Settled {
    fn follow(self) {
        for (waiter, outcome) in self.waiters.into_iter().zip(self.outcomes) {
            (waiter.then)(outcome);
        }
    }
}

impl Worker {
    async fn run(mut self, mut queue: mpsc::UnboundedReceiver<Submission>) {
        let mut settled: Option<Settled> = None;
        loop {
            // What is committed is delivered while the next transaction is with the journal.
            let batch = match settled.take() {
                None => match queue.recv().await {
                    Some(first) => gather(first, &mut queue),
                    None => return,
                },
                Some(done) => match queue.try_recv() {
                    Ok(first) if !first.change.is_empty() => {
                        let batch = gather(first, &mut queue);
                        settled = Some(self.commit_beside(batch, done).await);
                        continue;
                    }
                    Ok(first) => {
                        done.follow();
                        gather(first, &mut queue)
                    }
                    Err(_) => {
                        done.follow();
                        continue;
                    }
                },
            };
            settled = Some(self.commit(batch).await);
        }
    }

    /// Commits a batch; what follows `done` runs as soon as the journal has the batch.
    async fn commit_beside(&mut self, batch: Batch, done: Settled) -> Settled {
        let mut commit = Box::pin(self.commit(batch));
        let first =
            std::future::poll_fn(|cx| std::task::Poll::Ready(commit.as_mut().poll(cx))).await;
        done.follow();
        match first {
            std::task::Poll::Ready(settled) => settled,
            std::task::Poll::Pending => commit.await,
        }
    }

    async fn commit(&mut self, batch: Batch) -> Settled {
        let at_ms = (self.clock)().max(self.newest_ms);
        self.newest_ms = at_ms;
        let Batch { changes, waiters } = batch;
        let whole = self.try_commit(at_ms, &changes).await;
        let outcomes = match whole {
            Err(NotCommitted::Refused) if changes.len() > 1 => {
                // One of them is at fault; the others must not suffer.
                let mut outcomes = Vec::with_capacity(changes.len());
                for one in &changes {
                    let outcome = self.try_commit(at_ms, std::slice::from_ref(one)).await;
                    outcomes.push(outcome.map(|mut archived| archived.pop().unwrap_or_default()));
                }
                outcomes
            }
            Err(error) => changes.iter().map(|_| Err(error)).collect(),
            Ok(archived) => archived.into_iter().map(Ok).collect(),
        };
        if let Some(first) = waiters.first() {
            let lag = u64::try_from(first.since.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.counters.lag_us.store(lag, Ordering::Relaxed);
        }
        Settled { waiters, outcomes }
    }

    async fn try_commit(
        &self,
        at_ms: i64,
        changes: &[Change],
    ) -> Result<Vec<Vec<Archived>>, NotCommitted> {
        // After what may be stored or not, nothing may follow before it is known.
        if self.counters.halted.load(Ordering::Relaxed) {
            return Err(NotCommitted::Halted);
        }
        let Merged {
            transaction,
            places,
        } = Merged::of(at_ms, changes);
        let is_empty = transaction.appends.is_empty() && transaction.effects.is_empty();
        let committed = match is_empty {
            true => None,
            false => Some(self.send(at_ms, changes, transaction).await?),
        };
        for change in changes {
            self.store.forget(&change.touched);
        }
        let archived = archived(at_ms, changes, &places, committed.as_ref());
        let count: usize = archived.iter().map(Vec::len).sum();
        self.counters
            .archived
            .fetch_add(count as u64, Ordering::Relaxed);
        Ok(archived)
    }

    async fn send(
        &self,
        at_ms: i64,
        changes: &[Change],
        mut transaction: Transaction,
    ) -> Result<Committed, NotCommitted> {
        loop {
            match self.journal.commit(transaction).await {
                Ok(committed) => return Ok(committed),
                Err(CommitError::Overloaded { .. } | CommitError::NotAttempted) => {
                    tokio::time::sleep(OVERLOAD_PAUSE).await;
                    transaction = Merged::of(at_ms, changes).transaction;
                }
                Err(
                    error @ (CommitError::Halted { .. }
                    | CommitError::Diverted { .. }
                    | CommitError::OutcomeUnknown),
                ) => {
                    tracing::error!(%error, "messages are not durable");
                    self.counters.halted.store(true, Ordering::Relaxed);
                    return Err(NotCommitted::Halted);
                }
                Err(error) => {
                    tracing::warn!(%error, "the journal refused a change");
                    return Err(NotCommitted::Refused);
                }
            }
        }
    }
}

/// Takes what waits, up to the size of a transaction.
fn gather(first: Submission, queue: &mut mpsc::UnboundedReceiver<Submission>) -> Batch {
    let mut events = first.change.events.len();
    let mut bytes = first.change.bytes;
    let mut batch = Batch {
        changes: vec![first.change],
        waiters: vec![first.waiter],
    };
    while events < BATCH_EVENTS_MAX && bytes < BATCH_BYTES_MAX {
        let Ok(next) = queue.try_recv() else { break };
        events += next.change.events.len();
        bytes += next.change.bytes;
        batch.changes.push(next.change);
        batch.waiters.push(next.waiter);
    }
    batch
}

/// Submissions as one transaction: one append for each stream.
struct Merged {
    transaction: Transaction,
    /// For each event, in the order of the submissions: its place among the transaction's events.
    places: Vec<usize>,
}

impl Merged {
    fn of(at_ms: i64, changes: &[Change]) -> Self {
        let mut transaction = Transaction::new(at_ms, "iris");
        let mut appends: HashMap<&StreamName, usize> = HashMap::new();
        let mut within = Vec::new();
        for change in changes {
            for (stream, event) in &change.events {
                let append = *appends.entry(stream).or_insert_with(|| {
                    transaction.appends.push(Append {
                        stream: stream.clone(),
                        privacy: Privacy::Personal,
                        expected: Expected::Any,
                        events: Vec::new(),
                    });
                    transaction.appends.len() - 1
                });
                let events = &mut transaction.appends[append].events;
                within.push((append, events.len()));
                events.push(event.clone());
            }
            transaction.effects.extend(change.effects.iter().cloned());
        }
        let counts = transaction.appends.iter().map(|append| append.events.len());
        let starts: Vec<usize> = counts
            .scan(0, |next, count| {
                let start = *next;
                *next += count;
                Some(start)
            })
            .collect();
        let places = within.iter().map(|(append, event)| starts[*append] + event);
        Self {
            places: places.collect(),
            transaction,
        }
    }
}

/// The archived messages of each submission, with their ids.
fn archived(
    at_ms: i64,
    changes: &[Change],
    places: &[usize],
    committed: Option<&Committed>,
) -> Vec<Vec<Archived>> {
    let Some(committed) = committed else {
        return changes.iter().map(|_| Vec::new()).collect();
    };
    let mut places = places.iter();
    let mut archived_of = |change: &Change| {
        let documents = change.touched.len();
        let places: Vec<_> = places.by_ref().take(change.events.len()).collect();
        let entries = change.archive.iter();
        entries
            .zip(places.into_iter().skip(documents))
            .map(|(entry, place)| Archived {
                id: ArchiveId(committed.events[*place].seq.get()),
                at_ms,
                entry: entry.clone(),
            })
            .collect()
    };
    changes.iter().map(&mut archived_of).collect()
}
