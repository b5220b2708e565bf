//! Subscription requests on their way: the account's side when its user sends one, and when one arrives
//! (RFC 6121 3). Each side changes its own roster only; what a crash keeps from the other side is asked again
//! when the user comes back (see `arrival`).

use jid::{BareJid, Jid};

use super::attention::Matter;
use super::refusal::{Detail, Refusal};
use super::roster::{self, Item};
use super::subscription::{self, Request, Standing, Step};
use super::{blocking, presence, push, stored};
use crate::documents::Collection;
use crate::outcome::{Context, Outcome, Send, Target};
use crate::stanza::{Condition, Stanza, with_to};
use crate::xml::Xml;

/// The user of a local account sends a request.
///
/// # Errors
/// It names nobody, or somebody whom the user blocked.
pub(crate) fn send(
    ctx: &Context<'_>,
    stanza: &Stanza,
    request: Request,
) -> Result<Outcome, Refusal> {
    let account = stanza.from.to_bare();
    let contact = stanza.to.as_ref().ok_or(Condition::BadRequest)?.to_bare();
    if contact == account {
        return Ok(Outcome::nothing());
    }
    if blocking::is_blocked(ctx, &account, &contact.clone().into())?
        && request == Request::Subscribe
    {
        return Err(Refusal::with(Condition::NotAcceptable, Detail::Blocked));
    }
    let (item, before) = standing(ctx, &account, &contact)?;
    let step = subscription::outbound(before, request);
    let mut outcome = settled(ctx, &account, &contact, item, before, step);
    if step.passes {
        outcome.send.push(Send {
            to: Target::Route(contact.clone().into()),
            stanza: between(stanza, &account, &contact)?,
        });
    }
    if step.standing.from && !before.from {
        outcome
            .send
            .extend(presence::showing(ctx, &account, &contact)?);
    }
    if before.from && !step.standing.from {
        outcome
            .send
            .extend(presence::leaving(ctx, &account, &contact)?);
    }
    Ok(outcome)
}

/// A request reaches a local account.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn receive(
    ctx: &Context<'_>,
    stanza: &Stanza,
    request: Request,
) -> Result<Outcome, Refusal> {
    let contact = stanza.from.to_bare();
    let account = stanza.to.as_ref().ok_or(Condition::BadRequest)?.to_bare();
    // Nobody learns whether the account exists or has blocked them.
    if !stored::account_exists(ctx, &account)? || blocking::is_blocked(ctx, &account, &stanza.from)?
    {
        return Ok(Outcome::nothing());
    }
    let (item, before) = standing(ctx, &account, &contact)?;
    let step = subscription::inbound(before, request);
    let mut outcome = settled(ctx, &account, &contact, item, before, step);
    let arriving = between(stanza, &contact, &account)?;
    if step.standing.is_asked && !before.is_asked {
        let text = String::from_utf8_lossy(&arriving).into_owned();
        outcome.writes.push(stored::put(
            Collection::Pending,
            &account,
            contact.as_str(),
            &text,
        ));
        if Matter::ContactRequest.wakes() {
            outcome.send.extend(push::wake(ctx, &account, 1)?);
        }
    }
    if step.passes {
        outcome.send.push(Send {
            to: Target::Available(account.clone()),
            stanza: arriving,
        });
    }
    if let Some(answer) = step.answer {
        outcome.send.push(self::request(&account, &contact, answer));
    }
    if step.standing.from && !before.from {
        outcome
            .send
            .extend(presence::showing(ctx, &account, &contact)?);
    }
    if before.from && !step.standing.from {
        outcome
            .send
            .extend(presence::leaving(ctx, &account, &contact)?);
    }
    Ok(outcome)
}

/// A request that the server sends in the account's name.
pub(crate) fn request(account: &BareJid, contact: &BareJid, request: Request) -> Send {
    let presence = Xml::new("presence")
        .attr("type", request.name())
        .attr("from", account.as_str())
        .attr("to", contact.as_str());
    Send {
        to: Target::Route(contact.clone().into()),
        stanza: presence.finish().into(),
    }
}

fn standing(
    ctx: &Context<'_>,
    account: &BareJid,
    contact: &BareJid,
) -> Result<(Option<Item>, Standing), Refusal> {
    let item = roster::item(ctx, account, contact)?;
    let is_asked = ctx
        .documents
        .get(Collection::Pending, account, contact.as_str())?
        .is_some();
    let standing = item.as_ref().map_or(Standing::default(), |item| Standing {
        to: item.to,
        from: item.from,
        asked: item.asked,
        approved: item.approved,
        is_asked: false,
    });
    Ok((
        item,
        Standing {
            is_asked,
            ..standing
        },
    ))
}

/// The account's documents after a step; a contact enters the roster when there is something to keep.
fn settled(
    ctx: &Context<'_>,
    account: &BareJid,
    contact: &BareJid,
    item: Option<Item>,
    before: Standing,
    step: Step,
) -> Outcome {
    let after = step.standing;
    let is_item_changed = Standing {
        is_asked: false,
        ..before
    } != Standing {
        is_asked: false,
        ..after
    };
    let mut outcome = Outcome::nothing();
    if is_item_changed {
        let item = item.unwrap_or_default().standing(after);
        outcome = roster::changed(ctx, account, contact, Some(&item));
    }
    if before.is_asked && !after.is_asked {
        outcome.writes.push(stored::delete(
            Collection::Pending,
            account,
            contact.as_str(),
        ));
    }
    outcome
}

/// The request with bare addresses, as it travels between accounts (RFC 6121 3.1.2).
fn between(stanza: &Stanza, from: &BareJid, to: &BareJid) -> Result<bytes::Bytes, Refusal> {
    let from = Jid::from(from.clone());
    let stamped = Stanza::parse(&stanza.bytes, &from).map_err(|_| Condition::BadRequest)?;
    with_to(&stamped.bytes, &to.clone().into()).map_err(|_| Condition::BadRequest.into())
}
