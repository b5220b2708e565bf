//! Whether to believe a credential, as of a stated time.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::Value;
use thiserror::Error;

use super::structure::Malformed;
use super::structure::Path;
use super::structure::Validity;
use super::structure::check_credential_at;
use super::terms::Terms;
use super::terms::TermsError;
use super::terms::check_terms;
use crate::data_integrity::Controller;
use crate::data_integrity::Proof;
use crate::data_integrity::ProofContext;
use crate::data_integrity::ProofError;
use crate::data_integrity::ProofPurpose;
use crate::data_integrity::proofs;
use crate::did::DidError;
use crate::did::DidKey;
use crate::key::VerifyingKey;
use crate::status_list::Entry;
use crate::status_list::StatusError;
use crate::status_list::StatusList;
use crate::status_list::check_status;

/// Whose credentials are believed.
#[derive(Debug, Clone, Copy)]
pub enum Issuers<'a> {
    /// Whoever signed; the caller judges [`Verified::issuer`].
    Anyone,
    /// Only these.
    Only(&'a BTreeSet<String>),
}

/// What a verifier asks of a credential.
#[derive(Debug, Clone, Copy)]
pub struct Policy<'a> {
    /// The instant for which everything is judged.
    pub as_of: Timestamp,
    /// How far the issuer's clock may run ahead: applied to `validFrom` and `created` only.
    pub clock_skew: SignedDuration,
    /// Whose credentials are believed.
    pub issuers: Issuers<'a>,
    /// Controller documents: of issuers that are not a did:key, and of those met often.
    pub controllers: &'a [Controller],
    /// Verified status lists; a credential with a status on another list is refused.
    pub status_lists: &'a [StatusList],
    /// What to do about terms without a known meaning.
    pub terms: Terms,
    /// What to do about proofs that leave out the `@context`.
    pub proof_context: ProofContext,
}

impl Policy<'_> {
    /// The strictest policy, except that it takes any issuer: no skew, no controllers, no lists.
    pub const fn at(as_of: Timestamp) -> Self {
        Self {
            as_of,
            clock_skew: SignedDuration::ZERO,
            issuers: Issuers::Anyone,
            controllers: &[],
            status_lists: &[],
            terms: Terms::Defined,
            proof_context: ProofContext::Embedded,
        }
    }

    fn not_after(&self) -> Timestamp {
        self.as_of
            .checked_add(self.clock_skew)
            .unwrap_or(Timestamp::MAX)
    }
}

/// What a believed credential says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// `id`.
    pub id: Option<String>,
    /// Who issued it; every proof was made with a key of theirs.
    pub issuer: String,
    /// All its types.
    pub types: Vec<String>,
    /// The ids of its subjects.
    pub subjects: Vec<String>,
    /// `validFrom`.
    pub valid_from: Option<Timestamp>,
    /// `validUntil`.
    pub valid_until: Option<Timestamp>,
    /// The verification method of each proof.
    pub methods: Vec<String>,
    /// Its status entries, all of them clear.
    pub status: Vec<Entry>,
}

/// Why a credential is not believed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Its form is wrong.
    #[error("credential is malformed")]
    Malformed(#[source] Malformed),
    /// It uses words without a known meaning.
    #[error("credential uses terms whose meaning is open")]
    Terms(#[source] TermsError),
    /// A proof is missing, malformed or does not match.
    #[error("credential is not proven")]
    Proof(#[source] ProofError),
    /// The policy does not name the issuer.
    #[error("issuer {issuer} is not trusted")]
    IssuerNotTrusted {
        /// The issuer.
        issuer: String,
    },
    /// The issuer is neither a did:key nor has a controller document.
    #[error("keys of issuer {issuer} are not known")]
    IssuerUnresolvable {
        /// The issuer.
        issuer: String,
        /// Why it is not a did:key.
        #[source]
        reason: DidError,
    },
    /// A proof was made with a key that is not the issuer's, or not for this purpose or time.
    #[error("verification method {method} may not assert for issuer {issuer}")]
    MethodNotOfIssuer {
        /// The method.
        method: String,
        /// The issuer.
        issuer: String,
    },
    /// A proof is for something else than asserting claims.
    #[error("a proof is for {found}, not assertionMethod")]
    WrongPurpose {
        /// What for.
        found: ProofPurpose,
    },
    /// A proof was made after the instant of judgement.
    #[error("a proof is of {created}, which is later")]
    ProofNotYetMade {
        /// When.
        created: Timestamp,
    },
    /// A proof has expired.
    #[error("a proof expired at {expires}")]
    ProofExpired {
        /// When.
        expires: Timestamp,
    },
    /// The credential is not valid yet.
    #[error("credential is valid only from {valid_from}")]
    NotYetValid {
        /// When it will be.
        valid_from: Timestamp,
    },
    /// The credential is no longer valid.
    #[error("credential expired at {valid_until}")]
    Expired {
        /// When it ceased to be.
        valid_until: Timestamp,
    },
    /// A status entry cannot be judged, or speaks against the credential.
    #[error("credential's status does not hold")]
    Status(#[source] StatusError),
}

/// Verifies form, terms, issuer, proofs, times and status, in this order.
///
/// The value must come from [`crate::canonical::parse`]: other parsers keep the last of two
/// members with one name without saying so.
pub fn verify(credential: &Value, policy: &Policy<'_>) -> Result<Verified, Refusal> {
    let (vocabulary, validity) =
        check_credential_at(&Path::root(), credential).map_err(Refusal::Malformed)?;
    if policy.terms == Terms::Defined {
        check_terms(credential, &vocabulary).map_err(Refusal::Terms)?;
    }
    let issuer = id_of(&credential["issuer"]).unwrap_or_default();
    check_issuer(issuer, policy)?;
    let proofs = proofs(credential).map_err(Refusal::Proof)?;
    for proof in &proofs {
        check_proof_options(proof, policy)?;
        let key = key_of(issuer, proof, policy)?;
        proof
            .verify(credential, &proofs, &key, policy.proof_context)
            .map_err(Refusal::Proof)?;
    }
    check_validity(validity, policy)?;
    let status = check_status(credential, issuer, policy.as_of, policy.status_lists)
        .map_err(Refusal::Status)?;
    Ok(Verified {
        id: credential["id"].as_str().map(str::to_owned),
        issuer: issuer.to_owned(),
        types: texts(&credential["type"], Value::as_str),
        subjects: texts(&credential["credentialSubject"], id_of),
        valid_from: validity.from,
        valid_until: validity.until,
        methods: proofs
            .iter()
            .map(|proof| proof.verification_method.to_owned())
            .collect(),
        status,
    })
}

/// The id of something that is either its URL or an object with an `id`.
fn id_of(value: &Value) -> Option<&str> {
    match value {
        Value::String(id) => Some(id),
        object => object["id"].as_str(),
    }
}

fn texts(value: &Value, read: impl Fn(&Value) -> Option<&str>) -> Vec<String> {
    let items = match value {
        Value::Array(items) => items.as_slice(),
        alone => std::slice::from_ref(alone),
    };
    items
        .iter()
        .filter_map(|item| read(item).map(str::to_owned))
        .collect()
}

fn check_issuer(issuer: &str, policy: &Policy<'_>) -> Result<(), Refusal> {
    match policy.issuers {
        Issuers::Only(trusted) if !trusted.contains(issuer) => Err(Refusal::IssuerNotTrusted {
            issuer: issuer.to_owned(),
        }),
        _ => Ok(()),
    }
}

fn check_proof_options(proof: &Proof<'_>, policy: &Policy<'_>) -> Result<(), Refusal> {
    if proof.purpose != ProofPurpose::AssertionMethod {
        let found = proof.purpose;
        return Err(Refusal::WrongPurpose { found });
    }
    if proof.created > policy.not_after() {
        let created = proof.created;
        return Err(Refusal::ProofNotYetMade { created });
    }
    match proof.expires {
        Some(expires) if expires < policy.as_of => Err(Refusal::ProofExpired { expires }),
        _ => Ok(()),
    }
}

/// The key of the proof's method, which must be one of the issuer's.
fn key_of(issuer: &str, proof: &Proof<'_>, policy: &Policy<'_>) -> Result<VerifyingKey, Refusal> {
    let method = proof.verification_method;
    let foreign = || Refusal::MethodNotOfIssuer {
        method: method.to_owned(),
        issuer: issuer.to_owned(),
    };
    let mut controllers = policy.controllers.iter();
    if let Some(controller) = controllers.find(|controller| controller.id() == issuer) {
        let key = controller.key(method, proof.purpose, policy.as_of);
        return key.copied().ok_or_else(foreign);
    }
    let did: DidKey = issuer
        .parse()
        .map_err(|reason| Refusal::IssuerUnresolvable {
            issuer: issuer.to_owned(),
            reason,
        })?;
    let own = method
        .strip_prefix(issuer)
        .and_then(|rest| rest.strip_prefix('#'))
        .is_some_and(|fragment| issuer.strip_prefix("did:key:") == Some(fragment));
    own.then(|| *did.verifying_key()).ok_or_else(foreign)
}

fn check_validity(validity: Validity, policy: &Policy<'_>) -> Result<(), Refusal> {
    match (validity.from, validity.until) {
        (Some(valid_from), _) if valid_from > policy.not_after() => {
            Err(Refusal::NotYetValid { valid_from })
        }
        (_, Some(valid_until)) if valid_until < policy.as_of => {
            Err(Refusal::Expired { valid_until })
        }
        _ => Ok(()),
    }
}
