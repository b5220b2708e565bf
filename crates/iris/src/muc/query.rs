//! Requests to the service, to rooms and to occupants: what there is, self-ping, the archive (XEP-0030,
//! XEP-0410, XEP-0313).

use jid::{Jid, ResourceRef};
use minidom::Element;

use super::config::Whois;
use super::room::Room;
use super::settings::{self, Settled};
use super::standing::Affiliation;
use super::wire::escape;
use super::wire::{self, NS_ADMIN, NS_MUC, NS_OCCUPANT_ID, NS_OWNER, NS_STANZA_ID};
use super::{Refusal, Rooms, device, manage, moderate, payload};
use crate::documents::Collection;
use crate::outcome::{Context, Outcome, Target};
use crate::services;
use crate::stanza::{Condition, Stanza, iq_result};

const NS_INFO: &str = "http://jabber.org/protocol/disco#info";
const NS_ITEMS: &str = "http://jabber.org/protocol/disco#items";
const NS_PING: &str = "urn:xmpp:ping";
const NS_MAM: &str = "urn:xmpp:mam:2";
const DIRECTORY_MAX: usize = 200;

pub(super) fn service(context: &Context<'_>, stanza: &Stanza) -> Result<Outcome, Refusal> {
    if !is_request(stanza) {
        return Ok(Outcome::nothing());
    }
    let element = payload(stanza)?;
    let query = request(&element)?;
    if query.is("query", NS_INFO) {
        let features = [NS_INFO, NS_ITEMS, NS_MUC, NS_PING, NS_OCCUPANT_ID];
        let identity = "<identity category='conference' type='text' name='Rooms'/>";
        return Ok(info(stanza, None, identity, &features, ""));
    }
    if query.is("ping", NS_PING) {
        return Ok(result(stanza, ""));
    }
    if !query.is("query", NS_ITEMS) {
        return Err(Refusal::because(Condition::ServiceUnavailable));
    }
    let service = context.host.rooms.as_str();
    let owner = jid::BareJid::from_parts(None, &context.host.rooms);
    let documents = context.documents;
    let listed = documents.list(Collection::Room, &owner, "", None, DIRECTORY_MAX)?;
    let items: String = listed
        .iter()
        .map(|(node, name)| {
            format!(
                "<item jid='{}@{service}' name='{}'/>",
                escape(node),
                escape(&String::from_utf8_lossy(name))
            )
        })
        .collect();
    let payload = format!("<query xmlns='{NS_ITEMS}'>{items}</query>");
    Ok(result(stanza, &payload))
}

pub(super) fn room(
    context: &Context<'_>,
    rooms: &mut Rooms,
    stanza: &Stanza,
    to: &Jid,
) -> Result<Outcome, Refusal> {
    let jid = to.to_bare();
    let Some(room) = rooms.get(context, &jid)? else {
        return match is_request(stanza) {
            true => Err(Refusal::because(Condition::ItemNotFound)),
            false => Ok(Outcome::nothing()),
        };
    };
    if let Some(nick) = to.resource() {
        return to_occupant(room, stanza, nick);
    }
    if !is_request(stanza) {
        return Ok(Outcome::nothing());
    }
    let mut has_ended = false;
    let outcome = to_room(context, room, stanza, &mut has_ended);
    if has_ended {
        rooms.active.remove(&jid);
    }
    let settled = rooms.settle(&jid);
    outcome.map(|mut outcome| {
        outcome.writes.extend(settled);
        outcome
    })
}

fn to_room(
    context: &Context<'_>,
    room: &mut Room,
    stanza: &Stanza,
    has_ended: &mut bool,
) -> Result<Outcome, Refusal> {
    let element = payload(stanza)?;
    let query = request(&element)?;
    let is_set = stanza.type_.as_deref() == Some("set");
    let namespace = query.ns();
    match (query.name(), namespace.as_str(), is_set) {
        ("query", NS_INFO, false) => Ok(about(room, stanza)),
        ("query", NS_ITEMS, false) => Ok(result(stanza, &format!("<query xmlns='{NS_ITEMS}'/>"))),
        ("ping", NS_PING, false) => Ok(result(stanza, "")),
        ("query", NS_ADMIN, false) => manage::list(room, stanza, &device(stanza)?, query),
        ("query", NS_ADMIN, true) => manage::change(room, stanza, &device(stanza)?, query),
        ("query", NS_OWNER, false) => settings::form(room, stanza, &device(stanza)?),
        ("query", NS_OWNER, true) => {
            let settled = settings::submit(room, stanza, &device(stanza)?, query)?;
            Ok(match settled {
                Settled::Stays(outcome) => outcome,
                Settled::Ended(outcome) => {
                    *has_ended = true;
                    outcome
                }
            })
        }
        ("moderate", moderate::NS_MODERATE, true) => {
            moderate::moderate(context, room, stanza, &device(stanza)?, query)
        }
        (_, NS_MAM, _) => {
            may_read_archive(room, stanza)?;
            Ok(services::room_archive(
                context,
                &room.jid,
                device(stanza)?,
                stanza,
            ))
        }
        _ => Err(Refusal::because(Condition::ServiceUnavailable)),
    }
}

/// Whether a request asks for the archive, if it can be met at all: it has one child.
pub(super) fn is_about_archive(stanza: &Stanza) -> bool {
    let mut children = stanza.children();
    let is_archive = |child: crate::xml::Child<'_>| child.is("query", Some(NS_MAM));
    children.next().is_some_and(is_archive) && children.next().is_none()
}

/// Occupants read the archive, and so does whoever could enter a members-only room (XEP-0313 7.1.3).
fn may_read_archive(room: &Room, stanza: &Stanza) -> Result<(), Refusal> {
    let account = stanza.from.to_bare();
    let affiliation = room.charter.affiliation(&account);
    let is_inside = device(stanza).is_ok_and(|device| room.nick_of(&device).is_some());
    if affiliation != Affiliation::Outcast && (is_inside || affiliation >= Affiliation::Member) {
        return Ok(());
    }
    Err(Refusal::because(Condition::Forbidden))
}

/// A request to an occupant: one's own address answers whether one is inside (XEP-0410), another's is
/// passed on to that occupant's newest device.
fn to_occupant(room: &Room, stanza: &Stanza, nick: &ResourceRef) -> Result<Outcome, Refusal> {
    let device = device(stanza)?;
    let Some(own) = room.nick_of(&device) else {
        return match is_request(stanza) {
            true => Err(Refusal::because(Condition::NotAcceptable)),
            false => Ok(Outcome::nothing()),
        };
    };
    let Some(whom) = room.occupants.get(nick) else {
        return Err(Refusal::because(Condition::ItemNotFound));
    };
    if own.as_str() == nick.as_str() && is_request(stanza) {
        let element = payload(stanza)?;
        if request(&element)?.is("ping", NS_PING) {
            return Ok(result(stanza, ""));
        }
    }
    let Some((to, _)) = whom.devices.last() else {
        return Err(Refusal::because(Condition::ItemNotFound));
    };
    let from = Jid::from(room.occupant_jid(own));
    let passed = wire::readdressed(stanza, &from, &Jid::from(to.clone()))?;
    Ok(Outcome {
        send: vec![wire::to_device(to, passed)],
        ..Outcome::nothing()
    })
}

fn about(room: &Room, stanza: &Stanza) -> Outcome {
    let config = &room.charter.config;
    let pick = |flag, yes, no| if flag { yes } else { no };
    let mut features = vec![
        NS_INFO,
        NS_ITEMS,
        NS_MUC,
        NS_PING,
        NS_OCCUPANT_ID,
        NS_STANZA_ID,
        "http://jabber.org/protocol/muc#stable_id",
        "http://jabber.org/protocol/muc#self-ping-optimization",
        pick(config.persistent, "muc_persistent", "muc_temporary"),
        pick(config.public, "muc_public", "muc_hidden"),
        pick(config.members_only, "muc_membersonly", "muc_open"),
        pick(config.moderated, "muc_moderated", "muc_unmoderated"),
        pick(
            config.password.is_some(),
            "muc_passwordprotected",
            "muc_unsecured",
        ),
        pick(
            config.whois == Whois::Anyone,
            "muc_nonanonymous",
            "muc_semianonymous",
        ),
        moderate::NS_MODERATE,
        moderate::NS_RETRACT,
    ];
    if config.archived {
        features.extend([NS_MAM, "urn:xmpp:mam:2#extended"]);
    }
    let identity = format!(
        "<identity category='conference' type='text' name='{}'/>",
        escape(&config.name)
    );
    let form = format!(
        "<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'>\
         <value>http://jabber.org/protocol/muc#roominfo</value></field>\
         <field var='muc#roominfo_description'><value>{}</value></field>\
         <field var='muc#roominfo_occupants'><value>{}</value></field></x>",
        escape(&config.description),
        room.occupants.len()
    );
    let node = None;
    info(stanza, node, &identity, &features, &form)
}

fn info(
    stanza: &Stanza,
    node: Option<&str>,
    identity: &str,
    features: &[&str],
    more: &str,
) -> Outcome {
    let features: String = features
        .iter()
        .map(|feature| format!("<feature var='{feature}'/>"))
        .collect();
    let node = node.map_or_else(String::new, |node| format!(" node='{}'", escape(node)));
    let payload = format!("<query xmlns='{NS_INFO}'{node}>{identity}{features}{more}</query>");
    result(stanza, &payload)
}

fn result(stanza: &Stanza, payload: &str) -> Outcome {
    Outcome::reply(
        Target::Route(stanza.from.clone()),
        iq_result(stanza, payload),
    )
}

fn is_request(stanza: &Stanza) -> bool {
    matches!(stanza.type_.as_deref(), Some("get" | "set"))
}

/// The one child of a request (RFC 6120 8.2.3).
fn request(element: &Element) -> Result<&Element, Refusal> {
    let mut children = element.children();
    match (children.next(), children.next()) {
        (Some(child), None) => Ok(child),
        _ => Err(Refusal::because(Condition::BadRequest)),
    }
}
