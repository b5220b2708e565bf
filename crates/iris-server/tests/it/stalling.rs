//! A disk that does not answer for a while.

use std::sync::{Arc, Condvar, Mutex};

use iris_server::Limits;
use journal::Journal;
use journal::engine::{Engine, Snapshots, Write};
use journal::error::EngineError;
use journal_sqlite::SqliteEngine;

use crate::bed::{Bed, options};

/// Closed, nothing is written.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(crate) fn close(&self) {
        *self.0.0.lock().unwrap() = true;
    }

    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = false;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let closed = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(closed, |closed| *closed).unwrap());
    }
}

/// An engine behind a gate.
pub(crate) struct Stalling<E> {
    pub(crate) engine: E,
    pub(crate) gate: Gate,
}

impl<E: Engine> Engine for Stalling<E> {
    fn begin(&mut self) -> Result<Box<dyn Write + '_>, EngineError> {
        self.gate.pass();
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
        gate: gate.clone(),
    };
    let journal = Journal::open(Box::new(engine), options(bed.folder.path())).unwrap();
    bed.start_on(journal).await;
    bed.add_accounts(names).await;
    (bed, gate)
}
