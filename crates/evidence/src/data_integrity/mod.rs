//! Data Integrity proofs with `eddsa-jcs-2022` (W3C Recommendations VC-DATA-INTEGRITY and VC-DI-EDDSA).
//!
//! A signature covers SHA-256 of the canonical proof options, then SHA-256 of the canonical
//! document without its proofs. Everything in the document and in the proof is thereby signed.
//!
//! Stricter than the Recommendations, so that a secured document has one form only:
//! 1. a proof has no members but those listed here;
//! 2. the proof's `@context` equals the document's (a longer one in the document would go unsigned);
//! 3. a lone proof stands alone, not in an array; no proof stands twice;
//! 4. `created` and `expires` are canonical instants (see [`crate::time`]).
//!
//! Suites that need RDF canonicalisation (`eddsa-rdfc-2022`) are refused by name.

mod controller;
mod proof;
mod sign;

pub use controller::Controller;
pub use controller::ControllerError;
pub use proof::Proof;
pub use proof::ProofError;
pub use proof::ProofPurpose;
pub use proof::proofs;
use serde_json::Map;
use serde_json::Value;
pub use sign::ProofOptions;
pub use sign::sign;
pub use sign::sign_with;

use crate::canonical;
use crate::canonical::CanonicalError;
use crate::digest::Digest;

/// The one cryptosuite that is made and verified.
pub const CRYPTOSUITE: &str = "eddsa-jcs-2022";

/// The `type` of every proof.
pub const PROOF_TYPE: &str = "DataIntegrityProof";

/// Most proofs a document may carry.
pub const PROOF_COUNT_MAX: usize = 16;

/// What to hash where a proof says nothing about its `@context`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofContext {
    /// The proof embeds the document's `@context`, as VC-DI-EDDSA section 3.3.1 creates it.
    Embedded,
    /// As `Embedded`, but a proof without `@context` is read as if it embedded the document's.
    /// Some issuers sign it and leave it out. Whoever holds such a credential can add or remove
    /// the member without anybody noticing; nothing else changes.
    Implied,
}

/// What a signature is made over, step by step (VC-DI-EDDSA section 3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashData {
    /// Canonical bytes of the document without its proofs, or with those of `previousProof` only.
    pub canonical_document: Vec<u8>,
    /// Canonical bytes of the proof without its value.
    pub canonical_options: Vec<u8>,
    /// SHA-256 of the document.
    pub document_hash: Digest,
    /// SHA-256 of the proof options.
    pub options_hash: Digest,
}

impl HashData {
    /// Computes every step. `options` may hold a `proofValue`, which is left out.
    pub fn new(
        document: &Map<String, Value>,
        options: &Map<String, Value>,
        previous: &[&Value],
        context: ProofContext,
    ) -> Result<Self, CanonicalError> {
        let previous = (!previous.is_empty())
            .then(|| Value::Array(previous.iter().map(|proof| (*proof).clone()).collect()));
        let mut members = without(document, "proof");
        members.extend(previous.as_ref().map(|previous| ("proof", previous)));
        let canonical_document = canonical_object(members)?;

        let mut members = without(options, "proofValue");
        if context == ProofContext::Implied && !options.contains_key("@context") {
            members.extend(document.get("@context").map(|value| ("@context", value)));
        }
        let canonical_options = canonical_object(members)?;

        Ok(Self {
            document_hash: Digest::raw(&canonical_document),
            options_hash: Digest::raw(&canonical_options),
            canonical_document,
            canonical_options,
        })
    }

    /// The 64 bytes that are signed: options first, document second.
    pub fn bytes(&self) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(self.options_hash.as_bytes());
        bytes[32..].copy_from_slice(self.document_hash.as_bytes());
        bytes
    }
}

fn without<'a>(members: &'a Map<String, Value>, left_out: &str) -> Vec<(&'a str, &'a Value)> {
    members
        .iter()
        .map(|(name, value)| (name.as_str(), value))
        .filter(|(name, _)| *name != left_out)
        .collect()
}

/// RFC 8785 bytes of an object given as members, which spares the copy that leaving one out costs.
fn canonical_object(mut members: Vec<(&str, &Value)>) -> Result<Vec<u8>, CanonicalError> {
    members.sort_unstable_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    let mut out = vec![b'{'];
    for (index, (name, value)) in members.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        canonical::write_string(name, &mut out);
        out.push(b':');
        out.extend_from_slice(&canonical::to_vec(value)?);
    }
    out.push(b'}');
    Ok(out)
}
