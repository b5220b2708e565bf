//! What an auditor sees when somebody changed the files of a node: each change is found, and a tail that was cut off too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::j8::{Stage, hanse, packets, recording, text};
use crate::kill9::Node;

/// A copy of a node's folder; the node must be down.
fn copy(data: &Path, name: &str) -> PathBuf {
    let to = data.with_file_name(name);
    let copied = Command::new("cp").arg("-r").arg(data).arg(&to).status();
    assert!(copied.unwrap().success());
    to
}

fn change(data: &Path, statements: &str) {
    let script = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\nc.executescript(sys.argv[2])\nc.commit()";
    let changed = Command::new("python3")
        .args(["-c", script])
        .arg(data.join("journal.sqlite"))
        .arg(statements)
        .output()
        .unwrap();
    assert!(changed.status.success(), "{changed:?}");
}

fn fsck(data: &Path, expect: Option<&Path>) -> (bool, Value) {
    let mut arguments = vec![
        "journal",
        "fsck",
        "--json",
        "--data",
        data.to_str().unwrap(),
    ];
    if let Some(expect) = expect {
        arguments.extend(["--expect", expect.to_str().unwrap()]);
    }
    let checked = hanse(&arguments);
    let report = serde_json::from_slice(&checked.stdout).unwrap_or(Value::Null);
    (checked.status.success(), report)
}

/// REQ-304 REQ-327
#[test]
fn a_changed_record_is_found_and_so_is_a_tail_that_was_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    stage.consent("audited");
    let session = stage.open("audited", json!({"kind": "paced"}));
    let path = format!("/v1/breath/sessions/{}", text(&session, "/id"));
    let mut inputs = packets(&recording("pyhrv_long"), 0, 30);
    inputs.insert(0, json!({"kind": "start", "at_ms": 0}));
    stage.practise(&format!("{path}/inputs"), &json!({"inputs": inputs}));
    stage.node.kill();
    let earlier = copy(&stage.data, "earlier");
    stage.node = Node::start(&stage.data);
    stage.practise(&format!("{path}/stop"), &json!({"by": "unwell"}));
    assert_eq!(stage.seen(&format!("{path}/replay"))["sealed"], true);
    let (_, checkpoint) = stage.read(&stage.practitioner, "/tlog/checkpoint");
    let kept = folder.path().join("checkpoint");
    fs::write(&kept, checkpoint).unwrap();
    stage.node.kill();
    assert!(fsck(&stage.data, Some(&kept)).0);

    let of_session = format!(
        "stream = (SELECT id FROM streams WHERE name = 'zenb/session/{}')",
        text(&session, "/id")
    );
    let changes = [
        ("flipped", format!("UPDATE events SET payload = CAST(payload || x'00' AS BLOB) WHERE seq = 9 AND {of_session}")),
        ("swapped", format!("CREATE TEMP TABLE t AS SELECT seq, payload FROM events WHERE seq IN (9, 11) AND {of_session};
            UPDATE events SET payload = (SELECT payload FROM t WHERE t.seq = 20 - events.seq) WHERE seq IN (9, 11) AND {of_session}")),
        ("deleted", format!("DELETE FROM events WHERE seq = 9 AND {of_session}")),
        ("cut", format!("DELETE FROM events WHERE seq > 40 AND {of_session}")),
        ("cut with its head", format!("DELETE FROM events WHERE seq > 40 AND {of_session};
            UPDATE streams SET head_seq = 40, head_digest = (SELECT digest FROM events WHERE seq = 40 AND {of_session})
            WHERE name = 'zenb/session/{}'", text(&session, "/id"))),
    ];
    for (name, statements) in changes {
        let changed = copy(&stage.data, name);
        change(&changed, &statements);
        let (is_sound, report) = fsck(&changed, None);
        assert!(!is_sound, "{name} was not found: {report}");
    }
    // A whole journal of before is sound in itself. Who kept a checkpoint elsewhere sees that its end is missing, and
    // the session says that it has no end.
    assert!(fsck(&earlier, None).0);
    let (is_sound, report) = fsck(&earlier, Some(&kept));
    assert!(
        !is_sound,
        "a journal of before passes for the newest: {report}"
    );
    stage.data = earlier;
    stage.node = Node::start(&stage.data);
    let cut = stage.seen(&format!("{path}/replay"));
    assert_eq!(
        (&cut["same"], &cut["sealed"]),
        (&json!(true), &json!(false)),
        "{cut}"
    );
}
