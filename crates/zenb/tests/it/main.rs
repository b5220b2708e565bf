//! What the crate promises, shown from outside.
