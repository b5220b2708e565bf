//! The node through its router.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod access;
mod cli_register;
mod cli_zone;
mod j1;
mod journal_api;
mod kill9;
mod openapi;
mod platform;
mod refusals;
mod scopes;
