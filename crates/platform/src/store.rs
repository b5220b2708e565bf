//! Read models by type. A record that does not parse is a defect or a tampered row, never skipped.

use std::collections::BTreeMap;

use journal::{ReadError, Record, Snapshot};
use serde::de::DeserializeOwned;

use crate::declined::Declined;

/// Why a typed record could not be had.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The journal failed.
    #[error("journal could not read")]
    Read(#[from] ReadError),
    /// A record is not of its type.
    #[error("record {kind}/{id} is not of its type")]
    Malformed {
        /// Kind.
        kind: &'static str,
        /// Id.
        id: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl From<StoreError> for Declined {
    fn from(error: StoreError) -> Self {
        Self::internal(&error)
    }
}

/// A record with its parsed body.
#[derive(Clone, Debug)]
pub struct Stored<T> {
    /// Id of the record.
    pub id: String,
    /// The body.
    pub body: T,
    /// Log index of its last change; the entity tag.
    pub version: u64,
    /// Its indexed fields.
    pub fields: BTreeMap<String, String>,
}

/// Parses the body of a record.
///
/// # Errors
/// The body is not of type `T`.
pub fn parse<T: DeserializeOwned>(
    kind: &'static str,
    record: Record,
) -> Result<Stored<T>, StoreError> {
    let body = serde_json::from_slice(&record.body).map_err(|source| StoreError::Malformed {
        kind,
        id: record.id.clone(),
        source,
    })?;
    Ok(Stored {
        id: record.id,
        body,
        version: record.version,
        fields: record.fields,
    })
}

/// One record, if it exists.
///
/// # Errors
/// The journal fails, or the record is not of type `T`.
pub fn find<T: DeserializeOwned>(
    snapshot: &Snapshot<'_>,
    kind: &'static str,
    id: &str,
) -> Result<Option<Stored<T>>, StoreError> {
    snapshot
        .record(kind, id)?
        .map(|record| parse(kind, record))
        .transpose()
}

/// Records of one kind whose fields equal every filter, in the order of their ids.
///
/// # Errors
/// The journal fails, or a record is not of type `T`.
pub fn list<T: DeserializeOwned>(
    snapshot: &Snapshot<'_>,
    kind: &'static str,
    filters: &[(&str, &str)],
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Stored<T>>, StoreError> {
    let records = snapshot.records(kind, filters, after, limit)?;
    records
        .into_iter()
        .map(|record| parse(kind, record))
        .collect()
}

/// Every record of one kind that fits, page by page.
///
/// # Errors
/// The journal fails, or a record is not of type `T`.
pub fn all<T: DeserializeOwned>(
    snapshot: &Snapshot<'_>,
    kind: &'static str,
    filters: &[(&str, &str)],
) -> Result<Vec<Stored<T>>, StoreError> {
    const PAGE: usize = 500;
    let mut found: Vec<Stored<T>> = Vec::new();
    loop {
        let after = found.last().map(|stored| stored.id.clone());
        let page = list(snapshot, kind, filters, after.as_deref(), PAGE)?;
        let is_last = page.len() < PAGE;
        found.extend(page);
        if is_last {
            return Ok(found);
        }
    }
}
