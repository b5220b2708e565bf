//! The fence between a sensor and the measures: order, gaps, clocks.
