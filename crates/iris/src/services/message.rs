//! Where a message goes (RFC 6121 8.5): into archives, to connected devices, to other domains, or back.
//! Offline storage (XEP-0160) is the archive and a cursor for each device, so there is no second store.

use jid::{BareJid, Jid};

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
    let is_local = to.domain() == ctx.host.domain.as_ref();
    let there = if is_local {
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
    if to.to_bare() == sender || to.node().is_none() && is_local {
        return Ok(there);
    }
    Ok(keep(ctx, &sender, Direction::Sent, &to, stanza, &content)?.and(there))
}

fn receive(ctx: &Context<'_>, stanza: &Stanza, content: &Content) -> Result<Outcome, Refusal> {
    let sender = stanza.from.to_bare();
    let owner = stanza.to.as_ref().map_or(sender, Jid::to_bare);
    // The server itself reads no messages.
    if owner.node().is_none() {
        return Ok(Outcome::nothing());
    }
    let is_known =
        stored::account_exists(ctx, &owner)? && !blocking::is_blocked(ctx, &owner, &stanza.from)?;
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
    let is_taken_now =
        direction == Direction::Sent || live.iter().any(|resource| resource.presence.is_some());
    // Who wants no archive still wants what was sent while no device was there.
    if !content.is_stored || (!is_wanted && is_taken_now) {
        let send = delivery::of_passing(owner, direction, stanza, content, &live)
            .into_iter()
            .map(|(to, stanza)| Send {
                to: Target::Resource(to),
                stanza,
            })
            .collect();
        return Ok(Outcome {
            send,
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
        deliver: direction == Direction::Received,
    };
    let send = if direction == Direction::Received && content.is_important {
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
