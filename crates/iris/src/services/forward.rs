//! Stanzas inside stanzas: forwarding (XEP-0297 1.0) and the delay stamp (XEP-0203 2.0).

use bytes::Bytes;
use jid::{BareJid, FullJid};

use super::{datetime, ns};
use crate::archive::Direction;
use crate::xml::Xml;

/// `<forwarded/>` around a carried stanza, which gets the client namespace that its parent is not in.
pub(crate) fn forwarded(carried: &[u8], at_ms: Option<i64>) -> Xml {
    Xml::in_namespace("forwarded", ns::FORWARD)
        .children(at_ms.map(delay))
        .raw(&with_namespace(carried))
}

/// When a stanza was first received.
pub(crate) fn delay(at_ms: i64) -> Xml {
    Xml::in_namespace("delay", ns::DELAY).attr("stamp", &datetime::format(at_ms))
}

/// A carbon copy of a message (XEP-0280 1.0.1) for one device of `owner`.
pub(crate) fn carbon(
    owner: &BareJid,
    to: &FullJid,
    direction: Direction,
    message: &[u8],
    type_: &str,
) -> Bytes {
    let name = match direction {
        Direction::Sent => "sent",
        Direction::Received => "received",
    };
    Xml::new("message")
        .attr("from", owner.as_str())
        .attr("to", to.as_str())
        .attr("type", type_)
        .child(Xml::in_namespace(name, ns::CARBONS).child(forwarded(message, None)))
        .finish()
        .into()
}

fn with_namespace(carried: &[u8]) -> String {
    let text = String::from_utf8_lossy(carried);
    let name_end = text
        .find(|c: char| c.is_ascii_whitespace() || c == '>' || c == '/')
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(name_end);
    format!("{name} xmlns='{}'{rest}", ns::CLIENT)
}
