//! The node through its router.

mod access;
mod platform;
mod scopes;
