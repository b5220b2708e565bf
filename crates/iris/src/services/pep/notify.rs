//! Events (XEP-0060 7.1.2, XEP-0163 4.3): to the devices of this node that announced that they want them.
//! Contacts on other servers read items when they need them; nothing is kept about their devices.

use jid::{BareJid, Jid};

use super::node::Config;
use super::{config, may_read, newest};
use crate::documents::Collection;
use crate::outcome::{Context, Send};
use crate::services::refusal::Refusal;
use crate::services::request::send;
use crate::services::{blocking, forward, ns, roster, stored};
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
    let item = item(config, id, payload);
    tell(
        ctx,
        account,
        node,
        config,
        &Xml::new("items").attr("node", node).child(item),
    )
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
    tell(ctx, account, node, config, &items)
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
    tell(
        ctx,
        account,
        node,
        config,
        &Xml::new(name).attr("node", node),
    )
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
        if blocking::is_blocked(ctx, &publisher, viewer)? {
            continue;
        }
        for node in stored::names(ctx, Collection::PepNode, &publisher, "")? {
            if wanted.contains(&node) {
                sends.extend(newest_of(ctx, &publisher, &node, viewer)?);
            }
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
    Ok(Some(send(ctx.host, viewer, event)))
}

fn tell(
    ctx: &Context<'_>,
    account: &BareJid,
    node: &str,
    config: &Config,
    change: &Xml,
) -> Result<Vec<Send>, Refusal> {
    let mut sends = Vec::new();
    for watcher in watchers(ctx, account, node, config)? {
        sends.push(send(ctx.host, &watcher, event(account, &watcher, change)));
    }
    Ok(sends)
}

/// The devices that get events of a node: the owner's and the contacts' that may read it and want it.
fn watchers(
    ctx: &Context<'_>,
    account: &BareJid,
    node: &str,
    config: &Config,
) -> Result<Vec<Jid>, Refusal> {
    let mut viewers = vec![account.clone()];
    for (contact, item) in roster::items(ctx, account)? {
        let is_here = contact.domain() == ctx.host.domain.as_ref();
        if item.from && is_here && may_read(ctx, account, config, &contact)? {
            viewers.push(contact);
        }
    }
    let mut watchers = Vec::new();
    for viewer in viewers {
        let wanting = ctx.live.resources(&viewer).into_iter().filter(|resource| {
            resource.presence.is_some() && resource.notify.iter().any(|wanted| wanted == node)
        });
        let devices: Vec<Jid> = wanting.map(|resource| resource.jid.into()).collect();
        let is_hidden = !devices.is_empty()
            && (blocking::is_blocked(ctx, account, &viewer.clone().into())?
                || blocking::is_blocked(ctx, &viewer, &account.clone().into())?);
        if !is_hidden {
            watchers.extend(devices);
        }
    }
    Ok(watchers)
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
