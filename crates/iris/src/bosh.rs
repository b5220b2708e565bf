//! XMPP over HTTP requests (XEP-0124 1.11, XEP-0206 1.4): a session that turns request bodies into the
//! messages of the WebSocket framing (RFC 7395) and back, so that one stream machine serves both.
//!
//! Requests are handled in the order of their ids, each response answers the oldest request that waits,
//! and a repeated request gets the response it got before.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::xml::scan::tag_end;
use crate::xml::tag::{Shape, Tag};
use crate::xml::{Children, Xml};

const NS_BIND: &str = "http://jabber.org/protocol/httpbind";
const NS_XBOSH: &str = "urn:xmpp:xbosh";
const NS_FRAMING: &str = "urn:ietf:params:xml:ns:xmpp-framing";
const NS_STREAMS: &str = "http://etherx.jabber.org/streams";

/// The largest request id: what every client counts exactly (XEP-0124 7).
const RID_MAX: u64 = (1 << 53) - 1;
/// Longest time a request is held, in seconds.
const WAIT_MAX: u64 = 60;
/// Requests held at once.
const HOLD: usize = 1;
/// Requests under way at once.
const REQUESTS: u64 = HOLD as u64 + 1;
/// Seconds without a waiting request after which the session is over.
const INACTIVITY: i64 = 60;
/// Bytes of one response, after which the rest waits for the next request.
const RESPONSE_MAX: usize = 64 * 1024;

/// A request body, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Request id.
    pub rid: u64,
    /// Session id; absent in the request that opens one.
    pub sid: Option<String>,
    to: Option<String>,
    lang: Option<String>,
    wait: Option<u64>,
    restarts: bool,
    terminates: bool,
    elements: Vec<String>,
}

/// Why a body is refused, with the terminal condition its sender is told (XEP-0124 17.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not a body as XEP-0124 wants it.
    #[error("the request is no well-formed body with a request id")]
    BadRequest,
    /// The session is not known, or the request id is outside the window.
    #[error("there is no such session, or the request id is out of its window")]
    ItemNotFound,
}

impl Refused {
    /// The name of the condition.
    pub fn condition(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::ItemNotFound => "item-not-found",
        }
    }

    /// The body that ends the session at the client.
    pub fn body(self) -> Bytes {
        terminate(Some(self.condition()))
    }
}

impl Request {
    /// Reads a request body.
    ///
    /// # Errors
    /// It is not a `<body/>` with a request id.
    pub fn parse(body: &[u8]) -> Result<Self, Refused> {
        let text = std::str::from_utf8(body).map_err(|_| Refused::BadRequest)?;
        let text = text.trim();
        let end = tag_end(text.as_bytes()).ok_or(Refused::BadRequest)?;
        let tag = Tag::parse(&text[..end]).map_err(|_| Refused::BadRequest)?;
        let is_body = tag.local == "body"
            && tag.shape != Shape::Close
            && tag.value("xmlns").as_deref() == Some(NS_BIND);
        if !is_body {
            return Err(Refused::BadRequest);
        }
        let number = |name: &str| tag.value(name).and_then(|text| text.parse::<u64>().ok());
        let rid = number("rid").filter(|rid| (1..=RID_MAX).contains(rid));
        let owned = |name: &str| tag.value(name).map(std::borrow::Cow::into_owned);
        Ok(Self {
            rid: rid.ok_or(Refused::BadRequest)?,
            sid: owned("sid"),
            to: owned("to"),
            lang: owned("xml:lang"),
            wait: number("wait"),
            restarts: tag.value("xmpp:restart").as_deref() == Some("true"),
            terminates: tag.value("type").as_deref() == Some("terminate"),
            elements: Children::of(text.as_bytes())
                .filter_map(|child| message(&child.tag, child.bytes))
                .collect(),
        })
    }
}

/// A child as a message of its own. In a body it may do without a namespace; alone it may not.
fn message(tag: &Tag<'_>, bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?;
    let declares = |prefix| {
        let mut attributes = tag.attributes.iter();
        attributes.any(|attribute| attribute.declares() == Some(prefix))
    };
    if tag.prefix.is_some() || declares("") {
        return Some(text.to_owned());
    }
    let (name, rest) = text.split_at(1 + tag.name.len());
    Some(format!("{name} xmlns='jabber:client'{rest}"))
}

/// What a session wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Give the stream this message.
    ToStream(String),
    /// Answer the request with this id.
    Respond {
        /// Which request.
        rid: u64,
        /// With this body.
        body: Bytes,
    },
    /// The session is over; forget it.
    End,
}

/// One session.
#[derive(Debug)]
pub struct Session {
    sid: String,
    to: Option<String>,
    lang: Option<String>,
    wait_ms: i64,
    next_rid: u64,
    early: BTreeMap<u64, Request>,
    held: BTreeMap<u64, i64>,
    answered: VecDeque<(u64, Bytes)>,
    waiting: VecDeque<String>,
    waiting_bytes: usize,
    idle_since_ms: i64,
    is_introduced: bool,
    is_ended: bool,
}

impl Session {
    /// Opens a session with the id `sid`, which nobody can guess.
    pub fn open(sid: String, request: Request, now_ms: i64) -> (Self, Vec<Action>) {
        let wait = request.wait.unwrap_or(WAIT_MAX).clamp(1, WAIT_MAX);
        let mut session = Self {
            sid,
            to: request.to.clone(),
            lang: request.lang.clone(),
            wait_ms: i64::try_from(wait).unwrap_or(60) * 1000,
            next_rid: request.rid,
            early: BTreeMap::new(),
            held: BTreeMap::new(),
            answered: VecDeque::new(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            idle_since_ms: now_ms,
            is_introduced: false,
            is_ended: false,
        };
        let mut actions = vec![Action::ToStream(session.opening())];
        actions.extend(session.take(request, now_ms));
        actions.extend(session.flush(now_ms));
        (session, actions)
    }

    /// Bytes that wait for a request: above a limit the stream shall not be read.
    pub fn backlog(&self) -> usize {
        self.waiting_bytes
    }

    /// A request of the session. One that comes early waits for those before it; a repeated one gets its
    /// old answer.
    ///
    /// # Errors
    /// The id is outside the window; the session goes on.
    pub fn request(&mut self, request: Request, now_ms: i64) -> Result<Vec<Action>, Refused> {
        let rid = request.rid;
        if rid < self.next_rid {
            let old = self.answered.iter().find(|(answered, _)| *answered == rid);
            let body = old.map(|(_, body)| body.clone());
            let body = body.ok_or(Refused::ItemNotFound)?;
            return Ok(vec![Action::Respond { rid, body }]);
        }
        if rid >= self.next_rid + REQUESTS || self.is_ended {
            return Err(Refused::ItemNotFound);
        }
        self.early.insert(rid, request);
        let mut actions = Vec::new();
        while let Some(next) = self.early.remove(&self.next_rid) {
            actions.extend(self.take(next, now_ms));
        }
        actions.extend(self.flush(now_ms));
        Ok(actions)
    }

    /// A message from the stream.
    pub fn from_stream(&mut self, message: &str, now_ms: i64) -> Vec<Action> {
        let is_framing =
            |name: &str| message.starts_with(&format!("<{name} ")) && message.contains(NS_FRAMING);
        if is_framing("open") {
            return Vec::new();
        }
        if is_framing("close") {
            return self.end();
        }
        self.waiting_bytes += message.len();
        self.waiting.push_back(message.to_owned());
        self.flush(now_ms)
    }

    /// Time passes: requests that waited long enough are answered, a session nobody asks for ends.
    pub fn tick(&mut self, now_ms: i64) -> Vec<Action> {
        let due: Vec<u64> = self
            .held
            .iter()
            .filter(|(_, deadline)| **deadline <= now_ms)
            .map(|(rid, _)| *rid)
            .collect();
        let mut actions: Vec<Action> = due
            .into_iter()
            .map(|rid| self.respond(rid, Vec::new(), now_ms))
            .collect();
        let is_idle = self.held.is_empty() && now_ms - self.idle_since_ms > INACTIVITY * 1000;
        if is_idle && !self.is_ended {
            self.is_ended = true;
            actions.push(Action::ToStream(closing()));
            actions.push(Action::End);
        }
        actions
    }

    fn take(&mut self, request: Request, now_ms: i64) -> Vec<Action> {
        self.next_rid = request.rid + 1;
        self.held.insert(request.rid, now_ms + self.wait_ms);
        let mut actions = Vec::new();
        if request.restarts {
            actions.push(Action::ToStream(self.opening()));
        }
        actions.extend(request.elements.into_iter().map(Action::ToStream));
        if request.terminates {
            actions.push(Action::ToStream(closing()));
            actions.extend(self.end());
        }
        actions
    }

    /// Answers the oldest waiting request with what waits, and sends back requests beyond those to hold.
    fn flush(&mut self, now_ms: i64) -> Vec<Action> {
        let mut actions = Vec::new();
        while let Some(rid) = self.held.keys().next().copied() {
            let has_too_many = self.held.len() > HOLD && self.is_introduced;
            if self.waiting.is_empty() && !has_too_many {
                break;
            }
            let elements = self.portion();
            actions.push(self.respond(rid, elements, now_ms));
        }
        actions
    }

    fn portion(&mut self) -> Vec<String> {
        let mut elements = Vec::new();
        let mut size = 0;
        while let Some(next) = self.waiting.front() {
            if size > 0 && size + next.len() > RESPONSE_MAX {
                break;
            }
            size += next.len();
            self.waiting_bytes -= next.len();
            elements.extend(self.waiting.pop_front());
        }
        elements
    }

    fn respond(&mut self, rid: u64, elements: Vec<String>, now_ms: i64) -> Action {
        self.held.remove(&rid);
        self.idle_since_ms = now_ms;
        let body: Bytes = self.body(elements).into();
        self.answered.push_back((rid, body.clone()));
        while self.answered.len() > REQUESTS as usize {
            self.answered.pop_front();
        }
        Action::Respond { rid, body }
    }

    fn body(&mut self, elements: Vec<String>) -> String {
        let body = Xml::in_namespace("body", NS_BIND).attr("xmlns:stream", NS_STREAMS);
        let is_first = !std::mem::replace(&mut self.is_introduced, true);
        let body = if is_first {
            body.attr("sid", &self.sid)
                .attr("wait", &(self.wait_ms / 1000).to_string())
                .attr("requests", &REQUESTS.to_string())
                .attr("hold", &HOLD.to_string())
                .attr("inactivity", &INACTIVITY.to_string())
                .attr("ver", "1.11")
                .maybe("from", self.to.as_deref())
                .attr("xmlns:xmpp", NS_XBOSH)
                .attr("xmpp:version", "1.0")
                .attr("xmpp:restartlogic", "true")
        } else {
            body
        };
        let content: String = elements.concat();
        if content.is_empty() {
            body.finish()
        } else {
            body.raw(&content).finish()
        }
    }

    fn end(&mut self) -> Vec<Action> {
        self.is_ended = true;
        let held: Vec<u64> = std::mem::take(&mut self.held).into_keys().collect();
        let mut actions: Vec<Action> = held
            .into_iter()
            .map(|rid| Action::Respond {
                rid,
                body: terminate(None),
            })
            .collect();
        actions.push(Action::End);
        actions
    }

    fn opening(&self) -> String {
        Xml::in_namespace("open", NS_FRAMING)
            .maybe("to", self.to.as_deref())
            .maybe("xml:lang", self.lang.as_deref())
            .attr("version", "1.0")
            .finish()
    }
}

fn closing() -> String {
    Xml::in_namespace("close", NS_FRAMING).finish()
}

fn terminate(condition: Option<&str>) -> Bytes {
    Xml::in_namespace("body", NS_BIND)
        .attr("type", "terminate")
        .maybe("condition", condition)
        .finish()
        .into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FEATURES: &str = "<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>";

    fn body(rid: u64, attributes: &str, content: &str) -> Request {
        let body = format!("<body rid='{rid}' {attributes} xmlns='{NS_BIND}'>{content}</body>");
        Request::parse(body.as_bytes()).expect("a body")
    }

    fn opened() -> Session {
        let request = body(10, "to='zone.example' wait='30' hold='1' ver='1.6'", "");
        let (mut session, actions) = Session::open("s".to_owned(), request, 0);
        assert!(matches!(&actions[..], [Action::ToStream(open)] if open.contains("zone.example")));
        let introduced = session.from_stream(FEATURES, 0);
        let [Action::Respond { rid: 10, body }] = &introduced[..] else {
            panic!("the first response carries the features: {introduced:?}");
        };
        let body = String::from_utf8_lossy(body).into_owned();
        assert!(body.contains("sid='s'") && body.contains("features"));
        session
    }

    fn heard(actions: &[Action]) -> Vec<String> {
        let all = actions.iter();
        all.filter_map(|action| match action {
            Action::ToStream(message) => Some(message.clone()),
            Action::Respond { .. } | Action::End => None,
        })
        .collect()
    }

    #[test]
    fn a_request_waits_until_there_is_something_to_say() {
        let mut session = opened();
        assert_eq!(session.request(body(11, "", ""), 0), Ok(vec![]));
        let said = session.from_stream("<message xmlns='jabber:client'/>", 5);
        assert!(matches!(&said[..], [Action::Respond { rid: 11, .. }]));
    }

    #[test]
    fn a_second_request_sends_the_first_back_empty() {
        let mut session = opened();
        session.request(body(11, "", ""), 0).unwrap();
        let actions = session.request(body(12, "", ""), 0).unwrap();
        assert!(matches!(&actions[..], [Action::Respond { rid: 11, .. }]));
    }

    #[test]
    fn a_request_is_answered_when_its_wait_is_over_and_an_idle_session_ends() {
        let mut session = opened();
        session.request(body(11, "", ""), 0).unwrap();
        assert!(session.tick(29_999).is_empty());
        assert!(matches!(
            &session.tick(30_000)[..],
            [Action::Respond { rid: 11, .. }]
        ));
        assert!(session.tick(90_000).is_empty());
        assert_eq!(session.tick(90_001).last(), Some(&Action::End));
    }

    #[test]
    fn requests_out_of_order_are_heard_in_order() {
        let mut session = opened();
        let late = session.request(body(12, "", "<b/>"), 0).unwrap();
        assert!(heard(&late).is_empty());
        let both = session.request(body(11, "", "<a/>"), 0).unwrap();
        assert_eq!(
            heard(&both),
            ["<a xmlns='jabber:client'/>", "<b xmlns='jabber:client'/>"]
        );
    }

    #[test]
    fn a_repeated_request_gets_its_old_answer_and_is_not_heard_twice() {
        let mut session = opened();
        session.request(body(11, "", "<a/>"), 0).unwrap();
        let first = session.from_stream("<message xmlns='jabber:client'/>", 0);
        let again = session.request(body(11, "", "<a/>"), 0).unwrap();
        assert_eq!(first, again);
    }

    #[test]
    fn a_request_beyond_the_window_is_refused() {
        let mut session = opened();
        assert_eq!(
            session.request(body(13, "", ""), 0),
            Err(Refused::ItemNotFound)
        );
        assert_eq!(
            session.request(body(9, "", ""), 0),
            Err(Refused::ItemNotFound)
        );
    }

    #[test]
    fn terminating_hands_over_the_last_stanzas_and_answers_everybody() {
        let mut session = opened();
        session.request(body(11, "", ""), 0).unwrap();
        let actions = session
            .request(
                body(12, "type='terminate'", "<presence type='unavailable'/>"),
                0,
            )
            .unwrap();
        assert_eq!(heard(&actions).len(), 2);
        let answered = actions
            .iter()
            .filter(|action| matches!(action, Action::Respond { .. }));
        assert_eq!(answered.count(), 2);
        assert_eq!(actions.last(), Some(&Action::End));
    }

    #[test]
    fn a_restart_opens_the_stream_again() {
        let mut session = opened();
        let restart = body(11, "xmpp:restart='true' xmlns:xmpp='urn:xmpp:xbosh'", "");
        let actions = session.request(restart, 0).unwrap();
        assert!(heard(&actions)[0].starts_with("<open "));
    }

    #[test]
    fn what_is_no_body_is_refused() {
        for text in [
            "",
            "<body/>",
            "<body rid='0' xmlns='http://jabber.org/protocol/httpbind'/>",
            "<body rid='x' xmlns='http://jabber.org/protocol/httpbind'/>",
            "<body rid='9007199254740992' xmlns='http://jabber.org/protocol/httpbind'/>",
            "<other rid='1' xmlns='http://jabber.org/protocol/httpbind'/>",
        ] {
            assert_eq!(
                Request::parse(text.as_bytes()),
                Err(Refused::BadRequest),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_message_of_the_stream_is_answered_once_and_in_order(
            sizes in prop::collection::vec(1_usize..40_000, 1..40),
            asks in prop::collection::vec(any::<bool>(), 80),
        ) {
            let mut session = opened();
            let (mut rid, mut got, mut sent) = (10, Vec::new(), sizes.iter().enumerate());
            let mut take = |actions: Vec<Action>| {
                for action in actions {
                    if let Action::Respond { body, .. } = action {
                        let children = Children::of(&body);
                        got.extend(children.filter_map(|it| it.tag.value("n").map(|n| n.into_owned())));
                    }
                }
            };
            for ask in asks {
                if ask {
                    rid += 1;
                    take(session.request(body(rid, "", ""), 0).unwrap());
                } else if let Some((n, size)) = sent.next() {
                    let text = "x".repeat(*size);
                    take(session.from_stream(&format!("<m n='{n}' xmlns='jabber:client'>{text}</m>"), 0));
                }
            }
            let left = sent.len();
            while session.backlog() > 0 {
                rid += 1;
                take(session.request(body(rid, "", ""), 0).unwrap());
            }
            let expected: Vec<String> = (0..sizes.len() - left).map(|n| n.to_string()).collect();
            prop_assert_eq!(got, expected);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(Request::parse(&bytes));
        }
    }
}
