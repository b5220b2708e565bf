//! Streams between servers (RFC 6120, XEP-0220): who a peer is, and what it may say.
//!
//! A stream carries stanzas one way: who opens it sends. It is authenticated for pairs of a remote and a local domain,
//! by a certificate (SASL EXTERNAL, XEP-0178) or by dialback, and only stanzas of such a pair pass.

pub mod dialback;
pub mod incoming;
pub mod outgoing;

pub use incoming::{IncomingAction, IncomingConfig, IncomingEvent, IncomingStream};
pub use outgoing::{
    Broken, OutgoingAction, OutgoingConfig, OutgoingEvent, OutgoingStream, Purpose,
};

use crate::framer::STREAMS;
use crate::xml::{Child, escape_attribute};

const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";

/// A stream header; `dialback` is declared so that peers may use its prefix.
fn header(from: Option<&str>, to: Option<&str>, id: Option<&str>) -> String {
    let mut out = format!(
        "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:stream='{STREAMS}' xmlns:db='{}'",
        dialback::DIALBACK
    );
    for (name, value) in [("from", from), ("to", to), ("id", id)] {
        if let Some(value) = value {
            out.push_str(&format!(" {name}='"));
            escape_attribute(value, &mut out);
            out.push('\'');
        }
    }
    out.push_str(" version='1.0' xml:lang='en'>");
    out
}

fn attribute(element: &Child<'_>, name: &str) -> Option<String> {
    element.tag.value(name).map(std::borrow::Cow::into_owned)
}
