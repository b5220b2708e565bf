//! What the register knows of an entity, as the rules read it.

use std::collections::{BTreeMap, BTreeSet};

use evidence::canonical::CanonicalError;
use ids::PersonId;
use ids::time::{InstantOutOfRange, utc_day};
use jiff::Unit;
use jiff::civil::Date;
use law::compliance::{Facts, Operation, ScreeningCounts};

use super::Entity;
use crate::person::Person;
use crate::screening::{Clearance, Party};

/// Why facts cannot be taken from an entity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactsError {
    /// The data of a person is not at hand.
    #[error("person {person} of the entity is not given")]
    PersonMissing {
        /// Who.
        person: PersonId,
    },
    /// The data of a person is not what the register committed to.
    #[error("person {person} is not as the register committed to")]
    PersonChanged {
        /// Who.
        person: PersonId,
    },
    /// A person's data has no canonical form.
    #[error("a person's data has no canonical form")]
    Canonical(#[source] CanonicalError),
    /// The instant is outside the calendar.
    #[error(transparent)]
    Instant(#[from] InstantOutOfRange),
}

/// The facts of `entity` at `as_of_ms`, when a screening counts for `screening_age_max_ms`.
///
/// `persons` must hold everybody who directs or owns it, exactly as the register committed to.
pub fn facts(
    entity: &Entity,
    operation: Operation,
    persons: &BTreeMap<PersonId, Person>,
    as_of_ms: i64,
    screening_age_max_ms: i64,
) -> Result<Facts, FactsError> {
    let day = utc_day(as_of_ms)?;
    let ids: BTreeSet<PersonId> = entity
        .directors
        .iter()
        .chain(entity.owners.iter().map(|s| &s.person))
        .cloned()
        .collect();
    for id in &ids {
        check_person(entity, id, persons)?;
    }
    let directors = || entity.directors.iter().map(|id| &persons[id]);
    Ok(Facts {
        operation,
        entity_type: entity.entity_type.clone(),
        legal_name: entity.legal_name.clone(),
        activities: entity.activities.clone(),
        persons: ids,
        directors: count(entity.directors.len()),
        owners: count(entity.owners.len()),
        disclosed_bps: entity
            .owners
            .iter()
            .map(|stake| u32::from(stake.share_bps))
            .sum(),
        largest_unidentified_share_bps: entity
            .owners
            .iter()
            .filter(|stake| !persons[&stake.person].is_identified())
            .map(|stake| u32::from(stake.share_bps))
            .max()
            .unwrap_or(0),
        unidentified_directors: count(directors().filter(|p| !p.is_identified()).count()),
        youngest_director_age: youngest(directors(), day),
        screening: screening_counts(entity, as_of_ms, screening_age_max_ms),
    })
}

fn check_person(
    entity: &Entity,
    id: &PersonId,
    persons: &BTreeMap<PersonId, Person>,
) -> Result<(), FactsError> {
    let person = persons
        .get(id)
        .ok_or_else(|| FactsError::PersonMissing { person: id.clone() })?;
    let digest = person.digest().map_err(FactsError::Canonical)?;
    let party = Party::Person(id.clone());
    match entity.parties.get(&party) {
        Some(record) if record.subject == digest => Ok(()),
        _ => Err(FactsError::PersonChanged { person: id.clone() }),
    }
}

/// The completed years of the youngest, if every date of birth is known and none is in the future.
fn youngest<'a>(persons: impl Iterator<Item = &'a Person>, day: Date) -> Option<u32> {
    let age = |person: &Person| {
        let lived = person.date_of_birth?.until((Unit::Year, day)).ok()?;
        u32::try_from(lived.get_years())
            .ok()
            .filter(|_| person.date_of_birth <= Some(day))
    };
    let ages: Option<Vec<u32>> = persons.map(age).collect();
    ages?.into_iter().min()
}

fn screening_counts(entity: &Entity, as_of_ms: i64, age_max_ms: i64) -> ScreeningCounts {
    let mut counts = ScreeningCounts::default();
    for record in entity.parties.values() {
        counts.parties += 1;
        *match record.clearance(as_of_ms, age_max_ms) {
            Clearance::Cleared => &mut counts.cleared,
            Clearance::Unscreened => &mut counts.unscreened,
            Clearance::Stale => &mut counts.stale,
            Clearance::UnderReview => &mut counts.under_review,
            Clearance::Blocked => &mut counts.blocked,
        } += 1;
        let lists = record.screening.iter().flat_map(|fact| &fact.lists);
        counts
            .lists
            .extend(lists.map(|list| format!("{}@{}", list.name, list.version)));
    }
    counts
}

fn count(items: usize) -> u32 {
    u32::try_from(items).expect("an application names at most a few hundred persons")
}
