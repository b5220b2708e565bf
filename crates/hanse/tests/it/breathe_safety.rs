//! The rules that keep a person safe, through the real node: what is not known holds, a stop is always taken, a day has an
//! end, and nobody sees what is not theirs.

use std::process::Command;
use std::sync::Barrier;
use std::thread;

use serde_json::{Value, json};

use crate::j8::{Stage, all_no, every_event, opening, packets, recording, text, with_yes};
use crate::kill9::{Node, agent, post};

/// Changes the files of a node that is down, and starts it again.
fn tamper(stage: &mut Stage, statement: &str) {
    stage.node.kill();
    let script = "import sqlite3, sys\nwith sqlite3.connect(sys.argv[1]) as c: assert c.execute(sys.argv[2]).rowcount > 0";
    let changed = Command::new("python3")
        .args(["-c", script])
        .arg(stage.data.join("journal.sqlite"))
        .arg(statement)
        .output()
        .unwrap();
    assert!(changed.status.success(), "{changed:?}");
    stage.node = Node::start(&stage.data);
}

fn path_of(session: &Value) -> String {
    format!("/v1/breath/sessions/{}", text(session, "/id"))
}

fn feed(stage: &mut Stage, session: &Value, inputs: &Value) -> Value {
    let path = path_of(session);
    stage.practise(&format!("{path}/inputs"), &json!({"inputs": inputs}))
}

/// REQ-324
#[test]
fn inhibitions_that_cannot_be_read_hold_the_person_and_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    for person in ["hurt", "well"] {
        stage.consent(person);
    }
    let session = stage.open("hurt", json!({"kind": "paced"}));
    let unpleasant = json!([
        {"kind": "start", "at_ms": 0},
        {"kind": "feeling", "at_ms": 5000, "feeling": "unpleasant"},
    ]);
    feed(&mut stage, &session, &unpleasant);
    // The control: they are read, so another practice is free.
    let other = stage.open("hurt", json!({"kind": "adaptive"}));
    assert_eq!(other["decisions"][0]["code"], "ready", "{other}");

    let of_the_person = "WHERE kind = 'breath_inhibitions' AND id = 'hurt'";
    for statement in [
        format!("UPDATE records SET body = x'00' {of_the_person}"),
        format!("DELETE FROM records {of_the_person}"),
    ] {
        tamper(&mut stage, &statement);
        let held = stage.open("hurt", json!({"kind": "adaptive"}));
        let code = &held["decisions"][0]["code"];
        assert_eq!(code, "inhibitions_not_loaded", "{statement}: {held}");
        let refused = feed(&mut stage, &held, &json!([{"kind": "start", "at_ms": 0}]));
        assert_eq!(
            refused["refused"][0]["code"], "inhibitions_not_loaded",
            "{refused}"
        );
        let free = stage.open("well", json!({"kind": "adaptive"}));
        assert_eq!(free["decisions"][0]["code"], "ready", "{free}");
    }
    stage.node.kill();
    let data = stage.data.to_str().unwrap().to_owned();
    let rebuilt = crate::j8::hanse(&["journal", "rebuild", "--data", &data]);
    assert!(!rebuilt.status.success(), "the lost record is not missed");
}

/// REQ-325
#[test]
fn a_stop_is_taken_at_once_in_every_state_and_is_the_last_thing_on_record() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    let beats = recording("phantom_step_rf55");
    let started = |mut more: Vec<Value>| {
        more.insert(0, json!({"kind": "start", "at_ms": 0}));
        json!(more)
    };
    let silence: Vec<Value> = (1..=20)
        .map(|second| json!({"kind": "tick", "at_ms": second * 1000}))
        .collect();
    let (paced, steps) = (json!({"kind": "paced"}), json!({"kind": "assess_stepped"}));
    let states = [
        ("refused", &paced, with_yes("minor"), json!([])),
        ("ready", &paced, all_no(), json!([])),
        (
            "measured",
            &paced,
            all_no(),
            started(packets(&beats, 0, 60)),
        ),
        ("unmeasured", &paced, all_no(), started(silence)),
        (
            "resting",
            &steps,
            all_no(),
            started(packets(&beats, 0, 130)),
        ),
    ];
    for (person, protocol, screen, inputs) in states {
        stage.consent(person);
        let body = opening(person, "sender", protocol.clone(), screen);
        let session = stage.practise("/v1/breath/sessions", &body);
        let is_fed = inputs.as_array().is_some_and(|inputs| !inputs.is_empty());
        let before = if is_fed {
            feed(&mut stage, &session, &inputs)
        } else {
            session["state"].clone()
        };
        let stage_is = match person {
            "refused" => json!("expect_screen"),
            "ready" => json!("expect_start"),
            "resting" => json!("resting"),
            _ => json!("running"),
        };
        assert_eq!(before["view"]["stage"], stage_is, "{person}: {before}");
        let path = path_of(&session);
        let stopped = stage.practise(&format!("{path}/stop"), &json!({}));
        assert_eq!(
            (
                &stopped["status"],
                &stopped["pacer"]["running"],
                &stopped["refused"]
            ),
            (&json!("ended"), &json!(false), &json!([])),
            "{person}: {stopped}"
        );
        // At once: not at the end of the breath.
        assert_eq!(stopped["at_ms"], before["at_ms"], "{person}");
        let events = every_event(&stage, &path);
        let kinds: Vec<&Value> = events.iter().rev().take(3).map(|it| &it["kind"]).collect();
        assert_eq!(
            kinds,
            ["breath.ended.v1", "breath.decided.v1", "breath.input.v1"]
        );
        // The answers to the screen are an input like any other, and on record.
        let screened = events.iter().find(|it| it["data"]["input"] == "screen");
        let answers = screened.and_then(|it| it["data"]["answers"]["answers"].as_array());
        assert_eq!(answers.map(Vec::len), Some(12), "{person}");
        let token = stage.practitioner.clone();
        let (again, _) = stage.send(&token, &format!("{path}/stop"), &json!({}));
        assert_eq!(again, 409, "{person}");
    }
    // A stop among inputs is taken whatever its time says.
    let session = stage.open("ready", paced);
    feed(&mut stage, &session, &started(packets(&beats, 0, 10)));
    let stopped = feed(&mut stage, &session, &json!([{"kind": "stop", "at_ms": 0}]));
    assert_eq!(
        (&stopped["status"], &stopped["refused"]),
        (&json!("ended"), &json!([])),
        "{stopped}"
    );
}

/// REQ-326
#[test]
fn nobody_is_paced_for_more_than_an_hour_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    stage.consent("eager");
    let beats = recording("pyhrv_long");
    let longest = json!({"kind": "paced", "minutes": 30});
    for _ in 0..2 {
        let session = stage.open("eager", longest.clone());
        assert_eq!(session["decisions"][0]["code"], "ready", "{session}");
        feed(
            &mut stage,
            &session,
            &json!([{"kind": "start", "at_ms": 0}]),
        );
        let mut last = Value::Null;
        for minute in (0..30).step_by(3) {
            let inputs = json!(packets(&beats, minute * 60, minute * 60 + 180));
            last = feed(&mut stage, &session, &inputs);
        }
        assert_eq!(last["summary"]["breathed_ms"], 1_800_000, "{last}");
    }
    stage.crash();
    let third = stage.open("eager", json!({"kind": "adaptive", "minutes": 2}));
    assert_eq!(third["decisions"][0]["code"], "day_dose_spent", "{third}");
    let refused = feed(&mut stage, &third, &json!([{"kind": "start", "at_ms": 0}]));
    assert_eq!(refused["refused"][0]["code"], "day_dose_spent", "{refused}");
}

/// Writes that begin together, each by a thread of its own; the statuses.
fn at_once(stage: &Stage, writes: &[(String, Value)]) -> Vec<u16> {
    let (agent, token) = (agent(), &stage.practitioner);
    let line = Barrier::new(writes.len());
    let write = |(path, body): &(String, Value)| {
        line.wait();
        let url = stage.node.url(path);
        let key = format!("at-once-{:?}", thread::current().id());
        post(&agent, &url, token, &key, body).unwrap().0
    };
    thread::scope(|scope| {
        let begun: Vec<_> = writes
            .iter()
            .map(|one| scope.spawn(|| write(one)))
            .collect();
        begun.into_iter().map(|it| it.join().unwrap()).collect()
    })
}

fn open_sessions(stage: &Stage, person: &str) -> usize {
    let page = stage.seen(&format!("/v1/breath/sessions?person={person}"));
    let sessions = page["items"].as_array().unwrap();
    sessions.iter().filter(|it| it["status"] != "ended").count()
}

/// REQ-310
#[test]
fn of_sessions_opened_at_once_one_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    stage.consent("twice");
    let protocol = json!({"kind": "paced"});
    let body = opening("twice", "sender", protocol, all_no());
    let writes = vec![("/v1/breath/sessions".to_owned(), body); 3];
    for _ in 0..6 {
        assert_eq!(at_once(&stage, &writes), [201, 201, 201]);
        assert_eq!(open_sessions(&stage, "twice"), 1);
    }
}

/// REQ-301 REQ-308
#[test]
fn no_session_is_open_beside_a_withdrawal_of_its_consent() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    for round in 0..8 {
        let person = format!("leaves-{round}");
        stage.consent(&person);
        let body = opening(&person, "sender", json!({"kind": "paced"}), all_no());
        let withdraw = format!("/v1/breath/consents/{person}/withdraw");
        let statuses = at_once(
            &stage,
            &[
                ("/v1/breath/sessions".to_owned(), body),
                (withdraw, json!({})),
            ],
        );
        // It was opened and shredded, or not opened.
        assert!(matches!(statuses[..], [201 | 422, 200]), "{statuses:?}");
        assert_eq!(open_sessions(&stage, &person), 0, "{statuses:?}");
    }
}

/// REQ-306
#[test]
fn a_person_sees_stops_and_takes_back_what_a_practitioner_recorded_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    let standing = json!({"kind": "staff", "roles": ["practitioner"]});
    let person = stage.member("guest-9", &standing);
    let other = stage.member("eve", &standing);
    stage.consent("guest-9");
    let session = stage.open("guest-9", json!({"kind": "paced"}));
    feed(
        &mut stage,
        &session,
        &json!([{"kind": "start", "at_ms": 0}]),
    );
    let path = path_of(&session);
    let listed = |stage: &Stage, token: &str| {
        let (status, body) = stage.read(token, "/v1/breath/sessions?person=guest-9");
        assert_eq!(status, 200, "{body}");
        let page: Value = serde_json::from_str(&body).unwrap();
        page["items"].as_array().unwrap().len()
    };
    for (token, status, count) in [(&person, 200, 1), (&other, 404, 0)] {
        for part in ["", "/events", "/replay", "/export?format=csv"] {
            let (seen, _) = stage.read(token, &format!("{path}{part}"));
            assert_eq!(seen, status, "{part}");
        }
        assert_eq!(listed(&stage, token), count);
    }
    let (refused, _) = stage.send(&other, &format!("{path}/stop"), &json!({}));
    assert_eq!(refused, 404);
    stage.done(&person, &format!("{path}/stop"), &json!({}));
    let withdraw = "/v1/breath/consents/guest-9/withdraw";
    let (refused, _) = stage.send(&other, withdraw, &json!({}));
    assert_eq!(refused, 404);
    stage.done(&person, withdraw, &json!({}));
    for token in [&person, &stage.practitioner] {
        assert_eq!(stage.read(token, &path).0, 410);
    }
}
