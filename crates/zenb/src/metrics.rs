//! SDNN, RMSSD, pNN50 and mean heart rate from exact sums.
