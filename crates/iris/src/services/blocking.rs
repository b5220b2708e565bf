//! Blocking (XEP-0191 1.3): for who is blocked, the account looks like one that does not exist.

use std::collections::BTreeSet;

use jid::{BareJid, Jid};
use minidom::Element;

use super::ns;
use super::refusal::Refusal;
use super::request::{Owner, Request, send};
use super::{presence, stored};
use crate::documents::Collection;
use crate::outcome::{Context, Outcome, SessionChange};
use crate::stanza::Condition;
use crate::xml::Xml;

/// How many addresses an account may block.
const BLOCKED_MAX: usize = 4_096;

/// Whether `owner` blocked `jid`: its full or bare address, its domain with this resource, or its domain.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn is_blocked(ctx: &Context<'_>, owner: &BareJid, jid: &Jid) -> Result<bool, Refusal> {
    // Who blocks their own domain still needs its server.
    let is_server = jid.node().is_none() && ctx.host.is_local(jid);
    if jid.to_bare() == *owner || owner.node().is_none() || is_server {
        return Ok(false);
    }
    Ok(List::of(ctx, owner)?.holds(jid))
}

/// The addresses that an account blocked.
#[derive(Clone, Debug, Default)]
pub(crate) struct List(BTreeSet<String>);

impl List {
    /// Reads the list.
    ///
    /// # Errors
    /// The store cannot answer.
    pub(crate) fn of(ctx: &Context<'_>, owner: &BareJid) -> Result<Self, Refusal> {
        let names = stored::names(ctx, Collection::Block, owner, "")?;
        Ok(Self(names.into_iter().collect()))
    }

    /// Whether an entry fits (XEP-0191 4, from XEP-0016 2.1).
    pub(crate) fn holds(&self, jid: &Jid) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let domain = jid.domain().as_str();
        let at_domain = jid
            .resource()
            .map(|resource| format!("{domain}/{resource}"));
        self.0.contains(jid.as_str())
            || self.0.contains(jid.to_bare().as_str())
            || self.0.contains(domain)
            || at_domain.is_some_and(|jid| self.0.contains(&jid))
    }
}

/// Lists, blocks and unblocks.
///
/// # Errors
/// The request is malformed or the list is full.
pub(crate) fn handle(
    ctx: &Context<'_>,
    owner: &Owner,
    request: &Request<'_>,
) -> Result<Outcome, Refusal> {
    let name = request.payload.name();
    match (request.is_set, name) {
        (false, "blocklist") => list(ctx, owner, request),
        (true, "block") => block(ctx, owner, request),
        (true, "unblock") => unblock(ctx, owner, request),
        _ => Err(Condition::BadRequest.into()),
    }
}

fn list(ctx: &Context<'_>, owner: &Owner, request: &Request<'_>) -> Result<Outcome, Refusal> {
    let items = List::of(ctx, &owner.account)?.0;
    let list = Xml::in_namespace("blocklist", ns::BLOCKING)
        .children(items.iter().map(|jid| Xml::new("item").attr("jid", jid)));
    let mut outcome = request.result(ctx, list);
    outcome.session.push(SessionChange::Blocklist);
    Ok(outcome)
}

fn block(ctx: &Context<'_>, owner: &Owner, request: &Request<'_>) -> Result<Outcome, Refusal> {
    let asked = addresses(&request.payload)?;
    if asked.is_empty() {
        return Err(Condition::BadRequest.into());
    }
    let before = List::of(ctx, &owner.account)?;
    let added: BTreeSet<_> = asked.difference(&before.0).cloned().collect();
    if before.0.len() + added.len() > BLOCKED_MAX {
        return Err(Condition::ResourceConstraint.into());
    }
    let after = List(before.0.union(&added).cloned().collect());
    // Contacts see the account leave before the list takes effect (XEP-0191 3.3).
    let mut outcome = presence::seen_differently(ctx, &owner.account, &before, &after)?;
    for jid in &added {
        outcome
            .writes
            .push(stored::put(Collection::Block, &owner.account, jid, &()));
    }
    Ok(request
        .done(ctx)
        .and(outcome)
        .and(pushed(ctx, owner, "block", &asked)))
}

fn unblock(ctx: &Context<'_>, owner: &Owner, request: &Request<'_>) -> Result<Outcome, Refusal> {
    let asked = addresses(&request.payload)?;
    let before = List::of(ctx, &owner.account)?;
    let removed: BTreeSet<_> = if asked.is_empty() {
        before.0.clone()
    } else {
        asked.intersection(&before.0).cloned().collect()
    };
    let after = List(before.0.difference(&removed).cloned().collect());
    let mut outcome = presence::seen_differently(ctx, &owner.account, &before, &after)?;
    for jid in &removed {
        outcome
            .writes
            .push(stored::delete(Collection::Block, &owner.account, jid));
    }
    Ok(request
        .done(ctx)
        .and(outcome)
        .and(pushed(ctx, owner, "unblock", &asked)))
}

/// Tells every device that asked for the list (XEP-0191 3.3).
fn pushed(
    ctx: &Context<'_>,
    owner: &Owner,
    name: &'static str,
    asked: &BTreeSet<String>,
) -> Outcome {
    let mut outcome = Outcome::nothing();
    let resources = ctx.live.resources(&owner.account);
    for resource in resources.iter().filter(|resource| resource.blocklist) {
        let change = Xml::in_namespace(name, ns::BLOCKING)
            .children(asked.iter().map(|jid| Xml::new("item").attr("jid", jid)));
        let push = Xml::new("iq")
            .attr("type", "set")
            .attr("id", "blocklist")
            .attr("from", owner.account.as_str())
            .attr("to", resource.jid.as_str())
            .child(change);
        outcome
            .send
            .push(send(ctx.host, &resource.jid.clone().into(), push));
    }
    outcome
}

fn addresses(payload: &Element) -> Result<BTreeSet<String>, Refusal> {
    payload
        .children()
        .filter(|child| child.is("item", ns::BLOCKING))
        .map(|item| {
            let jid = item.attr("jid").ok_or(Condition::BadRequest)?;
            let jid = Jid::new(jid).map_err(|_| Condition::JidMalformed)?;
            Ok(jid.to_string())
        })
        .collect()
}
