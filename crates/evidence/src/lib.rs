//! Bytes that prove, for someone who does not trust whoever hands them over.
//!
//! Everything here is a value: no clock, no randomness, no input or output, no unordered maps.
//! Read top to bottom, each module uses only those above it.

mod base64;

pub mod canonical;
pub mod mcf;

pub mod time;

pub mod did;
pub mod digest;
pub mod key;

pub mod merkle;

pub mod checkpoint;
pub mod note;
pub mod tile;

pub mod event;

pub mod credential;
pub mod data_integrity;
pub mod status_list;

pub mod bundle;
