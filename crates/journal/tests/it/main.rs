//! The journal over the simulated disk.

mod conformance;
mod sim;
