//! What can be asked of the register, and what comes out of a decision.

use std::collections::BTreeSet;
use std::num::NonZeroU64;

use evidence::digest::Digest;
use ids::{ActorId, EntityId, JurisdictionId, PackItemId, PersonId};
use law::compliance::Evaluation;
use serde::{Deserialize, Serialize};

use super::Event;
use crate::person::Person;
use crate::screening::{Party, ScreeningFact};
use ids::aggregate;

/// An application to register a company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    /// The id it will have.
    pub id: EntityId,
    /// Where.
    pub jurisdiction: JurisdictionId,
    /// As what.
    pub entity_type: PackItemId,
    /// Under which name.
    pub legal_name: String,
    /// With which registered office.
    pub registered_office: String,
    /// To do what.
    pub activities: BTreeSet<PackItemId>,
    /// Everybody named below.
    pub persons: Vec<Person>,
    /// Who directs it.
    pub directors: BTreeSet<PersonId>,
    /// Who owns it.
    pub owners: Vec<Stake>,
}

/// A natural person's share of a company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stake {
    /// Who.
    pub person: PersonId,
    /// How much, in hundredths of a per cent: 1 to 10,000.
    pub share_bps: u16,
}

/// A request to the register. Who asks, and when, is in the [`Context`].
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Apply for registration.
    Apply(Box<Application>),
    /// Record the outcome of screening one or more parties.
    RecordScreenings(Vec<ScreeningFact>),
    /// Take an application into review.
    BeginReview,
    /// Record a compliance judgement, whatever its outcome.
    RecordEvaluation(Box<Evaluation>),
    /// Approve an application; the last required approval registers the company.
    Approve {
        /// The judgement of this very instant.
        evaluation: Box<Evaluation>,
        /// The next free number in the register.
        sequence: NonZeroU64,
    },
    /// Refuse an application.
    Reject {
        /// Why, for the applicant to read.
        reason: String,
    },
    /// Bar a company from acting.
    Suspend {
        /// Why.
        reason: String,
    },
    /// Let a suspended company act again.
    Reinstate {
        /// Why.
        reason: String,
    },
    /// Begin to wind a company up.
    InitiateDissolution {
        /// Digest of the document that asks for it.
        evidence: Digest,
    },
    /// Complete the current stage of winding up.
    AdvanceDissolution {
        /// Digest of the document that shows it.
        evidence: Digest,
        /// What the stage demands besides.
        proof: StageProof,
    },
    /// Stop winding up, which is possible until a liquidator is in office.
    CancelDissolution {
        /// Why.
        reason: String,
    },
}

/// What a stage of winding up demands besides a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum StageProof {
    /// Nothing more.
    None,
    /// The shareholders' vote.
    Vote {
        /// Votes in favour of those cast, in hundredths of a per cent.
        in_favour_bps: u16,
    },
    /// The notice to creditors.
    Gazette {
        /// When it was published, in milliseconds since 1970-01-01T00:00:00Z.
        published_at_ms: i64,
    },
}

/// Everything a decision may depend on besides the entity and the command.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The instant, in milliseconds since 1970-01-01T00:00:00Z.
    pub now_ms: i64,
    /// Who asks.
    pub actor: &'a ActorId,
    /// Entity types that the law in force offers, with the jurisdiction that registers them.
    pub entity_types: &'a [(JurisdictionId, PackItemId)],
    /// How many different reviewers must approve; at least one.
    pub approvals_required: u8,
    /// How long a screening counts, in milliseconds.
    pub screening_age_max_ms: i64,
}

/// What the node must do, durably and once, because of an event. Members that it does not know are passed over: the outbox
/// may hold work from before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Tell the reviewers that something waits for them.
    NotifyReviewers {
        /// About which entity.
        entity: EntityId,
        /// Why.
        reason: ReviewReason,
    },
    /// Let the credentials of the entity stand as the entity does at present, and publish the status lists that say so.
    PublishStatusList {
        /// Whose credentials.
        entity: EntityId,
    },
}

/// Why a reviewer is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ReviewReason {
    /// An application waits for a decision.
    Application,
    /// Screening found something.
    ScreeningHit {
        /// On whom.
        parties: Vec<Party>,
    },
}

/// The outcome of an accepted command. All of it is written in one transaction, or none.
pub type Decision = aggregate::Decision<Event, Effect>;
