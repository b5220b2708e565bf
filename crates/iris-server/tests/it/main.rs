//! The server, driven by clients over real sockets, on a real journal.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod bed;
mod client;
mod component;
mod crash;
mod federation;
mod messages;
mod resume;
