//! Where a message goes (RFC 6121 8.5): into archives, to connected devices, to other domains, or back.
//! Offline storage (XEP-0160) is the archive and a cursor for each device, so there is no second store.

use jid::{BareJid, FullJid, Jid};

use super::attention::Matter;
use super::content::{Content, MessageType};
use super::refusal::{Detail, Refusal};
use super::request::refuse;
use super::{blocking, delivery, preferences, push, stored};
use crate::archive::{Direction, Entry};
use crate::outcome::{Context, Outcome, Send, Target};
use crate::stanza::{Condition, Stanza};

/// Decides about a message: from a session of this node, or from elsewhere to an account of this node.
pub(crate) fn handle(ctx: &Context<'_>, stanza: &Stanza) -> Outcome {
    let decision = if is_from_session(ctx, &stanza.from) {
        send(ctx, stanza)
    } else {
        receive(ctx, stanza, &Content::of(stanza))
    };
    decision.unwrap_or_else(|refusal| refuse(ctx.host, stanza, &refusal))
}

/// Whether an address is a session of a local account. What the node itself routes on has bare addresses.
pub(crate) fn is_from_session(ctx: &Context<'_>, from: &Jid) -> bool {
    from.is_full() && from.node().is_some() && from.domain() == ctx.host.domain.as_ref()
}

fn send(ctx: &Context<'_>, stanza: &Stanza) -> Result<Outcome, Refusal> {
    let sender = stanza.from.to_bare();
    let to = stanza
        .to
        .clone()
        .unwrap_or_else(|| Jid::from(sender.clone()));
    if blocking::is_blocked(ctx, &sender, &to)? {
        return Err(Refusal::with(Condition::NotAcceptable, Detail::Blocked));
    }
    let content = Content::of(stanza);
    let there = if ctx.host.is_local(&to) {
        receive(ctx, stanza, &content)?
    } else {
        Outcome {
            send: vec![Send {
                to: Target::Route(to.clone()),
                stanza: stanza.bytes.clone(),
            }],
            ..Outcome::nothing()
        }
    };
    if to.to_bare() == sender {
        return Ok(there);
    }
    Ok(keep(ctx, &sender, Direction::Sent, &to, stanza, &content)?.and(there))
}

fn receive(ctx: &Context<'_>, stanza: &Stanza, content: &Content) -> Result<Outcome, Refusal> {
    let sender = stanza.from.to_bare();
    let owner = stanza.to.as_ref().map_or(sender, Jid::to_bare);
    // Nobody reads what is sent to the server itself or to its uploads, and who writes there shall know.
    let is_account = owner.node().is_some() && owner.domain() == ctx.host.domain.as_ref();
    let is_known = is_account
        && stored::account_exists(ctx, &owner)?
        && !blocking::is_blocked(ctx, &owner, &stanza.from)?;
    let is_room_speech_astray =
        content.type_ == MessageType::Groupchat && !names_device(ctx, &owner, stanza);
    if !is_known || is_room_speech_astray {
        return Err(Condition::ServiceUnavailable.into());
    }
    keep(
        ctx,
        &owner,
        Direction::Received,
        &stanza.from,
        stanza,
        content,
    )
}

/// A private message between two occupants of a room of this node (XEP-0045 7.5), on the side of a sender who has an
/// account here.
///
/// # Errors
/// The sender blocked the occupant.
pub(crate) fn private_sent(
    ctx: &Context<'_>,
    stanza: &Stanza,
    to: &Jid,
) -> Result<Outcome, Refusal> {
    let sender = stanza.from.to_bare();
    if blocking::is_blocked(ctx, &sender, to)? {
        return Err(Refusal::with(Condition::NotAcceptable, Detail::Blocked));
    }
    keep(
        ctx,
        &sender,
        Direction::Sent,
        to,
        stanza,
        &Content::of(stanza),
    )
}

/// The same on the side of a recipient who has an account here: `stanza` is as the room says it, to one device.
///
/// # Errors
/// The recipient blocked the occupant.
pub(crate) fn private_received(ctx: &Context<'_>, stanza: &Stanza) -> Result<Outcome, Refusal> {
    receive(ctx, stanza, &Content::of(stanza))
}

/// The owner's side of a message: archived, and delivered from there, or delivered and forgotten.
fn keep(
    ctx: &Context<'_>,
    owner: &BareJid,
    direction: Direction,
    peer: &Jid,
    stanza: &Stanza,
    content: &Content,
) -> Result<Outcome, Refusal> {
    let live = ctx.live.resources(owner);
    let is_wanted = content.is_stored && preferences::keeps(ctx, owner, peer)?;
    let passing = delivery::of_passing(owner, direction, stanza, content, &live);
    let is_connected = |to: &FullJid| live.iter().any(|it| it.jid == *to && it.is_connected);
    let is_taken_now =
        direction == Direction::Sent || passing.iter().any(|(to, _)| is_connected(to));
    // Who wants no archive still wants what was sent while no device was there.
    if !content.is_stored || (!is_wanted && is_taken_now) {
        let send = passing.into_iter().map(|(to, stanza)| Send {
            to: Target::Resource(to),
            stanza,
        });
        return Ok(Outcome {
            send: send.collect(),
            ..Outcome::nothing()
        });
    }
    let entry = Entry {
        owner: owner.clone(),
        direction,
        peer: peer.clone(),
        stanza: delivery::without_stanza_id(&stanza.bytes, owner),
        origin_id: content.origin_id.clone(),
        sent_in: None,
        deliver: direction == Direction::Received && content.is_awaited,
    };
    let send = if direction == Direction::Received && Matter::of(stanza).wakes() {
        push::wake(ctx, owner, 1)?
    } else {
        Vec::new()
    };
    Ok(Outcome {
        archive: vec![entry],
        send,
        ..Outcome::nothing()
    })
}

fn names_device(ctx: &Context<'_>, owner: &BareJid, stanza: &Stanza) -> bool {
    let Some(Ok(to)) = stanza.to.as_ref().map(Jid::try_as_full) else {
        return false;
    };
    ctx.live
        .resources(owner)
        .iter()
        .any(|resource| resource.jid == *to)
}
