//! What a stream offers at each stage (RFC 6120 4.3.2).

use super::event::Config;
use crate::framer::STREAMS;
use crate::sasl::Offer;
use crate::sm::SM;
use crate::xml::Xml;

/// Namespace of RFC 6120's sign-in.
pub(super) const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
/// Namespace of XEP-0388's sign-in.
pub(super) const SASL2: &str = "urn:xmpp:sasl:2";
/// Namespace of XEP-0386's bind.
pub(super) const BIND2: &str = "urn:xmpp:bind:0";
/// Namespace of RFC 6120's bind.
pub(super) const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
/// Namespace of RFC 3921's session.
pub(super) const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";
/// Namespace of client state indication.
pub(super) const CSI: &str = "urn:xmpp:csi:0";
/// Namespace of carbons.
pub(super) const CARBONS: &str = "urn:xmpp:carbons:2";
const CHANNEL_BINDING: &str = "urn:xmpp:sasl-cb:0";

/// The prefix is declared here, because a WebSocket has no header that could do so.
fn features() -> Xml {
    Xml::new("stream:features").attr("xmlns:stream", STREAMS)
}

/// Before TLS: nothing but TLS.
pub(super) fn clear() -> String {
    let tls = Xml::in_namespace("starttls", "urn:ietf:params:xml:ns:xmpp-tls");
    features().child(tls.child(Xml::new("required"))).finish()
}

/// Inside TLS: sign in, by RFC 6120 or by XEP-0388.
pub(super) fn secured(offer: &Offer) -> String {
    let mechanisms = || {
        offer
            .mechanisms()
            .map(|m| Xml::new("mechanism").text(m.name()))
    };
    let inline = ["urn:xmpp:sm:3", CARBONS, CSI].map(|var| Xml::new("feature").attr("var", var));
    let bind = Xml::in_namespace("bind", BIND2).child(Xml::new("inline").children(inline));
    let inline = Xml::new("inline")
        .child(bind)
        .child(Xml::in_namespace("sm", SM));
    let mut features = features()
        .child(Xml::in_namespace("mechanisms", SASL).children(mechanisms()))
        .child(
            Xml::in_namespace("authentication", SASL2)
                .children(mechanisms())
                .child(inline),
        );
    if offer.exporter.is_some() {
        let exporter = Xml::new("channel-binding").attr("type", "tls-exporter");
        features = features
            .child(Xml::in_namespace("sasl-channel-binding", CHANNEL_BINDING).child(exporter));
    }
    features.finish()
}

/// After sign-in: bind a resource or resume a session.
pub(super) fn signed_in(config: &Config) -> String {
    let session = Xml::in_namespace("session", SESSION).child(Xml::new("optional"));
    features()
        .child(Xml::in_namespace("bind", BIND).child(Xml::new("required")))
        .child(session)
        .children(with_session())
        .raw(&config.features)
        .finish()
}

/// After sign-in and bind in one.
pub(super) fn bound(config: &Config) -> String {
    features()
        .children(with_session())
        .raw(&config.features)
        .finish()
}

fn with_session() -> [Xml; 4] {
    [
        Xml::in_namespace("sm", SM),
        Xml::in_namespace("csi", CSI),
        Xml::in_namespace("ver", "urn:xmpp:features:rosterver"),
        Xml::in_namespace("sub", "urn:xmpp:features:pre-approval"),
    ]
}
