//! What a person wants to know of at once: the one place that decides what an inactive device gets (XEP-0352) and what
//! wakes a device that has no connection (XEP-0357).
//!
//! Invariant (guard): `docs/iris/attention.md` says what this does    (`tests/it/attention.rs`)

use super::content::{Content, MessageType};
use super::ns;
use crate::stanza::{Kind, Stanza};
use crate::xml::{Child, Children};

/// What becomes of a stanza for an inactive device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum While {
    /// It goes out at once, after everything that waits.
    Urgent,
    /// It waits; a later one of the same sender replaces it.
    Replaceable,
    /// It waits.
    Waits,
    /// It is not worth keeping.
    Dropped,
}

/// Whether a device without a connection is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Push {
    /// It is.
    Wakes,
    /// It sleeps on.
    Sleeps,
}

/// What a stanza is to the person whose device gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matter {
    /// Somebody wrote, in the clear or encrypted: to the person, to a room, or in private in a room.
    Text,
    /// Somebody asks the person into a room, or declines to come.
    Invitation,
    /// It rings (XEP-0353).
    Call,
    /// A call is answered, declined or over.
    CallProgress,
    /// Somebody wants to be a contact.
    ContactRequest,
    /// A contact answers, or is one no longer.
    ContactAnswer,
    /// A notice that expects no answer.
    Notice,
    /// What was written has arrived, was read, or was taken back, in a conversation of two.
    Mark,
    /// What the person wrote did not arrive.
    Failure,
    /// The person wrote it, on another device.
    Own,
    /// A device asks or answers, or reads its archive.
    Question,
    /// A contact comes, goes, or tells how it is.
    Presence,
    /// Somebody enters, leaves or changes in a room.
    RoomPresence,
    /// A contact published something.
    Event,
    /// Somebody is typing.
    Typing,
    /// Anything else, such as the subject of a room.
    Other,
}

impl Matter {
    /// Every one.
    pub const ALL: [Self; 16] = [
        Self::Text,
        Self::Invitation,
        Self::Call,
        Self::CallProgress,
        Self::ContactRequest,
        Self::ContactAnswer,
        Self::Notice,
        Self::Mark,
        Self::Failure,
        Self::Own,
        Self::Question,
        Self::Presence,
        Self::RoomPresence,
        Self::Event,
        Self::Typing,
        Self::Other,
    ];

    /// What a stanza is.
    pub fn of(stanza: &Stanza) -> Self {
        match stanza.kind {
            Kind::Iq => Self::Question,
            Kind::Presence => of_presence(stanza),
            Kind::Message => of_message(stanza),
        }
    }

    /// What an inactive device gets of it, and whether it wakes one that has no connection.
    pub fn decided(self) -> (While, Push) {
        match self {
            Self::Text | Self::Invitation | Self::Call | Self::ContactRequest => {
                (While::Urgent, Push::Wakes)
            }
            Self::CallProgress
            | Self::ContactAnswer
            | Self::Notice
            | Self::Mark
            | Self::Failure
            | Self::Own
            | Self::Question => (While::Urgent, Push::Sleeps),
            Self::Presence => (While::Replaceable, Push::Sleeps),
            // Who is in a room must be told in order, with everybody else's coming and going.
            Self::RoomPresence | Self::Event | Self::Other => (While::Waits, Push::Sleeps),
            Self::Typing => (While::Dropped, Push::Sleeps),
        }
    }

    /// Whether it wakes a device that has no connection.
    pub fn wakes(self) -> bool {
        self.decided().1 == Push::Wakes
    }
}

fn of_presence(stanza: &Stanza) -> Matter {
    match stanza.type_.as_deref() {
        Some("subscribe") => Matter::ContactRequest,
        None | Some("unavailable") if stanza.child("x", Some(ns::MUC_USER)).is_some() => {
            Matter::RoomPresence
        }
        None | Some("unavailable") => Matter::Presence,
        Some("subscribed" | "unsubscribe" | "unsubscribed") => Matter::ContactAnswer,
        // A room, for one, that cannot be entered.
        Some(_) => Matter::Failure,
    }
}

fn of_message(stanza: &Stanza) -> Matter {
    if let Some(copy) = stanza.children().find(|child| is_copy(child)) {
        return of_copy(&copy);
    }
    let content = Content::of(stanza);
    match content.type_ {
        MessageType::Error => Matter::Failure,
        MessageType::Headline if content.has_text => Matter::Notice,
        _ if content.is_invitation => Matter::Invitation,
        _ if content.has_text => Matter::Text,
        _ => without_text(stanza, &content),
    }
}

fn is_copy(child: &Child<'_>) -> bool {
    child.is("sent", Some(ns::CARBONS)) || child.is("received", Some(ns::CARBONS))
}

/// A copy of what came to another device is what it is a copy of.
fn of_copy(copy: &Child<'_>) -> Matter {
    if copy.tag.local == "sent" {
        return Matter::Own;
    }
    let forwarded = Children::of(copy.bytes).next();
    let inner = forwarded.and_then(|forwarded| Children::of(forwarded.bytes).next());
    let inner = inner.and_then(|inner| Stanza::from_peer(inner.bytes).ok());
    inner.map_or(Matter::Other, |inner| Matter::of(&inner))
}

fn without_text(stanza: &Stanza, content: &Content) -> Matter {
    let children = || stanza.children();
    if let Some(call) = children().find(|child| child.namespace.as_deref() == Some(ns::CALL)) {
        return match call.tag.local {
            "propose" => Matter::Call,
            _ => Matter::CallProgress,
        };
    }
    if children().any(|child| child.is("result", Some(ns::MAM))) {
        return Matter::Question;
    }
    if children().any(|child| child.is("event", Some(ns::PUBSUB_EVENT))) {
        return Matter::Event;
    }
    let is_conversation = matches!(content.type_, MessageType::Chat | MessageType::Normal);
    if content.is_stored && is_conversation {
        return Matter::Mark;
    }
    let is_typing = |child: Child<'_>| {
        matches!(
            child.namespace.as_deref(),
            Some(ns::CHAT_STATES | ns::HINTS)
        ) || child.is("thread", None)
    };
    if children().next().is_some() && children().all(is_typing) {
        return Matter::Typing;
    }
    Matter::Other
}
