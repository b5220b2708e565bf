//! A journal on a disk that fails on command.
//!
//! Everything follows from a seed: the workload, the faults, what a power loss leaves of the
//! unsynced sectors, the keys. One thread does all of it, so the same seed gives the same trace.

mod disk;
mod engine;
mod model;
mod random;
mod run;

pub use disk::{Disk, DiskFault};
pub use engine::SimEngine;
pub use random::Random;
#[cfg(feature = "planted-bugs")]
pub use run::run_planted;
pub use run::{Outcome, run};
