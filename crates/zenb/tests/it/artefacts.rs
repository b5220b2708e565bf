//! Artefacts: found, told apart, mended; and how much the causal judgement loses.
#![expect(
    clippy::print_stdout,
    reason = "the figures of a run are part of what it shows"
)]

use proptest::prelude::*;
use zenb::artefact::Class;
use zenb::artefact::LOOK_AHEAD;
use zenb::artefact::classify;
use zenb::artefact::correct;
use zenb::features::WindowConfig;
use zenb::units::Ticks;

use crate::data::PHANTOMS;
use crate::data::RECORDINGS;
use crate::data::Recording;
use crate::figures::Truth;
use crate::figures::causal_disagreement;
use crate::figures::cost;
use crate::figures::judge_causally;
use crate::figures::known_artefacts;
use crate::figures::next;
use crate::figures::score;
use crate::session::play;

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

/// Beats marked, and beats at which more than 5 % of the last minute's were, of a whole series.
pub(crate) fn marked_and_held(rr: &[Ticks]) -> (usize, usize) {
    let judged = judge_causally(rr);
    let mut oldest = 0;
    let (mut marked, mut held, mut in_minute) = (0, 0, 0);
    for (i, newest) in judged.iter().enumerate() {
        let mark = usize::from(newest.class != Class::Normal);
        marked += mark;
        in_minute += mark;
        while newest.beat.at.since(judged[oldest].beat.at) > 60_000 {
            in_minute -= usize::from(judged[oldest].class != Class::Normal);
            oldest += 1;
        }
        held += usize::from(in_minute * 1000 > 50 * (i + 1 - oldest));
    }
    (marked, held)
}

/// REQ-124 (H4). A day of a healthy heart. With thresholds down to 20 ms, 4,452 of its beats are
/// marked, and guidance is held at 37,405.
#[test]
fn few_beats_of_a_healthy_day_are_marked_and_guidance_is_seldom_held() {
    let rr = Recording::load("nsr2db_nsr001").ticks();
    let (marked, held) = marked_and_held(&rr);
    assert!(marked * 1000 < 6 * rr.len(), "{marked} of {}", rr.len());
    assert!(held * 1000 < 20 * rr.len(), "{held} of {}", rr.len());
}

/// REQ-124 (H4). Within 4 ms for the most part, and within 40 ms at every tenth beat: nothing there
/// is out of rhythm, though it stands out of the spread.
#[test]
fn no_beat_of_a_flat_rhythm_is_marked() {
    let mut seed = 820;
    let rr: Vec<Ticks> = (0..820)
        .map(|i| {
            let reach = if i % 10 == 0 { 40 } else { 4 };
            let off = next(&mut seed) % (2 * reach + 1);
            Ticks::new(820 - reach as u32 + off as u32).unwrap()
        })
        .collect();
    let classes = classify(&rr);
    let marks = classes.iter().filter(|it| **it != Class::Normal).count();
    assert_eq!((marks, marked_and_held(&rr).0), (0, 0));
}

/// REQ-120. 83 marks of a published implementation; the three that ours lacks are long beats that
/// the upper bound on the threshold does not take for two.
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
    assert_eq!((found, marks.len(), alone), (80, 83, 0));
}

/// How far an interval is from the median of the eleven around it, in its shares.
fn displacement(rr: &[Ticks], at: usize) -> f64 {
    let around = at.saturating_sub(5)..(at + 6).min(rr.len());
    let mut around: Vec<u32> = rr[around].iter().map(|ticks| ticks.get()).collect();
    around.sort_unstable();
    let median = f64::from(around[around.len() / 2]);
    (f64::from(rr[at].get()) - median).abs() / median
}

/// REQ-128. Marks of NeuroKit2 beside ours, by `tools/zenb/neurokit.py`. It bounds no threshold: in a
/// flat rhythm it marks more, all of them small; in one full of artefacts less.
#[test]
fn an_independent_judge_marks_nothing_large_that_is_not_marked_and_little_is_marked_alone() {
    let judged = Recording::load("neurokit2");
    for (name, kinds) in judged.value["marks"].as_object().unwrap() {
        let rr = Recording::load(name).ticks();
        let kinds = kinds.as_object().unwrap().values();
        let theirs: Vec<Truth> = kinds
            .flat_map(|places| places.as_array().unwrap())
            .map(|at| (at.as_u64().unwrap() as usize, Class::Long))
            .collect();
        let classes = classify(&rr);
        let (found, alone) = score(&classes, &theirs);
        let ours = classes.iter().filter(|it| **it != Class::Normal).count();
        let missed = theirs
            .iter()
            .filter(|mark| score(&classes, &[**mark]).0 == 0 && displacement(&rr, mark.0) > 0.2);
        let large = missed.count();
        println!(
            "{name}: {} marks of theirs, {ours} of ours; {found} of theirs found, {alone} of ours \
             alone, {large} large ones of theirs not found",
            theirs.len()
        );
        assert!(large <= 1, "{name}");
        let full = ["afdb_07859", "afdb_08405", "heartpy_data2", "mitbih208"];
        if full.contains(&name.as_str()) {
            assert_eq!(found, theirs.len(), "{name}");
        } else {
            assert!(alone * 1000 <= rr.len(), "{name}: {alone} alone");
            assert!(ours <= theirs.len(), "{name}: {ours}");
        }
    }
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
