//! An IQ that asks (RFC 6120 8.2.3), who asks, and the answer.

use jid::{BareJid, FullJid, Jid};
use minidom::Element;

use super::ns;
use super::refusal::Refusal;
use crate::authorize::{Action, Permit, Principal};
use crate::host::Host;
use crate::outcome::{Context, Outcome, Send, Target};
use crate::stanza::{Condition, Kind, Stanza, error_reply_with, iq_result};
use crate::xml::Xml;

/// Longest question that is returned with an error.
const RETURNED_BYTES_MAX: usize = 1_024;

/// A request with its one payload parsed.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// As it came.
    pub(crate) stanza: &'a Stanza,
    /// `type='set'`.
    pub(crate) is_set: bool,
    /// The one child.
    pub(crate) payload: Element,
}

impl<'a> Request<'a> {
    /// Reads a request.
    ///
    /// # Errors
    /// `bad-request` when the type is neither `get` nor `set`, or there is not exactly one child.
    pub(crate) fn read(stanza: &'a Stanza) -> Result<Self, Refusal> {
        let is_set = match stanza.type_.as_deref() {
            Some("set") => true,
            Some("get") => false,
            _ => return Err(Condition::BadRequest.into()),
        };
        if stanza.children().count() != 1 {
            return Err(Condition::BadRequest.into());
        }
        Ok(Self {
            stanza,
            is_set,
            payload: stanza.payload().ok_or(Condition::BadRequest)?,
        })
    }

    /// Whether it gets `name` of namespace `ns`.
    pub(crate) fn gets(&self, name: &str, ns: &str) -> bool {
        !self.is_set && self.payload.is(name, ns)
    }

    /// Whether it sets `name` of namespace `ns`.
    pub(crate) fn sets(&self, name: &str, ns: &str) -> bool {
        self.is_set && self.payload.is(name, ns)
    }

    /// The answer without a payload.
    pub(crate) fn done(&self, ctx: &Context<'_>) -> Outcome {
        let to = target(ctx.host, &self.stanza.from);
        Outcome::reply(to, iq_result(self.stanza, ""))
    }

    /// The answer.
    pub(crate) fn result(&self, ctx: &Context<'_>, payload: Xml) -> Outcome {
        let to = target(ctx.host, &self.stanza.from);
        Outcome::reply(to, iq_result(self.stanza, &payload.finish()))
    }
}

/// A session that acts on its own account. Only a permit to manage the account makes one.
#[derive(Clone, Debug)]
pub(crate) struct Owner {
    /// The account.
    pub(crate) account: BareJid,
    /// The session.
    pub(crate) session: FullJid,
}

impl Owner {
    /// What the permit says.
    ///
    /// # Errors
    /// `service-unavailable` for every other permit, as if nothing here knew the request.
    pub(crate) fn of(permit: &Permit) -> Result<Self, Refusal> {
        match (permit.action(), permit.principal()) {
            (Action::ManageAccount, Principal::Session(session))
                if session.to_bare() == *permit.resource() =>
            {
                Ok(Self {
                    account: permit.resource().clone(),
                    session: session.clone(),
                })
            }
            _ => Err(Condition::ServiceUnavailable.into()),
        }
    }
}

/// The error that answers a stanza, or nothing when it is an answer itself.
///
/// Who asked for items of a node gets the question back with the error (RFC 6120 8.3.1): profanity 0.13 publishes its
/// first device list (XEP-0384) only when the error names the node.
pub(crate) fn refuse(host: &Host, stanza: &Stanza, refusal: &Refusal) -> Outcome {
    let mut error = refusal.element();
    if stanza.kind == Kind::Iq && stanza.type_.as_deref() == Some("get") {
        let asked = stanza.payload().filter(|it| it.is("pubsub", ns::PUBSUB));
        let asked = asked
            .map(|payload| String::from(&payload))
            .unwrap_or_default();
        if asked.len() <= RETURNED_BYTES_MAX {
            error.insert_str(0, &asked);
        }
    }
    match error_reply_with(stanza, &error) {
        Some(error) => Outcome::reply(target(host, &stanza.from), error),
        None => Outcome::nothing(),
    }
}

/// Where a stanza to exactly this address goes.
pub(crate) fn target(host: &Host, to: &Jid) -> Target {
    match to.try_as_full() {
        Ok(full) if full.domain() == host.domain.as_ref() => Target::Resource(full.clone()),
        _ => Target::Route(to.clone()),
    }
}

/// A stanza on its way to exactly this address.
pub(crate) fn send(host: &Host, to: &Jid, stanza: Xml) -> Send {
    Send {
        to: target(host, to),
        stanza: stanza.finish().into(),
    }
}
