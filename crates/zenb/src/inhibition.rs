//! Contexts in which guidance is held back after a bad episode.
