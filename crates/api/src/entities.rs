//! The register of companies.

use std::collections::{BTreeMap, BTreeSet};

use evidence::digest::Digest;
use ids::{CountryCode, JurisdictionId, PackItemId};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::screening::ListVersion;
use crate::word::words;

/// An application to register a company.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ApplicationBody {
    /// Where to register.
    pub jurisdiction: JurisdictionId,
    /// As what; `GET /v1/zone` lists the types on offer.
    pub entity_type: PackItemId,
    /// Full legal name.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 1000))]
    pub legal_name: String,
    /// Registered office.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 2000))]
    pub registered_office: String,
    /// Business activities, as the packs name them.
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 50))]
    pub activities: BTreeSet<PackItemId>,
    /// Everybody who directs or owns it.
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 100))]
    pub persons: Vec<PersonBody>,
    /// Directors, by the `ref` of a person.
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 100))]
    pub directors: BTreeSet<String>,
    /// Owners and their shares.
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 100))]
    pub owners: Vec<StakeBody>,
}

/// A natural person in an application.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PersonBody {
    /// How the application refers to the person.
    #[serde(rename = "ref")]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 64))]
    pub reference: String,
    /// Full name as on the identity document, in any script.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 500))]
    pub name: String,
    /// Other names the person is known by.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_items = 20))]
    pub other_names: Vec<String>,
    /// Date of birth.
    #[serde(default)]
    pub date_of_birth: Option<Date>,
    /// Nationality, as two capital letters of ISO 3166-1.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(example = "PK"))]
    pub nationality: Option<CountryCode>,
    /// Official numbers.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_items = 20))]
    pub identifiers: Vec<Identifier>,
}

words! {
    /// Which authority's number it is.
    IdentifierKind {
        /// Pakistan, national identity card: 13 digits, written 5-7-1.
        PkCnic = "pk_cnic",
        /// Pakistan, national tax number: 7 digits.
        PkNtn = "pk_ntn",
        /// A passport: 5 to 20 letters and digits, upper case.
        Passport = "passport",
        /// United Arab Emirates identity card: 15 digits from 784, written 3-4-7-1, Luhn check digit.
        AeEmiratesId = "ae_emirates_id",
        /// Singapore identity card or foreign identification number: a letter, 7 digits, a check letter.
        SgNric = "sg_nric",
    }
}

/// An official number of a person.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Identifier {
    /// Whose number it is.
    pub kind: IdentifierKind,
    /// The number, with or without its customary separators.
    #[cfg_attr(feature = "openapi", schema(example = "35202-1234567-1"))]
    pub value: String,
}

/// A share of a company in an application.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct StakeBody {
    /// The `ref` of a person.
    pub person: String,
    /// Hundredths of a per cent.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 10000))]
    pub share_bps: u16,
}

/// An entity as the register shows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Entity))]
pub struct EntityView {
    /// Id.
    pub id: String,
    /// `applied`, `in_review`, `active`, `rejected`, `suspended`, `dissolving` or `dissolved`.
    pub status: String,
    /// Why it was rejected or suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where it is registered, or asks to be.
    pub jurisdiction: String,
    /// Its type.
    pub entity_type: String,
    /// Full legal name.
    pub legal_name: String,
    /// Registered office.
    pub registered_office: String,
    /// Business activities.
    pub activities: Vec<String>,
    /// The number in the register, once it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_number: Option<String>,
    /// When it was registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registered_at: Option<Timestamp>,
    /// When registration was applied for.
    pub applied_at: Timestamp,
    /// Who applied.
    pub applicant: String,
    /// Directors, by person id.
    pub directors: Vec<String>,
    /// Owners and their shares, by person id.
    pub owners: Vec<OwnerView>,
    /// Everybody who is screened, and how they stand.
    pub parties: Vec<PartyView>,
    /// How the parties stand together: the worst of them.
    #[cfg_attr(feature = "openapi", schema(example = "cleared"))]
    pub screening: String,
    /// The newest recorded compliance judgement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compliance: Option<ComplianceView>,
    /// Reviewers who approved so far.
    pub approvals: Vec<String>,
    /// Where in winding up it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dissolution: Option<DissolutionView>,
}

/// An owner of an entity.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Owner))]
pub struct OwnerView {
    /// Person id.
    pub person: String,
    /// Hundredths of a per cent.
    pub share_bps: u16,
}

/// A screened party of an entity.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Party))]
pub struct PartyView {
    /// `company`, or `person:` and a person id.
    pub party: String,
    /// How it stands now: `cleared`, `unscreened`, `stale`, `under_review` or `blocked`.
    #[cfg_attr(feature = "openapi", schema(example = "cleared"))]
    pub standing: String,
    /// The verdict of the newest screening: `clear`, `review` or `block`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// The lists it was screened on, with version and digest.
    pub lists: Vec<ListVersion>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screened_at: Option<Timestamp>,
}

/// What the register keeps of a compliance judgement.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = ComplianceRecord))]
pub struct ComplianceView {
    /// As of when.
    pub as_of: Timestamp,
    /// The state of each of the twenty domains.
    pub states: BTreeMap<String, String>,
    /// Commits to subject, time, states, evidence and rules.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub commitment: Digest,
}

/// Where in winding up an entity is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Dissolution))]
pub struct DissolutionView {
    /// The stage to be completed next.
    pub stage: String,
    /// When it began.
    pub began_at: Timestamp,
    /// When it is usually complete.
    pub due_by: Timestamp,
}

/// A person as told to those who may see persons.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Person))]
pub struct PersonView {
    /// Person id.
    pub id: String,
    /// Whether the content was erased; then nothing follows.
    pub erased: bool,
    /// Full name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Other names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_names: Vec<String>,
    /// Date of birth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_of_birth: Option<Date>,
    /// Nationality.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nationality: Option<CountryCode>,
    /// Official numbers.
    pub identifiers: Vec<Identifier>,
}

/// A reason for a decision.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReasonBody {
    /// For the people concerned to read.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 4000))]
    pub reason: String,
}

/// A document that supports a step.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DocumentBody {
    /// Digest of the document, `sha256:` and 64 hexadecimal digits.
    #[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^sha256:[0-9a-f]{64}$"))]
    pub evidence: Digest,
}

/// The completion of a stage of winding up.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct StageBody {
    /// Digest of the document that shows it.
    #[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^sha256:[0-9a-f]{64}$"))]
    pub evidence: Digest,
    /// What the stage demands besides: `none`, a `vote` with `in_favour_bps`, or a `gazette` with `published_at_ms`.
    pub proof: StageProof,
}

/// What a stage demands besides a document.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum StageProof {
    /// Nothing more.
    None {},
    /// The shareholders' vote.
    Vote {
        /// Votes in favour of those cast, in hundredths of a per cent.
        #[cfg_attr(feature = "openapi", schema(minimum = 0, maximum = 10000))]
        in_favour_bps: u16,
    },
    /// The notice to creditors.
    Gazette {
        /// When it was published, in milliseconds since 1970-01-01T00:00:00Z.
        published_at_ms: i64,
    },
}

words! {
    /// The states of an entity.
    EntityStatus {
        /// Waits to be taken into review.
        Applied = "applied",
        /// Waits for approvals.
        InReview = "in_review",
        /// Registered.
        Active = "active",
        /// Refused.
        Rejected = "rejected",
        /// Registered, and barred from acting.
        Suspended = "suspended",
        /// Being wound up.
        Dissolving = "dissolving",
        /// No longer there.
        Dissolved = "dissolved",
    }
}

/// An approved entity, with its credential once it is registered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Approval {
    /// The entity.
    #[serde(flatten)]
    pub entity: EntityView,
    /// The id of the credential that was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_id: Option<String>,
    /// The credential that was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub credential: Option<serde_json::Value>,
}
