//! The register on the wire.

use std::collections::{BTreeMap, BTreeSet};

use evidence::digest::Digest;
use ids::{ActorId, CountryCode, EntityId, JurisdictionId, PackItemId, PersonId, Salt};
use jiff::Timestamp;
use jiff::civil::Date;
use law::compliance::{Denial, Domain, State};
use mez::entity::{Application, Entity, StageProof, Stake, Status};
use mez::person::{Identifier, Person};
use mez::screening::{ListVersion, Party, ScreeningVerdict, Standing};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use platform::http::problem::Problem;
use platform::http::texts::{JurisdictionIdText, PackItemIdText};

/// An application to register a company.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplicationBody {
    /// Where to register.
    #[schema(value_type = JurisdictionIdText)]
    pub jurisdiction: JurisdictionId,
    /// As what; `GET /v1/zone` lists the types on offer.
    #[schema(value_type = PackItemIdText)]
    pub entity_type: PackItemId,
    /// Full legal name.
    #[schema(min_length = 1, max_length = 1000)]
    pub legal_name: String,
    /// Registered office.
    #[schema(min_length = 1, max_length = 2000)]
    pub registered_office: String,
    /// Business activities, as the packs name them.
    #[schema(value_type = Vec<PackItemIdText>, min_items = 1, max_items = 50)]
    pub activities: BTreeSet<PackItemId>,
    /// Everybody who directs or owns it.
    #[schema(min_items = 1, max_items = 100)]
    pub persons: Vec<PersonBody>,
    /// Directors, by the `ref` of a person.
    #[schema(min_items = 1, max_items = 100)]
    pub directors: BTreeSet<String>,
    /// Owners and their shares.
    #[schema(min_items = 1, max_items = 100)]
    pub owners: Vec<StakeBody>,
}

/// A natural person in an application.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonBody {
    /// How the application refers to the person.
    #[serde(rename = "ref")]
    #[schema(min_length = 1, max_length = 64)]
    pub reference: String,
    /// Full name as on the identity document, in any script.
    #[schema(min_length = 1, max_length = 500)]
    pub name: String,
    /// Other names the person is known by.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub other_names: Vec<String>,
    /// Date of birth.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    pub date_of_birth: Option<Date>,
    /// Nationality, as two capital letters of ISO 3166-1.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^[A-Z]{2}$")]
    pub nationality: Option<CountryCode>,
    /// Official numbers.
    #[serde(default)]
    #[schema(value_type = Vec<IdentifierBody>, max_items = 20)]
    pub identifiers: Vec<Identifier>,
}

/// An official number, for the document about the API.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Identifier)]
#[expect(
    dead_code,
    reason = "describes the wire form of `mez::person::Identifier`"
)]
pub struct IdentifierBody {
    /// Whose number it is.
    #[schema(
        example = "pk_cnic",
        pattern = "^(pk_cnic|pk_ntn|passport|ae_emirates_id|sg_nric)$"
    )]
    kind: String,
    /// The number, with or without its customary separators.
    #[schema(example = "35202-1234567-1")]
    value: String,
}

/// A share of a company in an application.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StakeBody {
    /// The `ref` of a person.
    pub person: String,
    /// Hundredths of a per cent.
    #[schema(minimum = 1, maximum = 10000)]
    pub share_bps: u16,
}

/// Ids and salts for the persons of an application, drawn once by the shell.
pub type Minted = BTreeMap<String, (PersonId, Salt)>;

impl ApplicationBody {
    /// The application in the core's terms.
    ///
    /// # Errors
    /// A reference is given twice or leads nowhere.
    pub fn into_application(self, id: EntityId, minted: &Minted) -> Result<Application, Problem> {
        let find = |pointer: String, reference: &str| {
            minted
                .get(reference)
                .map(|(id, _)| id.clone())
                .ok_or_else(|| {
                    super::invalid("the application names a person it does not describe")
                        .with_error(
                            pointer,
                            "undescribed_person",
                            format!("no person has the ref `{reference}`"),
                        )
                })
        };
        let directors = self.directors.iter().enumerate();
        let directors = directors
            .map(|(n, reference)| find(format!("/directors/{n}"), reference))
            .collect::<Result<_, _>>()?;
        let owners = self.owners.iter().enumerate();
        let owners = owners
            .map(|(n, stake)| {
                let person = find(format!("/owners/{n}/person"), &stake.person)?;
                Ok(Stake {
                    person,
                    share_bps: stake.share_bps,
                })
            })
            .collect::<Result<_, Problem>>()?;
        let persons = self
            .persons
            .into_iter()
            .map(|body| body.into_person(minted))
            .collect();
        Ok(Application {
            id,
            jurisdiction: self.jurisdiction,
            entity_type: self.entity_type,
            legal_name: self.legal_name,
            registered_office: self.registered_office,
            activities: self.activities,
            persons,
            directors,
            owners,
        })
    }
}

impl PersonBody {
    fn into_person(self, minted: &Minted) -> Person {
        let (id, salt) = minted[&self.reference].clone();
        Person {
            id,
            name: self.name,
            other_names: self.other_names,
            date_of_birth: self.date_of_birth,
            nationality: self.nationality,
            identifiers: self.identifiers,
            salt,
        }
    }
}

/// An entity as the register shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Entity)]
pub struct EntityView {
    /// Id.
    pub id: String,
    /// `applied`, `in_review`, `active`, `rejected`, `suspended`, `dissolving` or `dissolved`.
    pub status: String,
    /// Why it was rejected or suspended.
    #[serde(skip_serializing_if = "Option::is_none")]
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_number: Option<String>,
    /// When it was registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub registered_at: Option<Timestamp>,
    /// When registration was applied for.
    #[schema(value_type = String, format = DateTime)]
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
    #[schema(value_type = String, example = "cleared")]
    pub screening: Standing,
    /// The newest recorded compliance judgement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compliance: Option<ComplianceView>,
    /// Reviewers who approved so far.
    pub approvals: Vec<String>,
    /// Where in winding up it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dissolution: Option<DissolutionView>,
}

/// An owner of an entity.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Owner)]
pub struct OwnerView {
    /// Person id.
    pub person: String,
    /// Hundredths of a per cent.
    pub share_bps: u16,
}

/// A screened party of an entity.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Party)]
pub struct PartyView {
    /// `company`, or `person:` and a person id.
    #[schema(value_type = String)]
    pub party: Party,
    /// How it stands now.
    #[schema(value_type = String, example = "cleared")]
    pub standing: Standing,
    /// The verdict of the newest screening: `clear`, `review` or `block`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub verdict: Option<ScreeningVerdict>,
    /// The lists it was screened on, with version and digest.
    #[schema(value_type = Vec<Object>)]
    pub lists: Vec<ListVersion>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub screened_at: Option<Timestamp>,
}

/// What the register keeps of a compliance judgement.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ComplianceRecord)]
pub struct ComplianceView {
    /// As of when.
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Timestamp,
    /// The state of each of the twenty domains.
    #[schema(value_type = BTreeMap<String, String>)]
    pub states: BTreeMap<Domain, State>,
    /// Commits to subject, time, states, evidence and rules.
    #[schema(value_type = String)]
    pub commitment: Digest,
}

/// Where in winding up an entity is.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Dissolution)]
pub struct DissolutionView {
    /// The stage to be completed next.
    pub stage: String,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub began_at: Timestamp,
    /// When it is usually complete.
    #[schema(value_type = String, format = DateTime)]
    pub due_by: Timestamp,
}

impl EntityView {
    /// The entity at `now_ms`, when a screening counts for `age_max_ms`.
    pub fn of(entity: &Entity, now_ms: i64, age_max_ms: i64) -> Self {
        let parties: Vec<PartyView> = entity
            .parties
            .iter()
            .map(|(party, record)| PartyView {
                party: party.clone(),
                standing: record.standing(now_ms, age_max_ms),
                verdict: record.screening.as_ref().map(|fact| fact.verdict),
                lists: record
                    .screening
                    .iter()
                    .flat_map(|fact| fact.lists.clone())
                    .collect(),
                screened_at: record
                    .screening
                    .as_ref()
                    .map(|fact| time(fact.screened_at_ms)),
            })
            .collect();
        let texts =
            |ids: &mut dyn Iterator<Item = &PersonId>| ids.map(ToString::to_string).collect();
        Self {
            id: entity.id.to_string(),
            status: entity.status.name().to_owned(),
            reason: reason(&entity.status),
            jurisdiction: entity.jurisdiction.to_string(),
            entity_type: entity.entity_type.to_string(),
            legal_name: entity.legal_name.clone(),
            registered_office: entity.registered_office.clone(),
            activities: entity.activities.iter().map(ToString::to_string).collect(),
            registration_number: entity.registration.as_ref().map(|r| r.number.to_string()),
            registered_at: entity.registration.as_ref().map(|r| time(r.at_ms)),
            applied_at: time(entity.applied_at_ms),
            applicant: entity.applicant.to_string(),
            directors: texts(&mut entity.directors.iter()),
            owners: entity
                .owners
                .iter()
                .map(|stake| OwnerView {
                    person: stake.person.to_string(),
                    share_bps: stake.share_bps,
                })
                .collect(),
            screening: parties
                .iter()
                .map(|party| party.standing)
                .max()
                .unwrap_or(Standing::Unscreened),
            parties,
            compliance: entity.compliance.as_ref().map(|record| ComplianceView {
                as_of: time(record.as_of_ms),
                states: record.states.clone(),
                commitment: record.commitment,
            }),
            approvals: entity.approvals.iter().map(ToString::to_string).collect(),
            dissolution: match &entity.status {
                Status::Dissolving(dissolution) => Some(DissolutionView {
                    stage: dissolution.stage.to_string(),
                    began_at: time(dissolution.stage_began_ms),
                    due_by: time(dissolution.due_by_ms()),
                }),
                _ => None,
            },
        }
    }
}

fn reason(status: &Status) -> Option<String> {
    match status {
        Status::Rejected { reason } | Status::Suspended { reason } => Some(reason.clone()),
        _ => None,
    }
}

/// An instant on the wire. Instants of the journal are within the calendar.
pub fn time(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// A person as told to those who may see persons.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Person)]
pub struct PersonView {
    /// Person id.
    pub id: String,
    /// Whether the content was erased; then nothing follows.
    pub erased: bool,
    /// Full name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Other names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other_names: Vec<String>,
    /// Date of birth.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub date_of_birth: Option<Date>,
    /// Nationality.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub nationality: Option<CountryCode>,
    /// Official numbers.
    #[schema(value_type = Vec<IdentifierBody>)]
    pub identifiers: Vec<Identifier>,
}

impl PersonView {
    /// A person, or the place where one was erased.
    pub fn of(id: &PersonId, person: Option<Person>) -> Self {
        let erased = person.is_none();
        let blank = Self {
            id: id.to_string(),
            erased,
            name: None,
            other_names: vec![],
            date_of_birth: None,
            nationality: None,
            identifiers: vec![],
        };
        match person {
            None => blank,
            Some(person) => Self {
                name: Some(person.name),
                other_names: person.other_names,
                date_of_birth: person.date_of_birth,
                nationality: person.nationality,
                identifiers: person.identifiers,
                ..blank
            },
        }
    }
}

/// A reason for a decision.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonBody {
    /// For the people concerned to read.
    #[schema(min_length = 1, max_length = 4000)]
    pub reason: String,
}

/// A document that supports a step.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentBody {
    /// Digest of the document, `sha256:` and 64 hexadecimal digits.
    #[schema(value_type = String, pattern = "^sha256:[0-9a-f]{64}$")]
    pub evidence: Digest,
}

/// The completion of a stage of winding up.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StageBody {
    /// Digest of the document that shows it.
    #[schema(value_type = String, pattern = "^sha256:[0-9a-f]{64}$")]
    pub evidence: Digest,
    /// What the stage demands besides: `none`, a `vote` with `in_favour_bps`, or a `gazette` with `published_at_ms`.
    #[schema(value_type = StageProofBody)]
    pub proof: StageProof,
}

/// What a stage demands besides a document, for the document about the API.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = StageProof)]
pub enum StageProofBody {
    /// Nothing more.
    None {},
    /// The shareholders' vote.
    Vote {
        /// Votes in favour of those cast, in hundredths of a per cent.
        #[schema(minimum = 0, maximum = 10000)]
        in_favour_bps: u16,
    },
    /// The notice to creditors.
    Gazette {
        /// When it was published, in milliseconds since 1970-01-01T00:00:00Z.
        published_at_ms: i64,
    },
}

/// Field errors for what blocks by law: each names its clause and its source.
pub fn denial_errors(mut problem: Problem, denials: &[Denial]) -> Problem {
    for denial in denials {
        for reason in &denial.reasons {
            problem = problem.with_error(
                format!("#domain/{}", denial.domain),
                format!("{} {}", reason.rule, reason.clause),
                format!(
                    "{} is {}: {} ({}, {}; {})",
                    denial.domain,
                    denial.state,
                    reason.text,
                    reason.source,
                    reason.clause,
                    reason.url
                ),
            );
        }
    }
    problem
}

/// An actor as the cores name it.
pub fn actor(principal: &platform::auth::PrincipalId) -> ActorId {
    principal
        .as_str()
        .parse()
        .expect("principal ids are printable ASCII without blanks")
}
