//! What the events of screening make of its records.

use ids::aggregate::Aggregate as _;
use journal::{Event, ProjectionError, Records};
use mez::screening::case::{CaseEvent, PartyScreening};
use mez::screening::inquiry::Inquired;

use super::lists::{ListImported, ListProposed, ListRejected};
use super::rescreen::Rescreened;
use crate::records::kind;
use platform::projection::{find, payload, put, rule};

pub(super) fn screening_performed(
    event: &Event,
    records: &mut dyn Records,
) -> Result<(), ProjectionError> {
    case(event, records, &CaseEvent::Performed(payload(event)?))
}

pub(super) fn screening_reviewed(
    event: &Event,
    records: &mut dyn Records,
) -> Result<(), ProjectionError> {
    case(event, records, &CaseEvent::Reviewed(payload(event)?))
}

fn case(
    event: &Event,
    records: &mut dyn Records,
    happened: &CaseEvent,
) -> Result<(), ProjectionError> {
    let id = happened.case_id();
    let before: Option<PartyScreening> = find(event, records, kind::SCREENING, &id)?;
    let after = PartyScreening::apply(before, happened)
        .map_err(|_| rule(event, "a review follows a screening"))?;
    let fields = [
        ("entity", after.entity.to_string()),
        ("open", after.is_open().to_string()),
    ];
    put(event, records, kind::SCREENING, &id, fields, &after)
}

pub(super) fn inquired(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let inquired: Inquired = payload(event)?;
    put(event, records, kind::INQUIRY, &inquired.id, [], &inquired)
}

pub(super) fn list_imported(
    event: &Event,
    records: &mut dyn Records,
) -> Result<(), ProjectionError> {
    let imported: ListImported = payload(event)?;
    let name = &imported.header.name;
    put(event, records, kind::SANCTIONS_LIST, name, [], &imported)?;
    records.delete(kind::SANCTIONS_PROPOSAL, name)
}

pub(super) fn list_proposed(
    event: &Event,
    records: &mut dyn Records,
) -> Result<(), ProjectionError> {
    let proposed: ListProposed = payload(event)?;
    let name = &proposed.list.header.name;
    put(
        event,
        records,
        kind::SANCTIONS_PROPOSAL,
        name,
        [],
        &proposed,
    )
}

pub(super) fn list_rejected(
    event: &Event,
    records: &mut dyn Records,
) -> Result<(), ProjectionError> {
    let rejected: ListRejected = payload(event)?;
    let name = &rejected.rejection.version.header.name;
    records.delete(kind::SANCTIONS_PROPOSAL, name)
}

pub(super) fn rescreened(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let report: Rescreened = payload(event)?;
    let id = format!("{}.{:010}", report.list, event.seq.get());
    let fields = [("list", report.list.clone())];
    put(event, records, kind::RESCREENING, &id, fields, &report)
}
