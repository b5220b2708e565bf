//! Nodes: creating, configuring, emptying, ending (XEP-0060 8).

use jid::Jid;
use minidom::Element;

use super::node::Config;
use super::{config, document, node_of, notify};
use crate::documents::Collection;
use crate::outcome::{Context, Outcome};
use crate::services::forms::Form;
use crate::services::refusal::Refusal;
use crate::services::request::{Owner, Request};
use crate::services::{ns, stored};
use crate::stanza::Condition;
use crate::xml::Xml;

/// How many readers a whitelist may name.
const MEMBERS_MAX: usize = 256;

/// Creates a node, with a configuration if one is given.
pub(crate) fn create(
    ctx: &Context<'_>,
    owner: &Owner,
    request: &Request<'_>,
    action: &Element,
) -> Result<Outcome, Refusal> {
    let node = node_of(action)?;
    if config(ctx, &owner.account, node)?.is_some() {
        return Err(Condition::Conflict.into());
    }
    let form = request
        .payload
        .get_child("configure", ns::PUBSUB)
        .and_then(Form::child_of)
        .unwrap_or_default();
    let config = Config::of(node).with(&form, false)?;
    let mut outcome = request.done(ctx);
    outcome.writes.push(stored::put(
        Collection::PepNode,
        &owner.account,
        node,
        &config,
    ));
    Ok(outcome)
}

/// The owner is subscribed by announcing interest, so there is nothing to change.
pub(crate) fn subscribe(
    ctx: &Context<'_>,
    owner: &Owner,
    request: &Request<'_>,
    action: &Element,
) -> Outcome {
    let is_subscribed = action.name() == "subscribe";
    let subscription = Xml::new("subscription")
        .maybe("node", action.attr("node"))
        .attr("jid", owner.account.as_str())
        .attr(
            "subscription",
            if is_subscribed { "subscribed" } else { "none" },
        );
    request.result(
        ctx,
        Xml::in_namespace("pubsub", ns::PUBSUB).child(subscription),
    )
}

/// The form that shows a node's configuration.
pub(crate) fn configuration(
    ctx: &Context<'_>,
    owner: &Owner,
    request: &Request<'_>,
    action: &Element,
) -> Result<Outcome, Refusal> {
    let node = node_of(action)?;
    let config = config(ctx, &owner.account, node)?.ok_or(Condition::ItemNotFound)?;
    let configure = Xml::new("configure")
        .attr("node", node)
        .child(config.form("form"));
    Ok(request.result(
        ctx,
        Xml::in_namespace("pubsub", ns::PUBSUB_OWNER).child(configure),
    ))
}

/// The configuration of a node that is named like no protocol's.
pub(crate) fn defaults(ctx: &Context<'_>, request: &Request<'_>) -> Outcome {
    let default = Xml::new("default").child(Config::of("").form("form"));
    let ns = request.payload.ns();
    request.result(ctx, Xml::in_namespace("pubsub", &ns).child(default))
}

/// Changes a node's configuration. Items beyond a smaller limit go.
pub(crate) fn configure(
    ctx: &Context<'_>,
    owner: &Owner,
    request: &Request<'_>,
    action: &Element,
) -> Result<Outcome, Refusal> {
    let node = node_of(action)?;
    let known = config(ctx, &owner.account, node)?.ok_or(Condition::ItemNotFound)?;
    let form = action
        .get_child("x", ns::DATA_FORMS)
        .ok_or(Condition::BadRequest)?;
    let mut outcome = request.done(ctx);
    if form.attr("type") == Some("cancel") {
        return Ok(outcome);
    }
    let changed = known.with(&Form::read(form), false)?;
    outcome.writes.push(stored::put(
        Collection::PepNode,
        &owner.account,
        node,
        &changed,
    ));
    let items = super::newest_first(ctx, &owner.account, node)?;
    for (id, _) in items.iter().skip(changed.items_max()) {
        outcome.writes.push(stored::delete(
            Collection::PepItem,
            &owner.account,
            document(node, id),
        ));
    }
    Ok(outcome)
}

/// Ends a node with its items.
pub(crate) fn delete(
    ctx: &Context<'_>,
    owner: &Owner,
    request: &Request<'_>,
    action: &Element,
) -> Result<Outcome, Refusal> {
    let node = node_of(action)?;
    let config = config(ctx, &owner.account, node)?.ok_or(Condition::ItemNotFound)?;
    let mut outcome = request.done(ctx).and(without_items(ctx, owner, node)?);
    outcome
        .writes
        .push(stored::delete(Collection::PepNode, &owner.account, node));
    if config.notify_delete {
        outcome.send.extend(notify::emptied(
            ctx,
            &owner.account,
            node,
            &config,
            "delete",
        )?);
    }
    Ok(outcome)
}

/// Takes every item back.
pub(crate) fn purge(
    ctx: &Context<'_>,
    owner: &Owner,
    request: &Request<'_>,
    action: &Element,
) -> Result<Outcome, Refusal> {
    let node = node_of(action)?;
    let config = config(ctx, &owner.account, node)?.ok_or(Condition::ItemNotFound)?;
    let mut outcome = request.done(ctx).and(without_items(ctx, owner, node)?);
    if config.notify_retract {
        outcome.send.extend(notify::emptied(
            ctx,
            &owner.account,
            node,
            &config,
            "purge",
        )?);
    }
    Ok(outcome)
}

/// Who may read a node with a whitelist (XEP-0060 8.9).
pub(crate) fn affiliations(
    ctx: &Context<'_>,
    owner: &Owner,
    request: &Request<'_>,
    action: &Element,
) -> Result<Outcome, Refusal> {
    let node = node_of(action)?;
    let mut config = config(ctx, &owner.account, node)?.ok_or(Condition::ItemNotFound)?;
    if !request.is_set {
        let one = |jid: &str, affiliation| {
            Xml::new("affiliation")
                .attr("jid", jid)
                .attr("affiliation", affiliation)
        };
        let listed = Xml::new("affiliations")
            .attr("node", node)
            .child(one(owner.account.as_str(), "owner"))
            .children(config.members.iter().map(|member| one(member, "member")));
        return Ok(request.result(
            ctx,
            Xml::in_namespace("pubsub", ns::PUBSUB_OWNER).child(listed),
        ));
    }
    for change in action.children() {
        let jid = Jid::new(change.attr("jid").ok_or(Condition::BadRequest)?)
            .map_err(|_| Condition::JidMalformed)?;
        let member = jid.into_bare().to_string();
        config.members.retain(|known| *known != member);
        match change.attr("affiliation") {
            Some("member") => config.members.push(member),
            Some("none" | "outcast") => {}
            _ => return Err(Condition::NotAcceptable.into()),
        }
    }
    if config.members.len() > MEMBERS_MAX {
        return Err(Condition::ResourceConstraint.into());
    }
    let mut outcome = request.done(ctx);
    outcome.writes.push(stored::put(
        Collection::PepNode,
        &owner.account,
        node,
        &config,
    ));
    Ok(outcome)
}

fn without_items(ctx: &Context<'_>, owner: &Owner, node: &str) -> Result<Outcome, Refusal> {
    let names = stored::names(
        ctx,
        Collection::PepItem,
        &owner.account,
        &document(node, ""),
    )?;
    let writes = names
        .into_iter()
        .map(|name| stored::delete(Collection::PepItem, &owner.account, name))
        .collect();
    Ok(Outcome {
        writes,
        ..Outcome::nothing()
    })
}
