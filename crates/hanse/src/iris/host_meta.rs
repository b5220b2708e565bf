//! `/.well-known/host-meta`: where clients that cannot look up DNS find the messenger over HTTP (XEP-0156 1.4).

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Messenger;

/// Path of the WebSocket (RFC 7395).
pub const WEBSOCKET_PATH: &str = "/xmpp";
/// Path of BOSH (XEP-0124).
pub const BOSH_PATH: &str = "/http-bind";

const WEBSOCKET: &str = "urn:xmpp:alt-connections:websocket";
const BOSH: &str = "urn:xmpp:alt-connections:xbosh";

/// Everybody may read it from any page (XEP-0156 section 3).
const ANY_ORIGIN: (header::HeaderName, &str) = (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");

/// The two links with their addresses.
fn links(public_url: &str) -> [(&'static str, String); 2] {
    let socket = match public_url.strip_prefix("http") {
        Some(rest) => format!("ws{rest}{WEBSOCKET_PATH}"),
        None => format!("{public_url}{WEBSOCKET_PATH}"),
    };
    [
        (WEBSOCKET, socket),
        (BOSH, format!("{public_url}{BOSH_PATH}")),
    ]
}

pub(super) async fn xml(State(state): State<Messenger>) -> Response {
    let kind = (header::CONTENT_TYPE, "application/xrd+xml; charset=utf-8");
    ([kind, ANY_ORIGIN], to_xml(&state.host.public_url)).into_response()
}

pub(super) async fn json(State(state): State<Messenger>) -> Response {
    let kind = (header::CONTENT_TYPE, "application/json");
    let links = links(&state.host.public_url).map(|(rel, href)| json!({"rel": rel, "href": href}));
    ([kind, ANY_ORIGIN], json!({ "links": links }).to_string()).into_response()
}

fn to_xml(public_url: &str) -> String {
    let mut text = String::from(
        "<?xml version='1.0' encoding='utf-8'?>\n<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>\n",
    );
    for (rel, href) in links(public_url) {
        text.push_str(&format!("  <Link rel='{rel}' href='"));
        iris::xml::escape_attribute(&href, &mut text);
        text.push_str("'/>\n");
    }
    text.push_str("</XRD>\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secure_node_is_found_by_secure_addresses() {
        let text = to_xml("https://zone.example");
        assert!(text.contains("href='wss://zone.example/xmpp'"), "{text}");
        assert!(
            text.contains("href='https://zone.example/http-bind'"),
            "{text}"
        );
        assert_eq!(
            links("http://127.0.0.1:8080")[0].1,
            "ws://127.0.0.1:8080/xmpp"
        );
    }
}
