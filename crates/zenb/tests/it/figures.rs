//! The figures of the goals, computed for the tests and for `examples/g_table.rs`.

use serde_json::Value;
use zenb::artefact::Causal;
use zenb::artefact::Class;
use zenb::artefact::Judged;
use zenb::artefact::LOOK_AHEAD;
use zenb::artefact::Mender;
use zenb::artefact::Normal;
use zenb::artefact::classify;
use zenb::artefact::correct;
use zenb::breath::SPAN_S;
use zenb::features::WindowConfig;
use zenb::metrics;
use zenb::spectrum::R1;
use zenb::timeline::Beat;
use zenb::units::EngineMs;
use zenb::units::Reason;
use zenb::units::Ticks;
use zenb::window::Sums;
use zenb::window::Unit;

use crate::data::RECORDINGS;
use crate::data::Recording;
use crate::session::Paces;
use crate::session::play;

/// The references were computed from milliseconds with at most four decimals: 100 ns each.
const TENTHS_OF_US: Unit = Unit {
    per_second: 10_000_000,
};

fn exact(millis: &[f64]) -> Vec<u64> {
    millis
        .iter()
        .map(|rr| (rr * 10_000.0).round() as u64)
        .collect()
}

fn reference(refs: &Value, path: [&str; 3]) -> f64 {
    let [group, by, name] = path;
    refs[group][by][name]
        .as_f64()
        .unwrap_or_else(|| panic!("no reference {path:?}"))
}

#[track_caller]
fn relative(found: f64, expect: f64) -> f64 {
    if expect == 0.0 {
        found.abs()
    } else {
        (found / expect - 1.0).abs()
    }
}

/// Each five-minute window with its references, and each whole recording.
pub(crate) fn windows() -> Vec<(String, Vec<f64>, Value)> {
    let mut all = Vec::new();
    for name in RECORDINGS {
        let recording = Recording::load(name);
        let millis = recording.millis();
        for window in recording.value["windows_5min"].as_array().unwrap() {
            let first = window["first_rr"].as_u64().unwrap() as usize;
            let count = window["n"].as_u64().unwrap() as usize;
            let part = millis[first..first + count].to_vec();
            all.push((format!("{name}[{first}..]"), part, window["refs"].clone()));
        }
        all.push((name.to_owned(), millis, recording.value["whole"].clone()));
    }
    all
}

/// REQ-101 (G1). The greatest relative error of SDNN, RMSSD and pNN50, and how many windows.
pub(crate) fn time_domain_error() -> (f64, usize) {
    let mut worst = 0.0f64;
    let all = windows();
    for (_, millis, refs) in &all {
        let sums = Sums::of(TENTHS_OF_US, exact(millis));
        let found = [
            (metrics::sdnn_ms(&sums, TENTHS_OF_US), "sdnn"),
            (metrics::rmssd_ms(&sums, TENTHS_OF_US), "rmssd"),
            (metrics::pnn50_percent(&sums), "pnn50"),
            (metrics::mean_ms(&sums, TENTHS_OF_US), "mean_nn"),
            (
                metrics::heart_rate(&sums, TENTHS_OF_US),
                "mean_hr_of_mean_nn",
            ),
        ];
        for (found, name) in found {
            let expect = reference(refs, ["time", "own_numpy", name]);
            worst = worst.max(relative(found.unwrap(), expect));
        }
    }
    (worst, all.len())
}

/// REQ-103 (G2). The greatest relative error of VLF, LF and HF, and how many windows.
pub(crate) fn spectrum_error() -> (f64, usize) {
    let mut r1 = R1::default();
    let mut worst = 0.0f64;
    let mut count = 0;
    for (name, millis, refs) in windows() {
        if refs["freq"]["R1_scipy"].is_null() {
            continue;
        }
        let spectrum = r1.spectrum(millis.iter().copied()).unwrap();
        let bands = [
            ("vlf", spectrum.vlf()),
            ("lf", spectrum.lf()),
            ("hf", spectrum.hf()),
        ];
        for (band, power) in bands {
            let expect = reference(&refs, ["freq", "R1_scipy", band]);
            let error = relative(power, expect);
            assert!(error <= 1e-6, "{name} {band}: {} for {expect}", power);
            worst = worst.max(error);
        }
        count += 1;
    }
    (worst, count)
}

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
pub(crate) fn judge_causally(rr: &[Ticks]) -> Vec<Judged> {
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
pub(crate) type Truth = (usize, Class);

/// How many of the known artefacts are marked at their place or beside it, and how many other
/// beats are marked.
pub(crate) fn score(classes: &[Class], truth: &[Truth]) -> (usize, usize) {
    let near = |i: usize| truth.iter().any(|(at, _)| at.abs_diff(i) <= 2);
    let marked = |at: usize| {
        let around = at.saturating_sub(1)..(at + 2).min(classes.len());
        classes[around].iter().any(|class| *class != Class::Normal)
    };
    let found = truth.iter().filter(|(at, _)| marked(*at)).count();
    let false_alarms = (0..classes.len()).filter(|i| classes[*i] != Class::Normal && !near(*i));
    (found, false_alarms.count())
}

pub(crate) fn known_artefacts() -> (Vec<Ticks>, Vec<Truth>) {
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

/// Steps of a linear congruence (Knuth's MMIX constants): the same on every run.
pub(crate) fn next(seed: &mut u64) -> u64 {
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
pub(crate) struct Cost {
    pub(crate) put_in: usize,
    pub(crate) found: usize,
    pub(crate) beats: usize,
    pub(crate) false_alarms: usize,
    /// The greatest relative error of SDNN and RMSSD after mending.
    pub(crate) error: f64,
}

/// REQ-121 (G3).
pub(crate) fn cost(kind: Class, causal: bool) -> Cost {
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

/// REQ-122 (G3). Beats that the two judgements class differently, as a share of all, with the
/// share that the whole series' judgement marks.
pub(crate) fn causal_disagreement(name: &str) -> (f64, f64) {
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

/// Phantoms that breathe with their pacer and have no other rhythm.
pub(crate) const FOLLOWERS: [&str; 7] = [
    "phantom_art_20",
    "phantom_drift",
    "phantom_fast15",
    "phantom_slide_rf57",
    "phantom_step_flat",
    "phantom_step_rf48",
    "phantom_step_rf55",
];

/// What was read of a breathing rate.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// Readings after the first minute.
    pub(crate) readings: usize,
    /// How many of them gave a rate.
    pub(crate) known: usize,
    /// The greatest error of one, in breaths per minute.
    pub(crate) worst: f64,
    /// The greatest error of the mean over one pace, in breaths per minute.
    pub(crate) worst_mean: f64,
    /// How many said that the heart follows.
    pub(crate) following: usize,
    /// How many would not say.
    pub(crate) ambiguous: usize,
}

/// Plays a phantom with its own pacer, or one at `pace`.
pub(crate) fn read(name: &str, pace: Option<f64>) -> Reading {
    let phantom = Recording::load(name);
    let truth = Paces::of_truth(&phantom.value["truth"]);
    let pacer = pace.map_or(truth.clone(), |rate| Paces(vec![(rate, f64::MAX)]));
    let mut reading = Reading::default();
    let mut errors: Vec<(f64, Vec<f64>)> = Vec::new();
    play(
        &phantom.ticks(),
        Some(&pacer),
        WindowConfig::SESSION,
        |at, features| {
            let (rate, _, _) = truth.at(at.0 as f64 / 1000.0);
            if at.0 < u64::from(SPAN_S) * 1000 {
                return;
            }
            reading.readings += 1;
            let following = features.following;
            reading.following += usize::from(
                following
                    .value()
                    .is_some_and(|follow| follow.share_permille >= 500),
            );
            reading.ambiguous += usize::from(following.reason() == Some(Reason::Ambiguous));
            if let Some(found) = features.breath.value() {
                reading.known += 1;
                let error = f64::from(found.milli()) / 1000.0 - rate;
                reading.worst = reading.worst.max(error.abs());
                match errors.last_mut() {
                    Some((last, errors)) if *last == rate => errors.push(error),
                    _ => errors.push((rate, vec![error])),
                }
            }
        },
    );
    for (_, errors) in errors {
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        reading.worst_mean = reading.worst_mean.max(mean.abs());
    }
    reading
}

/// A night's worth of a recording.
fn first_beats(name: &str) -> Vec<Ticks> {
    let mut ticks = Recording::load(name).ticks();
    ticks.truncate(30_000);
    ticks
}

/// How often a recording, with a pacer that nobody saw, is said to follow it; of how many.
pub(crate) fn following_by_chance(name: &str, pace: f64) -> (usize, usize) {
    let pacer = Paces(vec![(pace, f64::MAX)]);
    let (mut following, mut all) = (0, 0);
    play(
        &first_beats(name),
        Some(&pacer),
        WindowConfig::SESSION,
        |_, features| {
            all += 1;
            let follow = features.following.value();
            following += usize::from(follow.is_some_and(|follow| follow.share_permille >= 500));
        },
    );
    (following, all)
}

/// How often a spontaneous rate is read, of how many, with the least and the greatest.
pub(crate) fn spontaneous(name: &str) -> (usize, usize, Option<(u32, u32)>) {
    let (mut rates, mut all) = (Vec::new(), 0);
    play(
        &first_beats(name),
        None,
        WindowConfig::SESSION,
        |_, features| {
            all += 1;
            rates.extend(features.breath.value().map(|rate| rate.milli()));
        },
    );
    let range = rates.iter().min().copied().zip(rates.iter().max().copied());
    (rates.len(), all, range)
}
