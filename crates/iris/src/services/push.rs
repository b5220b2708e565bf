//! Push notifications (XEP-0357 0.4.1): a device that cannot keep a connection is woken by its own app server.
//! Only the number of messages leaves the node, never a sender or a text.

use data_encoding::HEXLOWER;
use jid::{BareJid, FullJid, Jid};
use serde::{Deserialize, Serialize};

use super::forms::{Form, field};
use super::ns;
use super::refusal::Refusal;
use super::request::{Owner, Request};
use super::stored;
use crate::documents::Collection;
use crate::outcome::{Context, Outcome, Send, Target};
use crate::stanza::Condition;
use crate::xml::Xml;

/// How many registrations an account may have.
const REGISTRATIONS_MAX: usize = 32;

/// A device that asked to be woken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Registration {
    /// The resource that registered: while it is connected it needs no push.
    resource: String,
    service: String,
    node: String,
    /// What the app server wants to see in publish options, such as its secret.
    options: Vec<(String, Vec<String>)>,
}

/// Registers or takes back.
///
/// # Errors
/// The request is malformed, or there are too many registrations.
pub(crate) fn handle(
    ctx: &Context<'_>,
    owner: &Owner,
    request: &Request<'_>,
) -> Result<Outcome, Refusal> {
    let service = request.payload.attr("jid").ok_or(Condition::BadRequest)?;
    let service = Jid::new(service).map_err(|_| Condition::JidMalformed)?;
    let node = request.payload.attr("node");
    let mut outcome = request.done(ctx);
    if request.payload.name() == "disable" {
        let prefix = format!("{service}\n");
        for name in stored::names(ctx, Collection::Push, &owner.account, &prefix)? {
            if node.is_none_or(|node| name[prefix.len()..] == *node) {
                outcome
                    .writes
                    .push(stored::delete(Collection::Push, &owner.account, name));
            }
        }
        return Ok(outcome);
    }
    let node = node
        .filter(|node| !node.is_empty() && !node.contains('\n'))
        .ok_or(Condition::BadRequest)?;
    let count = stored::names(ctx, Collection::Push, &owner.account, "")?.len();
    if count >= REGISTRATIONS_MAX {
        return Err(Condition::ResourceConstraint.into());
    }
    let options = Form::child_of(&request.payload)
        .map(Form::into_fields)
        .unwrap_or_default();
    let registration = Registration {
        resource: owner.session.resource().to_string(),
        service: service.to_string(),
        node: node.to_owned(),
        options,
    };
    let name = format!("{service}\n{node}");
    outcome.writes.push(stored::put(
        Collection::Push,
        &owner.account,
        name,
        &registration,
    ));
    Ok(outcome)
}

/// What wakes the devices of `owner` that are not connected, when `count` messages wait for them.
///
/// # Errors
/// The store cannot answer.
pub(crate) fn wake(ctx: &Context<'_>, owner: &BareJid, count: usize) -> Result<Vec<Send>, Refusal> {
    let live = ctx.live.resources(owner);
    let is_there = |resource: &str| {
        live.iter()
            .any(|known| known.jid.resource().as_str() == resource)
    };
    wake_where(ctx, owner, count, |resource| !is_there(resource))
}

/// What wakes a device whose session lost its connection and waits to be resumed (XEP-0198), when `count` messages wait
/// for it: called when the connection is lost with messages unacknowledged, and for each one that comes after.
pub fn wake_detached(ctx: &Context<'_>, session: &FullJid, count: usize) -> Outcome {
    let is_its_own = |resource: &str| session.resource().as_str() == resource;
    let woken = wake_where(ctx, &session.to_bare(), count, is_its_own);
    Outcome {
        // Who cannot be woken now reads the messages later.
        send: woken.unwrap_or_default(),
        ..Outcome::nothing()
    }
}

fn wake_where(
    ctx: &Context<'_>,
    owner: &BareJid,
    count: usize,
    is_away: impl Fn(&str) -> bool,
) -> Result<Vec<Send>, Refusal> {
    let registrations = stored::read_all::<Registration>(ctx, Collection::Push, owner, "")?;
    let sends = registrations
        .into_iter()
        .map(|(_, registration)| registration)
        .filter(|registration| is_away(&registration.resource))
        .enumerate()
        .filter_map(|(index, registration)| {
            let service = Jid::new(&registration.service).ok()?;
            let id = format!("push-{}-{index}", HEXLOWER.encode(&ctx.random[..12]));
            Some(Send {
                to: Target::Route(service),
                stanza: notification(owner, &registration, &id, count)
                    .finish()
                    .into(),
            })
        })
        .collect();
    Ok(sends)
}

fn notification(owner: &BareJid, registration: &Registration, id: &str, count: usize) -> Xml {
    let summary = super::forms::submit("form", ns::PUSH_SUMMARY)
        .child(field("message-count", &[count.to_string()]));
    let item = Xml::new("item").child(Xml::in_namespace("notification", ns::PUSH).child(summary));
    let publish = Xml::new("publish")
        .attr("node", &registration.node)
        .child(item);
    let options = (!registration.options.is_empty()).then(|| {
        let fields = registration
            .options
            .iter()
            .filter(|(var, _)| var != "FORM_TYPE")
            .map(|(var, values)| field(var, values));
        let form = super::forms::submit("submit", ns::PUBSUB_PUBLISH_OPTIONS).children(fields);
        Xml::new("publish-options").child(form)
    });
    Xml::new("iq")
        .attr("type", "set")
        .attr("id", id)
        .attr("from", owner.as_str())
        .attr("to", &registration.service)
        .child(
            Xml::in_namespace("pubsub", ns::PUBSUB)
                .child(publish)
                .children(options),
        )
}
