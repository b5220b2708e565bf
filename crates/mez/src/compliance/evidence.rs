//! Evidence that counts: signed by an authority that the zone trusts for the domain.

use std::fmt;

use ::evidence::digest::Digest;
use serde::{Deserialize, Serialize};

use super::Domain;
use crate::ids::{EntityId, PackItemId, PersonId};
use crate::pack::EvidenceKind;

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
        Self { kind, domain, subject, issuer, digest, as_of_ms }
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
