//! Black-box tests of the core.

mod client_stream;
mod framer;
mod model;
mod services_hidden;
mod services_mam;
mod services_message;
mod services_misc;
mod services_pep;
mod services_roster;
mod services_subscription;
mod muc;
mod s2s;
