//! Sliding windows with exact sums.
