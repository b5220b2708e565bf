//! Black-box tests of the core.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod attention;
mod client_stream;
mod compliance;
mod framer;
mod model;
mod muc;
mod s2s;
mod services_hidden;
mod services_mam;
mod services_message;
mod services_misc;
mod services_pep;
mod services_roster;
mod services_subscription;
