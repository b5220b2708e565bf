//! The elements that rooms write (XEP-0045, XEP-0421).

use bytes::Bytes;
use jid::{FullJid, Jid, ResourcePart};

use super::room::{Occupant, Room};
use super::standing::{Affiliation, Role};
use crate::outcome::{Send, Target};
use crate::stanza::{NoStanza, Stanza};

/// Text as it stands in an element or a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    crate::xml::escape_attribute(text, &mut out);
    out
}

/// The children of a stanza whose name and namespace fit, byte for byte, without those that need a prefix
/// which the stanza element declares: they would not stand alone.
pub(super) fn children_where(stanza: &Stanza, fits: impl Fn(&str, &str) -> bool) -> Vec<u8> {
    stanza
        .children()
        .filter(|child| {
            let prefix = child.tag.prefix;
            let stands_alone = prefix.is_none_or(|prefix| {
                let mut attributes = child.tag.attributes.iter();
                attributes.any(|attribute| attribute.declares() == Some(prefix))
            });
            stands_alone
                && fits(
                    child.tag.local,
                    child.namespace.as_deref().unwrap_or_default(),
                )
        })
        .flat_map(|child| child.bytes.iter().copied())
        .collect()
}

/// The same stanza between other addresses.
pub(super) fn readdressed(stanza: &Stanza, from: &Jid, to: &Jid) -> Result<Bytes, NoStanza> {
    let from_occupant = Stanza::parse(&stanza.bytes, from)?;
    crate::stanza::with_to(&from_occupant.bytes, to)
}

/// The namespace of entering.
pub(super) const NS_MUC: &str = "http://jabber.org/protocol/muc";
/// The namespace of what the room tells occupants.
pub(super) const NS_USER: &str = "http://jabber.org/protocol/muc#user";
/// The namespace of moderators' requests.
pub(super) const NS_ADMIN: &str = "http://jabber.org/protocol/muc#admin";
/// The namespace of owners' requests.
pub(super) const NS_OWNER: &str = "http://jabber.org/protocol/muc#owner";
/// The namespace of occupant ids.
pub(super) const NS_OCCUPANT_ID: &str = "urn:xmpp:occupant-id:0";
/// The namespace of stable ids.
pub(super) const NS_STANZA_ID: &str = "urn:xmpp:sid:0";

/// Status codes (XEP-0045 15.6.2).
pub(super) mod status {
    /// Addresses are seen by everybody.
    pub(in crate::muc) const NON_ANONYMOUS: u16 = 100;
    /// The settings changed.
    pub(in crate::muc) const CONFIG_CHANGED: u16 = 104;
    /// This is you.
    pub(in crate::muc) const SELF: u16 = 110;
    /// Messages are kept.
    pub(in crate::muc) const ARCHIVED: u16 = 170;
    /// Messages are no longer kept.
    pub(in crate::muc) const NOT_ARCHIVED: u16 = 171;
    /// Addresses are seen by everybody from now on.
    pub(in crate::muc) const NOW_NON_ANONYMOUS: u16 = 172;
    /// Addresses are seen by moderators only from now on.
    pub(in crate::muc) const NOW_SEMI_ANONYMOUS: u16 = 173;
    /// You made the room.
    pub(in crate::muc) const CREATED: u16 = 201;
    /// You were banned.
    pub(in crate::muc) const BANNED: u16 = 301;
    /// The nickname changed.
    pub(in crate::muc) const NICK_CHANGED: u16 = 303;
    /// You were kicked.
    pub(in crate::muc) const KICKED: u16 = 307;
    /// You lost the standing that entering needs.
    pub(in crate::muc) const AFFILIATION_LOST: u16 = 321;
    /// The room became members-only.
    pub(in crate::muc) const MEMBERS_ONLY: u16 = 322;
    /// The service had a technical problem.
    pub(in crate::muc) const TECHNICAL_PROBLEM: u16 = 333;
}

/// Why somebody's standing changed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Because<'a> {
    /// Nickname of who did it.
    pub by: Option<&'a str>,
    /// What they said.
    pub reason: Option<&'a str>,
}

/// A presence of an occupant as one viewer gets it.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    /// Status codes.
    pub codes: Vec<u16>,
    /// The nickname after a change.
    pub new_nick: Option<&'a ResourcePart>,
    /// Whether the occupant is gone.
    pub is_gone: bool,
    /// Why.
    pub because: Because<'a>,
    /// Children of the occupant's own presence, as written.
    pub children: &'a [u8],
    /// Affiliation to show.
    pub affiliation: Affiliation,
    /// Role to show.
    pub role: Role,
}

/// The presence of `nick` for the device `viewer`, who has `viewer_role`.
pub(super) fn presence(
    room: &Room,
    nick: &ResourcePart,
    occupant: &Occupant,
    shown: &Shown<'_>,
    (viewer, viewer_role): (&FullJid, Role),
) -> Send {
    let is_own = occupant.account == viewer.to_bare();
    let mut item = format!(
        "<item affiliation='{}' role='{}'",
        shown.affiliation.name(),
        shown.role.name()
    );
    if let Some((device, _)) = occupant.devices.last()
        && (is_own || room.sees_addresses(viewer_role))
    {
        item.push_str(&format!(" jid='{}'", escape(device.as_str())));
    }
    if let Some(new_nick) = shown.new_nick {
        item.push_str(&format!(" nick='{}'", escape(new_nick.as_str())));
    }
    item.push('>');
    if let Some(by) = shown.because.by {
        item.push_str(&format!("<actor nick='{}'/>", escape(by)));
    }
    if let Some(reason) = shown.because.reason {
        item.push_str(&format!("<reason>{}</reason>", escape(reason)));
    }
    item.push_str("</item>");
    let type_ = if shown.is_gone {
        " type='unavailable'"
    } else {
        ""
    };
    let mut text = format!(
        "<presence from='{}' to='{}'{type_}>",
        escape(room.occupant_jid(nick).as_str()),
        escape(viewer.as_str())
    )
    .into_bytes();
    text.extend_from_slice(shown.children);
    text.extend_from_slice(occupant_id(room, occupant).as_bytes());
    text.extend_from_slice(format!("<x xmlns='{NS_USER}'>{item}").as_bytes());
    for code in &shown.codes {
        text.extend_from_slice(format!("<status code='{code}'/>").as_bytes());
    }
    text.extend_from_slice(b"</x></presence>");
    to_device(viewer, text)
}

/// The occupant id of somebody in the room.
pub(super) fn occupant_id(room: &Room, occupant: &Occupant) -> String {
    format!(
        "<occupant-id xmlns='{NS_OCCUPANT_ID}' id='{}'/>",
        room.charter.occupant_id(&occupant.account)
    )
}

/// A message of the room itself with status codes, to one device.
pub(super) fn notice(room: &Room, viewer: &FullJid, codes: &[u16]) -> Send {
    let codes: String = codes
        .iter()
        .map(|code| format!("<status code='{code}'/>"))
        .collect();
    let text = format!(
        "<message type='groupchat' from='{}' to='{}'><x xmlns='{NS_USER}'>{codes}</x></message>",
        escape(room.jid.as_str()),
        escape(viewer.as_str())
    );
    to_device(viewer, text)
}

/// A stanza to one device, wherever it is.
pub(super) fn to_device(device: &FullJid, stanza: impl Into<Bytes>) -> Send {
    Send {
        to: Target::Route(Jid::from(device.clone())),
        stanza: stanza.into(),
    }
}
