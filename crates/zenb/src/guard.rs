//! The only way to a pace: a proposal is permitted, or denied with its numbers.
