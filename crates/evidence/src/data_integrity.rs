//! data_integrity
