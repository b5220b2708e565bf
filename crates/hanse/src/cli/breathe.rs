//! `hanse breathe`: a session in the terminal, an assessment of a recording, a replay. No node is needed but for
//! `--session` and `link`.

mod assess;
mod link;
mod measure;
mod play;
mod recording;
mod replay;
mod screen;
mod source;
mod view;

use clap::{Args, Subcommand};

use super::{Failure, Global};

/// Breathe with a pacer that listens to the heart beats of a recording, or of a strap.
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
    /// Read all of a recording, a whole night too: its figures, and those of each five minutes.
    Measure(measure::Measure),
    /// Recompute a session from its inputs, and name the first event that differs.
    Replay(replay::Replay),
    /// Make a link to the page in the browser, with a token for breath sessions alone.
    Link(link::Link),
    /// Show the questions that come before a session.
    Questions(screen::Questions),
}

impl Breathe {
    /// Does it.
    ///
    /// # Errors
    /// A file cannot be read or is not of its form; a session is refused; a replay differs.
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        match &self.command {
            Some(Command::Assess(assess)) => assess.run(global),
            Some(Command::Measure(measure)) => measure.run(global),
            Some(Command::Replay(replay)) => replay.run(global),
            Some(Command::Link(link)) => link.run(global),
            Some(Command::Questions(questions)) => questions.run(global),
            None => self.play.run(global),
        }
    }
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
