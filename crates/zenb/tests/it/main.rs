//! What the crate promises, shown from outside.

mod artefacts;
mod breathing;
mod data;
mod parsers;
mod references;
mod session;
