//! From events to the entity.

use std::collections::BTreeSet;

use super::event::{Applied, EntityEvent, Event, Screened};
use super::{Dissolution, Entity, PartyRecord, Registration, Stage, Status};
use ids::aggregate::Misfit;

/// The state of an entity that there is not.
const NONE: &str = "none";

/// Applies an event to the state before it. What is known of a person is not part of the entity, which has its digest.
pub(super) fn apply(entity: Option<Entity>, event: &Event) -> Result<Entity, Misfit> {
    match (entity, event) {
        (None, Event::Entity(EntityEvent::Applied(applied))) => Ok(begin(applied)),
        (Some(entity), Event::Entity(event)) => evolve(entity, event),
        (Some(entity), Event::Person(_)) => Ok(entity),
        (None, event) => Err(Misfit {
            event: event.kind(),
            state: NONE,
        }),
    }
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

fn evolve(mut entity: Entity, event: &EntityEvent) -> Result<Entity, Misfit> {
    let misfit = Misfit {
        event: event.kind(),
        state: entity.status.name(),
    };
    let status = std::mem::replace(&mut entity.status, Status::Applied);
    entity.status = match (status, event) {
        (status, EntityEvent::Screened(screened)) if !status.is_final() => {
            record_screenings(&mut entity, screened).ok_or(misfit)?;
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
        (status, event) => dissolve(status, event).ok_or(misfit)?,
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
