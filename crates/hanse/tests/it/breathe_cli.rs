//! `hanse breathe` on recordings, without a node.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::j8::{hanse, recording};

fn file(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name).with_extension("txt");
    let lines: Vec<String> = recording(name).iter().map(ToString::to_string).collect();
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    path
}

/// REQ-316
#[test]
fn a_recording_is_paced_recorded_and_replayed_and_a_changed_line_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let rr = file(folder.path(), "pyhrv_long");
    let kept = folder.path().join("session.jsonl");
    let (rr, kept) = (rr.to_str().unwrap(), kept.to_str().unwrap());
    let played = ["breathe", "--rr", rr, "--unit", "ticks", "--minutes", "2"];
    let unscreened = hanse(&played);
    assert_eq!(unscreened.status.code(), Some(1), "{unscreened:?}");
    let minor = hanse(&[&played[..], &["--screened", "--yes", "minor"]].concat());
    assert_eq!(minor.status.code(), Some(1), "{minor:?}");
    let told = hanse(&[&played[..], &["--screened", "--json", "--record", kept]].concat());
    assert!(told.status.success(), "{told:?}");
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(told["summary"]["outcome"], "completed", "{told}");

    let replayed = hanse(&["breathe", "replay", kept, "--json"]);
    assert!(replayed.status.success(), "{replayed:?}");
    let replayed: Value = serde_json::from_slice(&replayed.stdout).unwrap();
    assert_eq!(replayed["digest"], told["digest"]);

    // One interval of one packet is another one: the decision after it is not what follows.
    let text = fs::read_to_string(kept).unwrap();
    let lines = text.lines().enumerate();
    let (place, line) = lines
        .filter(|(_, line)| line.contains("\"rr\":["))
        .nth(40)
        .unwrap();
    let changed = line.replacen("\"rr\":[", "\"rr\":[999,", 1);
    fs::write(kept, text.replacen(line, &changed, 1)).unwrap();
    let replayed = hanse(&["breathe", "replay", kept, "--json"]);
    assert_eq!(replayed.status.code(), Some(1));
    let replayed: Value = serde_json::from_slice(&replayed.stdout).unwrap();
    let at = replayed["diverged_at"].as_u64().unwrap();
    assert!(
        (place as u64 + 1..=place as u64 + 2).contains(&at),
        "{replayed}"
    );
    let usage = hanse(&["breathe", "--rr", rr, "--pace", "13", "--screened"]);
    assert_eq!(usage.status.code(), Some(2), "{usage:?}");
    let absent = hanse(&["breathe", "--rr", "/nowhere.txt", "--screened"]);
    assert_eq!(absent.status.code(), Some(3), "{absent:?}");
}

/// REQ-316
#[test]
fn an_assessment_finds_the_phantoms_resonance_and_a_flat_one_is_inconclusive() {
    let folder = tempfile::tempdir().unwrap();
    let assess = |name: &str| -> Value {
        let rr = file(folder.path(), name);
        let rr = rr.to_str().unwrap();
        let told = hanse(&["breathe", "assess", "--rr", rr, "--unit", "ticks", "--json"]);
        assert!(told.status.success(), "{told:?}");
        serde_json::from_slice(&told.stdout).unwrap()
    };
    let found = assess("phantom_step_rf55");
    let rate = found["finding"]["rate"]["milli_breaths"].as_i64();
    assert!(
        rate.is_some_and(|rate| (rate - 5_500).abs() <= 250),
        "{found}"
    );
    let flat = assess("phantom_step_flat");
    assert!(flat["finding"]["rate"].is_null(), "{flat}");
}
