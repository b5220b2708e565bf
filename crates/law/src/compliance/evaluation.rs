//! The outcome of judging a subject, and the commitment to it.

use std::collections::{BTreeMap, BTreeSet};

use ::evidence::canonical::to_vec_of;
use ::evidence::digest::{Digest, Purpose};
use ids::{EntityId, JurisdictionId, PackItemId, Salt};
use serde::{Deserialize, Serialize};

use super::{Domain, Facts, Gate, Operation, State};

/// A judgement over all twenty domains. Only a [`Rulebook`](super::Rulebook) makes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evaluation {
    pub(super) subject: EntityId,
    pub(super) jurisdiction: JurisdictionId,
    pub(super) operation: Operation,
    pub(super) as_of_ms: i64,
    pub(super) rules: Vec<PackVersion>,
    pub(super) gates: BTreeMap<Domain, Gate>,
    pub(super) domains: BTreeMap<Domain, DomainResult>,
    pub(super) commitment: Digest,
    #[serde(skip)]
    pub(super) opening: CommitmentOpening,
}

/// The judgement in one domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DomainResult {
    /// The state.
    pub state: State,
    /// Why, most severe first.
    pub reasons: Vec<Reason>,
    /// The verified evidence that the rules of this domain could see.
    pub evidence: Vec<EvidenceUse>,
}

/// Why a domain is in a state: a clause, and where it can be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// What this clause says the state is.
    pub state: State,
    /// The rule, as `pack/policy`.
    pub rule: String,
    /// The clause, such as `s. 154(1)(b)`.
    pub clause: String,
    /// The citation of its source.
    pub source: String,
    /// Where the source can be read.
    pub url: String,
    /// What the clause asks for or found, in plain words.
    pub text: String,
}

/// One piece of verified evidence.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceUse {
    /// What it shows.
    pub kind: PackItemId,
    /// Who attests it, as a decentralised identifier.
    pub issuer: String,
    /// Digest of the credential.
    pub digest: Digest,
}

/// The exact rules a judgement was made by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackVersion {
    /// Id of the pack.
    pub id: PackItemId,
    /// Its version.
    pub version: String,
    /// Digest over its every byte.
    pub digest: Digest,
}

/// What the register keeps of a compliance judgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComplianceRecord {
    /// The instant it was judged for, in milliseconds since 1970-01-01T00:00:00Z.
    pub as_of_ms: i64,
    /// The state of each of the twenty domains.
    pub states: BTreeMap<Domain, State>,
    /// The commitment to subject, time, states, evidence and rules.
    pub commitment: Digest,
}

/// A domain that blocks an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Denial {
    /// Which.
    pub domain: Domain,
    /// Its state.
    pub state: State,
    /// Why, each with clause and source; never empty.
    pub reasons: Vec<Reason>,
}

/// What a commitment commits to. Whoever holds it can check the commitment; without the salt nobody
/// can guess it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitmentOpening {
    /// About whom.
    pub subject: EntityId,
    /// Where.
    pub jurisdiction: JurisdictionId,
    /// For what.
    pub operation: Operation,
    /// As of when, in milliseconds since 1970-01-01T00:00:00Z.
    pub as_of_ms: i64,
    /// State of each domain and digests of its evidence, ascending.
    pub domains: BTreeMap<Domain, (State, BTreeSet<Digest>)>,
    /// On which facts.
    pub facts: Facts,
    /// By which rules.
    pub rules: Vec<PackVersion>,
    /// 32 random bytes.
    pub salt: Salt,
}

impl CommitmentOpening {
    /// The commitment: a tagged digest of the canonical bytes.
    ///
    /// # Panics
    /// Never: every number is within the canonical range by the types and by the calendar check.
    pub fn commitment(&self) -> Digest {
        let bytes = to_vec_of(self).expect("counts and instants are within the canonical range");
        Digest::of(Purpose::Compliance, &bytes)
    }
}

impl Evaluation {
    /// About whom.
    pub fn subject(&self) -> &EntityId {
        &self.subject
    }

    /// For what.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// As of when, in milliseconds since 1970-01-01T00:00:00Z.
    pub fn as_of_ms(&self) -> i64 {
        self.as_of_ms
    }

    /// By which rules.
    pub fn rules(&self) -> &[PackVersion] {
        &self.rules
    }

    /// All twenty results in order.
    pub fn domains(&self) -> &BTreeMap<Domain, DomainResult> {
        &self.domains
    }

    /// The state in one domain.
    pub fn state(&self, domain: Domain) -> State {
        self.domains
            .get(&domain)
            .map_or(State::Pending, |result| result.state)
    }

    /// The commitment to subject, time, states, evidence, facts and rules.
    pub fn commitment(&self) -> Digest {
        self.commitment
    }

    /// What the commitment commits to, to be kept where only the entitled read.
    pub fn opening(&self) -> &CommitmentOpening {
        &self.opening
    }

    /// What blocks the operation, in the order of the domains; empty if nothing does.
    pub fn denials(&self) -> Vec<Denial> {
        let blocking = |(domain, gate): (&Domain, &Gate)| {
            let result = self.domains.get(domain)?;
            gate.blocks(result.state).then(|| Denial {
                domain: *domain,
                state: result.state,
                reasons: result.reasons.clone(),
            })
        };
        self.gates.iter().filter_map(blocking).collect()
    }

    /// What the register keeps.
    pub fn record(&self) -> ComplianceRecord {
        ComplianceRecord {
            as_of_ms: self.as_of_ms,
            states: self
                .domains
                .iter()
                .map(|(domain, result)| (*domain, result.state))
                .collect(),
            commitment: self.commitment,
        }
    }
}
