//! An assessment of a recording that was paced elsewhere, in steps.

use clap::Args;
use serde_json::json;
use zenb::assessment::STEP_SETTLE_MS;
use zenb::criteria::{Finding, Found, Measures, PacedBeat, Verdict, judge, measure};
use zenb::engine::Input;
use zenb::overall::accepted;
use zenb::timeline::{Accepted, Beat};
use zenb::units::Ticks;

use super::milli;
use super::source::Beats;
use crate::cli::output::line;
use crate::cli::{Failure, Global};

/// Read a recording that was paced in steps, and say what each criterion makes of it.
#[derive(Debug, Args)]
pub(super) struct Assess {
    #[command(flatten)]
    beats: Beats,
    /// The rates in the order they were offered, in breaths a minute.
    #[arg(long, value_delimiter = ',', value_parser = milli, default_value = "6.5,6.0,5.5,5.0,4.5")]
    steps: Vec<u32>,
    /// How long each was offered, in seconds, without pauses between.
    #[arg(long, default_value = "120", value_parser = clap::value_parser!(u64).range(60..=600))]
    seconds: u64,
}

impl Assess {
    /// Reads it. That nothing stands out is an answer, not a failure.
    pub(super) fn run(&self, global: &Global) -> Result<(), Failure> {
        let inputs = self.beats.recording()?.inputs();
        let verdict = assessed(&inputs, &self.steps, self.seconds * 1000);
        if global.output().is_json() {
            global.output().object(&json!(verdict));
        } else {
            print(&verdict);
        }
        Ok(())
    }
}

/// What the criteria make of a recording whose steps follow each other at once.
fn assessed(inputs: &[Input], steps: &[u32], step_ms: u64) -> Verdict {
    let beats = beats(inputs);
    let stretches: Vec<Measures> = (0..)
        .zip(steps)
        .map(|(index, &rate)| {
            let begins = index * step_ms;
            let within = begins + STEP_SETTLE_MS..begins + step_ms;
            let mut paced = Vec::new();
            let mut is_whole = true;
            for &(beat, opens) in beats.iter().filter(|(beat, _)| within.contains(&beat.at.0)) {
                is_whole &= !opens || paced.is_empty();
                paced.push(PacedBeat {
                    at: beat.at,
                    rr: beat.rr,
                    done_q32: done_q32(beat.at.0 - begins, beat.rr, rate),
                });
            }
            let measures = measure(rate, &paced);
            if is_whole {
                measures
            } else {
                measures.spoiled()
            }
        })
        .collect();
    judge(&stretches, Found::BetweenSteps)
}

/// The beats that pass the fence, each with whether beats are missing before it.
fn beats(inputs: &[Input]) -> Vec<(Beat, bool)> {
    let of = |accepted: Accepted| {
        let first = accepted.opens_segment;
        let beats = accepted.beats().enumerate();
        beats
            .map(|(place, beat)| (beat, first && place == 0))
            .collect::<Vec<_>>()
    };
    accepted(inputs).flat_map(of).collect()
}

/// Breaths done since the step began by the middle of the interval, in 2^-32 breaths.
fn done_q32(since_ms: u64, rr: Ticks, milli_breaths: u32) -> u64 {
    let half_ms = u64::from(rr.get()) * 500 / 1024;
    let middle = u128::from(since_ms.saturating_sub(half_ms));
    let done = ((middle * u128::from(milli_breaths)) << 32) / 60_000_000;
    u64::try_from(done).unwrap_or(u64::MAX)
}

fn print(verdict: &Verdict) {
    line(&finding(&verdict.finding));
    line("");
    line("criterion             best     contrast  noise   speaks");
    for opinion in &verdict.opinions {
        line(&format!(
            "{:20}  {:4.2}/min  {:4} ‰    {:4} ‰  {}",
            json!(opinion.criterion).as_str().unwrap_or_default(),
            per_minute(opinion.best_milli),
            opinion.contrast_permille,
            opinion.noise_permille,
            if opinion.speaks { "yes" } else { "no" },
        ));
    }
    let steps = verdict.stretches.iter().map(|stretch| {
        let word = if stretch.followed {
            "followed"
        } else {
            "not followed"
        };
        format!("{:4.2}/min {word}", per_minute(stretch.milli_breaths))
    });
    line("");
    line(&steps.collect::<Vec<_>>().join(" · "));
}

fn per_minute(milli: u32) -> f64 {
    f64::from(milli) / 1000.0
}

/// What was found, as a sentence. It names no more than what stood out of the noise.
fn finding(finding: &Finding) -> String {
    match finding {
        Finding::Rate { milli_breaths } => format!(
            "The heart answered most at {:.2} breaths a minute.",
            per_minute(*milli_breaths)
        ),
        Finding::CriteriaDisagree {
            least_milli,
            most_milli,
        } => format!(
            "The criteria disagree, between {:.2} and {:.2} breaths a minute: there is no one rate.",
            per_minute(*least_milli),
            per_minute(*most_milli)
        ),
        Finding::Inconclusive { doubt } => {
            format!("Inconclusive: {}.", super::view::word(&json!(doubt)))
        }
    }
}
