//! What the events of notifications make of their records.

use ids::aggregate::Aggregate as _;
use journal::{Event, ProjectionError, Records};
use mez::notification::{Acknowledged, Notification, NotificationEvent};

use crate::records::kind;
use platform::projection::{find, payload, put, rule};

pub(super) fn raised(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let raised: Notification = payload(event)?;
    let id = raised.id.clone();
    project(event, records, &id, &NotificationEvent::Raised(raised))
}

pub(super) fn acknowledged(
    event: &Event,
    records: &mut dyn Records,
) -> Result<(), ProjectionError> {
    let noted: Acknowledged = payload(event)?;
    let id = noted.id.clone();
    project(event, records, &id, &NotificationEvent::Acknowledged(noted))
}

fn project(
    event: &Event,
    records: &mut dyn Records,
    id: &str,
    happened: &NotificationEvent,
) -> Result<(), ProjectionError> {
    let before: Option<Notification> = find(event, records, kind::NOTIFICATION, id)?;
    let after = Notification::apply(before, happened)
        .map_err(|_| rule(event, "what is raised once can be noted"))?;
    let open = after.acknowledged_by.is_none().to_string();
    put(
        event,
        records,
        kind::NOTIFICATION,
        id,
        [("open", open)],
        &after,
    )
}
