//! The one way in: outcomes of all sessions become transactions of the journal, in the order of their
//! submission, and are delivered in that order after they are durable.
//!
//! Invariants (guard):
//! 1. what follows a submission runs after it is durable, or learns that it is not  (`tests/it/crash.rs`)
//! 2. what follows runs in the order of submission, which is archive order          (`tests/it/model.rs`)
//! 3. waiting submissions have at most `QUEUE_BYTES_MAX` bytes                       (`reserve`; `tests/it/backpressure.rs`)
//! 4. after something that may be stored or not, nothing more is stored before it is known, and memory is empty
//!    (`go_on`; `tests/it/crash.rs`)
//! 5. what was decided on documents that changed meanwhile is decided again, in its turn; others wait, and are not
//!    decided again                                                                  (`decide_again`; `tests/it/guards.rs`)
//!
//! One transaction is in flight at a time and takes all that gathered meanwhile. While it is in flight, what
//! followed the one before runs.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use iris::archive::Archived;
use journal::{CommitError, Committed, Guard, Journal, Transaction};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;

use crate::change::{Change, EVENT_BYTES, Merged, independent};
use crate::decide::Decided;

/// Bytes that may wait for the journal.
const QUEUE_BYTES_MAX: usize = 16 << 20;
/// Events of one transaction; the journal takes 1,000.
const BATCH_EVENTS_MAX: usize = 900;
/// Bytes of one transaction.
const BATCH_BYTES_MAX: usize = 1 << 20;
/// How long a full journal queue is left alone.
const OVERLOAD_PAUSE: Duration = Duration::from_millis(5);
/// How often something is decided when what was read moves each time.
pub(crate) const DECISIONS_MAX: u32 = 16;

/// Why a submission is not durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCommitted {
    /// What it was decided on changed meanwhile, and nothing of it was stored.
    #[error("what the change was decided on has changed")]
    Moved,
    /// The journal refused it, and nothing of it was stored.
    #[error("the journal refused the change")]
    Refused,
    /// The journal stopped: it may be stored or not, and nothing more is before that is known.
    #[error("the journal stopped")]
    Halted,
}

/// Decides once more. Nothing when it cannot be stored.
pub(crate) type Again = Box<dyn Fn() -> Option<Decided> + Send>;
/// What was stored, with its archived messages in the order they were given.
pub(crate) type Stored = Result<(Decided, Vec<Archived>), NotCommitted>;
/// Runs in the order of submission.
type Then = Box<dyn FnOnce(Stored) + Send>;

struct Submission {
    decided: Decided,
    waiter: Waiter,
}

/// Who waits for what was decided.
struct Waiter {
    again: Option<Again>,
    decisions: u32,
    /// It will not be stored.
    failed: Option<NotCommitted>,
    then: Then,
    since: Instant,
    _space: OwnedSemaphorePermit,
}

/// What becomes durable together, in the order of submission: one waiter for each decision.
#[derive(Default)]
struct Batch {
    decided: VecDeque<Decided>,
    waiters: VecDeque<Waiter>,
}

impl Batch {
    fn push(&mut self, submission: Submission) {
        self.decided.push_back(submission.decided);
        self.waiters.push_back(submission.waiter);
    }

    /// The changes of the first `count`.
    fn changes(&self, count: usize) -> impl Iterator<Item = &Change> + Clone {
        self.decided.range(..count).map(Decided::change)
    }

    /// Nothing of one is stored.
    fn fail(&mut self, at: usize, why: NotCommitted) {
        self.waiters[at].failed = Some(why);
        self.decided[at] = Decided::default();
    }

    /// Takes out the first ones, whose changes are durable if they did not fail.
    fn settle(&mut self, archived: Vec<Vec<Archived>>) -> impl Iterator<Item = (Then, Stored)> {
        let count = archived.len();
        let decided = self.decided.drain(..count).zip(archived);
        let waiters = self.waiters.drain(..count);
        decided.zip(waiters).map(|(stored, waiter)| {
            let stored = waiter.failed.map_or(Ok(stored), Err);
            (waiter.then, stored)
        })
    }
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
    journal: Journal,
}

/// Room in the queue. Submitting is then immediate, so it can happen under a lock.
pub(crate) struct Place {
    queue: mpsc::UnboundedSender<Submission>,
    space: OwnedSemaphorePermit,
}

impl Place {
    /// Queues what was decided; `then` runs after all that was submitted before. Without `again`, it is not stored when
    /// what it was decided on has moved.
    pub(crate) fn submit(
        self,
        decided: Decided,
        again: Option<Again>,
        then: impl FnOnce(Stored) + Send + 'static,
    ) {
        let waiter = Waiter {
            again,
            decisions: 1,
            failed: None,
            then: Box::new(then),
            since: Instant::now(),
            _space: self.space,
        };
        if let Err(refused) = self.queue.send(Submission { decided, waiter }) {
            (refused.0.waiter.then)(Err(NotCommitted::Halted));
        }
    }
}

impl Committer {
    /// Starts the committer's task.
    pub(crate) fn start(journal: Journal, clock: Arc<dyn Fn() -> i64 + Send + Sync>) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let counters = Arc::new(Counters::default());
        let worker = Worker {
            journal: journal.clone(),
            clock,
            newest_ms: i64::MIN,
            counters: counters.clone(),
        };
        tokio::spawn(worker.run(receiver));
        Self {
            queue: sender,
            space: Arc::new(Semaphore::new(QUEUE_BYTES_MAX)),
            counters,
            journal,
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

    /// Commits a change although the journal stopped, to see whether it takes one.
    ///
    /// # Errors
    /// It does not.
    pub(crate) async fn probe(&self, at_ms: i64, change: &Change) -> Result<(), CommitError> {
        let merged = Merged::of(at_ms, std::iter::once(change));
        self.journal.commit(merged.transaction).await.map(drop)
    }

    /// The journal takes changes again, and nothing in memory is of before it stopped.
    pub(crate) fn go_on(&self) {
        self.counters.halted.store(false, Ordering::Relaxed);
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }
}

struct Worker {
    journal: Journal,
    clock: Arc<dyn Fn() -> i64 + Send + Sync>,
    /// Archive times never go back, whatever the clock does.
    newest_ms: i64,
    counters: Arc<Counters>,
}

/// A batch with the outcome of its commit.
#[derive(Default)]
struct Settled(Vec<(Then, Stored)>);

impl Settled {
    fn follow(self) {
        for (then, stored) in self.0 {
            then(stored);
        }
    }
}

/// Why a transaction is not durable.
enum Failed {
    Moved(Box<Guard>),
    Refused,
    Halted,
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
                    Ok(first) if !first.decided.change().is_empty() => {
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

    /// Commits a batch in order: all of it at once, unless one of it is at fault or rests on what another changes.
    async fn commit(&mut self, mut batch: Batch) -> Settled {
        let at_ms = (self.clock)().max(self.newest_ms);
        self.newest_ms = at_ms;
        let since = batch.waiters.front().map(|first| first.since);
        let mut settled = Settled::default();
        // How many of those in front go one by one.
        let mut one_by_one = 0_usize;
        while !batch.decided.is_empty() {
            let count = match one_by_one {
                0 => independent(batch.changes(batch.decided.len())),
                _ => 1,
            };
            let committed = self.try_commit(at_ms, batch.changes(count)).await;
            match committed {
                Ok(archived) => {
                    one_by_one = one_by_one.saturating_sub(1);
                    settled.0.extend(batch.settle(archived));
                }
                Err(Failed::Moved(read)) if decide_again(&mut batch, count, &read).await => {}
                // One of them is at fault; the others must not suffer.
                Err(Failed::Moved(_) | Failed::Refused) if count > 1 => one_by_one = count,
                Err(Failed::Moved(_) | Failed::Refused) => batch.fail(0, NotCommitted::Refused),
                Err(Failed::Halted) => {
                    let waiters = std::mem::take(&mut batch).waiters;
                    let halted = |waiter: Waiter| (waiter.then, Err(NotCommitted::Halted));
                    settled.0.extend(waiters.into_iter().map(halted));
                }
            }
        }
        if let Some(since) = since {
            let lag = u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.counters.lag_us.store(lag, Ordering::Relaxed);
        }
        settled
    }

    /// What each change archived, when all of them are durable.
    async fn try_commit<'c>(
        &self,
        at_ms: i64,
        changes: impl Iterator<Item = &'c Change> + Clone,
    ) -> Result<Vec<Vec<Archived>>, Failed> {
        // After what may be stored or not, nothing may follow before it is known.
        if self.counters.halted.load(Ordering::Relaxed) {
            return Err(Failed::Halted);
        }
        let merged = Merged::of(at_ms, changes.clone());
        if merged.is_empty() {
            return Ok(changes.map(|_| Vec::new()).collect());
        }
        let (transaction, places) = merged.into_parts();
        let committed = self.send(at_ms, changes.clone(), transaction).await?;
        let archived = Merged::archived(&places, changes, &committed, at_ms);
        let count: usize = archived.iter().map(Vec::len).sum();
        self.counters
            .archived
            .fetch_add(count as u64, Ordering::Relaxed);
        Ok(archived)
    }

    async fn send<'c>(
        &self,
        at_ms: i64,
        changes: impl Iterator<Item = &'c Change> + Clone,
        mut transaction: Transaction,
    ) -> Result<Committed, Failed> {
        loop {
            match self.journal.commit(transaction).await {
                Ok(committed) => return Ok(committed),
                Err(CommitError::Overloaded { .. } | CommitError::NotAttempted) => {
                    tokio::time::sleep(OVERLOAD_PAUSE).await;
                    transaction = Merged::of(at_ms, changes.clone()).transaction;
                }
                Err(
                    error @ (CommitError::Halted { .. }
                    | CommitError::Diverted { .. }
                    | CommitError::OutcomeUnknown),
                ) => {
                    tracing::error!(%error, "messages are not durable");
                    self.counters.halted.store(true, Ordering::Relaxed);
                    return Err(Failed::Halted);
                }
                Err(CommitError::Moved { read }) => return Err(Failed::Moved(read)),
                Err(error) => {
                    tracing::warn!(%error, "the journal refused a change");
                    return Err(Failed::Refused);
                }
            }
        }
    }
}

/// Decides again what was decided on `read`, among the first `count`. Whether anything was.
async fn decide_again(batch: &mut Batch, count: usize, read: &Guard) -> bool {
    let moved: Vec<usize> = batch
        .changes(count)
        .enumerate()
        .filter_map(|(at, change)| change.rests_on(read).then_some(at))
        .collect();
    for &at in &moved {
        let waiter = &mut batch.waiters[at];
        waiter.decisions += 1;
        let is_tried_enough = waiter.decisions > DECISIONS_MAX;
        let again = waiter.again.take().filter(|_| !is_tried_enough);
        let Some(again) = again else {
            batch.fail(at, NotCommitted::Moved);
            continue;
        };
        match tokio::task::spawn_blocking(move || (again(), again)).await {
            Ok((Some(decided), again)) => {
                batch.decided[at] = decided;
                batch.waiters[at].again = Some(again);
            }
            Ok((None, _)) => batch.fail(at, NotCommitted::Refused),
            Err(error) => {
                tracing::error!(%error, "a handler panicked");
                batch.fail(at, NotCommitted::Refused);
            }
        }
    }
    !moved.is_empty()
}

/// Takes what waits, up to the size of a transaction.
fn gather(first: Submission, queue: &mut mpsc::UnboundedReceiver<Submission>) -> Batch {
    let mut events = first.decided.change().events();
    let mut bytes = first.decided.change().bytes();
    let mut batch = Batch::default();
    batch.push(first);
    while events < BATCH_EVENTS_MAX && bytes < BATCH_BYTES_MAX {
        let Ok(next) = queue.try_recv() else { break };
        events += next.decided.change().events();
        bytes += next.decided.change().bytes();
        batch.push(next);
    }
    batch
}
