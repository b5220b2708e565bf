//! Moves pages from the WAL into the database on a thread of its own, so that no commit waits for it.
//!
//! SQLite would do that inside a commit, every thousand pages; the writer still does when the WAL grows faster than it is
//! emptied here. What fails here is tried again then: nothing is lost, because the WAL keeps the pages until they are moved.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use rusqlite::Connection;

/// Rows written between two runs: about as many as fill SQLite's own thousand pages.
const ROWS: u64 = 4_096;
/// Pages in the WAL beyond which a commit moves them itself: 64 MiB.
pub(crate) const PAGES_MAX: u32 = 16_384;

/// The thread; it ends when this is dropped.
pub(crate) struct Checkpointer {
    connection: Arc<Mutex<Connection>>,
    rows: AtomicU64,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts on a connection of its own.
    pub(crate) fn start(connection: Connection) -> io::Result<Self> {
        let connection = Arc::new(Mutex::new(connection));
        let (wake, woken) = sync_channel(1);
        let shared = connection.clone();
        let thread = thread::Builder::new()
            .name("journal-checkpoint".to_owned())
            .spawn(move || run(&shared, &woken))?;
        Ok(Self {
            connection,
            rows: AtomicU64::new(0),
            wake: Some(wake),
            thread: Some(thread),
        })
    }

    /// So many rows were committed.
    pub(crate) fn committed(&self, rows: u64) {
        if self.rows.fetch_add(rows, Ordering::Relaxed) + rows < ROWS {
            return;
        }
        self.rows.store(0, Ordering::Relaxed);
        if let Some(wake) = &self.wake {
            // When it is still busy with the run before, one more is remembered.
            let _ = wake.try_send(());
        }
    }

    /// Nothing is moved while this is held.
    pub(crate) fn pause(&self) -> MutexGuard<'_, Connection> {
        lock(&self.connection)
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.wake.take());
        if let Some(thread) = self.thread.take() {
            // It does not panic; and if it did, the WAL is as it was.
            let _ = thread.join();
        }
    }
}

fn lock(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run(connection: &Mutex<Connection>, woken: &Receiver<()>) {
    while let Ok(()) = woken.recv() {
        // Its failures are the writer's to report: see above.
        let _ = lock(connection).query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    }
}
