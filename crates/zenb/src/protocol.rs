//! Session kinds, paces and doses that cannot be expressed outside their limits.
