//! Many assessments of people whose resonance is known, by straps that are not to be trusted.

use std::collections::BTreeMap;
use std::thread;

use zenb::criteria::Finding;
use zenb::criteria::Verdict;
use zenb::engine::Engine;
use zenb::engine::Input;
use zenb::protocol::Kind;
use zenb::screen::Answers;
use zenb::units::EngineMs;

use super::person::Breathes;
use super::person::Dice;
use super::person::Person;
use super::session::opening;

/// A rate further than this from the true one, in breaths a minute, is wrong: it is nearer to
/// another step of the stepped assessment.
const WRONG: f64 = 0.4;
/// A rate within this is right.
const RIGHT: f64 = 0.25;

/// How packets reach the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Delivery {
    Prompt,
    /// Each packet twice, the copy so many milliseconds late.
    Doubled(u64),
    /// In each minute, so many seconds of packets at once.
    Late(u64),
}

/// What the strap makes of the heart.
struct Strap {
    dice: Dice,
    artefact_permille: u64,
    delivery: Delivery,
    /// Silences, from and to, in seconds.
    gaps: Vec<(u64, u64)>,
    /// What the next interval begins with, in ticks: of a missed beat, or of one that came early.
    owed: i32,
    waiting: Vec<(u64, Vec<u16>)>,
}

impl Strap {
    /// Beats with one in so many missed, doubled, early or late.
    fn hear(&mut self, beats: &[u16]) -> Vec<u16> {
        let mut heard = Vec::new();
        for rr in beats {
            let rr = (i32::from(*rr) + self.owed).max(250);
            self.owed = 0;
            if self.dice.below(1000) >= self.artefact_permille {
                heard.push(rr as u16);
                continue;
            }
            let part = rr * (250 + self.dice.below(500) as i32) / 1000;
            match self.dice.below(4) {
                0 => self.owed = rr,
                1 => heard.extend([part as u16, (rr - part) as u16]),
                2 => {
                    let early = rr * (200 + self.dice.below(200) as i32) / 1000;
                    self.owed = early;
                    heard.push((rr - early) as u16);
                }
                _ => {
                    let late = rr * (150 + self.dice.below(200) as i32) / 1000;
                    self.owed = -late;
                    heard.push((rr + late) as u16);
                }
            }
        }
        heard
    }

    /// The packets that reach the host in the second that ends at `now_ms`, with their arrivals.
    fn deliver(&mut self, now_ms: u64, beats: &[u16]) -> Vec<(u64, Vec<u16>)> {
        let heard = self.hear(beats);
        let second = now_ms / 1000;
        if self
            .gaps
            .iter()
            .any(|(from, to)| (*from..*to).contains(&second))
        {
            return Vec::new();
        }
        if !heard.is_empty() {
            self.waiting.push((now_ms, heard.clone()));
        }
        match self.delivery {
            Delivery::Doubled(by) if !heard.is_empty() => self.waiting.push((now_ms + by, heard)),
            Delivery::Late(seconds) if second % 60 < seconds => return Vec::new(),
            _ => {}
        }
        self.waiting.sort_by_key(|(due, _)| *due);
        let (due, later) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|(due, _)| *due <= now_ms);
        self.waiting = later;
        due
    }
}

#[derive(Debug)]
struct Trial {
    seed: u64,
    kind: Kind,
    resonance: f64,
    artefact_permille: u64,
    delivery: Delivery,
    gaps: Vec<(u64, u64)>,
}

impl Trial {
    fn drawn(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let delivery = match dice.below(10) {
            0 => Delivery::Doubled(0),
            1 => Delivery::Doubled(150 + dice.below(850)),
            2 => Delivery::Late(1 + dice.below(4)),
            _ => Delivery::Prompt,
        };
        let gaps = (0..dice.below(6).saturating_sub(3))
            .map(|_| {
                let from = 30 + dice.below(600);
                (from, from + 5 + dice.below(26))
            })
            .collect();
        Self {
            seed,
            kind: if dice.below(3) == 0 {
                Kind::AssessSliding
            } else {
                Kind::AssessStepped
            },
            resonance: 4.7 + dice.below(1500) as f64 / 1000.0,
            artefact_permille: match dice.below(4) {
                0 => 0,
                1 => dice.below(11),
                _ => dice.below(51),
            },
            delivery,
            gaps,
        }
    }

    fn person(&self) -> Person {
        let mut dice = Dice(self.seed ^ 0x5eed);
        let mut share = || dice.below(1000) as f64 / 1000.0;
        let breathes = Breathes::WithPacer {
            swing_bpm: 8.0 + 12.0 * share(),
            resonance: self.resonance,
            width: 0.12 + 0.12 * share(),
        };
        Person {
            mean_bpm: 55.0 + 30.0 * share(),
            noise_bpm: 0.2 + 0.6 * share(),
            mayer_bpm: 1.5 * share(),
            ..Person::new(breathes, self.seed)
        }
    }

    /// What the assessment came to; `None` if it did not run to its end.
    fn run(&self) -> Option<Verdict> {
        let (mut engine, _) = Engine::open(&zenb::engine::Opening {
            seed: self.seed,
            ..opening(self.kind, 20)
        });
        let (at, answers) = (EngineMs(0), Answers::all_no());
        engine.step(&Input::Screen { at, answers }).unwrap();
        engine.step(&Input::Start { at }).unwrap();
        let mut person = self.person();
        let mut strap = Strap {
            dice: Dice(self.seed ^ 0x57a9),
            artefact_permille: self.artefact_permille,
            delivery: self.delivery,
            gaps: self.gaps.clone(),
            owed: 0,
            waiting: Vec::new(),
        };
        for second in 1..=1_801 {
            let now_ms = second * 1_000;
            let beats = person.beats(now_ms, &engine);
            for (at, rr) in strap.deliver(now_ms, &beats) {
                let (hr, contact) = (None, Some(true));
                // What waits for a late second is delivered in it, in order.
                let at = EngineMs(at.max(engine.view().at_ms));
                let _fenced = engine.step(&Input::Packet {
                    at,
                    rr,
                    hr,
                    contact,
                });
            }
            let at = EngineMs(now_ms.max(engine.view().at_ms));
            let _over = engine.step(&Input::Tick { at });
            if let Some(summary) = engine.summary() {
                return summary.verdict.clone();
            }
        }
        panic!("the assessment never ended: {self:?}");
    }
}

/// How many trials came to what, by their share of artefacts and their delivery.
#[derive(Debug, Default)]
struct Tally(BTreeMap<String, BTreeMap<String, u32>>);

impl Tally {
    fn add(&mut self, trial: &Trial, finding: Option<Finding>) -> bool {
        let off = |milli: u32| (f64::from(milli) / 1000.0 - trial.resonance).abs();
        let word = match finding {
            Some(Finding::Rate { milli_breaths }) if off(milli_breaths) <= RIGHT => "right".into(),
            Some(Finding::Rate { milli_breaths }) if off(milli_breaths) <= WRONG => "near".into(),
            Some(Finding::Rate { .. }) => "WRONG".into(),
            Some(Finding::CriteriaDisagree { .. }) => "disagree".into(),
            Some(Finding::Inconclusive { doubt }) => format!("{doubt:?}"),
            None => "nothing".into(),
        };
        let faults = match (trial.delivery, trial.gaps.len()) {
            (Delivery::Prompt, 0) => "",
            (Delivery::Prompt, _) => " gaps",
            (Delivery::Doubled(0), _) => " doubled",
            (Delivery::Doubled(_), _) => " copies late",
            (Delivery::Late(_), _) => " late",
        };
        let row = match (faults, trial.artefact_permille) {
            ("", 0) => "0 clean".into(),
            ("", 1..=10) => "1 at most 1 %".into(),
            ("", 11..=30) => "2 at most 3 %".into(),
            ("", _) => "3 at most 5 %".into(),
            _ => format!("4{faults}"),
        };
        let is_wrong = word == "WRONG";
        *self.0.entry(row).or_default().entry(word).or_default() += 1;
        is_wrong
    }

    fn share(&self, row: &str, word: &str) -> f64 {
        let Some(words) = self.0.get(row) else {
            return 0.0;
        };
        let all: u32 = words.values().sum();
        f64::from(words.get(word).copied().unwrap_or(0)) / f64::from(all)
    }
}

/// Runs the trials of some seeds; prints what they came to.
fn tally(seeds: std::ops::Range<u64>) -> (Tally, Vec<Trial>) {
    let workers = thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let found: Vec<(Trial, Option<Verdict>)> = thread::scope(|scope| {
        let begun: Vec<_> = (0..workers)
            .map(|worker| {
                let own = seeds.clone().filter(move |seed| seed % workers == worker);
                scope.spawn(move || {
                    own.map(|seed| {
                        let trial = Trial::drawn(seed);
                        let finding = trial.run();
                        (trial, finding)
                    })
                    .collect::<Vec<_>>()
                })
            })
            .collect();
        begun
            .into_iter()
            .flat_map(|it| it.join().unwrap())
            .collect()
    });
    let mut tally = Tally::default();
    let mut wrong = Vec::new();
    for (trial, finding) in found {
        if tally.add(&trial, finding.map(|verdict| verdict.finding)) {
            wrong.push(trial);
        }
    }
    for (row, words) in &tally.0 {
        println!("{row}: {words:?}");
    }
    (tally, wrong)
}

/// REQ-223, hazard H9.
#[test]
fn no_assessment_gives_a_wrong_rate_and_few_artefacts_cost_few_answers() {
    let asked = std::env::var_os("ZENB_ASSESSMENTS");
    let count = asked.map_or(240, |count| count.to_str().unwrap().parse().unwrap());
    let (tally, wrong) = tally(0..count);
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(tally.share("0 clean", "right") > 0.7);
    assert!(tally.share("1 at most 1 %", "right") > 0.7);
}
