//! The metrics and the spectrum against published references (`testdata/hrv/README.md`).

use proptest::prelude::*;
use zenb::metrics;
use zenb::spectrum::R1;
use zenb::window::Sums;
use zenb::window::Unit;
use zenb::window::Window;

use crate::data::Recording;
use crate::figures::spectrum_error;
use crate::figures::time_domain_error;
use crate::figures::windows;

/// REQ-101 (G1).
#[test]
fn sdnn_rmssd_and_pnn50_equal_the_closed_form() {
    let (worst, windows) = time_domain_error();
    assert_eq!(windows, 43);
    assert!(worst <= 1e-9, "relative error {worst:e}");
}

/// REQ-103 (G2).
#[test]
fn vlf_lf_and_hf_equal_r1() {
    let (worst, windows) = spectrum_error();
    assert!(windows >= 37, "{windows} windows have references");
    assert!(worst <= 1e-6, "relative error {worst:e}");
}

/// REQ-104. The same bits whatever was computed before: nothing of one window reaches the next.
#[test]
fn a_spectrum_does_not_depend_on_the_ones_before() {
    let mut used = R1::default();
    for (name, millis, _) in windows() {
        let found = used.spectrum(millis.iter().copied());
        let fresh = R1::with_capacity(0, 0).spectrum(millis.iter().copied());
        assert_eq!(found, fresh, "{name}");
    }
}

/// REQ-104.
#[test]
fn a_spectrum_of_what_is_no_interval_is_refused() {
    let mut r1 = R1::default();
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(
            r1.spectrum([800.0, 810.0, bad, 800.0, 790.0].into_iter()),
            None
        );
    }
    assert_eq!(r1.spectrum([800.0; 3].into_iter()), None);
}

proptest! {
    /// REQ-102 (G1).
    #[test]
    fn a_sliding_window_equals_its_beats_added_afresh(
        intervals in prop::collection::vec(1u64..=65_535, 1..400),
        seconds in 1u32..300,
        most in 2usize..300,
    ) {
        let mut window = Window::new(Unit::TICKS, seconds, most);
        for interval in intervals {
            window.push(interval);
            let afresh = Sums::of(Unit::TICKS, window.intervals());
            prop_assert_eq!(window.sums(), &afresh);
            prop_assert!(afresh.sum <= u128::from(seconds) * 1024);
            prop_assert!(afresh.count as usize <= most);
        }
    }

    /// REQ-104.
    #[test]
    fn power_is_never_negative(intervals in prop::collection::vec(200.0f64..2000.0, 4..400)) {
        if let Some(spectrum) = R1::default().spectrum(intervals.into_iter()) {
            prop_assert!(spectrum.density().iter().all(|density| *density >= 0.0));
            prop_assert!(spectrum.vlf() >= 0.0 && spectrum.lf() >= 0.0 && spectrum.hf() >= 0.0);
        }
    }
}

/// REQ-102 (G1). Every five-minute stretch of a day, slid beat by beat: bit for bit the batch.
#[test]
fn a_day_of_beats_slides_without_a_trace() {
    let ticks = Recording::load("nsr2db_nsr001").ticks();
    let mut window = Window::new(Unit::TICKS, 300, 2048);
    for (n, rr) in ticks.iter().enumerate() {
        window.push(u64::from(rr.get()));
        if n % 997 == 0 || n + 1 == ticks.len() {
            let afresh = Sums::of(Unit::TICKS, window.intervals());
            assert_eq!(window.sums(), &afresh, "after beat {n}");
            let (unit, sums) = (Unit::TICKS, window.sums());
            assert_eq!(
                metrics::sdnn_ms(sums, unit).map(f64::to_bits),
                metrics::sdnn_ms(&afresh, unit).map(f64::to_bits)
            );
        }
    }
}

/// REQ-101. 51 ticks are 49.8 ms and do not count; 52 are 50.8 and do.
#[test]
fn pnn50_counts_strictly_above_fifty_milliseconds() {
    let share = |step: u64| metrics::pnn50_percent(&Sums::of(Unit::TICKS, [800, 800 + step]));
    assert_eq!(share(51), Some(0.0));
    assert_eq!(share(52), Some(100.0));
    let exactly = Unit { per_second: 1000 };
    assert_eq!(
        metrics::pnn50_percent(&Sums::of(exactly, [800, 850])),
        Some(0.0)
    );
}
