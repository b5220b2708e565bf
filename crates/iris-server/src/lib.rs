//! The messenger with sockets: listeners, TLS, sessions, and storage on the journal.
//!
//! Read in this order: [`store`] (what is kept and how it is read), then the committer (the one way in),
//! the registry (who is connected), dispatch (from stanza to outcome), sessions and the server.

pub mod store;
