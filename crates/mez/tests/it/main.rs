//! What institutions promise, each module by its subject.

mod compliance;
mod entity;
mod pack;
mod support;
mod zone;
