//! The node of a Hanse zone, and the command line that talks to it.
//!
//! This crate is the shell: sockets, clocks, files and randomness are here, decisions are in the cores below.

pub mod config;
pub mod keystore;

pub mod cli;

pub mod bundles;
pub mod journal_api;

pub mod breath;
pub mod compliance;
pub mod credentials;
pub mod entities;
pub mod gauges;
pub mod institution;
pub mod institutions;
pub mod iris;
mod mending;
pub mod node;
pub mod notices;
pub mod notifications;
pub mod records;
pub mod sample;
pub mod screening;
pub mod state;
pub mod streams;
pub mod workers;
pub mod zone;
