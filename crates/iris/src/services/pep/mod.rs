//! Personal eventing (XEP-0163 1.2): the part of publish-subscribe (XEP-0060 1.24) that accounts need. Nodes spring up when
//! something is published, contacts are subscribed by seeing presence and by what their devices announce, and
//! persistent private data (XEP-0223 1.1) is a node with a whitelist.

pub mod node;

mod manage;
mod notify;
mod publish;
mod watch;

use jid::BareJid;
use minidom::Element;
use serde::{Deserialize, Serialize};

use super::refusal::{Detail, Refusal};
use super::request::{Owner, Request};
use super::{ns, presence, roster, rsm, stored};
use crate::documents::Collection;
use crate::outcome::{Context, Outcome};
use crate::stanza::Condition;
use crate::xml::Xml;
use node::{Access, Config};

pub(crate) use notify::newest_for;
pub(crate) use publish::{publish_many, publish_one};
pub(crate) use watch::{learn, seen};

/// The longest name of a node or an item, in bytes.
const NAME_BYTES_MAX: usize = 512;

/// An item of a node, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    /// Later publications have greater numbers, whatever the clock says.
    pub(crate) order: u64,
    /// When it was published, in milliseconds since 1970.
    pub(crate) at_ms: i64,
    /// The payload as XML with its namespace.
    pub(crate) payload: String,
}

/// What the owner asks for.
///
/// # Errors
/// The request is malformed, or names what is not there.
pub(crate) fn own(
    ctx: &Context<'_>,
    owner: &Owner,
    request: &Request<'_>,
) -> Result<Outcome, Refusal> {
    let action = request
        .payload
        .children()
        .next()
        .ok_or(Condition::BadRequest)?;
    let is_owner_ns = request.payload.ns() == ns::PUBSUB_OWNER;
    match (request.is_set, is_owner_ns, action.name()) {
        (false, false, "items") => items(ctx, &owner.account, request, action),
        (true, false, "publish") => publish::handle(ctx, owner, request, action),
        (true, false, "retract") => publish::retract(ctx, owner, request, action),
        (true, false, "create") => manage::create(ctx, owner, request, action),
        (true, false, "subscribe" | "unsubscribe") => {
            Ok(manage::subscribe(ctx, owner, request, action))
        }
        (false, true, "configure") => manage::configuration(ctx, owner, request, action),
        (true, true, "configure") => manage::configure(ctx, owner, request, action),
        (true, true, "delete") => manage::delete(ctx, owner, request, action),
        (true, true, "purge") => manage::purge(ctx, owner, request, action),
        (_, true, "affiliations") => manage::affiliations(ctx, owner, request, action),
        (false, true, "default") | (false, false, "default") => Ok(manage::defaults(ctx, request)),
        _ => Err(Refusal::with(
            Condition::FeatureNotImplemented,
            Detail::PubSubUnsupported("manage-subscriptions"),
        )),
    }
}

/// What others ask for: items, and nothing else.
///
/// # Errors
/// There is no such node, or the caller may not know of it.
pub(crate) fn read(
    ctx: &Context<'_>,
    account: &BareJid,
    request: &Request<'_>,
) -> Result<Outcome, Refusal> {
    let action = request
        .payload
        .children()
        .next()
        .ok_or(Condition::ItemNotFound)?;
    if action.name() != "items" || node_of(action).is_err() {
        return Err(Condition::ItemNotFound.into());
    }
    items(ctx, account, request, action)
}

/// The nodes of an account that the caller may read, or the items of one (XEP-0060 5.2, 5.5).
///
/// # Errors
/// There is no such node.
pub(crate) fn items_of(
    ctx: &Context<'_>,
    account: &BareJid,
    node: Option<&str>,
    request: &Request<'_>,
) -> Result<Outcome, Refusal> {
    let viewer = request.stanza.from.to_bare();
    let item = || Xml::new("item").attr("jid", account.as_str());
    let query = Xml::in_namespace("query", ns::DISCO_ITEMS).maybe("node", node);
    if let Some(node) = node {
        readable(ctx, account, node, &viewer)?;
        let items = newest_first(ctx, account, node)?;
        let listed = items.iter().map(|(name, _)| item().attr("name", name));
        return Ok(request.result(ctx, query.children(listed)));
    }
    let nodes: Vec<(String, Config)> = stored::read_all(ctx, Collection::PepNode, account, "")?;
    let mut listed = Vec::new();
    for (name, config) in nodes {
        if may_read(ctx, account, &config, &viewer)? {
            listed.push(
                item()
                    .attr("node", &name)
                    .maybe("name", config.title.as_deref()),
            );
        }
    }
    Ok(request.result(ctx, query.children(listed)))
}

/// What a node is (XEP-0060 5.3, 5.4).
///
/// # Errors
/// There is no such node.
pub(crate) fn info_of(
    ctx: &Context<'_>,
    account: &BareJid,
    node: &str,
    request: &Request<'_>,
) -> Result<Outcome, Refusal> {
    let config = readable(ctx, account, node, &request.stanza.from.to_bare())?;
    let identity = Xml::new("identity")
        .attr("category", "pubsub")
        .attr("type", "leaf");
    let query = Xml::in_namespace("query", ns::DISCO_INFO)
        .attr("node", node)
        .child(identity)
        .child(Xml::new("feature").attr("var", ns::PUBSUB))
        .child(config.form("result"));
    Ok(request.result(ctx, query))
}

/// The configuration of a node.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn config(
    ctx: &Context<'_>,
    account: &BareJid,
    node: &str,
) -> Result<Option<Config>, Refusal> {
    stored::read(ctx, Collection::PepNode, account, node)
}

/// Whether `viewer` may read a node of this configuration.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn may_read(
    ctx: &Context<'_>,
    account: &BareJid,
    config: &Config,
    viewer: &BareJid,
) -> Result<bool, Refusal> {
    if viewer == account {
        return Ok(true);
    }
    match config.access {
        Access::Open => Ok(true),
        Access::Presence => presence::is_seen_by(ctx, account, viewer),
        Access::Whitelist => Ok(config
            .members
            .iter()
            .any(|member| member == viewer.as_str())),
        Access::Roster => {
            let item = roster::item(ctx, account, viewer)?;
            Ok(item.is_some_and(|item| {
                config
                    .groups
                    .iter()
                    .any(|group| item.groups.contains(group))
            }))
        }
    }
}

/// One item.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn item(
    ctx: &Context<'_>,
    account: &BareJid,
    node: &str,
    id: &str,
) -> Result<Option<Item>, Refusal> {
    stored::read(ctx, Collection::PepItem, account, &document(node, id))
}

/// Items with their ids, the newest first.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn newest_first(
    ctx: &Context<'_>,
    account: &BareJid,
    node: &str,
) -> Result<Vec<(String, Item)>, Refusal> {
    let prefix = document(node, "");
    let mut items: Vec<(String, Item)> =
        stored::read_all(ctx, Collection::PepItem, account, &prefix)?;
    for (name, _) in &mut items {
        name.drain(..prefix.len());
    }
    items.sort_by_key(|(_, item)| std::cmp::Reverse(item.order));
    Ok(items)
}

/// The newest item with its id.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn newest(
    ctx: &Context<'_>,
    account: &BareJid,
    node: &str,
) -> Result<Option<(String, Item)>, Refusal> {
    Ok(newest_first(ctx, account, node)?.into_iter().next())
}

/// The name of an item's document.
fn document(node: &str, id: &str) -> String {
    format!("{node}\n{id}")
}

fn readable(
    ctx: &Context<'_>,
    account: &BareJid,
    node: &str,
    viewer: &BareJid,
) -> Result<Config, Refusal> {
    match config(ctx, account, node)? {
        Some(config) if may_read(ctx, account, &config, viewer)? => Ok(config),
        _ => Err(Condition::ItemNotFound.into()),
    }
}

fn items(
    ctx: &Context<'_>,
    account: &BareJid,
    request: &Request<'_>,
    action: &Element,
) -> Result<Outcome, Refusal> {
    let node = node_of(action)?;
    readable(ctx, account, node, &request.stanza.from.to_bare())?;
    let ids: Vec<&str> = action
        .children()
        .filter_map(|child| child.attr("id"))
        .collect();
    let mut found = newest_first(ctx, account, node)?;
    let mut paged = None;
    if !ids.is_empty() {
        found.retain(|(id, _)| ids.contains(&id.as_str()));
        if found.is_empty() {
            return Err(Condition::ItemNotFound.into());
        }
    } else if let Some(max) = action.attr("max_items") {
        found.truncate(max.parse().map_err(|_| Condition::BadRequest)?);
    } else if request.payload.has_child("set", ns::RSM) {
        let asked = rsm::Asked::child_of(&request.payload)?;
        let count = found.len();
        found = page(found, &asked)?;
        let ends = found.first().zip(found.last());
        paged = Some(rsm::page(
            ends.map(|(first, last)| (first.0.as_str(), last.0.as_str())),
            Some(count),
        ));
    }
    let listed = found
        .iter()
        .map(|(id, item)| Xml::new("item").attr("id", id).raw(&item.payload));
    let items = Xml::new("items").attr("node", node).children(listed);
    let pubsub = Xml::in_namespace("pubsub", ns::PUBSUB)
        .child(items)
        .children(paged);
    Ok(request.result(ctx, pubsub))
}

fn page(items: Vec<(String, Item)>, asked: &rsm::Asked) -> Result<Vec<(String, Item)>, Refusal> {
    let place = |id: &str| {
        let place = items.iter().position(|(name, _)| name == id);
        place.ok_or(Condition::ItemNotFound)
    };
    let start = match &asked.after {
        Some(id) => place(id)? + 1,
        None => 0,
    };
    let end = match asked.before.as_deref() {
        Some("") | None => items.len(),
        Some(id) => place(id)?,
    };
    let max = asked.max.unwrap_or(usize::MAX);
    let (start, end) = match asked.before {
        Some(_) => (start.max(end.saturating_sub(max)), end),
        None => (start, end.min(start.saturating_add(max))),
    };
    Ok(items.into_iter().take(end).skip(start).collect())
}

/// The node that an action names.
fn node_of(action: &Element) -> Result<&str, Refusal> {
    match action.attr("node") {
        Some(node) if is_name(node) => Ok(node),
        Some(_) => Err(Condition::NotAcceptable.into()),
        None => Err(Refusal::with(
            Condition::BadRequest,
            Detail::PubSub("nodeid-required"),
        )),
    }
}

/// Whether a node or an item may be called that.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.contains('\n')
}
