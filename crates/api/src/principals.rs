//! Who may act in the zone.

use std::collections::BTreeSet;

use ids::PrincipalId;
use serde::{Deserialize, Serialize};

use crate::scope::Standing;
use crate::word::words;

words! {
    /// What kind of actor a principal is.
    PrincipalKind {
        /// Something that acts by itself in the field.
        Device = "device",
        /// A human.
        Person = "person",
        /// A program.
        Service = "service",
        /// Another zone.
        Zone = "zone",
    }
}

words! {
    /// Whether a principal may act.
    PrincipalStatus {
        /// It may not, for good.
        Disabled = "disabled",
        /// It may.
        Enabled = "enabled",
    }
}

/// A principal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PrincipalView {
    /// Its name.
    pub id: PrincipalId,
    /// What kind of actor it is.
    pub kind: PrincipalKind,
    /// The name for people.
    pub display_name: String,
    /// The `did:key` by which it can ask for tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What it is in the zone.
    pub standing: Standing,
    /// The entities it acts for; empty means no such limit for staff other than officers.
    pub entities: BTreeSet<String>,
    /// The jurisdiction it acts in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<String>,
    /// Whether it may act.
    pub status: PrincipalStatus,
    /// When it was created, Unix milliseconds.
    pub created_ms: i64,
}

/// Creates a principal.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreatePrincipal {
    /// Its name in the zone; never given out again.
    pub id: PrincipalId,
    /// What kind of actor it is.
    pub kind: PrincipalKind,
    /// The name for people.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::text::LineText))]
    pub display_name: String,
    /// The `did:key` by which it can ask for tokens itself.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::text::DidKeyText>))]
    pub key: Option<String>,
    /// What it is in the zone.
    pub standing: Standing,
    /// The entities it acts for.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::text::LineText>, max_items = 100))]
    pub entities: BTreeSet<String>,
    /// The jurisdiction it acts in.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::text::LineText>))]
    pub jurisdiction: Option<String>,
}

/// Replaces what a principal is in the zone.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SetStanding {
    /// What it is from now on.
    pub standing: Standing,
    /// The entities it acts for from now on.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::text::LineText>, max_items = 100))]
    pub entities: BTreeSet<String>,
    /// The jurisdiction it acts in from now on.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::text::LineText>))]
    pub jurisdiction: Option<String>,
}

/// Ends what a principal may do, for good.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DisablePrincipal {
    /// Why, for those who read the journal.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::text::LineText))]
    pub reason: String,
}

/// Redeems the one-time bootstrap token for the first administrator and its first token.
#[derive(Clone, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RedeemBootstrap {
    /// What the first start printed.
    pub bootstrap_token: String,
    /// The name of the first administrator.
    pub id: PrincipalId,
    /// The name for people.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::text::LineText))]
    pub display_name: String,
    /// The `did:key` by which the administrator can ask for further tokens.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::text::DidKeyText>))]
    pub key: Option<String>,
}

impl std::fmt::Debug for RedeemBootstrap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedeemBootstrap")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
