//! Stepped and sliding search for a resonance, criterion by criterion.
