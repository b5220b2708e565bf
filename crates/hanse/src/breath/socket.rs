//! The live stream of a session over a WebSocket (RFC 6455).
//!
//! ```text
//! client → {"kind":"hello","token":"…"}          first, unless the request had an Authorization header
//! client → {"kind":"inputs","inputs":[…]}        as `POST …/inputs`; each message is durable before its frame
//! node   → {"kind":"state",…}                    after every change, and once at the beginning
//! node   → {"kind":"refused","code":…,"detail":…} the message did not fit; the session is as before
//! node   → {"kind":"hold",…}                     the journal cannot write; the pacer holds its pace
//! node   → {"kind":"erased"}                     the session was erased
//! ```

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use axum::extract::{FromRequestParts, State, WebSocketUpgrade};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use utoipa_axum::router::OpenApiRouter;

use super::drive::{self, Frame};
use super::ids::SessionId;
use super::live::{Live, Place};
use super::record;
use super::wire::{INPUTS_MAX, InputBody};
use crate::auth::{Action, PrincipalId, can};
use crate::http::Platform;
use crate::http::extract::{Caller, PathOf};
use crate::http::guard::{Guard, routes};
use crate::http::problem::{CONTENT_TYPE, Code, Problem, ProblemBody};
use crate::institutions::Node;

/// Largest message, in bytes.
const MESSAGE_BYTES_MAX: usize = 256 << 10;
/// How long the first message may take.
const HELLO_TIME_MAX: Duration = Duration::from_secs(10);
/// How long a client may be silent: a page with a strap sends every second, and answers pings.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// How often a silent client is asked whether it is there.
const PING: Duration = Duration::from_secs(20);

/// The routes of this module.
pub fn routes() -> OpenApiRouter<Node> {
    OpenApiRouter::default().routes(routes!(watch_session))
}

/// Whether the caller showed a token in the request. A browser cannot, and shows it in its first message.
enum Shown {
    /// It did, and may feed sessions.
    Caller(PrincipalId),
    /// It will.
    Later,
}

/// A request for the stream: authorised as any other, unless it is a browser's.
struct Ask {
    shown: Shown,
    upgrade: WebSocketUpgrade,
}

/// Who may feed a session, whenever the token is shown.
type Feeder = Caller<can::ConductSession>;

impl Guard for Ask {
    const ACTION: Action = <Feeder as Guard>::ACTION;
}

impl FromRequestParts<Node> for Ask {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, node: &Node) -> Result<Self, Problem> {
        let asks = wants_upgrade(&parts.headers);
        let shown = if asks && !parts.headers.contains_key(header::AUTHORIZATION) {
            same_origin(&parts.headers)?;
            Shown::Later
        } else {
            let caller = Feeder::from_request_parts(parts, node).await?;
            Shown::Caller(caller.principal().clone())
        };
        let upgrade = WebSocketUpgrade::from_request_parts(parts, node).await;
        let upgrade = upgrade.map_err(|rejection| upgrade_required(&rejection.body_text()))?;
        Ok(Self { shown, upgrade })
    }
}

fn wants_upgrade(headers: &HeaderMap) -> bool {
    let value = headers.get(header::UPGRADE);
    value.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// A page from elsewhere must not open sockets here in the name of who looks at it (RFC 6455 section 10.2).
fn same_origin(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = text(header::ORIGIN) else {
        return Ok(());
    };
    let host = text(header::HOST).unwrap_or_default();
    let of_origin = origin.split_once("://").map(|(_, rest)| rest);
    if of_origin == Some(host) {
        return Ok(());
    }
    Err(Problem::new(
        Code::Forbidden,
        "a page of another origin may not open this stream",
    ))
}

fn upgrade_required(detail: &str) -> Problem {
    Problem::new(Code::UpgradeRequired, detail)
        .with_header(header::UPGRADE, HeaderValue::from_static("websocket"))
}

/// The live stream of a session: inputs in, frames out. A WebSocket; the messages are in docs/zenb/api.md.
///
/// A browser cannot send the header of the token, and shows the token in its first message instead.
#[utoipa::path(
    get, path = "/v1/breath/sessions/{id}/live", tag = "breath", params(("id" = SessionId, Path)),
    responses(
        (status = 101, description = "The stream begins."),
        (status = 410, description = "It was erased.", body = ProblemBody, content_type = CONTENT_TYPE),
        (status = 426, description = "The request asks for no WebSocket.", body = ProblemBody, content_type = CONTENT_TYPE)
    )
)]
async fn watch_session(
    ask: Ask,
    State(node): State<Node>,
    PathOf(id): PathOf<SessionId>,
) -> Result<Response, Problem> {
    if let Shown::Caller(principal) = &ask.shown {
        record::of(&node.platform.reader, id, principal)?;
    }
    let upgrade = ask.upgrade.max_message_size(MESSAGE_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| serve(node, id, ask.shown, socket)))
}

/// What a client sends.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Said {
    Hello { token: String },
    Inputs { inputs: Vec<InputBody> },
}

/// What a client is told of a message that did not fit.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename = "refused")]
struct Unfit {
    code: &'static str,
    detail: String,
}

async fn serve(node: Node, id: SessionId, shown: Shown, mut socket: WebSocket) {
    let ended = match admit(&node, id, shown, &mut socket).await {
        Ok(principal) => converse(&node, id, &principal, &mut socket).await,
        Err(problem) => Err(problem),
    };
    if let Err(problem) = ended {
        // A client that went away needs no reason.
        drop(socket.send(Message::Close(Some(farewell(&problem)))).await);
    }
}

/// A reason has at most 123 bytes (RFC 6455 section 5.5).
fn farewell(problem: &Problem) -> CloseFrame {
    CloseFrame {
        code: close_code::POLICY,
        reason: Utf8Bytes::from_static(problem.code().as_str()),
    }
}

async fn admit(
    node: &Node,
    id: SessionId,
    shown: Shown,
    socket: &mut WebSocket,
) -> Result<PrincipalId, Problem> {
    let principal = match shown {
        Shown::Caller(principal) => principal,
        Shown::Later => greeted(&node.platform, socket).await?,
    };
    record::of(&node.platform.reader, id, &principal)?;
    Ok(principal)
}

async fn greeted(platform: &Arc<Platform>, socket: &mut WebSocket) -> Result<PrincipalId, Problem> {
    let missing = || Problem::new(Code::TokenMissing, "the first message shows no token");
    let first = tokio::time::timeout(HELLO_TIME_MAX, socket.recv()).await;
    let Ok(Some(Ok(Message::Text(text)))) = first else {
        return Err(missing());
    };
    match serde_json::from_str(&text) {
        Ok(Said::Hello { token }) => {
            let caller = Feeder::of_token(platform, &token)?;
            Ok(caller.principal().clone())
        }
        _ => Err(missing()),
    }
}

/// Carries messages until one side ends.
async fn converse(
    node: &Node,
    id: SessionId,
    principal: &PrincipalId,
    socket: &mut WebSocket,
) -> Result<(), Problem> {
    let place = node.breath.place(id);
    let mut frames = place.frames.subscribe();
    let first = first_frame(node, &place, id).await?;
    let mut heard = tokio::time::Instant::now();
    let mut ping = tokio::time::interval(PING);
    if send(socket, &first).await.is_err() {
        return Ok(());
    }
    loop {
        let sent = tokio::select! {
            said = socket.recv() => {
                heard = tokio::time::Instant::now();
                match said {
                    Some(Ok(Message::Text(text))) => hear(node, &place, id, principal, &text, socket).await,
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
                    Some(Ok(Message::Binary(_) | Message::Close(_)) | Err(_)) | None => return Ok(()),
                }
            }
            frame = frames.recv() => pass_on(frame, node, &place, id, socket).await,
            _ = ping.tick() => {
                if heard.elapsed() > SILENCE_MAX {
                    return Ok(());
                }
                socket.send(Message::Ping(axum::body::Bytes::new())).await
            }
        };
        if sent.is_err() {
            return Ok(());
        }
    }
}

async fn first_frame(node: &Node, place: &Arc<Place>, id: SessionId) -> Result<Arc<str>, Problem> {
    let mut held = place.held.lock().await;
    let now_ms = node.platform.clock.now_ms();
    let live = Live::refresh(&mut held, &node.platform.reader, id, now_ms)?;
    if live.is_ticked() {
        drive::keep_time(node, place, id);
    }
    Ok(Frame::now(&live).text())
}

async fn pass_on(
    frame: Result<Arc<str>, RecvError>,
    node: &Node,
    place: &Arc<Place>,
    id: SessionId,
    socket: &mut WebSocket,
) -> Result<(), axum::Error> {
    match frame {
        Ok(frame) => send(socket, &frame).await,
        // A watcher that was too slow is told how it is, without what it missed: the journal has that.
        Err(broadcast::error::RecvError::Lagged(_)) => match first_frame(node, place, id).await {
            Ok(frame) => send(socket, &frame).await,
            Err(problem) => tell_unfit(socket, &problem).await,
        },
        // The place keeps the sender as long as this function has the place.
        Err(broadcast::error::RecvError::Closed) => Ok(()),
    }
}

/// Takes one message. Its frame comes to everybody who watches, this socket included.
async fn hear(
    node: &Node,
    place: &Arc<Place>,
    id: SessionId,
    principal: &PrincipalId,
    text: &str,
    socket: &mut WebSocket,
) -> Result<(), axum::Error> {
    let taken = match serde_json::from_str(text) {
        Ok(Said::Inputs { inputs }) if inputs.len() <= INPUTS_MAX => {
            feed(node, place, id, principal, &inputs).await
        }
        Ok(Said::Inputs { .. }) => Err(Problem::new(
            Code::BodyInvalid,
            format!("one message has at most {INPUTS_MAX} inputs"),
        )),
        Ok(Said::Hello { .. }) => Ok(()),
        Err(error) => Err(Problem::new(Code::BodyInvalid, error.to_string())),
    };
    match taken {
        Ok(()) => Ok(()),
        Err(problem) => tell_unfit(socket, &problem).await,
    }
}

async fn feed(
    node: &Node,
    place: &Arc<Place>,
    id: SessionId,
    principal: &PrincipalId,
    inputs: &[InputBody],
) -> Result<(), Problem> {
    node.platform.limits.admit_principal(principal)?;
    // Rights may end while the stream is open; what is not the caller's any more is not fed.
    record::of(&node.platform.reader, id, principal)?;
    let choose = |live: &Live| drive::inputs(live, inputs);
    drive::advance(node, place, id, principal.as_str(), choose).await?;
    drive::keep_time_if_due(node, place, id).await;
    Ok(())
}

async fn tell_unfit(socket: &mut WebSocket, problem: &Problem) -> Result<(), axum::Error> {
    let unfit = Unfit {
        code: problem.code().as_str(),
        detail: problem.to_string(),
    };
    let text = serde_json::to_string(&unfit).expect("a refusal has string keys");
    send(socket, &text).await
}

async fn send(socket: &mut WebSocket, text: &str) -> Result<(), axum::Error> {
    socket.send(Message::Text(text.into())).await
}
