//! The belief against simulated people whose state is known.

use std::collections::BTreeMap;

use zenb::belief::Mode;
use zenb::event::Code;
use zenb::event::DecisionKind;

use super::faults::play_recording;
use super::person::Breathes;
use super::person::Person;
use super::session::Session;
use super::session::Strap;
use super::session::opening;
use super::session::paced;
use crate::data::Recording;

/// What the person does, and what ought to be believed once it has shown.
fn cast(truth: Mode, seed: u64) -> (Person, Strap, u64) {
    let with = |swing_bpm, noise_bpm| Person {
        noise_bpm,
        ..Person::new(
            Breathes::WithPacer {
                swing_bpm,
                resonance: 6.0,
                width: 0.25,
            },
            seed,
        )
    };
    let alone = |rate, swing_bpm| Person::new(Breathes::Alone { rate, swing_bpm }, seed);
    match truth {
        Mode::Resonant => (with(10.0 + (seed % 5) as f64 * 2.0, 0.4), Strap::On, 150),
        // On the pacer with a small swing.
        Mode::Following => (with(3.0 + (seed % 3) as f64 * 0.5, 0.5), Strap::On, 150),
        Mode::Drifting => {
            let rate = [9.0, 11.0, 13.0, 15.0, 17.0][(seed % 5) as usize];
            (alone(rate, 4.0), Strap::On, 150)
        }
        Mode::Unmeasured => (with(12.0, 0.4), Strap::Silent, 20 + seed % 40),
        Mode::Settling => (with(12.0, 0.4), Strap::On, 15 + seed % 45),
    }
}

const MODES: [Mode; 5] = [
    Mode::Settling,
    Mode::Following,
    Mode::Resonant,
    Mode::Drifting,
    Mode::Unmeasured,
];

fn believed(truth: Mode, seed: u64) -> Mode {
    let (person, strap, seconds) = cast(truth, seed);
    let mut session = Session::started(paced(6_000), 10, person, None);
    session.seconds(100 * u64::from(truth == Mode::Unmeasured), Strap::On);
    session.seconds(seconds, strap);
    session.engine.view().mode
}

/// REQ-213: the confusion matrix, 20 people a row.
#[test]
fn the_belief_tells_the_five_modes_apart() {
    let mut right = 0;
    for truth in MODES {
        let mut row: BTreeMap<Mode, u32> = MODES.into_iter().map(|mode| (mode, 0)).collect();
        for seed in 0..20 {
            let mode = believed(truth, seed);
            *row.entry(mode).or_default() += 1;
            right += u32::from(mode == truth);
        }
        println!("{truth:?}: {row:?}");
        assert!(row[&truth] >= 18, "{truth:?} is read as {row:?}");
    }
    println!("{right} of 100");
    assert!(right >= 96, "{right}");
}

/// REQ-213, hazard H5: a strong swing at 0.1 Hz that is not breath is not following elsewhere.
#[test]
fn a_mayer_wave_is_not_taken_for_following() {
    for (seed, rate) in [(1, 4_500), (2, 5_000), (3, 7_000)] {
        let mut person = Person::new(
            Breathes::Alone {
                rate: 14.0,
                swing_bpm: 2.0,
            },
            seed,
        );
        person.mayer_bpm = 8.0;
        let mut session = Session::started(paced(rate), 10, person, None);
        for _ in 0..200 {
            session.second(Strap::On);
            assert_ne!(session.engine.view().mode.follows(), Some(true), "{rate}");
        }
    }
}

/// REQ-213, hazard H5: recordings of people who breathed freely, or slept with apnoea, each judged
/// against a pacer that they never heard.
#[test]
fn recordings_without_a_pacer_are_never_taken_for_following() {
    let mut judged = 0;
    for (name, rate) in [
        ("apnea_a01", 6_000),
        ("pyhrv_long", 6_000),
        ("heartpy_data2", 6_000),
        ("nsr2db_nsr001", 5_000),
    ] {
        let recording = Recording::load(name);
        let mut row: BTreeMap<Mode, u32> = MODES.into_iter().map(|mode| (mode, 0)).collect();
        let beats = recording.ticks().len().min(30_000);
        for from in (0..beats).step_by(2_500) {
            let mut session = Session::open(opening(paced(rate), 20), Person::following(1), None);
            play_recording(&mut session, &recording, from, 20);
            for decision in session.decisions() {
                if decision.kind == DecisionKind::Breath {
                    let mode = match decision.code {
                        Code::Follows => Mode::Following,
                        Code::Drifts => Mode::Drifting,
                        _ => Mode::Unmeasured,
                    };
                    *row.entry(mode).or_default() += 1;
                }
            }
        }
        println!("{name}, breaths: {row:?}");
        assert_eq!(row[&Mode::Following], 0, "{name}: {row:?}");
        judged += row[&Mode::Drifting];
    }
    assert!(judged > 1_000, "{judged}");
}
