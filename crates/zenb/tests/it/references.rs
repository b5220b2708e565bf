//! The metrics and the spectrum against published references (`testdata/hrv/README.md`).

use proptest::prelude::*;
use serde_json::Value;
use zenb::metrics;
use zenb::spectrum::R1;
use zenb::spectrum::Spectrum;
use zenb::window::Sums;
use zenb::window::Unit;
use zenb::window::Window;

use crate::data::RECORDINGS;
use crate::data::Recording;

/// The references were computed from milliseconds with at most four decimals: 100 ns each.
const TENTHS_OF_US: Unit = Unit {
    per_second: 10_000_000,
};

fn exact(millis: &[f64]) -> Vec<u64> {
    millis
        .iter()
        .map(|rr| (rr * 10_000.0).round() as u64)
        .collect()
}

fn reference(refs: &Value, path: [&str; 3]) -> f64 {
    let [group, by, name] = path;
    refs[group][by][name]
        .as_f64()
        .unwrap_or_else(|| panic!("no reference {path:?}"))
}

#[track_caller]
fn relative(found: f64, expect: f64) -> f64 {
    if expect == 0.0 {
        found.abs()
    } else {
        (found / expect - 1.0).abs()
    }
}

/// Each five-minute window with its references, and each whole recording.
fn windows() -> Vec<(String, Vec<f64>, Value)> {
    let mut all = Vec::new();
    for name in RECORDINGS {
        let recording = Recording::load(name);
        let millis = recording.millis();
        for window in recording.value["windows_5min"].as_array().unwrap() {
            let first = window["first_rr"].as_u64().unwrap() as usize;
            let count = window["n"].as_u64().unwrap() as usize;
            let part = millis[first..first + count].to_vec();
            all.push((format!("{name}[{first}..]"), part, window["refs"].clone()));
        }
        all.push((name.to_owned(), millis, recording.value["whole"].clone()));
    }
    all
}

/// REQ-101 (G1). The greatest relative error of SDNN, RMSSD and pNN50, and how many windows.
pub fn time_domain_error() -> (f64, usize) {
    let mut worst = 0.0f64;
    let all = windows();
    for (_, millis, refs) in &all {
        let sums = Sums::of(TENTHS_OF_US, exact(millis));
        let found = [
            (metrics::sdnn_ms(&sums, TENTHS_OF_US), "sdnn"),
            (metrics::rmssd_ms(&sums, TENTHS_OF_US), "rmssd"),
            (metrics::pnn50_percent(&sums), "pnn50"),
            (metrics::mean_ms(&sums, TENTHS_OF_US), "mean_nn"),
            (
                metrics::heart_rate(&sums, TENTHS_OF_US),
                "mean_hr_of_mean_nn",
            ),
        ];
        for (found, name) in found {
            let expect = reference(refs, ["time", "own_numpy", name]);
            worst = worst.max(relative(found.unwrap(), expect));
        }
    }
    (worst, all.len())
}

/// REQ-101 (G1).
#[test]
fn sdnn_rmssd_and_pnn50_equal_the_closed_form() {
    let (worst, windows) = time_domain_error();
    assert_eq!(windows, 43);
    assert!(worst <= 1e-9, "relative error {worst:e}");
}

/// REQ-103 (G2). The greatest relative error of VLF, LF and HF, and how many windows.
pub fn spectrum_error() -> (f64, usize) {
    let mut r1 = R1::default();
    let mut worst = 0.0f64;
    let mut count = 0;
    for (name, millis, refs) in windows() {
        if refs["freq"]["R1_scipy"].is_null() {
            continue;
        }
        let spectrum = r1.spectrum(millis.iter().copied()).unwrap();
        let bands: [(fn(&Spectrum) -> f64, &str); 3] = [
            (Spectrum::vlf, "vlf"),
            (Spectrum::lf, "lf"),
            (Spectrum::hf, "hf"),
        ];
        for (power, band) in bands {
            let expect = reference(&refs, ["freq", "R1_scipy", band]);
            let error = relative(power(&spectrum), expect);
            assert!(
                error <= 1e-6,
                "{name} {band}: {} for {expect}",
                power(&spectrum)
            );
            worst = worst.max(error);
        }
        count += 1;
    }
    (worst, count)
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
