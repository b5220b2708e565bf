//! The breathing pacer: a phase that never jumps.
