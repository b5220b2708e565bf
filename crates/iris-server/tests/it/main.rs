//! The server, driven by clients over real sockets, on a real journal.

mod bed;
mod client;
mod messages;
