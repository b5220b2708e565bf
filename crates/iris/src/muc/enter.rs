//! Entering, being present, changing one's nickname and leaving (XEP-0045 7).

use bytes::Bytes;
use jid::{BareJid, FullJid, Jid, ResourcePart};
use minidom::Element;
use sha2::{Digest as _, Sha256};

use super::config::Whois;
use super::room::{Charter, Occupant, Room};
use super::standing::{Affiliation, Role};
use super::wire::{self, Because, NS_MUC, Shown, status};
use super::{Refusal, Rooms, device, keep, payload};
use crate::archive::Query;
use crate::outcome::{Context, Outcome, Send, SessionChange};
use crate::services::datetime;
use crate::stanza::{Condition, Stanza};

/// Newest messages of the archive that somebody who enters gets, unless they ask for another number.
const HISTORY: usize = 20;
const HISTORY_MAX: usize = 100;

pub(super) fn presence(
    context: &Context<'_>,
    rooms: &mut Rooms,
    stanza: &Stanza,
    to: &Jid,
) -> Result<Outcome, Refusal> {
    let device = device(stanza)?;
    let jid = to.to_bare();
    match stanza.type_.as_deref() {
        None => {}
        Some("unavailable" | "error") => {
            let children = own_children(stanza);
            let left = leave(rooms, &jid, &device, &children);
            return Ok(left);
        }
        Some(_) => return Err(Refusal::because(Condition::BadRequest)),
    }
    let Some(nick) = to.resource() else {
        return Err(Refusal::because(Condition::JidMalformed));
    };
    let present = rooms
        .get(context, &jid)?
        .and_then(|room| room.nick_of(&device).cloned());
    let element = payload(stanza)?;
    let entering = element.get_child("x", NS_MUC);
    match (present, entering) {
        (Some(current), _) if current.as_str() != nick.as_str() => {
            rename(rooms, &jid, &current, nick, &device, stanza)
        }
        (_, Some(entering)) => enter(context, rooms, stanza, (&jid, nick), &device, entering),
        (Some(current), None) => Ok(update(rooms, &jid, &current, &device, stanza)),
        (None, None) => Err(Refusal::because(Condition::NotAcceptable)),
    }
}

/// A device that cannot be reached is out: its server answered with an error.
pub(super) fn bounced(rooms: &mut Rooms, stanza: &Stanza, to: &Jid) -> Outcome {
    let Ok(device) = device(stanza) else {
        return Outcome::nothing();
    };
    leave(rooms, &to.to_bare(), &device, b"")
}

fn enter(
    context: &Context<'_>,
    rooms: &mut Rooms,
    stanza: &Stanza,
    (jid, nick): (&BareJid, &jid::ResourceRef),
    device: &FullJid,
    entering: &Element,
) -> Result<Outcome, Refusal> {
    let nick = nick.to_owned();
    let is_made = rooms.get(context, jid)?.is_none();
    if is_made {
        found(context, rooms, jid, device)?;
    }
    let Some(room) = rooms.get(context, jid)? else {
        return Err(Refusal::because(Condition::ItemNotFound));
    };
    let role = admit(room, &nick, device, entering)?;
    let children = Bytes::from(own_children(stanza));
    let occupant = room
        .occupants
        .entry(nick.clone())
        .or_insert_with(|| Occupant {
            account: device.to_bare(),
            role,
            devices: Vec::new(),
        });
    occupant.devices.retain(|(jid, _)| jid != device);
    occupant.devices.push((device.clone(), children));

    let mut outcome = Outcome::nothing();
    if is_made {
        outcome.writes = keep(room);
    }
    outcome
        .session
        .push(SessionChange::EnteredRoom(room.occupant_jid(&nick)));
    outcome.send.extend(others(room, &nick, device));
    outcome.send.extend(announce(room, &nick, |viewer| {
        entry_codes(room, viewer == device, is_made)
    }));
    outcome
        .send
        .extend(history(context, room, device, entering)?);
    outcome.send.push(subject(room, device));
    Ok(outcome)
}

/// A room comes to be when a local account enters it first.
fn found(
    context: &Context<'_>,
    rooms: &mut Rooms,
    jid: &BareJid,
    device: &FullJid,
) -> Result<(), Refusal> {
    if device.domain().as_str() != context.host.domain.as_str() {
        return Err(Refusal::because(Condition::NotAllowed));
    }
    let secret: [u8; 32] = Sha256::new()
        .chain_update(context.random)
        .chain_update(jid.as_str())
        .finalize()
        .into();
    let room = Room {
        jid: jid.clone(),
        charter: Charter::founded(device.to_bare(), secret),
        occupants: std::collections::BTreeMap::new(),
    };
    rooms.active.insert(jid.clone(), room);
    Ok(())
}

/// The role of whoever may enter.
fn admit(
    room: &Room,
    nick: &ResourcePart,
    device: &FullJid,
    entering: &Element,
) -> Result<Role, Refusal> {
    let account = device.to_bare();
    let config = &room.charter.config;
    let affiliation = room.charter.affiliation(&account);
    if affiliation == Affiliation::Outcast {
        return Err(Refusal::because(Condition::Forbidden));
    }
    if config.members_only && affiliation < Affiliation::Member {
        return Err(Refusal::because(Condition::RegistrationRequired));
    }
    let password = entering.get_child("password", NS_MUC).map(Element::text);
    if affiliation < Affiliation::Owner && config.password.is_some() && password != config.password
    {
        return Err(Refusal::because(Condition::NotAuthorized));
    }
    let taken = room.occupants.get(nick);
    if taken.is_some_and(|occupant| occupant.account != account) {
        return Err(Refusal::because(Condition::Conflict));
    }
    let is_full = room.occupants.len() >= config.occupants_max as usize;
    if is_full && taken.is_none() && affiliation < Affiliation::Admin {
        return Err(Refusal::because(Condition::ServiceUnavailable));
    }
    Ok(taken.map_or_else(
        || Role::on_entering(affiliation, config.moderated),
        |occupant| occupant.role,
    ))
}

fn entry_codes(room: &Room, is_self: bool, is_made: bool) -> Vec<u16> {
    let mut codes = Vec::new();
    if !is_self {
        return codes;
    }
    if room.charter.config.whois == Whois::Anyone {
        codes.push(status::NON_ANONYMOUS);
    }
    codes.push(status::SELF);
    if room.charter.config.archived {
        codes.push(status::ARCHIVED);
    }
    if is_made {
        codes.push(status::CREATED);
    }
    codes
}

/// The presences of everybody else, for a device that enters as `nick`.
fn others(room: &Room, nick: &ResourcePart, viewer: &FullJid) -> Vec<Send> {
    let role = room.occupants.get(nick).map_or(Role::None, |it| it.role);
    let mut sends = Vec::new();
    for (other, occupant) in &room.occupants {
        if other != nick {
            let shown = shown(room, occupant, Vec::new());
            sends.push(wire::presence(
                room,
                other,
                occupant,
                &shown,
                (viewer, role),
            ));
        }
    }
    sends
}

fn shown<'a>(room: &Room, occupant: &'a Occupant, codes: Vec<u16>) -> Shown<'a> {
    Shown {
        codes,
        new_nick: None,
        is_gone: false,
        because: Because::default(),
        children: occupant
            .devices
            .last()
            .map_or(b"".as_slice(), |(_, children)| children),
        affiliation: room.charter.affiliation(&occupant.account),
        role: occupant.role,
    }
}

/// The presence of `nick` for everybody in the room, its own devices last (XEP-0045 7.2.2).
pub(super) fn announce(
    room: &Room,
    nick: &ResourcePart,
    codes: impl Fn(&FullJid) -> Vec<u16>,
) -> Vec<Send> {
    let Some(subject) = room.occupants.get(nick) else {
        return Vec::new();
    };
    let mut viewers: Vec<_> = room.devices().collect();
    viewers.sort_by_key(|(viewer, _, _)| *viewer == nick);
    viewers
        .into_iter()
        .map(|(_, viewer, jid)| {
            let mut codes = codes(jid);
            let is_own = viewer.account == subject.account;
            if is_own && !codes.contains(&status::SELF) {
                codes.push(status::SELF);
            }
            let shown = shown(room, subject, codes);
            wire::presence(room, nick, subject, &shown, (jid, viewer.role))
        })
        .collect()
}

/// Tells everybody that `nick` is gone and why, and takes it out with all its devices.
pub(super) fn expel(
    room: &mut Room,
    nick: &ResourcePart,
    code: u16,
    because: Because<'_>,
) -> Outcome {
    let sends = farewell(room, nick, &[code], None, because, b"");
    let mut outcome = Outcome::nothing();
    outcome.send = sends;
    room.occupants.remove(nick);
    outcome
}

fn farewell(
    room: &Room,
    nick: &ResourcePart,
    codes: &[u16],
    new_nick: Option<&ResourcePart>,
    because: Because<'_>,
    children: &[u8],
) -> Vec<Send> {
    let Some(subject) = room.occupants.get(nick) else {
        return Vec::new();
    };
    let viewers = room.devices();
    viewers
        .map(|(_, viewer, jid)| {
            let mut codes = codes.to_vec();
            if viewer.account == subject.account {
                codes.push(status::SELF);
            }
            let shown = Shown {
                codes,
                new_nick,
                is_gone: true,
                because,
                children,
                affiliation: room.charter.affiliation(&subject.account),
                role: if new_nick.is_some() {
                    subject.role
                } else {
                    Role::None
                },
            };
            wire::presence(room, nick, subject, &shown, (jid, viewer.role))
        })
        .collect()
}

/// Takes one device out of a room.
pub(super) fn leave(
    rooms: &mut Rooms,
    jid: &BareJid,
    device: &FullJid,
    children: &[u8],
) -> Outcome {
    let Some(room) = rooms.active.get_mut(jid) else {
        return Outcome::nothing();
    };
    let Some(nick) = room.nick_of(device).cloned() else {
        return Outcome::nothing();
    };
    let mut outcome = Outcome::nothing();
    let is_last = room
        .occupants
        .get(&nick)
        .is_some_and(|occupant| occupant.devices.len() == 1);
    if is_last {
        outcome.send = farewell(room, &nick, &[], None, Because::default(), children);
    } else if let Some(occupant) = room.occupants.get(&nick) {
        let gone = Shown {
            is_gone: true,
            role: Role::None,
            ..shown(room, occupant, vec![status::SELF])
        };
        let viewer = (device, occupant.role);
        outcome.send = vec![wire::presence(room, &nick, occupant, &gone, viewer)];
    }
    drop_device(room, &nick, device);
    outcome.session.push(SessionChange::LeftRoom(jid.clone()));
    outcome.writes = rooms.settle(jid);
    outcome
}

fn drop_device(room: &mut Room, nick: &ResourcePart, device: &FullJid) {
    if let Some(occupant) = room.occupants.get_mut(nick) {
        occupant.devices.retain(|(jid, _)| jid != device);
        if occupant.devices.is_empty() {
            room.occupants.remove(nick);
        }
    }
}

fn update(
    rooms: &mut Rooms,
    jid: &BareJid,
    nick: &ResourcePart,
    device: &FullJid,
    stanza: &Stanza,
) -> Outcome {
    let mut outcome = Outcome::nothing();
    if let Some(room) = rooms.active.get_mut(jid) {
        if let Some(occupant) = room.occupants.get_mut(nick) {
            occupant.devices.retain(|(jid, _)| jid != device);
            let children = Bytes::from(own_children(stanza));
            occupant.devices.push((device.clone(), children));
        }
        outcome.send = announce(room, nick, |_| Vec::new());
    }
    outcome
}

fn rename(
    rooms: &mut Rooms,
    jid: &BareJid,
    current: &ResourcePart,
    wanted: &jid::ResourceRef,
    device: &FullJid,
    stanza: &Stanza,
) -> Result<Outcome, Refusal> {
    let wanted = wanted.to_owned();
    let Some(room) = rooms.active.get_mut(jid) else {
        return Err(Refusal::because(Condition::NotAcceptable));
    };
    if room.occupants.contains_key(&wanted) {
        return Err(Refusal::because(Condition::Conflict));
    }
    let codes = [status::NICK_CHANGED];
    let because = Because::default();
    let mut outcome = Outcome::nothing();
    outcome.send = farewell(room, current, &codes, Some(&wanted), because, b"");
    if let Some(mut occupant) = room.occupants.remove(current) {
        occupant.devices.retain(|(jid, _)| jid != device);
        let children = Bytes::from(own_children(stanza));
        occupant.devices.push((device.clone(), children));
        let devices = occupant.devices.len();
        debug_assert!(devices > 0, "the device that asked is in the room");
        room.occupants.insert(wanted.clone(), occupant);
    }
    outcome
        .session
        .push(SessionChange::EnteredRoom(room.occupant_jid(&wanted)));
    outcome.send.extend(announce(room, &wanted, |_| Vec::new()));
    Ok(outcome)
}

/// What an occupant's presence says itself; what only the room may say is taken out.
fn own_children(stanza: &Stanza) -> Vec<u8> {
    wire::children_where(stanza, |name, namespace| {
        let is_rooms = name == "x" && (namespace == NS_MUC || namespace == wire::NS_USER);
        let is_id = name == "occupant-id" && namespace == wire::NS_OCCUPANT_ID;
        !is_rooms && !is_id
    })
}

/// What was said before, as far as the device asked for it (XEP-0045 7.2.13).
fn history(
    context: &Context<'_>,
    room: &Room,
    device: &FullJid,
    entering: &Element,
) -> Result<Vec<Send>, Refusal> {
    let wish = entering.get_child("history", NS_MUC);
    let number = |name: &str| wish.and_then(|it| it.attr(name)?.parse::<usize>().ok());
    let limit = match (number("maxstanzas"), number("maxchars")) {
        (_, Some(0)) => 0,
        (Some(most), _) => most.min(HISTORY_MAX),
        (None, _) => HISTORY,
    };
    let by_age = number("seconds").map(|seconds| {
        let ms = i64::try_from(seconds)
            .unwrap_or(i64::MAX)
            .saturating_mul(1000);
        context.now_ms.saturating_sub(ms)
    });
    let since = wish
        .and_then(|it| it.attr("since"))
        .and_then(datetime::parse);
    if limit == 0 || !room.charter.config.archived {
        return Ok(Vec::new());
    }
    let page = context.archives.page(
        &room.jid,
        &Query {
            start_ms: by_age.max(since),
            from_end: true,
            limit,
            ..Query::default()
        },
    )?;
    let mut sends = Vec::new();
    for archived in &page.entries {
        let delay = format!(
            "<delay xmlns='urn:xmpp:delay' from='{}' stamp='{}'/>",
            wire::escape(room.jid.as_str()),
            datetime::format(archived.at_ms)
        );
        let id = Some(archived.id);
        let copy = super::speak::copy(room, &archived.entry.stanza, id, device, &delay)?;
        sends.push(wire::to_device(device, copy));
    }
    Ok(sends)
}

/// The subject, which ends the flow of what was before; it is sent even when it is empty (XEP-0045 7.2.15).
fn subject(room: &Room, device: &FullJid) -> Send {
    let escape = wire::escape;
    let (from, text, delay) = match &room.charter.subject {
        Some(subject) => (
            format!("{}/{}", room.jid, subject.by),
            subject.text.as_str(),
            format!(
                "<delay xmlns='urn:xmpp:delay' from='{}' stamp='{}'/>",
                escape(room.jid.as_str()),
                datetime::format(subject.at_ms)
            ),
        ),
        None => (room.jid.to_string(), "", String::new()),
    };
    let stanza = format!(
        "<message type='groupchat' from='{}' to='{}'><subject>{}</subject>{delay}</message>",
        escape(&from),
        escape(device.as_str()),
        escape(text)
    );
    wire::to_device(device, stanza)
}
