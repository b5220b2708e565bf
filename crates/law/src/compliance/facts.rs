//! What is known of a subject, in the form in which rules read it.

use std::collections::BTreeSet;

use ids::{PackItemId, PersonId};
use serde::{Deserialize, Serialize};

use super::Operation;

/// Typed facts about a subject. Counts and shares only: rules hold the thresholds, so that a
/// threshold is read where its law is cited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    /// What the subject asks to do.
    pub operation: Operation,
    /// Its type.
    pub entity_type: PackItemId,
    /// Its legal name.
    pub legal_name: String,
    /// What it does.
    pub activities: BTreeSet<PackItemId>,
    /// Everybody who directs or owns it.
    pub persons: BTreeSet<PersonId>,
    /// How many direct it.
    pub directors: u32,
    /// How many own it.
    pub owners: u32,
    /// The sum of the disclosed shares, in hundredths of a per cent.
    pub disclosed_bps: u32,
    /// The largest share of an owner who is not identified by date of birth, nationality and an
    /// official number; 0 if all are.
    pub largest_unidentified_share_bps: u32,
    /// How many directors are not identified in that way.
    pub unidentified_directors: u32,
    /// Completed years of the youngest director; absent if any director's date of birth is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub youngest_director_age: Option<u32>,
    /// How the screening of the parties stands.
    pub screening: ScreeningCounts,
}

/// How many parties stand how, and on which lists they were screened.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScreeningCounts {
    /// All parties.
    pub parties: u32,
    /// Cleared.
    #[serde(default)]
    pub cleared: u32,
    /// Never screened.
    #[serde(default)]
    pub unscreened: u32,
    /// Screened too long ago.
    #[serde(default)]
    pub stale: u32,
    /// Waiting for a reviewer.
    #[serde(default)]
    pub under_review: u32,
    /// Matched.
    #[serde(default)]
    pub blocked: u32,
    /// The lists, as `name@version`.
    #[serde(default)]
    pub lists: BTreeSet<String>,
}
