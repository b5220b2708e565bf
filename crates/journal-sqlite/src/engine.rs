//! Opening: files, locks, connections.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use journal::{
    engine::{Engine, Read, Snapshots, Write},
    error::{EngineError, Fault},
};
use rusqlite::{Connection, OpenFlags};

use crate::{
    checkpointer::{self, Checkpointer},
    error::while_doing,
    schema,
    session::{Pool, Session},
};

/// How long the writer waits for readers when it empties the WAL.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements kept per connection.
const STATEMENTS_MAX: usize = 128;

/// A journal file, open for writing.
pub struct SqliteEngine {
    writer: Connection,
    checkpointer: Checkpointer,
    snapshots: Arc<SqliteSnapshots>,
    // Held for its lock.
    _lock: File,
}

/// Opens snapshots of a journal file, beside a writer or alone.
pub struct SqliteSnapshots {
    path: PathBuf,
    pool: Pool,
}

impl SqliteEngine {
    /// Opens the file for writing; creates it and its schema when it does not exist.
    ///
    /// # Errors
    /// Another process writes the file, it is no journal, or it cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, EngineError> {
        let path = path.as_ref();
        let lock = lock(path)?;
        let created = !path.exists();
        let writer = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE
                | OpenFlags::SQLITE_OPEN_CREATE
                | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(while_doing("open the database"))?;
        configure(&writer)?;
        let mode: String = writer
            .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
            .map_err(while_doing("switch to WAL mode"))?;
        if mode != "wal" {
            return Err(EngineError::new("switch to WAL mode", Fault::Misuse));
        }
        writer
            .pragma_update(None, "wal_autocheckpoint", checkpointer::PAGES_MAX)
            .map_err(while_doing("set wal_autocheckpoint"))?;
        schema::migrate(&writer)?;
        if created {
            sync_directory_of(path)?;
        }
        let snapshots = Arc::new(SqliteSnapshots {
            path: path.to_owned(),
            pool: Pool::default(),
        });
        let checkpointer = Checkpointer::start(connect(path)?).map_err(|error| {
            EngineError::from_source("start the checkpointer", Fault::Misuse, error)
        })?;
        Ok(Self {
            writer,
            checkpointer,
            snapshots,
            _lock: lock,
        })
    }
}

impl SqliteSnapshots {
    /// Opens an existing file for reading alone, such as a backup.
    ///
    /// # Errors
    /// The file does not exist, is no journal, or cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, EngineError> {
        let snapshots = Self {
            path: path.as_ref().to_owned(),
            pool: Mutex::default(),
        };
        schema::require_journal(&snapshots.connect()?)?;
        Ok(snapshots)
    }

    fn connect(&self) -> Result<Connection, EngineError> {
        let reader = connect(&self.path)?;
        reader
            .pragma_update(None, "query_only", true)
            .map_err(while_doing("set query_only"))?;
        Ok(reader)
    }
}

impl Engine for SqliteEngine {
    fn begin(&mut self) -> Result<Box<dyn Write + '_>, EngineError> {
        Ok(Box::new(Session::write(&self.writer, &self.checkpointer)?))
    }

    fn snapshots(&self) -> Arc<dyn Snapshots> {
        self.snapshots.clone()
    }

    fn erase(&mut self) -> Result<(), EngineError> {
        let _paused = self.checkpointer.pause();
        let busy: bool = self
            .writer
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(while_doing("empty the WAL"))?;
        if busy {
            Err(EngineError::new("empty the WAL", Fault::Busy))
        } else {
            Ok(())
        }
    }
}

impl Snapshots for SqliteSnapshots {
    fn snapshot(&self) -> Result<Box<dyn Read + '_>, EngineError> {
        let idle = self
            .pool
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect()?,
        };
        Ok(Box::new(Session::read(connection, &self.pool)?))
    }
}

fn lock(path: &Path) -> Result<File, EngineError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(PathBuf::from(name))
        .map_err(|error| EngineError::from_source("open the lock file", Fault::Io, error))?;
    file.try_lock()
        .map_err(|error| EngineError::from_source("lock the database", Fault::Busy, error))?;
    Ok(file)
}

fn sync_directory_of(path: &Path) -> Result<(), EngineError> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))
        .and_then(|directory| directory.sync_all())
        .map_err(|error| EngineError::from_source("sync the directory", Fault::Sync, error))
}

/// One more connection to an existing file.
fn connect(path: &Path) -> Result<Connection, EngineError> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(while_doing("open the database once more"))?;
    configure(&connection)?;
    Ok(connection)
}

/// Settings of every connection; SQLite forgets them when it closes.
fn configure(db: &Connection) -> Result<(), EngineError> {
    let set = || -> rusqlite::Result<i64> {
        db.busy_timeout(BUSY_TIMEOUT)?;
        db.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        db.pragma_update(None, "synchronous", "FULL")?;
        db.pragma_update(None, "foreign_keys", true)?;
        db.pragma_update(None, "secure_delete", true)?;
        db.pragma_update(None, "temp_store", "MEMORY")?;
        db.pragma_update(None, "trusted_schema", false)?;
        db.pragma_update(None, "cell_size_check", true)?;
        db.pragma_query_value(None, "synchronous", |row| row.get(0))
    };
    match set().map_err(while_doing("configure the connection"))? {
        2 => Ok(()),
        _ => Err(EngineError::new("set synchronous=FULL", Fault::Misuse)),
    }
}
