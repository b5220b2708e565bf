//! mcf
