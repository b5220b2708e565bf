//! Multi-user chat (XEP-0045 1.35) with its own archive (XEP-0313), occupant ids (XEP-0421), self-ping
//! (XEP-0410) and moderation (XEP-0425).
//!
//! A room's charter is a document; who is in it now is memory. A room's messages are fanned out from its
//! archive after they are durable, so every occupant gets the same stable id.

pub mod config;
pub mod room;
pub mod standing;

mod enter;
mod manage;
mod moderate;
mod query;
mod settings;
mod speak;
mod wire;

use std::collections::BTreeMap;

use bytes::Bytes;
use jid::{BareJid, FullJid, Jid};
use minidom::Element;

pub(crate) use moderate::tombstone;

use crate::archive::Archived;
use crate::authorize::{Permit, Principal};
use crate::documents::{Collection, Unavailable, Write};
use crate::outcome::{Context, Outcome, Send, Target};
use crate::services;
use crate::stanza::{Condition, Kind, NoStanza, Stanza, error_element, error_reply_with};
use crate::xml::Xml;
use room::{Charter, Room};

/// The rooms that somebody is in, in memory.
#[derive(Clone, Debug, Default)]
pub struct Rooms {
    active: BTreeMap<BareJid, Room>,
}

impl Rooms {
    /// A room, from memory or as stored.
    fn get(&mut self, context: &Context<'_>, jid: &BareJid) -> Result<Option<&mut Room>, Refusal> {
        if !self.active.contains_key(jid) {
            let Some(charter) = stored(context, jid)? else {
                return Ok(None);
            };
            let room = Room {
                jid: jid.clone(),
                charter,
                occupants: BTreeMap::new(),
            };
            self.active.insert(jid.clone(), room);
        }
        Ok(self.active.get_mut(jid))
    }

    /// A copy of these rooms alone. What is decided on it changes nothing until it is [adopted](Rooms::adopt).
    pub fn copy_of(&self, rooms: &[BareJid]) -> Self {
        let found = rooms
            .iter()
            .filter_map(|jid| self.active.get_key_value(jid));
        Self {
            active: found
                .map(|(jid, room)| (jid.clone(), room.clone()))
                .collect(),
        }
    }

    /// Takes over what was decided on a copy of these rooms. One that nobody is in is let go of.
    pub fn adopt(&mut self, rooms: &[BareJid], mut decided: Self) {
        for jid in rooms {
            let room = decided.active.remove(jid);
            match room.filter(|room| !room.occupants.is_empty()) {
                Some(room) => self.active.insert(jid.clone(), room),
                None => self.active.remove(jid),
            };
        }
    }

    /// Whether somebody is in a room.
    pub fn is_occupied(&self, room: &BareJid) -> bool {
        let room = self.active.get(room);
        room.is_some_and(|room| !room.occupants.is_empty())
    }

    /// The address that a device has in a room.
    pub fn occupant(&self, room: &BareJid, device: &FullJid) -> Option<FullJid> {
        let room = self.active.get(room)?;
        Some(room.occupant_jid(room.nick_of(device)?))
    }

    /// The rooms that a device is in.
    pub fn of_device(&self, device: &FullJid) -> Vec<BareJid> {
        let rooms = self.active.values();
        rooms
            .filter(|room| room.nick_of(device).is_some())
            .map(|room| room.jid.clone())
            .collect()
    }

    /// Reads the settings of a room in memory again; occupants stay. A room that is not stored any more is let go of.
    ///
    /// # Errors
    /// The store cannot answer.
    pub fn reload(&mut self, context: &Context<'_>, jid: &BareJid) -> Result<(), Unavailable> {
        if !self.active.contains_key(jid) {
            return Ok(());
        }
        match stored(context, jid)? {
            Some(charter) => {
                if let Some(room) = self.active.get_mut(jid) {
                    room.charter = charter;
                }
            }
            None => {
                self.active.remove(jid);
            }
        }
        Ok(())
    }

    /// Rooms somebody is in, with the number of their occupants.
    pub fn occupancy(&self) -> impl Iterator<Item = (&BareJid, usize)> {
        let rooms = self.active.iter();
        rooms.map(|(jid, room)| (jid, room.occupants.len()))
    }

    /// Lets go of a room that nobody is in. A room that is not persistent ends with it.
    fn settle(&mut self, jid: &BareJid) -> Vec<Write> {
        let Some(room) = self.active.get(jid) else {
            return Vec::new();
        };
        if !room.occupants.is_empty() {
            return Vec::new();
        }
        let ends = !room.charter.config.persistent;
        self.active.remove(jid);
        if ends { unlist(jid) } else { Vec::new() }
    }
}

/// Why a request is not met: the error that the asker gets (RFC 6120 8.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Condition.
    pub condition: Condition,
    /// For people.
    pub text: Option<String>,
}

impl Refusal {
    /// Refused with a condition alone.
    pub fn because(condition: Condition) -> Self {
        Self {
            condition,
            text: None,
        }
    }
}

impl From<services::Refused> for Refusal {
    fn from(refused: services::Refused) -> Self {
        Self::because(refused.condition())
    }
}

impl From<Unavailable> for Refusal {
    fn from(error: Unavailable) -> Self {
        Self {
            condition: Condition::InternalServerError,
            text: Some(error.to_string()),
        }
    }
}

/// What a room does with a stanza addressed to it, to an occupant, or to the service.
pub fn handle(
    context: &Context<'_>,
    permit: &Permit,
    rooms: &mut Rooms,
    stanza: &Stanza,
) -> Outcome {
    let decided = decide(context, permit, rooms, stanza);
    decided.unwrap_or_else(|refusal| refuse(stanza, &refusal))
}

/// As [`handle`], before a refusal becomes an answer.
///
/// # Errors
/// The request is not met. `rooms` may hold a part of it then, and is not to be kept.
pub fn decide(
    context: &Context<'_>,
    permit: &Permit,
    rooms: &mut Rooms,
    stanza: &Stanza,
) -> Result<Outcome, Refusal> {
    match (permit.principal(), &stanza.to) {
        (Principal::Session(_) | Principal::Peer(_) | Principal::Component(_), Some(to)) => {
            by_kind(context, rooms, stanza, to)
        }
        (_, None) => Err(Refusal::because(Condition::BadRequest)),
    }
}

/// Whether a stanza to a room that somebody is in can change neither its settings nor who is in it: speech, private messages,
/// questions and their answers. What is said is archived, which changes nothing of the room itself.
pub fn only_reads(stanza: &Stanza) -> bool {
    let type_ = stanza.type_.as_deref();
    match stanza.kind {
        Kind::Presence => false,
        Kind::Iq => type_ != Some("set") || query::is_about_archive(stanza),
        Kind::Message => match type_ {
            Some("error") => false,
            Some("groupchat") => memchr::memmem::find(&stanza.bytes, b"subject").is_none(),
            // Without a nickname it may be an invitation, which makes a member.
            _ => stanza.to.as_ref().is_some_and(|to| to.resource().is_some()),
        },
    }
}

fn by_kind(
    context: &Context<'_>,
    rooms: &mut Rooms,
    stanza: &Stanza,
    to: &Jid,
) -> Result<Outcome, Refusal> {
    let is_error = stanza.type_.as_deref() == Some("error");
    if to.node().is_none() {
        return match stanza.kind {
            Kind::Iq if !is_error => query::service(context, stanza),
            // Nobody reads it, and who wrote it shall know.
            Kind::Message => Err(Refusal::because(Condition::ServiceUnavailable)),
            _ => Ok(Outcome::nothing()),
        };
    }
    match stanza.kind {
        Kind::Presence => enter::presence(context, rooms, stanza, to),
        Kind::Message if is_error => Ok(enter::bounced(rooms, stanza, to)),
        Kind::Message => speak::message(context, rooms, stanza, to),
        Kind::Iq => query::room(context, rooms, stanza, to),
    }
}

/// Takes a device out of every room it is in, because its session ended.
pub fn session_ended(_: &Context<'_>, rooms: &mut Rooms, device: &FullJid) -> Outcome {
    let inside = rooms.of_device(device).into_iter();
    inside
        .map(|jid| enter::leave(rooms, &jid, device, b""))
        .fold(Outcome::nothing(), Outcome::and)
}

/// What tells a device that it is out of a room which it was in before the node stopped, so that it enters again and asks
/// for what it missed.
pub fn lost(occupant: &FullJid, device: &FullJid) -> Bytes {
    let code = |code: u16| Xml::new("status").attr("code", &code.to_string());
    let item = Xml::new("item")
        .attr("affiliation", "none")
        .attr("role", "none");
    let x = Xml::in_namespace("x", wire::NS_USER)
        .child(item)
        .child(code(wire::status::SELF))
        .child(code(wire::status::TECHNICAL_PROBLEM));
    let presence = Xml::new("presence")
        .attr("type", "unavailable")
        .attr("from", occupant.as_str())
        .attr("to", device.as_str());
    presence.child(x).finish().into()
}

/// The copies of an archived message for everybody in its room.
pub fn deliver(rooms: &Rooms, archived: &Archived) -> Vec<Send> {
    rooms
        .active
        .get(&archived.entry.owner)
        .map(|room| speak::copies(room, &archived.entry.stanza, Some(archived.id)))
        .unwrap_or_default()
}

/// The answer to a request that is not met.
pub fn refuse(stanza: &Stanza, refusal: &Refusal) -> Outcome {
    let error = error_element(refusal.condition, refusal.text.as_deref(), "");
    error_reply_with(stanza, &error).map_or_else(Outcome::nothing, |reply| {
        Outcome::reply(Target::Route(stanza.from.clone()), reply)
    })
}

fn stored(context: &Context<'_>, jid: &BareJid) -> Result<Option<Charter>, Unavailable> {
    let Some(body) = context.documents.get(Collection::Room, jid, "")? else {
        return Ok(None);
    };
    serde_json::from_slice(&body)
        .map(Some)
        .map_err(|error| Unavailable {
            why: format!("charter of {jid}: {error}"),
        })
}

/// What keeps a charter, and the directory entry of a public room.
fn keep(room: &Room) -> Vec<Write> {
    let body = serde_json::to_vec(&room.charter).expect("a charter has only text keys");
    let entry = directory_entry(&room.jid);
    let listed = if room.charter.config.public {
        Write::Put {
            collection: Collection::Room,
            owner: entry.0,
            name: entry.1,
            body: room.charter.config.name.clone().into_bytes(),
        }
    } else {
        Write::Delete {
            collection: Collection::Room,
            owner: entry.0,
            name: entry.1,
        }
    };
    vec![
        Write::Put {
            collection: Collection::Room,
            owner: room.jid.clone(),
            name: String::new(),
            body,
        },
        listed,
    ]
}

fn unlist(jid: &BareJid) -> Vec<Write> {
    let entry = directory_entry(jid);
    vec![
        Write::Delete {
            collection: Collection::Room,
            owner: jid.clone(),
            name: String::new(),
        },
        Write::Delete {
            collection: Collection::Room,
            owner: entry.0,
            name: entry.1,
        },
    ]
}

/// The directory is kept with the service itself, by the local part of the room.
fn directory_entry(room: &BareJid) -> (BareJid, String) {
    let name = room.node().map(|node| node.as_str().to_owned());
    (
        BareJid::from_parts(None, room.domain()),
        name.unwrap_or_default(),
    )
}

/// The address of a device. Whoever speaks to a room has one; a bare address is a server or a component.
fn device(stanza: &Stanza) -> Result<FullJid, Refusal> {
    FullJid::try_from(stanza.from.clone()).map_err(|_| Refusal::because(Condition::NotAcceptable))
}

impl From<NoStanza> for Refusal {
    fn from(_: NoStanza) -> Self {
        Self::because(Condition::BadRequest)
    }
}

fn payload(stanza: &Stanza) -> Result<Element, Refusal> {
    Ok(stanza.element()?)
}
