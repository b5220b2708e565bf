//! From SQLite's result codes to the journal's faults.

use journal::error::{EngineError, Fault};
use rusqlite::{ErrorCode, ffi};

/// The fault that a SQLite error stands for.
fn fault(error: &rusqlite::Error) -> Fault {
    let rusqlite::Error::SqliteFailure(code, _) = error else {
        return Fault::Corrupt;
    };
    match (code.code, code.extended_code) {
        (ErrorCode::DiskFull, _) => Fault::Full,
        (_, ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC) => Fault::Sync,
        (ErrorCode::SystemIoFailure | ErrorCode::CannotOpen | ErrorCode::ReadOnly, _) => Fault::Io,
        (ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase, _) => Fault::Corrupt,
        (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => Fault::Busy,
        _ => Fault::Misuse,
    }
}

/// Wraps an error with what was tried.
pub(crate) fn while_doing(action: &'static str) -> impl FnOnce(rusqlite::Error) -> EngineError {
    move |error| EngineError::from_source(action, fault(&error), error)
}

/// Wraps an error of COMMIT: any I/O failure there leaves it unknown what is durable.
pub(crate) fn while_committing(error: rusqlite::Error) -> EngineError {
    let fault = match fault(&error) {
        Fault::Io => Fault::Sync,
        other => other,
    };
    EngineError::from_source("commit", fault, error)
}
