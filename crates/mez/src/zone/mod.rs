//! A zone: its manifest `zone.yaml`.

mod manifest;

pub use manifest::{Manifest, Operator, PackPin, ReviewPolicy, ScreeningPolicy};
