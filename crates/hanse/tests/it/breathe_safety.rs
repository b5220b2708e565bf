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

const START: &str = r#"{"inputs": [{"kind": "start", "at_ms": 0}]}"#;

fn start() -> Value {
    serde_json::from_str(START).unwrap()
}

fn refusal(answer: &Value) -> &Value {
    &answer["refused"][0]["code"]
}

/// REQ-310
#[test]
fn of_sessions_opened_at_once_none_ends_another_and_one_starts() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    stage.consent("twice");
    let body = opening("twice", "sender", json!({"kind": "paced"}), all_no());
    let writes = vec![("/v1/breath/sessions".to_owned(), body); 3];
    assert_eq!(at_once(&stage, &writes), [201, 201, 201]);
    assert_eq!(open_sessions(&stage, "twice"), 3);
    let page = stage.seen("/v1/breath/sessions?person=twice");
    let paths: Vec<String> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(path_of)
        .collect();
    let starts: Vec<_> = paths
        .iter()
        .map(|it| (format!("{it}/inputs"), start()))
        .collect();
    assert_eq!(at_once(&stage, &starts), [200, 200, 200]);
    let stands = |stage: &Stage, path: &String| stage.seen(path)["status"] == "running";
    let (running, waiting): (Vec<&String>, Vec<_>) =
        paths.iter().partition(|path| stands(&stage, path));
    assert_eq!(running.len(), 1, "nobody is paced twice");
    for path in &waiting {
        let again = stage.practise(&format!("{path}/inputs"), &start());
        assert_eq!(refusal(&again), "another_session_runs", "{again}");
    }
    // While one runs none is opened, and who may know of it is told which.
    let token = stage.practitioner.clone();
    let (status, beside) = stage.send(&token, "/v1/breath/sessions", &writes[0].1);
    let detail = text(&beside, "/errors/0/detail");
    assert_eq!(
        (status, &beside["errors"][0]["rule"]),
        (409, &json!("another_session_runs"))
    );
    assert!(
        running[0].ends_with(detail.rsplit(' ').next().unwrap()),
        "{detail}"
    );
    stage.practise(&format!("{}/stop", running[0]), &json!({}));
    // What was opened before it ran does not know how it went.
    for path in &waiting {
        let late = stage.practise(&format!("{path}/inputs"), &start());
        assert_eq!(refusal(&late), "opened_before", "{late}");
    }
    let fresh = stage.open("twice", json!({"kind": "paced"}));
    let started = feed(&mut stage, &fresh, &start()["inputs"]);
    assert_eq!(started["status"], "running", "{started}");
}

/// REQ-310 REQ-311 REQ-350
#[test]
fn a_practitioner_and_the_person_do_not_pace_at_once_and_what_one_session_closed_no_other_opens() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    let standing = json!({"kind": "staff", "roles": ["practitioner"]});
    let person = stage.member("guest-5", &standing);
    stage.consent("guest-5");
    let open = |stage: &mut Stage, token: &str, kind: &str| {
        let body = opening("guest-5", "sender", json!({"kind": kind}), all_no());
        path_of(&stage.done(token, "/v1/breath/sessions", &body))
    };
    let practitioner = stage.practitioner.clone();
    let adaptive = open(&mut stage, &practitioner, "adaptive");
    let earlier = open(&mut stage, &practitioner, "paced");
    let paced = open(&mut stage, &person, "paced");
    let inputs = |path: &str| format!("{path}/inputs");
    stage.done(&person, &inputs(&paced), &start());
    let beside = stage.practise(&inputs(&adaptive), &start());
    assert_eq!(refusal(&beside), "another_session_runs", "{beside}");
    let feel = json!({"inputs": [{"kind": "feeling", "at_ms": 5000, "feeling": "unpleasant"}]});
    let ended = stage.done(&person, &inputs(&paced), &feel);
    assert_eq!(ended["summary"]["outcome"], "unpleasant", "{ended}");
    stage.crash();
    let closed = stage.practise(&inputs(&earlier), &start());
    assert_eq!(refusal(&closed), "inhibited", "{closed}");
    let late = stage.practise(&inputs(&adaptive), &start());
    assert_eq!(refusal(&late), "opened_before", "{late}");
    stage.practise(&format!("{adaptive}/stop"), &json!({}));
    // Another practice goes badly as well: neither frees the other.
    let adaptive = open(&mut stage, &practitioner, "adaptive");
    stage.practise(&inputs(&adaptive), &start());
    stage.practise(&inputs(&adaptive), &feel);
    for kind in ["paced", "adaptive"] {
        let held = stage.open("guest-5", json!({"kind": kind}));
        assert_eq!(held["decisions"][0]["code"], "inhibited", "{held}");
        // No clock of a sender waits for it.
        let leap = json!([{"kind": "start", "at_ms": 90_000_000}]);
        let held = feed(&mut stage, &held, &leap);
        assert_eq!(refusal(&held), "inhibited", "{held}");
    }
}

/// Half an hour with the pacer, as a sender's clock has it.
fn half_an_hour(stage: &mut Stage, person: &str, beats: &[u64]) -> Value {
    let session = stage.open(person, json!({"kind": "paced", "minutes": 30}));
    assert_eq!(session["decisions"][0]["code"], "ready", "{session}");
    feed(stage, &session, &start()["inputs"]);
    for minute in (0..30).step_by(3) {
        let inputs = json!(packets(beats, minute * 60, minute * 60 + 180));
        feed(stage, &session, &inputs);
    }
    session
}

/// REQ-350
#[test]
fn erasing_sessions_frees_neither_the_dose_of_the_day_nor_a_practice_that_rests() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    stage.consent("eraser");
    let erase = |stage: &mut Stage, session: &Value| {
        let reason = json!({"reason": "subject_request"});
        stage.practise(&format!("{}/erase", path_of(session)), &reason);
    };
    // An unpleasant one is erased.
    let unpleasant = stage.open("eraser", json!({"kind": "adaptive"}));
    let bad = json!([
        {"kind": "start", "at_ms": 0},
        {"kind": "feeling", "at_ms": 5000, "feeling": "unpleasant"},
    ]);
    feed(&mut stage, &unpleasant, &bad);
    erase(&mut stage, &unpleasant);
    let held = stage.open("eraser", json!({"kind": "adaptive"}));
    assert_eq!(held["decisions"][0]["code"], "inhibited", "{held}");
    // Of two half hours one is erased, the other while it runs.
    let beats = recording("pyhrv_long");
    let first = half_an_hour(&mut stage, "eraser", &beats);
    erase(&mut stage, &first);
    let second = stage.open("eraser", json!({"kind": "paced", "minutes": 30}));
    feed(&mut stage, &second, &start()["inputs"]);
    feed(&mut stage, &second, &json!(packets(&beats, 0, 120)));
    erase(&mut stage, &second);
    stage.crash();
    let kept = stage.seen("/v1/breath/safety/eraser");
    assert_eq!(kept["breathed_ms"], 5_000 + 1_800_000 + 120_000, "{kept}");
    let third = half_an_hour(&mut stage, "eraser", &beats);
    let third = stage.seen(&path_of(&third));
    assert_eq!(third["summary"]["outcome"], "day_dose_spent", "{third}");
    assert_eq!(
        third["summary"]["breathed_ms"],
        3_600_000 - 1_925_000,
        "{third}"
    );
    let fourth = stage.open("eraser", json!({"kind": "paced"}));
    assert_eq!(fourth["decisions"][0]["code"], "day_dose_spent", "{fourth}");
    // Also a running one that is erased by order, past all of this, counts: whole.
    stage.consent("ordered");
    let ordered = stage.open("ordered", json!({"kind": "paced", "minutes": 20}));
    feed(&mut stage, &ordered, &start()["inputs"]);
    let stream = format!("zenb/session/{}", text(&ordered, "/id"));
    let order = json!({"stream": stream, "reason": "legal_order"});
    let operator = stage.operator.clone();
    stage.done(&operator, "/v1/journal/erasures", &order);
    let kept = stage.seen("/v1/breath/safety/ordered");
    assert_eq!(
        (&kept["breathed_ms"], &kept["running"]),
        (&json!(1_200_000), &Value::Null),
        "{kept}"
    );
    half_an_hour(&mut stage, "ordered", &beats);
}

/// REQ-351
#[test]
fn what_protects_a_person_is_shown_to_them_sealed_and_gone_with_their_consent() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    let standing = json!({"kind": "staff", "roles": ["practitioner"]});
    let person = stage.member("guest-6", &standing);
    let other = stage.member("eve", &standing);
    stage.consent("guest-6");
    let path = "/v1/breath/safety/guest-6";
    let nothing = stage.seen(path);
    assert_eq!(
        (&nothing["inhibitions"], &nothing["kept_until"]),
        (&json!([]), &Value::Null)
    );
    let session = stage.open("guest-6", json!({"kind": "paced"}));
    let bad = json!([
        {"kind": "start", "at_ms": 0},
        {"kind": "feeling", "at_ms": 60_000, "feeling": "unpleasant"},
    ]);
    feed(&mut stage, &session, &bad);
    let (status, kept) = stage.read(&person, path);
    let kept: Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(
        (status, &kept["breathed_ms"], &kept["day_dose_ms"]),
        (200, &json!(60_000), &json!(3_600_000)),
        "{kept}"
    );
    assert_eq!(kept["ground"], "GDPR Art. 9(2)(h) with Art. 17(3)(c)");
    assert_eq!(kept["inhibitions"][0]["practice"], "paced", "{kept}");
    assert_eq!(kept["practices"][0]["session"], session["id"], "{kept}");
    let (until, kept_until) = (
        text(&kept, "/inhibitions/0/until"),
        text(&kept, "/kept_until"),
    );
    let week = jiff::SignedDuration::from_hours(7 * 24);
    let (until, kept_until): (jiff::Timestamp, jiff::Timestamp) =
        (until.parse().unwrap(), kept_until.parse().unwrap());
    assert_eq!(kept_until.duration_since(until), week, "{kept}");
    assert_eq!(stage.read(&other, path).0, 404);
    let operator = stage.operator.clone();
    assert_eq!(stage.read(&operator, path).0, 403);
    // Sealed; the control is that its kind is in the same files.
    assert_eq!(
        crate::j8::files_with(&stage.data, r#""planned_ms""#),
        Vec::<std::path::PathBuf>::new()
    );
    assert!(!crate::j8::files_with(&stage.data, "breath.practice_began.v1").is_empty());
    stage.done(&person, "/v1/breath/consents/guest-6/withdraw", &json!({}));
    assert_eq!(stage.read(&person, path).0, 410);
    stage.node.kill();
    for check in ["fsck", "rebuild"] {
        let data = stage.data.to_str().unwrap();
        crate::kill9::hanse(&["journal", check, "--data", data]);
    }
}

/// REQ-352
#[test]
fn a_leap_over_a_long_silence_completes_no_session() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    stage.consent("silent");
    let session = stage.open("silent", json!({"kind": "paced", "minutes": 30}));
    feed(&mut stage, &session, &start()["inputs"]);
    let near = feed(
        &mut stage,
        &session,
        &json!([{"kind": "tick", "at_ms": 120_000}]),
    );
    assert_eq!(
        (&near["status"], &near["refused"]),
        (&json!("running"), &json!([])),
        "{near}"
    );
    let leap = json!([{"kind": "tick", "at_ms": 7_320_000}, {"kind": "tick", "at_ms": 7_321_000}]);
    let after = feed(&mut stage, &session, &leap);
    assert_eq!(refusal(&after), "silence", "{after}");
    let summary = &after["summary"];
    assert_eq!(
        (&summary["outcome"], &summary["breathed_ms"]),
        (&json!("stopped_by_host"), &json!(120_000)),
        "{after}"
    );
    let replayed = stage.seen(&format!("{}/replay", path_of(&session)));
    assert_eq!(
        (&replayed["same"], &replayed["sealed"]),
        (&json!(true), &json!(true))
    );
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
