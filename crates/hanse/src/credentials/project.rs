//! From events of credentials and status lists to their records.

use ids::aggregate::Aggregate as _;
use journal::{Event, ProjectionError, Records};
use mez::credential::{Credential, CredentialEvent, ListEvent, StatusLists};

use super::status::LISTS;
use crate::records::kind;
use platform::projection::{find, payload, put, rule};

/// A credential that was issued.
pub(super) fn issued(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    credential(event, records, &CredentialEvent::Issued(payload(event)?))
}

/// A credential that stands otherwise.
pub(super) fn standing_changed(
    event: &Event,
    records: &mut dyn Records,
) -> Result<(), ProjectionError> {
    let changed = CredentialEvent::StandingChanged(payload(event)?);
    credential(event, records, &changed)
}

fn credential(
    event: &Event,
    records: &mut dyn Records,
    happened: &CredentialEvent,
) -> Result<(), ProjectionError> {
    let id = event.stream.as_str().rsplit('/').next().unwrap_or_default();
    let before: Option<Credential> = find(event, records, kind::CREDENTIAL, id)?;
    let after = Credential::apply(before, happened)
        .map_err(|_| rule(event, "the event does not fit how the credential stands"))?;
    let fields = [("entity", after.entity.to_string())];
    put(event, records, kind::CREDENTIAL, id, fields, &after)
}

/// An index that is taken.
pub(super) fn index_assigned(
    event: &Event,
    records: &mut dyn Records,
) -> Result<(), ProjectionError> {
    lists(event, records, &ListEvent::IndexAssigned(payload(event)?))
}

/// A list that was published.
pub(super) fn list_published(
    event: &Event,
    records: &mut dyn Records,
) -> Result<(), ProjectionError> {
    lists(event, records, &ListEvent::Published(payload(event)?))
}

fn lists(
    event: &Event,
    records: &mut dyn Records,
    happened: &ListEvent,
) -> Result<(), ProjectionError> {
    let before: Option<StatusLists> = find(event, records, kind::STATUS_LIST, LISTS)?;
    let after = StatusLists::apply(before, happened)
        .map_err(|_| rule(event, "indexes of the lists are taken in order"))?;
    put(event, records, kind::STATUS_LIST, LISTS, [], &after)
}
