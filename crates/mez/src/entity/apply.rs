//! From events to the entity.

use std::collections::BTreeSet;

use super::event::{Applied, EntityEvent, Screened};
use super::{Dissolution, Entity, PartyRecord, Registration, Stage, Status};

/// An event stands where the register cannot have put it: the stream is not ours, or not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("event {kind} cannot follow state {state}")]
pub struct MisplacedEvent {
    /// The event.
    pub kind: &'static str,
    /// The state it was applied to; `none` before the first event.
    pub state: &'static str,
}

/// Applies an event to the state before it.
pub fn apply(entity: Option<Entity>, event: &EntityEvent) -> Result<Entity, MisplacedEvent> {
    match (entity, event) {
        (None, EntityEvent::Applied(applied)) => Ok(begin(applied)),
        (Some(entity), event) => evolve(entity, event),
        (None, event) => Err(MisplacedEvent {
            kind: event.kind(),
            state: "none",
        }),
    }
}

/// Applies a whole stream.
pub fn replay<'a>(
    events: impl IntoIterator<Item = &'a EntityEvent>,
) -> Result<Option<Entity>, MisplacedEvent> {
    events
        .into_iter()
        .try_fold(None, |entity, event| apply(entity, event).map(Some))
}

fn begin(applied: &Applied) -> Entity {
    let unscreened = |subject| PartyRecord {
        subject,
        screening: None,
    };
    Entity {
        id: applied.entity.clone(),
        jurisdiction: applied.jurisdiction.clone(),
        entity_type: applied.entity_type.clone(),
        legal_name: applied.legal_name.clone(),
        registered_office: applied.registered_office.clone(),
        activities: applied.activities.clone(),
        directors: applied.directors.clone(),
        owners: applied.owners.clone(),
        applicant: applied.by.clone(),
        applied_at_ms: applied.at_ms,
        parties: applied
            .parties
            .iter()
            .map(|(party, subject)| (party.clone(), unscreened(*subject)))
            .collect(),
        compliance: None,
        approvals: BTreeSet::new(),
        registration: None,
        status: Status::Applied,
    }
}

fn evolve(mut entity: Entity, event: &EntityEvent) -> Result<Entity, MisplacedEvent> {
    let misplaced = MisplacedEvent {
        kind: event.kind(),
        state: entity.status.name(),
    };
    let status = std::mem::replace(&mut entity.status, Status::Applied);
    entity.status = match (status, event) {
        (status, EntityEvent::Screened(screened)) if !status.is_final() => {
            record_screenings(&mut entity, screened).ok_or(misplaced)?;
            status
        }
        (status, EntityEvent::Evaluated(evaluated)) if !status.is_final() => {
            entity.compliance = Some(evaluated.record.clone());
            status
        }
        (Status::Applied, EntityEvent::ReviewBegun(_)) => Status::InReview,
        (Status::InReview, EntityEvent::Approved(approved)) => {
            entity.approvals.insert(approved.by.clone());
            Status::InReview
        }
        (Status::InReview, EntityEvent::Activated(activated)) => {
            let number = activated.registration_number.clone();
            entity.registration = Some(Registration {
                number,
                at_ms: activated.at_ms,
            });
            Status::Active
        }
        (Status::Applied | Status::InReview, EntityEvent::Rejected(rejected)) => Status::Rejected {
            reason: rejected.reason.clone(),
        },
        (Status::Active, EntityEvent::Suspended(suspended)) => Status::Suspended {
            reason: suspended.reason.clone(),
        },
        (Status::Suspended { .. }, EntityEvent::Reinstated(_)) => Status::Active,
        (status, event) => dissolve(status, event).ok_or(misplaced)?,
    };
    Ok(entity)
}

fn record_screenings(entity: &mut Entity, screened: &Screened) -> Option<()> {
    for fact in &screened.screenings {
        entity.parties.get_mut(&fact.party)?.screening = Some(fact.clone());
    }
    Some(())
}

fn dissolve(status: Status, event: &EntityEvent) -> Option<Status> {
    match (status, event) {
        (Status::Active, EntityEvent::DissolutionInitiated(initiated)) => {
            Some(first_stage(initiated.at_ms, None, initiated.evidence))
        }
        (Status::Suspended { reason }, EntityEvent::DissolutionInitiated(initiated)) => Some(
            first_stage(initiated.at_ms, Some(reason), initiated.evidence),
        ),
        (Status::Dissolving(mut dissolution), EntityEvent::StageCompleted(completed))
            if dissolution.stage == completed.stage =>
        {
            dissolution.evidence.push(completed.evidence);
            if let Some(next) = completed.stage.next() {
                dissolution.stage = next;
                dissolution.stage_began_ms = completed.at_ms;
            }
            Some(Status::Dissolving(dissolution))
        }
        (Status::Dissolving(dissolution), EntityEvent::DissolutionCancelled(_)) => {
            Some(match dissolution.suspended_for {
                Some(reason) => Status::Suspended { reason },
                None => Status::Active,
            })
        }
        (Status::Dissolving(dissolution), EntityEvent::Dissolved(dissolved))
            if dissolution.stage == Stage::Dissolution =>
        {
            Some(Status::Dissolved {
                at_ms: dissolved.at_ms,
            })
        }
        _ => None,
    }
}

fn first_stage(
    at_ms: i64,
    suspended_for: Option<String>,
    evidence: evidence::digest::Digest,
) -> Status {
    Status::Dissolving(Dissolution {
        stage: Stage::BoardResolution,
        stage_began_ms: at_ms,
        suspended_for,
        evidence: vec![evidence],
    })
}
