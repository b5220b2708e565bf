//! Screening the parties of an entity within a transaction.

use std::collections::BTreeMap;

use evidence::digest::Digest;
use ids::{EntityId, PersonId, Salt};
use journal::{Privacy, StreamName};
use mez::entity::Entity;
use mez::person::Person;
use mez::screening::{Party, ScreeningFact};
use sanctions::{BirthDate, Decision, Identifier, PartyKind, Screening, Subject, Verdict, screen};
use serde::{Deserialize, Serialize};

use super::shelf::Desk;
use crate::change::Change;
use crate::entities::wire::time;
use crate::http::problem::Problem;
use crate::institutions::Institutions;
use crate::store::{self, kind};
use crate::streams;

/// The kind of [`ScreeningPerformed`].
pub const PERFORMED_KIND: &str = "screening.performed.v1";
/// The kind of [`ScreeningReviewed`].
pub const REVIEWED_KIND: &str = "screening.reviewed.v1";

/// A party was screened. The full record, with names and reasons.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScreeningPerformed {
    /// Whose party.
    pub entity: EntityId,
    /// Which.
    pub party: Party,
    /// Digest of the party in the register.
    pub subject: Digest,
    /// What was found.
    pub screening: Screening,
}

/// A reviewer decided on hits of the newest screening.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScreeningReviewed {
    /// Whose party.
    pub entity: EntityId,
    /// Which.
    pub party: Party,
    /// The decisions added.
    pub decisions: Vec<Decision>,
    /// The screening in their light.
    pub screening: Screening,
}

/// The read model of a party's newest screening.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartyScreening {
    /// Whose party.
    pub entity: EntityId,
    /// Which.
    pub party: Party,
    /// Digest of the party in the register.
    pub subject: Digest,
    /// The newest screening, in the light of the decisions.
    pub screening: Screening,
    /// Every decision so far; those that no longer hold are passed over, not forgotten.
    pub decisions: Vec<Decision>,
}

impl PartyScreening {
    /// Whether a reviewer has to look.
    pub fn is_open(&self) -> bool {
        self.screening.verdict != Verdict::Clear
            && self.screening.hits.iter().any(|hit| hit.finding.is_none())
    }
}

/// The id of a party's screening record.
pub fn record_id(entity: &EntityId, party: &Party) -> String {
    match party {
        Party::Company => format!("{entity}.company"),
        Party::Person(person) => format!("{entity}.{person}"),
    }
}

/// The stream that holds a party's screenings: the person's own sealed one, so that they are erased
/// together, or the company's.
pub fn stream_of(entity: &EntityId, party: &Party) -> (StreamName, Privacy) {
    match party {
        Party::Company => (streams::company_screening(entity), Privacy::Public),
        Party::Person(person) => (streams::person(person), Privacy::Personal),
    }
}

/// Screens `parties` of an entity on the lists of `desk` and writes the full records. Decisions of
/// reviewers that still hold are taken into account. Returns what the register keeps.
///
/// # Errors
/// The journal cannot be read, or a party's data was erased.
pub fn screen_parties(
    node: &Institutions,
    desk: &Desk,
    change: &mut Change,
    entity: &Entity,
    persons: &BTreeMap<PersonId, Person>,
    parties: impl IntoIterator<Item = Party>,
) -> Result<Vec<ScreeningFact>, Problem> {
    let reader = &node.platform.reader;
    let mut facts = Vec::new();
    for party in parties {
        let Some(subject) = subject_of(entity, &party, persons) else {
            continue;
        };
        let Some(record) = entity.parties.get(&party) else {
            continue;
        };
        let id = record_id(&entity.id, &party);
        let known = store::find::<PartyScreening>(reader, kind::SCREENING, &id)?;
        let decisions = known.map(|known| known.body.decisions).unwrap_or_default();
        let screening = screen(&subject, &desk.lists, time(change.now_ms()), &desk.policy);
        let screening = screening.reviewed(&decisions);
        facts.push(fact(&party, record.subject, persons, &screening)?);
        let (stream, privacy) = stream_of(&entity.id, &party);
        let expected = store::expected(reader, &stream)?;
        let performed = ScreeningPerformed {
            entity: entity.id.clone(),
            party,
            subject: record.subject,
            screening,
        };
        change.append(&stream, privacy, expected, PERFORMED_KIND, &performed)?;
    }
    Ok(facts)
}

/// What the register keeps of a screening. Its digest of the record is salted as the person is, since a
/// screening can be guessed from a name; a company's name is public.
///
/// # Errors
/// The screening has no canonical form, which is a defect.
pub fn fact(
    party: &Party,
    subject: Digest,
    persons: &BTreeMap<PersonId, Person>,
    screening: &Screening,
) -> Result<ScreeningFact, Problem> {
    let salt = match party {
        Party::Company => Salt::new([0; 32]),
        Party::Person(id) => persons
            .get(id)
            .map_or(Salt::new([0; 32]), |person| person.salt),
    };
    ScreeningFact::of(party.clone(), subject, &salt, screening)
        .map_err(|error| Problem::internal(&error))
}

/// What is compared with the lists; nothing when the person was erased.
pub fn subject_of(
    entity: &Entity,
    party: &Party,
    persons: &BTreeMap<PersonId, Person>,
) -> Option<Subject> {
    match party {
        Party::Company => Some(Subject {
            countries: vec![],
            ..Subject::named(entity.legal_name.clone(), PartyKind::Company)
        }),
        Party::Person(id) => persons.get(id).map(person_subject),
    }
}

fn person_subject(person: &Person) -> Subject {
    let names = std::iter::once(&person.name).chain(&person.other_names);
    Subject {
        names: names.cloned().collect(),
        kind: PartyKind::Person,
        births: person
            .date_of_birth
            .into_iter()
            .map(BirthDate::exact)
            .collect(),
        identifiers: person
            .identifiers
            .iter()
            .map(|identifier| Identifier {
                kind: identifier.kind().as_str().to_owned(),
                value: identifier.value().to_owned(),
            })
            .collect(),
        countries: person.nationality.iter().map(ToString::to_string).collect(),
    }
}
