//! `hanse verify`: what a file proves, without a network and without trust in the node.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::Args;
use evidence::canonical;
use evidence::did::DidKey;
use evidence::note::NoteVerifier;
use evidence::time;
use jiff::Timestamp;
use serde_json::Value;

use super::output::{Output, line};
use super::{Failure, Global};
use crate::bundles::judge::{Judgement, Kind, Known, Mark, judge};
use platform::clock::Clock;

/// Bytes read at once.
const BUFFER_BYTES: usize = 1 << 16;

/// Check an evidence bundle, an audit export, a credential or a checkpoint, offline.
#[derive(Debug, Args)]
pub struct Verify {
    /// The file.
    file: PathBuf,
    /// The zone's key as you know it from another source.
    #[arg(long, value_name = "DID")]
    key: Option<DidKey>,
    /// The verifier key of the zone's log as you know it from another source.
    #[arg(long, value_name = "VKEY")]
    log_key: Option<NoteVerifier>,
    /// The instant to judge for, such as 2026-01-15T12:00:00Z; the present when absent.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    as_of: Option<Timestamp>,
    /// A status list credential, for a credential that can be revoked. May be given more than once.
    #[arg(long, value_name = "FILE")]
    status_list: Vec<PathBuf>,
}

fn instant(text: &str) -> Result<Timestamp, time::TimestampNotCanonical> {
    time::parse(text)
}

impl Verify {
    /// Does it.
    ///
    /// # Errors
    /// The file does not verify, or cannot be read.
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        let status_lists = self.status_list.iter().map(|path| read_json(path));
        let known = Known {
            zone: self.key,
            log: self.log_key.clone(),
            as_of: self.as_of.map_or_else(now, Ok)?,
            status_lists: status_lists.collect::<Result<_, _>>()?,
        };
        let file = File::open(&self.file).map_err(|error| unreadable(&self.file, &error))?;
        let judgement = judge(BufReader::with_capacity(BUFFER_BYTES, file), &known);
        print(global.output(), &judgement);
        match judgement.verified {
            true => Ok(()),
            false => Err(Failure::refused(format!(
                "{} does not verify",
                self.file.display()
            ))),
        }
    }
}

fn now() -> Result<Timestamp, Failure> {
    Timestamp::from_millisecond(Clock::system().now_ms())
        .map_err(|error| Failure::from_error(&error))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::environment(format!("{} cannot be read: {error}", path.display()))
}

fn read_json(path: &Path) -> Result<Value, Failure> {
    let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
    canonical::parse(&bytes).map_err(|error| {
        Failure::refused(format!("{} is not strict JSON: {error}", path.display()))
    })
}

fn print(output: Output, judgement: &Judgement) {
    if output.is_json() {
        let value = serde_json::to_value(judgement).expect("a judgement has string keys");
        return output.object(&value);
    }
    line(&format!("{}:", name(judgement.kind)));
    for check in &judgement.checks {
        let mark = match check.mark {
            Mark::Holds => '✓',
            Mark::Compare | Mark::WordOnly => '?',
            Mark::Withheld => '–',
            Mark::Fails => '✗',
        };
        let detail = check.detail.as_ref().map(|detail| format!(": {detail}"));
        line(&format!(
            "  {mark} {}{}",
            check.what,
            detail.unwrap_or_default()
        ));
    }
    for compare in &judgement.compare {
        line(&format!("  ! {compare}"));
    }
    line(match (judgement.verified, judgement.compare.is_empty()) {
        (true, true) => "verified",
        (true, false) => "verified, on the conditions above",
        (false, _) => "NOT verified",
    });
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Bundle => "evidence bundle",
        Kind::AuditExport => "audit export",
        Kind::Credential => "credential",
        Kind::Checkpoint => "checkpoint",
        Kind::Unknown => "unknown file",
    }
}
