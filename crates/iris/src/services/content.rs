//! What a message carries, as far as routing, archives and carbons ask.
//! XEP-0334 (hints), XEP-0313 5.1.3 (what is archived), XEP-0280 6.1 (what is copied).

use super::ns;
use crate::stanza::Stanza;
use crate::xml::{Child, Children};

/// `type` of a message (RFC 6121 5.2.2); what is unknown counts as normal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MessageType {
    /// Part of a conversation.
    Chat,
    /// Answers a stanza that could not be carried out.
    Error,
    /// In a room.
    Groupchat,
    /// A notice that expects no answer.
    Headline,
    /// A single message.
    Normal,
}

impl MessageType {
    /// Reads the attribute.
    pub fn read(type_: Option<&str>) -> Self {
        match type_ {
            Some("chat") => Self::Chat,
            Some("error") => Self::Error,
            Some("groupchat") => Self::Groupchat,
            Some("headline") => Self::Headline,
            _ => Self::Normal,
        }
    }
}

/// What is in a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Its type.
    pub type_: MessageType,
    /// Belongs into archives.
    pub is_stored: bool,
    /// Devices that were away get it when they return; a notice (`headline`) is for who is there (RFC 6121 8.5.2.2).
    pub is_awaited: bool,
    /// Other devices of sender and recipient get a copy.
    pub is_copied: bool,
    /// `origin-id` (XEP-0359).
    pub origin_id: Option<String>,
    /// Has a body or an encrypted payload.
    pub has_text: bool,
    /// Asks into a room, or declines to come.
    pub is_invitation: bool,
    /// A room says that it is a private message of an occupant (XEP-0045 7.5). The room sends it to each device that is in
    /// it, so the recipient's others get no copy (XEP-0280 6.1).
    pub is_private_of_room: bool,
}

impl Content {
    /// Looks at a message.
    pub fn of(message: &Stanza) -> Self {
        let type_ = MessageType::read(message.type_.as_deref());
        let mut seen = Seen::default();
        for child in message.children() {
            seen.read(&child);
        }
        let is_conversation = matches!(type_, MessageType::Chat | MessageType::Normal);
        let is_lasting = seen.has_text || seen.is_invitation || seen.has_lasting_mark;
        let is_kept = match type_ {
            MessageType::Chat | MessageType::Normal => is_lasting || seen.store,
            MessageType::Headline => seen.has_text,
            // A room has an archive of its own; an error is for the device that sent what it answers (RFC 6121 8.5.3.2.1).
            MessageType::Groupchat | MessageType::Error => false,
        };
        Self {
            type_,
            is_stored: is_kept && !seen.no_store,
            is_awaited: is_conversation,
            is_copied: !seen.no_copy
                && (type_ == MessageType::Chat || (type_ == MessageType::Normal && is_lasting)),
            origin_id: seen.origin_id,
            has_text: seen.has_text,
            is_invitation: is_conversation && seen.is_invitation,
            is_private_of_room: is_conversation && seen.is_private_of_room,
        }
    }
}

#[derive(Default)]
struct Seen {
    has_text: bool,
    is_invitation: bool,
    has_lasting_mark: bool,
    store: bool,
    no_store: bool,
    no_copy: bool,
    origin_id: Option<String>,
    is_private_of_room: bool,
}

impl Seen {
    fn read(&mut self, child: &Child<'_>) {
        let name = child.tag.local;
        match (name, child.namespace.as_deref().unwrap_or(ns::CLIENT)) {
            // OMEMO has had two namespaces; others use the same element name.
            ("body", ns::CLIENT) | ("encrypted", _) | ("openpgp", "urn:xmpp:openpgp:0") => {
                self.has_text = true;
            }
            ("x", ns::MUC_USER) => {
                let mut inner = Children::of(child.bytes).peekable();
                self.is_private_of_room = inner.peek().is_none();
                self.is_invitation |=
                    inner.any(|inner| matches!(inner.tag.local, "invite" | "decline"));
            }
            ("received", ns::RECEIPTS)
            | ("received" | "displayed" | "acknowledged", ns::CHAT_MARKERS)
            | ("reactions", "urn:xmpp:reactions:0") => self.has_lasting_mark = true,
            ("x", ns::CONFERENCE) => self.is_invitation = true,
            // A device may have to be woken before it can ring.
            (_, ns::CALL) => self.has_lasting_mark = true,
            ("retract", space) if space.starts_with("urn:xmpp:message-retract:") => {
                self.has_lasting_mark = true;
            }
            ("store", ns::HINTS) => self.store = true,
            // What waits for a device is kept in the archive, so one hint is as strong as the other.
            ("no-store" | "no-permanent-store", ns::HINTS) => self.no_store = true,
            ("no-copy", ns::HINTS) | ("private", ns::CARBONS) => self.no_copy = true,
            ("origin-id", ns::SID) => {
                self.origin_id = child.tag.value("id").map(std::borrow::Cow::into_owned);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(type_: &str, payload: &str, is_stored: bool, is_copied: bool) {
        let from = jid::Jid::new("a@b/c").unwrap();
        let frame = format!("<message type='{type_}'>{payload}</message>");
        let content = Content::of(&Stanza::parse(frame.as_bytes(), &from).unwrap());
        assert_eq!(
            (content.is_stored, content.is_copied),
            (is_stored, is_copied),
            "{type_} {payload}"
        );
    }

    #[test]
    fn bodies_ciphertexts_receipts_and_hints_decide_what_is_kept_and_copied() {
        let body = "<body>hi</body>";
        let no_store = "<no-store xmlns='urn:xmpp:hints'/>";
        check("chat", body, true, true);
        check("normal", body, true, true);
        check("headline", body, true, false);
        check(
            "headline",
            "<event xmlns='http://jabber.org/protocol/pubsub#event'/>",
            false,
            false,
        );
        check("groupchat", body, false, false);
        check("error", body, false, false);
        check(
            "chat",
            "<encrypted xmlns='eu.siacs.conversations.axolotl'/>",
            true,
            true,
        );
        check("chat", "<encrypted xmlns='urn:xmpp:omemo:2'/>", true, true);
        check(
            "chat",
            "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
            false,
            true,
        );
        check(
            "normal",
            "<composing xmlns='http://jabber.org/protocol/chatstates'/>",
            false,
            false,
        );
        check(
            "normal",
            "<received xmlns='urn:xmpp:receipts' id='1'/>",
            true,
            true,
        );
        check(
            "chat",
            "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>",
            true,
            true,
        );
        check("chat", "<store xmlns='urn:xmpp:hints'/>", true, true);
        check("chat", &format!("{body}{no_store}"), false, true);
        check(
            "chat",
            &format!("{body}<no-permanent-store xmlns='urn:xmpp:hints'/>"),
            false,
            true,
        );
        check(
            "chat",
            &format!("{body}<no-copy xmlns='urn:xmpp:hints'/>"),
            true,
            false,
        );
        check(
            "chat",
            &format!("{body}<private xmlns='urn:xmpp:carbons:2'/>"),
            true,
            false,
        );
        check(
            "normal",
            "<x xmlns='jabber:x:conference' jid='r@c'/>",
            true,
            true,
        );
        check(
            "normal",
            "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='a@b'/></x>",
            true,
            true,
        );
    }
}
