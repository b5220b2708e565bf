//! Presence (RFC 6121 4): who sees that a device is there. Subscriptions are in `subscribing`, what a device
//! gets when it arrives is in `arrival`.

use bytes::Bytes;
use jid::{BareJid, FullJid, Jid};

use super::avatar::{self, Addition};
use super::blocking::{self, List};
use super::refusal::{Detail, Refusal};
use super::request::refuse;
use super::subscription::Request;
use super::{arrival, message, ns, pep, roster, stored, subscribing};
use crate::live::Resource;
use crate::outcome::{Context, Outcome, Send, SessionChange, Target};
use crate::stanza::{Condition, Stanza, with_to};
use crate::xml::Xml;

/// Decides about a presence: from a session of this node, or from elsewhere to an account of this node.
pub(crate) fn handle(ctx: &Context<'_>, stanza: &Stanza) -> Outcome {
    let decision = if message::is_from_session(ctx, &stanza.from) {
        send(ctx, stanza)
    } else {
        receive(ctx, stanza)
    };
    decision.unwrap_or_else(|refusal| refuse(ctx.host, stanza, &refusal))
}

fn send(ctx: &Context<'_>, stanza: &Stanza) -> Result<Outcome, Refusal> {
    let Ok(session) = stanza.from.try_as_full() else {
        return Err(Condition::BadRequest.into());
    };
    match (stanza.type_.as_deref(), &stanza.to) {
        (None, None) => available(ctx, session, stanza),
        (Some("unavailable"), None) => gone(ctx, session, &stanza.bytes),
        (None | Some("unavailable"), Some(to)) => directed(ctx, stanza, to),
        (Some("error"), Some(to)) => Ok(Outcome::reply(
            Target::Route(to.clone()),
            stanza.bytes.clone(),
        )),
        (Some("probe"), Some(_)) => receive(ctx, stanza),
        (Some(type_), _) => {
            let request = Request::read(type_).ok_or(Condition::BadRequest)?;
            subscribing::send(ctx, stanza, request)
        }
    }
}

fn receive(ctx: &Context<'_>, stanza: &Stanza) -> Result<Outcome, Refusal> {
    let Some(to) = &stanza.to else {
        return Ok(Outcome::nothing());
    };
    let account = to.to_bare();
    if let Some(request) = stanza.type_.as_deref().and_then(Request::read) {
        return subscribing::receive(ctx, stanza, request);
    }
    if !stored::account_exists(ctx, &account)? || blocking::is_blocked(ctx, &account, &stanza.from)?
    {
        return Ok(Outcome::nothing());
    }
    match (stanza.type_.as_deref(), to.try_as_full()) {
        (Some("probe"), _) => Ok(Outcome {
            send: arrival::seen_by(ctx, &account, &stanza.from)?,
            ..Outcome::nothing()
        }),
        (_, Ok(full)) => Ok(Outcome::reply(
            Target::Resource(full.clone()),
            stanza.bytes.clone(),
        )),
        (None | Some("unavailable"), Err(_)) => {
            let passed = Outcome::reply(Target::Available(account.clone()), stanza.bytes.clone());
            Ok(passed.and(pep::seen(ctx, &account, stanza)?))
        }
        _ => Ok(Outcome::nothing()),
    }
}

/// A device is there, or tells something else about itself (RFC 6121 4.2, 4.4).
fn available(ctx: &Context<'_>, session: &FullJid, stanza: &Stanza) -> Result<Outcome, Refusal> {
    let account = session.to_bare();
    let bytes = avatar::stamped(ctx, &account, &stanza.bytes)?;
    let before = ctx
        .live
        .resources(&account)
        .into_iter()
        .find(|resource| resource.jid == *session);
    let before = before.and_then(|resource| resource.presence);
    let mut outcome = Outcome {
        session: vec![SessionChange::Presence(Some((
            stanza.bytes.clone(),
            priority(stanza)?,
        )))],
        send: broadcast(ctx, session, &bytes)?,
        ..Outcome::nothing()
    };
    outcome.send.push(Send {
        to: Target::Resource(session.clone()),
        stanza: addressed(&bytes, &session.clone().into()),
    });
    if before.is_none() {
        outcome = outcome.and(arrival::welcome(ctx, session)?);
    }
    if let Some(question) = super::caps::ask(ctx, session, stanza, before.as_ref()) {
        outcome.session.push(SessionChange::Asked);
        outcome.send.push(question);
    }
    Ok(outcome)
}

/// A device leaves (RFC 6121 4.5), with all whom it wrote to directly (4.6.3).
pub(crate) fn gone(
    ctx: &Context<'_>,
    session: &FullJid,
    bytes: &Bytes,
) -> Result<Outcome, Refusal> {
    let account = session.to_bare();
    let own = ctx
        .live
        .resources(&account)
        .into_iter()
        .find(|resource| resource.jid == *session);
    let Some(own) = own else {
        return Ok(Outcome::nothing());
    };
    let mut outcome = Outcome {
        session: vec![SessionChange::Presence(None)],
        ..Outcome::nothing()
    };
    if own.presence.is_some() {
        outcome.send = broadcast(ctx, session, bytes)?;
    }
    for to in own.directed {
        let sees = roster::item(ctx, &account, &to.to_bare())?.is_some_and(|item| item.from);
        if !sees || own.presence.is_none() {
            outcome.send.extend(to_one(ctx, session, &to, bytes)?);
        }
        outcome.session.push(SessionChange::DirectedGone(to));
    }
    Ok(outcome)
}

/// What is sent when a session ends without saying so.
pub(crate) fn vanished(ctx: &Context<'_>, session: &FullJid) -> Outcome {
    let presence = Xml::new("presence")
        .attr("type", "unavailable")
        .attr("from", session.as_str());
    gone(ctx, session, &presence.finish().into()).unwrap_or_else(|_| Outcome::nothing())
}

fn directed(ctx: &Context<'_>, stanza: &Stanza, to: &Jid) -> Result<Outcome, Refusal> {
    let account = stanza.from.to_bare();
    if blocking::is_blocked(ctx, &account, to)? {
        return Err(Refusal::with(Condition::NotAcceptable, Detail::Blocked));
    }
    let change = match stanza.type_ {
        None => SessionChange::DirectedTo(to.clone()),
        Some(_) => SessionChange::DirectedGone(to.clone()),
    };
    let Ok(session) = stanza.from.try_as_full() else {
        return Err(Condition::BadRequest.into());
    };
    // A room of another server; those of this node tell it themselves.
    let room = to
        .try_as_full()
        .ok()
        .and_then(|occupant| match stanza.type_ {
            None if stanza.child("x", Some(ns::MUC)).is_some() => {
                Some(SessionChange::EnteredRoom(occupant.clone()))
            }
            None => None,
            Some(_) => Some(SessionChange::LeftRoom(occupant.to_bare())),
        });
    Ok(Outcome {
        session: std::iter::once(change).chain(room).collect(),
        send: to_one(ctx, session, to, &stanza.bytes)?
            .into_iter()
            .collect(),
        ..Outcome::nothing()
    })
}

/// A device's presence to every contact that may see it, and to the account's other devices.
fn broadcast(ctx: &Context<'_>, session: &FullJid, bytes: &Bytes) -> Result<Vec<Send>, Refusal> {
    let account = session.to_bare();
    let blocked = List::of(ctx, &account)?;
    let mut sends = Vec::new();
    for resource in others(ctx, session) {
        sends.push(Send {
            stanza: addressed(bytes, &resource.jid.clone().into()),
            to: Target::Resource(resource.jid),
        });
    }
    for (contact, item) in roster::items(ctx, &account)? {
        let contact = Jid::from(contact);
        if item.from && !blocked.holds(&contact) {
            sends.extend(to_one(ctx, session, &contact, bytes)?);
        }
    }
    Ok(sends)
}

fn others(ctx: &Context<'_>, session: &FullJid) -> impl Iterator<Item = Resource> {
    let session = session.clone();
    let resources = ctx.live.resources(&session.to_bare());
    resources
        .into_iter()
        .filter(move |resource| resource.presence.is_some() && resource.jid != session)
}

/// A presence to one address. A local contact that blocked the sender gets nothing.
fn to_one(
    ctx: &Context<'_>,
    from: &FullJid,
    to: &Jid,
    bytes: &Bytes,
) -> Result<Option<Send>, Refusal> {
    let account = to.to_bare();
    if account.domain() == ctx.host.domain.as_ref() {
        let from = Jid::from(from.clone());
        if account.node().is_none() || blocking::is_blocked(ctx, &account, &from)? {
            return Ok(None);
        }
    }
    let target = match to.try_as_full() {
        Ok(full) if full.domain() == ctx.host.domain.as_ref() => Target::Resource(full.clone()),
        Err(bare) if bare.domain() == ctx.host.domain.as_ref() => Target::Available(bare.clone()),
        _ => Target::Route(to.clone()),
    };
    Ok(Some(Send {
        to: target,
        stanza: addressed(bytes, to),
    }))
}

/// The presence of each device of the account, to a contact who may see it from now on.
pub(crate) fn showing(
    ctx: &Context<'_>,
    account: &BareJid,
    contact: &BareJid,
) -> Result<Vec<Send>, Refusal> {
    let mut sends = Vec::new();
    for resource in ctx.live.resources(account) {
        if let Some(bytes) = &resource.presence {
            let bytes = avatar::stamped(ctx, account, bytes)?;
            sends.extend(to_one(ctx, &resource.jid, &contact.clone().into(), &bytes)?);
        }
    }
    Ok(sends)
}

/// Each device of the account leaves, for a contact who may not see it any longer.
pub(crate) fn leaving(
    ctx: &Context<'_>,
    account: &BareJid,
    contact: &BareJid,
) -> Result<Vec<Send>, Refusal> {
    let mut sends = Vec::new();
    for resource in ctx.live.resources(account) {
        if resource.presence.is_some() {
            let presence = Xml::new("presence")
                .attr("type", "unavailable")
                .attr("from", resource.jid.as_str());
            let bytes = presence.finish().into();
            sends.extend(to_one(ctx, &resource.jid, &contact.clone().into(), &bytes)?);
        }
    }
    Ok(sends)
}

/// What contacts see when the list of the blocked changes (XEP-0191 3.3, 3.4).
pub(crate) fn seen_differently(
    ctx: &Context<'_>,
    account: &BareJid,
    before: &List,
    after: &List,
) -> Result<Outcome, Refusal> {
    let mut outcome = Outcome::nothing();
    for (contact, item) in roster::items(ctx, account)? {
        let jid = Jid::from(contact.clone());
        match (before.holds(&jid), after.holds(&jid)) {
            (false, true) if item.from => outcome.send.extend(leaving(ctx, account, &contact)?),
            (true, false) => {
                if item.from {
                    outcome.send.extend(showing(ctx, account, &contact)?);
                }
                if item.to {
                    outcome
                        .send
                        .extend(arrival::looked_up(ctx, account, &contact)?);
                }
            }
            _ => {}
        }
    }
    for resource in ctx.live.resources(account) {
        for to in resource
            .directed
            .iter()
            .filter(|to| !before.holds(to) && after.holds(to))
        {
            let presence = Xml::new("presence")
                .attr("type", "unavailable")
                .attr("from", resource.jid.as_str());
            outcome
                .send
                .extend(to_one(ctx, &resource.jid, to, &presence.finish().into())?);
        }
    }
    Ok(outcome)
}

/// A carried presence with `to`.
pub(crate) fn addressed(bytes: &Bytes, to: &Jid) -> Bytes {
    with_to(bytes, to).unwrap_or_else(|_| bytes.clone())
}

fn priority(stanza: &Stanza) -> Result<i8, Refusal> {
    match stanza.child("priority", None) {
        Some(priority) => priority
            .text()
            .trim()
            .parse()
            .map_err(|_| Condition::BadRequest.into()),
        None => Ok(0),
    }
}

/// Whether a contact may see the account's presence, or is the account itself.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn is_seen_by(
    ctx: &Context<'_>,
    account: &BareJid,
    viewer: &BareJid,
) -> Result<bool, Refusal> {
    if viewer == account {
        return Ok(true);
    }
    Ok(roster::item(ctx, account, viewer)?.is_some_and(|item| item.from))
}

/// Every device of the account shows its presence again, after what the server adds to it changed.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn shown_again(
    ctx: &Context<'_>,
    account: &BareJid,
    addition: &Addition,
) -> Result<Vec<Send>, Refusal> {
    let mut sends = Vec::new();
    for resource in ctx.live.resources(account) {
        if let Some(bytes) = &resource.presence {
            sends.extend(broadcast(ctx, &resource.jid, &addition.to(bytes))?);
        }
    }
    Ok(sends)
}
