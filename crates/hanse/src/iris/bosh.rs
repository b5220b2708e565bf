//! `/http-bind`: XMPP over plain HTTP requests (XEP-0124, XEP-0206). The state machine is `iris::bosh`; here is a task for
//! each session, which carries its messages to and from the server.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Extension, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use iris::bosh::{Action, Refused, Request, Session};
use iris_server::WebSocket as Upgraded;
use tokio::sync::{mpsc, oneshot};

use super::Messenger;

/// Largest request, in bytes.
const REQUEST_BYTES_MAX: usize = 512 << 10;
/// How long a request may take to arrive.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(15);
/// Sessions at the same time.
const SESSIONS_MAX: usize = 2_000;
/// Messages that wait between a session and the server.
const MESSAGES_WAITING: usize = 16;
/// Bytes that wait for requests, above which the server is not listened to.
const BACKLOG_BYTES_MAX: usize = 256 << 10;
/// How often time passes for a session.
const TICK: Duration = Duration::from_secs(1);

/// A request with the way to answer it.
type Asked = (Request, oneshot::Sender<Bytes>);

/// The sessions of a node.
#[derive(Clone, Debug, Default)]
pub struct Sessions(Arc<Mutex<HashMap<String, mpsc::Sender<Asked>>>>);

impl Sessions {
    fn with<T>(&self, use_them: impl FnOnce(&mut HashMap<String, mpsc::Sender<Asked>>) -> T) -> T {
        // Every change is one insertion or removal.
        use_them(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Any page may speak (XEP-0124 section 13): sign-in is in the messages, no cookie is read.
fn answer(status: StatusCode, body: Bytes) -> Response {
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/xml; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    );
    response
}

/// Answers what a browser asks before it posts from another page.
pub(super) async fn options() -> Response {
    let mut response = answer(StatusCode::NO_CONTENT, Bytes::new());
    let headers = response.headers_mut();
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "OPTIONS, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type"),
        (header::ACCESS_CONTROL_MAX_AGE, "3600"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Takes one request and answers it when its session does.
pub(super) async fn post(
    State(state): State<Messenger>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    body: Body,
) -> Response {
    let peer = peer.map(|Extension(ConnectInfo(peer))| peer.ip());
    let Some(peer) = peer.filter(|peer| state.check_carrier(*peer).is_ok()) else {
        return answer(StatusCode::FORBIDDEN, Refused::BadRequest.body());
    };
    let body = tokio::time::timeout(REQUEST_TIME_MAX, to_bytes(body, REQUEST_BYTES_MAX)).await;
    let Ok(Ok(body)) = body else {
        return answer(StatusCode::OK, Refused::BadRequest.body());
    };
    match state.ask(peer, &body).await {
        Ok(body) => answer(StatusCode::OK, body),
        Err(refused) => answer(StatusCode::OK, refused.body()),
    }
}

impl Messenger {
    async fn ask(&self, peer: IpAddr, body: &[u8]) -> Result<Bytes, Refused> {
        let request = Request::parse(body)?;
        let (sender, answer) = oneshot::channel();
        let session = match &request.sid {
            Some(sid) => self.bosh.with(|all| all.get(sid).cloned()),
            None => self.open(peer),
        };
        let session = session.ok_or(Refused::ItemNotFound)?;
        session
            .send((request, sender))
            .await
            .map_err(|_| Refused::ItemNotFound)?;
        answer.await.map_err(|_| Refused::ItemNotFound)
    }

    /// A task for a fresh session; none when there are too many.
    fn open(&self, peer: IpAddr) -> Option<mpsc::Sender<Asked>> {
        let sid = self.platform.random_id("bosh");
        let (requests, asked) = mpsc::channel(MESSAGES_WAITING);
        let has_room = self.bosh.with(|all| {
            let has_room = all.len() < SESSIONS_MAX;
            if has_room {
                all.insert(sid.clone(), requests.clone());
            }
            has_room
        });
        if !has_room {
            return None;
        }
        let state = self.clone();
        tokio::spawn(async move {
            run(&state, peer, sid.clone(), asked).await;
            state.bosh.with(|all| all.remove(&sid));
        });
        Some(requests)
    }
}

/// One session, from its first request to its end.
async fn run(state: &Messenger, peer: IpAddr, sid: String, mut asked: mpsc::Receiver<Asked>) {
    let Some((first, sender)) = asked.recv().await else {
        return;
    };
    let (to_server, incoming) = mpsc::channel(MESSAGES_WAITING);
    let (outgoing, mut from_server) = mpsc::channel(MESSAGES_WAITING);
    let upgraded = Upgraded {
        incoming,
        outgoing,
        peer,
    };
    let served = state.clone();
    tokio::spawn(async move { served.server.websocket(upgraded).await });

    let now_ms = || state.platform.clock.now_ms();
    let mut waiting = HashMap::from([(first.rid, sender)]);
    let mut to_stream: VecDeque<Bytes> = VecDeque::new();
    let (mut session, actions) = Session::open(sid, first, now_ms());
    let mut is_over = carry_out(actions, &mut waiting, &mut to_stream);
    let mut tick = tokio::time::interval(TICK);
    while !is_over || !to_stream.is_empty() {
        let actions = tokio::select! {
            room = to_server.reserve(), if !to_stream.is_empty() => {
                match (room, to_stream.pop_front()) {
                    (Ok(room), Some(message)) => room.send(message),
                    _ => break,
                }
                Vec::new()
            }
            request = asked.recv(), if !is_over => {
                let Some((request, sender)) = request else { break };
                let rid = request.rid;
                let taken = session.request(request, now_ms());
                if taken.is_ok() {
                    waiting.insert(rid, sender);
                }
                taken.unwrap_or_default()
            }
            message = from_server.recv(), if session.backlog() < BACKLOG_BYTES_MAX => {
                let Some(message) = message else { break };
                session.from_stream(&String::from_utf8_lossy(&message), now_ms())
            }
            _ = tick.tick() => session.tick(now_ms()),
        };
        is_over |= carry_out(actions, &mut waiting, &mut to_stream);
    }
    if !is_over {
        // The server is gone: what still waits for a message is told.
        let close = "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";
        carry_out(
            session.from_stream(close, now_ms()),
            &mut waiting,
            &mut to_stream,
        );
    }
}

/// Whether the session is over now.
fn carry_out(
    actions: Vec<Action>,
    waiting: &mut HashMap<u64, oneshot::Sender<Bytes>>,
    to_stream: &mut VecDeque<Bytes>,
) -> bool {
    let mut is_over = false;
    for action in actions {
        match action {
            Action::ToStream(message) => to_stream.push_back(message.into()),
            Action::Respond { rid, body } => {
                if let Some(sender) = waiting.remove(&rid) {
                    // Who asked may have gone; a repeated request gets the same answer.
                    drop(sender.send(body));
                }
            }
            Action::End => is_over = true,
        }
    }
    is_over
}
