//! The institutions of a zone, as values: no clock, no randomness, no I/O.
//!
//! A zone is a [`zone::Manifest`] that composes [`pack`]s of law. An [`entity`] moves from application
//! to registration when its parties are [`screening`]-clear and its [`compliance`], judged by the
//! packs on verified evidence, passes the gates of the operation. Bytes and time come in as
//! arguments; events, effects and refusals come out, and the node runs them.

pub mod compliance;
pub mod credential;
pub mod entity;
pub mod pack;
pub mod person;
pub mod screening;
mod yaml;
pub mod zone;
