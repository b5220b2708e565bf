//! Evidence bundles: one JSON file that proves what a zone did, without asking the zone.
//!
//! ```text
//! format        "hanse/evidence-bundle/v1"
//! zone          did, log: who speaks, and the verifier key of its log
//! checkpoint    signed note: size and root of the log
//! events        header, index, inclusion proof, payload (json, base64 or withheld)
//! credentials   W3C credentials of or about the events
//! status_lists  status list credentials that they name
//! packs         name, version and digest of the law and lists that were applied
//! seal          signed note over the digest of all the rest, by the zone and by its log
//! ```
//!
//! Objects are closed: a member that is not named here is refused. The seal makes every byte count:
//! a changed byte is refused unless it is white space or another spelling of the same value
//! (property test in `tests/it/bundle.rs`). What the seal alone covers is only the zone's word, and
//! the report says so; everything else is shown by proofs.

mod report;
mod verify;
mod wire;

pub use report::Check;
pub use report::Claim;
pub use report::Failure;
pub use report::Outcome;
use serde_json::Value;
use thiserror::Error;
pub use verify::BundleError;
pub use verify::Trust;
pub use verify::Verified;
pub use verify::verify;

use crate::canonical;
use crate::canonical::CanonicalError;
use crate::did::DidKey;
use crate::digest::Digest;
use crate::digest::Purpose;
use crate::event::EventHeader;
use crate::key::SigningKey;
use crate::merkle::Hash;
use crate::note;
use crate::note::NoteError;
use crate::note::NoteSigner;
use crate::note::NoteVerifier;

/// The `format` of a bundle.
pub const FORMAT: &str = "hanse/evidence-bundle/v1";

/// Largest bundle that is read, in bytes.
pub const BUNDLE_BYTES_MAX: usize = 64 << 20;

/// What goes into a bundle.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// Who speaks.
    pub zone: DidKey,
    /// The key of the zone's log, named as in its checkpoints.
    pub log: NoteVerifier,
    /// A checkpoint of the log, as signed.
    pub checkpoint: String,
    /// Events by rising log index.
    pub events: Vec<BundledEvent>,
    /// Signed credentials.
    pub credentials: Vec<Value>,
    /// Signed status list credentials.
    pub status_lists: Vec<Value>,
    /// The packs in force.
    pub packs: Vec<PackDigest>,
}

/// One event with the proof that it is in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct BundledEvent {
    /// What the log commits to.
    pub header: EventHeader,
    /// The leaf's index in the log.
    pub index: u64,
    /// Inclusion proof in the tree of the checkpoint.
    pub inclusion: Vec<Hash>,
    /// What the header's digest is of.
    pub payload: Payload,
}

/// The stored payload of an event, as far as it is shown.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// The stored bytes are the canonical JSON of this value.
    Json(Value),
    /// The stored bytes, of whatever kind: ciphertext too.
    Bytes(Vec<u8>),
    /// The header proves that there is a payload, and not what it says.
    Withheld,
}

impl Payload {
    /// Shows stored bytes, as JSON where they are canonical JSON.
    pub fn shown(stored: Vec<u8>) -> Self {
        match canonical::parse(&stored) {
            Ok(value) if canonical::to_vec(&value).as_ref() == Ok(&stored) => Self::Json(value),
            _ => Self::Bytes(stored),
        }
    }
}

/// A pack that was applied.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackDigest {
    /// The pack's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What every byte of it amounts to.
    pub digest: Digest,
}

/// Why a bundle could not be sealed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SealError {
    /// The zone's key is not the one of its identifier.
    #[error("signing key is not that of zone {zone}")]
    ForeignZoneKey {
        /// The zone.
        zone: Box<DidKey>,
    },
    /// The log's key is not the one the bundle names.
    #[error("signing key is not that of log {log}")]
    ForeignLogKey {
        /// The log's verifier key.
        log: Box<NoteVerifier>,
    },
    /// A part has no canonical form.
    #[error("bundle has no canonical form")]
    NotCanonical(#[source] CanonicalError),
    /// The seal could not be signed.
    #[error("sign seal")]
    Note(#[source] NoteError),
}

impl Bundle {
    /// The file: canonical JSON, sealed by the zone and by its log.
    ///
    /// Nothing is verified here; a careless sealer makes a bundle that does not verify.
    pub fn seal(&self, zone: &SigningKey, log: &NoteSigner) -> Result<Vec<u8>, SealError> {
        if zone.did() != self.zone {
            return Err(SealError::ForeignZoneKey {
                zone: Box::new(self.zone),
            });
        }
        if *log.verifier() != self.log {
            return Err(SealError::ForeignLogKey {
                log: Box::new(self.log.clone()),
            });
        }
        let open = wire::Open::from(self);
        let text = seal_text(&canonical::to_vec_of(&open).map_err(SealError::NotCanonical)?);
        let note = log.sign(&text).map_err(SealError::Note)?;
        // A did:key has no character that key names forbid.
        let seal = note::cosign(&note, &self.zone.to_string(), zone).map_err(SealError::Note)?;
        canonical::to_vec_of(&wire::Sealed { open, seal }).map_err(SealError::NotCanonical)
    }
}

/// What the seal signs: the format and the digest of the canonical bundle without its seal.
fn seal_text(open: &[u8]) -> String {
    format!("{FORMAT}\n{}\n", Digest::of(Purpose::Bundle, open))
}
