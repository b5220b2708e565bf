//! Judgements by the law, and the evidence they rest on.

use std::collections::BTreeMap;

use crate::word::words;
use evidence::digest::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A credential on the file of an entity.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Evidence))]
pub struct EvidenceView {
    /// Id: the digest of the credential.
    pub id: String,
    /// To whose file it belongs.
    pub entity: String,
    /// Whom it is about, as a URN.
    pub subject: String,
    /// What it shows.
    pub kind: String,
    /// The domain in which it counts.
    pub domain: String,
    /// Who attests it.
    pub issuer: String,
}

/// A judgement over all twenty domains.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Evaluation))]
pub struct EvaluationView {
    /// About whom.
    pub entity: String,
    /// For what.
    #[cfg_attr(feature = "openapi", schema(example = "entity.formation"))]
    pub operation: String,
    /// As of when.
    pub as_of: Timestamp,
    /// Whether nothing blocks the operation.
    pub allowed: bool,
    /// State, reasons and evidence of each domain.
    pub domains: BTreeMap<String, DomainView>,
    /// What blocks: each with clause and source.
    pub denials: Vec<DenialView>,
    /// The exact rules.
    pub rules: Vec<RulesView>,
    /// Commits to subject, time, states, evidence, facts and rules.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub commitment: Digest,
}

/// What to judge.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EvaluationBody {
    /// For what, such as `entity.formation`.
    pub operation: Operation,
}

words! {
    /// Something a subject asks the zone to do, that the law of several domains gates.
    Operation {
        /// Registering a company.
        EntityFormation = "entity.formation",
        /// Changing who owns a company.
        OwnershipChange = "ownership.change",
        /// Opening an account.
        FiscalAccount = "fiscal.account",
        /// Paying.
        FiscalPayment = "fiscal.payment",
        /// Verifying a person.
        IdentityVerification = "identity.verification",
        /// Recording a resolution or a consent.
        ConsentResolution = "consent.resolution",
        /// Moving goods.
        TradeFlow = "trade.flow",
    }
}

/// The judgement in one domain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = DomainJudgement))]
pub struct DomainView {
    /// `non_compliant`, `pending`, `not_applicable`, `exempt` or `compliant`.
    pub state: String,
    /// Why, most severe first.
    pub reasons: Vec<ReasonView>,
    /// The verified evidence that the rules of this domain could see.
    pub evidence: Vec<EvidenceUseView>,
}

/// Why a domain is in a state: a clause, and where it can be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = DomainReason))]
pub struct ReasonView {
    /// What this clause says the state is.
    pub state: String,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = EvidenceUse))]
pub struct EvidenceUseView {
    /// What it shows.
    pub kind: String,
    /// Who attests it, as a decentralised identifier.
    pub issuer: String,
    /// Digest of the credential.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub digest: Digest,
}

/// A domain that blocks an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Denial))]
pub struct DenialView {
    /// Which.
    pub domain: String,
    /// Its state.
    pub state: String,
    /// Why, each with clause and source; never empty.
    pub reasons: Vec<ReasonView>,
}

/// The exact rules of one pack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = PackVersion))]
pub struct RulesView {
    /// Id of the pack.
    pub id: String,
    /// Its version.
    pub version: String,
    /// Digest over its every byte.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub digest: Digest,
}
