//! The messenger with sockets: listeners, TLS, sessions, and storage on the journal.
//!
//! Read in this order: [`store`] (what is kept and how it is read), `change` and `committer` (the one way in), `follow` (what
//! every commit does to memory), `registry` (who is connected), `decide` (from stanza to outcome), `node` (from outcome to the
//! disk and on), `session` and `connection` (one client), [`server`].

pub mod config;
pub mod server;
pub mod store;
pub mod tls;

mod accounts;
mod change;
mod committer;
mod component;
mod connection;
mod decide;
mod dedupe;
mod detached;
mod follow;
mod handling;
mod listen;
mod locks;
mod node;
mod registry;
mod remote;
mod resume;
mod s2s;
mod session;
mod turns;
mod wire;

pub use accounts::{AccountError, Accounts};
pub use committer::NotCommitted;
pub use config::{Component, Config, Limits};
pub use node::{Clock, Random};
pub use remote::Remote;
pub use s2s::DomainStatus;
pub use server::{
    Addresses, Checking, Health, NotRestarted, Server, SessionStatus, StartError, Status,
    TokenCheck,
};
pub use wire::WebSocket;
