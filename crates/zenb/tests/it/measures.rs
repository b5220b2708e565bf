//! The features after each beat: the same however the beats came, and nothing made up.

use proptest::prelude::*;
use zenb::canon::Canon;
use zenb::features::Extractor;
use zenb::features::Features;
use zenb::features::PaceAt;
use zenb::features::WindowConfig;
use zenb::metrics;
use zenb::spectrum::R1;
use zenb::timeline::Packet;
use zenb::timeline::Timeline;
use zenb::units::BreathsPerMinute;
use zenb::units::EngineMs;
use zenb::units::Measured;
use zenb::units::Reason;
use zenb::units::Ticks;
use zenb::window::Sums;
use zenb::window::Unit;

use crate::data::Recording;

/// Sends the intervals in packets of the sizes given, over and over; empty ones are heart rate
/// alone.
fn send(rr: &[Ticks], sizes: &[usize]) -> (Extractor, Features) {
    let mut timeline = Timeline::new();
    let mut extractor = Extractor::new(WindowConfig::SESSION);
    let raw: Vec<u16> = rr.iter().map(|rr| rr.get() as u16).collect();
    let (mut ticks, mut rest) = (0u64, raw.as_slice());
    let mut sizes = sizes.iter().cycle();
    while !rest.is_empty() {
        let (now, later) = rest.split_at(sizes.next().unwrap().min(&rest.len()).to_owned());
        ticks += now.iter().map(|rr| u64::from(*rr)).sum::<u64>();
        let at = EngineMs(ticks * 1000 / 1024);
        let accepted = timeline
            .accept(Packet {
                at,
                rr: now,
                contact: None,
            })
            .unwrap();
        extractor.push(&accepted, None);
        rest = later;
    }
    let features = extractor.features(EngineMs(ticks * 1000 / 1024));
    (extractor, features)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// REQ-150 (G1, V2).
    #[test]
    fn features_do_not_depend_on_how_beats_are_packed(
        sizes in prop::collection::vec(0usize..=4, 1..8).prop_filter(
            "some packet carries beats", |sizes| sizes.iter().any(|size| *size > 0)),
        beats in 40usize..700,
    ) {
        let rr = &Recording::load("phantom_art_20").ticks()[..beats.min(655)];
        let (_, one_by_one) = send(rr, &[1]);
        let (_, packed) = send(rr, &sizes);
        prop_assert_eq!(packed, one_by_one);
    }
}

/// REQ-150 (G1). What is streamed equals what is computed at once from the mended intervals.
#[test]
fn streamed_features_equal_the_batch() {
    for name in ["pyhrv_long", "phantom_art_20", "phantom_step_rf55"] {
        let rr = Recording::load(name).ticks();
        let (extractor, features) = send(&rr, &[1, 2, 0]);
        let intervals: Vec<u32> = extractor.intervals().collect();
        let spectrum =
            R1::default().spectrum(intervals.iter().map(|rr| f64::from(*rr) * 1000.0 / 1024.0));
        let lf = (spectrum.unwrap().lf() * 1000.0).round() as u64;
        assert_eq!(features.lf_milli_ms2.value(), Some(lf), "{name}");

        let mut newest = intervals.len();
        let mut ticks = 0;
        while newest > 0 && ticks + intervals[newest - 1] <= 120 * 1024 {
            newest -= 1;
            ticks += intervals[newest];
        }
        let sums = Sums::of(
            Unit::TICKS,
            intervals[newest..].iter().map(|rr| u64::from(*rr)),
        );
        let sdnn = (metrics::sdnn_ms(&sums, Unit::TICKS).unwrap() * 1000.0).round() as u32;
        let rmssd = (metrics::rmssd_ms(&sums, Unit::TICKS).unwrap() * 1000.0).round() as u32;
        assert_eq!(features.sdnn_us.value(), Some(sdnn), "{name}");
        assert_eq!(features.rmssd_us.value(), Some(rmssd), "{name}");
    }
}

/// REQ-151. A value appears when enough beats are there, and not before.
#[test]
fn nothing_is_measured_before_there_is_enough() {
    let rr = Recording::load("phantom_step_rf55").ticks();
    let known = |beats: usize| {
        let (_, features) = send(&rr[..beats], &[1]);
        [
            features.heart_rate_milli_bpm.value().is_some(),
            features.sdnn_us.value().is_some(),
            features.lf_milli_ms2.value().is_some(),
            features.vlf_milli_ms2.value().is_some(),
        ]
    };
    assert_eq!(known(1), [false; 4]);
    assert_eq!(known(30), [true, false, false, false]);
    assert_eq!(known(60), [true, true, false, false]);
    assert_eq!(known(120), [true, true, true, false]);
    assert_eq!(known(360), [true; 4]);
    let (_, features) = send(&rr[..30], &[1]);
    assert_eq!(features.sdnn_us, Measured::NotMeasured(Reason::TooFewBeats));
    assert_eq!(features.breath, Measured::NotMeasured(Reason::TooFewBeats));
    assert_eq!(features.following, Measured::NotMeasured(Reason::NotPaced));
}

fn quality<T>(measured: Measured<T>) -> u16 {
    match measured {
        Measured::Known { quality, .. } => quality.permille(),
        Measured::NotMeasured(reason) => panic!("not measured: {reason}"),
    }
}

/// REQ-153. How far a figure may be relied on: the share of its window that is there, times the
/// share of its beats that were not mended.
#[test]
fn quality_grows_with_the_window_and_falls_with_mended_beats() {
    let rr = Recording::load("phantom_step_rf55").ticks();
    let mut last = (0, 0);
    for beats in [100, 120, 150, 400] {
        let (_, features) = send(&rr[..beats], &[1]);
        let now = (quality(features.sdnn_us), quality(features.lf_milli_ms2));
        assert!(now >= last, "{beats} beats: {now:?} after {last:?}");
        assert_eq!(quality(features.sdnn_us), quality(features.rmssd_us));
        assert_eq!(
            quality(features.lf_milli_ms2),
            quality(features.hf_milli_ms2)
        );
        last = now;
    }
    assert_eq!(last, (1000, 1000));
    let half = quality(send(&rr[..75], &[1]).1.sdnn_us);
    assert!((450..=650).contains(&half), "a minute of two: {half}");

    let mut spoilt = rr[..400].to_vec();
    for pair in spoilt.chunks_exact_mut(25) {
        let early = pair[12].get() / 3;
        pair[12] = Ticks::new(pair[12].get() - early).unwrap();
        pair[13] = Ticks::new(pair[13].get() + early).unwrap();
    }
    let (_, features) = send(&spoilt, &[1]);
    for found in [quality(features.sdnn_us), quality(features.lf_milli_ms2)] {
        assert!((850..1000).contains(&found), "two of 25 mended: {found}");
    }
}

/// REQ-151. A window with more than a fifth of its beats mended measures nothing.
#[test]
fn a_window_of_mended_beats_measures_nothing() {
    let mut rr = Recording::load("phantom_step_rf55").ticks();
    for pair in rr.chunks_exact_mut(6) {
        let early = pair[3].get() / 3;
        pair[3] = Ticks::new(pair[3].get() - early).unwrap();
        pair[4] = Ticks::new(pair[4].get() + early).unwrap();
    }
    let (_, features) = send(&rr, &[1]);
    assert_eq!(features.sdnn_us, Measured::NotMeasured(Reason::Artefacts));
    assert_eq!(
        features.lf_milli_ms2,
        Measured::NotMeasured(Reason::Artefacts)
    );
    assert!(
        features.artefact_permille_60s > 200,
        "{}",
        features.artefact_permille_60s
    );
}

/// REQ-152 (G11). One tick anywhere in what is kept shows in the canonical bytes.
#[test]
fn one_tick_changes_the_canonical_bytes() {
    let bytes = |rr: &[Ticks]| {
        let mut bytes = Vec::new();
        send(rr, &[1]).0.canon(&mut bytes);
        bytes
    };
    let rr = &Recording::load("phantom_step_rf55").ticks()[..200];
    let expect = bytes(rr);
    assert_eq!(bytes(rr), expect);
    for i in (0..rr.len()).step_by(13) {
        let mut other = rr.to_vec();
        other[i] = Ticks::new(rr[i].get() + 1).unwrap();
        assert_ne!(bytes(&other), expect, "beat {i}");
    }
}

proptest! {
    /// REQ-135. The pacer's place told from another moment is where it was.
    #[test]
    fn a_pacers_place_is_told_both_ways(
        at in 0u64..10_000_000,
        step in 0u64..60_000,
        milli in 1u32..=100_000,
        phase: u32,
    ) {
        let rate = BreathsPerMinute::from_milli(milli).unwrap();
        let pace = PaceAt { at: EngineMs(at), rate, phase_q32: phase };
        let later = EngineMs(at + step);
        let there = PaceAt { at: later, rate, phase_q32: pace.phase_at(later) };
        let back = there.phase_at(EngineMs(at));
        prop_assert!(back.wrapping_sub(phase).wrapping_add(1) <= 2, "{back} for {phase}");
    }
}
