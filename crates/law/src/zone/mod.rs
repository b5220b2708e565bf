//! A zone: its manifest `zone.yaml`, and `zone.lock`, which pins every byte it is made of.

mod form;
mod lock;
mod manifest;
mod read;

pub use lock::{Drift, DriftKind, Lock, LockError, LockedPack};
pub use manifest::{Manifest, Operator, PackPin, ReviewPolicy, ScreeningPolicy};
pub use read::{Problem, Rule};
