//! What institutions promise, each module by its subject.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod compliance;
mod entity;
mod pack;
mod sanctions;
mod support;
mod zone;
