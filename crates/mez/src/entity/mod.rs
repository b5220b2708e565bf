//! The register of entities: one state machine from application to dissolution.
//!
//! ```text
//! applied ──► in review ──► active ◄──► suspended
//!    │            │            │            │
//!    └─► rejected ◄┘           └─► dissolving ◄┘ ──► dissolved
//! ```
//!
//! Invariants (guard):
//! 1. No company becomes active unless every party is cleared by screening and no gate of
//!    [`Operation::EntityFormation`](law::compliance::Operation::EntityFormation) blocks, judged at
//!    the instant of the approval (`decide::approve`; property `only_cleared_companies_are_active`).
//! 2. No approval counts from the applicant, nor twice from one reviewer (`decide::approve`).
//! 3. `rejected` and `dissolved` have no way out (property against the model table).
//! 4. Entity events hold no personal data: persons appear as ids and salted digests.
//! 5. [`Aggregate::apply`] accepts every event that [`Aggregate::decide`] emits, and state is a function of the events
//!    (property `only_cleared_companies_are_active`).
//! 6. Reviewers hear of a hit once (`decide::found`; property `reviewers_hear_of_what_became_not_clear_and_of_nothing_else`).

mod apply;
mod command;
mod decide;
mod dissolution;
mod event;
mod facts;
mod refusal;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use evidence::digest::Digest;
use ids::{ActorId, EntityId, JurisdictionId, PackItemId, PersonId};
use law::compliance::ComplianceRecord;
use serde::{Deserialize, Serialize};

use crate::screening::{Party, ScreeningFact, Standing};
use ids::aggregate::{Aggregate, Misfit};

pub use command::{
    Application, Command, Context, Decision, Effect, ReviewReason, StageProof, Stake,
};
pub use decide::company_digest;
pub use dissolution::{Dissolution, Stage, StageRule, TimeProblem};
pub use event::{
    Activated, Applied, Approved, DissolutionCancelled, DissolutionInitiated, Dissolved,
    EntityEvent, Evaluated, Event, Reinstated, Rejected, ReviewBegun, Screened, StageCompleted,
    Suspended,
};
pub use facts::{FactsError, facts};
pub use refusal::Refusal;

/// An entity as the register shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entity {
    /// Its id.
    pub id: EntityId,
    /// Where it is, or asks to be, registered.
    pub jurisdiction: JurisdictionId,
    /// Its type, as the pack of the jurisdiction names it.
    pub entity_type: PackItemId,
    /// Full legal name.
    pub legal_name: String,
    /// Registered office.
    pub registered_office: String,
    /// Business activities, as the packs name them.
    pub activities: BTreeSet<PackItemId>,
    /// Directors.
    pub directors: BTreeSet<PersonId>,
    /// Owners and their shares.
    pub owners: Vec<Stake>,
    /// Who applied.
    pub applicant: ActorId,
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub applied_at_ms: i64,
    /// Everybody who must be screened, with the digest of who they are and the newest outcome.
    pub parties: BTreeMap<Party, PartyRecord>,
    /// The newest recorded compliance judgement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compliance: Option<ComplianceRecord>,
    /// Reviewers who approved.
    pub approvals: BTreeSet<ActorId>,
    /// The number under which it is registered, once it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<Registration>,
    /// Where in its life it is.
    pub status: Status,
}

/// A party of an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartyRecord {
    /// Digest of what identifies the party.
    pub subject: Digest,
    /// The newest screening.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screening: Option<ScreeningFact>,
}

/// Entry in the register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The number.
    pub number: RegistrationNumber,
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub at_ms: i64,
}

/// A number in the register: the jurisdiction in capitals, a hyphen, the sequence in at least seven
/// digits, such as `PK-0000042`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RegistrationNumber(String);

/// Where in its life an entity is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum Status {
    /// Applied for, not looked at.
    Applied,
    /// A reviewer is looking.
    InReview,
    /// Registered.
    Active,
    /// Refused.
    Rejected {
        /// Why.
        reason: String,
    },
    /// Registered, and barred from acting.
    Suspended {
        /// Why.
        reason: String,
    },
    /// Being wound up.
    Dissolving(Dissolution),
    /// Wound up.
    Dissolved {
        /// When, in milliseconds since 1970-01-01T00:00:00Z.
        at_ms: i64,
    },
}

impl Aggregate for Entity {
    type State = Self;
    type Command = Command;
    type Event = Event;
    type Effect = Effect;
    type Refusal = Refusal;
    type Context<'a> = Context<'a>;

    fn decide(
        entity: Option<&Self>,
        command: Command,
        context: &Context<'_>,
    ) -> Result<Decision, Refusal> {
        decide::decide(entity, command, context)
    }

    fn apply(entity: Option<Self>, event: &Event) -> Result<Self, Misfit> {
        apply::apply(entity, event)
    }
}

impl RegistrationNumber {
    /// The number for the `sequence`-th registration of `jurisdiction`.
    pub fn new(jurisdiction: &JurisdictionId, sequence: std::num::NonZeroU64) -> Self {
        Self(format!(
            "{}-{sequence:07}",
            jurisdiction.as_str().to_ascii_uppercase()
        ))
    }

    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RegistrationNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Status {
    /// The name of the state, as stored and shown.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::InReview => "in_review",
            Self::Active => "active",
            Self::Rejected { .. } => "rejected",
            Self::Suspended { .. } => "suspended",
            Self::Dissolving(_) => "dissolving",
            Self::Dissolved { .. } => "dissolved",
        }
    }

    /// Whether nothing can follow.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Rejected { .. } | Self::Dissolved { .. })
    }
}

impl PartyRecord {
    /// Where the party stands at `now_ms`, when a screening counts for `age_max_ms`.
    pub fn standing(&self, now_ms: i64, age_max_ms: i64) -> Standing {
        self.screening
            .as_ref()
            .map_or(Standing::Unscreened, |fact| {
                fact.standing(&self.subject, now_ms, age_max_ms)
            })
    }
}
