//! The suite of every engine, on the simulated one.

use journal::{
    conformance::Subject,
    engine::Engine,
    error::EngineError,
    sim::{Disk, SimEngine},
};

struct Simulated(Disk);

impl Subject for Simulated {
    fn open(&self) -> Result<Box<dyn Engine>, EngineError> {
        Ok(Box::new(SimEngine::open(self.0.clone())?))
    }
}

journal::conformance!(Simulated(Disk::new(1)));
