//! Migrations: forward only, one transaction each, numbered by `user_version`. An applied file is
//! never edited.

use journal::error::{EngineError, Fault};
use rusqlite::Connection;

use crate::error::while_doing;

/// The steps from an empty file; step n brings `user_version` to n + 1.
const MIGRATIONS: &[&str] = &[include_str!("../migrations/0001_journal.sql")];

/// Marks the file as ours in its header, so that no other SQLite database is opened by mistake:
/// the bytes of "Hans".
const APPLICATION_ID: i32 = 0x4861_6e73;

#[derive(Debug, thiserror::Error)]
enum SchemaError {
    #[error("database has application id {found:#x}, it is not a journal")]
    Foreign { found: i32 },
    #[error("database is empty")]
    Empty,
    #[error("database has schema {found}, this program knows up to {known}")]
    Newer { found: usize, known: usize },
}

fn pragma<T: rusqlite::types::FromSql>(db: &Connection, name: &str) -> Result<T, EngineError> {
    db.pragma_query_value(None, name, |row| row.get(0))
        .map_err(while_doing("read a pragma"))
}

/// Brings the schema to the newest version.
pub(crate) fn migrate(db: &Connection) -> Result<(), EngineError> {
    let found = version(db)?;
    if found > MIGRATIONS.len() {
        let error = SchemaError::Newer {
            found,
            known: MIGRATIONS.len(),
        };
        return Err(EngineError::from_source("migrate", Fault::Misuse, error));
    }
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(found) {
        let version = step + 1;
        db.execute_batch(&format!(
            "BEGIN IMMEDIATE;
             {sql}
             PRAGMA application_id = {APPLICATION_ID};
             PRAGMA user_version = {version};
             COMMIT;"
        ))
        .map_err(while_doing("migrate"))?;
    }
    Ok(())
}

/// The schema version of a journal file; 0 for an empty file.
pub(crate) fn version(db: &Connection) -> Result<usize, EngineError> {
    let version: usize = pragma::<u32>(db, "user_version")? as usize;
    let application: i32 = pragma(db, "application_id")?;
    let objects: i64 = db
        .query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(while_doing("read the schema"))?;
    let empty = version == 0 && objects == 0;
    if !empty && application != APPLICATION_ID {
        let error = SchemaError::Foreign { found: application };
        return Err(EngineError::from_source(
            "recognise the database",
            Fault::Misuse,
            error,
        ));
    }
    Ok(version)
}

/// Refuses a file that is no journal of a version this program knows.
pub(crate) fn require_journal(db: &Connection) -> Result<(), EngineError> {
    let refuse = |error| {
        Err(EngineError::from_source(
            "recognise the database",
            Fault::Misuse,
            error,
        ))
    };
    match version(db)? {
        0 => refuse(SchemaError::Empty),
        found if found > MIGRATIONS.len() => refuse(SchemaError::Newer {
            found,
            known: MIGRATIONS.len(),
        }),
        _ => Ok(()),
    }
}
