//! Facts about an entity. Their JSON is stored for ever: a change of shape is a new version.

use std::collections::{BTreeMap, BTreeSet};

use evidence::digest::Digest;
use ids::{ActorId, EntityId, JurisdictionId, PackItemId, PersonId};
use law::compliance::ComplianceRecord;
use serde::{Deserialize, Serialize};

use super::dissolution::Stage;
use super::{RegistrationNumber, StageProof, Stake};
use crate::person::PersonEvent;
use crate::screening::{Party, ScreeningFact};

/// What a command to an entity leads to: facts about it, and about the persons behind it. Each is stored as it is, in the
/// stream of what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Event {
    /// A public fact, for the entity's stream.
    Entity(EntityEvent),
    /// A personal fact, for its person's sealed stream.
    Person(PersonEvent),
}

impl Event {
    /// The kind under which the journal stores the event.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Entity(event) => event.kind(),
            Self::Person(event) => event.kind(),
        }
    }

    /// The fact about the entity, if it is one.
    pub const fn of_entity(&self) -> Option<&EntityEvent> {
        match self {
            Self::Entity(event) => Some(event),
            Self::Person(_) => None,
        }
    }
}

impl From<EntityEvent> for Event {
    fn from(event: EntityEvent) -> Self {
        Self::Entity(event)
    }
}

macro_rules! entity_events {
    ($($(#[$doc:meta])* $variant:ident = $kind:literal),* $(,)?) => {
        /// A fact about an entity.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "type")]
        pub enum EntityEvent {
            $($(#[$doc])* #[serde(rename = $kind)] $variant($variant),)*
        }

        impl EntityEvent {
            /// The kind under which the journal stores the event.
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $kind,)*
                }
            }

            /// When it happened, in milliseconds since 1970-01-01T00:00:00Z.
            pub const fn at_ms(&self) -> i64 {
                match self {
                    $(Self::$variant(event) => event.at_ms,)*
                }
            }

            /// Who did it.
            pub const fn by(&self) -> &ActorId {
                match self {
                    $(Self::$variant(event) => &event.by,)*
                }
            }
        }
    };
}

entity_events! {
    /// Registration was applied for.
    Applied = "entity.applied.v1",
    /// Parties were screened, or a reviewer found on their hits.
    Screened = "entity.screened.v1",
    /// A reviewer took the application up.
    ReviewBegun = "entity.review_begun.v1",
    /// Compliance was judged.
    Evaluated = "entity.evaluated.v1",
    /// A reviewer approved.
    Approved = "entity.approved.v1",
    /// The company was registered.
    Activated = "entity.activated.v1",
    /// The application was refused.
    Rejected = "entity.rejected.v1",
    /// The company was barred from acting.
    Suspended = "entity.suspended.v1",
    /// The company may act again.
    Reinstated = "entity.reinstated.v1",
    /// Winding up began.
    DissolutionInitiated = "entity.dissolution_initiated.v1",
    /// A stage of winding up was completed.
    StageCompleted = "entity.dissolution_stage_completed.v1",
    /// Winding up was stopped.
    DissolutionCancelled = "entity.dissolution_cancelled.v1",
    /// The company is no more.
    Dissolved = "entity.dissolved.v1",
}

macro_rules! event_body {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// When, in milliseconds since 1970-01-01T00:00:00Z.
            pub at_ms: i64,
            /// Who did it.
            pub by: ActorId,
            $($(#[$field_doc])* pub $field: $type,)*
        }
    };
}

event_body!(
    /// See [`EntityEvent::Applied`].
    Applied {
        /// The id of the entity.
        entity: EntityId,
        /// Where it asks to be registered.
        jurisdiction: JurisdictionId,
        /// As what.
        entity_type: PackItemId,
        /// Under which name.
        legal_name: String,
        /// With which office.
        registered_office: String,
        /// To do what.
        activities: BTreeSet<PackItemId>,
        /// Who directs it.
        directors: BTreeSet<PersonId>,
        /// Who owns it.
        owners: Vec<Stake>,
        /// Digests of everybody who must be screened.
        parties: BTreeMap<Party, Digest>,
    }
);
event_body!(
    /// See [`EntityEvent::Screened`].
    Screened {
        /// The outcomes, at most one for each party.
        screenings: Vec<ScreeningFact>,
    }
);
event_body!(
    /// See [`EntityEvent::ReviewBegun`].
    ReviewBegun {}
);
event_body!(
    /// See [`EntityEvent::Evaluated`].
    Evaluated {
        /// The judgement.
        record: ComplianceRecord,
    }
);
event_body!(
    /// See [`EntityEvent::Approved`].
    Approved {
        /// The judgement it rests on.
        commitment: Digest,
    }
);
event_body!(
    /// See [`EntityEvent::Activated`].
    Activated {
        /// The number in the register.
        registration_number: RegistrationNumber,
    }
);
event_body!(
    /// See [`EntityEvent::Rejected`].
    Rejected {
        /// Why.
        reason: String,
    }
);
event_body!(
    /// See [`EntityEvent::Suspended`].
    Suspended {
        /// Why.
        reason: String,
    }
);
event_body!(
    /// See [`EntityEvent::Reinstated`].
    Reinstated {
        /// Why.
        reason: String,
    }
);
event_body!(
    /// See [`EntityEvent::DissolutionInitiated`].
    DissolutionInitiated {
        /// Digest of the document that asks for it.
        evidence: Digest,
    }
);
event_body!(
    /// See [`EntityEvent::StageCompleted`].
    StageCompleted {
        /// Which stage.
        stage: Stage,
        /// Digest of the document that shows it.
        evidence: Digest,
        /// What the stage demands besides.
        proof: StageProof,
    }
);
event_body!(
    /// See [`EntityEvent::DissolutionCancelled`].
    DissolutionCancelled {
        /// Why.
        reason: String,
    }
);
event_body!(
    /// See [`EntityEvent::Dissolved`].
    Dissolved {}
);
