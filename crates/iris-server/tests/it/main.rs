//! The server, driven by clients over real sockets, on a real journal.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
#![expect(clippy::print_stdout, reason = "a test tells what it counted")]

mod accounts;
mod admission;
mod afterwards;
mod backpressure;
mod bed;
mod client;
mod component;
mod crash;
mod device;
mod faults;
mod federation;
mod follow;
mod guards;
mod line;
mod messages;
mod model;
mod outside;
mod own_process;
mod phones;
mod promise;
mod resume;
mod rooms;
mod stalling;
mod waiting;
mod watching;
