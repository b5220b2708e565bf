//! Black-box tests of the core.

mod client_stream;
mod framer;
