//! Screening the parties of an entity within a transaction.

use std::collections::BTreeMap;
use std::convert::Infallible;

use ids::aggregate::{Aggregate as _, Decision};
use ids::{ActorId, PersonId, Salt};
use journal::{Privacy, StreamName};
use mez::entity::{Command as Step, Entity};
use mez::person::Person;
use mez::screening::case::{CaseEvent, Command, Context, PartyScreening, RecordScreening, case_id};
use mez::screening::{Party, ScreeningFact};
use sanctions::{BirthDate, Identifier, PartyKind, Subject, screen};

use super::refused;
use crate::entities;
use crate::entities::wire::time;
use crate::records::kind;
use crate::state::Institutions;
use crate::streams;
use platform::change::Change;
use platform::declined::Declined;
use platform::moment::Moment;
use platform::store;

/// Screens `parties` of an entity on the lists in force and writes the full records. Decisions of reviewers that still
/// hold are taken into account. Returns what the register keeps; nothing of a party whose data was erased.
///
/// # Errors
/// The journal cannot be read.
pub fn screen_parties(
    node: &Institutions,
    moment: &Moment<'_>,
    change: &mut Change,
    entity: &Entity,
    persons: &BTreeMap<PersonId, Person>,
    parties: impl IntoIterator<Item = Party>,
) -> Result<Vec<ScreeningFact>, Declined> {
    let desk = node.shelf.desk(moment)?;
    let at = time(moment.now_ms);
    let actor = node.actor();
    let context = Context {
        at,
        actor: &actor,
        applicant: &entity.applicant,
    };
    let mut facts = Vec::new();
    for party in parties {
        let person = match &party {
            Party::Company => None,
            Party::Person(id) => persons.get(id),
        };
        let Some(subject) = subject_of(entity, &party, person) else {
            continue;
        };
        let Some(record) = entity.parties.get(&party) else {
            continue;
        };
        let id = case_id(&entity.id, &party);
        let known = store::find::<PartyScreening>(moment, kind::SCREENING, &id)?;
        let known = known.map(|stored| stored.body);
        let command = Command::RecordScreening(RecordScreening {
            entity: entity.id.clone(),
            party,
            subject: record.subject,
            screening: screen(&subject, &desk.lists, at, &desk.policy),
        });
        let decision =
            PartyScreening::decide(known.as_ref(), command, &context).map_err(refused)?;
        let case = append(change, known, &decision)?;
        let fact = case.fact(&salt_of(person), None);
        facts.push(fact.map_err(|error| Declined::internal(&error))?);
    }
    Ok(facts)
}

/// Writes what happened to a case. Returns the case after it.
///
/// # Errors
/// The events do not fit the case or have no canonical form, which is a defect.
pub(super) fn append(
    change: &mut Change,
    mut case: Option<PartyScreening>,
    decision: &Decision<CaseEvent, Infallible>,
) -> Result<PartyScreening, Declined> {
    for event in &decision.events {
        let after = PartyScreening::apply(case.take(), event);
        let after = after.map_err(|error| Declined::internal(&error))?;
        let (stream, privacy) = stream_of(&after);
        change.append(&stream, privacy, event.kind(), event)?;
        case = Some(after);
    }
    case.ok_or_else(|| Declined::not_found("review"))
}

/// Has the register keep what screening found.
///
/// # Errors
/// The register refuses.
pub(super) fn record(
    node: &Institutions,
    moment: &Moment<'_>,
    change: &mut Change,
    entity: Entity,
    facts: Vec<ScreeningFact>,
    actor: &ActorId,
) -> Result<(), Declined> {
    let context = node.context(moment.now_ms, actor);
    let step = Step::RecordScreenings(facts);
    entities::advance(change, Some(entity), step, &context).map(drop)
}

/// The stream that holds a case: the person's own sealed one, so that they are erased together, or the company's.
pub(super) fn stream_of(case: &PartyScreening) -> (StreamName, Privacy) {
    match &case.party {
        Party::Company => (streams::company_screening(&case.entity), Privacy::Public),
        Party::Person(person) => (streams::person(person), Privacy::Personal),
    }
}

/// What salts the digest of a case in the register: a person's salt, since a screening can be guessed from a name. A
/// company's name is public.
pub(super) fn salt_of(person: Option<&Person>) -> Salt {
    person.map_or(Salt::new([0; 32]), |person| person.salt)
}

/// What is compared with the lists; nothing when the person was erased.
fn subject_of(entity: &Entity, party: &Party, person: Option<&Person>) -> Option<Subject> {
    match party {
        Party::Company => Some(Subject::named(
            entity.legal_name.clone(),
            PartyKind::Company,
        )),
        Party::Person(_) => person.map(person_subject),
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
