//! The live stream of a session over a WebSocket, against the real binary.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::http::HeaderValue;
use tungstenite::{HandshakeError, Message, WebSocket};

use crate::j8::{CANARY, Stage, all_no, files_with, opening, packets, recording, text};
use crate::kill9::Node;

/// A client of one live stream.
pub(crate) struct Stream(WebSocket<TcpStream>);

/// Asks for a stream; the status when it is refused.
pub(crate) fn connect(stage: &Stage, id: &str, origin: Option<&str>) -> Result<Stream, u16> {
    let url = stage.node.url(&format!("/v1/breath/sessions/{id}/live"));
    let url = url.replacen("http", "ws", 1);
    let mut request = url.as_str().into_client_request().unwrap();
    if let Some(origin) = origin {
        let origin = HeaderValue::from_str(origin).unwrap();
        request.headers_mut().insert("origin", origin);
    }
    let host = request.uri().authority().unwrap().to_string();
    let socket = TcpStream::connect(host).unwrap();
    let patience = Some(Duration::from_secs(20));
    socket.set_read_timeout(patience).unwrap();
    match tungstenite::client(request, socket) {
        Ok((socket, _)) => Ok(Stream(socket)),
        Err(HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
            Err(answer.status().as_u16())
        }
        Err(error) => panic!("{error}"),
    }
}

impl Stream {
    pub(crate) fn say(&mut self, value: &Value) {
        self.0.send(Message::text(value.to_string())).unwrap();
    }

    fn inputs(&mut self, inputs: &Value) {
        self.say(&json!({"kind": "inputs", "inputs": inputs}));
    }

    /// The next frame, or why the node closed.
    fn hear(&mut self) -> Result<Value, String> {
        loop {
            match self.0.read() {
                Ok(Message::Text(text)) => return Ok(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(frame)) => {
                    return Err(frame.map(|it| it.reason.to_string()).unwrap_or_default());
                }
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    #[track_caller]
    pub(crate) fn until(&mut self, is_so: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..200 {
            let frame = self.hear().unwrap();
            if is_so(&frame) {
                return frame;
            }
        }
        panic!("no frame is as it must be");
    }
}

fn hosted(stage: &mut Stage, person: &str) -> String {
    stage.consent(person);
    let body = opening(person, "host", json!({"kind": "paced"}), all_no());
    text(&stage.practise("/v1/breath/sessions", &body), "/id")
}

/// REQ-314
#[test]
fn a_strap_is_heard_over_a_websocket_and_a_stop_is_taken_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    let id = hosted(&mut stage, "strap");
    let mut stream = connect(&stage, &id, None).unwrap();
    stream.say(&json!({"kind": "hello", "token": stage.practitioner}));
    let first = stream.hear().unwrap();
    assert_eq!(
        (&first["kind"], &first["status"]),
        (&json!("state"), &json!("open")),
        "{first}"
    );
    // Flags: contact known and there, RR; 61 a minute; one interval of 1000/1024 s.
    stream.inputs(&json!([{"kind": "start"}, {"kind": "measurement", "bytes": "163de803"}]));
    let heard = stream.until(|frame| frame["beats"] == json!([1000]));
    assert_eq!(
        (&heard["status"], &heard["refused"]),
        (&json!("running"), &json!([])),
        "{heard}"
    );
    assert_eq!(heard["pacer"]["running"], true);
    // Whoever says a time where the node has the clock is refused, and nothing changes.
    stream.inputs(&json!([{"kind": "tick", "at_ms": 1}]));
    let unfit = stream.until(|frame| frame["kind"] == "refused");
    assert_eq!(unfit["code"], "rule_violated", "{unfit}");
    // The node lets time pass without being asked.
    let later = stream.until(|frame| frame["at_ms"].as_u64() > heard["at_ms"].as_u64());
    assert_eq!(later["kind"], "state");
    let asked = Instant::now();
    stream.inputs(&json!([{"kind": "stop"}]));
    let ended = stream.until(|frame| frame["status"] == "ended");
    assert!(asked.elapsed() < Duration::from_secs(5));
    assert_eq!(
        (&ended["summary"]["outcome"], &ended["pacer"]["running"]),
        (&json!("stopped"), &json!(false))
    );
    assert_eq!(
        stage.seen(&format!("/v1/breath/sessions/{id}"))["digest"],
        ended["digest"]
    );
}

/// REQ-314
#[test]
fn a_stream_without_a_token_from_elsewhere_or_of_another_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    let id = hosted(&mut stage, "alone");
    let other = json!({"kind": "staff", "roles": ["practitioner"]});
    let other = stage.member("eve", &other);
    assert_eq!(
        connect(&stage, &id, Some("http://elsewhere.example")).err(),
        Some(403)
    );
    for (hello, why) in [
        (json!({"kind": "inputs", "inputs": []}), "token_missing"),
        (json!({"kind": "hello", "token": "x"}), "token_invalid"),
        (
            json!({"kind": "hello", "token": stage.operator}),
            "scope_missing",
        ),
        (json!({"kind": "hello", "token": other}), "not_found"),
    ] {
        let mut stream = connect(&stage, &id, None).unwrap();
        stream.say(&hello);
        assert_eq!(stream.hear(), Err(why.to_owned()));
    }
    let (status, _) = stage.read(
        &stage.practitioner,
        &format!("/v1/breath/sessions/{id}/live"),
    );
    assert_eq!(status, 426);
}

/// A session whose sender has the clock, running, with a stream that shows `token`.
fn streamed(stage: &mut Stage, person: &str, token: &str) -> (String, Stream) {
    stage.consent(person);
    let session = stage.open(person, json!({"kind": "paced"}));
    let id = text(&session, "/id");
    let mut stream = connect(stage, &id, None).unwrap();
    stream.say(&json!({"kind": "hello", "token": token}));
    stream.inputs(&json!([{"kind": "start", "at_ms": 0}]));
    stream.until(|frame| frame["status"] == "running");
    (format!("/v1/breath/sessions/{id}"), stream)
}

fn tick(at_ms: u64) -> Value {
    json!([{"kind": "tick", "at_ms": at_ms}])
}

/// REQ-332
#[test]
fn a_token_that_is_taken_back_ends_the_live_stream_at_the_next_message() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    let operator = stage.operator.clone();
    let issued = stage.done(&operator, "/v1/tokens", &json!({"principal": "dora"}));
    let (path, mut stream) = streamed(&mut stage, "streamed", &text(&issued, "/token"));
    // The control: another token of the same practitioner.
    let id = path.rsplit('/').next().unwrap().to_owned();
    let mut other = connect(&stage, &id, None).unwrap();
    other.say(&json!({"kind": "hello", "token": stage.practitioner}));
    stream.inputs(&tick(1_000));
    let last = other.until(|frame| frame["at_ms"] == 1_000);
    let revoke = format!("/v1/tokens/{}/revoke", text(&issued, "/jti"));
    stage.done(&operator, &revoke, &json!({"reason": "lost"}));
    stream.until(|frame| frame["at_ms"] == 1_000);
    stream.inputs(&tick(2_000));
    assert_eq!(stream.hear(), Err("token_revoked".to_owned()));
    let replayed = stage.seen(&format!("{path}/replay"));
    assert_eq!(replayed["digest"], last["digest"], "{replayed}");
    other.inputs(&tick(3_000));
    other.until(|frame| frame["at_ms"] == 3_000);
    // Whoever may no longer act at all is heard no more, whatever the token.
    stage.done(
        &operator,
        "/v1/principals/dora/disable",
        &json!({"reason": "left"}),
    );
    other.inputs(&tick(4_000));
    assert_eq!(other.hear(), Err("principal_disabled".to_owned()));
}

/// REQ-308 REQ-332
#[test]
fn a_consent_that_is_taken_back_ends_the_live_stream_and_what_runs() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    let id = hosted(&mut stage, "regrets");
    let mut stream = connect(&stage, &id, None).unwrap();
    stream.say(&json!({"kind": "hello", "token": stage.practitioner}));
    stream.inputs(&json!([{"kind": "start"}]));
    stream.until(|frame| frame["status"] == "running");
    stage.practise("/v1/breath/consents/regrets/withdraw", &json!({}));
    stream.until(|frame| frame["kind"] == "erased");
    assert_eq!(stream.hear(), Err("gone".to_owned()));
    let token = stage.practitioner.clone();
    let path = format!("/v1/breath/sessions/{id}");
    let inputs = json!({"inputs": [{"kind": "tick"}]});
    let (status, _) = stage.send(&token, &format!("{path}/inputs"), &inputs);
    assert_eq!(status, 410);
    let mut late = connect(&stage, &id, None).unwrap();
    late.say(&json!({"kind": "hello", "token": token}));
    assert_eq!(late.hear(), Err("gone".to_owned()));
}

/// REQ-332
#[test]
fn without_a_consent_in_force_no_input_is_taken_but_a_stop_and_the_nodes_own_clock_stops() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    let (operator, token) = (stage.operator.clone(), stage.practitioner.clone());
    // Only the consent is erased, by order; its sessions are still there.
    let erase_consent = |stage: &mut Stage, person: &str| {
        let stream = format!("zenb/consent/{person}");
        let order = json!({"stream": stream, "reason": "legal_order"});
        stage.done(&operator, "/v1/journal/erasures", &order);
    };
    let (path, mut stream) = streamed(&mut stage, "ordered", &token);
    erase_consent(&mut stage, "ordered");
    stream.inputs(&tick(1_000));
    assert_eq!(stream.hear(), Err("rule_violated".to_owned()));
    let inputs = json!({"inputs": tick(1_000)});
    let (status, refused) = stage.send(&token, &format!("{path}/inputs"), &inputs);
    assert_eq!(
        (status, &refused["errors"][0]["rule"]),
        (422, &json!("consent")),
        "{refused}"
    );
    let stopped = stage.practise(&format!("{path}/stop"), &json!({}));
    assert_eq!(stopped["status"], "ended", "{stopped}");

    let id = hosted(&mut stage, "hosted");
    let path = format!("/v1/breath/sessions/{id}");
    let start = json!({"inputs": [{"kind": "start"}]});
    stage.practise(&format!("{path}/inputs"), &start);
    erase_consent(&mut stage, "hosted");
    let begun = Instant::now();
    while stage.seen(&path)["status"] != "ended" {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "time passes without a consent"
        );
    }
    assert_eq!(stage.seen(&path)["summary"]["outcome"], "stopped_by_host");
}

/// REQ-329
#[test]
fn what_no_heart_can_have_sent_is_refused_with_its_reason_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    stage.consent("fenced");
    let session = stage.open("fenced", json!({"kind": "paced"}));
    let id = text(&session, "/id");
    let mut stream = connect(&stage, &id, None).unwrap();
    stream.say(&json!({"kind": "hello", "token": stage.practitioner}));
    stream.inputs(&json!([{"kind": "start", "at_ms": 0}]));
    let beats = recording("pyhrv_long");
    stream.inputs(&json!(packets(&beats, 0, 10)));
    let good = stream.until(|frame| frame["at_ms"] == 10_000);
    let packet = |at_ms: u64, rr: &[u64]| json!([{"kind": "packet", "at_ms": at_ms, "rr": rr, "contact": true}]);
    let last = packets(&beats, 0, 10)[18]["rr"].clone();
    let fenced = [
        ("no interval at all", packet(10_500, &[0])),
        ("longer than a life", packet(10_500, &[65_535])),
        ("a clock that steps back", packet(9_000, &[800])),
        (
            "a clock beyond its range",
            packet(9_007_199_254_740_991, &[800]),
        ),
        (
            "the same packet again",
            json!([{"kind": "packet", "at_ms": 10_000, "rr": last, "contact": true}]),
        ),
        ("a value that never changes", packet(10_200, &[900; 20])),
    ];
    let mut refused = 0;
    for (what, inputs) in &fenced {
        stream.inputs(inputs);
        let frame = stream.until(|frame| frame["refused"][0]["index"] == 0);
        let reason = &frame["refused"][0];
        assert!(
            reason["code"].is_string() && reason["detail"].is_string(),
            "{what}: {frame}"
        );
        assert_eq!(
            (&frame["digest"], &frame["beats"]),
            (&good["digest"], &json!([])),
            "{what}"
        );
        refused += 1;
    }
    // What came from no one heart is taken without its beats, and said.
    stream.inputs(&packet(10_200, &[900, 910, 920, 930, 940, 950]));
    let good = stream.until(|frame| frame["at_ms"] == 10_200);
    assert_eq!(good["beats"], json!([]), "{good}");
    assert_eq!(good["decisions"][0]["kind"], "fenced", "{good}");
    assert_eq!(good["decisions"][0]["code"], "beats_ahead", "{good}");
    // What is no number of the wire's types does not even reach the engine.
    for text in [
        r#"{"kind":"inputs","inputs":[{"kind":"packet","at_ms":11000,"rr":[NaN]}]}"#,
        r#"{"kind":"inputs","inputs":[{"kind":"packet","at_ms":11000,"rr":[1e999]}]}"#,
        r#"{"kind":"inputs","inputs":[{"kind":"packet","at_ms":11000,"rr":[-1]}]}"#,
        r#"{"kind":"inputs","inputs":[{"kind":"packet","at_ms":11000,"rr":[70000]}]}"#,
        r#"{"kind":"inputs","inputs":[{"kind":"packet","at_ms":11000,"rr":[800.5]}]}"#,
        r#"{"kind":"inputs","inputs":[{"kind":"packet","at_ms":11000,"rr":[800],"bpm":60}]}"#,
    ] {
        stream.0.send(Message::text(text)).unwrap();
        let unfit = stream.until(|frame| frame["kind"] == "refused");
        assert_eq!(unfit["code"], "body_invalid", "{text}");
    }
    let replayed = stage.seen(&format!("/v1/breath/sessions/{id}/replay"));
    assert_eq!(replayed["digest"], good["digest"]);
    // Refusals are seen besides, in a stream that may drop, and counts what it drops.
    let begun = Instant::now();
    let noted = |stage: &Stage| {
        let (_, audit) = stage.read(&stage.operator, "/v1/audit/export");
        audit.matches("breath.seen.v1").count()
    };
    while noted(&stage) < refused {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "refusals are not on record"
        );
    }
}

/// REQ-315
#[test]
fn when_the_journal_cannot_write_the_pacer_holds_and_the_client_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    stage.consent("full");
    stage.node.kill();
    stage.node = Node::start_on_small_disk(&stage.data);
    let session = stage.open("full", json!({"kind": "paced"}));
    let id = text(&session, "/id");
    let mut stream = connect(&stage, &id, None).unwrap();
    stream.say(&json!({"kind": "hello", "token": stage.practitioner}));
    stream.inputs(&json!([{"kind": "start", "at_ms": 0}]));
    let started = stream.until(|frame| frame["status"] == "running");
    let beats = recording("pyhrv_long");
    stage.node.fill_disk(64 << 10);
    let (mut last, mut held) = (started, None);
    for minute in 0..10 {
        stream.inputs(&json!(packets(&beats, minute * 60, minute * 60 + 60)));
        let frame = stream.until(|frame| frame["kind"] != "refused");
        if frame["kind"] == "hold" {
            held = Some(frame);
            break;
        }
        last = frame;
    }
    let held = held.expect("a full disk takes no ten minutes");
    assert_eq!(
        (&held["code"], &held["pacer"]),
        (&json!("journal_unavailable"), &last["pacer"]),
        "{held}"
    );
    let path = format!("/v1/breath/sessions/{id}/inputs");
    let token = stage.practitioner.clone();
    let tick = json!({"inputs": [{"kind": "tick", "at_ms": 900_000}]});
    let (status, refused) = stage.send(&token, &path, &tick);
    assert_eq!(
        (status, &refused["code"]),
        (503, &json!("journal_unavailable")),
        "{refused}"
    );
    // What was put aside is sealed, too; and on a larger disk the session is where it was.
    assert_eq!(
        files_with(&stage.data, CANARY),
        Vec::<std::path::PathBuf>::new()
    );
    stage.crash();
    let replayed = stage.seen(&format!("/v1/breath/sessions/{id}/replay"));
    assert_eq!(replayed["same"], true, "{replayed}");
}
