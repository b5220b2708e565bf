//! The zone: its law, its packs, its lists.

use evidence::digest::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::screening::ListView;

/// The zone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Zone))]
pub struct ZoneView {
    /// Id of the zone, also the audience of its tokens.
    pub zone_id: String,
    /// Its name.
    pub name: String,
    /// The key with which it issues credentials, as `did:key`.
    pub did: String,
    /// The key of its log, as a verifier key of C2SP signed notes.
    pub log_key: String,
    /// Where verifiers reach it.
    pub public_url: String,
    /// The layers of its law, from general to specific.
    pub jurisdiction_stack: Vec<String>,
    /// What can be registered now.
    pub entity_types: Vec<EntityTypeView>,
    /// What companies can do.
    pub activities: Vec<ActivityView>,
    /// Its packs.
    pub packs: Vec<PackView>,
    /// Commits to every byte of the manifest and the packs.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub lock: Digest,
    /// Whose attestations count, and in which domains.
    pub authorities: Vec<AuthorityView>,
    /// Its manifest.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub manifest: Value,
    /// Its sanctions lists.
    pub sanctions_lists: Vec<ListView>,
}

/// A type of entity on offer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = EntityType))]
pub struct EntityTypeView {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Who registers it.
    pub jurisdiction: String,
    /// Under which clause.
    pub clause: String,
}

/// A business activity.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Activity))]
pub struct ActivityView {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// The licence it needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
}

/// A law pack.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Pack))]
pub struct PackView {
    /// Id.
    pub id: String,
    /// Version.
    pub version: String,
    /// Title.
    pub title: String,
    /// What a reader must know before relying on it.
    pub notice: String,
    /// Commits to its every byte.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub digest: Digest,
    /// The laws it cites, each with whether somebody compared it with the official text.
    pub sources: Vec<SourceView>,
}

/// Somebody whose attestations the zone accepts.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Authority))]
pub struct AuthorityView {
    /// Its key, as `did:key`.
    pub did: String,
    /// Its name.
    pub name: String,
    /// The domains it may attest in.
    pub domains: Vec<String>,
}

/// A law, regulation or standard that a pack cites.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Source))]
pub struct SourceView {
    /// Id in the pack.
    pub id: String,
    /// How it is cited.
    pub citation: String,
    /// Where it is published.
    pub url: String,
    /// The day of enactment or publication.
    pub date: jiff::civil::Date,
    /// Whether somebody compared the rules that cite it with the official text: `against_official_text` or `not_yet`.
    pub checked: String,
}
