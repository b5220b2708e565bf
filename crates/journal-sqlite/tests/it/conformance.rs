//! The suite of every engine, on SQLite files.

use journal::{conformance::Subject, engine::Engine, error::EngineError};
use journal_sqlite::SqliteEngine;
use tempfile::TempDir;

struct File(TempDir);

impl Subject for File {
    fn open(&self) -> Result<Box<dyn Engine>, EngineError> {
        Ok(Box::new(SqliteEngine::open(
            self.0.path().join("journal.db"),
        )?))
    }
}

journal::conformance!(File(tempfile::tempdir().expect("a temporary directory")));
