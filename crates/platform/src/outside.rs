//! What the node has from the machine: time, randomness, threads. One seam, so that a simulator can run the node in one
//! thread, at a time that stands still, and choose who goes next.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::clock::Clock;

/// Random bytes for ids and secrets.
pub type Entropy = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// Everything that the node does not decide by itself.
#[derive(Clone)]
pub struct Outside {
    /// The time.
    pub clock: Clock,
    /// Random bytes.
    pub entropy: Entropy,
    /// Starts work beside a request.
    pub tasks: Arc<dyn Tasks>,
}

impl Outside {
    /// The machine and the runtime that the node runs in.
    pub fn machine() -> Self {
        Self {
            clock: Clock::system(),
            entropy: Arc::new(system_entropy),
            tasks: Arc::new(Tokio),
        }
    }
}

impl std::fmt::Debug for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outside")
            .field("clock", &self.clock)
            .finish_non_exhaustive()
    }
}

/// Random bytes of the system. Without them nothing secret can be made, so there is no going on.
pub fn system_entropy(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the system gave random bytes when the node started");
}

/// A future that owns what it needs.
pub type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where a decision is, when it could be overtaken by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// Before it takes its snapshot.
    Read,
    /// After it decided, before it commits.
    Commit,
}

/// Starts work, and lets a simulator in between.
pub trait Tasks: Send + Sync {
    /// Runs work that takes long or waits for the disk, off the threads that serve requests.
    fn block(&self, work: Box<dyn FnOnce() + Send>);

    /// Starts a task that goes on by itself.
    fn spawn(&self, task: BoxFuture) -> JoinHandle<()>;

    /// Waits until a decision may go on. Nothing means at once, as in every node that serves people.
    fn pause(&self, _at: Point) -> Option<BoxFuture> {
        None
    }
}

/// Tasks on the runtime that the node runs in.
#[derive(Clone, Copy, Debug)]
pub struct Tokio;

impl Tasks for Tokio {
    fn block(&self, work: Box<dyn FnOnce() + Send>) {
        drop(tokio::task::spawn_blocking(work));
    }

    fn spawn(&self, task: BoxFuture) -> JoinHandle<()> {
        tokio::spawn(task)
    }
}
