//! The fence: clocks that step, leap and drift, packets that repeat, vanish and lie.

use proptest::prelude::*;
use zenb::features::Extractor;
use zenb::features::Features;
use zenb::features::WindowConfig;
use zenb::timeline::Accepted;
use zenb::timeline::DRIFT_PPM;
use zenb::timeline::LONGEST_JUMP_MS;
use zenb::timeline::Packet;
use zenb::timeline::Refusal;
use zenb::timeline::STUCK_RUN;
use zenb::timeline::Timeline;
use zenb::units::EngineMs;
use zenb::units::Measured;
use zenb::units::Reason;

use crate::data::Recording;

fn packet(at_ms: u64, rr: &[u16]) -> Packet<'_> {
    Packet {
        at: EngineMs(at_ms),
        rr,
        contact: None,
    }
}

/// A time line that took a beat of 1000 ticks at each second up to the tenth.
fn running() -> Timeline {
    let mut timeline = Timeline::new();
    for second in 1..=10u64 {
        // 1000 and 1048 in turn: no run, and 1024 in the mean.
        let rr = if second % 2 == 0 { 1000 } else { 1048 };
        timeline.accept(packet(second * 1000, &[rr])).unwrap();
    }
    timeline
}

/// A phantom's packets with the time of each on a host whose clock differs by `ppm`.
fn packets(name: &str, ppm: i64) -> Vec<(u64, Vec<u16>)> {
    let mut all: Vec<(u64, Vec<u16>)> = Vec::new();
    let (mut ticks, mut sent) = (0u64, 0);
    let mut open = Vec::new();
    for rr in Recording::load(name).ticks() {
        ticks += u64::from(rr.get());
        open.push(rr.get() as u16);
        let strap_us = ticks as i64 * 15_625 / 16;
        let host_ms = (strap_us + strap_us / 1_000_000 * ppm) as u64 / 1000;
        if host_ms >= sent + 1000 {
            sent = host_ms;
            all.push((host_ms, std::mem::take(&mut open)));
        }
    }
    all
}

fn measure(packets: &[(u64, Vec<u16>)]) -> (Timeline, Features) {
    let mut timeline = Timeline::new();
    let mut extractor = Extractor::new(WindowConfig::SESSION);
    for (at, rr) in packets {
        let accepted = timeline.accept(packet(*at, rr)).unwrap();
        extractor.push(&accepted, None);
    }
    let last = packets.last().unwrap().0;
    (timeline, extractor.features(EngineMs(last)))
}

/// What must not depend on any clock but the strap's.
fn clockless(features: &Features) -> [Option<u64>; 6] {
    let narrow = |value: Measured<u32>| value.value().map(u64::from);
    [
        narrow(features.sdnn_us),
        narrow(features.rmssd_us),
        features.pnn50_permille.value().map(u64::from),
        features.vlf_milli_ms2.value(),
        features.lf_milli_ms2.value(),
        features.hf_milli_ms2.value(),
    ]
}

/// REQ-140 (G9, H6). Every fault, and the reason that it is refused with.
#[test]
fn each_faulty_packet_is_refused_with_its_reason_and_changes_nothing() {
    let check = |faulty: Packet<'_>, expect: Refusal| {
        let mut timeline = running();
        assert_eq!(timeline.accept(faulty), Err(expect));
        assert_eq!(timeline, running(), "after {expect}");
    };
    check(
        packet(9_999, &[1000]),
        Refusal::BackStep {
            at_ms: 9_999,
            last_ms: 10_000,
        },
    );
    check(
        packet(0, &[]),
        Refusal::BackStep {
            at_ms: 0,
            last_ms: 10_000,
        },
    );
    let jump_ms = LONGEST_JUMP_MS + 1;
    check(
        packet(10_000 + jump_ms, &[1000]),
        Refusal::ForwardJump { jump_ms },
    );
    let jump_ms = u64::MAX - 10_000;
    check(packet(u64::MAX, &[1000]), Refusal::ForwardJump { jump_ms });
    check(
        packet(10_200, &[1000]),
        Refusal::Duplicate {
            at_ms: 10_200,
            last_ms: 10_000,
        },
    );
    check(
        packet(10_000, &[1000]),
        Refusal::Duplicate {
            at_ms: 10_000,
            last_ms: 10_000,
        },
    );
    check(packet(11_000, &[800; 33]), Refusal::TooMany { count: 33 });
    check(
        packet(11_000, &[900, 0xffff]),
        Refusal::NotAnInterval {
            index: 1,
            ticks: 0xffff,
        },
    );
    check(
        packet(11_000, &[0]),
        Refusal::NotAnInterval { index: 0, ticks: 0 },
    );
    // 9192 + 6900 ticks are 15,714.8 ms, in 10,000 ms; 5,000 and 50 for drift are believed.
    let many = [900, 1100, 900, 1100, 900, 1100, 900];
    check(packet(11_000, &many), Refusal::Ahead { ahead_ms: 664 });
}

/// REQ-141 (H3). A pacemaker at a fixed rate looks like this too, and must not be measured either.
#[test]
fn a_value_that_never_changes_is_refused() {
    let mut timeline = Timeline::new();
    let mut refused = None;
    for second in 1..=u64::from(STUCK_RUN) {
        refused = timeline.accept(packet(second * 1000, &[1024])).err();
    }
    assert_eq!(
        refused,
        Some(Refusal::Stuck {
            ticks: 1024,
            run: STUCK_RUN
        })
    );
    assert!(timeline.accept(packet(30_000, &[1020])).is_ok());
}

/// REQ-142 (G9, H6).
#[test]
fn silence_and_lost_beats_open_a_segment_and_lateness_does_not() {
    let opens = |at_ms, rr: &[u16]| {
        let accepted = running().accept(packet(at_ms, rr)).unwrap();
        (accepted.opens_segment, accepted.segment)
    };
    assert_eq!(opens(20_001, &[900]), (true, 1));
    assert_eq!(opens(14_000, &[900]), (true, 1));
    assert_eq!(opens(13_000, &[900]), (false, 0));
    assert_eq!(opens(14_000, &[900, 1100, 1000]), (false, 0));
}

/// REQ-142. What the fence cannot see: fewer than 2.5 s lost look like a late packet.
#[test]
fn a_single_lost_beat_is_not_seen() {
    let accepted = running().accept(packet(12_000, &[1000])).unwrap();
    assert!(!accepted.opens_segment);
}

/// REQ-142. A pause of any length is no leap, if time went by.
#[test]
fn a_pause_longer_than_a_leap_is_taken_when_time_passed() {
    let mut timeline = running();
    for hour in 1..=3 {
        timeline.pass(EngineMs(hour * LONGEST_JUMP_MS));
    }
    let at = 3 * LONGEST_JUMP_MS + 1000;
    assert!(timeline.accept(packet(at, &[1000])).unwrap().opens_segment);
}

/// REQ-143 (G9). Each packet twice: the second is refused, and nothing that is measured differs.
#[test]
fn doubled_packets_measure_the_same_as_single_ones() {
    let packets = packets("phantom_step_rf55", 0);
    let (single, expect) = measure(&packets);
    let mut timeline = Timeline::new();
    let mut extractor = Extractor::new(WindowConfig::SESSION);
    for (at, rr) in &packets {
        let accepted = timeline.accept(packet(*at, rr)).unwrap();
        extractor.push(&accepted, None);
        for late in [0, 150] {
            let again = timeline.accept(packet(at + late, rr));
            assert!(
                matches!(again, Err(Refusal::Duplicate { .. })),
                "{again:?} at {at}"
            );
        }
    }
    assert_eq!(timeline, single);
    assert_eq!(
        extractor.features(EngineMs(packets.last().unwrap().0)),
        expect
    );
}

/// REQ-144 (G9). Any drift up to the bound: nothing refused, no segment broken, every figure from
/// the strap's own ticks the same, and the drift itself shown.
#[test]
fn drift_between_the_clocks_changes_no_figure_and_is_shown() {
    let (_, expect) = measure(&packets("phantom_step_rf55", 0));
    for ppm in [-DRIFT_PPM, -1832, -175, 0, 175, 1832, DRIFT_PPM] {
        let (timeline, features) = measure(&packets("phantom_step_rf55", ppm));
        assert_eq!(features.segment, 0, "{ppm} ppm");
        assert_eq!(clockless(&features), clockless(&expect), "{ppm} ppm");
        // A host that counts more milliseconds sees a strap that counts fewer.
        let shown = timeline.drift().value().unwrap().0;
        assert!(
            (i64::from(shown) + ppm).abs() < 100,
            "{ppm} ppm shown as {shown}"
        );
    }
}

/// REQ-144 (G9). A strap 2000 ppm fast on a true clock: the figures carry its drift and no more.
#[test]
fn a_fast_strap_scales_its_figures_by_its_drift() {
    let phantom = Recording::load("phantom_drift");
    assert_eq!(phantom.value["truth"]["clock_drift_ppm"], 2000);
    let (timeline, _) = measure(&packets("phantom_drift", -2000));
    let shown = timeline.drift().value().unwrap().0;
    assert!((1900..=2100).contains(&shown), "{shown}");
}

/// REQ-145 (H3).
#[test]
fn old_beats_and_a_strap_off_the_skin_measure_nothing() {
    let packets = packets("phantom_step_rf55", 0);
    let mut timeline = Timeline::new();
    let mut extractor = Extractor::new(WindowConfig::SESSION);
    for (at, rr) in &packets {
        let accepted = timeline.accept(packet(*at, rr)).unwrap();
        extractor.push(&accepted, None);
    }
    let last = packets.last().unwrap().0;
    let nothing = |features: Features, reason| {
        assert_eq!(features.heart_rate_milli_bpm, Measured::NotMeasured(reason));
        assert_eq!(features.sdnn_us, Measured::NotMeasured(reason));
        assert_eq!(features.lf_milli_ms2, Measured::NotMeasured(reason));
        assert_eq!(features.breath, Measured::NotMeasured(reason));
        assert_eq!(features.following, Measured::NotMeasured(reason));
    };
    assert!(
        extractor
            .features(EngineMs(last + 4_900))
            .sdnn_us
            .value()
            .is_some()
    );
    nothing(extractor.features(EngineMs(last + 5_100)), Reason::Stale);

    let off = Packet {
        at: EngineMs(last + 100),
        rr: &[700],
        contact: Some(false),
    };
    let accepted: Accepted = timeline.accept(off).unwrap();
    assert_eq!(
        accepted.beats().count(),
        0,
        "beats without contact are not beats"
    );
    extractor.push(&accepted, None);
    nothing(extractor.features(EngineMs(last + 200)), Reason::NoContact);
}

fn any_packet() -> impl Strategy<Value = (u64, Vec<u16>, Option<bool>)> {
    let at = prop_oneof![
        8 => 0u64..3_000,
        2 => 0u64..20_000,
        1 => Just(u64::MAX),
        1 => any::<u64>(),
    ];
    let rr = prop_oneof![8 => 300u16..1500, 1 => any::<u16>(), 1 => Just(0xffff), 1 => Just(1024)];
    (at, prop::collection::vec(rr, 0..5), any::<Option<bool>>())
}

proptest! {
    /// REQ-140, REQ-146 (G9). Whatever arrives, whenever: no panic, no change by what is refused,
    /// no beat before the one before it, no segment number that falls.
    #[test]
    fn a_refused_packet_changes_nothing(
        start in prop_oneof![Just(0u64), Just(u64::MAX - 100_000), any::<u64>()],
        sequence in prop::collection::vec(any_packet(), 1..60),
    ) {
        let mut timeline = Timeline::new();
        let mut extractor = Extractor::new(WindowConfig::SESSION);
        let (mut now, mut last_beat, mut segment) = (start, EngineMs(0), 0);
        for (step, rr, contact) in sequence {
            // Absolute where adding would leave the range: a clock may do that too.
            let at = EngineMs(now.checked_add(step).unwrap_or(step));
            let before = timeline.clone();
            match timeline.accept(Packet { at, rr: &rr, contact }) {
                Err(_) => prop_assert_eq!(&timeline, &before),
                Ok(accepted) => {
                    now = at.0;
                    prop_assert!(accepted.segment >= segment);
                    segment = accepted.segment;
                    for beat in accepted.beats() {
                        prop_assert!(beat.at >= last_beat);
                        last_beat = beat.at;
                    }
                    extractor.push(&accepted, None);
                }
            }
            extractor.features(at);
            timeline.drift();
        }
    }
}
