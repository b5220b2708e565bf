//! A session of breath guidance for programs in other languages.
//!
//! Everything crosses the border as JSON text in the forms of `zenb`: an opening, inputs, steps. So one
//! session gives the same digests in C, Python, Kotlin, Swift and the browser, and a log that one
//! language wrote is replayed in another.

pub mod c;
pub mod session;

#[cfg(feature = "uniffi")]
uniffi::setup_scaffolding!();

/// The page for programs around the engine, whose Rust runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/zenb/embed.md")]
pub struct Embed;
