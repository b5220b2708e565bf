//! Backup beside a running writer, and restore.
//!
//! Both write to a temporary name, sync, and rename, so that a crash leaves either no file or a
//! whole one.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use journal::error::EngineError;
use rusqlite::{Connection, OpenFlags, backup::Backup};

use crate::{error::while_doing, schema};

/// Pages copied between two looks at the writer.
const PAGES_PER_STEP: i32 = 1_024;

/// Why a file was not copied. The target does not exist then.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The target exists; nothing is ever overwritten.
    #[error("{} exists and is not overwritten", path.display())]
    TargetExists {
        /// The target.
        path: PathBuf,
    },
    /// The database could not be read or written.
    #[error("database could not be copied")]
    Engine(#[from] EngineError),
    /// The copy could not be made durable under its name.
    #[error("copy at {} could not be made durable", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Copies a journal file to `target` while it is written; the copy is one consistent state.
/// `progress` is told pages done and pages in total.
///
/// # Errors
/// The target exists, or the copy failed; no target is left then.
pub fn backup(
    source: impl AsRef<Path>,
    target: impl AsRef<Path>,
    progress: impl FnMut(u64, u64),
) -> Result<(), BackupError> {
    copy(source.as_ref(), target.as_ref(), progress)
}

/// Copies a backup to `target`, where no journal may exist.
///
/// # Errors
/// The target exists, the backup is no journal, or the copy failed; no target is left then.
pub fn restore(
    backup: impl AsRef<Path>,
    target: impl AsRef<Path>,
    progress: impl FnMut(u64, u64),
) -> Result<(), BackupError> {
    let target = target.as_ref();
    for suffix in ["-wal", "-shm"] {
        // SQLite would replay a stray log into the restored file.
        let path = with_suffix(target, suffix);
        if path.exists() {
            return Err(BackupError::TargetExists { path });
        }
    }
    copy(backup.as_ref(), target, progress)
}

fn copy(source: &Path, target: &Path, progress: impl FnMut(u64, u64)) -> Result<(), BackupError> {
    if target.exists() {
        return Err(BackupError::TargetExists {
            path: target.to_owned(),
        });
    }
    let partial = with_suffix(target, ".partial");
    let copied = copy_pages(source, &partial, progress)
        .map_err(BackupError::from)
        .and_then(|()| publish(&partial, target));
    if copied.is_err() && partial.exists() {
        fs::remove_file(&partial).map_err(|source| BackupError::File {
            path: partial.clone(),
            source,
        })?;
    }
    copied
}

fn copy_pages(
    source: &Path,
    partial: &Path,
    mut progress: impl FnMut(u64, u64),
) -> Result<(), EngineError> {
    let from = Connection::open_with_flags(
        source,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(while_doing("open the source"))?;
    from.busy_timeout(Duration::from_secs(5))
        .map_err(while_doing("set the timeout"))?;
    schema::require_journal(&from)?;
    // The snapshot keeps the copy from starting again whenever the writer commits.
    from.execute_batch("BEGIN; SELECT COUNT(*) FROM sqlite_schema;")
        .map_err(while_doing("take a snapshot of the source"))?;
    let mut to = Connection::open(partial).map_err(while_doing("create the copy"))?;
    to.execute_batch("PRAGMA synchronous = FULL")
        .map_err(while_doing("configure the copy"))?;
    let run = Backup::new(&from, &mut to).map_err(while_doing("start the copy"))?;
    loop {
        let step = run
            .step(PAGES_PER_STEP)
            .map_err(while_doing("copy pages"))?;
        let state = run.progress();
        let total = u64::try_from(state.pagecount).unwrap_or(0);
        let remaining = u64::try_from(state.remaining).unwrap_or(0);
        progress(total.saturating_sub(remaining), total);
        match step {
            rusqlite::backup::StepResult::Done => break,
            rusqlite::backup::StepResult::More => {}
            _ => {
                let busy = journal::error::Fault::Busy;
                return Err(EngineError::new("copy pages beside another process", busy));
            }
        }
    }
    drop(run);
    // The copy is one file: no WAL that could be left behind.
    to.pragma_update_and_check(None, "journal_mode", "delete", |row| {
        row.get::<_, String>(0)
    })
    .map_err(while_doing("fold the copy's log"))?;
    to.close()
        .map_err(|(_, error)| while_doing("close the copy")(error))
}

fn publish(partial: &Path, target: &Path) -> Result<(), BackupError> {
    let durable = || {
        File::open(partial)?.sync_all()?;
        // A hard link refuses an existing target, which a rename would replace.
        fs::hard_link(partial, target)?;
        fs::remove_file(partial)?;
        let parent = target
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    };
    durable().map_err(|source| BackupError::File {
        path: target.to_owned(),
        source,
    })
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
