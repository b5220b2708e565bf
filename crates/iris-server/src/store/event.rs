//! Payloads of the messenger's events: one line of JSON that says what follows, then the bytes themselves,
//! so that a stanza is stored as it was carried.

use bytes::Bytes;
use iris::archive::{Direction, Entry, SentIn};
use iris::documents::{Collection, Write};
use jid::{BareJid, Jid};
use journal::{EventKind, NewEvent, StreamName};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::names::{OwnerTooLong, account_stream, archive_stream};

/// A document was created or replaced.
pub const PUT: &str = "iris.put.v1";
/// A document was removed.
pub const DELETE: &str = "iris.delete.v1";
/// A message was archived.
pub const ARCHIVED: &str = "iris.archived.v1";

/// A stored payload that is not what its kind says.
#[derive(Debug, thiserror::Error)]
pub enum MalformedEvent {
    /// There is no line of JSON.
    #[error("payload has no first line")]
    NoLine,
    /// The first line is not of its type.
    #[error("first line of the payload is not valid")]
    Line(#[from] serde_json::Error),
}

/// Where a document is.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DocumentLine {
    pub(super) collection: Collection,
    pub(super) name: String,
}

/// What is known of a message beside its bytes.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ArchivedLine {
    direction: Direction,
    peer: Jid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sent_in: Option<SentIn>,
    deliver: bool,
}

fn event(kind: &str, line: &impl Serialize, bytes: &[u8]) -> NewEvent {
    let mut payload = Vec::with_capacity(160 + bytes.len());
    serde_json::to_writer(&mut payload, line).expect("a line of strings and numbers is JSON");
    payload.push(b'\n');
    payload.extend_from_slice(bytes);
    NewEvent {
        kind: kind.parse::<EventKind>().expect("kinds are constants"),
        payload,
    }
}

pub(super) fn split<T: DeserializeOwned>(payload: &[u8]) -> Result<(T, &[u8]), MalformedEvent> {
    let end = payload
        .iter()
        .position(|&byte| byte == b'\n')
        .ok_or(MalformedEvent::NoLine)?;
    Ok((
        serde_json::from_slice(&payload[..end])?,
        &payload[end + 1..],
    ))
}

/// The event of a document's change, and its stream.
///
/// # Errors
/// The owner's address is too long.
pub fn write_event(write: &Write) -> Result<(StreamName, NewEvent), OwnerTooLong> {
    let (kind, collection, owner, name, body): (_, _, _, _, &[u8]) = match write {
        Write::Put {
            collection,
            owner,
            name,
            body,
        } => (PUT, *collection, owner, name, body),
        Write::Delete {
            collection,
            owner,
            name,
        } => (DELETE, *collection, owner, name, &[]),
    };
    let line = DocumentLine {
        collection,
        name: name.clone(),
    };
    Ok((account_stream(owner)?, event(kind, &line, body)))
}

/// The event of an archived message, and its stream.
pub(crate) fn archive_event(entry: &Entry) -> Result<(StreamName, NewEvent), OwnerTooLong> {
    let line = ArchivedLine {
        direction: entry.direction,
        peer: entry.peer.clone(),
        origin_id: entry.origin_id.clone(),
        sent_in: entry.sent_in.clone(),
        deliver: entry.deliver,
    };
    Ok((
        archive_stream(&entry.owner)?,
        event(ARCHIVED, &line, &entry.stanza),
    ))
}

/// The message in an event of kind [`ARCHIVED`].
///
/// # Errors
/// The payload is not one.
pub fn archived_entry(owner: &BareJid, payload: &[u8]) -> Result<Entry, MalformedEvent> {
    let (line, stanza): (ArchivedLine, _) = split(payload)?;
    Ok(Entry {
        owner: owner.clone(),
        direction: line.direction,
        peer: line.peer,
        stanza: Bytes::copy_from_slice(stanza),
        origin_id: line.origin_id,
        sent_in: line.sent_in,
        deliver: line.deliver,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_stored_byte_for_byte() {
        let owner = BareJid::new("a@x").unwrap();
        let entry = Entry {
            owner: owner.clone(),
            direction: Direction::Sent,
            peer: Jid::new("b@x/r").unwrap(),
            stanza: Bytes::from_static(
                b"<message to='b@x'><body>1\n2 \"q\" \xc3\xa9</body></message>",
            ),
            origin_id: Some("o\n1".to_owned()),
            sent_in: None,
            deliver: true,
        };
        let (stream, event) = archive_event(&entry).unwrap();
        assert_eq!(stream.as_str(), "iris/archive/a@x");
        assert!(event.payload.ends_with(&entry.stanza));
        assert_eq!(archived_entry(&owner, &event.payload).unwrap(), entry);
    }
}
