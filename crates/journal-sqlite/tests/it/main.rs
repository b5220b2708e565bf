//! The journal on SQLite, as its users see it.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod conformance;
mod disk_full;
mod files;
mod fsck_mutations;
mod history;
mod shredding;
