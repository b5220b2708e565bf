//! The messenger with sockets: listeners, TLS, sessions, and storage on the journal.
