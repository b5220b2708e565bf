//! mez
