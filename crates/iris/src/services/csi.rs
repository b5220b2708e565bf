//! Client state indication (XEP-0352 1.0): what waits while nobody looks at the device. A pure filter; the
//! session keeps what waits, at most the newest presence of each sender, and sends it all before the next thing
//! that cannot wait or when somebody looks again.

use crate::stanza::{Kind, Stanza};

use super::content::{Content, MessageType};
use super::ns;

/// What becomes of a stanza for an inactive device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum While {
    /// It goes out at once, after everything that waits.
    Urgent,
    /// It waits; a later presence of the same sender replaces it.
    Replaceable,
    /// It waits.
    Waits,
    /// It is not worth keeping.
    Dropped,
}

/// Decides about a stanza to a device that nobody looks at.
pub fn while_inactive(stanza: &Stanza) -> While {
    match stanza.kind {
        Kind::Iq => While::Urgent,
        Kind::Presence => match stanza.type_.as_deref() {
            // Who is in a room must be told in order, with everybody else's coming and going.
            None | Some("unavailable") if stanza.child("x", Some(ns::MUC_USER)).is_some() => {
                While::Waits
            }
            None | Some("unavailable") => While::Replaceable,
            _ => While::Urgent,
        },
        Kind::Message => message(stanza),
    }
}

fn message(stanza: &Stanza) -> While {
    let content = Content::of(stanza);
    if content.is_important {
        return While::Urgent;
    }
    if stanza.child("event", Some(ns::PUBSUB_EVENT)).is_some() {
        return While::Waits;
    }
    let is_carbon = stanza
        .children()
        .any(|child| child.namespace.as_deref() == Some(ns::CARBONS));
    let is_kept = content.is_stored || is_carbon || stanza.child("result", Some(ns::MAM)).is_some();
    match content.type_ {
        MessageType::Groupchat | MessageType::Headline | MessageType::Error => While::Waits,
        MessageType::Chat | MessageType::Normal if is_kept => While::Urgent,
        // Somebody is typing, to nobody.
        MessageType::Chat if is_chat_state(stanza) => While::Dropped,
        MessageType::Chat | MessageType::Normal => While::Waits,
    }
}

fn is_chat_state(stanza: &Stanza) -> bool {
    stanza.children().all(|child| {
        matches!(
            child.namespace.as_deref(),
            Some(ns::CHAT_STATES | ns::HINTS)
        ) || child.is("thread", None)
    })
}
