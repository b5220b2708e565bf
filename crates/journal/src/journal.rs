//! The handle: a queue in front of one writer thread.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::{self, JoinHandle},
};

use tokio::sync::oneshot;

use crate::{
    engine::Engine,
    error::{CommitError, HaltReason, OpenError, ReadError},
    observer::Observers,
    options::{Limits, Options},
    queue::Queue,
    reader::Reader,
    rebuild::{RebuildError, RebuildMode, RebuildReport},
    recovery::{RecoverError, Recovery},
    rules::{check_form, transaction_bytes},
    snapshot::Snapshot,
    stats::{Counters, Stats},
    transaction::{BulkEvent, BulkOutcome, Committed, LeaseRequest, LeasedEffect, Transaction},
    writer::{Reply, Request, Writer},
};

pub use crate::observer::Observer;

/// A cheap handle on an open journal. The writer stops when it is shut down, or when the last
/// handle is dropped; both wait for what is queued.
#[derive(Clone)]
pub struct Journal {
    shared: Arc<Shared>,
}

/// What the writer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It takes transactions.
    Running,
    /// It takes none.
    Halted(HaltReason),
}

struct Shared {
    queue: Arc<Queue>,
    counters: Arc<Counters>,
    limits: Limits,
    observers: Arc<Observers>,
    reader: Reader,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// Closes the queue when the writer thread ends, however it ends.
struct CloseOnExit(Arc<Queue>);

impl Drop for CloseOnExit {
    fn drop(&mut self) {
        self.0.close(HaltReason::WriterGone);
        self.0.discard();
    }
}

fn write(mut writer: Writer, queue: Arc<Queue>) {
    let queue = CloseOnExit(queue);
    while let Some(group) = queue.0.take() {
        let lost = writer.run_group(group);
        queue.0.lost(lost);
        if let Some(reason) = writer.halted() {
            queue.0.close(reason);
            break;
        }
    }
    // What still waits after an engine fault is answered by the halted writer.
    while let Some(group) = queue.0.take_requests() {
        writer.run_group(group);
    }
    writer.finish();
}

impl Journal {
    /// Opens the journal on an engine and starts its writer thread.
    ///
    /// # Errors
    /// The engine fails, or what it stores does not match origin, keys or its own checkpoint.
    pub fn open(engine: Box<dyn Engine>, options: Options) -> Result<Self, OpenError> {
        let counters = Arc::new(Counters::default());
        let limits = options.limits;
        let queue = Arc::new(Queue::new(limits, counters.clone()));
        let writer = Writer::open(engine, options, counters.clone())?;
        let reader = Reader::new(writer.snapshots(), writer.node_key());
        let observers = writer.observers();
        let thread = thread::Builder::new()
            .name("journal-writer".to_owned())
            .spawn({
                let queue = queue.clone();
                move || write(writer, queue)
            })
            .map_err(OpenError::Thread)?;
        let writer = Mutex::new(Some(thread));
        Ok(Self {
            shared: Arc::new(Shared {
                queue,
                counters,
                limits,
                observers,
                reader,
                writer,
            }),
        })
    }

    /// Commits a transaction; returns after it is durable.
    ///
    /// When the returned future is dropped, the transaction may still happen.
    ///
    /// # Errors
    /// See [`CommitError`]: a refusal too is returned after what it depends on is durable.
    pub async fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        let (reply, answer) = oneshot::channel();
        self.submit(
            transaction,
            Box::new(move |outcome| drop(reply.send(outcome))),
        )?;
        answer.await.unwrap_or(Err(CommitError::Halted {
            reason: HaltReason::WriterGone,
        }))
    }

    /// [`Journal::commit`] for threads outside an async runtime.
    ///
    /// # Errors
    /// As for `commit`.
    pub fn commit_blocking(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        let (reply, answer) = mpsc::sync_channel(1);
        self.submit(
            transaction,
            Box::new(move |outcome| drop(reply.send(outcome))),
        )?;
        answer.recv().unwrap_or(Err(CommitError::Halted {
            reason: HaltReason::WriterGone,
        }))
    }

    fn submit(
        &self,
        transaction: Transaction,
        reply: Reply<Result<Committed, CommitError>>,
    ) -> Result<(), CommitError> {
        check_form(&transaction, &self.shared.limits)?;
        let bytes = transaction_bytes(&transaction);
        self.shared.queue.push(
            Request::Commit {
                transaction: Box::new(transaction),
                reply,
            },
            bytes,
        )
    }

    /// Queues an event that may be dropped under pressure. Never blocks.
    pub fn append_bulk(&self, event: BulkEvent) -> BulkOutcome {
        self.shared.queue.push_bulk(event)
    }

    /// Leases due effects; returns after the leases are durable.
    ///
    /// # Errors
    /// The queue is full or the writer halted.
    pub async fn lease(&self, request: LeaseRequest) -> Result<Vec<LeasedEffect>, CommitError> {
        let (reply, answer) = oneshot::channel();
        let reply = Box::new(move |outcome| drop(reply.send(outcome)));
        self.shared
            .queue
            .push(Request::Lease { request, reply }, 0)?;
        answer.await.unwrap_or(Err(CommitError::Halted {
            reason: HaltReason::WriterGone,
        }))
    }

    /// [`Journal::lease`] for threads outside an async runtime.
    ///
    /// # Errors
    /// As for `lease`.
    pub fn lease_blocking(&self, request: LeaseRequest) -> Result<Vec<LeasedEffect>, CommitError> {
        let (reply, answer) = mpsc::sync_channel(1);
        let reply = Box::new(move |outcome| drop(reply.send(outcome)));
        self.shared
            .queue
            .push(Request::Lease { request, reply }, 0)?;
        answer.recv().unwrap_or(Err(CommitError::Halted {
            reason: HaltReason::WriterGone,
        }))
    }

    /// Makes the records again from the events. Blocks the caller and holds up commits meanwhile.
    ///
    /// # Errors
    /// The stored records are untouched when this fails.
    pub fn rebuild(&self, mode: RebuildMode) -> Result<RebuildReport, RebuildError> {
        let (reply, answer) = mpsc::sync_channel(1);
        let reply = Box::new(move |outcome| drop(reply.send(outcome)));
        self.shared
            .queue
            .push(Request::Rebuild { mode, reply }, 0)
            .map_err(|refusal| RebuildError::Refused(Box::new(refusal)))?;
        answer.recv().unwrap_or(Err(RebuildError::Halted {
            reason: HaltReason::WriterGone,
        }))
    }

    /// Brings what emergency dumps hold into the log, and removes the dumps. Blocks the caller.
    ///
    /// # Errors
    /// What was recovered before the error stays recovered; calling again adds nothing twice.
    pub fn recover(&self) -> Result<Recovery, RecoverError> {
        let (reply, answer) = mpsc::sync_channel(1);
        let reply = Box::new(move |outcome| drop(reply.send(outcome)));
        self.shared
            .queue
            .push(Request::Recover { reply }, 0)
            .map_err(|refusal| RecoverError::Refused(Box::new(refusal)))?;
        answer.recv().unwrap_or(Err(RecoverError::Halted {
            reason: HaltReason::WriterGone,
        }))
    }

    /// Tells `observer` of every transaction from now on, after it is durable and before its caller is answered. It is told
    /// of those that [`Journal::recover`] brings back, too.
    pub fn observe(&self, observer: Observer) {
        self.shared.observers.add(observer);
    }

    /// Everything durable at this instant, for one decision.
    ///
    /// # Errors
    /// The engine fails.
    pub fn snapshot(&self) -> Result<Snapshot<'_>, ReadError> {
        self.shared.reader.snapshot()
    }

    /// Reads beside the writer.
    #[must_use]
    pub fn reader(&self) -> Reader {
        self.shared.reader.clone()
    }

    /// What the writer does.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared
            .queue
            .closed()
            .map_or(Status::Running, Status::Halted)
    }

    /// Numbers for metrics.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared
            .counters
            .read(self.shared.queue.waiting() as u64)
    }

    /// Finishes what is queued, stops the writer and waits for it. Later calls are refused.
    pub fn shutdown(&self) {
        self.shared.stop();
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn stop(&self) {
        self.queue.close(HaltReason::ShutDown);
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(writer) = writer
            && writer.join().is_err()
        {
            tracing::error!("journal writer panicked");
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.stop();
    }
}
