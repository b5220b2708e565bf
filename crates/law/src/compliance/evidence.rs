//! Evidence that counts: signed by an authority that the zone trusts for the domain.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use ::evidence::canonical::{self, CanonicalError};
use ::evidence::credential::{self, Issuers, Policy};
use ::evidence::digest::{Digest, Purpose};
use ::evidence::status_list::StatusList;
use ids::{EntityId, PackItemId, PersonId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Domain;
use crate::pack::EvidenceKind;

/// The type that a credential must have to count as evidence.
pub const EVIDENCE_CREDENTIAL_TYPE: &str = "HanseEvidenceCredential";

/// Whom evidence is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum EvidenceSubject {
    /// An entity, written `urn:hanse:entity:<id>`.
    Entity(EntityId),
    /// A person, written `urn:hanse:person:<id>`.
    Person(PersonId),
}

/// Evidence that passed every check at one instant. It has no public constructor but the verifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedEvidence {
    pub(super) kind: PackItemId,
    pub(super) domain: Domain,
    pub(super) subject: EvidenceSubject,
    pub(super) issuer: String,
    pub(super) digest: Digest,
    pub(super) as_of_ms: i64,
}

/// Verifies evidence as of one instant.
///
/// Evidence is a W3C credential of type `HanseEvidenceCredential` with one subject: its `id` is an
/// [`EvidenceSubject`] and its `evidenceKind` one of the packs' kinds.
#[derive(Debug, Clone, Copy)]
pub struct Verifier<'a> {
    /// Whom the zone trusts, and in which domains.
    pub authorities: &'a [Authority],
    /// The kinds of evidence that the packs know, with their domains.
    pub kinds: &'a BTreeMap<PackItemId, Domain>,
    /// Verified status lists; evidence with a status on another list is refused.
    pub status_lists: &'a [StatusList],
    /// The instant, in milliseconds since 1970-01-01T00:00:00Z.
    pub as_of_ms: i64,
}

/// Why evidence does not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceRefusal {
    /// It is not strict JSON.
    #[error("the evidence is not JSON")]
    NotJson(#[source] CanonicalError),
    /// It is not believed: form, issuer, signature, time or status.
    #[error("the evidence is not believed")]
    Credential(#[from] credential::Refusal),
    /// It is a credential of another type.
    #[error("the credential is not of type {EVIDENCE_CREDENTIAL_TYPE}")]
    OtherType,
    /// It is about nobody whom the zone knows, or about several.
    #[error("the evidence is not about exactly one entity or person")]
    Subject,
    /// It shows something that no pack asks for.
    #[error("no pack knows evidence of kind {kind}")]
    UnknownKind {
        /// What it claims to show.
        kind: String,
    },
    /// The issuer is trusted, but not in this domain.
    #[error("{issuer} is no authority in {domain}")]
    OutsideCompetence {
        /// Who.
        issuer: String,
        /// Where it attests.
        domain: Domain,
    },
    /// The instant is outside the calendar.
    #[error("{as_of_ms} ms is outside the calendar")]
    InstantOutOfRange {
        /// What was given.
        as_of_ms: i64,
    },
}

/// A text that names neither an entity nor a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a subject is `urn:hanse:entity:` or `urn:hanse:person:` and an id")]
pub struct InvalidSubject;

impl Verifier<'_> {
    /// Verifies a credential and says what it shows about whom.
    pub fn verify(&self, credential: &[u8]) -> Result<VerifiedEvidence, EvidenceRefusal> {
        let value = canonical::parse(credential).map_err(EvidenceRefusal::NotJson)?;
        let as_of = Timestamp::from_millisecond(self.as_of_ms).map_err(|_| {
            EvidenceRefusal::InstantOutOfRange {
                as_of_ms: self.as_of_ms,
            }
        })?;
        let trusted: BTreeSet<String> = self.authorities.iter().map(|a| a.did.clone()).collect();
        let policy = Policy {
            issuers: Issuers::Only(&trusted),
            status_lists: self.status_lists,
            ..Policy::at(as_of)
        };
        let verified = credential::verify(&value, &policy)?;
        if !verified
            .types
            .iter()
            .any(|name| name == EVIDENCE_CREDENTIAL_TYPE)
        {
            return Err(EvidenceRefusal::OtherType);
        }
        let claims = value["credentialSubject"]
            .as_object()
            .ok_or(EvidenceRefusal::Subject)?;
        let subject = claims.get("id").and_then(|id| id.as_str()?.parse().ok());
        let (kind, domain) = self.kind(claims.get("evidenceKind"))?;
        self.check_competence(&verified.issuer, domain)?;
        let bytes = canonical::to_vec(&value).map_err(EvidenceRefusal::NotJson)?;
        Ok(VerifiedEvidence {
            kind,
            domain,
            subject: subject.ok_or(EvidenceRefusal::Subject)?,
            issuer: verified.issuer,
            digest: Digest::of(Purpose::Evidence, &bytes),
            as_of_ms: self.as_of_ms,
        })
    }

    fn kind(
        &self,
        claim: Option<&serde_json::Value>,
    ) -> Result<(PackItemId, Domain), EvidenceRefusal> {
        let text = claim
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default();
        let known = self.kinds.iter().find(|(kind, _)| kind.as_str() == text);
        known
            .map(|(kind, domain)| (kind.clone(), *domain))
            .ok_or_else(|| EvidenceRefusal::UnknownKind {
                kind: text.to_owned(),
            })
    }

    fn check_competence(&self, issuer: &str, domain: Domain) -> Result<(), EvidenceRefusal> {
        let competent =
            |authority: &Authority| authority.did == issuer && authority.domains.contains(&domain);
        if self.authorities.iter().any(competent) {
            return Ok(());
        }
        Err(EvidenceRefusal::OutsideCompetence {
            issuer: issuer.to_owned(),
            domain,
        })
    }
}

impl FromStr for EvidenceSubject {
    type Err = InvalidSubject;

    fn from_str(text: &str) -> Result<Self, InvalidSubject> {
        let entity = text
            .strip_prefix("urn:hanse:entity:")
            .and_then(|id| id.parse().ok());
        let person = text
            .strip_prefix("urn:hanse:person:")
            .and_then(|id| id.parse().ok());
        entity
            .map(Self::Entity)
            .or(person.map(Self::Person))
            .ok_or(InvalidSubject)
    }
}

/// Somebody whose attestations the zone accepts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authority {
    /// Its key, as `did:key`.
    pub did: String,
    /// Its name.
    pub name: String,
    /// The domains it may attest in.
    pub domains: Vec<Domain>,
}

impl VerifiedEvidence {
    /// Evidence that a case of a pack supposes. Nothing outside this crate can suppose any.
    pub(crate) fn supposed(
        kind: &EvidenceKind,
        subject: EvidenceSubject,
        digest: Digest,
        as_of_ms: i64,
    ) -> Self {
        let issuer = format!("supposed:{}", kind.regulator);
        let (kind, domain) = (kind.id.clone(), kind.domain);
        Self {
            kind,
            domain,
            subject,
            issuer,
            digest,
            as_of_ms,
        }
    }

    /// What it shows.
    pub fn kind(&self) -> &PackItemId {
        &self.kind
    }

    /// The domain in which it counts.
    pub fn domain(&self) -> Domain {
        self.domain
    }

    /// Whom it is about.
    pub fn subject(&self) -> &EvidenceSubject {
        &self.subject
    }

    /// Who attests it, as a decentralised identifier.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Digest of the credential.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The instant at which it was verified, in milliseconds since 1970-01-01T00:00:00Z.
    pub fn as_of_ms(&self) -> i64 {
        self.as_of_ms
    }
}

impl fmt::Display for EvidenceSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entity(id) => write!(f, "urn:hanse:entity:{id}"),
            Self::Person(id) => write!(f, "urn:hanse:person:{id}"),
        }
    }
}
