//! Artefacts: found, told apart, mended; and how much the causal judgement loses.

use proptest::prelude::*;
use zenb::artefact::Causal;
use zenb::artefact::Class;
use zenb::artefact::Judged;
use zenb::artefact::LOOK_AHEAD;
use zenb::artefact::Mender;
use zenb::artefact::Normal;
use zenb::artefact::classify;
use zenb::artefact::correct;
use zenb::features::WindowConfig;
use zenb::metrics;
use zenb::timeline::Beat;
use zenb::units::EngineMs;
use zenb::units::Ticks;
use zenb::window::Sums;
use zenb::window::Unit;

use crate::data::PHANTOMS;
use crate::data::RECORDINGS;
use crate::data::Recording;
use crate::session::play;

fn beats(rr: &[Ticks]) -> Vec<Beat> {
    let mut ticks = 0;
    rr.iter()
        .map(|rr| {
            ticks += u64::from(rr.get());
            Beat {
                rr: *rr,
                at: EngineMs(ticks * 1000 / 1024),
            }
        })
        .collect()
}

/// The causal judgement; the last beats stay unjudged.
fn judge_causally(rr: &[Ticks]) -> Vec<Judged> {
    let mut causal = Causal::default();
    beats(rr)
        .into_iter()
        .filter_map(|beat| causal.push(beat))
        .collect()
}

fn mend_causally(rr: &[Ticks]) -> Vec<Normal> {
    let mut mender = Mender::default();
    let mut mended = Vec::new();
    for judged in judge_causally(rr) {
        mended.extend(mender.push(judged).into_iter().flatten());
    }
    mended
}

/// An artefact put in or known: where, and what.
type Truth = (usize, Class);

/// How many of the known artefacts are marked at their place or beside it, and how many other
/// beats are marked.
fn score(classes: &[Class], truth: &[Truth]) -> (usize, usize) {
    let near = |i: usize| truth.iter().any(|(at, _)| at.abs_diff(i) <= 2);
    let marked = |at: usize| {
        let around = at.saturating_sub(1)..(at + 2).min(classes.len());
        classes[around].iter().any(|class| *class != Class::Normal)
    };
    let found = truth.iter().filter(|(at, _)| marked(*at)).count();
    let false_alarms = (0..classes.len()).filter(|i| classes[*i] != Class::Normal && !near(*i));
    (found, false_alarms.count())
}

fn known_artefacts() -> (Vec<Ticks>, Vec<Truth>) {
    let phantom = Recording::load("phantom_art_20");
    let truth = phantom.value["truth"]["artefacts"].as_array().unwrap();
    let truth = truth.iter().map(|artefact| {
        let class = match artefact["kind"].as_str().unwrap() {
            "ectopic" => Class::Ectopic,
            "missed" => Class::Missed,
            "extra" => Class::Extra,
            kind => panic!("artefact of kind {kind}"),
        };
        (artefact["index"].as_u64().unwrap() as usize, class)
    });
    (phantom.ticks(), truth.collect())
}

/// REQ-120 (G3).
#[test]
fn every_known_artefact_is_found_and_named_and_nothing_else() {
    let (rr, truth) = known_artefacts();
    let causal: Vec<Class> = judge_causally(&rr)
        .iter()
        .map(|judged| judged.class)
        .collect();
    for classes in [classify(&rr), causal] {
        assert_eq!(score(&classes, &truth), (truth.len(), 0));
        for (at, class) in &truth {
            // An ectopic beat is between two intervals; either may carry its name.
            assert!(
                classes[*at] == *class || classes[at + 1] == *class,
                "{class:?} at {at}"
            );
        }
    }
}

/// Steps of a linear congruence (Knuth's MMIX constants): the same on every run.
fn next(seed: &mut u64) -> u64 {
    *seed = seed
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

/// Puts an artefact into about 2 % of the beats, far enough apart to be told from one another.
fn spoil(clean: &[Ticks], kind: Class, seed: &mut u64) -> (Vec<Ticks>, Vec<Truth>) {
    let mut rr: Vec<Ticks> = Vec::new();
    let mut truth = Vec::new();
    let ticks = |raw: u32| Ticks::new(raw).unwrap();
    let mut until = 30 + next(seed) % 40;
    let mut i = 0;
    while i < clean.len() {
        let here = clean[i].get();
        until = until.saturating_sub(1);
        if until > 0 || i + 12 > clean.len() {
            rr.push(clean[i]);
            i += 1;
            continue;
        }
        until = 30 + next(seed) % 40;
        truth.push((rr.len(), kind));
        let after = clean[i + 1].get();
        match kind {
            Class::Ectopic => {
                let early = here * (25 + next(seed) as u32 % 15) / 100;
                rr.extend([ticks(here - early), ticks(after + early)]);
                i += 2;
            }
            Class::Missed => {
                rr.push(ticks(here + after));
                i += 2;
            }
            _ => {
                let first = here * (35 + next(seed) as u32 % 30) / 100;
                rr.extend([ticks(first), ticks(here - first)]);
                i += 1;
            }
        }
    }
    (rr, truth)
}

/// What artefacts put into clean phantoms cost.
#[derive(Debug, Default)]
pub struct Cost {
    pub put_in: usize,
    pub found: usize,
    pub beats: usize,
    pub false_alarms: usize,
    /// The greatest relative error of SDNN and RMSSD after mending.
    pub error: f64,
}

/// REQ-121 (G3).
pub fn cost(kind: Class, causal: bool) -> Cost {
    let mut cost = Cost::default();
    let clean = [
        "phantom_drift",
        "phantom_step_rf48",
        "phantom_step_rf55",
        "phantom_slide_rf57",
    ];
    for (name, seed) in clean
        .iter()
        .flat_map(|name| (1..=5).map(move |seed| (name, seed)))
    {
        let clean = Recording::load(name).ticks();
        let (rr, truth) = spoil(&clean, kind, &mut seed.clone());
        let (classes, mended) = if causal {
            let classes = judge_causally(&rr)
                .iter()
                .map(|judged| judged.class)
                .collect();
            (classes, mend_causally(&rr))
        } else {
            let classes = classify(&rr);
            let mended = correct(&rr, &classes);
            (classes, mended)
        };
        let (found, false_alarms) = score(&classes, &truth);
        cost.put_in += truth.len();
        cost.found += found;
        cost.beats += rr.len();
        cost.false_alarms += false_alarms;
        let sums = |rr: &mut dyn Iterator<Item = Ticks>| {
            Sums::of(Unit::TICKS, rr.map(|rr| u64::from(rr.get())))
        };
        // The causal series lacks its last beats; so must what it is held against.
        let kept = clean.len() - if causal { LOOK_AHEAD + 1 } else { 0 };
        let truth = sums(&mut clean[..kept].iter().copied());
        let found = sums(&mut mended.iter().map(|beat| beat.rr));
        for figure in [metrics::sdnn_ms, metrics::rmssd_ms] {
            let pair = (figure(&found, Unit::TICKS), figure(&truth, Unit::TICKS));
            let error = (pair.0.unwrap() / pair.1.unwrap() - 1.0).abs();
            cost.error = cost.error.max(error);
        }
    }
    cost
}

/// REQ-121 (G3).
#[test]
fn mended_artefacts_cost_less_than_two_percent_of_sdnn_and_rmssd() {
    for kind in [Class::Missed, Class::Extra, Class::Ectopic] {
        for causal in [false, true] {
            let cost = cost(kind, causal);
            assert!(cost.put_in > 300, "{kind:?}: {cost:?}");
            assert_eq!(
                (cost.found, cost.false_alarms),
                (cost.put_in, 0),
                "{kind:?}: {cost:?}"
            );
            assert!(cost.error < 0.02, "{kind:?}, causal {causal}: {cost:?}");
        }
    }
}

/// REQ-122 (G3). Beats that the two judgements class differently, as a share of all, with the
/// share that the whole series' judgement marks.
pub fn causal_disagreement(name: &str) -> (f64, f64) {
    let rr = Recording::load(name).ticks();
    let whole = classify(&rr);
    let causal = judge_causally(&rr);
    let differ = causal
        .iter()
        .zip(&whole)
        .filter(|(judged, class)| (judged.class == Class::Normal) != (**class == Class::Normal));
    let marked = whole
        .iter()
        .filter(|class| **class != Class::Normal)
        .count();
    (
        differ.count() as f64 / causal.len() as f64,
        marked as f64 / whole.len() as f64,
    )
}

/// REQ-122 (G3).
#[test]
fn the_causal_judgement_differs_in_few_beats() {
    for name in RECORDINGS {
        let (differ, marked) = causal_disagreement(name);
        assert!(differ <= 0.025, "{name}: {differ} of the beats");
        assert!(
            differ < marked,
            "{name}: {differ} differ, {marked} are marked"
        );
    }
    for name in PHANTOMS {
        assert_eq!(causal_disagreement(name).0, 0.0, "{name}");
    }
}

/// REQ-123 (H4).
fn artefact_shares(name: &str) -> Vec<u16> {
    let mut shares = Vec::new();
    play(
        &Recording::load(name).ticks(),
        None,
        WindowConfig::SESSION,
        |at, features| {
            if at.0 > 60_000 {
                shares.push(features.artefact_permille_60s);
            }
        },
    );
    shares
}

/// REQ-123 (H4). Above 5 % nothing adapts, above 20 % the feedback ends.
#[test]
fn a_rhythm_full_of_ectopic_beats_is_above_the_limits_and_clean_ones_are_not() {
    let ectopic = artefact_shares("mitbih208");
    assert!(
        ectopic.iter().all(|share| *share > 50),
        "least {:?}",
        ectopic.iter().min()
    );
    assert!(
        ectopic.iter().any(|share| *share > 200),
        "most {:?}",
        ectopic.iter().max()
    );
    for name in PHANTOMS {
        let most = artefact_shares(name).into_iter().max().unwrap();
        assert!(most <= 50, "{name} reaches {most} permille");
    }
}

/// REQ-120. 83 marks of a published implementation; the three that ours lacks are long beats that
/// the bound on the threshold does not take for two.
#[test]
fn marks_agree_with_the_published_implementation() {
    let recording = Recording::load("pyhrv_long");
    let rr = recording.ticks();
    let classes = classify(&rr);
    let theirs = recording.value["artefacts"]["systole_lipponen2019_index"]
        .as_object()
        .unwrap();
    let marks: Vec<Truth> = theirs
        .values()
        .flat_map(|list| list.as_array().unwrap())
        .map(|at| (at.as_u64().unwrap() as usize, Class::Long))
        .collect();
    let (found, alone) = score(&classes, &marks);
    assert_eq!((found, marks.len(), alone), (80, 83, 1));
}

proptest! {
    /// REQ-121. Ectopic, missed and extra beats are mended without moving the clock, and nothing
    /// that is no interval comes out.
    #[test]
    fn mending_any_series_gives_intervals(
        raw in prop::collection::vec((1u32..=65_535, 0u8..6), 1..200),
    ) {
        let classes = [
            Class::Normal, Class::Ectopic, Class::Missed, Class::Extra, Class::Long, Class::Short,
        ];
        let rr: Vec<Ticks> = raw.iter().map(|(rr, _)| Ticks::new(*rr).unwrap()).collect();
        let given: Vec<Class> = raw.iter().map(|(_, class)| classes[usize::from(*class)]).collect();
        let mended = correct(&rr, &given);
        prop_assert!(mended.iter().zip(mended.iter().skip(1)).all(|(a, b)| a.at <= b.at));
        prop_assert!(mended.len() <= 2 * rr.len());
    }

    /// REQ-121.
    #[test]
    fn any_series_is_judged_without_panic(raw in prop::collection::vec(1u32..=65_535, 0..300)) {
        let rr: Vec<Ticks> = raw.into_iter().map(|rr| Ticks::new(rr).unwrap()).collect();
        prop_assert_eq!(classify(&rr).len(), rr.len());
        prop_assert_eq!(judge_causally(&rr).len(), rr.len().saturating_sub(LOOK_AHEAD));
    }
}
