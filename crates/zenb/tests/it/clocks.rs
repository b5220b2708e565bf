//! The fence: clocks that step, leap and drift, packets that repeat, vanish and lie.

use proptest::prelude::*;
use zenb::features::Extractor;
use zenb::features::Features;
use zenb::features::WindowConfig;
use zenb::timeline::Accepted;
use zenb::timeline::DRIFT_PPM;
use zenb::timeline::Fenced;
use zenb::timeline::GROWTH_US;
use zenb::timeline::LONGEST_JUMP_MS;
use zenb::timeline::LOST_US;
use zenb::timeline::Packet;
use zenb::timeline::Refusal;
use zenb::timeline::SETTLED_US;
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
        packet(10_150, &[1000]),
        Refusal::Duplicate {
            at_ms: 10_150,
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
}

/// REQ-147 (G9, H3). Beats that came from no one heart are left out and counted.
#[test]
fn beats_that_came_from_no_one_heart_are_left_out_and_counted() {
    let fenced = |faulty: Packet<'_>, count, why, taken| {
        let accepted = running().accept(faulty).unwrap();
        assert_eq!(accepted.fenced, Some(Fenced { count, why }));
        let beats: Vec<u32> = accepted.beats().map(|beat| beat.rr.get()).collect();
        assert_eq!(beats, taken);
        assert!(!accepted.opens_segment);
    };
    let last_ms = 10_000;
    let at_ms = 10_200;
    let copy = Refusal::Duplicate { at_ms, last_ms };
    fenced(packet(at_ms, &[1000]), 1, copy, vec![]);
    // The packet before the last one, late.
    let last_ms = 9_000;
    let copy = Refusal::Duplicate { at_ms, last_ms };
    fenced(packet(at_ms, &[1048]), 1, copy, vec![]);
    let overlap = Refusal::Overlap { count: 1 };
    fenced(packet(11_000, &[1000, 1030]), 1, overlap, vec![1030]);
    // 9192 + 6900 ticks are 15,714.8 ms, in 10,000 ms; 5,000 and 50 for drift are believed.
    let many = [900, 1100, 900, 1100, 900, 1100, 900];
    fenced(
        packet(11_000, &many),
        7,
        Refusal::Ahead { ahead_ms: 664 },
        vec![],
    );
    // A second later the segment has settled: half a second, and 60 ms for drift.
    let mut settled = running();
    settled.accept(packet(11_000, &[1048])).unwrap();
    settled.accept(packet(12_000, &[1000])).unwrap();
    let taken = settled.accept(packet(13_000, &[1600])).unwrap();
    assert_eq!((taken.fenced, taken.beats().count()), (None, 1));
    let why = settled.accept(packet(14_000, &[1700])).unwrap().fenced;
    assert!(
        matches!(
            why,
            Some(Fenced {
                count: 1,
                why: Refusal::Ahead { .. }
            })
        ),
        "{why:?}"
    );
}

/// REQ-147 (G9, H3). A strap that sends its newest beats with each packet, however many of them were
/// sent before: of a packet without a new one, all. Where equal intervals follow each other, which of
/// them is new cannot be told.
#[test]
fn beats_that_packets_share_are_left_out_and_the_others_are_taken() {
    for name in ["pyhrv_long", "heartpy_data3", "phantom_step_rf55"] {
        for newest in [1, 2, 3, 5] {
            let (mut timeline, mut sent) = (Timeline::new(), Vec::new());
            let (mut again, mut left_out, mut taken) = (0, 0, 0);
            for (at, fresh) in packets(name, 0) {
                let shared = if sent.len() > 20 { newest } else { 0 };
                let from = sent.len() - shared;
                again += shared;
                sent.extend(fresh);
                let accepted = timeline.accept(packet(at, &sent[from..])).unwrap();
                taken += accepted.beats().count();
                left_out += accepted.fenced.map_or(0, |it| usize::from(it.count));
            }
            assert_eq!(taken + left_out, sent.len() + again);
            assert!(
                left_out.abs_diff(again) * 200 <= sent.len(),
                "{name} {newest}"
            );
        }
    }
    let mut timeline = running();
    timeline.accept(packet(11_000, &[500, 540])).unwrap();
    let fenced = timeline.accept(packet(11_300, &[540])).unwrap().fenced;
    let why = Refusal::Overlap { count: 1 };
    assert_eq!(fenced, Some(Fenced { count: 1, why }));
}

/// Beats one by one as they happen, each again some time later; in the order of their arrival.
fn copied(name: &str, late_ms: u64) -> Vec<(u64, u16)> {
    let mut ticks = 0u64;
    let mut all = Vec::new();
    for rr in Recording::load(name).ticks().into_iter().take(300) {
        ticks += u64::from(rr.get());
        let at = 1_000 + ticks * 1000 / 1024;
        all.extend([(at, rr.get() as u16), (at + late_ms, rr.get() as u16)]);
    }
    all.sort_by_key(|(at, _)| *at);
    all
}

/// REQ-147 (G9, H3). Copies do not take the place of time: all but a few beats of a doubled heart
/// are left out, and what is measured is not relied on.
#[test]
fn copies_that_come_late_are_left_out() {
    for name in ["phantom_step_rf55", "phantom_fast15", "pyhrv_long"] {
        for late_ms in (151..=1_000).step_by(50) {
            let (mut timeline, mut extractor) =
                (Timeline::new(), Extractor::new(WindowConfig::SESSION));
            let (mut taken, mut last) = (0, 0);
            for (at, rr) in copied(name, late_ms) {
                last = at;
                if let Ok(accepted) = timeline.accept(packet(at, &[rr])) {
                    taken += accepted.beats().count();
                    extractor.push(&accepted, None);
                }
            }
            // Five seconds before the segment has settled, half a second and drift after.
            assert!((290..=312).contains(&taken), "{name} {late_ms} ms: {taken}");
            let features = extractor.features(EngineMs(last));
            assert!(features.artefact_permille_60s > 200, "{name} {late_ms} ms");
            assert_eq!(features.sdnn_us.value(), None, "{name} {late_ms} ms");
        }
    }
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

    /// REQ-147 (G9, H3). However beats are made up, a settled segment takes no more of them than
    /// half a second and the drift of the clocks.
    #[test]
    fn made_up_beats_never_outrun_time(
        steps in prop::collection::vec((1u64..1_500, prop::collection::vec(250u16..1_500, 0..4)), 1..400),
    ) {
        let mut timeline = Timeline::new();
        let (mut now, mut settled, mut heard_ms) = (0, None, 0.0);
        for (step, rr) in steps {
            now += step;
            let Ok(accepted) = timeline.accept(packet(now, &rr)) else { continue };
            if accepted.opens_segment {
                settled = Some(now + SETTLED_US as u64 / 1_000);
                heard_ms = 0.0;
            }
            let beats: f64 = accepted.beats().map(|beat| beat.rr.to_millis()).sum();
            let Some(from) = settled.filter(|from| now > *from) else { continue };
            heard_ms += beats;
            let most_ms = GROWTH_US as f64 / 1000.0 + (now - from) as f64 * 1.005
                // What was late when the segment settled, and the drift until then.
                + LOST_US as f64 / 1000.0 + 2.0 * 1_500.0;
            prop_assert!(heard_ms <= most_ms, "{heard_ms} of {most_ms} ms");
        }
    }
}
