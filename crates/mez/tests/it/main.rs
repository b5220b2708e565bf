//! What institutions promise, each module by its subject.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod case;
mod credential;
mod entity;
mod facts;
mod file;
mod inquiry;
#[path = "../../../law/tests/it/support.rs"]
mod law_support;
mod list;
mod notice;
mod notification;
mod screening;
mod support;
