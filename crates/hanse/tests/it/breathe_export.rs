//! What other programs get of a session, judged by others where others can be had.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::j8::{Stage, packets, recording, text};

fn export(stage: &Stage, session: &Value, format: &str) -> String {
    let path = format!(
        "/v1/breath/sessions/{}/export?format={format}",
        text(session, "/id")
    );
    let (status, body) = stage.read(&stage.practitioner, &path);
    assert_eq!(status, 200, "{body}");
    body
}

/// Another implementation's models of R4 read each resource; `false` where they refuse it.
fn judged(resources: &[Value]) -> Option<Vec<bool>> {
    let judges = needs::judges()?;
    let mut child = Command::new(judges.join("venv/bin/python"))
        .arg(judges.join("fhir_judge.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(json!(resources).to_string().as_bytes())
        .unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let verdicts: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    Some(verdicts.iter().map(|it| it["valid"] == true).collect())
}

/// The rules of R4 that its structure does not hold: obs-6 of Observation, per-1 of Period, and the profile of heart rates.
#[track_caller]
fn keeps_the_rules(bundle: &Value, is_ended: bool) {
    let entries = bundle["entry"].as_array().unwrap();
    assert_eq!(entries.len(), 3);
    for entry in entries {
        let resource = &entry["resource"];
        let status = if is_ended { "final" } else { "preliminary" };
        assert_eq!(resource["status"], status);
        let (value, absent) = (&resource["valueQuantity"], &resource["dataAbsentReason"]);
        assert!(value.is_null() != absent.is_null(), "{resource}");
        let period = &resource["effectivePeriod"];
        assert_eq!(period["end"].is_null(), !is_ended);
        assert!(period["end"].is_null() || text(period, "/start") <= text(period, "/end"));
        let code = resource
            .pointer("/code/coding/0/code")
            .and_then(Value::as_str);
        let category = &resource["category"][0]["coding"][0]["code"];
        assert_eq!(
            *category == "vital-signs",
            code == Some("8867-4"),
            "{resource}"
        );
        if !value.is_null() {
            assert_eq!(value["system"], "http://unitsofmeasure.org");
            assert!(["/min", "ms"].contains(&value["code"].as_str().unwrap()));
        }
    }
}

/// REQ-305
#[test]
fn fhir_is_r4_by_its_rules_and_by_anothers_models_before_the_end_and_after() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    stage.consent("guest");
    let session = stage.open("guest", json!({"kind": "paced"}));
    let path = format!("/v1/breath/sessions/{}", text(&session, "/id"));
    let bundle = |stage: &Stage| -> Value {
        serde_json::from_str(&export(stage, &session, "fhir")).unwrap()
    };
    let empty = bundle(&stage);
    keeps_the_rules(&empty, false);
    let mut inputs = packets(&recording("pyhrv_long"), 0, 120);
    inputs.insert(0, json!({"kind": "start", "at_ms": 0}));
    stage.practise(&format!("{path}/inputs"), &json!({"inputs": inputs}));
    let running = bundle(&stage);
    keeps_the_rules(&running, false);
    stage.practise(&format!("{path}/stop"), &json!({}));
    let ended = bundle(&stage);
    keeps_the_rules(&ended, true);
    let mut broken = ended.clone();
    broken["entry"][0]["resource"]["colour"] = json!("red");
    let mut lacking = ended.clone();
    lacking["entry"][0]["resource"]
        .as_object_mut()
        .unwrap()
        .remove("code");
    let verdicts = judged(&[empty, running, ended, broken, lacking]);
    assert!(verdicts.is_none_or(|it| it == [true, true, true, false, false]));
}

/// REQ-305
#[test]
fn what_is_exported_as_rr_or_csv_is_read_back_to_the_tick() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    stage.consent("guest");
    let session = stage.open("guest", json!({"kind": "paced"}));
    let path = format!("/v1/breath/sessions/{}", text(&session, "/id"));
    let sent = packets(&recording("pyhrv_long"), 0, 120);
    let mut inputs = sent.clone();
    inputs.insert(0, json!({"kind": "start", "at_ms": 0}));
    stage.practise(&format!("{path}/inputs"), &json!({"inputs": inputs}));
    let beats: Vec<u64> = sent
        .iter()
        .flat_map(|it| it["rr"].as_array().cloned().unwrap_or_default())
        .map(|rr| rr.as_u64().unwrap())
        .collect();
    let lines = export(&stage, &session, "rr");
    let ticks = zenb::sensors::rr_text(&lines, zenb::sensors::RrUnit::Millis).unwrap();
    assert_eq!(
        ticks
            .iter()
            .map(|it| u64::from(it.get()))
            .collect::<Vec<_>>(),
        beats
    );
    let rows = zenb::sensors::rr_csv(&export(&stage, &session, "csv")).unwrap();
    assert_eq!(
        rows.iter()
            .map(|it| u64::from(it.rr.get()))
            .collect::<Vec<_>>(),
        beats
    );
}

/// REQ-331
#[test]
fn history_is_paged_from_the_oldest_on_and_filtered_by_person_and_status() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    let mut opened = Vec::new();
    for person in ["one", "two", "three"] {
        stage.consent(person);
        let session = stage.open(person, json!({"kind": "paced"}));
        opened.push(text(&session, "/id"));
    }
    stage.practise(
        &format!("/v1/breath/sessions/{}/stop", opened[1]),
        &json!({}),
    );
    let ids = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap();
        items.iter().map(|it| text(it, "/id")).collect()
    };
    let first = stage.seen("/v1/breath/sessions?limit=2");
    assert_eq!(ids(&first), opened[..2]);
    let next = text(&first, "/next");
    let second = stage.seen(&format!("/v1/breath/sessions?limit=2&cursor={next}"));
    assert_eq!(
        (ids(&second), &second["next"]),
        (opened[2..].to_vec(), &Value::Null)
    );
    for (query, expected) in [
        ("status=ended", &opened[1..2]),
        ("status=running", &[][..]),
        ("person=three", &opened[2..]),
        ("person=three&status=ended", &[][..]),
    ] {
        let found = stage.seen(&format!("/v1/breath/sessions?{query}"));
        assert_eq!(ids(&found), expected, "{query}");
    }
}

/// What FHIR says of a session: status, SDNN in ms, and why there is none.
fn sdnn(stage: &Stage, session: &Value) -> (String, Option<f64>, Value) {
    let bundle: Value = serde_json::from_str(&export(stage, session, "fhir")).unwrap();
    let resource = &bundle["entry"][1]["resource"];
    let absent = &resource["dataAbsentReason"]["coding"][0]["code"];
    let value = resource["valueQuantity"]["value"].as_f64();
    (text(resource, "/status"), value, absent.clone())
}

/// A session of three minutes of a recording, every so many beats one missed; ended.
fn with_missed(stage: &mut Stage, person: &str, every: u64) -> (Value, Vec<Value>) {
    stage.consent(person);
    let session = stage.open(person, json!({"kind": "paced"}));
    let mut owed = 0;
    let mut heard = Vec::new();
    for (place, rr) in (1..).zip(recording("pyhrv_long")) {
        if place % every == 0 {
            owed = rr;
        } else {
            heard.push(rr + std::mem::take(&mut owed));
        }
    }
    let mut inputs = packets(&heard, 0, 180);
    inputs.insert(0, json!({"kind": "start", "at_ms": 0}));
    // Noise of a strap off the skin is no heart's.
    inputs.push(
        json!({"kind": "packet", "at_ms": 180_000, "rr": [300, 2000, 310], "contact": false}),
    );
    let path = format!("/v1/breath/sessions/{}", text(&session, "/id"));
    stage.practise(&format!("{path}/inputs"), &json!({"inputs": inputs}));
    stage.practise(&format!("{path}/stop"), &json!({}));
    (session, inputs)
}

/// REQ-361
#[test]
fn fhir_says_final_only_of_figures_without_artefacts() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    let (clean, _) = with_missed(&mut stage, "clean", u64::MAX);
    let (status, truth, _) = sdnn(&stage, &clean);
    assert_eq!(status, "final");
    let (few, _) = with_missed(&mut stage, "few", 60);
    let (status, mended, _) = sdnn(&stage, &few);
    assert_eq!(status, "final");
    let (truth, mended) = (truth.unwrap(), mended.unwrap());
    assert!((mended - truth).abs() < 0.05 * truth, "{mended} of {truth}");
    let (more, _) = with_missed(&mut stage, "more", 16);
    let (status, doubted, _) = sdnn(&stage, &more);
    assert_eq!(status, "preliminary");
    assert!(doubted.is_some());
    let (many, _) = with_missed(&mut stage, "many", 3);
    let (status, none, absent) = sdnn(&stage, &many);
    assert_eq!(
        (status.as_str(), none, absent),
        ("preliminary", None, json!("error"))
    );
}
