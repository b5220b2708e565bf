//! Who may do what: scopes, roles, tokens and the one decision function.
//!
//! Invariants (guard):
//! 1. a handler that changes something holds a [`Permit`], and only [`authorize`] makes one   (private field)
//! 2. a regulator cannot have a scope that changes anything                    (its scopes are [`ReadScope`]s by type)
//! 3. a token gives no more than its principal has at the time of the request  (intersection in [`Identity::scopes`])
//! 4. exactly one signature algorithm is accepted, and the token cannot choose (`token::open`)

mod action;
pub mod jws;
mod policy;
pub mod token;

pub use action::{Access, Action, Asks, Need, can};
pub use policy::{Binding, Identity, Permit, Refusal, Resource, authorize};
