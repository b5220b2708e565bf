//! The wire of a node, both ways: what clients send and what the node answers, its problem codes, its scopes.
//!
//! The node and the command line use these types, and so can any other client in Rust: nothing here does I/O or knows how
//! an institution decides. With the feature `openapi` the types describe themselves for the document at `/openapi.json`.
//!
//! Requests are closed: a member that is not documented is refused. Answers are open, so that a client reads what a newer
//! node says: members may be added, and the words of a state are text, documented with each.

pub mod accounts;
mod address;
pub mod compliance;
pub mod credentials;
pub mod entities;
pub mod health;
pub mod journal;
pub mod messenger;
pub mod notices;
pub mod notifications;
pub mod page;
pub mod principals;
pub mod problem;
pub mod receipt;
pub mod scope;
pub mod screening;
#[cfg(feature = "openapi")]
pub mod text;
pub mod tokens;
pub mod word;
pub mod zone;
