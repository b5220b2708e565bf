//! The roster (RFC 6121 2), with versions (2.6): a version is a random token made at each change, so none
//! is ever used twice, and a client that names the newest one gets an empty answer.

use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use jid::{BareJid, Jid};
use minidom::Element;
use serde::{Deserialize, Serialize};

use super::refusal::Refusal;
use super::request::{Owner, Request, send};
use super::subscription::{self, Standing};
use super::{ns, presence, stored, subscribing};
use crate::documents::Collection;
use crate::outcome::{Context, Outcome, SessionChange};
use crate::stanza::Condition;
use crate::xml::Xml;

/// The longest name of a contact or group, in bytes.
const NAME_BYTES_MAX: usize = 1_023;
/// The most groups of one contact.
const GROUPS_MAX: usize = 64;
/// The most contacts of an account.
const CONTACTS_MAX: usize = 10_000;
/// The document that holds the version.
const VERSION: &str = "";

/// A contact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    pub(crate) name: Option<String>,
    pub(crate) groups: BTreeSet<String>,
    /// The account sees the contact's presence.
    pub(crate) to: bool,
    /// The contact sees the account's presence.
    pub(crate) from: bool,
    /// The account asked to see it.
    pub(crate) asked: bool,
    /// The contact need not ask.
    pub(crate) approved: bool,
}

impl Item {
    /// With the facts of a standing.
    pub(crate) fn standing(mut self, standing: Standing) -> Self {
        self.to = standing.to;
        self.from = standing.from;
        self.asked = standing.asked;
        self.approved = standing.approved;
        self
    }

    fn element(&self, contact: &BareJid) -> Xml {
        let subscription = match (self.to, self.from) {
            (true, true) => "both",
            (true, false) => "to",
            (false, true) => "from",
            (false, false) => "none",
        };
        Xml::new("item")
            .attr("jid", contact.as_str())
            .maybe("name", self.name.as_deref())
            .attr("subscription", subscription)
            .maybe("ask", self.asked.then_some("subscribe"))
            .maybe("approved", self.approved.then_some("true"))
            .children(
                self.groups
                    .iter()
                    .map(|group| Xml::new("group").text(group)),
            )
    }
}

/// One contact.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn item(
    ctx: &Context<'_>,
    account: &BareJid,
    contact: &BareJid,
) -> Result<Option<Item>, Refusal> {
    stored::read(ctx, Collection::Roster, account, contact.as_str())
}

/// Every contact, in the order of addresses.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn items(ctx: &Context<'_>, account: &BareJid) -> Result<Vec<(BareJid, Item)>, Refusal> {
    let documents: Vec<(String, serde_json::Value)> =
        stored::read_all(ctx, Collection::Roster, account, "")?;
    documents
        .into_iter()
        .filter(|(name, _)| name != VERSION)
        .map(|(name, document)| {
            let contact = BareJid::new(&name).map_err(|_| Condition::InternalServerError)?;
            let item =
                serde_json::from_value(document).map_err(|_| Condition::InternalServerError)?;
            Ok((contact, item))
        })
        .collect()
}

/// A changed or removed contact: the documents, and a push to every device that asked for the roster.
pub(crate) fn changed(
    ctx: &Context<'_>,
    account: &BareJid,
    contact: &BareJid,
    item: Option<&Item>,
) -> Outcome {
    let version = HEXLOWER.encode(&ctx.random[..8]);
    let mut outcome = Outcome::nothing();
    outcome.writes.push(match item {
        Some(item) => stored::put(Collection::Roster, account, contact.as_str(), item),
        None => stored::delete(Collection::Roster, account, contact.as_str()),
    });
    outcome
        .writes
        .push(stored::put(Collection::Roster, account, VERSION, &version));
    let resources = ctx.live.resources(account);
    for resource in resources.iter().filter(|resource| resource.interested) {
        let element = match item {
            Some(item) => item.element(contact),
            None => Xml::new("item")
                .attr("jid", contact.as_str())
                .attr("subscription", "remove"),
        };
        let push = Xml::new("iq")
            .attr("type", "set")
            .attr("id", &format!("roster-{version}"))
            .attr("from", account.as_str())
            .attr("to", resource.jid.as_str())
            .child(
                Xml::in_namespace("query", ns::ROSTER)
                    .attr("ver", &version)
                    .child(element),
            );
        outcome
            .send
            .push(send(ctx.host, &resource.jid.clone().into(), push));
    }
    outcome
}

/// Reads or changes the roster.
///
/// # Errors
/// The request is malformed or names no contact.
pub(crate) fn handle(
    ctx: &Context<'_>,
    owner: &Owner,
    request: &Request<'_>,
) -> Result<Outcome, Refusal> {
    if !request.is_set {
        return get(ctx, owner, request);
    }
    let mut children = request.payload.children();
    let (Some(asked), None) = (children.next(), children.next()) else {
        return Err(Condition::BadRequest.into());
    };
    let contact = asked.attr("jid").ok_or(Condition::BadRequest)?;
    let contact = Jid::new(contact)
        .map_err(|_| Condition::JidMalformed)?
        .into_bare();
    let known = item(ctx, &owner.account, &contact)?;
    if asked.attr("subscription") == Some("remove") {
        let known = known.ok_or(Condition::ItemNotFound)?;
        return Ok(request
            .done(ctx)
            .and(removed(ctx, owner, &contact, &known)?));
    }
    if known.is_none()
        && stored::names(ctx, Collection::Roster, &owner.account, "")?.len() > CONTACTS_MAX
    {
        return Err(Condition::ResourceConstraint.into());
    }
    let item = Item {
        name: name(asked)?,
        groups: groups(asked)?,
        ..known.unwrap_or_default()
    };
    Ok(request
        .done(ctx)
        .and(changed(ctx, &owner.account, &contact, Some(&item))))
}

fn get(ctx: &Context<'_>, owner: &Owner, request: &Request<'_>) -> Result<Outcome, Refusal> {
    let version: Option<String> = stored::read(ctx, Collection::Roster, &owner.account, VERSION)?;
    let version = version.unwrap_or_else(|| "0".to_owned());
    let mut outcome = match request.payload.attr("ver") {
        Some(known) if known == version => request.done(ctx),
        _ => {
            let items = items(ctx, &owner.account)?;
            let query = Xml::in_namespace("query", ns::ROSTER)
                .attr("ver", &version)
                .children(items.iter().map(|(contact, item)| item.element(contact)));
            request.result(ctx, query)
        }
    };
    outcome.session.push(SessionChange::Interested);
    Ok(outcome)
}

/// Removing a contact ends both subscriptions (RFC 6121 2.5.2).
fn removed(
    ctx: &Context<'_>,
    owner: &Owner,
    contact: &BareJid,
    known: &Item,
) -> Result<Outcome, Refusal> {
    let mut outcome = changed(ctx, &owner.account, contact, None);
    outcome.writes.push(stored::delete(
        Collection::Pending,
        &owner.account,
        contact.as_str(),
    ));
    if known.to || known.asked {
        let request = subscription::Request::Unsubscribe;
        outcome
            .send
            .push(subscribing::request(&owner.account, contact, request));
    }
    if known.from {
        let request = subscription::Request::Unsubscribed;
        outcome
            .send
            .extend(presence::leaving(ctx, &owner.account, contact)?);
        outcome
            .send
            .push(subscribing::request(&owner.account, contact, request));
    }
    Ok(outcome)
}

fn name(item: &Element) -> Result<Option<String>, Refusal> {
    match item.attr("name") {
        Some(name) if name.len() > NAME_BYTES_MAX => Err(Condition::NotAcceptable.into()),
        name => Ok(name.filter(|name| !name.is_empty()).map(str::to_owned)),
    }
}

fn groups(item: &Element) -> Result<BTreeSet<String>, Refusal> {
    let mut groups = BTreeSet::new();
    for child in item
        .children()
        .filter(|child| child.is("group", ns::ROSTER))
    {
        let group = child.text();
        if group.is_empty() || group.len() > NAME_BYTES_MAX || groups.len() == GROUPS_MAX {
            return Err(Condition::NotAcceptable.into());
        }
        if !groups.insert(group) {
            return Err(Condition::BadRequest.into());
        }
    }
    Ok(groups)
}
