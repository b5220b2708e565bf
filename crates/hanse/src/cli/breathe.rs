//! `hanse breathe`: a session in the terminal, an assessment of a recording, a replay. No node is needed but for
//! `--session` and `link`.

mod assess;
mod link;
mod play;
mod replay;
mod screen;

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use zenb::sensors::{RrUnit, rr_csv, rr_text};
use zenb::units::Ticks;

use super::{Failure, Global};

/// Breathe with a pacer that listens to the heart beats of a recording.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Breathe {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    play: play::Play,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read a recording that was paced in steps, and say what each criterion makes of it.
    Assess(assess::Assess),
    /// Recompute a session from its inputs, and name the first event that differs.
    Replay(replay::Replay),
    /// Make a link to the page in the browser, with a token for breath sessions alone.
    Link(link::Link),
    /// Show the questions that come before a session.
    Questions(screen::Questions),
}

/// A file of heart beats.
#[derive(Debug, Args)]
struct Recording {
    /// Intervals between beats: one a line, or CSV with the columns `at_ms,rr_1024`.
    #[arg(long = "rr", value_name = "FILE")]
    file: PathBuf,
    /// The unit of a file with one interval a line.
    #[arg(long, value_enum, default_value = "ms")]
    unit: Unit,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Unit {
    /// Milliseconds.
    Ms,
    /// Seconds.
    S,
    /// 1/1024 s.
    Ticks,
}

impl Breathe {
    /// Does it.
    ///
    /// # Errors
    /// A file cannot be read or is not of its form; a session is refused; a replay differs.
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        match &self.command {
            Some(Command::Assess(assess)) => assess.run(global),
            Some(Command::Replay(replay)) => replay.run(global),
            Some(Command::Link(link)) => link.run(global),
            Some(Command::Questions(questions)) => questions.run(global),
            None => self.play.run(global),
        }
    }
}

/// The intervals of a file. A name that ends in `.csv` says that it is CSV.
fn read_intervals(file: &Path, unit: Unit) -> Result<Vec<Ticks>, Failure> {
    let text = read(file)?;
    let is_csv = file
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    let read = if is_csv {
        rr_csv(&text).map(|rows| rows.into_iter().map(|row| row.rr).collect())
    } else {
        let unit = match unit {
            Unit::Ms => RrUnit::Millis,
            Unit::S => RrUnit::Seconds,
            Unit::Ticks => RrUnit::Ticks,
        };
        rr_text(&text, unit)
    };
    let intervals: Vec<Ticks> =
        read.map_err(|error| Failure::refused(format!("{}: {error}", file.display())))?;
    if intervals.is_empty() {
        let message = format!("{} holds no interval", file.display());
        return Err(Failure::refused(message));
    }
    Ok(intervals)
}

fn read(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| {
        Failure::environment(format!("{} cannot be read: {error}", file.display()))
    })
}

/// A number that is three places behind the point as an integer, such as 6.5 as 6500.
fn milli(text: &str) -> Result<u32, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| format!("`{text}` is not a number"))?;
    let milli = (number * 1000.0).round();
    if (1.0..=100_000.0).contains(&milli) {
        Ok(milli as u32)
    } else {
        Err(format!("`{text}` is no rate in breaths a minute"))
    }
}
