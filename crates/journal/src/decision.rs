//! Decisions that the writer makes. Where everybody touches the same state (a register's next number, an account, a
//! limit's counter), a transaction carries the question instead of its answer: it is decided at its turn, on what all
//! transactions before it left, so it cannot conflict.
//!
//! A decision is a rule by its registered name ([`Projection::decide`](crate::Projection::decide)), with serialised parameters and declared keys, so that any engine and any elected
//! writer can run it. It accepts, refuses, or fills in prepared events; it signs nothing and reads nothing that it did not
//! declare.

use serde::{Deserialize, Serialize};

use crate::{bytes_text, error::ReadError, transaction::Record};

/// A question for the writer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriterDecision {
    /// The rule, by its registered name.
    pub rule: String,
    /// Parameters of the rule.
    #[serde(with = "bytes_text")]
    pub parameters: Vec<u8>,
    /// The records it reads, as kind and id.
    pub keys: Vec<(String, String)>,
}

/// Why the writer does not decide in favour of a transaction.
#[derive(Debug, thiserror::Error)]
pub enum WriterRefusal {
    /// No rule has this name.
    #[error("no rule is called {rule}")]
    UnknownRule {
        /// The name.
        rule: String,
    },
    /// The rule read a record that the decision does not declare.
    #[error("{kind}/{id} is not among the declared keys")]
    Undeclared {
        /// Kind.
        kind: String,
        /// Id.
        id: String,
    },
    /// Parameters, a record or a prepared event are not what the rule takes.
    #[error("{what} is not what the rule takes")]
    Malformed {
        /// What.
        what: &'static str,
    },
    /// The rule refuses.
    #[error("{code}: {detail}")]
    Refused {
        /// Stable, for programs.
        code: &'static str,
        /// For people.
        detail: String,
    },
    /// A record could not be read.
    #[error("a record could not be read")]
    Read(#[source] Box<ReadError>),
}

impl From<ReadError> for WriterRefusal {
    fn from(error: ReadError) -> Self {
        Self::Read(Box::new(error))
    }
}

/// What a rule decides on: the declared records, as all transactions before left them.
pub trait Declared {
    /// A declared record, or nothing.
    ///
    /// # Errors
    /// It is not declared, or cannot be read.
    fn get(&self, kind: &str, id: &str) -> Result<Option<Record>, WriterRefusal>;
}
