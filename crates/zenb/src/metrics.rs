//! SDNN, RMSSD, pNN50 and mean heart rate from exact sums.
//!
//! Task Force (1996): SDNN divides by n - 1; RMSSD and pNN50 divide by the n - 1 successive
//! differences; pNN50 counts those strictly above 50 ms. The sums are integers, so each figure is
//! rounded once, at its end.

use crate::window::Sums;
use crate::window::Unit;

/// The mean interval in milliseconds; needs one interval.
pub fn mean_ms(sums: &Sums, unit: Unit) -> Option<f64> {
    (sums.count > 0).then(|| sums.sum as f64 / sums.count as f64 * ms_per(unit))
}

/// Sixty seconds over the mean interval, in beats per minute; needs one interval.
pub fn heart_rate(sums: &Sums, unit: Unit) -> Option<f64> {
    (sums.sum > 0).then(|| sums.count as f64 * 60.0 * unit.per_second as f64 / sums.sum as f64)
}

/// Standard deviation of the intervals in milliseconds; needs two.
pub fn sdnn_ms(sums: &Sums, unit: Unit) -> Option<f64> {
    let n = u128::from(sums.count);
    (n > 1).then(|| {
        // n Σx² - (Σx)² is exact, and never negative (Cauchy and Schwarz).
        let spread = n * sums.squares - sums.sum * sums.sum;
        libm::sqrt(spread as f64 / (n * (n - 1)) as f64) * ms_per(unit)
    })
}

/// Root mean square of the successive differences in milliseconds; needs two intervals.
pub fn rmssd_ms(sums: &Sums, unit: Unit) -> Option<f64> {
    rmssd_of(sums, sums.count.checked_sub(1)?, unit)
}

/// The same where the intervals lie in several stretches, with so many differences within them.
pub fn rmssd_of(sums: &Sums, differences: u64, unit: Unit) -> Option<f64> {
    (differences > 0)
        .then(|| libm::sqrt(sums.difference_squares as f64 / differences as f64) * ms_per(unit))
}

/// Percentage of the successive differences strictly above 50 ms; needs two intervals.
pub fn pnn50_percent(sums: &Sums) -> Option<f64> {
    (sums.count > 1).then(|| sums.above_50_ms as f64 * 100.0 / (sums.count - 1) as f64)
}

fn ms_per(unit: Unit) -> f64 {
    1000.0 / unit.per_second as f64
}
