//! The server, driven by clients over real sockets, on a real journal.

mod bed;
mod client;
mod federation;
mod crash;
mod messages;
mod resume;
