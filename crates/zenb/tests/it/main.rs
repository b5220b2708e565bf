//! What the crate promises, shown from outside.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod artefacts;
mod breathing;
mod clocks;
mod data;
mod deciding;
mod figures;
mod measures;
mod overall;
mod parsers;
mod references;
mod rhythm;
mod scale;
mod session;
