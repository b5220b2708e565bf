//! The live stream of a session over a WebSocket (RFC 6455).
//!
//! ```text
//! client → {"kind":"hello","token":"…"}          first, unless the request had an Authorization header
//! client → {"kind":"inputs","inputs":[…]}        as `POST …/inputs`; each message is durable before its frame
//! node   → {"kind":"state",…}                    after every change, and once at the beginning
//! node   → {"kind":"refused","code":…,"detail":…} the message did not fit; the session is as before
//! node   → {"kind":"hold",…}                     the journal cannot write; the pacer holds its pace
//! node   → {"kind":"erased"}                     the session was erased; the node closes
//! ```
//!
//! Invariants (guard):
//! 1. inputs are taken only while the token, the consent and the ownership hold, in the moment in which they are taken
//!    (`drive::advance`; `a_token_that_is_taken_back_ends_the_live_stream_at_the_next_message`)
//! 2. who may not feed any more is not left watching: who is silent is asked again with every ping  (`converse`)

use api::problem::{CONTENT_TYPE, Code, ProblemBody};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use axum::extract::{FromRequestParts, State, WebSocketUpgrade};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use utoipa_axum::router::OpenApiRouter;

use super::drive::{self, Frame, NotTaken};
use super::ids::SessionId;
use super::live::Live;
use super::memory::Entry;
use super::record;
use super::wire::{INPUTS_MAX, InputBody};
use crate::breath::can;
use crate::state::Node;
use platform::auth::{Action, Resource};
use platform::declined::Declined;
use platform::http::Platform;
use platform::http::extract::{Caller, PathOf};
use platform::http::guard::Guard;
use platform::http::problem::Problem;
use platform::moment::Moment;
use platform::routes;

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
    Caller(Feeder),
    /// It will.
    Later,
}

/// A request for the stream: authorised as any other, unless it is a browser's.
struct Ask {
    shown: Shown,
    upgrade: WebSocketUpgrade,
}

/// Who may feed sessions, whenever the token is shown.
type Feeder = Caller<can::ConductSession>;

/// Who feeds one session over a stream.
#[derive(Clone)]
struct Feed {
    id: SessionId,
    caller: Arc<Feeder>,
}

impl Feed {
    /// Whether the caller may still feed the session: its token holds, it may conduct sessions, the session is its own, and
    /// the person agrees.
    fn check(&self, moment: &Moment<'_>) -> Result<(), Declined> {
        let caller = self.caller.confirmed(moment)?;
        let permit = caller.permit(Resource::Zone)?;
        drive::check_feeder(moment, self.id, permit.principal())
    }
}

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
            Shown::Caller(Feeder::from_request_parts(parts, node).await?)
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
fn same_origin(headers: &HeaderMap) -> Result<(), Declined> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = text(header::ORIGIN) else {
        return Ok(());
    };
    let host = text(header::HOST).unwrap_or_default();
    let of_origin = origin.split_once("://").map(|(_, rest)| rest);
    if of_origin == Some(host) {
        return Ok(());
    }
    Err(Declined::new(
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
) -> Result<Response, Declined> {
    let shown = match ask.shown {
        Shown::Caller(caller) => Shown::Caller(known(&node, id, caller).await?),
        Shown::Later => Shown::Later,
    };
    let upgrade = ask.upgrade.max_message_size(MESSAGE_BYTES_MAX);
    Ok(upgrade.on_upgrade(move |socket| serve(node, id, shown, socket)))
}

/// The caller, if it may know of the session.
async fn known(node: &Node, id: SessionId, caller: Feeder) -> Result<Feeder, Declined> {
    let read = move |moment: &Moment<'_>| {
        record::of(moment, id, caller.principal())?;
        Ok(caller)
    };
    node.platform.read(read).await
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
        Ok(feed) => converse(&node, &feed, &mut socket).await,
        Err(problem) => Err(problem),
    };
    if let Err(problem) = ended {
        // A client that went away needs no reason.
        drop(socket.send(Message::Close(Some(farewell(&problem)))).await);
    }
}

/// A reason has at most 123 bytes (RFC 6455 section 5.5).
fn farewell(problem: &Declined) -> CloseFrame {
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
) -> Result<Feed, Declined> {
    let caller = match shown {
        Shown::Caller(caller) => caller,
        Shown::Later => {
            let caller = greeted(&node.platform, socket).await?;
            known(node, id, caller).await?
        }
    };
    let caller = Arc::new(caller);
    Ok(Feed { id, caller })
}

async fn greeted(platform: &Arc<Platform>, socket: &mut WebSocket) -> Result<Feeder, Declined> {
    let missing = || Declined::new(Code::TokenMissing, "the first message shows no token");
    let first = tokio::time::timeout(HELLO_TIME_MAX, socket.recv()).await;
    let Ok(Some(Ok(Message::Text(text)))) = first else {
        return Err(missing());
    };
    match serde_json::from_str(&text) {
        Ok(Said::Hello { token }) => Feeder::of_token(platform, &token).await,
        _ => Err(missing()),
    }
}

/// Why a stream ends.
enum Parting {
    /// The client left.
    Left,
    /// The node has a reason.
    Because(Declined),
}

impl From<axum::Error> for Parting {
    fn from(_broken: axum::Error) -> Self {
        Self::Left
    }
}

/// Carries messages until one side ends. What is erased is said last.
async fn converse(node: &Node, feed: &Feed, socket: &mut WebSocket) -> Result<(), Declined> {
    let entry = node.breath.entry(feed.id);
    let parting = exchange(node, feed, &entry, socket).await;
    match parting {
        Ok(()) | Err(Parting::Left) => Ok(()),
        Err(Parting::Because(_)) if entry.is_erased() => {
            let erased = send(socket, &Frame::Erased {}.text()).await;
            erased.map_or(Ok(()), |()| Err(record::erased()))
        }
        Err(Parting::Because(problem)) => Err(problem),
    }
}

async fn exchange(
    node: &Node,
    feed: &Feed,
    entry: &Arc<Entry>,
    socket: &mut WebSocket,
) -> Result<(), Parting> {
    let mut frames = entry.watch();
    let first = now(node, feed, entry).await.map_err(Parting::Because)?;
    send(socket, &first).await?;
    let mut heard = tokio::time::Instant::now();
    let mut ping = tokio::time::interval(PING);
    loop {
        tokio::select! {
            said = socket.recv() => {
                heard = tokio::time::Instant::now();
                match said {
                    Some(Ok(Message::Text(text))) => hear(node, feed, &text, socket).await?,
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Binary(_) | Message::Close(_)) | Err(_)) | None => {
                        return Ok(());
                    }
                }
            }
            frame = frames.recv() => pass_on(frame, node, feed, entry, socket).await?,
            _ = ping.tick() => {
                if heard.elapsed() > SILENCE_MAX {
                    return Ok(());
                }
                still_allowed(node, feed).await?;
                socket.send(Message::Ping(axum::body::Bytes::new())).await?;
            }
        }
    }
}

/// The session as it is, as a frame.
async fn now(node: &Node, feed: &Feed, entry: &Arc<Entry>) -> Result<Arc<str>, Declined> {
    let live = drive::bring(node, entry, feed.id).await?;
    Ok(Frame::now(&live).text())
}

async fn still_allowed(node: &Node, feed: &Feed) -> Result<(), Parting> {
    let feed = feed.clone();
    let checked = node.platform.read(move |moment| feed.check(moment)).await;
    match checked {
        // That nobody can look is no reason to part.
        Err(problem) if problem.code() != Code::Internal => Err(Parting::Because(problem)),
        _ => Ok(()),
    }
}

async fn pass_on(
    frame: Result<Arc<str>, RecvError>,
    node: &Node,
    feed: &Feed,
    entry: &Arc<Entry>,
    socket: &mut WebSocket,
) -> Result<(), Parting> {
    if entry.is_erased() {
        return Err(Parting::Because(record::erased()));
    }
    match frame {
        Ok(frame) => send(socket, &frame).await?,
        // A watcher that was too slow is told how it is, without what it missed: the journal has that.
        Err(RecvError::Lagged(_)) => match now(node, feed, entry).await {
            Ok(frame) => send(socket, &frame).await?,
            Err(problem) => tell_unfit(socket, &problem).await?,
        },
        // The entry keeps the sender as long as this function has the entry.
        Err(RecvError::Closed) => {}
    }
    Ok(())
}

/// Takes one message. Its frame comes to everybody who watches, this socket included.
async fn hear(node: &Node, feed: &Feed, text: &str, socket: &mut WebSocket) -> Result<(), Parting> {
    let taken = match serde_json::from_str(text) {
        Ok(Said::Inputs { inputs }) if inputs.len() <= INPUTS_MAX => take(node, feed, inputs).await,
        Ok(Said::Inputs { .. }) => Err(NotTaken::Unfit(Declined::new(
            Code::BodyInvalid,
            format!("one message has at most {INPUTS_MAX} inputs"),
        ))),
        Ok(Said::Hello { .. }) => Ok(()),
        Err(error) => Err(NotTaken::Unfit(Declined::new(
            Code::BodyInvalid,
            error.to_string(),
        ))),
    };
    match taken {
        Ok(()) => Ok(()),
        Err(NotTaken::NotAllowed(problem)) => Err(Parting::Because(problem)),
        Err(NotTaken::Unfit(problem)) => Ok(tell_unfit(socket, &problem).await?),
    }
}

async fn take(node: &Node, feed: &Feed, inputs: Vec<InputBody>) -> Result<(), NotTaken> {
    let by = feed.caller.principal();
    let admitted = node.platform.limits.admit_principal(by);
    admitted.map_err(|problem| NotTaken::Unfit(problem.into_declined()))?;
    let allowed = feed.clone();
    let allow = move |moment: &Moment<'_>| allowed.check(moment);
    let choose = move |live: &Live, at| drive::inputs(live, at, &inputs);
    drive::advance(node, feed.id, by.as_str(), allow, choose).await
}

async fn tell_unfit(socket: &mut WebSocket, problem: &Declined) -> Result<(), axum::Error> {
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
