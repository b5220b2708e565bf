//! Black-box tests of the core.
