//! What every service of the node stands on, and that knows no institution: one instant to read from, changes to commit,
//! authentication and authorisation, the frame around every HTTP handler.
//!
//! Read [`moment`] first: it is the one way to read and to decide.

pub mod outside;

pub mod clock;

pub mod change;
pub mod declined;
pub mod moment;
pub mod projection;
pub mod store;

pub mod auth;
pub mod principals;

pub mod http;
