//! The institutions of a zone, as values: no clock, no randomness, no I/O.
//!
//! An [`entity`] moves from application to registration when its parties are [`screening`]-clear and
//! its compliance, judged by the law of the zone on verified evidence, passes the gates of the
//! operation. Everything personal is in [`person`]. Commands, facts and time come in as arguments;
//! events, effects and refusals come out, and the node runs them.

pub mod credential;
pub mod entity;
pub mod file;
pub mod notice;
pub mod notification;
pub mod person;
pub mod screening;
