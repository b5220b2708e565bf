//! A proof as it stands in a document: read once, strictly, then checked against a key.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde_json::Map;
use serde_json::Value;
use thiserror::Error;

use super::CRYPTOSUITE;
use super::HashData;
use super::PROOF_COUNT_MAX;
use super::PROOF_TYPE;
use super::ProofContext;
use crate::canonical::CanonicalError;
use crate::key::Signature;
use crate::key::VerifyingKey;
use crate::time;
use crate::time::TimestampNotCanonical;

/// What a proof is for (VC-DATA-INTEGRITY section 2.1, `proofPurpose`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProofPurpose {
    /// To assert the claims of a credential.
    AssertionMethod,
    /// To prove who presents.
    Authentication,
    /// To invoke a capability.
    CapabilityInvocation,
    /// To delegate a capability.
    CapabilityDelegation,
}

impl ProofPurpose {
    /// Every purpose.
    pub const ALL: [Self; 4] = [
        Self::AssertionMethod,
        Self::Authentication,
        Self::CapabilityInvocation,
        Self::CapabilityDelegation,
    ];

    /// Its name in a proof and in a controller document.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AssertionMethod => "assertionMethod",
            Self::Authentication => "authentication",
            Self::CapabilityInvocation => "capabilityInvocation",
            Self::CapabilityDelegation => "capabilityDelegation",
        }
    }
}

impl fmt::Display for ProofPurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ProofPurpose {
    type Err = UnknownPurpose;

    fn from_str(text: &str) -> Result<Self, UnknownPurpose> {
        let mut all = Self::ALL.into_iter();
        all.find(|purpose| purpose.as_str() == text)
            .ok_or(UnknownPurpose)
    }
}

/// A text names no proof purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no proof purpose of that name")]
pub struct UnknownPurpose;

/// Why a document's proofs cannot be made, read or believed. `proof` counts from 0.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProofError {
    /// The document is not a JSON object.
    #[error("document is not an object")]
    DocumentNotAnObject,
    /// The document carries no proof.
    #[error("document carries no proof")]
    NoProof,
    /// An array holds one proof only; a lone proof stands alone.
    #[error("a lone proof stands in an array")]
    LoneProofInArray,
    /// More than [`PROOF_COUNT_MAX`] proofs.
    #[error("document carries {count} proofs")]
    TooManyProofs {
        /// How many.
        count: usize,
    },
    /// Two proofs are equal, or share an `id`.
    #[error("proof {proof} repeats an earlier one")]
    RepeatedProof {
        /// The later of the two.
        proof: usize,
    },
    /// A member is missing or of the wrong form.
    #[error("proof {proof}: `{member}` is missing or malformed")]
    Malformed {
        /// Which proof.
        proof: usize,
        /// Which member; `proof` for the whole.
        member: &'static str,
    },
    /// A member that no proof of this suite has.
    #[error("proof {proof}: unknown member `{member}`")]
    UnknownMember {
        /// Which proof.
        proof: usize,
        /// Its name.
        member: String,
    },
    /// The `type` is not `DataIntegrityProof`.
    #[error("proof {proof}: type `{found}` is not supported, only DataIntegrityProof")]
    UnsupportedType {
        /// Which proof.
        proof: usize,
        /// Its type.
        found: String,
    },
    /// The suite is not `eddsa-jcs-2022`; those of RDF need a canonicalisation that is not built.
    #[error("proof {proof}: cryptosuite `{found}` is not supported, only eddsa-jcs-2022")]
    UnsupportedCryptosuite {
        /// Which proof.
        proof: usize,
        /// Its suite.
        found: String,
    },
    /// The proof's `@context` is not the document's.
    #[error("proof {proof}: `@context` differs from the document's")]
    ContextDiffers {
        /// Which proof.
        proof: usize,
    },
    /// The proof leaves out the document's `@context`.
    #[error("proof {proof}: the document's `@context` is not embedded")]
    ContextMissing {
        /// Which proof.
        proof: usize,
    },
    /// `previousProof` names a proof that is not there.
    #[error("proof {proof}: previous proof `{id}` is not in the document")]
    PreviousProofMissing {
        /// Which proof.
        proof: usize,
        /// What it names.
        id: String,
    },
    /// The signature is not of this document, these options and this key.
    #[error("proof {proof}: signature does not match")]
    SignatureMismatch {
        /// Which proof.
        proof: usize,
    },
    /// An instant to be written lies outside the years 0000 to 9999.
    #[error("instant cannot be written")]
    Instant(#[source] TimestampNotCanonical),
    /// The document or the proof has no canonical bytes.
    #[error("document has no canonical form")]
    NotCanonical(#[source] CanonicalError),
}

/// One proof of a document, its form checked.
#[derive(Debug, Clone)]
pub struct Proof<'a> {
    /// Position among the document's proofs, from 0.
    pub position: usize,
    /// `id`, by which later proofs of a chain refer to it.
    pub id: Option<&'a str>,
    /// `created`.
    pub created: Timestamp,
    /// `expires`: after this instant the proof proves nothing.
    pub expires: Option<Timestamp>,
    /// `proofPurpose`.
    pub purpose: ProofPurpose,
    /// `verificationMethod`.
    pub verification_method: &'a str,
    /// `challenge` of a presentation.
    pub challenge: Option<&'a str>,
    /// `domain` of a presentation.
    pub domain: Option<&'a str>,
    previous: Vec<&'a str>,
    signature: Signature,
    whole: &'a Value,
    members: &'a Map<String, Value>,
}

/// Reads the proofs of a document, at least one, in their order.
pub fn proofs(document: &Value) -> Result<Vec<Proof<'_>>, ProofError> {
    let document = document
        .as_object()
        .ok_or(ProofError::DocumentNotAnObject)?;
    let values = match document.get("proof") {
        None => return Err(ProofError::NoProof),
        Some(Value::Array(values)) => values.as_slice(),
        Some(value) => std::slice::from_ref(value),
    };
    match values.len() {
        0 => return Err(ProofError::NoProof),
        1 if document["proof"].is_array() => return Err(ProofError::LoneProofInArray),
        count if count > PROOF_COUNT_MAX => return Err(ProofError::TooManyProofs { count }),
        _ => {}
    }
    let mut proofs: Vec<Proof<'_>> = Vec::with_capacity(values.len());
    for (position, value) in values.iter().enumerate() {
        let proof = Proof::read(position, value)?;
        let repeats = |earlier: &Proof<'_>| {
            earlier.whole == value || (proof.id.is_some() && earlier.id == proof.id)
        };
        if proofs.iter().any(repeats) {
            return Err(ProofError::RepeatedProof { proof: position });
        }
        proofs.push(proof);
    }
    Ok(proofs)
}

impl<'a> Proof<'a> {
    fn read(position: usize, whole: &'a Value) -> Result<Self, ProofError> {
        let fields = Fields::new(position, whole)?;
        fields.refuse_unknown()?;
        fields.expect_suite()?;
        Ok(Self {
            position,
            id: fields.text("id")?,
            created: fields
                .instant("created")?
                .ok_or(fields.malformed("created"))?,
            expires: fields.instant("expires")?,
            purpose: fields
                .required("proofPurpose")?
                .parse()
                .map_err(|_| fields.malformed("proofPurpose"))?,
            verification_method: fields.required("verificationMethod")?,
            challenge: fields.text("challenge")?,
            domain: fields.text("domain")?,
            previous: fields.previous()?,
            signature: fields.signature()?,
            whole,
            members: fields.members,
        })
    }

    /// Checks that `key` signed `document` with this proof; `all` are the document's proofs.
    ///
    /// Nothing is said about who holds the key, about times or about the purpose.
    pub fn verify(
        &self,
        document: &Value,
        all: &[Proof<'_>],
        key: &VerifyingKey,
        context: ProofContext,
    ) -> Result<(), ProofError> {
        let proof = self.position;
        let document = document
            .as_object()
            .ok_or(ProofError::DocumentNotAnObject)?;
        match (document.get("@context"), self.members.get("@context")) {
            (ours, Some(theirs)) if ours != Some(theirs) => {
                return Err(ProofError::ContextDiffers { proof });
            }
            (Some(_), None) if context == ProofContext::Embedded => {
                return Err(ProofError::ContextMissing { proof });
            }
            _ => {}
        }
        let previous = self.previous_among(all)?;
        let data = HashData::new(document, self.members, &previous, context)
            .map_err(ProofError::NotCanonical)?;
        key.verify(&data.bytes(), &self.signature)
            .map_err(|_| ProofError::SignatureMismatch { proof })
    }

    fn previous_among<'b>(&self, all: &[Proof<'b>]) -> Result<Vec<&'b Value>, ProofError> {
        let find = |id: &&str| {
            let found = all.iter().find(|proof| proof.id == Some(*id));
            found
                .map(|proof| proof.whole)
                .ok_or_else(|| ProofError::PreviousProofMissing {
                    proof: self.position,
                    id: (*id).to_owned(),
                })
        };
        self.previous.iter().map(find).collect()
    }
}

/// The members of one proof, with errors that say where they stand.
struct Fields<'a> {
    position: usize,
    members: &'a Map<String, Value>,
}

const MEMBERS: [&str; 12] = [
    "@context",
    "challenge",
    "created",
    "cryptosuite",
    "domain",
    "expires",
    "id",
    "previousProof",
    "proofPurpose",
    "proofValue",
    "type",
    "verificationMethod",
];

impl<'a> Fields<'a> {
    fn new(position: usize, value: &'a Value) -> Result<Self, ProofError> {
        let members = value.as_object().ok_or(ProofError::Malformed {
            proof: position,
            member: "proof",
        })?;
        Ok(Self { position, members })
    }

    fn malformed(&self, member: &'static str) -> ProofError {
        ProofError::Malformed {
            proof: self.position,
            member,
        }
    }

    fn refuse_unknown(&self) -> Result<(), ProofError> {
        let unknown = |name: &&String| !MEMBERS.contains(&name.as_str());
        match self.members.keys().find(unknown) {
            None => Ok(()),
            Some(name) => Err(ProofError::UnknownMember {
                proof: self.position,
                member: name.clone(),
            }),
        }
    }

    fn expect_suite(&self) -> Result<(), ProofError> {
        let (proof, kind) = (self.position, self.required("type")?);
        if kind != PROOF_TYPE {
            let found = kind.to_owned();
            return Err(ProofError::UnsupportedType { proof, found });
        }
        let suite = self.required("cryptosuite")?;
        if suite != CRYPTOSUITE {
            let found = suite.to_owned();
            return Err(ProofError::UnsupportedCryptosuite { proof, found });
        }
        Ok(())
    }

    fn text(&self, member: &'static str) -> Result<Option<&'a str>, ProofError> {
        match self.members.get(member) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.malformed(member)),
        }
    }

    fn required(&self, member: &'static str) -> Result<&'a str, ProofError> {
        self.text(member)?.ok_or_else(|| self.malformed(member))
    }

    fn instant(&self, member: &'static str) -> Result<Option<Timestamp>, ProofError> {
        let parse = |text| time::parse(text).map_err(|_| self.malformed(member));
        self.text(member)?.map(parse).transpose()
    }

    fn previous(&self) -> Result<Vec<&'a str>, ProofError> {
        const MEMBER: &str = "previousProof";
        let text = |value: &'a Value| value.as_str().ok_or_else(|| self.malformed(MEMBER));
        match self.members.get(MEMBER) {
            None => Ok(Vec::new()),
            Some(Value::Array(ids)) if !ids.is_empty() && ids.len() <= PROOF_COUNT_MAX => {
                ids.iter().map(text).collect()
            }
            Some(id) => Ok(vec![text(id)?]),
        }
    }

    /// Multibase base58btc, 64 bytes: what VC-DI-EDDSA prescribes, and one text per signature.
    fn signature(&self) -> Result<Signature, ProofError> {
        const MEMBER: &str = "proofValue";
        let base58 = self.required(MEMBER)?.strip_prefix('z');
        let base58 = base58.ok_or_else(|| self.malformed(MEMBER))?;
        let mut bytes = [0; 64];
        match bs58::decode(base58).onto(&mut bytes) {
            Ok(64) => Ok(Signature::from_bytes(bytes)),
            _ => Err(self.malformed(MEMBER)),
        }
    }
}
