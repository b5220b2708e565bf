//! From events of the register to its records.

use ids::aggregate::Aggregate as _;
use journal::{Event, ProjectionError, Records};
use mez::entity::{self, Entity, EntityEvent};
use mez::person::PersonEvent;

use super::register::{NameReserved, RegisterCounter, name_id};
use crate::records::kind;
use platform::projection::{find, payload, put, rule};

/// An entity. Who is rejected or dissolved gives its name back.
pub(super) fn entity(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let happened: EntityEvent = payload(event)?;
    let gives_name_back = matches!(
        happened,
        EntityEvent::Rejected(_) | EntityEvent::Dissolved(_)
    );
    let id = last_segment(event);
    let before: Option<Entity> = find(event, records, kind::ENTITY, id)?;
    let after = Entity::apply(before, &entity::Event::Entity(happened))
        .map_err(|_| rule(event, "the event does not fit the state of the entity"))?;
    if gives_name_back {
        records.delete(kind::LEGAL_NAME, &name_id(&after))?;
    }
    let fields = [
        ("status", after.status.name().to_owned()),
        ("jurisdiction", after.jurisdiction.to_string()),
        ("entity_type", after.entity_type.to_string()),
    ];
    put(event, records, kind::ENTITY, id, fields, &after)
}

/// A person behind an entity.
pub(super) fn person(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let PersonEvent::Recorded(recorded) = payload(event)?;
    let person = recorded.person;
    put(
        event,
        records,
        kind::PERSON,
        person.id.as_str(),
        [],
        &person,
    )
}

/// A name that is taken.
pub(super) fn name_reserved(
    event: &Event,
    records: &mut dyn Records,
) -> Result<(), ProjectionError> {
    let reserved: NameReserved = payload(event)?;
    let id = format!("{}/{}", last_segment(event), reserved.name);
    put(event, records, kind::LEGAL_NAME, &id, [], &reserved)
}

/// How far a register has counted.
pub(super) fn number_assigned(
    event: &Event,
    records: &mut dyn Records,
) -> Result<(), ProjectionError> {
    let id = last_segment(event);
    let counter: Option<RegisterCounter> = find(event, records, kind::REGISTER, id)?;
    let numbers = counter.unwrap_or_default().numbers + 1;
    let counter = RegisterCounter { numbers };
    put(event, records, kind::REGISTER, id, [], &counter)
}

/// The id in the name of an entity's stream, the jurisdiction in that of a register's.
fn last_segment(event: &Event) -> &str {
    event.stream.as_str().rsplit('/').next().unwrap_or_default()
}
