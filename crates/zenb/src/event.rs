//! The journal forms of a session.
