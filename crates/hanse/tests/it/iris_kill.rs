//! Failure test F1: SIGKILL of the node, with messages acknowledged, waiting and under way.

use serde_json::json;

use crate::j6::{whole, xmpp};

#[test]
fn no_acknowledged_message_is_lost_or_doubled_when_the_node_is_killed() {
    let Some(rows) = xmpp("killtest.py", &["--servers", "hanse", "--json"], &[]) else {
        return;
    };
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 4);
    for row in rows {
        assert_eq!(
            (&row["acknowledged"], &row["sent"]),
            (&json!(1000), &json!(1000)),
            "{row}"
        );
        assert_eq!(row["delivered"], whole(), "delivered: {row}");
        assert_eq!(row["archive"], whole(), "archive: {row}");
    }
    assert_eq!(
        rows[3]["resumed"], true,
        "a silent device takes its session up after the kill: {}",
        rows[3]
    );
}

#[test]
fn a_burst_that_is_killed_at_random_points_arrives_once_and_in_order() {
    let seeds = std::env::var("HANSE_KILL_SEEDS").unwrap_or_else(|_| "1,2,3,4".to_owned());
    let Some(seen) = xmpp("killburst.py", &["--seeds", &seeds, "--kills", "3"], &[]) else {
        return;
    };
    for row in seen["rows"].as_array().unwrap() {
        assert_eq!(row["delivered"], whole(), "{row}");
        assert_eq!(
            row["archives"],
            json!({"recipient": whole(), "sender": whole()}),
            "{row}"
        );
        assert_eq!(row["resumed"]["sender"], 3, "{row}");
        assert_eq!(row["fresh"], json!({"sender": 0, "recipient": 0}), "{row}");
    }
}

/// Whether this user may mount a file system.
fn may_mount() -> Option<()> {
    let id = std::process::Command::new("id").arg("-u").output().ok()?;
    (id.stdout == b"0\n").then_some(())
}

#[test]
fn a_node_whose_full_disk_gets_room_goes_on_by_itself_and_says_everywhere_until_then_that_it_does_not()
 {
    if needs::or_skip(may_mount(), "a user who may mount a disk").is_none() {
        return;
    }
    let Some(row) = xmpp("fulldisk.py", &[], &[]) else {
        return;
    };
    assert_eq!(
        row["full"],
        json!({"readiness": 503, "messenger": false, "halted": ["1"], "doctor": true, "http_write": false}),
        "{row}"
    );
    assert_eq!(
        row["after"],
        json!({"readiness": 200, "messenger": true, "halted": ["0"], "doctor": false, "http_write": true}),
        "{row}"
    );
    for kept in [
        "acknowledged_before",
        "acknowledged_kept",
        "acknowledged_after",
        "same_process",
    ] {
        assert_eq!(row[kept], true, "{kept}: {row}");
    }
    assert_eq!(row["delivered"], whole(), "{row}");
    assert_eq!(
        row["archives"],
        json!({"from": whole(), "to": whole()}),
        "{row}"
    );
    assert_eq!(row["fresh"], json!({"sender": 0, "recipient": 0}), "{row}");
}

#[test]
fn every_kind_of_message_that_is_acknowledged_in_a_burst_with_kills_is_in_its_archives_once() {
    for kind in ["offline", "carbons", "room", "room-pm", "component"] {
        let arguments = ["--kind", kind, "--seeds", "1,2", "--kills", "2"];
        let Some(seen) = xmpp("killburst.py", &arguments, &[]) else {
            return;
        };
        for row in seen["rows"].as_array().unwrap() {
            assert_eq!(row["acknowledged"], true, "{row}");
            for (_, archive) in row["archives"].as_object().unwrap() {
                assert_eq!(archive, &whole(), "{row}");
            }
            assert_eq!(row["fresh"]["sender"], 0, "{row}");
            match kind {
                // Who is out of the room asks its archive; for a component nothing waits.
                "room" | "component" => assert_eq!(row["delivered"]["duplicated"], 0, "{row}"),
                _ => assert_eq!(row["delivered"], whole(), "{row}"),
            }
        }
    }
}
