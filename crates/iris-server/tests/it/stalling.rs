//! A disk that does not answer for a while.

use std::sync::{Arc, Condvar, Mutex};

use journal::engine::{Engine, Snapshots, Write};
use journal::error::EngineError;

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
