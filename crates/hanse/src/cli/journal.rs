//! `hanse journal`: the journal of a data folder, without a running zone.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, Subcommand};
use evidence::checkpoint::Checkpoint;
use evidence::note::NoteVerifier;
use journal::engine::Snapshots as _;
use journal::error::{EngineError, Fault};
use journal::{
    DumpDirectory, Journal, Limits, LogIndex, OpenError, Options, ReadError, RebuildMode, Snapshot,
    archive, fsck,
};
use journal_sqlite::{SqliteEngine, SqliteSnapshots};
use serde_json::{Value, json};

use super::backup::{Backup, Restore};
use super::init::{PassphraseArgs, check_manifest};
use super::output::progress;
use super::{Failure, Global};
use crate::institutions::NodeProjection;
use crate::keystore::KeyStore;
use platform::outside::system_entropy;

/// Check, copy and repair the journal of a data folder.
#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// Copy the journal to a file, while the node runs or not.
    Backup(Backup),
    /// Write the published bytes as one archive, a line each. Keys are not in it; sealed content stays sealed.
    Export(Export),
    /// Make every chain, tree and root again from the stored bytes, and name each record that differs.
    Fsck(Fsck),
    /// Show size and root of the log and its newest checkpoint.
    Head(Head),
    /// Make the read models again from the events, and compare. The node must not run.
    Rebuild(Rebuild),
    /// Bring emergency dumps into the log, once. The node must not run.
    Recover(Recover),
    /// Bring a backup into a data folder that has no journal.
    Restore(Restore),
}

impl JournalCommand {
    /// Does it.
    ///
    /// # Errors
    /// Something is found, or the environment refuses.
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        match self {
            Self::Backup(backup) => backup.run(global),
            Self::Export(export) => export.run(global),
            Self::Fsck(fsck) => fsck.run(global),
            Self::Head(head) => head.run(global),
            Self::Rebuild(rebuild) => rebuild.run(global),
            Self::Recover(recover) => recover.run(global),
            Self::Restore(restore) => restore.run(global),
        }
    }
}

/// The file, and the key that signed its checkpoints.
#[derive(Debug, Args)]
struct Signed {
    /// A journal file, such as a backup; the one of the data folder when absent.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// The verifier key of the log; the one of the data folder when absent.
    #[arg(long, value_name = "VKEY")]
    log_key: Option<NoteVerifier>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

impl Signed {
    fn path(&self, global: &Global) -> PathBuf {
        self.file.clone().unwrap_or_else(|| global.data().journal())
    }

    fn verifier(&self, global: &Global) -> Result<NoteVerifier, Failure> {
        if let Some(key) = &self.log_key {
            return Ok(key.clone());
        }
        let keys = open_keys(global, &self.passphrase)?;
        NoteVerifier::new(&origin(global)?, keys.log_key().verifying_key())
            .map_err(|error| Failure::from_error(&error))
    }
}

/// Make every chain, tree and root again from the stored bytes, and name each record that differs.
#[derive(Debug, Args)]
pub struct Fsck {
    #[command(flatten)]
    signed: Signed,
    /// A checkpoint kept elsewhere, which the log must contain. Only this shows that the end of the log was cut off
    /// together with its checkpoints.
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// Check an archive instead of a journal file.
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    archive: Option<PathBuf>,
}

impl Fsck {
    fn run(&self, global: &Global) -> Result<(), Failure> {
        let verifier = self.signed.verifier(global)?;
        let expected = self.expect.as_ref().map(|path| {
            let note = fs::read_to_string(path).map_err(|error| Failure::from_error(&error))?;
            Checkpoint::open(&note, &verifier).map_err(|error| {
                Failure::refused(format!(
                    "{} is no checkpoint of this log: {error}",
                    path.display()
                ))
            })
        });
        let expected = expected.transpose()?;
        let (report, unopened) = match &self.archive {
            Some(archive) => (
                check_archive(archive, &verifier, expected.as_ref())?,
                Vec::new(),
            ),
            None => self.check_file(global, &verifier, expected.as_ref())?,
        };
        show(global, &report, &unopened);
        match report.findings.len() + unopened.len() {
            0 => Ok(()),
            count => Err(Failure::refused(format!(
                "the journal has {count} findings"
            ))),
        }
    }

    /// What the bytes say and, where the data folder has the key, what does not open with it.
    fn check_file(
        &self,
        global: &Global,
        verifier: &NoteVerifier,
        expected: Option<&Checkpoint>,
    ) -> Result<(fsck::Report, Vec<String>), Failure> {
        let snapshots = SqliteSnapshots::open(self.signed.path(global)).map_err(engine)?;
        let rows = snapshots.snapshot().map_err(engine)?;
        let bar = progress(rows.size().map_err(engine)?, "fsck");
        let source = fsck::Rows(&*rows);
        let report = fsck::check(&source, verifier, expected, |events, _| {
            bar.set_position(events)
        });
        bar.finish_and_clear();
        let keys = self
            .signed
            .log_key
            .is_none()
            .then(|| open_keys(global, &self.signed.passphrase));
        let Some(keys) = keys.transpose()? else {
            return Ok((report, Vec::new()));
        };
        let vault_key = keys.vault_key();
        let snapshot = Snapshot::new(rows, &vault_key);
        let snapshot = snapshot.map_err(|error| Failure::from_error(&error))?;
        Ok((report, unopened(&snapshot)?))
    }
}

fn check_archive(
    path: &Path,
    verifier: &NoteVerifier,
    expected: Option<&Checkpoint>,
) -> Result<fsck::Report, Failure> {
    let file = File::open(path).map_err(|error| Failure::from_error(&error))?;
    archive::check(BufReader::new(file), verifier, expected, |_, _| {})
        .map_err(|error| Failure::from_error(&error))
}

/// Sealed content and keys that do not open. Digests cannot tell: they are of the ciphertext.
fn unopened(snapshot: &Snapshot<'_>) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    let size = snapshot
        .size()
        .map_err(|error| Failure::from_error(&error))?;
    for index in 0..size {
        match snapshot.event(LogIndex(index)) {
            Ok(_) => {}
            Err(error @ (ReadError::CorruptKey { .. } | ReadError::CorruptEvent { .. })) => {
                found.push(format!("event {index}: {error}"));
            }
            Err(error) => return Err(Failure::from_error(&error)),
        }
    }
    Ok(found)
}

fn show(global: &Global, report: &fsck::Report, unopened: &[String]) {
    let found = report.findings.iter().map(ToString::to_string);
    let findings: Vec<String> = found.chain(unopened.iter().cloned()).collect();
    let root = data_encoding::HEXLOWER.encode(&report.root);
    if global.json {
        return global.output().object(&json!({
            "events": report.events, "streams": report.streams, "checkpoints": report.checkpoints,
            "root": root, "findings": findings,
        }));
    }
    global.output().say(&format!(
        "{} events in {} streams, {} checkpoints, root {root}",
        report.events, report.streams, report.checkpoints
    ));
    for finding in &findings {
        global.output().say(&format!("  ✗ {finding}"));
    }
    if findings.is_empty() {
        global
            .output()
            .say("  ✓ every chain, tree and root verifies");
    }
}

/// Write the published bytes as one archive, a line each. Keys are not in it; sealed content stays sealed.
#[derive(Debug, Args)]
pub struct Export {
    /// The file to make; it must not exist.
    archive: PathBuf,
    /// A journal file, such as a backup; the one of the data folder when absent.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl Export {
    fn run(&self, global: &Global) -> Result<(), Failure> {
        let source = self.file.clone().unwrap_or_else(|| global.data().journal());
        let snapshots = SqliteSnapshots::open(source).map_err(engine)?;
        let rows = snapshots.snapshot().map_err(engine)?;
        let events = rows.size().map_err(engine)?;
        let mut out = File::create_new(&self.archive).map_err(|error| {
            Failure::refused(format!(
                "{} cannot be made: {error}",
                self.archive.display()
            ))
        })?;
        let bar = progress(events, "export");
        let written = archive::export(&*rows, &origin(global)?, &mut out, |done, _| {
            bar.set_position(done);
        });
        bar.finish_and_clear();
        written.map_err(|error| Failure::from_error(&error))?;
        out.sync_all()
            .map_err(|error| Failure::from_error(&error))?;
        global
            .output()
            .object(&json!({ "archive": self.archive, "events": events }));
        Ok(())
    }
}

/// Show size and root of the log and its newest checkpoint.
#[derive(Debug, Args)]
pub struct Head {
    #[command(flatten)]
    signed: Signed,
}

impl Head {
    fn run(&self, global: &Global) -> Result<(), Failure> {
        let verifier = self.signed.verifier(global)?;
        let snapshots = SqliteSnapshots::open(self.signed.path(global)).map_err(engine)?;
        let rows = snapshots.snapshot().map_err(engine)?;
        let Some(newest) = rows.checkpoint_newest().map_err(engine)? else {
            global.output().say("The log is empty.");
            return Ok(());
        };
        let opened = Checkpoint::open(&newest.note, &verifier).map_err(|error| {
            Failure::refused(format!(
                "the newest checkpoint is not signed by the log: {error}"
            ))
        })?;
        global.output().object(&json!({
            "origin": opened.origin, "size": opened.size,
            "root": data_encoding::HEXLOWER.encode(&opened.root), "log_key": verifier.to_string(),
            "checkpoint": newest.note,
        }));
        Ok(())
    }
}

/// Make the read models again from the events, and compare. The node must not run.
#[derive(Debug, Args)]
pub struct Rebuild {
    /// Replace the stored read models with the rebuilt ones.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

impl Rebuild {
    fn run(&self, global: &Global) -> Result<(), Failure> {
        let journal = open(global, &self.passphrase)?;
        let mode = if self.replace {
            RebuildMode::Replace
        } else {
            RebuildMode::Check
        };
        let report = journal.rebuild(mode);
        journal.shutdown();
        let report = report.map_err(|error| Failure::from_error(&error))?;
        let differences: Vec<Value> = report.differences.iter().map(|difference| {
            json!({ "kind": difference.kind, "id": difference.id, "what": format!("{:?}", difference.what) })
        }).collect();
        global.output().object(&json!({
            "events": report.events, "events_of_erased_streams": report.shredded,
            "records": report.records, "differences": report.differences_count,
            "first_differences": differences, "replaced": self.replace,
        }));
        match report.differences_count {
            0 => Ok(()),
            _ if self.replace => Ok(()),
            count => Err(Failure::refused(format!(
                "{count} records are not what the events make of them; --replace puts that right"
            ))),
        }
    }
}

/// Bring emergency dumps into the log, once. The node must not run.
#[derive(Debug, Args)]
pub struct Recover {
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

impl Recover {
    fn run(&self, global: &Global) -> Result<(), Failure> {
        let journal = open(global, &self.passphrase)?;
        let recovery = journal.recover();
        journal.shutdown();
        let recovery = recovery.map_err(|error| Failure::from_error(&error))?;
        let refused: Vec<Value> = recovery.refused.iter().map(|item| {
            json!({ "dump": item.dump, "position": item.position, "refusal": item.refusal.to_string() })
        }).collect();
        global.output().object(&json!({
            "recovered": recovery.replayed, "present_already": recovery.present, "refused": refused,
        }));
        match recovery.refused.len() {
            0 => Ok(()),
            count => Err(Failure::refused(format!(
                "{count} transactions are refused by the present state; their dumps are kept"
            ))),
        }
    }
}

fn engine(error: EngineError) -> Failure {
    match error.fault {
        Fault::Busy => {
            Failure::environment("another process holds the journal; stop the node first")
        }
        _ => Failure::from_error(&error),
    }
}

fn open_keys(global: &Global, passphrase: &PassphraseArgs) -> Result<KeyStore, Failure> {
    KeyStore::open(&global.data().keys(), passphrase.read()?.as_ref())
        .map_err(|error| Failure::from_error(&error))
}

fn origin(global: &Global) -> Result<String, Failure> {
    let path = global.data().manifest();
    let bytes = fs::read(&path).map_err(|error| {
        Failure::environment(format!("{} cannot be read: {error}", path.display()))
    })?;
    Ok(check_manifest(&bytes)?.log_origin)
}

/// The journal of the data folder, for writing.
fn open(global: &Global, passphrase: &PassphraseArgs) -> Result<Journal, Failure> {
    let (data, keys) = (global.data(), open_keys(global, passphrase)?);
    if !data.journal().is_file() {
        return Err(Failure::environment(format!(
            "{} does not exist",
            data.journal().display()
        )));
    }
    let dumps = DumpDirectory::create(data.dumps()).map_err(|error| Failure::from_error(&error))?;
    let options = Options {
        origin: origin(global)?,
        log_key: keys.log_key(),
        node_key: keys.vault_key(),
        projection: Arc::new(NodeProjection),
        entropy: Box::new(system_entropy),
        dumps: Box::new(dumps),
        limits: Limits::STANDARD,
    };
    let engine_file = SqliteEngine::open(data.journal()).map_err(engine)?;
    Journal::open(Box::new(engine_file), options).map_err(|error| match error {
        OpenError::Engine(error) => engine(error),
        other => Failure::from_error(&other),
    })
}
