//! The older words for a session: how often the condition behind a share holds where the share is given.

use zenb::artefact::classify;
use zenb::artefact::correct;
use zenb::features::Features;
use zenb::features::WindowConfig;
use zenb::projection::AROUSED_MILLI_BPM;
use zenb::projection::DROWSY_MILLI_BPM;
use zenb::projection::FLOW_MILLI_BPM;
use zenb::projection::FiveStates;
use zenb::projection::VARIABLE_US;
use zenb::projection::WHOLE_PPM;
use zenb::projection::five_states;
use zenb::projection::three_factors;
use zenb::units::Ticks;

use super::person::Breathes;
use super::person::Dice;
use super::person::Person;
use super::session::Session;
use super::session::Strap;
use super::session::paced;
use crate::data::Recording;
use crate::session::play;

/// A share, and whether its condition held.
type Case = (u32, bool);

/// The mean distance between a share and the frequency of its condition, over tenths of the share, with the table:
/// cases, mean share, frequency.
fn calibration(cases: &[Case]) -> (f64, Vec<(usize, f64, f64)>) {
    let mut error = 0.0;
    let mut table = Vec::new();
    for tenth in 0..10 {
        let inside: Vec<&Case> = cases
            .iter()
            .filter(|(share, _)| (share * 10 / WHOLE_PPM).min(9) == tenth)
            .collect();
        if inside.is_empty() {
            continue;
        }
        let count = inside.len() as f64;
        let share = inside
            .iter()
            .map(|(share, _)| f64::from(*share))
            .sum::<f64>()
            / count
            / 1e6;
        let held = inside.iter().filter(|(_, held)| *held).count() as f64 / count;
        error += (share - held).abs() * count / cases.len() as f64;
        table.push((inside.len(), share, held));
    }
    (error, table)
}

/// A mended recording, to be asked for any five minutes.
struct Whole {
    at_s: Vec<f64>,
    rr_ms: Vec<f64>,
}

const HALF_S: f64 = 150.0;

impl Whole {
    fn of(rr: &[Ticks]) -> Self {
        let rr_ms: Vec<f64> = correct(rr, &classify(rr))
            .iter()
            .map(|beat| beat.rr.to_millis())
            .collect();
        let mut now = 0.0;
        let at_s = rr_ms
            .iter()
            .map(|rr| {
                now += rr / 1000.0;
                now
            })
            .collect();
        Self { at_s, rr_ms }
    }

    /// Mean heart rate and RMSSD of the five minutes around a moment, if they are all there.
    fn around(&self, at_s: f64) -> Option<(f64, f64)> {
        if at_s < HALF_S || at_s + HALF_S > *self.at_s.last()? {
            return None;
        }
        let from = self.at_s.partition_point(|at| *at < at_s - HALF_S);
        let to = self.at_s.partition_point(|at| *at < at_s + HALF_S);
        let inside = &self.rr_ms[from..to];
        let mean = inside.iter().sum::<f64>() / inside.len() as f64;
        let steps = inside.windows(2).map(|pair| pair[1] - pair[0]);
        let squares: f64 = steps.map(|step| step * step).sum();
        let rmssd = libm::sqrt(squares / (inside.len() - 1) as f64);
        Some((60_000.0 / mean, rmssd))
    }
}

/// Calm, stress, sleepy, energize as the five minutes were.
fn truth(heart_bpm: f64, rmssd_ms: f64) -> [bool; 4] {
    let aroused = heart_bpm * 1000.0 >= f64::from(AROUSED_MILLI_BPM);
    let drowsy = heart_bpm * 1000.0 < f64::from(DROWSY_MILLI_BPM);
    let variable = rmssd_ms * 1000.0 >= f64::from(VARIABLE_US);
    [
        !aroused && !drowsy,
        aroused && !variable,
        !aroused && drowsy,
        aroused && variable,
    ]
}

fn shares(states: FiveStates) -> [u32; 4] {
    [
        states.calm_ppm,
        states.stress_ppm,
        states.sleepy_ppm,
        states.energize_ppm,
    ]
}

/// The recordings, and which of their beats: days and nights of four people.
const STRETCHES: [(&str, usize, usize); 5] = [
    ("nsr2db_nsr001", 0, 20_000),
    ("nsr2db_nsr001", 60_000, 75_000),
    ("apnea_a01", 0, 15_000),
    ("pyhrv_long", 0, usize::MAX),
    ("heartpy_data3", 0, usize::MAX),
];

/// REQ-230: on recordings without a pacer, against what the five minutes around came to.
#[test]
fn a_share_is_the_frequency_of_its_state() {
    let mut cases: [Vec<Case>; 4] = Default::default();
    let mut right = 0;
    for (name, from, to) in STRETCHES {
        let rr = Recording::load(name).ticks();
        let rr = &rr[from..to.min(rr.len())];
        let whole = Whole::of(rr);
        let mut next_ms = 0;
        play(rr, None, WindowConfig::SESSION, |at, features| {
            if at.0 < next_ms {
                return;
            }
            next_ms = at.0 + 10_000;
            let (Some(states), Some((heart, rmssd))) = (
                five_states(features).value(),
                whole.around(at.0 as f64 / 1000.0),
            ) else {
                return;
            };
            let (shares, held) = (shares(states), truth(heart, rmssd));
            for (cases, case) in cases.iter_mut().zip(shares.into_iter().zip(held)) {
                cases.push(case);
            }
            let most = (0..4).max_by_key(|i| shares[*i]).unwrap();
            right += usize::from(held[most]);
        });
    }
    let all = cases[0].len();
    for (name, cases) in ["calm", "stress", "sleepy", "energize"].iter().zip(&cases) {
        let held = cases.iter().filter(|(_, held)| *held).count();
        let (error, table) = calibration(cases);
        println!("{name}: {held} of {all} moments, error {error:.3}, {table:.2?}");
        assert!(error <= 0.05, "{name}: {error}");
    }
    println!("the greatest share is right in {right} of {all}");
    assert!(all > 3_000 && right * 100 >= all * 75, "{right} of {all}");
}

/// Who breathes with a pacer at 6 /min or does not, and how widely the heart swings.
fn anyone(dice: &mut Dice, seed: u64) -> (Person, bool, bool) {
    let swing_bpm = 1.0 + dice.below(150) as f64 / 10.0;
    let with = dice.below(2) == 0;
    let breathes = if with {
        Breathes::WithPacer {
            swing_bpm,
            resonance: 6.0,
            width: 0.25,
        }
    } else {
        Breathes::Alone {
            rate: 8.0 + dice.below(100) as f64 / 10.0,
            swing_bpm,
        }
    };
    let person = Person {
        mean_bpm: 50.0 + dice.below(60) as f64,
        noise_bpm: 0.3 + dice.below(30) as f64 / 10.0,
        mayer_bpm: dice.below(30) as f64 / 10.0,
        ..Person::new(breathes, seed)
    };
    let flows = with && swing_bpm * 1000.0 >= f64::from(FLOW_MILLI_BPM);
    (person, with, flows)
}

/// REQ-230, REQ-231: on simulated people of whom it is known whether they breathe with the pacer.
#[test]
fn focus_distraction_and_flow_are_the_frequencies_of_their_conditions() {
    let mut cases: [Vec<Case>; 4] = Default::default();
    let mut dice = Dice(23);
    for seed in 0..60 {
        let (person, with, flows) = anyone(&mut dice, seed);
        let calm = person.mean_bpm * 1000.0 < f64::from(AROUSED_MILLI_BPM);
        let mut session = Session::started(paced(6_000), 5, person, None);
        session.seconds(80, Strap::On);
        for _ in 0..12 {
            session.seconds(10, Strap::On);
            let features: Features = session.engine.view().features;
            let states = five_states(&features).value();
            let factors = three_factors(&features).cognitive_ppm.value();
            let (Some(states), Some([focused, distracted, flow])) = (states, factors) else {
                continue;
            };
            let shares = [states.focus_ppm, focused, distracted, flow];
            let held = [with && calm, with && !flows, !with, flows];
            for (cases, case) in cases.iter_mut().zip(shares.into_iter().zip(held)) {
                cases.push(case);
            }
        }
    }
    let names = ["focus", "focused", "distracted", "in flow"];
    for (name, cases) in names.iter().zip(&cases) {
        let held = cases.iter().filter(|(_, held)| *held).count();
        let (error, table) = calibration(cases);
        println!(
            "{name}: {held} of {} moments, error {error:.3}, {table:.2?}",
            cases.len()
        );
        assert!(error <= 0.08, "{name}: {error}");
    }
    assert!(cases[0].len() > 500, "{}", cases[0].len());
}
