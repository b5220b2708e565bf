//! Devices of contacts on other servers that want events: what their presence and their answers tell (XEP-0163 4.3.2).
//! For devices of this node the session remembers it; these are documents, and end with the device's presence.

use jid::{BareJid, FullJid, Jid};
use serde::{Deserialize, Serialize};

use super::notify;
use crate::documents::Collection;
use crate::outcome::{Context, Outcome};
use crate::services::refusal::Refusal;
use crate::services::{caps, presence, stored};
use crate::stanza::Stanza;

/// The most devices of one contact; a device that left without a word makes place for another.
const DEVICES_MAX: usize = 8;
/// The most nodes that one of them may want events of.
const NODES_MAX: usize = 64;

/// What a device wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Watcher {
    /// The capabilities that it announced.
    caps: String,
    nodes: Vec<String>,
}

/// A contact's device on another server is there, or has left: ask what it wants, or forget it.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn seen(
    ctx: &Context<'_>,
    account: &BareJid,
    stanza: &Stanza,
) -> Result<Outcome, Refusal> {
    let Some(device) = far_device(ctx, &stanza.from) else {
        return Ok(Outcome::nothing());
    };
    let known: Option<Watcher> =
        stored::read(ctx, Collection::PepWatcher, account, device.as_str())?;
    let mut outcome = Outcome::nothing();
    if stanza.type_.is_some() {
        if known.is_some() {
            let forgotten = stored::delete(Collection::PepWatcher, account, device.as_str());
            outcome.writes.push(forgotten);
        }
        return Ok(outcome);
    }
    let Some(node) = caps::node(&stanza.bytes) else {
        return Ok(outcome);
    };
    let is_known = known.is_some_and(|known| known.caps == node);
    if !is_known && presence::is_seen_by(ctx, account, &device.to_bare())? {
        outcome.send.push(caps::ask_far(account, device, &node));
    }
    Ok(outcome)
}

/// The answer of such a device: remembered, and followed by the newest events of what it wants.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn learn(
    ctx: &Context<'_>,
    account: &BareJid,
    stanza: &Stanza,
) -> Result<Outcome, Refusal> {
    let Some(device) = far_device(ctx, &stanza.from) else {
        return Ok(Outcome::nothing());
    };
    let is_seen = presence::is_seen_by(ctx, account, &device.to_bare())?;
    let Some(query) = stanza.payload().filter(|_| is_seen) else {
        return Ok(Outcome::nothing());
    };
    let mut nodes = caps::wanted(stanza);
    nodes.truncate(NODES_MAX);
    let watcher = Watcher {
        caps: query.attr("node").unwrap_or_default().to_owned(),
        nodes,
    };
    let prefix = format!("{}/", device.to_bare());
    let others = stored::names(ctx, Collection::PepWatcher, account, &prefix)?;
    let surplus = (others.len() + 1).saturating_sub(DEVICES_MAX);
    let mut outcome = Outcome::nothing();
    for name in others
        .iter()
        .filter(|name| *name != device.as_str())
        .take(surplus)
    {
        outcome
            .writes
            .push(stored::delete(Collection::PepWatcher, account, name));
    }
    outcome.writes.push(stored::put(
        Collection::PepWatcher,
        account,
        device.as_str(),
        &watcher,
    ));
    outcome.send = notify::newest_from(ctx, account, &stanza.from, &watcher.nodes)?;
    Ok(outcome)
}

/// The devices on other servers that want events of a node; who may have them is not asked here.
///
/// # Errors
/// The store cannot answer.
pub(super) fn wanting(
    ctx: &Context<'_>,
    account: &BareJid,
    node: &str,
) -> Result<Vec<FullJid>, Refusal> {
    let watchers: Vec<(String, Watcher)> =
        stored::read_all(ctx, Collection::PepWatcher, account, "")?;
    Ok(watchers
        .into_iter()
        .filter(|(_, watcher)| watcher.nodes.iter().any(|wanted| wanted == node))
        .filter_map(|(device, _)| FullJid::new(&device).ok())
        .collect())
}

fn far_device<'a>(ctx: &Context<'_>, from: &'a Jid) -> Option<&'a FullJid> {
    from.try_as_full().ok().filter(|_| !ctx.host.is_local(from))
}
