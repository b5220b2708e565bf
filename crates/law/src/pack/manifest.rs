//! The files of a law pack as types. Objects are closed: a misspelt member is an error.

use std::collections::BTreeSet;

use ids::{JurisdictionId, PackItemId};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::compliance::Domain;

/// `pack.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackManifest {
    /// Form of this file: `hanse.law-pack/v1`.
    pub format: PackFormat,
    /// Id of the pack.
    pub id: PackItemId,
    /// Version, by semantic versioning.
    pub version: String,
    /// Title for people.
    pub title: String,
    /// Whose law it is.
    pub jurisdiction: JurisdictionId,
    /// Licence of the pack's own text, as an SPDX expression.
    pub licence: String,
    /// First day on which the pack may be applied.
    pub effective_from: Date,
    /// First day on which it may no longer be applied.
    #[serde(default)]
    pub effective_to: Option<Date>,
    /// What a reader must know before relying on it.
    pub notice: String,
    /// The laws it cites.
    pub sources: Vec<Source>,
}

/// The form of a pack manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PackFormat {
    /// The only form so far.
    #[serde(rename = "hanse.law-pack/v1")]
    LawV1,
}

/// A law, regulation or standard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Id in the pack.
    pub id: PackItemId,
    /// How it is cited.
    pub citation: String,
    /// Where it is published.
    pub url: String,
    /// The day of enactment or publication.
    pub date: Date,
    /// Whether somebody compared the rules that cite it with the official text.
    pub checked: Checked,
}

/// How far a source was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Checked {
    /// Word by word against the official text.
    AgainstOfficialText,
    /// From knowledge of it; a lawyer must look before anybody relies on it.
    NotYet,
}

impl Checked {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AgainstOfficialText => "against_official_text",
            Self::NotYet => "not_yet",
        }
    }
}

/// An authority, in `regulators.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regulator {
    /// Id in the pack.
    pub id: PackItemId,
    /// Its name.
    pub name: String,
    /// Its website.
    pub url: String,
    /// The authority above it.
    #[serde(default)]
    pub parent: Option<PackItemId>,
    /// What it supervises.
    pub domains: BTreeSet<Domain>,
}

/// A type of entity that can be registered, in `register.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntityType {
    /// Id in the pack.
    pub id: PackItemId,
    /// Its name.
    pub name: String,
    /// Who registers it.
    pub regulator: PackItemId,
    /// The source that provides for it.
    pub source: PackItemId,
    /// The clause.
    pub clause: String,
    /// The policies that set its conditions.
    pub rules: Vec<PackItemId>,
}

/// A business activity, in `register.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Activity {
    /// Id in the pack.
    pub id: PackItemId,
    /// Its name.
    pub name: String,
    /// The licence it needs.
    #[serde(default)]
    pub licence: Option<PackItemId>,
}

/// A licence, in `register.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    /// Id in the pack.
    pub id: PackItemId,
    /// Its name.
    pub name: String,
    /// Who grants it.
    pub regulator: PackItemId,
    /// The source that demands it.
    pub source: PackItemId,
    /// The clause.
    pub clause: String,
}

/// A fee, in `register.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fee {
    /// Id in the pack.
    pub id: PackItemId,
    /// What for.
    pub name: String,
    /// Who takes it.
    pub regulator: PackItemId,
    /// How much, in the minor unit of the currency.
    pub amount_minor: u64,
    /// Currency, as three letters of ISO 4217.
    pub currency: String,
    /// The source that sets it.
    pub source: PackItemId,
    /// Whether the amount was checked.
    pub checked: Checked,
}

/// `register.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// What can be registered.
    #[serde(default)]
    pub entity_types: Vec<EntityType>,
    /// What a company can do.
    #[serde(default)]
    pub activities: Vec<Activity>,
    /// What it may need for that.
    #[serde(default)]
    pub licences: Vec<Licence>,
    /// What it costs.
    #[serde(default)]
    pub fees: Vec<Fee>,
}

/// A kind of evidence, in `evidence.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceKind {
    /// Id, by which credentials and rules name it.
    pub id: PackItemId,
    /// What it shows.
    pub name: String,
    /// The domain in which it counts.
    pub domain: Domain,
    /// The authority whose competence it is.
    pub regulator: PackItemId,
}
