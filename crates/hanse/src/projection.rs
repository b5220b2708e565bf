//! From events to read models: a function of the event and the records alone, so that a rebuild
//! gives equal rows.

use std::collections::BTreeMap;

use evidence::canonical;
use journal::{Event, Projection, ProjectionError, Record, Records, StreamName};
use mez::entity::{self, CredentialStanding, Entity, EntityEvent};
use mez::person::PersonEvent;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::breath;
use crate::compliance::{self, Evaluated, EvidenceAccepted};
use crate::credentials::status::{self, ListState};
use crate::credentials::{
    CredentialIssued, CredentialRecord, IndexAssigned, ListPublished, StandingChanged,
};
use crate::entities::apply::{NameReserved, compared, released};
use crate::notifications::{self, Acknowledged, Notification};
use crate::principals;
use crate::screening::lists::{self, ListImported};
use crate::screening::{
    INQUIRY_KIND, Inquired, PERFORMED_KIND, PartyScreening, RESCREENED_KIND, REVIEWED_KIND,
    Rescreened, ScreeningPerformed, ScreeningReviewed, record_id,
};
use crate::store::kind;

/// The read models of the node.
#[derive(Clone, Copy, Debug)]
pub struct NodeProjection;

/// How far a register has counted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterCounter {
    /// Numbers taken so far.
    pub numbers: u64,
}

impl Projection for NodeProjection {
    fn project(&self, event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
        let kind = event.kind.as_str();
        if kind.starts_with("entity.") {
            return entity_event(event, records);
        }
        if kind.starts_with("breath.") {
            return breath::record::project(event, records);
        }
        if kind.starts_with("iris.") {
            return iris_server::store::project(event, records);
        }
        match kind {
            "person.recorded.v1" => person(event, records),
            "register.name_reserved.v1" => name_reserved(event, records),
            "register.number_assigned.v1" => number_assigned(event, records),
            PERFORMED_KIND => screening_performed(event, records),
            REVIEWED_KIND => screening_reviewed(event, records),
            INQUIRY_KIND => inquiry(event, records),
            compliance::ACCEPTED_KIND => evidence_accepted(event, records),
            compliance::EVALUATED_KIND => evaluated(event, records),
            "credential.issued.v1" => credential_issued(event, records),
            "credential.standing_changed.v1" => standing_changed(event, records),
            "status_list.index_assigned.v1" => index_assigned(event, records),
            "status_list.published.v1" => list_published(event, records),
            lists::IMPORTED_KIND => list_imported(event, records),
            RESCREENED_KIND => rescreened(event, records),
            notifications::RAISED_KIND => notification(event, records),
            notifications::ACKNOWLEDGED_KIND => acknowledged(event, records),
            _ if event
                .stream
                .as_str()
                .starts_with(principals::PROJECTED_PREFIX) =>
            {
                principals::project(event, records)
            }
            _ => Ok(()),
        }
    }
}

fn entity_event(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let payload: EntityEvent = payload(event)?;
    let id = event.stream.as_str().rsplit('/').next().unwrap_or_default();
    let before: Option<Entity> = find(event, records, kind::ENTITY, id)?;
    let after = entity::apply(before, &payload)
        .map_err(|_| rule(event, "the event does not fit the state of the entity"))?;
    if released(&payload) {
        let name = format!("{}/{}", after.jurisdiction, compared(&after.legal_name));
        records.delete(kind::LEGAL_NAME, &name)?;
    }
    let fields = [
        ("status", after.status.name().to_owned()),
        ("jurisdiction", after.jurisdiction.to_string()),
        ("entity_type", after.entity_type.to_string()),
    ];
    put(event, records, kind::ENTITY, id, fields, &after)
}

fn person(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let PersonEvent::Recorded(recorded) = payload(event)?;
    let id = recorded.person.id.clone();
    put(
        event,
        records,
        kind::PERSON,
        id.as_str(),
        [],
        &recorded.person,
    )
}

fn name_reserved(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let reserved: NameReserved = payload(event)?;
    let id = format!("{}/{}", register_of(event), reserved.name);
    put(event, records, kind::LEGAL_NAME, &id, [], &reserved)
}

fn number_assigned(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let id = register_of(event);
    let counter: Option<RegisterCounter> = find(event, records, kind::REGISTER, id)?;
    let numbers = counter.unwrap_or_default().numbers + 1;
    put(
        event,
        records,
        kind::REGISTER,
        id,
        [],
        &RegisterCounter { numbers },
    )
}

fn screening_performed(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let performed: ScreeningPerformed = payload(event)?;
    let id = record_id(&performed.entity, &performed.party);
    let before: Option<PartyScreening> = find(event, records, kind::SCREENING, &id)?;
    let body = PartyScreening {
        entity: performed.entity,
        party: performed.party,
        subject: performed.subject,
        screening: performed.screening,
        decisions: before.map(|before| before.decisions).unwrap_or_default(),
    };
    put_screening(event, records, &id, &body)
}

fn screening_reviewed(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let reviewed: ScreeningReviewed = payload(event)?;
    let id = record_id(&reviewed.entity, &reviewed.party);
    let before: Option<PartyScreening> = find(event, records, kind::SCREENING, &id)?;
    let mut body = before.ok_or_else(|| rule(event, "a review follows a screening"))?;
    body.screening = reviewed.screening;
    body.decisions.extend(reviewed.decisions);
    put_screening(event, records, &id, &body)
}

fn put_screening(
    event: &Event,
    records: &mut dyn Records,
    id: &str,
    body: &PartyScreening,
) -> Result<(), ProjectionError> {
    let fields = [
        ("entity", body.entity.to_string()),
        ("open", body.is_open().to_string()),
    ];
    put(event, records, kind::SCREENING, id, fields, body)
}

fn inquiry(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let inquired: Inquired = payload(event)?;
    put(
        event,
        records,
        kind::INQUIRY,
        &inquired.id.clone(),
        [],
        &inquired,
    )
}

fn evidence_accepted(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let accepted: EvidenceAccepted = payload(event)?;
    let fields = [("entity", accepted.entity.to_string())];
    put(
        event,
        records,
        kind::EVIDENCE,
        &accepted.digest.to_string(),
        fields,
        &accepted,
    )
}

fn evaluated(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let evaluated: Evaluated = payload(event)?;
    let id = compliance::evaluation_id(&evaluated.entity, evaluated.operation);
    let fields = [("entity", evaluated.entity.to_string())];
    put(event, records, kind::EVALUATION, &id, fields, &evaluated)
}

fn credential_issued(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let issued: CredentialIssued = payload(event)?;
    let body = CredentialRecord {
        entity: issued.entity,
        index: issued.index,
        standing: CredentialStanding::InForce,
        credential: issued.credential,
    };
    let fields = [("entity", body.entity.to_string())];
    put(event, records, kind::CREDENTIAL, &issued.id, fields, &body)
}

fn standing_changed(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let changed: StandingChanged = payload(event)?;
    let id = event.stream.as_str().rsplit('/').next().unwrap_or_default();
    let before: Option<CredentialRecord> = find(event, records, kind::CREDENTIAL, id)?;
    let mut body = before.ok_or_else(|| rule(event, "a change follows the issue"))?;
    body.standing = changed.standing;
    let fields = [("entity", body.entity.to_string())];
    put(event, records, kind::CREDENTIAL, id, fields, &body)
}

fn index_assigned(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let assigned: IndexAssigned = payload(event)?;
    let state: Option<ListState> = find(event, records, kind::STATUS_LIST, status::LIST)?;
    let mut state = state.unwrap_or_default();
    if assigned.index != state.assigned {
        return Err(rule(event, "places on the lists are taken in order"));
    }
    state.assigned += 1;
    put(event, records, kind::STATUS_LIST, status::LIST, [], &state)
}

fn list_published(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let published: ListPublished = payload(event)?;
    let state: Option<ListState> = find(event, records, kind::STATUS_LIST, status::LIST)?;
    let mut state = state.unwrap_or_default();
    state
        .published
        .insert(published.purpose, published.credential);
    put(event, records, kind::STATUS_LIST, status::LIST, [], &state)
}

fn list_imported(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let imported: ListImported = payload(event)?;
    put(
        event,
        records,
        kind::SANCTIONS_LIST,
        &imported.header.name.clone(),
        [],
        &imported,
    )
}

fn rescreened(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let report: Rescreened = payload(event)?;
    let id = format!("{}.{:010}", report.list, event.seq.get());
    put(
        event,
        records,
        kind::RESCREENING,
        &id,
        [("list", report.list.clone())],
        &report,
    )
}

fn notification(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let raised: Notification = payload(event)?;
    let fields = [("open", "true".to_owned())];
    put(
        event,
        records,
        kind::NOTIFICATION,
        &raised.id.clone(),
        fields,
        &raised,
    )
}

fn acknowledged(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let noted: Acknowledged = payload(event)?;
    let before: Option<Notification> = find(event, records, kind::NOTIFICATION, &noted.id)?;
    let mut body = before.ok_or_else(|| rule(event, "only what was raised can be noted"))?;
    body.acknowledged_by = Some(noted.by);
    put(
        event,
        records,
        kind::NOTIFICATION,
        &noted.id,
        [("open", "false".to_owned())],
        &body,
    )
}

/// The jurisdiction in the name of a register's stream.
fn register_of(event: &Event) -> &str {
    event.stream.as_str().rsplit('/').next().unwrap_or_default()
}

pub(crate) fn payload<T: DeserializeOwned>(event: &Event) -> Result<T, ProjectionError> {
    let bytes = event.payload.as_deref().unwrap_or_default();
    serde_json::from_slice(bytes).map_err(|source| malformed(event, source))
}

pub(crate) fn find<T: DeserializeOwned>(
    event: &Event,
    records: &dyn Records,
    kind: &str,
    id: &str,
) -> Result<Option<T>, ProjectionError> {
    let Some(record) = records.get(kind, id)? else {
        return Ok(None);
    };
    serde_json::from_slice(&record.body)
        .map(Some)
        .map_err(|source| malformed(event, source))
}

pub(crate) fn put<const N: usize>(
    event: &Event,
    records: &mut dyn Records,
    kind: &str,
    id: &str,
    fields: [(&str, String); N],
    body: &impl Serialize,
) -> Result<(), ProjectionError> {
    let body = canonical::to_vec_of(body).map_err(|source| ProjectionError::Payload {
        kind: event.kind.clone(),
        source: Box::new(source),
    })?;
    let fields: BTreeMap<String, String> = fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let owner: StreamName = event.stream.clone();
    records.put(Record {
        kind: kind.to_owned(),
        id: id.to_owned(),
        stream: Some(owner),
        fields,
        body,
        version: 0,
    })
}

fn malformed(event: &Event, source: serde_json::Error) -> ProjectionError {
    ProjectionError::Payload {
        kind: event.kind.clone(),
        source: Box::new(source),
    }
}

pub(crate) fn rule(event: &Event, rule: &'static str) -> ProjectionError {
    ProjectionError::Rule {
        kind: event.kind.clone(),
        rule,
    }
}
