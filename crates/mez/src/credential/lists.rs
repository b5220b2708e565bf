//! The status lists of a zone: one list for each purpose, and one index for each credential on all of them.

use std::collections::BTreeMap;
use std::convert::Infallible;

use evidence::status_list::{BITS_MIN, Bitstring, ListBuilder, StatusPurpose};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Context, CredentialStanding, Refusal};
use ids::aggregate::{Aggregate, Decision, Misfit};

/// What the lists tell, one list each.
pub const PURPOSES: [StatusPurpose; 2] = [StatusPurpose::Revocation, StatusPurpose::Suspension];
/// Bits of a list: the fewest that hide which credential is looked up (Bitstring Status List section 6.1).
pub const BITS: usize = BITS_MIN;
/// How long a published list may be relied on before it must be fetched again.
const LIFETIME: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The lists as they stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusLists {
    /// How many indexes are taken; the next one that is free.
    pub assigned: u64,
    /// The newest published list of each purpose, signed.
    pub published: BTreeMap<String, Value>,
}

/// What can be asked of the lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListCommand {
    /// Give the next free index to a credential.
    TakeIndex,
    /// Say how these credentials stand. Lists whose bits stay are published again only when they are due.
    Publish(Vec<IndexStanding>),
}

/// How the credential at an index stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexStanding {
    /// The index.
    pub index: u64,
    /// How it stands.
    pub standing: CredentialStanding,
}

/// What happened to the lists. Stored without the name of the variant: the kind of the event tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ListEvent {
    /// An index was given to a credential.
    IndexAssigned(IndexAssigned),
    /// A list was published.
    Published(ListPublished),
}

/// An index of the lists was given to a credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexAssigned {
    /// Which.
    pub index: u64,
}

/// A status list was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListPublished {
    /// What its bits mean.
    pub purpose: String,
    /// The list, signed.
    pub credential: Value,
}

impl ListEvent {
    /// The kind of [`IndexAssigned`].
    pub const INDEX_ASSIGNED: &str = "status_list.index_assigned.v1";
    /// The kind of [`ListPublished`].
    pub const PUBLISHED: &str = "status_list.published.v1";

    /// The kind under which the journal stores the event.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::IndexAssigned(_) => Self::INDEX_ASSIGNED,
            Self::Published(_) => Self::PUBLISHED,
        }
    }
}

impl Aggregate for StatusLists {
    type State = Self;
    type Command = ListCommand;
    type Event = ListEvent;
    type Effect = Infallible;
    type Refusal = Refusal;
    type Context<'a> = Context<'a>;

    fn decide(
        lists: Option<&Self>,
        command: ListCommand,
        context: &Context<'_>,
    ) -> Result<Decision<ListEvent, Infallible>, Refusal> {
        let none = Self::default();
        let lists = lists.unwrap_or(&none);
        match command {
            ListCommand::TakeIndex => {
                let index = lists.free_index()?;
                Ok(Decision::event(ListEvent::IndexAssigned(IndexAssigned {
                    index,
                })))
            }
            ListCommand::Publish(changes) => Ok(Decision {
                events: lists.publish(&changes, context)?,
                effects: vec![],
            }),
        }
    }

    fn apply(lists: Option<Self>, event: &ListEvent) -> Result<Self, Misfit> {
        let mut lists = lists.unwrap_or_default();
        match event {
            ListEvent::IndexAssigned(assigned) if assigned.index != lists.assigned => {
                return Err(Misfit {
                    event: event.kind(),
                    state: "counted otherwise",
                });
            }
            ListEvent::IndexAssigned(_) => lists.assigned += 1,
            ListEvent::Published(list) => {
                let (purpose, list) = (list.purpose.clone(), list.credential.clone());
                lists.published.insert(purpose, list);
            }
        }
        Ok(lists)
    }
}

impl StatusLists {
    /// The index that [`ListCommand::TakeIndex`] gives.
    ///
    /// # Errors
    /// Every index is taken.
    pub fn free_index(&self) -> Result<u64, Refusal> {
        let is_free = self.assigned < BITS as u64;
        is_free.then_some(self.assigned).ok_or(Refusal::ListsFull)
    }

    fn publish(
        &self,
        changes: &[IndexStanding],
        context: &Context<'_>,
    ) -> Result<Vec<ListEvent>, Refusal> {
        if let Some(free) = changes.iter().find(|it| it.index >= self.assigned) {
            return Err(Refusal::IndexFree { index: free.index });
        }
        let now = context.now()?;
        let mut events = Vec::new();
        for purpose in PURPOSES {
            if let Some(bits) = self.bits_to_publish(purpose, changes, now)? {
                events.push(ListEvent::Published(ListPublished {
                    purpose: purpose.as_str().to_owned(),
                    credential: sign(purpose, bits, context, now)?,
                }));
            }
        }
        Ok(events)
    }

    /// The bits of a list after the changes, when it has to be published.
    fn bits_to_publish(
        &self,
        purpose: StatusPurpose,
        changes: &[IndexStanding],
        now: Timestamp,
    ) -> Result<Option<Bitstring>, Refusal> {
        let published = self.published.get(purpose.as_str());
        let is_due = published.is_none_or(|list| is_due(list, now));
        if changes.is_empty() && !is_due {
            return Ok(None);
        }
        let before = bits_of(published).map_err(Refusal::Unreadable)?;
        let mut bits = before.clone();
        for change in changes {
            let index = usize::try_from(change.index).unwrap_or(usize::MAX);
            let bit = is_set(change.standing, purpose);
            bits.set(index, bit).map_err(Refusal::Unreadable)?;
        }
        Ok((is_due || bits != before).then_some(bits))
    }
}

/// Whether half of the time for which a list may be relied on is over.
fn is_due(list: &Value, now: Timestamp) -> bool {
    let until = list["validUntil"].as_str();
    let until = until.and_then(|text| text.parse::<Timestamp>().ok());
    until.is_none_or(|until| now.duration_until(until) <= LIFETIME / 2)
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

fn bits_of(published: Option<&Value>) -> Result<Bitstring, evidence::status_list::BitstringError> {
    match published {
        None => Bitstring::clear(BITS),
        Some(list) => {
            let encoded = list["credentialSubject"]["encodedList"].as_str();
            Bitstring::decode(encoded.unwrap_or_default())
        }
    }
}

fn sign(
    purpose: StatusPurpose,
    bits: Bitstring,
    context: &Context<'_>,
    now: Timestamp,
) -> Result<Value, Refusal> {
    let unsigned = ListBuilder {
        id: context.issuer.list_url(purpose),
        issuer: context.issuer.name(),
        purpose,
        bits,
        valid_from: now,
        valid_until: now.checked_add(LIFETIME).ok(),
    };
    context.issuer.sign(unsigned.build(), now)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_is_due_once_half_of_its_time_is_over() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let list = json!({ "validUntil": "2026-03-31T00:00:00Z" });
        assert!(!is_due(&list, at("2026-03-15T00:00:00Z")));
        assert!(is_due(&list, at("2026-03-16T00:00:00Z")));
        assert!(is_due(&json!({}), at("2026-03-15T00:00:00Z")));
    }
}
