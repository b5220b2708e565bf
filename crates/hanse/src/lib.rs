//! The node of a Hanse zone, and the command line that talks to it.
//!
//! This crate is the shell: sockets, clocks, files and randomness are here, decisions are in the cores below.

pub mod clock;
pub mod config;
pub mod keystore;

pub mod auth;
pub mod http;
pub mod principals;

pub mod cli;

pub mod bundles;
pub mod journal_api;
pub mod moment;

pub mod breath;
pub mod change;
pub mod compliance;
pub mod credentials;
pub mod entities;
pub mod gauges;
pub mod institution;
pub mod institutions;
pub mod iris;
pub mod node;
pub mod notices;
pub mod notifications;
pub mod outside;
pub mod projection;
pub mod sample;
pub mod screening;
pub mod state;
pub mod store;
pub mod streams;
pub mod workers;
pub mod zone;
