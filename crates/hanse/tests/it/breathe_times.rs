//! Times that no clock should show, over the API: refused without a trace, and a stop is taken all the same.

use serde_json::{Value, json};

use crate::j8::{Stage, packets, recording, text};

/// The schema's own maximum, and a day.
const MAXIMUM: u64 = (1 << 53) - 1;
const DAY_MS: u64 = 24 * 3_600_000;

fn feed(stage: &mut Stage, session: &Value, inputs: &Value) -> Value {
    let path = format!("/v1/breath/sessions/{}/inputs", text(session, "/id"));
    stage.practise(&path, &json!({"inputs": inputs}))
}

/// Every input but a stop, at a time.
fn inputs(at_ms: u64) -> Value {
    json!([
        {"kind": "start", "at_ms": at_ms},
        {"kind": "packet", "at_ms": at_ms, "rr": [900, 930]},
        {"kind": "measurement", "at_ms": at_ms, "bytes": "163de803"},
        {"kind": "tick", "at_ms": at_ms},
        {"kind": "faster", "at_ms": at_ms},
        {"kind": "slower", "at_ms": at_ms},
        {"kind": "feeling", "at_ms": at_ms, "feeling": "unpleasant"},
    ])
}

/// REQ-360
#[test]
fn no_time_stops_a_session_from_being_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    let beats = recording("phantom_step_rf55");
    let mut started = packets(&beats, 0, 20);
    started.insert(0, json!({"kind": "start", "at_ms": 0}));
    let stops = [
        json!(MAXIMUM),
        json!(DAY_MS + 1),
        json!(0),
        json!(-5),
        json!("now"),
        Value::Null,
    ];
    for (place, at_ms) in (0..).zip(stops) {
        for first in [json!([]), json!(started)] {
            let person = format!("person-{place}-{}", first.as_array().unwrap().len());
            stage.consent(&person);
            let session = stage.open(&person, json!({"kind": "paced"}));
            let mut before = session["state"]["digest"].clone();
            if first != json!([]) {
                before = feed(&mut stage, &session, &first)["digest"].clone();
            }
            for absurd in [DAY_MS + 1, MAXIMUM] {
                let told = feed(&mut stage, &session, &inputs(absurd));
                let refused = told["refused"].as_array().unwrap();
                assert_eq!(refused.len(), 7, "{told}");
                for one in refused {
                    assert_eq!(one["code"], "time_out_of_range", "{told}");
                    let detail = one["detail"].as_str().unwrap();
                    assert!(
                        detail.contains("at_ms") && detail.contains("a day"),
                        "{detail}"
                    );
                }
                assert_eq!(told["digest"], before, "{told}");
            }
            let stop = json!([{"kind": "stop", "at_ms": at_ms, "by": "unwell"}]);
            let stopped = feed(&mut stage, &session, &stop);
            assert_eq!(
                (&stopped["status"], &stopped["pacer"]["running"]),
                (&json!("ended"), &json!(false)),
                "{at_ms}: {stopped}"
            );
        }
    }
}
