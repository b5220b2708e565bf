//! The journal on SQLite, as its users see it.

mod conformance;
