//! The node through its router.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod access;
mod breathe_audit;
mod breathe_cli;
mod breathe_docs;
mod breathe_export;
mod breathe_kill;
mod breathe_live;
mod breathe_load;
mod breathe_page;
mod breathe_safety;
mod breathe_times;
mod cli_register;
mod cli_zone;
mod interleavings;
mod iris_bed;
mod iris_hostile;
mod iris_kill;
mod iris_operator;
mod iris_web;
mod j1;
mod j6;
mod j7;
mod j8;
mod journal_api;
mod kill9;
mod notices;
mod one_instant;
mod openapi;
mod platform;
mod races;
mod scopes;
mod screening;
