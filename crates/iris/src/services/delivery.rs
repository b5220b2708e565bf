//! Which devices of an account get a message now, and in which form: itself or a carbon copy
//! (RFC 6121 8.5, XEP-0280 1.0). Pure: from the message and the connected resources alone.

use bytes::Bytes;
use jid::{BareJid, FullJid, Jid};

use super::content::{Content, MessageType};
use super::{forward, ns};
use crate::archive::{ArchiveId, Archived, Direction};
use crate::live::Resource;
use crate::stanza::{Stanza, with_child, without_children};
use crate::xml::{Child, Xml};

/// How one device gets a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Itself,
    Copy,
}

/// What each connected device of an archive's owner gets of a message that became durable. The message carries
/// its archive id (XEP-0359); empty means that nobody is there and the archive delivers later.
pub fn of_archived(archived: &Archived, resources: &[Resource]) -> Vec<(FullJid, Bytes)> {
    let entry = &archived.entry;
    // What the owner sent comes to nobody but as a copy.
    let is_for_nobody =
        entry.direction == Direction::Sent && !resources.iter().any(|resource| resource.carbons);
    if is_for_nobody {
        return Vec::new();
    }
    let Ok(message) = Stanza::from_peer(&entry.stanza) else {
        return Vec::new();
    };
    let stamped = with_stanza_id(&entry.stanza, &entry.owner, archived.id);
    let content = Content::of(&message);
    deliver(
        &entry.owner,
        entry.direction,
        &message,
        &content,
        &stamped,
        resources,
    )
}

/// The same for a message that no archive keeps.
pub(crate) fn of_passing(
    owner: &BareJid,
    direction: Direction,
    message: &Stanza,
    content: &Content,
    resources: &[Resource],
) -> Vec<(FullJid, Bytes)> {
    deliver(
        owner,
        direction,
        message,
        content,
        &message.bytes,
        resources,
    )
}

/// A message with its place in `by`'s archive. A `stanza-id` that claims to be `by`'s is not kept.
pub fn with_stanza_id(message: &Bytes, by: &BareJid, id: ArchiveId) -> Bytes {
    let stanza_id = Xml::in_namespace("stanza-id", ns::SID)
        .attr("by", by.as_str())
        .attr("id", &id.to_string())
        .finish();
    with_child(&without_stanza_id(message, by), &stanza_id)
}

/// A message without any `stanza-id` that claims to be `by`'s (XEP-0359 5).
pub(crate) fn without_stanza_id(message: &Bytes, by: &BareJid) -> Bytes {
    // Most messages have none, and need no look at their children.
    if memchr::memmem::find(message, b"stanza-id").is_none() {
        return message.clone();
    }
    without_children(message, |child: &Child<'_>| {
        child.is("stanza-id", Some(ns::SID))
            && child.tag.value("by").is_some_and(|id| id == by.as_str())
    })
}

fn deliver(
    owner: &BareJid,
    direction: Direction,
    message: &Stanza,
    content: &Content,
    bytes: &Bytes,
    resources: &[Resource],
) -> Vec<(FullJid, Bytes)> {
    let type_ = message.type_.as_deref().unwrap_or("normal");
    forms(direction, message, content, resources)
        .map(|(to, form)| match form {
            Form::Itself => (to.clone(), bytes.clone()),
            Form::Copy => (
                to.clone(),
                forward::carbon(owner, to, direction, bytes, type_),
            ),
        })
        .collect()
}

fn forms<'a>(
    direction: Direction,
    message: &Stanza,
    content: &Content,
    resources: &'a [Resource],
) -> impl Iterator<Item = (&'a FullJid, Form)> {
    let named = match (direction, &message.to) {
        (Direction::Received, Some(to)) => {
            resources.iter().find(|resource| is_same(&resource.jid, to))
        }
        _ => None,
    };
    let named = named.map(|resource| &resource.jid);
    let is_to_one_device = message.to.as_ref().is_some_and(Jid::is_full);
    // What names a device that is gone is for all of them, unless only that device could use it (RFC 6121 8.5.3.2.1).
    let is_for_all = direction == Direction::Received
        && named.is_none()
        && match content.type_ {
            MessageType::Chat | MessageType::Normal => true,
            MessageType::Headline => !is_to_one_device,
            MessageType::Error | MessageType::Groupchat => false,
        };
    let sender = message.from.clone();
    let is_copied =
        content.is_copied && !(direction == Direction::Received && content.is_private_of_room);
    resources.iter().filter_map(move |resource| {
        let is_available = resource.presence.is_some();
        if named == Some(&resource.jid) || (is_for_all && resource.takes_messages()) {
            return Some((&resource.jid, Form::Itself));
        }
        let takes_copy =
            is_copied && is_available && resource.carbons && !is_same(&resource.jid, &sender);
        takes_copy.then_some((&resource.jid, Form::Copy))
    })
}

fn is_same(resource: &FullJid, jid: &Jid) -> bool {
    jid.try_as_full().is_ok_and(|full| full == resource)
}
