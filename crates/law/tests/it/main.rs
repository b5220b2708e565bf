//! What the law promises, each module by its subject.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod compliance;
mod pack;
mod support;
mod zone;
