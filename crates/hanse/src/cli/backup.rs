//! `hanse backup` and `hanse restore`: one consistent file, made while the node writes.

use std::path::{Path, PathBuf};

use clap::Args;
use journal_sqlite::BackupError;
use serde_json::json;

use super::init::create_private_dir;
use super::output::progress;
use super::{Failure, Global};

/// Copy the journal to a file, while the node runs or not. Keys are not in it: keep them elsewhere.
#[derive(Debug, Args)]
pub struct Backup {
    /// The file to make; it must not exist.
    file: PathBuf,
}

/// Bring a backup into a data folder that has no journal.
#[derive(Debug, Args)]
pub struct Restore {
    /// The backup.
    file: PathBuf,
}

impl Backup {
    /// Does it.
    ///
    /// # Errors
    /// There is no journal, the file exists, or the disk refuses.
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        let journal = global.data().journal();
        require(&journal)?;
        copy("backup", |step| {
            journal_sqlite::backup(&journal, &self.file, step)
        })?;
        global
            .output()
            .object(&json!({ "backup": self.file, "bytes": size(&self.file)? }));
        global
            .output()
            .say("Check it: hanse journal fsck --file FILE. The keys are not in it.");
        Ok(())
    }
}

impl Restore {
    /// Does it.
    ///
    /// # Errors
    /// There is a journal already, the backup is none, or the disk refuses.
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        require(&self.file)?;
        let data = global.data();
        create_private_dir(data.path())?;
        let journal = data.journal();
        copy("restore", |step| {
            journal_sqlite::restore(&self.file, &journal, step)
        })?;
        global
            .output()
            .object(&json!({ "journal": journal, "bytes": size(&journal)? }));
        global
            .output()
            .say("Next: hanse journal fsck, then hanse up.");
        Ok(())
    }
}

fn require(path: &Path) -> Result<(), Failure> {
    if path.is_file() {
        return Ok(());
    }
    Err(Failure::environment(format!(
        "{} does not exist",
        path.display()
    )))
}

fn size(path: &Path) -> Result<u64, Failure> {
    std::fs::metadata(path)
        .map(|meta| meta.len())
        .map_err(|error| Failure::from_error(&error))
}

fn copy(
    what: &'static str,
    run: impl FnOnce(&mut dyn FnMut(u64, u64)) -> Result<(), BackupError>,
) -> Result<(), Failure> {
    let bar = progress(0, what);
    let copied = run(&mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    copied.map_err(|error| match error {
        BackupError::TargetExists { .. } => Failure::refused(error.to_string()),
        other => Failure::from_error(&other),
    })
}
