//! What institutions promise, each module by its subject.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod entity;
mod facts;
#[path = "../../../law/tests/it/support.rs"]
mod law_support;
mod screening;
mod support;
