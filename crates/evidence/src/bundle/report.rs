//! What was checked, one line for each claim.

use std::fmt;

use serde::Serialize;
use serde::Serializer;
use thiserror::Error;

use crate::canonical::CanonicalError;
use crate::checkpoint::CheckpointError;
use crate::credential::Refusal;
use crate::digest::Digest;
use crate::event::ChainError;
use crate::merkle::ProofError;
use crate::note::NoteError;

/// A claim of the bundle and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// What the bundle claims.
    pub claim: Claim,
    /// What became of it.
    pub outcome: Outcome,
}

/// What a bundle claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The zone and its log signed the whole file.
    Sealed,
    /// The zone is the one that is meant.
    Zone,
    /// The log's key is the one that is meant.
    LogKey,
    /// The log signed the checkpoint.
    Checkpoint {
        /// Leaves in the log.
        size: Option<u64>,
    },
    /// The event is in the log.
    InLog {
        /// Its index.
        index: u64,
    },
    /// The payload is the one that the event commits to.
    Payload {
        /// The event's index.
        index: u64,
    },
    /// The events of a stream follow each other.
    Chain {
        /// The stream.
        stream: String,
        /// Number of the first event that was followed.
        first: u64,
        /// Number of the last.
        last: u64,
    },
    /// A status list is proven.
    StatusList {
        /// Its place in the bundle, from 0.
        number: usize,
    },
    /// A credential is proven, and valid at the time of judgement.
    Credential {
        /// Its place in the bundle, from 0.
        number: usize,
        /// Its `id`, if it verified and has one.
        id: Option<String>,
    },
    /// The pack was applied.
    Pack {
        /// Its name.
        name: String,
        /// Its digest.
        digest: Digest,
    },
}

/// What became of a claim.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It is shown.
    Holds,
    /// It is consistent, but rests on this key or identifier, which the reader must compare with
    /// one from elsewhere.
    Compare {
        /// The key or identifier.
        found: String,
    },
    /// Nothing but the zone's word stands for it.
    WordOnly,
    /// There is nothing to check it on.
    Withheld,
    /// It does not hold.
    Fails(Failure),
}

/// Why a claim does not hold.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Failure {
    /// The seal is missing a signature, or does not match.
    #[error("seal is refused: {0}")]
    Seal(NoteError),
    /// The seal is of another bundle, or has signatures besides those of the zone and its log.
    #[error("seal does not belong to this bundle")]
    ForeignSeal,
    /// Another key or identifier was expected.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What the reader trusts.
        expected: String,
        /// What the bundle names.
        found: String,
    },
    /// The checkpoint is refused.
    #[error("checkpoint is refused: {0}")]
    Checkpoint(CheckpointError),
    /// There is no checkpoint to check against.
    #[error("no checkpoint to check against")]
    NoCheckpoint,
    /// The inclusion proof is refused.
    #[error("inclusion proof is refused: {0}")]
    Inclusion(ProofError),
    /// Events do not follow each other.
    #[error("{0}")]
    Chain(ChainError),
    /// The payload has another digest than the event says.
    #[error("payload has digest {found}, the event says {expected}")]
    PayloadDigest {
        /// What the event commits to.
        expected: Digest,
        /// What the payload has.
        found: Digest,
    },
    /// The payload has no canonical form.
    #[error("payload is refused: {0}")]
    Payload(CanonicalError),
    /// A credential is refused.
    #[error("{}", Causes(.0))]
    Credential(Refusal),
}

impl Check {
    pub(super) fn new(claim: Claim, outcome: Outcome) -> Self {
        Self { claim, outcome }
    }

    /// False when the claim fails; a claim that must be compared or rests on a word does not fail.
    pub fn passes(&self) -> bool {
        !matches!(self.outcome, Outcome::Fails(_))
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sealed => write!(f, "the zone and its log signed the whole bundle"),
            Self::Zone => write!(f, "the zone is the one that is meant"),
            Self::LogKey => write!(f, "the log is the one that is meant"),
            Self::Checkpoint { size: Some(size) } => {
                write!(f, "the log signed a checkpoint of {size} events")
            }
            Self::Checkpoint { size: None } => write!(f, "the log signed a checkpoint"),
            Self::InLog { index } => write!(f, "event {index} is in the log"),
            Self::Payload { index } => write!(f, "the payload is the one of event {index}"),
            Self::Chain {
                stream,
                first,
                last,
            } => {
                write!(
                    f,
                    "events {first} to {last} of stream {stream} follow each other"
                )
            }
            Self::StatusList { number } => write!(f, "status list {number} is proven"),
            Self::Credential { number, id: None } => write!(f, "credential {number} is valid"),
            Self::Credential {
                number,
                id: Some(id),
            } => {
                write!(f, "credential {number} ({id}) is valid")
            }
            Self::Pack { name, digest } => write!(f, "pack {name} ({digest}) was applied"),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Holds => write!(f, "holds"),
            Self::Compare { found } => write!(f, "compare with what you know: {found}"),
            Self::WordOnly => write!(f, "only the zone says so"),
            Self::Withheld => write!(f, "withheld"),
            Self::Fails(failure) => write!(f, "fails: {failure}"),
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.claim, self.outcome)
    }
}

impl Serialize for Claim {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An error with all its causes, in one line.
struct Causes<'a>(&'a dyn std::error::Error);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
