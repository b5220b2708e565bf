//! Sanctions lists and what comes of searching them.

use std::collections::BTreeMap;

use crate::word::words;
use evidence::digest::Digest;
use ids::PackItemId;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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

/// A version of a list that waits for a second person.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = SanctionsProposal))]
pub struct ProposalView {
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
    /// Entries that only this version has; nothing where it could not be compared.
    pub added: Option<u64>,
    /// Entries that only the version in force has.
    pub removed: Option<u64>,
    /// Entries that differ.
    pub changed: Option<u64>,
    /// Why it waits: `first`, `older`, `shrunken`, `altered`, `not_compared`.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub concerns: Vec<String>,
    /// The same in words.
    pub why: Vec<String>,
    /// Who imported it, and cannot confirm it.
    pub proposed_by: String,
    /// When.
    pub proposed_at: Timestamp,
}

/// A version of a list that was turned down.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = SanctionsRejection))]
pub struct RejectionView {
    /// Name.
    pub name: String,
    /// The publisher's version.
    pub version: String,
    /// Commits to every entry.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub digest: Digest,
    /// Why.
    pub reason: String,
}

/// Which version is confirmed.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ConfirmBody {
    /// Commits to the version that was looked at.
    #[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^sha256:[0-9a-f]{64}$"))]
    pub digest: Digest,
}

/// Which version is turned down, and why.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RejectBody {
    /// Commits to the version that was looked at.
    #[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^sha256:[0-9a-f]{64}$"))]
    pub digest: Digest,
    /// Why; it stays public for ever.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 2000))]
    pub reason: String,
}

/// A version of a list to import.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ImportBody {
    /// The name under which the zone knows the list.
    #[cfg_attr(feature = "openapi", schema(value_type = PackItemId))]
    pub name: PackItemId,
    /// The publisher's version. The UN list carries its own.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 100))]
    pub version: String,
    /// The day it was published. The UN list carries its own.
    pub published: Date,
    /// The form of the files.
    pub format: ListFormat,
    /// The files by name, as published: `sdn.csv`, `alt.csv`, `add.csv`; `list.xml`; `entities.ftm.json`.
    pub files: BTreeMap<String, String>,
}

words! {
    /// The form of a list's files.
    ListFormat {
        /// OFAC SDN: `sdn.csv`, `alt.csv` and `add.csv`.
        OfacCsv = "ofac_csv",
        /// UN Security Council consolidated list: one XML file, `list.xml`.
        UnXml = "un_xml",
        /// OpenSanctions, FollowTheMoney JSON lines: one file, `entities.ftm.json`.
        FollowTheMoney = "follow_the_money",
    }
}

/// Whom to screen.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ScreeningRequest))]
#[serde(deny_unknown_fields)]
pub struct InquiryBody {
    /// Every name, in any script; none to ask for an identifier alone.
    #[cfg_attr(feature = "openapi", schema(max_items = 20))]
    pub names: Vec<String>,
    /// `person`, `company`, `vessel`, `aircraft` or `unknown`.
    pub kind: PartyKind,
    /// Dates of birth, where known.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_items = 10))]
    pub dates_of_birth: Vec<Date>,
    /// Document and registration numbers.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_items = 20))]
    pub identifiers: Vec<DocumentNumber>,
    /// Nationality, residence or registration.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_items = 20))]
    pub countries: Vec<String>,
}

/// A document or registration number, for the document about the API.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DocumentNumber {
    /// What it is called.
    #[cfg_attr(feature = "openapi", schema(max_length = 200, example = "Passport"))]
    pub kind: String,
    /// The number.
    #[cfg_attr(feature = "openapi", schema(max_length = 200))]
    pub value: String,
}

/// A screening that was asked for by itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Screening))]
pub struct InquiryView {
    /// Id of the inquiry.
    pub id: String,
    /// `clear`, `review` or `block`.
    pub verdict: String,
    /// Verdict, hits with their features, lists with version and digest, and reasons.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub screening: Value,
}

/// A party's newest screening, as a case for a reviewer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Review))]
pub struct ReviewView {
    /// Id of the case.
    pub id: String,
    /// Whose party.
    pub entity: String,
    /// `company`, or `person:` and a person id.
    pub party: String,
    /// Whether hits wait for a decision.
    pub open: bool,
    /// `clear`, `review` or `block`, in the light of the decisions.
    pub verdict: String,
    /// The screening: hits with their features, lists, reasons.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub screening: Value,
    /// The decisions so far.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Object>))]
    pub decisions: Vec<Value>,
}

/// A reviewer's decision on the hits of a case.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ReviewDecision))]
#[serde(deny_unknown_fields)]
pub struct DecisionBody {
    /// `false_positive` or `true_match`.
    pub finding: Finding,
    /// The hits it is about, as list and entry id; all undecided ones when left out.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_items = 1000))]
    pub hits: Option<Vec<HitName>>,
    /// Why.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 4000))]
    pub reason: String,
}

/// A hit by the listed entry.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct HitName {
    /// The list.
    pub list: String,
    /// The entry's identifier there.
    pub entry_id: String,
}

/// What re-screening on a list version found.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Rescreening))]
pub struct RescreeningView {
    /// Id of the report.
    pub id: String,
    /// Which list.
    pub list: String,
    /// Commits to its entries.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub digest: Digest,
    /// How many parties were screened.
    pub screened: u64,
    /// Whose verdict changed: entity, party, before and after.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Object>))]
    pub changes: Vec<Value>,
}

words! {
    /// What a party is.
    PartyKind {
        /// A human.
        Person = "person",
        /// An organisation.
        Company = "company",
        /// A ship.
        Vessel = "vessel",
        /// A plane.
        Aircraft = "aircraft",
        /// Nobody said.
        Unknown = "unknown",
    }
}

words! {
    /// What a reviewer found of a hit.
    Finding {
        /// The party is somebody else.
        FalsePositive = "false_positive",
        /// The party is the listed one.
        TrueMatch = "true_match",
    }
}
