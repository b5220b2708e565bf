//! Events (XEP-0060 7.1.2, XEP-0163 4.3): to the devices that announced that they want them.

use jid::{BareJid, Jid};

use super::node::Config;
use super::{config, may_read, newest, watch};
use crate::documents::Collection;
use crate::outcome::{Context, Send, Target};
use crate::services::refusal::Refusal;
use crate::services::request::send;
use crate::services::{blocking, forward, ns, presence, roster, stored};
use crate::watching::{Event, Tells};
use crate::xml::Xml;

/// An item was published.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn published(
    ctx: &Context<'_>,
    account: &BareJid,
    node: &str,
    config: &Config,
    id: &str,
    payload: &str,
) -> Result<Vec<Send>, Refusal> {
    let items = Xml::new("items")
        .attr("node", node)
        .child(item(config, id, payload));
    tell(ctx, account, node, config, Tells::Item, &items)
}

/// Items were taken back.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn retracted(
    ctx: &Context<'_>,
    account: &BareJid,
    node: &str,
    config: &Config,
    ids: &[String],
) -> Result<Vec<Send>, Refusal> {
    let retracted = ids.iter().map(|id| Xml::new("retract").attr("id", id));
    let items = Xml::new("items").attr("node", node).children(retracted);
    tell(ctx, account, node, config, Tells::Gone, &items)
}

/// The node lost all its items, or ended.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn emptied(
    ctx: &Context<'_>,
    account: &BareJid,
    node: &str,
    config: &Config,
    name: &'static str,
) -> Result<Vec<Send>, Refusal> {
    let emptied = Xml::new(name).attr("node", node);
    tell(ctx, account, node, config, Tells::Gone, &emptied)
}

/// The newest item of each node in `wanted`, of the viewer's own account and of the contacts that it sees.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn newest_for(
    ctx: &Context<'_>,
    viewer: &Jid,
    wanted: &[String],
) -> Result<Vec<Send>, Refusal> {
    let own = viewer.to_bare();
    let mut sends = Vec::new();
    if wanted.is_empty() {
        return Ok(sends);
    }
    let contacts = roster::items(ctx, &own)?
        .into_iter()
        .filter(|(contact, item)| item.to && contact.domain() == ctx.host.domain.as_ref());
    let publishers = std::iter::once(own.clone()).chain(contacts.map(|(contact, _)| contact));
    for publisher in publishers {
        sends.extend(newest_from(ctx, &publisher, viewer, wanted)?);
    }
    Ok(sends)
}

/// The newest item of each node in `wanted` of one publisher.
///
/// # Errors
/// The store cannot answer.
pub(super) fn newest_from(
    ctx: &Context<'_>,
    publisher: &BareJid,
    viewer: &Jid,
    wanted: &[String],
) -> Result<Vec<Send>, Refusal> {
    let mut sends = Vec::new();
    if blocking::is_blocked(ctx, publisher, viewer)? {
        return Ok(sends);
    }
    for node in stored::names(ctx, Collection::PepNode, publisher, "")? {
        if wanted.contains(&node) {
            sends.extend(newest_of(ctx, publisher, &node, viewer)?);
        }
    }
    Ok(sends)
}

fn newest_of(
    ctx: &Context<'_>,
    publisher: &BareJid,
    node: &str,
    viewer: &Jid,
) -> Result<Option<Send>, Refusal> {
    let Some(config) = config(ctx, publisher, node)? else {
        return Ok(None);
    };
    if !config.send_last || !may_read(ctx, publisher, &config, &viewer.to_bare())? {
        return Ok(None);
    }
    let Some((id, newest)) = newest(ctx, publisher, node)? else {
        return Ok(None);
    };
    let items = Xml::new("items")
        .attr("node", node)
        .child(item(&config, &id, &newest.payload));
    let event = event(publisher, viewer, &items).child(forward::delay(newest.at_ms));
    Ok(Some(to_watcher(
        ctx,
        publisher,
        node,
        Tells::Newest,
        viewer,
        event,
    )))
}

fn tell(
    ctx: &Context<'_>,
    account: &BareJid,
    node: &str,
    config: &Config,
    tells: Tells,
    change: &Xml,
) -> Result<Vec<Send>, Refusal> {
    let mut sends = Vec::new();
    for watcher in watchers(ctx, account, node, config)? {
        let event = event(account, &watcher, change);
        sends.push(to_watcher(ctx, account, node, tells, &watcher, event));
    }
    Ok(sends)
}

/// Of a device of this node it is decided when the event is durable whether it wants it.
fn to_watcher(
    ctx: &Context<'_>,
    publisher: &BareJid,
    node: &str,
    tells: Tells,
    watcher: &Jid,
    stanza: Xml,
) -> Send {
    let here = watcher.domain() == ctx.host.domain.as_ref();
    match watcher.try_as_full().ok().filter(|_| here) {
        None => send(ctx.host, watcher, stanza),
        Some(device) => Send {
            to: Target::Watcher(
                device.clone(),
                Event {
                    publisher: publisher.clone(),
                    node: node.to_owned(),
                    tells,
                },
            ),
            stanza: stanza.finish().into(),
        },
    }
}

/// The devices that get events of a node: the owner's, and those of contacts that see the owner's presence, may read
/// the node and want it.
fn watchers(
    ctx: &Context<'_>,
    account: &BareJid,
    node: &str,
    config: &Config,
) -> Result<Vec<Jid>, Refusal> {
    let mut watchers = wanting(ctx, account, node);
    for (contact, item) in roster::items(ctx, account)? {
        let is_here = contact.domain() == ctx.host.domain.as_ref();
        if item.from && is_here && may_read(ctx, account, config, &contact)? {
            let devices = wanting(ctx, &contact, node);
            let account_jid = Jid::from(account.clone());
            if !devices.is_empty() && !blocking::is_blocked(ctx, &contact, &account_jid)? {
                watchers.extend(devices);
            }
        }
    }
    for device in watch::wanting(ctx, account, node)? {
        let contact = device.to_bare();
        let is_contact = presence::is_seen_by(ctx, account, &contact)?;
        if is_contact && may_read(ctx, account, config, &contact)? {
            watchers.push(device.into());
        }
    }
    let blocked = blocking::List::of(ctx, account)?;
    watchers.retain(|device| device.to_bare() == *account || !blocked.holds(device));
    Ok(watchers)
}

/// Devices of an account of this node that want events of a node, or did not say yet what they want.
fn wanting(ctx: &Context<'_>, account: &BareJid, node: &str) -> Vec<Jid> {
    ctx.live
        .resources(account)
        .into_iter()
        .filter(|resource| resource.presence.is_some())
        .filter(|resource| resource.is_asked || resource.notify.iter().any(|it| it == node))
        .map(|resource| resource.jid.into())
        .collect()
}

fn item(config: &Config, id: &str, payload: &str) -> Xml {
    let item = Xml::new("item").attr("id", id);
    if config.deliver_payloads {
        item.raw(payload)
    } else {
        item
    }
}

fn event(from: &BareJid, to: &Jid, change: &Xml) -> Xml {
    Xml::new("message")
        .attr("type", "headline")
        .attr("from", from.as_str())
        .attr("to", to.as_str())
        .child(Xml::in_namespace("event", ns::PUBSUB_EVENT).child(change.clone()))
}
