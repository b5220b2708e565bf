//! What the crate promises, shown from outside.

mod artefacts;
mod breathing;
mod clocks;
mod data;
mod deciding;
mod figures;
mod measures;
mod parsers;
mod references;
mod session;
