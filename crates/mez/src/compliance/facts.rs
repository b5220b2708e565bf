//! What the register knows of a subject, in the form in which rules read it.

use std::collections::{BTreeMap, BTreeSet};

use ::evidence::canonical::CanonicalError;
use jiff::civil::Date;
use jiff::{Timestamp, Unit};
use serde::{Deserialize, Serialize};

use super::Operation;
use crate::entity::Entity;
use crate::ids::{PackItemId, PersonId};
use crate::person::Person;
use crate::screening::Standing;

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
    #[error("{as_of_ms} ms is outside the calendar")]
    InstantOutOfRange {
        /// What was given.
        as_of_ms: i64,
    },
}

impl Facts {
    /// The facts of `entity` at `as_of_ms`, when a screening counts for `screening_age_max_ms`.
    ///
    /// `persons` must hold everybody who directs or owns it, exactly as the register committed to.
    pub fn of(
        entity: &Entity,
        operation: Operation,
        persons: &BTreeMap<PersonId, Person>,
        as_of_ms: i64,
        screening_age_max_ms: i64,
    ) -> Result<Self, FactsError> {
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
        Ok(Self {
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
}

/// The day of an instant in UTC.
pub(crate) fn utc_day(as_of_ms: i64) -> Result<Date, FactsError> {
    let instant = Timestamp::from_millisecond(as_of_ms)
        .map_err(|_| FactsError::InstantOutOfRange { as_of_ms })?;
    Ok(jiff::tz::TimeZone::UTC.to_datetime(instant).date())
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
    let party = crate::screening::Party::Person(id.clone());
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
        *match record.standing(as_of_ms, age_max_ms) {
            Standing::Cleared => &mut counts.cleared,
            Standing::Unscreened => &mut counts.unscreened,
            Standing::Stale => &mut counts.stale,
            Standing::UnderReview => &mut counts.under_review,
            Standing::Blocked => &mut counts.blocked,
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
