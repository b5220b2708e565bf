//! What a device gets when it says for the first time that it is there (RFC 6121 4.2, 4.3): the presence of
//! contacts, requests that wait for an answer. Messages that wait come from the archive, not from here.

use jid::{BareJid, FullJid, Jid};

use super::refusal::Refusal;
use super::roster::{self, Item};
use super::subscription::Request;
use super::{avatar, blocking, presence, request, stored, subscribing};
use crate::documents::Collection;
use crate::outcome::{Context, Outcome, Send, Target};
use crate::xml::Xml;

/// Everything for a device that arrives.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn welcome(ctx: &Context<'_>, session: &FullJid) -> Result<Outcome, Refusal> {
    let account = session.to_bare();
    let blocked = blocking::List::of(ctx, &account)?;
    let viewer = Jid::from(session.clone());
    let mut outcome = Outcome::nothing();
    let seen = seen_by(ctx, &account, &viewer)?;
    outcome.send.extend(seen);
    for (contact, item) in roster::items(ctx, &account)? {
        if blocked.holds(&contact.clone().into()) {
            continue;
        }
        if item.to {
            outcome.send.extend(probe(ctx, &viewer, &contact)?);
        }
        outcome.send.extend(asked_again(&account, &contact, &item));
    }
    let pending: Vec<(String, String)> = stored::read_all(ctx, Collection::Pending, &account, "")?;
    for (_, presence) in pending {
        outcome.send.push(Send {
            to: Target::Resource(session.clone()),
            stanza: presence.into(),
        });
    }
    Ok(outcome)
}

/// The question to the servers of the account's contacts, how these are.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn asked_elsewhere(ctx: &Context<'_>, session: &FullJid) -> Result<Vec<Send>, Refusal> {
    let account = session.to_bare();
    let viewer = Jid::from(session.clone());
    let blocked = blocking::List::of(ctx, &account)?;
    let mut sends = Vec::new();
    for (contact, item) in roster::items(ctx, &account)? {
        let is_elsewhere = contact.domain() != ctx.host.domain.as_ref();
        if item.to && is_elsewhere && !blocked.holds(&contact.clone().into()) {
            sends.extend(probe(ctx, &viewer, &contact)?);
        }
    }
    Ok(sends)
}

/// A request without an answer is sent again: the first may have been lost with a crash between two accounts, and who has
/// it already ignores it (RFC 6121 3.1.2).
fn asked_again(account: &BareJid, contact: &BareJid, item: &Item) -> Option<Send> {
    item.asked
        .then(|| subscribing::request(account, contact, Request::Subscribe))
}

/// The presence of a contact for every device of the account.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn looked_up(
    ctx: &Context<'_>,
    account: &BareJid,
    contact: &BareJid,
) -> Result<Vec<Send>, Refusal> {
    let mut sends = Vec::new();
    for resource in ctx.live.resources(account) {
        if resource.presence.is_some() {
            sends.extend(probe(ctx, &resource.jid.into(), contact)?);
        }
    }
    Ok(sends)
}

fn probe(ctx: &Context<'_>, viewer: &Jid, contact: &BareJid) -> Result<Vec<Send>, Refusal> {
    if contact.domain() == ctx.host.domain.as_ref() {
        return seen_by(ctx, contact, viewer);
    }
    let probe = Xml::new("presence")
        .attr("type", "probe")
        .attr("from", viewer.as_str())
        .attr("to", contact.as_str());
    Ok(vec![Send {
        to: Target::Route(contact.clone().into()),
        stanza: probe.finish().into(),
    }])
}

/// The account's presence as `viewer` may see it: nothing, unless the account lets it (RFC 6121 4.3.2). Who may not gets no
/// answer at all, whether or not there is such an account.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn seen_by(
    ctx: &Context<'_>,
    account: &BareJid,
    viewer: &Jid,
) -> Result<Vec<Send>, Refusal> {
    let is_allowed = presence::is_seen_by(ctx, account, &viewer.to_bare())?
        && !blocking::is_blocked(ctx, account, viewer)?;
    if !is_allowed {
        return Ok(Vec::new());
    }
    let addition = avatar::Addition::of(ctx, account)?;
    let sends = ctx
        .live
        .resources(account)
        .into_iter()
        .filter(|resource| viewer.try_as_full() != Ok(&resource.jid))
        .filter_map(|resource| resource.presence)
        .map(|bytes| Send {
            to: request::target(ctx.host, viewer),
            stanza: presence::addressed(&addition.to(&bytes), viewer),
        })
        .collect();
    Ok(sends)
}
