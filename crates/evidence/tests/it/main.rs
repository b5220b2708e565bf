//! What this crate promises, shown against published vectors and independent implementations.
#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod bundle;
mod canonical;
mod mcf;
mod merkle;
mod status_list;
mod tiles;
mod vc_interop;
mod vc_mutations;
mod vc_policy;
mod vc_vectors;
mod vcdm;
mod wycheproof;
