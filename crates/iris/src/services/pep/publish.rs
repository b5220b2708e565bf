//! Publishing and retracting items (XEP-0060 7.1, 7.2).

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use jid::BareJid;
use minidom::Element;

use super::node::Config;
use super::{Item, config, document, is_name, newest_first, node_of, notify};
use crate::documents::Collection;
use crate::outcome::{Context, Outcome};
use crate::services::forms::Form;
use crate::services::refusal::{Detail, Refusal};
use crate::services::request::{Owner, Request};
use crate::services::{avatar, ns, stored};
use crate::stanza::Condition;
use crate::xml::Xml;

/// The most nodes of one account.
const NODES_MAX: usize = 512;
/// The longest payload, in bytes; with it a document stays below its own limit, whatever JSON escapes.
const PAYLOAD_BYTES_MAX: usize = 120 * 1024;

/// Publishes one item, on a node that springs up when it has to.
pub(crate) fn handle(
    ctx: &Context<'_>,
    owner: &Owner,
    request: &Request<'_>,
    action: &Element,
) -> Result<Outcome, Refusal> {
    let node = node_of(action)?;
    let mut items = action.children().filter(|child| child.name() == "item");
    let item = match (items.next(), items.next()) {
        (Some(item), None) => item,
        (None, _) => {
            return Err(Refusal::with(
                Condition::BadRequest,
                Detail::PubSub("item-required"),
            ));
        }
        _ => return Err(Condition::NotAllowed.into()),
    };
    let known = config(ctx, &owner.account, node)?;
    let options = request
        .payload
        .get_child("publish-options", ns::PUBSUB)
        .and_then(Form::child_of);
    let wanted = match (&known, &options) {
        (Some(known), Some(options)) => precondition(known, options)?,
        (Some(known), None) => known.clone(),
        (None, Some(options)) => Config::of(node)
            .with(options, true)
            .map_err(|_| not_met())?,
        (None, None) => Config::of(node),
    };
    let id = match item.attr("id") {
        Some(id) if is_name(id) => id.to_owned(),
        Some(_) => return Err(Condition::NotAcceptable.into()),
        None => HEXLOWER.encode(&ctx.random[..16]),
    };
    let mut payloads = item.children();
    let payload = match (payloads.next(), payloads.next()) {
        (Some(payload), None) => String::from(payload),
        (None, _) => {
            return Err(Refusal::with(
                Condition::BadRequest,
                Detail::PubSub("payload-required"),
            ));
        }
        _ => {
            return Err(Refusal::with(
                Condition::BadRequest,
                Detail::PubSub("invalid-payload"),
            ));
        }
    };
    let published = Xml::new("publish")
        .attr("node", node)
        .child(Xml::new("item").attr("id", &id));
    let result = request.result(
        ctx,
        Xml::in_namespace("pubsub", ns::PUBSUB).child(published),
    );
    let is_new = known.is_none();
    let outcome = publish(
        ctx,
        &owner.account,
        node,
        &wanted,
        is_new,
        vec![(id, payload)],
    )?;
    Ok(result.and(outcome))
}

/// Takes one item back.
pub(crate) fn retract(
    ctx: &Context<'_>,
    owner: &Owner,
    request: &Request<'_>,
    action: &Element,
) -> Result<Outcome, Refusal> {
    let node = node_of(action)?;
    let config = config(ctx, &owner.account, node)?.ok_or(Condition::ItemNotFound)?;
    let item = action.children().find(|child| child.name() == "item");
    let Some(id) = item.and_then(|item| item.attr("id")) else {
        return Err(Refusal::with(
            Condition::BadRequest,
            Detail::PubSub("item-required"),
        ));
    };
    if super::item(ctx, &owner.account, node, id)?.is_none() {
        return Err(Condition::ItemNotFound.into());
    }
    let is_told = config.notify_retract || matches!(action.attr("notify"), Some("1" | "true"));
    let mut outcome = request.done(ctx);
    outcome.writes.push(stored::delete(
        Collection::PepItem,
        &owner.account,
        document(node, id),
    ));
    if is_told {
        outcome.send.extend(notify::retracted(
            ctx,
            &owner.account,
            node,
            &config,
            &[id.to_owned()],
        )?);
    }
    Ok(outcome)
}

/// Publishes for the server itself, with the configuration that the node has or starts with.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn publish_one(
    ctx: &Context<'_>,
    account: &BareJid,
    node: &str,
    id: &str,
    payload: String,
) -> Result<Outcome, Refusal> {
    publish_many(ctx, account, node, vec![(id.to_owned(), payload)], &[])
}

/// Publishes several items and takes others back, as one change.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn publish_many(
    ctx: &Context<'_>,
    account: &BareJid,
    node: &str,
    items: Vec<(String, String)>,
    gone: &[String],
) -> Result<Outcome, Refusal> {
    let known = config(ctx, account, node)?;
    let config = known.clone().unwrap_or_else(|| Config::of(node));
    let mut outcome = Outcome::nothing();
    if !items.is_empty() {
        outcome = publish(ctx, account, node, &config, known.is_none(), items)?;
    }
    for id in gone {
        outcome.writes.push(stored::delete(
            Collection::PepItem,
            account,
            document(node, id),
        ));
    }
    if !gone.is_empty() && config.notify_retract {
        outcome
            .send
            .extend(notify::retracted(ctx, account, node, &config, gone)?);
    }
    Ok(outcome)
}

fn publish(
    ctx: &Context<'_>,
    account: &BareJid,
    node: &str,
    config: &Config,
    is_new: bool,
    items: Vec<(String, String)>,
) -> Result<Outcome, Refusal> {
    if items
        .iter()
        .any(|(_, payload)| payload.len() > PAYLOAD_BYTES_MAX)
    {
        return Err(Refusal::with(
            Condition::NotAcceptable,
            Detail::PubSub("payload-too-big"),
        ));
    }
    let mut outcome = Outcome::nothing();
    if is_new {
        if stored::names(ctx, Collection::PepNode, account, "")?.len() >= NODES_MAX {
            return Err(Condition::ResourceConstraint.into());
        }
        outcome
            .writes
            .push(stored::put(Collection::PepNode, account, node, config));
    }
    if config.persist_items {
        let mut kept: BTreeMap<String, u64> = newest_first(ctx, account, node)?
            .into_iter()
            .map(|(id, item)| (id, item.order))
            .collect();
        for (id, payload) in &items {
            let order = kept.values().max().map_or(1, |order| order + 1);
            kept.insert(id.clone(), order);
            let item = Item {
                order,
                at_ms: ctx.now_ms,
                payload: payload.clone(),
            };
            outcome.writes.push(stored::put(
                Collection::PepItem,
                account,
                document(node, id),
                &item,
            ));
        }
        for id in surplus(&kept, config.items_max()) {
            outcome.writes.push(stored::delete(
                Collection::PepItem,
                account,
                document(node, id),
            ));
        }
    }
    for (id, payload) in &items {
        outcome
            .send
            .extend(notify::published(ctx, account, node, config, id, payload)?);
    }
    match (node, items.last()) {
        (ns::AVATAR_METADATA, Some((_, payload))) => {
            Ok(outcome.and(avatar::announced(ctx, account, config.access, payload)?))
        }
        _ => Ok(outcome),
    }
}

/// The oldest items beyond the limit.
fn surplus(kept: &BTreeMap<String, u64>, max: usize) -> impl Iterator<Item = &String> {
    let mut by_age: Vec<_> = kept.iter().collect();
    by_age.sort_by_key(|(_, order)| **order);
    let count = by_age.len().saturating_sub(max);
    by_age.into_iter().take(count).map(|(id, _)| id)
}

/// Publish options are conditions on the node (XEP-0060 7.1.5).
fn precondition(known: &Config, options: &Form) -> Result<Config, Refusal> {
    match known.with(options, true) {
        Ok(wanted) if wanted == *known => Ok(wanted),
        _ => Err(not_met()),
    }
}

fn not_met() -> Refusal {
    Refusal::with(Condition::Conflict, Detail::PubSub("precondition-not-met"))
}
