//! The figures of a whole recording, however long it is, by the fence and the mending of a session.

use clap::Args;
use serde_json::{Value, json};
use zenb::engine::Input;
use zenb::overall::Overall;
use zenb::units::Measured;

use super::source::Beats;
use super::view;
use crate::cli::output::line;
use crate::cli::{Failure, Global};

/// The stretch that the Task Force (1996) takes for short recordings.
const STRETCH_MS: u64 = 300_000;

/// Read all of a recording, a whole night too: its figures, and those of each five minutes.
#[derive(Debug, Args)]
pub(super) struct Measure {
    #[command(flatten)]
    beats: Beats,
}

impl Measure {
    /// Reads it. That nothing can be measured is an answer, not a failure.
    pub(super) fn run(&self, global: &Global) -> Result<(), Failure> {
        let recording = self.beats.recording()?;
        let (length_ms, repeated) = (recording.length_ms(), recording.repeated);
        let inputs = recording.inputs();
        let whole = Overall::of(&inputs);
        let stretches = inputs.chunk_by(|one, other| place(one) == place(other));
        let stretches: Vec<(u64, Overall)> = stretches
            .map(|stretch| (place(&stretch[0]) * STRETCH_MS, Overall::of(stretch)))
            .collect();
        if global.output().is_json() {
            global.output().object(&json!({
                "length_ms": length_ms,
                "repeated": repeated,
                "whole": told(&whole),
                "stretches": stretches.iter().map(|(from_ms, figures)| {
                    let mut told = told(figures);
                    told["from_ms"] = json!(from_ms);
                    told
                }).collect::<Vec<_>>(),
            }));
            return Ok(());
        }
        line("from         beats  mended  left out  heart/min  SDNN/ms  RMSSD/ms  quality");
        for (from_ms, figures) in &stretches {
            line(&row(&clock(*from_ms), figures));
        }
        line(&row("all", &whole));
        if let Some(unit) = whole.other_unit {
            line(view::in_other_unit(unit));
        }
        Ok(())
    }
}

fn place(input: &Input) -> u64 {
    input.at().0 / STRETCH_MS
}

fn told(figures: &Overall) -> Value {
    json!({
        "heart_rate_milli_bpm": figures.heart_rate_milli_bpm,
        "sdnn_us": figures.sdnn_us,
        "rmssd_us": figures.rmssd_us,
        "beats": figures.beats,
        "mended": figures.mended,
        "fenced": figures.fenced,
        "irregular": figures.irregular,
        "other_unit": figures.other_unit,
    })
}

fn row(from: &str, figures: &Overall) -> String {
    let quality = match figures.sdnn_us {
        Measured::Known { quality, .. } => format!("{} ‰", quality.permille()),
        Measured::NotMeasured(reason) => reason.to_string(),
    };
    format!(
        "{from:10}  {:6}  {:6}  {:8}  {:>9}  {:>7}  {:>8}  {quality}",
        figures.beats,
        figures.mended,
        figures.fenced,
        tenths(figures.heart_rate_milli_bpm),
        tenths(figures.sdnn_us),
        tenths(figures.rmssd_us),
    )
}

fn tenths(figure: Measured<u32>) -> String {
    let known = figure.value();
    known.map_or("–".to_owned(), |value| {
        format!("{:.1}", f64::from(value) / 1000.0)
    })
}

fn clock(ms: u64) -> String {
    let minutes = ms / 60_000;
    format!("{}:{:02} h", minutes / 60, minutes % 60)
}
