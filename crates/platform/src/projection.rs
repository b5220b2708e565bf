//! What the projections of all institutions share: reading an event's payload, finding and putting typed records.

use std::collections::BTreeMap;

use evidence::canonical;
use journal::{Event, ProjectionError, Record, Records, StreamName};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The payload of an event, by type.
///
/// # Errors
/// It is not what its kind says.
pub fn payload<T: DeserializeOwned>(event: &Event) -> Result<T, ProjectionError> {
    let bytes = event.payload.as_deref().unwrap_or_default();
    serde_json::from_slice(bytes).map_err(|source| malformed(event, source))
}

/// A record that the projection may build on.
///
/// # Errors
/// It cannot be read, or is not of type `T`.
pub fn find<T: DeserializeOwned>(
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

/// Puts a record that the event's stream owns.
///
/// # Errors
/// The body has no canonical form, or the stream may not own the record.
pub fn put<const N: usize>(
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

/// A rule of the read model that refuses an event, and with it its transaction.
pub fn rule(event: &Event, rule: &'static str) -> ProjectionError {
    ProjectionError::Rule {
        kind: event.kind.clone(),
        rule,
    }
}
