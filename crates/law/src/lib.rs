//! Law as values: what a zone is made of, and what its law says of a subject.
//!
//! A [`zone::Manifest`] composes [`pack`]s of law and its lock pins their every byte; [`compliance`]
//! judges facts on verified evidence by the packs in force. Bytes and time come in as arguments,
//! judgements with clause and source come out. No institution is known here: whoever asks states
//! the facts.

pub mod compliance;
pub mod pack;
mod yaml;
pub mod zone;
