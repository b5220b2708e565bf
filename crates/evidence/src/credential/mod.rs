//! Verifiable Credentials 2.0 (W3C Recommendation VC-DATA-MODEL-2.0), secured by
//! [`crate::data_integrity`]: built, checked for form, and verified as of a stated time.
//!
//! Nothing is fetched. What a credential refers to (keys that are not a did:key, status lists) is
//! given by the caller, and what is missing makes the credential refused, never accepted.
//!
//! Contexts are given as addresses only in what is built here. VC-DI-EDDSA allows context objects
//! too, but Digital Bazaar's `eddsa-jcs-2022-cryptosuite` compares them by identity and refuses
//! even its own credentials then, so they would not travel.

mod build;
mod context;
mod presentation;
mod structure;
mod terms;
mod verify;

pub use build::Builder;
pub use context::BASE_CONTEXT;
pub use context::UNDEFINED_TERMS_CONTEXT;
pub use presentation::check_presentation;
pub use structure::Fault;
pub use structure::Malformed;
pub use structure::check_credential;
pub use terms::Terms;
pub use terms::TermsError;
pub use verify::Issuers;
pub use verify::Policy;
pub use verify::Refusal;
pub use verify::Verified;
pub use verify::verify;
