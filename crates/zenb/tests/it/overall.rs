//! The figures of a whole session, against those of the heart as it was.

use zenb::engine::Input;
use zenb::metrics;
use zenb::overall::Overall;
use zenb::scale::OtherUnit;
use zenb::units::EngineMs;
use zenb::units::Measured;
use zenb::units::Reason;
use zenb::units::Ticks;
use zenb::window::Sums;
use zenb::window::Unit;

use crate::data::Recording;

fn heart() -> Vec<u16> {
    let ticks = Recording::load("phantom_step_rf55").ticks();
    ticks.iter().take(600).map(|rr| rr.get() as u16).collect()
}

fn packet(at_ms: u64, rr: &[u16], contact: bool) -> Input {
    Input::Packet {
        at: EngineMs(at_ms),
        rr: rr.to_vec(),
        hr: None,
        contact: Some(contact),
    }
}

/// One packet for each beat, as it ends.
fn packets(beats: &[u16], from_ms: u64) -> Vec<Input> {
    let mut ticks = 0u64;
    let of = |rr: &u16| {
        ticks += u64::from(*rr);
        packet(from_ms + ticks * 1000 / 1024, &[*rr], true)
    };
    beats.iter().map(of).collect()
}

fn sdnn(overall: &Overall) -> f64 {
    f64::from(overall.sdnn_us.value().unwrap()) / 1000.0
}

fn unmended(beats: impl Iterator<Item = u16>) -> f64 {
    let sums = Sums::of(Unit::TICKS, beats.map(u64::from));
    metrics::sdnn_ms(&sums, Unit::TICKS).unwrap()
}

/// REQ-154: artefacts, noise of a strap off the skin and late copies do not reach the figures.
#[test]
fn the_figures_of_a_session_are_those_of_the_heart() {
    let heart = heart();
    let truth = Overall::of(&packets(&heart, 0));
    assert!((sdnn(&truth) - unmended(heart.iter().copied())).abs() < 0.01 * sdnn(&truth));
    assert!(truth.is_relied_on());

    let mut faulty = heart.clone();
    for place in (50..heart.len()).step_by(80) {
        let early = faulty[place] * 4 / 10;
        faulty[place] -= early;
        faulty[place + 1] += early;
    }
    let noise = std::iter::repeat_n([300, 2_000], 40).flatten();
    let told = unmended(faulty.iter().copied().chain(noise));
    assert!(told > 1.5 * sdnn(&truth), "{told}");
    let mut inputs = packets(&faulty, 0);
    let at = inputs.last().unwrap().at().0;
    inputs.extend((1..40).map(|place| packet(at + place * 2_300, &[300, 2_000], false)));
    let figures = Overall::of(&inputs);
    assert!(
        (sdnn(&figures) - sdnn(&truth)).abs() < 0.03 * sdnn(&truth),
        "{figures:?}"
    );
    assert!((7..=21).contains(&figures.mended), "{figures:?}");
    assert!(figures.is_relied_on());
}

/// REQ-154: quality falls with what was left out, down to no figure.
#[test]
fn a_session_of_copies_has_no_figures() {
    let mut inputs = Vec::new();
    for input in packets(&heart(), 0) {
        let Input::Packet { at, rr, .. } = &input else {
            unreachable!()
        };
        inputs.push(packet(at.0 + 400, rr, true));
        inputs.push(input);
    }
    inputs.sort_by_key(|input| input.at());
    let figures = Overall::of(&inputs);
    assert_eq!(figures.sdnn_us, Measured::NotMeasured(Reason::Artefacts));
    assert!(
        figures.fenced > 500 && !figures.is_relied_on(),
        "{figures:?}"
    );
}

/// REQ-154: two stretches of beats are not joined by a difference that no heart made.
#[test]
fn a_silence_joins_nothing() {
    let (slow, fast) = ([1_200, 1_210].repeat(60), [700, 710].repeat(60));
    let mut inputs = packets(&slow, 0);
    let from = inputs.last().unwrap().at().0 + 60_000;
    inputs.extend(packets(&fast, from));
    let figures = Overall::of(&inputs);
    assert_eq!((figures.beats, figures.mended), (240, 0));
    let ten_ticks = Ticks::new(10).unwrap().to_millis();
    let rmssd = f64::from(figures.rmssd_us.value().unwrap()) / 1000.0;
    assert!((rmssd - ten_ticks).abs() < 0.001, "{rmssd}");
}

/// REQ-127: beats without an order have a rate, and no other figure.
#[test]
fn a_session_of_beats_without_order_has_a_heart_rate_and_no_more() {
    let beats = Recording::load("afdb_07859").ticks();
    let beats: Vec<u16> = beats.iter().map(|rr| rr.get() as u16).collect();
    let overall = Overall::of(&packets(&beats, 0));
    assert!(overall.heart_rate_milli_bpm.value().is_some());
    let nothing = Measured::NotMeasured(Reason::Irregular);
    assert_eq!((overall.sdnn_us, overall.rmssd_us), (nothing, nothing));
    assert!(!overall.is_relied_on());
}

/// REQ-148: figures in a doubtful unit are there, named and not relied on.
#[test]
fn a_session_in_another_unit_says_so_and_is_not_relied_on() {
    let mut true_us = 0;
    let millis: Vec<Input> = heart()
        .iter()
        .map(|rr| {
            true_us += u64::from(*rr) * 15_625 / 16;
            packet(
                true_us / 1000,
                &[(u32::from(*rr) * 1000 / 1024) as u16],
                true,
            )
        })
        .collect();
    let overall = Overall::of(&millis);
    assert_eq!(overall.other_unit, Some(OtherUnit::Millis));
    assert!(overall.sdnn_us.value().is_some() && !overall.is_relied_on());
}
