//! Natural persons behind an entity: directors and owners.
//!
//! Everything personal is in [`Person`], which travels only in [`PersonEvent`]s. The node seals those
//! in a stream of their own, so that erasing that stream's key erases the person, while the public
//! register keeps an id and a salted digest that no longer leads anywhere.

mod identifier;

use std::collections::BTreeSet;

use evidence::canonical::{CanonicalError, to_vec_of};
use evidence::digest::{Digest, Purpose};
use ids::{ActorId, CountryCode, PersonId, Salt};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

pub use identifier::{Identifier, IdentifierKind, InvalidIdentifier};

/// Longest name, in bytes of UTF-8.
pub const NAME_BYTES_MAX: usize = 500;
/// Most other names and most identifiers of one person.
pub const PERSON_ITEMS_MAX: usize = 20;

/// A person as identified to the zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The id by which public records refer to the person.
    pub id: PersonId,
    /// Full name as on the identity document, in any script.
    pub name: String,
    /// Other names the person is known by.
    #[serde(default)]
    pub other_names: Vec<String>,
    /// Date of birth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_of_birth: Option<Date>,
    /// Nationality.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nationality: Option<CountryCode>,
    /// Official numbers.
    #[serde(default)]
    pub identifiers: Vec<Identifier>,
    /// 32 random bytes that keep the digest in public records from being guessed.
    pub salt: Salt,
}

/// What can be wrong with a person as given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPerson {
    /// A name is blank or too long.
    #[error("person {person} has a name that is blank or longer than {NAME_BYTES_MAX} bytes")]
    Name {
        /// Whose name.
        person: PersonId,
    },
    /// Too many other names or identifiers.
    #[error("person {person} has more than {PERSON_ITEMS_MAX} other names or identifiers")]
    TooMany {
        /// Whose.
        person: PersonId,
    },
    /// The same number twice.
    #[error("person {person} has one identifier twice")]
    DuplicateIdentifier {
        /// Whose.
        person: PersonId,
    },
}

/// A fact about a person. The node appends it to that person's own sealed stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum PersonEvent {
    /// The person was made known to the zone.
    #[serde(rename = "person.recorded.v1")]
    Recorded(PersonRecorded),
}

/// See [`PersonEvent::Recorded`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PersonRecorded {
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub at_ms: i64,
    /// By whom.
    pub by: ActorId,
    /// The person.
    pub person: Person,
}

impl Person {
    /// Checks lengths and repetitions; the parts are valid by their types.
    pub fn validate(&self) -> Result<(), InvalidPerson> {
        let name_fits = |name: &String| !name.trim().is_empty() && name.len() <= NAME_BYTES_MAX;
        let person = || self.id.clone();
        if !name_fits(&self.name) || !self.other_names.iter().all(name_fits) {
            return Err(InvalidPerson::Name { person: person() });
        }
        if self.other_names.len().max(self.identifiers.len()) > PERSON_ITEMS_MAX {
            return Err(InvalidPerson::TooMany { person: person() });
        }
        let distinct: BTreeSet<&Identifier> = self.identifiers.iter().collect();
        if distinct.len() < self.identifiers.len() {
            return Err(InvalidPerson::DuplicateIdentifier { person: person() });
        }
        Ok(())
    }

    /// The digest by which public records commit to what is known of the person, salt included.
    pub fn digest(&self) -> Result<Digest, CanonicalError> {
        Ok(Digest::of(Purpose::Screening, &to_vec_of(self)?))
    }

    /// Whether the person is identified well enough to be accepted as one who controls a company:
    /// date of birth, nationality and at least one official number.
    pub fn is_identified(&self) -> bool {
        self.date_of_birth.is_some() && self.nationality.is_some() && !self.identifiers.is_empty()
    }

    /// Whether the person has reached `years` of age on `day`. Unknown without a date of birth, and
    /// when the birthday falls outside the calendar.
    pub fn has_reached_age(&self, years: i16, day: Date) -> Option<bool> {
        use jiff::ToSpan;
        let birthday = self.date_of_birth?.checked_add(years.years()).ok()?;
        Some(birthday <= day)
    }
}

impl PersonEvent {
    /// The kind under which the journal stores the event.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Recorded(_) => "person.recorded.v1",
        }
    }

    /// Whom the event is about.
    pub fn person(&self) -> &PersonId {
        match self {
            Self::Recorded(recorded) => &recorded.person.id,
        }
    }
}
