//! Moderated retraction (XEP-0425 0.3, XEP-0424): a moderator takes back somebody's message for everybody.

use bytes::Bytes;
use jid::{FullJid, Jid};
use minidom::Element;

use super::Refusal;
use super::room::Room;
use super::standing::Role;
use super::wire::escape;
use super::wire::{self, Because};
use crate::archive::{ArchiveId, Archived, Direction, Entry, Query};
use crate::documents::{Collection, Unavailable, Write};
use crate::outcome::{Context, Outcome, Target};
use crate::services::datetime;
use crate::stanza::{Condition, Stanza, iq_result};

/// The namespace of moderation.
pub(super) const NS_MODERATE: &str = "urn:xmpp:message-moderate:1";
/// The namespace of retraction.
pub(super) const NS_RETRACT: &str = "urn:xmpp:message-retract:1";

/// Prefix of the documents that mark retracted messages, in the room's own collection.
const RETRACTED: &str = "retracted\n";

pub(super) fn moderate(
    context: &Context<'_>,
    room: &Room,
    stanza: &Stanza,
    device: &FullJid,
    moderate: &Element,
) -> Result<Outcome, Refusal> {
    let nick = room.nick_of(device);
    let by = nick.and_then(|nick| room.occupants.get(nick).map(|it| (nick, it)));
    let Some((nick, occupant)) = by.filter(|(_, it)| it.role == Role::Moderator) else {
        return Err(Refusal::because(Condition::Forbidden));
    };
    if moderate.get_child("retract", NS_RETRACT).is_none() {
        return Err(Refusal::because(Condition::BadRequest));
    }
    let id = moderate.attr("id").unwrap_or_default();
    let archived: u64 = id
        .parse()
        .map_err(|_| Refusal::because(Condition::ItemNotFound))?;
    let found = context.archives.page(
        &room.jid,
        &Query {
            after: archived.checked_sub(1).filter(|it| *it > 0).map(ArchiveId),
            limit: 1,
            ..Query::default()
        },
    )?;
    if found.entries.first().map(|it| it.id) != Some(ArchiveId(archived)) {
        return Err(Refusal::because(Condition::ItemNotFound));
    }
    let reason = moderate.get_child("reason", NS_MODERATE).map(Element::text);
    let because = Because {
        by: Some(nick.as_str()),
        reason: reason.as_deref(),
    };
    let occupant_id = wire::occupant_id(room, occupant);
    let (id, now_ms) = (ArchiveId(archived), context.now_ms);
    Ok(retracted(room, stanza, (id, now_ms), because, &occupant_id))
}

/// What stands in the archive for a message that was retracted (XEP-0425 4): who said it and that it is
/// gone. The journal keeps the event itself, which nothing can change; nobody is shown it.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn tombstone(
    context: &Context<'_>,
    archived: &Archived,
) -> Result<Option<Bytes>, Unavailable> {
    let room = &archived.entry.owner;
    if room.domain().as_str() != context.host.rooms.as_str() {
        return Ok(None);
    }
    let name = format!("{RETRACTED}{}", archived.id);
    let Some(mark) = context.documents.get(Collection::Room, room, &name)? else {
        return Ok(None);
    };
    let mark = String::from_utf8_lossy(&mark);
    let tombstone = format!(
        "<message type='groupchat' from='{}'>{mark}</message>",
        escape(archived.entry.peer.as_str())
    );
    Ok(Some(tombstone.into()))
}

fn retracted(
    room: &Room,
    stanza: &Stanza,
    (id, now_ms): (ArchiveId, i64),
    because: Because<'_>,
    occupant_id: &str,
) -> Outcome {
    let by = because.by.unwrap_or_default();
    let by = escape(&format!("{}/{by}", room.jid));
    let reason = because.reason.map_or_else(String::new, |reason| {
        format!("<reason>{}</reason>", escape(reason))
    });
    let said = format!(
        "<message type='groupchat' from='{}'><retract xmlns='{NS_RETRACT}' id='{id}'><moderated \
         xmlns='{NS_MODERATE}' by='{by}'>{occupant_id}</moderated>{reason}</retract></message>",
        escape(room.jid.as_str())
    );
    let mut outcome = Outcome::reply(Target::Route(stanza.from.clone()), iq_result(stanza, ""));
    let mark = format!(
        "<retracted xmlns='{NS_RETRACT}' stamp='{}'><moderated xmlns='{NS_MODERATE}' by='{by}'/>{reason}</retracted>",
        datetime::format(now_ms)
    );
    outcome.writes.push(Write::Put {
        collection: Collection::Room,
        owner: room.jid.clone(),
        name: format!("{RETRACTED}{id}"),
        body: mark.into_bytes(),
    });
    outcome.archive.push(Entry {
        owner: room.jid.clone(),
        direction: Direction::Received,
        peer: Jid::from(room.jid.clone()),
        stanza: said.into(),
        origin_id: None,
        sent_in: None,
        deliver: false,
    });
    outcome
}
