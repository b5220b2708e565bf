//! Recomputes a session's decisions from its inputs.
