//! Speaking: to all, to one, and inviting (XEP-0045 7.4 to 7.8).

use bytes::Bytes;
use jid::{BareJid, FullJid, Jid, ResourcePart};
use minidom::Element;

use super::room::{Room, Subject};
use super::standing::{Affiliation, Role};
use super::wire::escape;
use super::wire::{self, NS_OCCUPANT_ID, NS_STANZA_ID, NS_USER};
use super::{Refusal, Rooms, device, keep, payload};
use crate::archive::{ArchiveId, Direction, Entry};
use crate::outcome::{Context, Outcome, Send, Target};
use crate::services;
use crate::stanza::{Condition, Stanza, with_child, with_to, without_children};

const NS_HINTS: &str = "urn:xmpp:hints";
const NS_CHAT_STATES: &str = "http://jabber.org/protocol/chatstates";
const NS_ORIGIN_ID: &str = NS_STANZA_ID;

pub(super) fn message(
    context: &Context<'_>,
    rooms: &mut Rooms,
    stanza: &Stanza,
    to: &Jid,
) -> Result<Outcome, Refusal> {
    let jid = to.to_bare();
    let Some(room) = rooms.get(context, &jid)? else {
        return Err(Refusal::because(Condition::ItemNotFound));
    };
    let outcome = match (stanza.type_.as_deref(), to.resource()) {
        (Some("groupchat"), None) => to_all(context, room, stanza),
        (Some("groupchat"), Some(_)) => Err(Refusal::because(Condition::BadRequest)),
        (_, Some(nick)) => to_one(context, room, stanza, nick),
        (_, None) => mediated(room, stanza),
    };
    let settled = rooms.settle(&jid);
    outcome.map(|mut outcome| {
        outcome.writes.extend(settled);
        outcome
    })
}

fn to_all(context: &Context<'_>, room: &mut Room, stanza: &Stanza) -> Result<Outcome, Refusal> {
    let device = device(stanza)?;
    let Some(nick) = room.nick_of(&device).cloned() else {
        return Err(Refusal::because(Condition::NotAcceptable));
    };
    let role = room.occupants.get(&nick).map_or(Role::None, |it| it.role);
    let element = payload(stanza)?;
    if is_subject(&element) {
        return new_subject(context, room, stanza, &element, (&nick, role));
    }
    if !room.has_voice(role) {
        return Err(Refusal::because(Condition::Forbidden));
    }
    let said = as_said(room, &nick, stanza)?;
    let entry = Entry {
        owner: room.jid.clone(),
        direction: Direction::Received,
        peer: Jid::from(room.occupant_jid(&nick)),
        stanza: said.clone(),
        origin_id: origin_id(&element),
        sent_in: None,
        deliver: false,
    };
    let mut outcome = Outcome::nothing();
    if room.charter.config.archived && is_kept(&element) {
        outcome.archive.push(entry);
    } else {
        outcome.send = copies(room, &said, None);
    }
    Ok(outcome)
}

fn is_subject(element: &Element) -> bool {
    let namespace = element.ns();
    element.get_child("subject", namespace.as_str()).is_some()
        && element.get_child("body", namespace.as_str()).is_none()
        && element.get_child("thread", namespace.as_str()).is_none()
}

/// Whether a message is kept: not when it says so (XEP-0334), nor when it only tells who is typing.
fn is_kept(element: &Element) -> bool {
    let hint = |name| element.get_child(name, NS_HINTS).is_some();
    if hint("no-store") || hint("no-permanent-store") {
        return false;
    }
    let is_said = |child: &Element| {
        let namespace = child.ns();
        let is_about = namespace == NS_CHAT_STATES || child.name() == "thread";
        let is_id = namespace == NS_ORIGIN_ID || namespace == NS_HINTS;
        !is_about && !is_id
    };
    hint("store") || element.children().any(is_said)
}

fn origin_id(element: &Element) -> Option<String> {
    let id = element.get_child("origin-id", NS_ORIGIN_ID)?.attr("id")?;
    Some(id.to_owned())
}

fn new_subject(
    context: &Context<'_>,
    room: &mut Room,
    stanza: &Stanza,
    element: &Element,
    (nick, role): (&ResourcePart, Role),
) -> Result<Outcome, Refusal> {
    let open = room.charter.config.subject_open && room.has_voice(role);
    if role != Role::Moderator && !open {
        return Err(Refusal::because(Condition::Forbidden));
    }
    let namespace = element.ns();
    let text = element
        .get_child("subject", namespace.as_str())
        .map(Element::text);
    room.charter.subject = Some(Subject {
        text: text.unwrap_or_default(),
        by: nick.to_string(),
        at_ms: context.now_ms,
    });
    let said = as_said(room, nick, stanza)?;
    let mut outcome = Outcome::nothing();
    outcome.writes = keep(room);
    outcome.send = copies(room, &said, None);
    Ok(outcome)
}

/// A message as the room says it: from the occupant's address, with the occupant id, and without what
/// only the room may claim. Every other byte is the sender's.
fn as_said(room: &Room, nick: &ResourcePart, stanza: &Stanza) -> Result<Bytes, Refusal> {
    let from = Jid::from(room.occupant_jid(nick));
    let said = Stanza::parse(&stanza.bytes, &from)?;
    let said = without_children(&said.bytes, |child| {
        child.is("x", Some(NS_USER))
            || child.is("occupant-id", Some(NS_OCCUPANT_ID))
            || child.is("stanza-id", Some(NS_STANZA_ID))
            || child.is("moderated", Some(super::moderate::NS_MODERATE))
    });
    Ok(room.occupants.get(nick).map_or(said.clone(), |occupant| {
        with_child(&said, &wire::occupant_id(room, occupant))
    }))
}

/// The copies of what was said, for every device in the room.
pub(super) fn copies(room: &Room, said: &Bytes, id: Option<ArchiveId>) -> Vec<Send> {
    let devices = room.devices();
    devices
        .filter_map(|(_, _, device)| {
            let copy = copy(room, said, id, device, "").ok()?;
            Some(wire::to_device(device, copy))
        })
        .collect()
}

/// One copy: `to`, the archive's id and `more` are added, every other byte is as it was said.
pub(super) fn copy(
    room: &Room,
    said: &[u8],
    id: Option<ArchiveId>,
    device: &FullJid,
    more: &str,
) -> Result<Bytes, Refusal> {
    let copy = with_to(said, &Jid::from(device.clone()))?;
    let by = escape(room.jid.as_str());
    let stable = id.map_or_else(String::new, |id| {
        format!("<stanza-id xmlns='{NS_STANZA_ID}' by='{by}' id='{id}'/>")
    });
    if stable.is_empty() && more.is_empty() {
        return Ok(copy);
    }
    Ok(with_child(&copy, &format!("{stable}{more}")))
}

/// A private message between two occupants (XEP-0045 7.5). It is no concern of the room's archive: who has an account here
/// finds it in their own, on either side, so it is kept and copied like every other message between two people.
fn to_one(
    context: &Context<'_>,
    room: &Room,
    stanza: &Stanza,
    nick: &jid::ResourceRef,
) -> Result<Outcome, Refusal> {
    let device = device(stanza)?;
    let Some(own) = room.nick_of(&device) else {
        return Err(Refusal::because(Condition::NotAcceptable));
    };
    let Some(whom) = room.occupants.get(nick) else {
        return Err(Refusal::because(Condition::ItemNotFound));
    };
    let is_account = |account: &BareJid| account.domain() == context.host.domain.as_ref();
    let mut outcome = Outcome::nothing();
    if is_account(&device.to_bare()) && device.to_bare() != whom.account {
        let to = Jid::from(room.jid.with_resource(nick));
        outcome = services::private_sent(context, stanza, &to)?;
    }
    let from = Jid::from(room.occupant_jid(own));
    let copies = whom.devices.iter().rev().enumerate();
    for (place, (to, _)) in copies {
        let private = wire::readdressed(stanza, &from, &Jid::from(to.clone()))?;
        let private = without_children(&private, |child| child.is("x", Some(NS_USER)));
        let private = with_child(&private, &format!("<x xmlns='{NS_USER}'/>"));
        outcome = outcome.and(match (is_account(&whom.account), place) {
            // An archive keeps one copy for the account; its newest device in the room gets that one.
            (true, 0) => services::private_received(context, &Stanza::from_peer(&private)?)?,
            (true, _) => Outcome::reply(Target::Resource(to.clone()), private),
            (false, _) => Outcome::reply(Target::Route(to.clone().into()), private),
        });
    }
    Ok(outcome)
}

/// An invitation through the room, or its being declined (XEP-0045 7.8.2).
fn mediated(room: &mut Room, stanza: &Stanza) -> Result<Outcome, Refusal> {
    let element = payload(stanza)?;
    let Some(x) = element.get_child("x", NS_USER) else {
        return Err(Refusal::because(Condition::BadRequest));
    };
    if let Some(decline) = x.get_child("decline", NS_USER) {
        return declined(room, stanza, decline);
    }
    let device = device(stanza)?;
    if room.nick_of(&device).is_none() {
        return Err(Refusal::because(Condition::NotAcceptable));
    }
    let mut outcome = Outcome::nothing();
    for invite in x.children().filter(|child| child.is("invite", NS_USER)) {
        outcome = outcome.and(invited(room, &device.to_bare(), invite)?);
    }
    Ok(outcome)
}

fn invited(room: &mut Room, by: &BareJid, invite: &Element) -> Result<Outcome, Refusal> {
    let whom: Jid = invite
        .attr("to")
        .and_then(|to| to.parse().ok())
        .ok_or_else(|| Refusal::because(Condition::JidMalformed))?;
    let config = &room.charter.config;
    let affiliation = room.charter.affiliation(by);
    if config.members_only {
        let may = affiliation >= Affiliation::Admin
            || (config.invites_open && affiliation >= Affiliation::Member);
        if !may {
            return Err(Refusal::because(Condition::Forbidden));
        }
    }
    let password = config.password.as_deref().map_or_else(String::new, |it| {
        format!("<password>{}</password>", escape(it))
    });
    let reason = invite
        .get_child("reason", NS_USER)
        .map_or_else(String::new, |it| {
            format!("<reason>{}</reason>", escape(&it.text()))
        });
    let mut outcome = Outcome::nothing();
    let joins =
        config.members_only && room.charter.affiliation(&whom.to_bare()) == Affiliation::None;
    if joins {
        room.charter.affiliate(&whom.to_bare(), Affiliation::Member);
        outcome.writes = keep(room);
    }
    let stanza = format!(
        "<message from='{room}' to='{to}'><x xmlns='{NS_USER}'><invite from='{by}'>{reason}</invite>{password}</x>\
         <x xmlns='jabber:x:conference' jid='{room}'/></message>",
        room = escape(room.jid.as_str()),
        to = escape(whom.as_str()),
        by = escape(by.as_str()),
    );
    outcome.send.push(Send {
        to: Target::Route(whom),
        stanza: stanza.into(),
    });
    Ok(outcome)
}

fn declined(room: &Room, stanza: &Stanza, decline: &Element) -> Result<Outcome, Refusal> {
    let whom: Jid = decline
        .attr("to")
        .and_then(|to| to.parse().ok())
        .ok_or_else(|| Refusal::because(Condition::JidMalformed))?;
    let whom = whom.to_bare();
    // Only those who are inside or have a standing are told, so that a room cannot be used to write to anybody.
    let is_known = room.charter.affiliation(&whom) >= Affiliation::Member
        || room.occupants.values().any(|it| it.account == whom);
    if !is_known {
        return Ok(Outcome::nothing());
    }
    let reason = decline
        .get_child("reason", NS_USER)
        .map_or_else(String::new, |it| {
            format!("<reason>{}</reason>", escape(&it.text()))
        });
    let told = format!(
        "<message from='{}' to='{}'><x xmlns='{NS_USER}'><decline from='{}'>{reason}</decline></x></message>",
        escape(room.jid.as_str()),
        escape(whom.as_str()),
        escape(stanza.from.to_bare().as_str())
    );
    Ok(Outcome::reply(Target::Route(whom.into()), told))
}
