//! Canonical bytes of the whole state and their digest.
