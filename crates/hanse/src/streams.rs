//! The names of the streams that the node writes, in one place.

use ids::{EntityId, JurisdictionId, PersonId};
use journal::StreamName;

use crate::breath::ids::{BreathPerson, SessionId};

/// Public facts about an entity.
pub fn entity(id: &EntityId) -> StreamName {
    name(format!("mez/entity/{id}"))
}

/// Everything known of a person: sealed, and erased with its key.
pub fn person(id: &PersonId) -> StreamName {
    name(format!("mez/person/{id}"))
}

/// Screenings of an entity under its own name, and decisions on their hits.
pub fn company_screening(id: &EntityId) -> StreamName {
    name(format!("mez/screening/{id}"))
}

/// Credentials that were accepted as evidence about an entity: sealed.
pub fn evidence(id: &EntityId) -> StreamName {
    name(format!("mez/evidence/{id}"))
}

/// Full compliance judgements with their openings: sealed.
pub fn compliance(id: &EntityId) -> StreamName {
    name(format!("mez/compliance/{id}"))
}

/// Names and numbers of one register. Everything that must be unique in it is decided on this head.
pub fn register(jurisdiction: &JurisdictionId) -> StreamName {
    name(format!("mez/register/{jurisdiction}"))
}

/// One credential that the zone issued, and what became of it.
pub fn credential(id: &str) -> StreamName {
    name(format!("mez/credential/{id}"))
}

/// Assigned places and published versions of a status list.
pub fn status_list(purpose: &str) -> StreamName {
    name(format!("mez/status-list/{purpose}"))
}

/// Imported versions of a sanctions list, and what re-screening on them found.
pub fn sanctions_list(list: &str) -> StreamName {
    name(format!("mez/sanctions/{list}"))
}

/// Screenings that were asked for by themselves: sealed, one stream each.
pub fn inquiry(id: &str) -> StreamName {
    name(format!("mez/inquiry/{id}"))
}

/// What a person agreed to about breath sessions: sealed. It outlives the sessions.
pub fn breath_consent(person: &BreathPerson) -> StreamName {
    name(format!("zenb/consent/{person}"))
}

/// What protects a person across breath sessions: sealed. It outlives the sessions, and ends when it protects nobody any
/// more; the next has a name of its own, because a stream whose key was destroyed is not written again.
pub fn breath_person(person: &BreathPerson, records_before: u32) -> StreamName {
    match records_before {
        0 => name(format!("zenb/person/{person}")),
        number => name(format!("zenb/person/{person}/{number}")),
    }
}

/// One breath session, everything its replay needs: sealed.
pub fn breath_session(id: &SessionId) -> StreamName {
    name(format!("zenb/session/{id}"))
}

/// What was seen in a breath session besides, and may be dropped under pressure: sealed.
pub fn breath_telemetry(id: &SessionId) -> StreamName {
    name(format!("zenb/telemetry/{id}"))
}

/// What people must be told.
pub fn notifications() -> StreamName {
    name("hanse/notifications".to_owned())
}

fn name(text: String) -> StreamName {
    text.parse()
        .expect("ids are lower-case segments of bounded length")
}
