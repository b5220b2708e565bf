//! The command line.
//!
//! Exit codes are stable: 0 done, 1 refused or not verified, 2 wrong usage, 3 the environment does not allow it.

pub mod client;
pub mod input;
pub mod output;
pub mod show;

pub mod backup;
pub mod breathe;
pub mod compliance;
pub mod credential;
pub mod demo;
pub mod doctor;
pub mod entity;
pub mod init;
pub mod iris;
pub mod journal;
pub mod notification;
pub mod principal;
pub mod review;
pub mod sanctions;
pub mod screen;
pub mod token;
pub mod up;
pub mod user;
pub mod verify;
pub mod xmpp;
pub mod xmpp_offers;
pub mod zone;

use api::problem::ProblemBody;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::config::DataDir;
use crate::institutions;
use output::Output;

/// Runs a digital economic zone, and talks to a running one.
#[derive(Debug, Parser)]
#[command(
    name = "hanse",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Answer with JSON instead of tables.
    #[arg(long, global = true)]
    pub json: bool,
    /// The folder of the node.
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        default_value = "./hanse-data",
        env = "HANSE_DATA"
    )]
    pub data: PathBuf,
    /// The zone to talk to; the one remembered in the data folder when absent.
    #[arg(long, global = true, value_name = "URL", env = "HANSE_URL")]
    pub url: Option<String>,
    /// The token to talk with; one for the remembered key when absent. Prefer the variable: other users see flags.
    #[arg(
        long,
        global = true,
        value_name = "TOKEN",
        env = "HANSE_TOKEN",
        hide_env_values = true
    )]
    pub token: Option<String>,
}

impl Global {
    /// The folder of the node.
    pub fn data(&self) -> DataDir {
        DataDir::new(&self.data)
    }

    /// How to answer.
    pub fn output(&self) -> Output {
        Output::new(self.json)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prepare a data folder: keys and the manifest of a zone.
    Init(init::Init),
    /// Run the node of the data folder until it is told to stop.
    Up(up::Up),
    /// Walk through forming a company on a zone of its own: one formed, one blocked, one to review.
    Demo(demo::Demo),
    /// Check whether this machine and data folder can carry a node, and say what to do.
    Doctor(doctor::Doctor),
    /// Show the running zone, and check, lock, test and compare the files a zone is made of.
    #[command(subcommand)]
    Zone(zone::Zone),
    /// Apply for companies, review, approve, judge and dissolve them.
    #[command(subcommand)]
    Entity(entity::Entity),
    /// Screen a name on the lists in force; the zone journals the inquiry, sealed.
    Screen(screen::Screen),
    /// See the hits that wait for a person, and decide on them.
    #[command(subcommand)]
    Review(review::Review),
    /// See the sanctions lists in force, and import a newer version of one.
    #[command(subcommand)]
    Sanctions(sanctions::Sanctions),
    /// See, verify and revoke what the zone certified.
    #[command(subcommand)]
    Credential(credential::Credential),
    /// See what people must be told, and take note of it.
    #[command(subcommand)]
    Notification(notification::Notification),
    /// See and change who may act in the zone.
    #[command(subcommand)]
    Principal(principal::Principal),
    /// Redeem, issue, list and revoke tokens.
    #[command(subcommand)]
    Token(token::Token),
    /// Give people accounts of the messenger, and take them back.
    #[command(subcommand)]
    User(user::User),
    /// See what the messenger is doing: sessions, queues, domains, lag, rooms.
    #[command(subcommand)]
    Iris(iris::Iris),
    /// Breathe with a pacer that listens to heart beats, assess a recording, replay a session.
    Breathe(breathe::Breathe),
    /// Check an evidence bundle, an audit export, a credential or a checkpoint, offline.
    Verify(verify::Verify),
    /// Check, copy and repair the journal of a data folder.
    #[command(subcommand)]
    Journal(journal::JournalCommand),
    /// Copy the journal to a file, while the node runs or not. Keys are not in it: keep them elsewhere.
    Backup(backup::Backup),
    /// Bring a backup into a data folder that has no journal.
    Restore(backup::Restore),
}

/// How a command ended when it did not do what was asked.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    message: String,
    problem: Option<Box<ProblemBody>>,
}

/// Why a command ended; the number is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The zone refused, or something did not verify.
    Refused = 1,
    /// The command was used wrongly.
    Usage = 2,
    /// A file, a port or the network does not allow it.
    Environment = 3,
}

impl Failure {
    /// The zone refused, or something did not verify.
    pub fn refused(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Refused,
            message: message.into(),
            problem: None,
        }
    }

    /// The command was used wrongly.
    pub fn usage(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            message: message.into(),
            problem: None,
        }
    }

    /// The environment does not allow it.
    pub fn environment(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Environment,
            message: message.into(),
            problem: None,
        }
    }

    /// The environment does not allow it, with the error and its sources.
    pub fn from_error(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::environment(platform::declined::Chain(error).to_string())
    }

    /// The zone answered with a problem.
    pub fn problem(problem: ProblemBody) -> Self {
        let message = format!("{}: {}", problem.title, problem.detail);
        Self {
            exit: Exit::Refused,
            message,
            problem: Some(Box::new(problem)),
        }
    }

    /// Why.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// For people.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the zone said, if it was the zone.
    pub fn zone_problem(&self) -> Option<&ProblemBody> {
        self.problem.as_deref()
    }
}

/// The whole command line: the node's own commands, and those of the institutions.
fn command_line() -> clap::Command {
    let tools = institutions::tools().map(|tool| (tool.command)());
    Cli::command().subcommands(tools)
}

/// Parses the arguments, runs the command, and says how it went.
pub fn run() -> ExitCode {
    let matches = match command_line().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => return unparsed(&error),
    };
    let global = match Global::from_arg_matches(&matches) {
        Ok(global) => global,
        Err(error) => return unparsed(&error),
    };
    let (name, arguments) = matches.subcommand().unwrap_or(("", &matches));
    let tool = institutions::tools().find(|tool| (tool.command)().get_name() == name);
    let done = match tool {
        Some(tool) => (tool.run)(arguments, &global),
        None => match Cli::from_arg_matches(&matches) {
            Ok(cli) => run_own(cli.command, &global),
            Err(error) => return unparsed(&error),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            global.output().failure(&failure);
            ExitCode::from(failure.exit as u8)
        }
    }
}

/// Says what is wrong with the arguments, or gives the help that they ask for.
fn unparsed(error: &clap::Error) -> ExitCode {
    let code = if error.use_stderr() {
        ExitCode::from(Exit::Usage as u8)
    } else {
        ExitCode::SUCCESS
    };
    // Nothing is left to be told when even this cannot be printed.
    error
        .print()
        .map_or(ExitCode::from(Exit::Environment as u8), |()| code)
}

fn run_own(command: Command, global: &Global) -> Result<(), Failure> {
    match command {
        Command::Init(init) => init.run(global),
        Command::Doctor(doctor) => doctor.run(global),
        Command::Demo(demo) => demo.run(global),
        Command::Up(up) => up.run(global),
        Command::User(user) => user.run(global),
        Command::Iris(iris) => iris.run(global),
        Command::Zone(zone) => zone.run(global),
        Command::Entity(entity) => entity.run(global),
        Command::Screen(screen) => screen.run(global),
        Command::Review(review) => review.run(global),
        Command::Sanctions(sanctions) => sanctions.run(global),
        Command::Credential(credential) => credential.run(global),
        Command::Notification(notification) => notification.run(global),
        Command::Principal(principal) => principal.run(global),
        Command::Token(token) => token.run(global),
        Command::Breathe(breathe) => breathe.run(global),
        Command::Verify(verify) => verify.run(global),
        Command::Journal(journal) => journal.run(global),
        Command::Backup(backup) => backup.run(global),
        Command::Restore(restore) => restore.run(global),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_help_and_takes_json() {
        command_line().debug_assert();
        fn visit(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            command
                .get_subcommands()
                .filter(|sub| sub.get_name() != "help")
                .for_each(visit);
        }
        visit(&command_line());
        let parsed = Cli::try_parse_from(["hanse", "token", "list", "--json"]).unwrap();
        assert!(parsed.global.json);
    }
}
