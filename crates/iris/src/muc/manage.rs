//! Moderators' and administrators' requests: lists, roles, affiliations (XEP-0045 8 and 9).

use jid::{BareJid, FullJid, ResourcePart};
use minidom::Element;

use super::enter::{announce, expel};
use super::room::Room;
use super::standing::{Affiliation, Role, Standing, may_affiliate, may_give_role};
use super::wire::escape;
use super::wire::{Because, NS_ADMIN, NS_USER, status};
use super::{Refusal, keep};
use crate::outcome::{Outcome, Send, Target};
use crate::stanza::{Condition, Stanza, iq_result};

/// Everybody with an affiliation, or every occupant with a role.
pub(super) fn list(
    room: &Room,
    stanza: &Stanza,
    device: &FullJid,
    query: &Element,
) -> Result<Outcome, Refusal> {
    let asker = standing(room, device);
    let item = query
        .get_child("item", NS_ADMIN)
        .ok_or_else(|| Refusal::because(Condition::BadRequest))?;
    let items = match (item.attr("affiliation"), item.attr("role")) {
        (Some(name), _) => {
            let wanted = Affiliation::of(name).ok_or(Refusal::because(Condition::BadRequest))?;
            let may = asker.affiliation >= Affiliation::Admin
                || (wanted >= Affiliation::Member
                    && room.sees_addresses(asker.role)
                    && asker.role > Role::None);
            if !may {
                return Err(Refusal::because(Condition::Forbidden));
            }
            affiliated(room, wanted)
        }
        (None, Some(name)) => {
            let wanted = Role::of(name).ok_or(Refusal::because(Condition::BadRequest))?;
            if asker.role != Role::Moderator {
                return Err(Refusal::because(Condition::Forbidden));
            }
            with_role(room, wanted)
        }
        (None, None) => return Err(Refusal::because(Condition::BadRequest)),
    };
    let payload = format!("<query xmlns='{NS_ADMIN}'>{items}</query>");
    Ok(Outcome::reply(
        Target::Route(stanza.from.clone()),
        iq_result(stanza, &payload),
    ))
}

fn affiliated(room: &Room, wanted: Affiliation) -> String {
    let all = room.charter.affiliations.iter();
    all.filter(|(_, affiliation)| **affiliation == wanted)
        .map(|(account, affiliation)| {
            format!(
                "<item affiliation='{}' jid='{}'/>",
                affiliation.name(),
                escape(account.as_str())
            )
        })
        .collect()
}

fn with_role(room: &Room, wanted: Role) -> String {
    let all = room.occupants.iter();
    all.filter(|(_, occupant)| occupant.role == wanted)
        .map(|(nick, occupant)| {
            format!(
                "<item affiliation='{}' role='{}' nick='{}' jid='{}'/>",
                room.charter.affiliation(&occupant.account).name(),
                occupant.role.name(),
                escape(nick.as_str()),
                escape(occupant.account.as_str())
            )
        })
        .collect()
}

/// One wanted change.
enum Change {
    Affiliation(BareJid, Affiliation),
    Role(ResourcePart, Role),
}

/// Changes roles and affiliations; all of a request or nothing.
pub(super) fn change(
    room: &mut Room,
    stanza: &Stanza,
    device: &FullJid,
    query: &Element,
) -> Result<Outcome, Refusal> {
    let asker = standing(room, device);
    let by = room.nick_of(device).map(ToString::to_string);
    let mut changes = Vec::new();
    for item in query.children().filter(|it| it.is("item", NS_ADMIN)) {
        let reason = item.get_child("reason", NS_ADMIN).map(Element::text);
        changes.push((checked(room, asker, device, item)?, reason));
    }
    if changes.is_empty() {
        return Err(Refusal::because(Condition::BadRequest));
    }
    keeps_an_owner(room, &changes)?;
    let mut outcome = Outcome::reply(Target::Route(stanza.from.clone()), iq_result(stanza, ""));
    let is_lasting = changes
        .iter()
        .any(|(change, _)| matches!(change, Change::Affiliation(..)));
    for (change, reason) in &changes {
        let because = Because {
            by: by.as_deref(),
            reason: reason.as_deref(),
        };
        outcome = outcome.and(match change {
            Change::Affiliation(account, to) => affiliate(room, account, *to, because),
            Change::Role(nick, to) => give_role(room, nick, *to, because),
        });
    }
    if is_lasting {
        outcome.writes.extend(keep(room));
    }
    Ok(outcome)
}

fn checked(
    room: &Room,
    asker: Standing,
    device: &FullJid,
    item: &Element,
) -> Result<Change, Refusal> {
    let bad = || Refusal::because(Condition::BadRequest);
    if let Some(name) = item.attr("affiliation") {
        let to = Affiliation::of(name).ok_or_else(bad)?;
        let account: BareJid = match (item.attr("jid"), item.attr("nick")) {
            (Some(jid), _) => jid
                .parse::<jid::Jid>()
                .map_err(|_| Refusal::because(Condition::JidMalformed))?
                .to_bare(),
            (None, Some(nick)) => occupant(room, nick)?.1.account.clone(),
            (None, None) => return Err(bad()),
        };
        let from = room.charter.affiliation(&account);
        if !may_affiliate(asker.affiliation, from, to) {
            return Err(denied(from, asker.affiliation));
        }
        return Ok(Change::Affiliation(account, to));
    }
    let to = item.attr("role").and_then(Role::of).ok_or_else(bad)?;
    let (nick, whom) = occupant(room, item.attr("nick").ok_or_else(bad)?)?;
    let is_self = room.nick_of(device) == Some(nick);
    if is_self && to == Role::None {
        return Err(Refusal::because(Condition::Conflict));
    }
    if !may_give_role(asker, room.standing(whom), to) {
        return Err(denied(room.standing(whom).affiliation, asker.affiliation));
    }
    Ok(Change::Role(nick.clone(), to))
}

/// Somebody of higher standing cannot be touched at all; for the rest the asker lacks power (XEP-0045 8.2).
fn denied(whom: Affiliation, by: Affiliation) -> Refusal {
    Refusal::because(if whom > by {
        Condition::NotAllowed
    } else {
        Condition::Forbidden
    })
}

fn occupant<'a>(
    room: &'a Room,
    nick: &str,
) -> Result<(&'a ResourcePart, &'a super::room::Occupant), Refusal> {
    let mut all = room.occupants.iter();
    all.find(|(name, _)| name.as_str() == nick)
        .ok_or_else(|| Refusal::because(Condition::ItemNotFound))
}

fn keeps_an_owner(room: &Room, changes: &[(Change, Option<String>)]) -> Result<(), Refusal> {
    let mut after = room.charter.clone();
    for (change, _) in changes {
        if let Change::Affiliation(account, to) = change {
            after.affiliate(account, *to);
        }
    }
    if after.owners() == 0 {
        return Err(Refusal::because(Condition::Conflict));
    }
    Ok(())
}

fn standing(room: &Room, device: &FullJid) -> Standing {
    let role = room
        .nick_of(device)
        .and_then(|nick| room.occupants.get(nick))
        .map_or(Role::None, |occupant| occupant.role);
    Standing {
        role,
        affiliation: room.charter.affiliation(&device.to_bare()),
    }
}

pub(super) fn affiliate(
    room: &mut Room,
    account: &BareJid,
    to: Affiliation,
    because: Because<'_>,
) -> Outcome {
    room.charter.affiliate(account, to);
    let inside: Vec<ResourcePart> = room
        .occupants
        .iter()
        .filter(|(_, occupant)| occupant.account == *account)
        .map(|(nick, _)| nick.clone())
        .collect();
    if inside.is_empty() {
        return told_outside(room, account, to);
    }
    let mut outcome = Outcome::nothing();
    for nick in inside {
        let config = &room.charter.config;
        let loses_place = config.members_only && to < Affiliation::Member;
        outcome = outcome.and(if to == Affiliation::Outcast {
            expel(room, &nick, status::BANNED, because)
        } else if loses_place {
            expel(room, &nick, status::AFFILIATION_LOST, because)
        } else {
            let role = Role::on_entering(to, config.moderated);
            give_role(room, &nick, role, because)
        });
    }
    outcome
}

/// Occupants are told of a change about somebody who is not inside (XEP-0045 9.3): devices with a view
/// of addresses only, because it names one.
fn told_outside(room: &Room, account: &BareJid, to: Affiliation) -> Outcome {
    let viewers = room
        .devices()
        .filter(|(_, occupant, _)| room.sees_addresses(occupant.role));
    let sends = viewers.map(|(_, _, device)| {
        let text = format!(
            "<message from='{}' to='{}'><x xmlns='{NS_USER}'><item affiliation='{}' role='none' \
             jid='{}'/></x></message>",
            escape(room.jid.as_str()),
            escape(device.as_str()),
            to.name(),
            escape(account.as_str())
        );
        super::wire::to_device(device, text)
    });
    Outcome {
        send: sends.collect::<Vec<Send>>(),
        ..Outcome::nothing()
    }
}

fn give_role(room: &mut Room, nick: &ResourcePart, to: Role, because: Because<'_>) -> Outcome {
    if to == Role::None {
        return expel(room, nick, status::KICKED, because);
    }
    if let Some(occupant) = room.occupants.get_mut(nick) {
        occupant.role = to;
    }
    Outcome {
        send: announce(room, nick, |_| Vec::new()),
        ..Outcome::nothing()
    }
}
