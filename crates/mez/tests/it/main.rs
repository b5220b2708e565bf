//! What institutions promise, each module by its subject.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod compliance;
mod entity;
mod facts;
mod law_support;
mod pack;
mod screening;
mod support;
mod zone;
