//! Status lists: what the zone says of its credentials after it issued them.

use evidence::data_integrity::{self, ProofPurpose};
use evidence::status_list::{Bitstring, ListBuilder, StatusPurpose};
use jiff::{SignedDuration, Timestamp};
use journal::Privacy;
use mez::entity::CredentialStanding;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CredentialRecord, ListPublished, StandingChanged};
use crate::change::Change;
use crate::entities::wire::time;
use crate::http::problem::Problem;
use crate::institutions::Institutions;
use crate::store::{self, Stored, kind};
use crate::streams;

/// The one pair of lists of a zone: places are shared by both purposes.
pub const LIST: &str = "main";
/// Places of a list: the smallest that hides which credential is looked up (Bitstring Status List section 6.1).
pub const BITS: usize = 131_072;
/// How long a published list may be relied on before it must be fetched again.
const LIFETIME: SignedDuration = SignedDuration::from_hours(30 * 24);
const PURPOSES: [StatusPurpose; 2] = [StatusPurpose::Revocation, StatusPurpose::Suspension];

/// The read model of the lists.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListState {
    /// How many places are taken.
    pub assigned: u64,
    /// The newest published list of each purpose, signed.
    pub published: std::collections::BTreeMap<String, Value>,
}

/// Where a list is published.
pub fn url(node: &Institutions, purpose: StatusPurpose) -> String {
    format!("{}/v1/status-lists/{}", node.public_url, purpose.as_str())
}

/// The lists as they stand, once a place was taken or a list was published.
///
/// # Errors
/// The journal cannot be read.
pub fn state(node: &Institutions) -> Result<Option<ListState>, Problem> {
    let stored = store::find::<ListState>(&node.platform.reader, kind::STATUS_LIST, LIST)?;
    Ok(stored.map(|stored| stored.body))
}

/// Whether the lists were never published, or half of the time they may be relied on is over.
///
/// # Errors
/// The journal cannot be read.
pub fn is_due(node: &Institutions) -> Result<bool, Problem> {
    let published = state(node)?.unwrap_or_default().published;
    let now = time(node.platform.clock.now_ms());
    Ok(published.len() < PURPOSES.len() || !published.values().all(|list| is_fresh(list, now)))
}

fn is_fresh(list: &Value, now: Timestamp) -> bool {
    let until = list["validUntil"]
        .as_str()
        .and_then(|text| text.parse::<Timestamp>().ok());
    until.is_some_and(|until| now.duration_until(until) > LIFETIME / 2)
}

/// Changes what the lists say of `credentials` and publishes both lists again.
///
/// # Errors
/// The journal cannot be read, or a published list is not readable.
pub fn publish(
    node: &Institutions,
    change: &mut Change,
    credentials: &[Stored<CredentialRecord>],
    standing: CredentialStanding,
) -> Result<(), Problem> {
    let stream = streams::status_list(LIST);
    let expected = store::expected(&node.platform.reader, &stream)?;
    let state = state(node)?.unwrap_or_default();
    for credential in credentials.iter().filter(|c| c.body.may_become(standing)) {
        let changed = StandingChanged {
            standing,
            at_ms: change.now_ms(),
        };
        let stream = streams::credential(&credential.id);
        let head = store::expected(&node.platform.reader, &stream)?;
        change.append(
            &stream,
            Privacy::Public,
            head,
            "credential.standing_changed.v1",
            &changed,
        )?;
    }
    for purpose in PURPOSES {
        let mut bits = bits_of(&state, purpose)?;
        for credential in credentials.iter().filter(|c| c.body.may_become(standing)) {
            let index = usize::try_from(credential.body.index).unwrap_or(usize::MAX);
            bits.set(index, is_set(standing, purpose))
                .map_err(|e| Problem::internal(&e))?;
        }
        let list = sign(node, purpose, bits, change.now_ms())?;
        let published = ListPublished {
            purpose: purpose.as_str().to_owned(),
            credential: list,
        };
        change.append(
            &stream,
            Privacy::Public,
            expected,
            "status_list.published.v1",
            &published,
        )?;
    }
    Ok(())
}

/// Whether the bit of a purpose is set for a credential that stands so. A revoked one stays revoked
/// and is not suspended besides.
fn is_set(standing: CredentialStanding, purpose: StatusPurpose) -> bool {
    match standing {
        CredentialStanding::InForce => false,
        CredentialStanding::Suspended => purpose == StatusPurpose::Suspension,
        CredentialStanding::Revoked => purpose == StatusPurpose::Revocation,
    }
}

fn bits_of(state: &ListState, purpose: StatusPurpose) -> Result<Bitstring, Problem> {
    match state.published.get(purpose.as_str()) {
        None => Bitstring::clear(BITS),
        Some(list) => Bitstring::decode(
            list["credentialSubject"]["encodedList"]
                .as_str()
                .unwrap_or_default(),
        ),
    }
    .map_err(|error| Problem::internal(&error))
}

fn sign(
    node: &Institutions,
    purpose: StatusPurpose,
    bits: Bitstring,
    now_ms: i64,
) -> Result<Value, Problem> {
    let now = time(now_ms);
    let unsigned = ListBuilder {
        id: url(node, purpose),
        issuer: node.issuer.did().to_string(),
        purpose,
        bits,
        valid_from: now,
        valid_until: now.checked_add(LIFETIME).ok(),
    }
    .build()
    .map_err(|error| Problem::internal(&error))?;
    data_integrity::sign(unsigned, &node.issuer, now, ProofPurpose::AssertionMethod)
        .map_err(|error| Problem::internal(&error))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_is_due_once_half_of_its_time_is_over() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let list = json!({ "validUntil": "2026-03-31T00:00:00Z" });
        assert!(is_fresh(&list, at("2026-03-15T00:00:00Z")));
        assert!(!is_fresh(&list, at("2026-03-16T00:00:00Z")));
        assert!(!is_fresh(&json!({}), at("2026-03-15T00:00:00Z")));
    }
}
