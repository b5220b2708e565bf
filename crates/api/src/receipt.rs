//! Where a write is in the journal.

use evidence::digest::Digest;
use serde::{Deserialize, Serialize};

/// Where one event of a write is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventPlace {
    /// The stream.
    pub stream: String,
    /// The position in the stream, from 1.
    pub seq: u64,
    /// The digest of the event header.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "sha256:…"))]
    pub digest: Digest,
    /// The leaf in the log; `/v1/journal/proofs/{index}` proves it.
    pub index: u64,
}

/// Says that a write is durable, and where.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Receipt {
    /// The events, in the order they were written.
    pub events: Vec<EventPlace>,
    /// The number of leaves in the log after the write.
    pub tree_size: u64,
    /// The root of the log at that size, as hexadecimal digits.
    pub root: String,
}

/// A body with its receipt, as the caller sees it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Receipted<T> {
    /// The resource.
    #[serde(flatten)]
    pub body: T,
    /// Where the write is in the journal.
    pub receipt: Receipt,
}
