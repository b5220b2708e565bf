//! Owners' requests: settings and the end of a room (XEP-0045 10).

use jid::{FullJid, Jid, ResourcePart};
use minidom::Element;

use super::config::{Config, Field, Whois};
use super::enter::expel;
use super::room::Room;
use super::standing::{Affiliation, Role};
use super::wire::escape;
use super::wire::{self, Because, NS_OWNER, NS_USER, status};
use super::{Refusal, keep, unlist};
use crate::outcome::{Outcome, Target};
use crate::stanza::{Condition, Stanza, iq_result};

const NS_FORM: &str = "jabber:x:data";
const FORM_TYPE: &str = "http://jabber.org/protocol/muc#roomconfig";

/// What an owner's request does to the room.
pub(super) enum Settled {
    /// It stays.
    Stays(Outcome),
    /// It is gone.
    Ended(Outcome),
}

pub(super) fn form(room: &Room, stanza: &Stanza, device: &FullJid) -> Result<Outcome, Refusal> {
    owner(room, device)?;
    let fields: String = room.charter.config.fields().iter().map(field).collect();
    let payload = format!(
        "<query xmlns='{NS_OWNER}'><x xmlns='{NS_FORM}' type='form'><title>Settings of {}</title>\
         <field var='FORM_TYPE' type='hidden'><value>{FORM_TYPE}</value></field>{fields}</x></query>",
        escape(room.jid.as_str())
    );
    Ok(Outcome::reply(
        Target::Route(stanza.from.clone()),
        iq_result(stanza, &payload),
    ))
}

fn field(field: &Field) -> String {
    let options: String = field
        .options
        .iter()
        .map(|(label, value)| format!("<option label='{label}'><value>{value}</value></option>"))
        .collect();
    format!(
        "<field var='{}' type='{}' label='{}'><value>{}</value>{options}</field>",
        field.name,
        field.type_,
        escape(field.label),
        escape(&field.value)
    )
}

pub(super) fn submit(
    room: &mut Room,
    stanza: &Stanza,
    device: &FullJid,
    query: &Element,
) -> Result<Settled, Refusal> {
    owner(room, device)?;
    if let Some(destroy) = query.get_child("destroy", NS_OWNER) {
        return Ok(Settled::Ended(destroyed(room, stanza, destroy)));
    }
    let form = query
        .get_child("x", NS_FORM)
        .ok_or_else(|| Refusal::because(Condition::BadRequest))?;
    let reply = Outcome::reply(Target::Route(stanza.from.clone()), iq_result(stanza, ""));
    if form.attr("type") == Some("cancel") {
        return Ok(Settled::Stays(reply));
    }
    let submitted = values(form);
    let pairs = submitted
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let after = room
        .charter
        .config
        .submitted(pairs)
        .map_err(|error| Refusal {
            condition: Condition::NotAcceptable,
            text: Some(error.to_string()),
        })?;
    Ok(Settled::Stays(reply.and(apply(room, after))))
}

/// `var` and first value of every field.
fn values(form: &Element) -> Vec<(String, String)> {
    let fields = form.children().filter(|child| child.is("field", NS_FORM));
    fields
        .filter_map(|field| {
            let value = field.get_child("value", NS_FORM).map(Element::text);
            Some((field.attr("var")?.to_owned(), value.unwrap_or_default()))
        })
        .collect()
}

fn apply(room: &mut Room, after: Config) -> Outcome {
    let before = std::mem::replace(&mut room.charter.config, after);
    let after = &room.charter.config;
    let mut codes = vec![status::CONFIG_CHANGED];
    if before.archived != after.archived {
        codes.push(if after.archived {
            status::ARCHIVED
        } else {
            status::NOT_ARCHIVED
        });
    }
    if before.whois != after.whois {
        codes.push(match after.whois {
            Whois::Anyone => status::NOW_NON_ANONYMOUS,
            Whois::Moderators => status::NOW_SEMI_ANONYMOUS,
        });
    }
    let mut outcome = Outcome::nothing();
    if after.members_only && !before.members_only {
        outcome = outcome.and(without_guests(room));
    }
    let viewers = room.devices();
    outcome
        .send
        .extend(viewers.map(|(_, _, device)| wire::notice(room, device, &codes)));
    outcome.writes = keep(room);
    outcome
}

/// A room that becomes members-only keeps its members (XEP-0045 10.2).
fn without_guests(room: &mut Room) -> Outcome {
    let guests: Vec<ResourcePart> = room
        .occupants
        .iter()
        .filter(|(_, it)| room.charter.affiliation(&it.account) < Affiliation::Member)
        .map(|(nick, _)| nick.clone())
        .collect();
    guests
        .iter()
        .map(|nick| expel(room, nick, status::MEMBERS_ONLY, Because::default()))
        .fold(Outcome::nothing(), Outcome::and)
}

fn destroyed(room: &Room, stanza: &Stanza, destroy: &Element) -> Outcome {
    let successor = destroy
        .attr("jid")
        .and_then(|jid| jid.parse::<Jid>().ok())
        .map_or_else(String::new, |jid| {
            format!(" jid='{}'", escape(jid.as_str()))
        });
    let reason = destroy
        .get_child("reason", NS_OWNER)
        .map_or_else(String::new, |it| {
            format!("<reason>{}</reason>", escape(&it.text()))
        });
    let mut outcome = Outcome::reply(Target::Route(stanza.from.clone()), iq_result(stanza, ""));
    for (nick, _, device) in room.devices() {
        let text = format!(
            "<presence type='unavailable' from='{}' to='{}'><x xmlns='{NS_USER}'><item affiliation='none' \
             role='{}'/><destroy{successor}>{reason}</destroy><status code='{}'/></x></presence>",
            escape(room.occupant_jid(nick).as_str()),
            escape(device.as_str()),
            Role::None.name(),
            status::SELF
        );
        outcome.send.push(wire::to_device(device, text));
    }
    outcome.writes = unlist(&room.jid);
    outcome
}

fn owner(room: &Room, device: &FullJid) -> Result<(), Refusal> {
    let affiliation = room.charter.affiliation(&device.to_bare());
    if affiliation == Affiliation::Owner {
        return Ok(());
    }
    Err(Refusal::because(Condition::Forbidden))
}
