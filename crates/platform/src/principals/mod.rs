//! The people, services, peer zones and devices that may act in the zone, and their tokens.
//!
//! Each principal is a personal stream `hanse/principal/<id>` that also owns its tokens, so that erasing the stream
//! erases both. The one-time bootstrap token lives in `hanse/bootstrap`, as a digest.
//!
//! Invariants (guard):
//! 1. a token exists in the journal before its text is shown          (issued in the transaction that is replied to)
//! 2. a bootstrap token makes one administrator, once, even across crashes (its record is read and guarded)
//! 3. no secret is stored: of the bootstrap token a digest, of tokens their claims  (`event` has no field for them)

mod bootstrap;
mod commands;
mod event;
mod principal;
mod refusal;
#[cfg(test)]
mod tests;
mod token;
mod views;

pub use bootstrap::{announce_bootstrap, redeem_bootstrap};
pub use commands::{
    create_principal, disable_principal, exchange_assertion, issue_token, revoke_token,
    set_standing,
};
pub use event::project;
pub use refusal::Refusal;
pub use views::{authenticate, find_principal, find_token, identify, list_principals, list_tokens};
