//! The records of the institutions: their kinds, and the few that several institutions read.

use std::collections::BTreeMap;

use ids::{EntityId, PersonId};
use journal::Snapshot;
use mez::entity::Entity;
use mez::person::Person;
use platform::store::{StoreError, Stored, find};

/// Kinds of records, frozen: they are stored.
pub mod kind {
    /// An entity of a register.
    pub const ENTITY: &str = "entity";
    /// A person behind an entity.
    pub const PERSON: &str = "person";
    /// A legal name taken in a register.
    pub const LEGAL_NAME: &str = "legal_name";
    /// How far a register has counted.
    pub const REGISTER: &str = "register";
    /// The newest screening of a party.
    pub const SCREENING: &str = "screening";
    /// A screening asked for by itself.
    pub const INQUIRY: &str = "inquiry";
    /// A hit that waits for, or had, a reviewer's decision.
    pub const REVIEW: &str = "review";
    /// A credential accepted as evidence.
    pub const EVIDENCE: &str = "evidence";
    /// A full compliance judgement.
    pub const EVALUATION: &str = "evaluation";
    /// A credential the zone issued.
    pub const CREDENTIAL: &str = "credential";
    /// The newest published version of a status list.
    pub const STATUS_LIST: &str = "status_list";
    /// The newest version of a sanctions list.
    pub const SANCTIONS_LIST: &str = "sanctions_list";
    /// A version of a sanctions list that waits for a second person.
    pub const SANCTIONS_PROPOSAL: &str = "sanctions_proposal";
    /// What re-screening on a list version found.
    pub const RESCREENING: &str = "rescreening";
    /// Something people must be told.
    pub const NOTIFICATION: &str = "notification";
    /// What a person agreed to about breath sessions.
    pub const BREATH_CONSENT: &str = "breath_consent";
    /// What protects a person across breath sessions: what inhibits them, and how long they were.
    pub const BREATH_INHIBITIONS: &str = "breath_inhibitions";
    /// A breath session.
    pub const BREATH_SESSION: &str = "breath_session";
}

/// An entity, if it exists.
///
/// # Errors
/// The journal fails, or the record is not an entity.
pub fn entity(
    snapshot: &Snapshot<'_>,
    id: &EntityId,
) -> Result<Option<Stored<Entity>>, StoreError> {
    find(snapshot, kind::ENTITY, id.as_str())
}

/// Everybody who directs or owns an entity, as far as they were not erased.
///
/// # Errors
/// The journal fails, or a record is not a person.
pub fn persons_of(
    snapshot: &Snapshot<'_>,
    entity: &Entity,
) -> Result<BTreeMap<PersonId, Person>, StoreError> {
    let mut persons = BTreeMap::new();
    let owners = entity.owners.iter().map(|stake| &stake.person);
    for id in entity.directors.iter().chain(owners) {
        if let Some(person) = find::<Person>(snapshot, kind::PERSON, id.as_str())? {
            persons.insert(id.clone(), person.body);
        }
    }
    Ok(persons)
}
