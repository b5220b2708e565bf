//! From a publisher's bytes to a [`List`](super::List): all of it, or an error that says where.

use thiserror::Error;

pub mod ofac;
pub mod opensanctions;
pub mod un;

/// Why a file is not a list. A list is imported whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// No entry at all, which a publisher's list never is.
    #[error("the list has no entries")]
    Empty,
    /// More entries than the importer takes.
    #[error("the list has more than {max} entries")]
    TooManyEntries {
        /// The limit.
        max: usize,
    },
    /// The file is larger than the importer takes.
    #[error("{file} has {bytes} bytes, more than {max}")]
    TooLarge {
        /// Which file.
        file: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Two entries claim one identifier.
    #[error("entry `{id}` appears twice")]
    DuplicateId {
        /// The identifier.
        id: String,
    },
    /// An entry breaks a rule that only shows once it is complete.
    #[error("entry `{id}`: {field} {rule}")]
    Entry {
        /// Its identifier.
        id: String,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        rule: &'static str,
    },
    /// A row or line breaks a rule.
    #[error("{file} line {line}: {field} {rule}")]
    Row {
        /// Which file.
        file: &'static str,
        /// Counted from one.
        line: u64,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        rule: &'static str,
    },
    /// An XML document is not what it should be.
    #[error("byte {offset}: {rule}")]
    Xml {
        /// Where the parser stood.
        offset: u64,
        /// What is wrong.
        rule: &'static str,
    },
}

/// The largest file an importer takes: several times the largest list in use.
pub const FILE_BYTES_MAX: usize = 1 << 30;

fn check_size(file: &'static str, bytes: &[u8]) -> Result<(), ImportError> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(ImportError::TooLarge {
            file,
            bytes: bytes.len(),
            max: FILE_BYTES_MAX,
        });
    }
    Ok(())
}
