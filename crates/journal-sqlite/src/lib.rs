//! The journal on SQLite: one file in WAL mode with `synchronous=FULL`, one writer connection and a
//! pool of readers.
//!
//! Invariants (guard):
//! 1. a commit returns after its WAL frames are synced      (`synchronous=FULL`, set on open and read back)
//! 2. one process writes                                    (lock on `<file>.lock`, held while open)
//! 3. deleted bytes are overwritten                         (`secure_delete`; `erase` empties the WAL)
//! 4. the schema only moves forward, in whole steps         (`user_version`, one transaction per step)

mod backup;
mod checkpointer;
mod effects;
mod engine;
mod error;
mod events;
mod idempotency;
mod log;
mod records;
mod schema;
mod session;
mod value;

pub use crate::{
    backup::{BackupError, backup, restore},
    engine::{SqliteEngine, SqliteSnapshots},
};
