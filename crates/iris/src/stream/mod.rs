//! Streams as state machines: bytes and answers in, bytes and questions out.
//!
//! The shell owns the socket and drives a machine like this:
//!
//! 1. whatever happens becomes an [`Event`];
//! 2. it carries out the returned [`Action`]s in order, before the next event;
//! 3. a question ([`Action::LookUp`], [`Action::CheckToken`], [`Action::Bind`], [`Action::EnableSm`], [`Action::Resume`],
//!    [`Action::StartTls`]) is answered by the event named there. Until then the machine keeps what it received, so the shell
//!    does not read from the socket while `is_waiting`.

pub mod client;
pub mod error;
pub mod event;
mod features;
mod inline;
mod session;
mod sign_in;

pub use client::ClientStream;
pub use error::{StreamCondition, StreamError};
pub use event::{Action, Config, Event, ResourceWish};
