//! One instant of the zone: what a request answers from, what a command or a worker decides on.
//!
//! Invariants (guard):
//! 1. handlers and workers read through a [`Moment`] and nothing else   (`clippy.toml` bans the journal's reader here)
//! 2. what was read guards the commit                                    (`settle` puts the guards into the transaction)
//! 3. deciding runs off the threads that serve requests                  (`Platform::blocking`)

use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use journal::{CommitError, Committed, ReadError, Snapshot, Transaction};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::change::Change;
use crate::declined::Declined;
use crate::http::Platform;
use crate::http::idempotency::not_committed;
use crate::outside::Point;

/// How often something is decided again when what was read has moved.
const DECISIONS_MAX: u32 = 16;
/// The node itself, as an actor in the journal.
pub const NODE_ACTOR: &str = "node";

/// Everything durable at one instant, and the time.
#[derive(Debug)]
pub struct Moment<'a> {
    snapshot: Snapshot<'a>,
    /// The time, Unix milliseconds.
    pub now_ms: i64,
}

impl<'a> Deref for Moment<'a> {
    type Target = Snapshot<'a>;

    fn deref(&self) -> &Snapshot<'a> {
        &self.snapshot
    }
}

/// Why a decision has no effect.
pub enum Undone {
    /// The decision refuses.
    Refused {
        /// What the caller is told.
        problem: Declined,
        /// When it was decided.
        now_ms: i64,
    },
    /// The journal did not commit it.
    NotCommitted(CommitError),
}

impl Platform {
    /// The present instant. For callers that may block: others go through [`Platform::read`].
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn moment(&self) -> Result<Moment<'_>, ReadError> {
        Ok(Moment {
            snapshot: self.journal.snapshot()?,
            now_ms: self.clock.now_ms(),
        })
    }

    /// Runs work that takes long or waits for the disk, off the threads that serve requests. A panic in it goes on here.
    pub async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Arc<Self>) -> T + Send + 'static,
    ) -> T {
        let platform = Arc::clone(self);
        let span = tracing::Span::current();
        let (done, waiting) = oneshot::channel();
        self.tasks.block(Box::new(move || {
            let work = AssertUnwindSafe(|| span.in_scope(|| work(&platform)));
            // Who asked may have gone away meanwhile.
            drop(done.send(catch_unwind(work)));
        }));
        match waiting.await {
            Ok(Ok(done)) => done,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => panic!("the runtime stopped before the work was done"),
        }
    }

    /// Starts a task that goes on by itself.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        self.tasks.spawn(Box::pin(task))
    }

    async fn pause(&self, at: Point) {
        if let Some(turn) = self.tasks.pause(at) {
            turn.await;
        }
    }

    /// Answers from one instant.
    ///
    /// # Errors
    /// What `read` refuses; the journal cannot be read.
    pub async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Moment<'_>) -> Result<T, Declined> + Send + 'static,
    ) -> Result<T, Declined> {
        self.blocking(|platform| {
            let moment = platform
                .moment()
                .map_err(|error| Declined::internal(&error))?;
            read(&moment)
        })
        .await
    }

    /// Decides something that the node itself does, and commits it. What `decide` returns beside the change is returned when
    /// the change is durable; a change of nothing is not committed.
    ///
    /// # Errors
    /// What `decide` refuses, and every [`CommitError`] as a problem.
    pub async fn act<T: Send + 'static>(
        self: &Arc<Self>,
        decide: impl Fn(&Moment<'_>) -> Result<(Change, T), Declined> + Send + Sync + 'static,
    ) -> Result<T, Declined> {
        let decide = move |moment: &Moment<'_>| {
            let (change, beside) = decide(moment)?;
            Ok((change.into_transaction(moment.now_ms, NODE_ACTOR), beside))
        };
        match self.settle(decide).await {
            Ok((beside, _)) => Ok(beside),
            Err(Undone::Refused { problem, .. }) => Err(problem),
            Err(Undone::NotCommitted(error)) => Err(not_committed(error)),
        }
    }

    /// Decides on one instant and commits; decides again on a later one when what was read has moved.
    pub async fn settle<T: Send + 'static>(
        self: &Arc<Self>,
        decide: impl Fn(&Moment<'_>) -> Result<(Transaction, T), Declined> + Send + Sync + 'static,
    ) -> Result<(T, Option<Committed>), Undone> {
        let decide = Arc::new(decide);
        let mut decisions = 0;
        loop {
            decisions += 1;
            let decide = Arc::clone(&decide);
            self.pause(Point::Read).await;
            let decided = self.blocking(move |platform| platform.decide(&*decide));
            let (transaction, beside) = decided.await?;
            if transaction.is_empty() {
                return Ok((beside, None));
            }
            self.pause(Point::Commit).await;
            match self.journal.commit(transaction).await {
                Ok(committed) => return Ok((beside, Some(committed))),
                Err(CommitError::Moved { .. } | CommitError::Conflict { .. })
                    if decisions < DECISIONS_MAX =>
                {
                    self.metrics.count_decided_again();
                }
                Err(error) => {
                    if matches!(
                        error,
                        CommitError::Moved { .. } | CommitError::Conflict { .. }
                    ) {
                        self.metrics.count_conflict();
                    }
                    return Err(Undone::NotCommitted(error));
                }
            }
        }
    }

    fn decide<T>(
        &self,
        decide: &impl Fn(&Moment<'_>) -> Result<(Transaction, T), Declined>,
    ) -> Result<(Transaction, T), Undone> {
        let refused = |problem, now_ms| Undone::Refused { problem, now_ms };
        let moment = self
            .moment()
            .map_err(|error| refused(Declined::internal(&error), self.clock.now_ms()))?;
        let (mut transaction, beside) =
            decide(&moment).map_err(|problem| refused(problem, moment.now_ms))?;
        transaction.guards = moment.guards();
        #[cfg(feature = "planted-bugs")]
        if planted::UNGUARDED.get() {
            transaction.guards = journal::Guards::default();
        }
        Ok((transaction, beside))
    }
}

/// A bug that a test plants, to show that it notices.
#[cfg(feature = "planted-bugs")]
pub mod planted {
    use std::cell::Cell;

    thread_local! {
        /// Whether what is decided on this thread is committed even if what was read has moved.
        pub static UNGUARDED: Cell<bool> = const { Cell::new(false) };
    }
}
