//! `/xmpp`: XMPP over a WebSocket (RFC 7395).

use api::problem::Code;
use std::net::{IpAddr, SocketAddr};

use axum::body::Bytes;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket};
use axum::extract::{ConnectInfo, Extension, State, WebSocketUpgrade};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use iris_server::WebSocket as Upgraded;
use tokio::sync::mpsc;

use super::Messenger;
use platform::declined::Declined;

/// The subprotocol (RFC 7395 section 3.1).
const PROTOCOL: &str = "xmpp";
/// Largest message, in bytes: what a stream takes, and room to say that it is too much.
const MESSAGE_BYTES_MAX: usize = 512 << 10;
/// Messages that wait in each direction.
const MESSAGES_WAITING: usize = 16;

/// Upgrades the connection and serves it until it is over.
pub(super) async fn upgrade(
    State(state): State<Messenger>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let Some(Extension(ConnectInfo(peer))) = peer else {
        return Declined::new(Code::Forbidden, "the connection has no address").into_response();
    };
    if let Err(problem) = state.check_carrier(peer.ip()) {
        return problem.into_response();
    }
    let offered = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let mut offered = offered.flat_map(|value| value.to_str().unwrap_or_default().split(','));
    if !offered.any(|protocol| protocol.trim() == PROTOCOL) {
        let detail = "the subprotocol is `xmpp`";
        return Declined::new(Code::ParameterInvalid, detail)
            .with_error("#header/Sec-WebSocket-Protocol", "one_of", detail)
            .into_response();
    }
    upgrade
        .protocols([PROTOCOL])
        .max_message_size(MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| serve(state, socket, peer.ip()))
}

impl Messenger {
    /// Passwords and messages go over TLS, or do not leave this machine: a proxy in front of the node ends TLS, and the
    /// public address says so.
    pub(super) fn check_carrier(&self, peer: IpAddr) -> Result<(), Declined> {
        if peer.is_loopback() || self.host.public_url.starts_with("https://") {
            return Ok(());
        }
        let detail = "the messenger speaks HTTP behind TLS only: put a proxy in front, and set --public-url to its https address";
        Err(Declined::new(Code::Forbidden, detail))
    }
}

async fn serve(state: Messenger, mut socket: WebSocket, peer: IpAddr) {
    let (to_server, incoming) = mpsc::channel(MESSAGES_WAITING);
    let (outgoing, mut from_server) = mpsc::channel(MESSAGES_WAITING);
    let upgraded = Upgraded {
        incoming,
        outgoing,
        peer,
    };
    let served = {
        let state = state.clone();
        tokio::spawn(async move { state.server.websocket(upgraded).await })
    };
    loop {
        // While the server has no room for a message, none is read from the client; what it gets goes on.
        tokio::select! {
            message = from_server.recv() => match message {
                Some(message) => if !send(&mut socket, message).await { break },
                None => break,
            },
            room = to_server.reserve() => {
                let Ok(room) = room else { break };
                tokio::select! {
                    message = from_server.recv() => match message {
                        Some(message) => if !send(&mut socket, message).await { break },
                        None => break,
                    },
                    received = socket.recv() => match received {
                        Some(Ok(Message::Text(text))) => room.send(Bytes::from(text)),
                        // XMPP has text messages only (RFC 7395 section 3.2).
                        Some(Ok(Message::Binary(_) | Message::Close(_)) | Err(_)) | None => break,
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    },
                }
            },
        }
    }
    drop(to_server);
    // The rest of what the server said, such as its own end of the stream.
    while let Some(message) = from_server.recv().await {
        if !send(&mut socket, message).await {
            break;
        }
    }
    drop(from_server);
    if let Err(error) = served.await {
        tracing::error!(%error, "a WebSocket ended badly");
    }
    // A client that went away needs no close.
    drop(socket.send(Message::Close(None)).await);
}

async fn send(socket: &mut WebSocket, message: Bytes) -> bool {
    match Utf8Bytes::try_from(message) {
        Ok(text) => socket.send(Message::Text(text)).await.is_ok(),
        Err(error) => {
            tracing::error!(%error, "a message that is no text was not sent");
            false
        }
    }
}
