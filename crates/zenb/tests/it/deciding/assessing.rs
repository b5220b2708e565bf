//! Assessments of simulated people whose resonance is known, and of the phantoms.

use zenb::assessment::STEPS_MILLI;
use zenb::criteria::Doubt;
use zenb::criteria::Finding;
use zenb::criteria::Found;
use zenb::criteria::PacedBeat;
use zenb::criteria::Verdict;
use zenb::criteria::judge;
use zenb::criteria::measure;
use zenb::engine::Input;
use zenb::engine::SessionOutcome;
use zenb::event::Code;
use zenb::event::DecisionKind;
use zenb::protocol::Kind;
use zenb::units::EngineMs;

use super::person::Breathes;
use super::person::Person;
use super::session::Session;
use super::session::Strap;
use crate::data::Recording;
use crate::session::Paces;

fn person(resonance: f64, width: f64, noise_bpm: f64, seed: u64) -> Person {
    Person {
        noise_bpm,
        ..Person::new(
            Breathes::WithPacer {
                swing_bpm: 16.0,
                resonance,
                width,
            },
            seed,
        )
    }
}

fn assessed(kind: Kind, person: Person) -> Verdict {
    let mut session = Session::started(kind, 10, person, None);
    for _ in 0..1_800 {
        session.second(Strap::On);
        if let Some(summary) = session.engine.summary() {
            let fallbacks: Vec<_> = session
                .decisions()
                .filter(|d| d.kind == DecisionKind::LevelChanged)
                .collect();
            assert_eq!(summary.outcome, SessionOutcome::Completed, "{fallbacks:#?}");
            return summary.verdict.clone().unwrap();
        }
    }
    panic!("the assessment never ended");
}

#[track_caller]
fn check_rate(verdict: &Verdict, resonance: f64, within: f64) {
    let Finding::Rate { milli_breaths } = verdict.finding else {
        panic!("no rate for {resonance}: {verdict:#?}");
    };
    let found = f64::from(milli_breaths) / 1000.0;
    println!("resonance {resonance}: {found}");
    assert!(
        (found - resonance).abs() <= within,
        "{resonance}: {verdict:#?}"
    );
}

/// REQ-214, goal G6.
#[test]
fn the_stepped_assessment_finds_the_resonance_within_a_quarter() {
    for (seed, resonance) in [(1, 4.9), (2, 5.2), (3, 5.5), (4, 5.8), (5, 6.1)] {
        let verdict = assessed(Kind::AssessStepped, person(resonance, 0.15, 0.5, seed));
        check_rate(&verdict, resonance, 0.25);
    }
}

/// REQ-214, goal G6.
#[test]
fn the_sliding_assessment_finds_the_resonance_within_0_15() {
    for (seed, resonance) in [(1, 5.0), (2, 5.4), (3, 5.7), (4, 6.0)] {
        let verdict = assessed(Kind::AssessSliding, person(resonance, 0.15, 0.5, seed));
        check_rate(&verdict, resonance, 0.15);
    }
}

/// REQ-215, goal G6.
#[test]
fn a_flat_curve_and_a_heart_that_does_not_swing_are_inconclusive() {
    for kind in [Kind::AssessStepped, Kind::AssessSliding] {
        let flat = assessed(kind, person(5.5, 5.0, 0.5, 3));
        let doubt = Doubt::WithinNoise;
        assert_eq!(flat.finding, Finding::Inconclusive { doubt }, "{flat:#?}");
        assert_eq!(flat.opinions.len(), 6);
        let none = assessed(kind, Person::alone(4));
        let doubt = Doubt::NotFollowed;
        assert_eq!(none.finding, Finding::Inconclusive { doubt });
    }
}

/// The stretches of a phantom as its truth states them, read as the engine would.
fn phantom(name: &str, found: Found) -> Verdict {
    let recording = Recording::load(name);
    let truth = &recording.value["truth"];
    let paces = Paces::of_truth(truth);
    let mut stretches = Vec::new();
    let mut began = 0.0;
    let settle = if found == Found::BetweenSteps {
        30.0
    } else {
        0.0
    };
    let joined = if found == Found::BetweenSteps { 1 } else { 3 };
    for group in paces.0.chunks(joined) {
        let held: f64 = group.iter().map(|(_, seconds)| seconds).sum();
        let mean = group.iter().map(|(rate, s)| rate * s).sum::<f64>() / held;
        let mut end_s = 0.0;
        let mut beats = Vec::new();
        for rr in recording.ticks() {
            let middle = end_s + f64::from(rr.get()) / 2048.0;
            end_s += f64::from(rr.get()) / 1024.0;
            if middle < began + settle || middle >= began + held {
                continue;
            }
            // A phantom's lung volume is a sine: with a 40 % inhale its top is at 0.45.
            let breaths = paces.at(middle).2 + 0.2;
            beats.push(PacedBeat {
                at: EngineMs((end_s * 1000.0) as u64),
                rr,
                done_q32: (breaths * 4_294_967_296.0) as u64,
            });
        }
        stretches.push(measure((mean * 1000.0) as u32, &beats));
        began += held;
    }
    judge(&stretches, found)
}

/// REQ-214, REQ-215, goal G6: the committed phantoms.
#[test]
fn the_phantoms_resonances_are_found_or_doubted() {
    check_rate(
        &phantom("phantom_step_rf55", Found::BetweenSteps),
        5.5,
        0.25,
    );
    check_rate(
        &phantom("phantom_step_rf48", Found::BetweenSteps),
        4.8,
        0.25,
    );
    check_rate(
        &phantom("phantom_slide_rf57", Found::AlongTheSlide),
        5.7,
        0.15,
    );
    let flat = phantom("phantom_step_flat", Found::BetweenSteps);
    assert!(
        matches!(flat.finding, Finding::Inconclusive { .. }),
        "{flat:#?}"
    );
    // The Mayer wave at 6.0 must not be taken for the resonance at 5.0.
    let mayer = phantom("phantom_step_mayer", Found::BetweenSteps);
    println!("mayer: {:?}", mayer.finding);
    if let Finding::Rate { milli_breaths } = mayer.finding {
        assert!(milli_breaths.abs_diff(5_000) <= 250, "{mayer:#?}");
    }
}

/// REQ-216: no pace of an assessment leaves its steps, and pauses lie between.
#[test]
fn a_stepped_assessment_offers_each_rate_once_with_pauses_between() {
    let mut session = Session::started(Kind::AssessStepped, 10, person(5.5, 0.15, 0.5, 1), None);
    let mut offered = vec![session.engine.pacer().milli_breaths];
    let mut pauses = 0;
    let mut ran = true;
    while session.engine.summary().is_none() {
        session.second(Strap::On);
        let pacer = session.engine.pacer();
        if pacer.running && !ran {
            offered.push(pacer.milli_breaths);
        }
        pauses += u32::from(ran && !pacer.running);
        ran = pacer.running;
    }
    offered.sort_unstable_by(|a, b| b.cmp(a));
    assert_eq!(offered, STEPS_MILLI);
    // Four pauses, and the end.
    assert_eq!(pauses, 5);
    assert_eq!(session.count(DecisionKind::PaceChanged, Code::Scheduled), 0);
}

/// REQ-216: lost data and a wish for faster both end an assessment without a rate.
#[test]
fn an_interrupted_assessment_claims_nothing() {
    let mut lost = Session::started(Kind::AssessSliding, 10, person(5.5, 0.15, 0.5, 1), None);
    lost.seconds(100, Strap::On);
    lost.seconds(30, Strap::Silent);
    lost.person.skip_to(lost.now_ms);
    lost.seconds(60, Strap::On);
    let mut wished = Session::started(Kind::AssessSliding, 10, person(5.5, 0.15, 0.5, 1), None);
    wished.seconds(300, Strap::On);
    let before = wished.engine.pacer().milli_breaths;
    let at = wished.now();
    wished.send(Input::Faster { at }).unwrap();
    wished.seconds(40, Strap::On);
    assert_eq!(wished.engine.pacer().milli_breaths, before + 200);
    let by = zenb::engine::StopBy::Person;
    wished.send(Input::Stop { at, by }).unwrap();
    for session in [&lost, &wished] {
        let summary = session.engine.summary().unwrap();
        let doubt = Doubt::Interrupted;
        let finding = summary.verdict.as_ref().unwrap().finding;
        assert_eq!(finding, Finding::Inconclusive { doubt });
    }
}
