//! The R1 spectrum and the power at a known pace.
