//! The page at `/breathe` in a real browser, and what surrounds it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::j8::{Stage, every_event, packets, recording, text};

/// The browser of this machine. `tools/setup.sh` installs one.
fn chromium() -> Option<PathBuf> {
    needs::program(&["chromium", "chromium-browser", "google-chrome"])
}

/// REQ-320, REQ-321, REQ-353: the demo runs, the pacer moves without a jump, a key stops it, nothing is loaded from elsewhere.
#[test]
fn the_page_paces_a_recording_moves_smoothly_and_stops_at_a_key() {
    let Some(chromium) = chromium() else { return };
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::set(&folder.path().join("zone"));
    let link = stage
        .node
        .url(&format!("/breathe#token={}", stage.practitioner));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/browser/breathe.mjs");
    let pictures = std::env::var_os("HANSE_PICTURES");
    let walked = Command::new("node")
        .arg(script)
        .arg(chromium)
        .arg(link)
        .args(pictures)
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&walked.stderr);
    assert!(walked.status.success(), "{complaint}");
    let told: Value = serde_json::from_slice(&walked.stdout).unwrap();

    // What the browser did is in the journal, and replays.
    let path = format!("/v1/breath/sessions/{}", text(&told, "/session"));
    assert_eq!(stage.seen(&path)["summary"]["outcome"], "stopped");
    let replayed = stage.seen(&format!("{path}/replay"));
    assert_eq!(replayed["same"], json!(true), "{replayed}");
}

/// REQ-303: the journey's session, recomputed by the engine's build for browsers, in node and in Chromium.
#[test]
#[ignore = "needs the engine built for WebAssembly: tools/browser/wasm.sh builds it and runs this"]
fn the_same_session_has_the_same_digests_in_webassembly() {
    let module = std::env::var_os("HANSE_ZENB_WASM").expect("HANSE_ZENB_WASM names the module");
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    stage.consent("guest");
    let session = stage.open("guest", json!({"kind": "adaptive"}));
    let path = format!("/v1/breath/sessions/{}", text(&session, "/id"));
    let mut inputs = packets(&recording("pyhrv_long"), 0, 150);
    inputs.insert(0, json!({"kind": "start", "at_ms": 0}));
    stage.practise(&format!("{path}/inputs"), &json!({"inputs": inputs}));
    stage.crash();
    let stopped = stage.practise(&format!("{path}/stop"), &json!({}));
    let events = every_event(&stage, &path);
    let lines = events.iter().map(|event| {
        let event = json!({"type": event["kind"], "data": event["data"]});
        format!("{event}\n")
    });
    let record = folder.path().join("session.jsonl");
    std::fs::write(&record, lines.collect::<String>()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/browser/wasm.mjs");
    let replayed = Command::new("node")
        .arg(script)
        .arg(module)
        .arg(record)
        .args(chromium())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&replayed.stdout);
    assert!(replayed.status.success(), "{replayed:?}");
    // The opening, the screen, the start, a packet and a tick for each second, the stop.
    assert!(told.contains("node: 304 digests as recorded"), "{told}");
    assert_eq!(
        told.contains("chromium: 304 digests"),
        chromium().is_some(),
        "{told}"
    );
    let last = events
        .iter()
        .rfind(|event| event["kind"] == "breath.decided.v1");
    assert_eq!(last.unwrap()["data"]["digest"], stopped["digest"]);
}

/// REQ-321
#[test]
fn the_page_may_load_run_and_reach_nothing_but_the_node() {
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::set(&folder.path().join("zone"));
    let mut page = stage.agent.get(stage.node.url("/breathe")).call().unwrap();
    let header = |name: &str| page.headers()[name].to_str().unwrap().to_owned();
    let policy = header("content-security-policy");
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"));
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("referrer-policy"), "no-referrer");
    let text = page.body_mut().read_to_string().unwrap();
    assert!(text.contains("id=\"stop\""));
}
