//! Entity capabilities (XEP-0115 1.6), as far as eventing asks for them: when a device announces capabilities
//! that differ from those it had, the server asks what they mean and keeps the nodes that it wants events of.
//! The answer stands for the asking session alone, so nobody can speak for another's software.

use bytes::Bytes;
use jid::{BareJid, FullJid, Jid};

use super::refusal::Refusal;
use super::{ns, pep};
use crate::outcome::{Context, Outcome, Send, SessionChange, Target};
use crate::stanza::Stanza;
use crate::xml::{Children, Xml};

/// The id of every question, by which the answer is known.
const ID: &str = "caps";
/// The most nodes that one device may want events of.
const NODES_MAX: usize = 256;

/// The question to a device whose presence shows other capabilities than `before`.
pub(crate) fn ask(
    ctx: &Context<'_>,
    session: &FullJid,
    presence: &Stanza,
    before: Option<&Bytes>,
) -> Option<Send> {
    let node = node(&presence.bytes)?;
    if before
        .and_then(|bytes| self::node(bytes))
        .is_some_and(|known| known == node)
    {
        return None;
    }
    Some(question(
        &node,
        ctx.host.domain.as_str(),
        Target::Resource(session.clone()),
        session,
    ))
}

/// The question, in the account's name, to a contact's device on another server.
pub(crate) fn ask_far(account: &BareJid, device: &FullJid, node: &str) -> Send {
    let to = Target::Route(device.clone().into());
    question(node, account.as_str(), to, device)
}

fn question(node: &str, from: &str, target: Target, to: &FullJid) -> Send {
    let query = Xml::in_namespace("query", ns::DISCO_INFO).attr("node", node);
    let question = Xml::new("iq")
        .attr("type", "get")
        .attr("id", ID)
        .attr("from", from)
        .attr("to", to.as_str())
        .child(query);
    Send {
        to: target,
        stanza: question.finish().into(),
    }
}

/// Whether a stanza answers [`ask`].
pub(crate) fn is_answer(stanza: &Stanza) -> bool {
    stanza.id.as_deref() == Some(ID) && stanza.type_.as_deref() == Some("result")
}

/// Takes the answer of a session, and sends the newest events of what it wants (XEP-0163 4.3.4).
///
/// # Errors
/// The store cannot answer.
pub(crate) fn learn(ctx: &Context<'_>, stanza: &Stanza) -> Result<Outcome, Refusal> {
    let Ok(session) = stanza.from.try_as_full() else {
        return Ok(Outcome::nothing());
    };
    let wanted = wanted(stanza);
    let send = pep::newest_for(ctx, &Jid::from(session.clone()), &wanted)?;
    Ok(Outcome {
        session: vec![SessionChange::Notify(wanted)],
        send,
        ..Outcome::nothing()
    })
}

/// The nodes that an answer wants events of.
pub(crate) fn wanted(stanza: &Stanza) -> Vec<String> {
    stanza
        .payload()
        .filter(|query| query.is("query", ns::DISCO_INFO))
        .into_iter()
        .flat_map(|query| {
            let features = query
                .children()
                .filter_map(|child| child.attr("var").map(str::to_owned));
            features.collect::<Vec<_>>()
        })
        .filter_map(|feature| feature.strip_suffix("+notify").map(str::to_owned))
        .take(NODES_MAX)
        .collect()
}

/// What a presence is named by its capabilities.
pub(crate) fn node(presence: &[u8]) -> Option<String> {
    let caps = Children::of(presence).find(|child| child.is("c", Some(ns::CAPS)))?;
    Some(format!(
        "{}#{}",
        caps.tag.value("node")?,
        caps.tag.value("ver")?
    ))
}
