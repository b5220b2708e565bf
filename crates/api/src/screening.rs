//! Sanctions lists and what comes of searching them.

use evidence::digest::Digest;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// A list in force.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = SanctionsList))]
pub struct ListView {
    /// Name.
    pub name: String,
    /// The publisher's version.
    pub version: String,
    /// The day it was published.
    pub published: Date,
    /// Commits to every entry.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub digest: Digest,
    /// How many entries it has.
    pub entries: u64,
    /// Whether screening requires it.
    pub required: bool,
    /// Whether it can be used now; if not, every screening that requires it blocks.
    pub usable: bool,
}

/// One list that was searched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ListVersion {
    /// Name, such as `ofac-sdn`.
    pub name: String,
    /// The publisher's version or date.
    pub version: String,
    /// Commits to every entry.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub digest: Digest,
}
