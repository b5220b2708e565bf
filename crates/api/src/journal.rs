//! Events, proofs, checkpoints, erasure.

use evidence::digest::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::receipt::Receipt;
use crate::word::words;

const REFERENCE_BYTES_MAX: usize = 64;

/// An event: its header, which the log commits to, and as much of its content as the caller may see.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventView {
    /// The leaf of the log, from 0.
    pub index: u64,
    /// The digest of the header, which the next event of the stream names.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "sha256:…"))]
    pub digest: Digest,
    /// The header. Its canonical form (RFC 8785) is the leaf.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub header: Value,
    /// The content, when it is JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub payload: Option<Value>,
    /// The content, when it is not JSON, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_base64: Option<String>,
    /// Why there is no content here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withheld: Option<Withheld>,
}

/// A stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StreamView {
    /// Its name.
    #[cfg_attr(feature = "openapi", schema(example = "mez/entity/ent-1"))]
    pub stream: String,
    /// How many events it has.
    pub events: u64,
    /// `public`, or `personal` when its content is sealed.
    #[cfg_attr(feature = "openapi", schema(example = "public"))]
    pub privacy: String,
    /// Whether its key was destroyed.
    pub erased: bool,
}

words! {
    /// Why the content of an event is not shown.
    Withheld {
        /// Its key was destroyed; nobody can show it any more.
        Erased = "erased",
        /// The caller acts for entities or in a jurisdiction that this does not belong to.
        OutOfScope = "out_of_scope",
        /// It is personal, and the caller lacks the scope for its area.
        Sealed = "sealed",
    }
}

/// A signed head of the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckpointView {
    /// How many events it covers.
    pub size: u64,
    /// The signed note (C2SP tlog-checkpoint).
    pub note: String,
}

/// The keys to verify with. Whoever verifies compares them with a copy from another source.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogKeys {
    /// The zone, for `hanse verify --key`.
    #[cfg_attr(feature = "openapi", schema(example = "did:key:z6Mk…"))]
    pub zone: String,
    /// The verifier key of the log (C2SP signed-note), for `hanse verify --log-key`.
    pub log_key: String,
}

/// Shows that the log only grew.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConsistencyView {
    /// The older size.
    pub from: u64,
    /// The newer size.
    pub to: u64,
    /// The proof (RFC 9162 section 2.1.4), as hexadecimal digits.
    pub proof: Vec<String>,
}

words! {
    /// Why content is erased. A closed list, because the record of an erasure stays public for ever.
    ErasureReason {
        /// The person took their consent back.
        ConsentWithdrawn = "consent_withdrawn",
        /// A court or authority ordered it.
        LegalOrder = "legal_order",
        /// It was kept for as long as the law asks.
        RetentionEnded = "retention_ended",
        /// The person asked for it.
        SubjectRequest = "subject_request",
    }
}

/// A number under which the reason is on file: letters, digits, `.`, `/`, `_` and `-`, at most 64.
/// Free text does not fit, so that no name ends up where it cannot be erased.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String, pattern = "^[A-Za-z0-9./_-]{1,64}$", example = "DSR-2026/17"))]
#[serde(try_from = "String", into = "String")]
pub struct FileReference(String);

impl TryFrom<String> for FileReference {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"./_-".contains(&byte);
        if (1..=REFERENCE_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text))
        } else {
            Err("a reference has 1 to 64 letters, digits, '.', '/', '_' and '-'")
        }
    }
}

impl From<FileReference> for String {
    fn from(reference: FileReference) -> Self {
        reference.0
    }
}

/// What to erase and why.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EraseStream {
    /// The personal stream.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::text::StreamNameText))]
    pub stream: String,
    /// Why.
    pub reason: ErasureReason,
    /// Where the reason is on file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<FileReference>,
}

/// What was erased.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Erased {
    /// The stream.
    pub stream: String,
    /// How many events it has. Their headers and proofs stay.
    pub events: u64,
    /// Where the erasure is in the journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_holds_no_free_text() {
        for good in ["DSR-2026/17", "a", "case_1.2"] {
            assert!(FileReference::try_from(good.to_owned()).is_ok(), "{good}");
        }
        let long = "a".repeat(65);
        for bad in ["", "Aisha Khan", "a\nb", "é", long.as_str()] {
            assert!(FileReference::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
