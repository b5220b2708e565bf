//! A disk that does not answer for a while.

use std::sync::{Arc, Condvar, Mutex};

use iris_server::Limits;
use journal::Journal;
use journal::engine::{Engine, Snapshots, Write};
use journal::error::EngineError;
use journal_sqlite::SqliteEngine;

use crate::bed::{Bed, options};

/// Closed, nothing is written. Dropped it is open: a test that fails meanwhile ends, although the journal waits for its writer.
#[derive(Default)]
pub(crate) struct Gate(Arc<Way>);

/// What a gate closes.
#[derive(Default)]
pub(crate) struct Way {
    is_closed: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    pub(crate) fn way(&self) -> Arc<Way> {
        self.0.clone()
    }

    pub(crate) fn close(&self) {
        *self.0.is_closed.lock().unwrap() = true;
    }

    pub(crate) fn open(&self) {
        *self.0.is_closed.lock().unwrap() = false;
        self.0.opened.notify_all();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.open();
    }
}

impl Way {
    fn pass(&self) {
        let closed = self.is_closed.lock().unwrap();
        drop(self.opened.wait_while(closed, |closed| *closed).unwrap());
    }
}

/// An engine behind a gate.
pub(crate) struct Stalling<E> {
    pub(crate) engine: E,
    pub(crate) way: Arc<Way>,
}

impl<E: Engine> Engine for Stalling<E> {
    fn begin(&mut self) -> Result<Box<dyn Write + '_>, EngineError> {
        self.way.pass();
        self.engine.begin()
    }

    fn snapshots(&self) -> Arc<dyn Snapshots> {
        self.engine.snapshots()
    }

    fn erase(&mut self) -> Result<(), EngineError> {
        self.engine.erase()
    }
}

/// A server with these accounts on a disk that stands still while the gate is closed.
pub(crate) async fn bed(names: &[&str]) -> (Bed, Gate) {
    let mut bed = Bed::prepare(Limits::STANDARD);
    let gate = Gate::default();
    let engine = Stalling {
        engine: SqliteEngine::open(bed.folder.path().join("journal.db")).unwrap(),
        way: gate.way(),
    };
    let journal = Journal::open(Box::new(engine), options(bed.folder.path())).unwrap();
    bed.start_on(journal).await;
    bed.add_accounts(names).await;
    (bed, gate)
}
