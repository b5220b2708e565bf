//! Journey J8 against the real binary: a recorded heart-rate session is paced safely, journalled sealed, restored after
//! kill -9, replayed bit for bit, exported, and shredded when consent is taken back; its proofs verify afterwards.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use ureq::Agent;

use crate::kill9::{Node, administrator, agent, get, post};

/// A node, a practitioner, and others who must not see.
pub(crate) struct Stage {
    pub(crate) node: Node,
    pub(crate) agent: Agent,
    pub(crate) data: PathBuf,
    pub(crate) practitioner: String,
    pub(crate) operator: String,
    writes: u32,
}

impl Stage {
    pub(crate) fn set(data: &Path) -> Self {
        let node = Node::start(data);
        let operator = administrator(&node);
        let mut stage = Self {
            node,
            agent: agent(),
            data: data.to_owned(),
            practitioner: String::new(),
            operator,
            writes: 0,
        };
        let standing = json!({"kind": "staff", "roles": ["practitioner"]});
        stage.practitioner = stage.member("dora", &standing);
        stage
    }

    pub(crate) fn member(&mut self, id: &str, standing: &Value) -> String {
        let token = self.operator.clone();
        let body = json!({"id": id, "kind": "person", "display_name": id, "standing": standing});
        self.done(&token, "/v1/principals", &body);
        let issued = self.done(&token, "/v1/tokens", &json!({"principal": id}));
        text(&issued, "/token")
    }

    pub(crate) fn send(&mut self, token: &str, path: &str, body: &Value) -> (u16, Value) {
        self.writes += 1;
        let key = format!("w{}", self.writes);
        let (status, _, body) = post(&self.agent, &self.node.url(path), token, &key, body).unwrap();
        (status, body)
    }

    #[track_caller]
    pub(crate) fn done(&mut self, token: &str, path: &str, body: &Value) -> Value {
        let (status, body) = self.send(token, path, body);
        assert!((200..300).contains(&status), "{path}: {status} {body}");
        body
    }

    #[track_caller]
    pub(crate) fn practise(&mut self, path: &str, body: &Value) -> Value {
        let token = self.practitioner.clone();
        self.done(&token, path, body)
    }

    pub(crate) fn read(&self, token: &str, path: &str) -> (u16, String) {
        get(&self.agent, &self.node.url(path), token)
    }

    #[track_caller]
    pub(crate) fn seen(&self, path: &str) -> Value {
        let (status, body) = self.read(&self.practitioner, path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    pub(crate) fn consent(&mut self, person: &str) {
        self.practise("/v1/breath/consents", &json!({"person": person}));
    }

    pub(crate) fn open(&mut self, person: &str, protocol: Value) -> Value {
        let body = opening(person, "sender", protocol, all_no());
        self.practise("/v1/breath/sessions", &body)
    }

    /// kill -9, and the same folder again.
    pub(crate) fn crash(&mut self) {
        self.node.kill();
        self.node = Node::start(&self.data);
    }
}

pub(crate) fn opening(person: &str, clock: &str, protocol: Value, screen: Value) -> Value {
    json!({"person": person, "clock": clock, "protocol": protocol, "screen": screen})
}

const QUESTIONS: [&str; 12] = [
    "atrial_fibrillation_now",
    "fixed_heart_rhythm",
    "unwell_now",
    "driving_or_water",
    "minor",
    "frequent_palpitations",
    "severe_airway_disease",
    "epilepsy",
    "pregnancy",
    "psychosis_or_trauma",
    "low_blood_pressure",
    "insulin_or_pressure_medicine",
];

pub(crate) fn all_no() -> Value {
    with_yes("none")
}

pub(crate) fn with_yes(question: &str) -> Value {
    let answers = QUESTIONS.map(|it| json!({"question": it, "yes": it == question}));
    json!({"answers": answers, "clinician_agreed": false})
}

pub(crate) fn text(value: &Value, pointer: &str) -> String {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found
        .unwrap_or_else(|| panic!("no {pointer} in {value}"))
        .to_owned()
}

pub(crate) fn hanse(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hanse"))
        .args(arguments)
        .output()
        .unwrap()
}

/// Intervals of a recording in 1/1024 s.
pub(crate) fn recording(name: &str) -> Vec<u64> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../zenb/testdata/hrv");
    let file = fs::read(folder.join(name).with_extension("json")).unwrap();
    let file: Value = serde_json::from_slice(&file).unwrap();
    let series = |member: &str| file[member].as_array().cloned().unwrap_or_default();
    if series("rr_1024").is_empty() {
        let millis = series("rr_ms");
        let ticks = |ms: &Value| (ms.as_f64().unwrap() * 1.024).round() as u64;
        return millis.iter().map(ticks).collect();
    }
    series("rr_1024")
        .iter()
        .map(|rr| rr.as_u64().unwrap())
        .collect()
}

/// A strap's packets, one a second, with the node's ticks between them: inputs for seconds `from` to `to`.
pub(crate) fn packets(ticks: &[u64], from: u64, to: u64) -> Vec<Value> {
    let mut ends_ms = 0.0;
    let mut beats: Vec<(u64, u64)> = Vec::new();
    for &rr in ticks {
        ends_ms += rr as f64 * 1000.0 / 1024.0;
        beats.push((rr, ends_ms as u64));
    }
    let mut inputs = Vec::new();
    for second in from + 1..=to {
        let (begin, end) = ((second - 1) * 1000, second * 1000);
        let rr: Vec<u64> = beats
            .iter()
            .filter(|(_, at)| (begin..end).contains(at))
            .map(|(rr, _)| *rr)
            .collect();
        inputs.push(json!({"kind": "packet", "at_ms": end, "rr": rr, "contact": true}));
        inputs.push(json!({"kind": "tick", "at_ms": end}));
    }
    inputs
}

/// Every file below a folder that holds these bytes.
pub(crate) fn files_with(folder: &Path, bytes: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_with(&path, bytes));
        } else if memory_of(&path)
            .windows(bytes.len())
            .any(|window| window == bytes.as_bytes())
        {
            found.push(path);
        }
    }
    found
}

fn memory_of(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_default()
}

/// What every sealed packet holds, and nothing else does.
pub(crate) const CANARY: &str = r#""input":"packet""#;

/// REQ-301 REQ-302 REQ-303 REQ-304 REQ-305 REQ-306 REQ-307 REQ-308
#[test]
fn a_recorded_session_survives_a_crash_replays_and_is_gone_when_consent_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    let regulator = stage.member("regulator", &json!({"kind": "regulator"}));
    let other = json!({"kind": "staff", "roles": ["practitioner"]});
    let other = stage.member("eve", &other);
    let beats = recording("pyhrv_long");

    // REQ-301: without consent nothing is recorded.
    let body = opening("guest-1", "sender", json!({"kind": "adaptive"}), all_no());
    let practitioner = stage.practitioner.clone();
    let (status, refused) = stage.send(&practitioner, "/v1/breath/sessions", &body);
    assert_eq!(
        (status, &refused["code"]),
        (422, &json!("rule_violated")),
        "{refused}"
    );
    stage.consent("guest-1");
    let session = stage.practise("/v1/breath/sessions", &body);
    let path = format!("/v1/breath/sessions/{}", text(&session, "/id"));

    // REQ-302: what is answered is durable, through kill -9 in the middle.
    let mut inputs = vec![json!({"kind": "start", "at_ms": 0})];
    inputs.extend(packets(&beats, 0, 150));
    let stepped = stage.practise(&format!("{path}/inputs"), &json!({"inputs": inputs}));
    assert_eq!(
        (&stepped["refused"], &stepped["status"]),
        (&json!([]), &json!("running")),
        "{stepped}"
    );
    stage.crash();
    // The engine itself, beside the node, given the same inputs.
    let before = stage.seen(&format!("{path}/replay"));
    assert_eq!(
        (&before["same"], &before["digest"]),
        (&json!(true), &stepped["digest"]),
        "{before}"
    );
    let inputs = json!({"inputs": packets(&beats, 150, 300)});
    let stepped = stage.practise(&format!("{path}/inputs"), &inputs);
    assert_eq!(stepped["accepted"], 300, "{stepped}");
    let stopped = stage.practise(&format!("{path}/stop"), &json!({}));
    assert_eq!(stopped["summary"]["outcome"], "stopped", "{stopped}");
    assert_eq!(stopped["summary"]["breathed_ms"], 300_000, "{stopped}");

    // REQ-303: everything is recomputed, by the node and beside it, to the same digest.
    let replayed = stage.seen(&format!("{path}/replay"));
    assert_eq!(
        (&replayed["same"], &replayed["digest"]),
        (&json!(true), &stopped["digest"])
    );
    let (id, url) = (text(&session, "/id"), stage.node.url(""));
    let beside = hanse(&[
        "breathe",
        "replay",
        "--session",
        &id,
        "--json",
        "--url",
        &url,
        "--token",
        &practitioner,
    ]);
    assert!(beside.status.success(), "{beside:?}");
    let beside: Value = serde_json::from_slice(&beside.stdout).unwrap();
    assert_eq!(beside["digest"], stopped["digest"]);

    // REQ-304: sequence numbers have no gap, and the head is sealed by the last event.
    let events = every_event(&stage, &path);
    let seqs: Vec<u64> = events
        .iter()
        .map(|it| it["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    assert_eq!(events.last().unwrap()["kind"], "breath.ended.v1");
    assert_eq!(events.last().unwrap()["data"]["inputs_count"], 603);
    let checkpoints = events
        .iter()
        .filter(|it| it["kind"] == "breath.checkpoint.v1");
    assert!(checkpoints.clone().all(|it| it["data"]["seq"] == it["seq"]));
    assert!(checkpoints.count() >= 2);

    // REQ-305: taken along in three forms.
    let sent: Vec<u64> = packets(&beats, 0, 300)
        .iter()
        .flat_map(|it| it["rr"].as_array().cloned().unwrap_or_default())
        .map(|rr| rr.as_u64().unwrap())
        .collect();
    let (status, csv) = stage.read(&practitioner, &format!("{path}/export?format=csv"));
    assert_eq!(status, 200, "{csv}");
    let column: Vec<u64> = csv
        .lines()
        .skip(1)
        .map(|row| row.rsplit(',').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(column, sent);
    let (_, lines) = stage.read(&practitioner, &format!("{path}/export?format=rr"));
    assert_eq!(
        lines.lines().filter(|it| !it.starts_with('#')).count(),
        sent.len()
    );
    let (_, fhir) = stage.read(&practitioner, &format!("{path}/export?format=fhir"));
    let fhir: Value = serde_json::from_str(&fhir).unwrap();
    assert_eq!(
        (&fhir["resourceType"], &fhir["type"]),
        (&json!("Bundle"), &json!("collection"))
    );
    let rate = fhir
        .pointer("/entry/0/resource/valueQuantity/value")
        .and_then(Value::as_f64);
    assert!((50.0..110.0).contains(&rate.unwrap()), "{fhir}");

    // REQ-306: it is nobody else's.
    let administrator = stage.operator.clone();
    for (token, expected) in [(&regulator, 403), (&administrator, 403), (&other, 404)] {
        assert_eq!(stage.read(token, &path).0, expected);
    }
    let (_, audit) = stage.read(&regulator, "/v1/audit/export");
    assert!(audit.contains("breath.input.v1") && !audit.contains(CANARY));

    // REQ-307: sealed on the disk. The control finds what is not sealed in the same files.
    assert_eq!(files_with(&stage.data, CANARY), Vec::<PathBuf>::new());
    assert!(!files_with(&stage.data, "breath.input.v1").is_empty());

    // REQ-308: taken back, it is gone; what was proven stays provable.
    let index = events[5]["index"].as_u64().unwrap();
    stage.practise("/v1/breath/consents/guest-1/withdraw", &json!({}));
    for gone in [
        path.clone(),
        format!("{path}/events"),
        format!("{path}/export?format=rr"),
    ] {
        assert_eq!(stage.read(&practitioner, &gone).0, 410, "{gone}");
    }
    let (status, refused) = stage.send(&practitioner, "/v1/breath/sessions", &body);
    assert_eq!(
        (status, &refused["code"]),
        (422, &json!("rule_violated")),
        "{refused}"
    );
    let (status, again) = stage.send(
        &practitioner,
        "/v1/breath/consents",
        &json!({"person": "guest-1"}),
    );
    assert_eq!(
        (status, &again["code"]),
        (409, &json!("conflict")),
        "{again}"
    );
    let (status, proof) = stage.read(&regulator, &format!("/v1/journal/proofs/{index}"));
    assert_eq!(status, 200, "{proof}");
    let receipt = folder.path().join("receipt.json");
    fs::write(&receipt, proof).unwrap();
    let keys = [
        text(&stage.node.said, "/did"),
        text(&stage.node.said, "/log_key"),
    ];
    stage.node.kill();
    let verified = hanse(&[
        "verify",
        receipt.to_str().unwrap(),
        "--key",
        &keys[0],
        "--log-key",
        &keys[1],
    ]);
    assert!(verified.status.success(), "{verified:?}");
    let data = stage.data.to_str().unwrap().to_owned();
    for check in ["fsck", "rebuild"] {
        let checked = hanse(&["journal", check, "--data", &data]);
        assert!(checked.status.success(), "{checked:?}");
    }
}

pub(crate) fn every_event(stage: &Stage, path: &str) -> Vec<Value> {
    let (mut events, mut query) = (Vec::new(), "?limit=200".to_owned());
    loop {
        let page = stage.seen(&format!("{path}/events{query}"));
        events.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => query = format!("?limit=200&cursor={next}"),
            None => return events,
        }
    }
}

/// REQ-309
#[test]
fn nothing_starts_without_a_screen_that_clears_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    stage.consent("guest-2");
    let protocol = || json!({"kind": "paced"});
    let start = json!({"inputs": [{"kind": "start", "at_ms": 10}]});
    // REQ-309: a yes that forbids, a caution that nobody confirmed, an answer that is missing.
    let mut missing = all_no();
    missing["answers"].as_array_mut().unwrap().pop();
    for screen in [with_yes("minor"), with_yes("epilepsy"), missing] {
        let body = opening("guest-2", "sender", protocol(), screen);
        let session = stage.practise("/v1/breath/sessions", &body);
        assert_eq!(
            session["decisions"][1]["code"], "screen_refused",
            "{session}"
        );
        let inputs = format!("/v1/breath/sessions/{}/inputs", text(&session, "/id"));
        let stepped = stage.practise(&inputs, &start);
        assert_eq!(stepped["refused"][0]["code"], "screen_missing", "{stepped}");
        assert_eq!(
            (&stepped["accepted"], &stepped["status"]),
            (&json!(0), &json!("open"))
        );
    }
    let too_fast = json!({"kind": "paced", "milli_breaths": 12_001});
    let body = opening("guest-2", "sender", too_fast, all_no());
    let token = stage.practitioner.clone();
    let (status, refused) = stage.send(&token, "/v1/breath/sessions", &body);
    assert_eq!(
        (status, &refused["errors"][0]["rule"]),
        (422, &json!("rate_out_of_range")),
        "{refused}"
    );
}

/// REQ-311
#[test]
fn an_unpleasant_session_inhibits_the_practice_through_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    stage.consent("guest-3");
    let session = stage.open("guest-3", json!({"kind": "paced"}));
    let inputs = format!("/v1/breath/sessions/{}/inputs", text(&session, "/id"));
    let feel = json!({"inputs": [
        {"kind": "start", "at_ms": 0},
        {"kind": "feeling", "at_ms": 5000, "feeling": "unpleasant"},
    ]});
    let stepped = stage.practise(&inputs, &feel);
    assert_eq!(stepped["summary"]["outcome"], "unpleasant", "{stepped}");
    stage.crash();
    // REQ-311: a restart does not free what an episode closed.
    let again = stage.open("guest-3", json!({"kind": "paced"}));
    assert_eq!(again["decisions"][0]["code"], "inhibited", "{again}");
    let inputs = format!("/v1/breath/sessions/{}/inputs", text(&again, "/id"));
    let start = json!({"inputs": [{"kind": "start", "at_ms": 0}]});
    let stepped = stage.practise(&inputs, &start);
    assert_eq!(stepped["refused"][0]["code"], "inhibited", "{stepped}");
    let elsewhere = stage.open("guest-3", json!({"kind": "adaptive"}));
    assert_eq!(elsewhere["decisions"][0]["code"], "ready", "{elsewhere}");
}

/// REQ-312 REQ-313
#[test]
fn inputs_sent_again_with_their_key_are_taken_once_and_a_session_erased_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    stage.consent("guest-4");
    let session = stage.open("guest-4", json!({"kind": "paced"}));
    let path = format!("/v1/breath/sessions/{}", text(&session, "/id"));
    let url = stage.node.url(&format!("{path}/inputs"));
    let body = json!({"inputs": [{"kind": "start", "at_ms": 0}, {"kind": "tick", "at_ms": 900}, {"kind": "tick", "at_ms": 800}]});
    let token = stage.practitioner.clone();
    let send = |agent: &Agent| post(agent, &url, &token, "same", &body).unwrap();
    let (_, replayed, first) = send(&stage.agent);
    assert!(!replayed);
    // REQ-312: what is refused changes nothing and says why.
    assert_eq!(
        (&first["refused"][0]["code"], &first["refused"][0]["index"]),
        (&json!("backstep"), &json!(2)),
        "{first}"
    );
    let (_, replayed, second) = send(&stage.agent);
    assert!(replayed);
    assert_eq!(
        (&second["digest"], &second["events"]),
        (&first["digest"], &first["events"])
    );
    let erased = stage.practise(
        &format!("{path}/erase"),
        &json!({"reason": "subject_request"}),
    );
    assert!(erased["events"].as_u64().unwrap() > 5, "{erased}");
    let (status, gone) = stage.send(&token, &format!("{path}/inputs"), &body);
    assert_eq!((status, &gone["code"]), (410, &json!("gone")), "{gone}");
    // REQ-313: the person stays, and may begin again.
    stage.open("guest-4", json!({"kind": "paced"}));
}
