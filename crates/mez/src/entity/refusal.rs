//! Why the register refuses a command.

use evidence::canonical::CanonicalError;
use ids::{ActorId, EntityId, JurisdictionId, PackItemId, PersonId};
use law::compliance::Denial;

use super::TimeProblem;
use crate::person::InvalidPerson;
use crate::screening::{Party, Standing};
use ids::aggregate::CommonRefusal;

/// Why a command was refused. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such entity, its state does not allow the command, or a text or list has a wrong size.
    #[error(transparent)]
    Common(#[from] CommonRefusal),
    /// The id is taken.
    #[error("entity {0} exists already")]
    AlreadyApplied(EntityId),
    /// The law in force does not offer this type of entity there.
    #[error("the packs in force offer no entity type {entity_type} in {jurisdiction}")]
    UnknownEntityType {
        /// What was asked for.
        entity_type: PackItemId,
        /// Where.
        jurisdiction: JurisdictionId,
    },
    /// A person's data is invalid.
    #[error(transparent)]
    Person(#[from] InvalidPerson),
    /// Two persons have one id.
    #[error("person {0} is given twice")]
    DuplicatePerson(PersonId),
    /// Somebody is named who is not described.
    #[error("person {0} is named as director or owner but not described")]
    UndescribedPerson(PersonId),
    /// Somebody is described who has no part in the company.
    #[error("person {0} is neither director nor owner")]
    IdlePerson(PersonId),
    /// Somebody is listed as owner twice.
    #[error("person {0} is listed as owner twice")]
    DuplicateOwner(PersonId),
    /// A share is zero, or the shares exceed the whole.
    #[error(
        "shares are 1 to 10000 hundredths of a per cent and sum to at most 10000; they sum to {sum_bps}"
    )]
    BadShares {
        /// Their sum.
        sum_bps: u64,
    },
    /// A screening names somebody who is no party, or names a party twice, or somebody else's data.
    #[error("the screening of {party} does not fit a party of the entity")]
    ForeignScreening {
        /// Who.
        party: Party,
    },
    /// A party is not cleared.
    #[error("{} not cleared by screening", counted(.0.len(), "party", "parties"))]
    PartiesNotCleared(Vec<(Party, Standing)>),
    /// The law blocks the operation.
    #[error("compliance blocks the formation in {}", counted(.0.len(), "domain", "domains"))]
    Compliance(Vec<Denial>),
    /// The judgement is of another entity, operation, instant or set of facts.
    #[error("the compliance judgement is not of this entity at this instant")]
    StaleEvaluation,
    /// An applicant approves or rejects the own application.
    #[error("{0} applied and so cannot decide on the application")]
    ReviewerIsApplicant(ActorId),
    /// A reviewer approves twice.
    #[error("{0} has approved already")]
    ApprovedAlready(ActorId),
    /// A stage of winding up cannot be completed yet.
    #[error(transparent)]
    Dissolution(#[from] TimeProblem),
    /// A liquidator is in office.
    #[error("winding up cannot be stopped once a liquidator is in office")]
    LiquidatorInOffice,
    /// A value has no canonical form.
    #[error("the application has no canonical form")]
    Canonical(#[source] CanonicalError),
}

impl Refusal {
    /// A stable code for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Common(refusal) => refusal.code(),
            Self::AlreadyApplied(_) => "entity_exists",
            Self::UnknownEntityType { .. } => "unknown_entity_type",
            Self::Person(_) => "bad_person",
            Self::DuplicatePerson(_) => "duplicate_person",
            Self::UndescribedPerson(_) => "undescribed_person",
            Self::IdlePerson(_) => "idle_person",
            Self::DuplicateOwner(_) => "duplicate_owner",
            Self::BadShares { .. } => "bad_shares",
            Self::ForeignScreening { .. } => "foreign_screening",
            Self::PartiesNotCleared(_) => "screening_not_clear",
            Self::Compliance(_) => "compliance_blocked",
            Self::StaleEvaluation => "stale_evaluation",
            Self::ReviewerIsApplicant(_) => "reviewer_is_applicant",
            Self::ApprovedAlready(_) => "approved_already",
            Self::Dissolution(_) => "dissolution_stage",
            Self::LiquidatorInOffice => "liquidator_in_office",
            Self::Canonical(_) => "not_canonical",
        }
    }

    /// What blocks by law, each with its clauses and sources; empty for other refusals.
    pub fn denials(&self) -> &[Denial] {
        match self {
            Self::Compliance(denials) => denials,
            _ => &[],
        }
    }
}

/// A number with its noun.
fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
