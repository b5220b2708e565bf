//! `kill -9` in the middle of sessions, at points that a seed chooses, and what the node does about sessions by itself.

use std::process::Command;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::j8::{Stage, all_no, every_event, opening, packets, recording, text};
use crate::kill9::{Node, agent, post};

const KILLS: usize = 12;
const SEED: u64 = 0x5EED_0008;
/// Patience with a busy machine; nothing here depends on speed.
const PATIENCE: Duration = Duration::from_secs(60);

/// splitmix64 (Steele, Lea & Flood 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// A person's minute by minute, sent second by second, each with a key of its own.
struct Feed {
    path: String,
    seconds: Vec<Vec<Value>>,
    /// How many seconds the node said it has.
    acknowledged: usize,
    /// How many of them it had before it was asked again.
    replayed: usize,
}

impl Feed {
    /// Sends until the node is gone, which is some time after so many acknowledgements.
    fn until_killed(&mut self, stage: &Stage, acknowledgements: u64, then: Duration) {
        let (told, ears) = channel();
        let pid = stage.node.pid().to_string();
        let url = stage.node.url(&format!("{}/inputs", self.path));
        let token = stage.practitioner.clone();
        thread::scope(|scope| {
            scope.spawn(move || {
                for _ in 0..acknowledgements {
                    ears.recv_timeout(PATIENCE).expect("the node answers");
                }
                let asked = Instant::now();
                while asked.elapsed() < then {
                    std::hint::spin_loop();
                }
                let killed = Command::new("kill").args(["-9", &pid]).status().unwrap();
                assert!(killed.success());
                drop(ears);
            });
            let agent = agent();
            loop {
                let number = self.acknowledged;
                let body = json!({"inputs": self.seconds[number]});
                let key = format!("second-{number}");
                let Ok((status, replayed, body)) = post(&agent, &url, &token, &key, &body) else {
                    break;
                };
                assert_eq!((status, &body["refused"]), (200, &json!([])), "{body}");
                self.acknowledged += 1;
                self.replayed += usize::from(replayed);
                // The killer listens until it has heard enough.
                told.send(()).ok();
            }
        });
    }

    /// Everything acknowledged is there once and in order; at most one second is there that was not acknowledged.
    fn judge(&self, stage: &Stage) {
        let events = every_event(stage, &self.path);
        let seqs: Vec<u64> = events
            .iter()
            .map(|it| it["seq"].as_u64().unwrap())
            .collect();
        assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
        let inputs = events.iter().filter(|it| it["kind"] == "breath.input.v1");
        let heard: Vec<&Value> = inputs
            .filter(|it| it["data"]["input"] == "packet")
            .map(|it| &it["data"]["rr"])
            .collect();
        let sent: Vec<&Value> = self.seconds.iter().map(|second| &second[0]["rr"]).collect();
        assert!((self.acknowledged..=self.acknowledged + 1).contains(&heard.len()));
        assert_eq!(heard, sent[..heard.len()]);
        let replayed = stage.seen(&format!("{}/replay", self.path));
        assert_eq!(
            (&replayed["same"], &replayed["sealed"]),
            (&json!(true), &json!(false)),
            "{replayed}"
        );
    }
}

/// REQ-302 REQ-304 REQ-312
#[test]
fn a_session_killed_at_random_points_has_every_acknowledged_input_once_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    stage.consent("survivor");
    let session = stage.open("survivor", json!({"kind": "paced", "minutes": 30}));
    let path = format!("/v1/breath/sessions/{}", text(&session, "/id"));
    let start = json!({"inputs": [{"kind": "start", "at_ms": 0}]});
    stage.practise(&format!("{path}/inputs"), &start);
    let inputs = packets(&recording("pyhrv_long"), 0, 1_500);
    let mut feed = Feed {
        path: path.clone(),
        seconds: inputs.chunks(2).map(<[Value]>::to_vec).collect(),
        acknowledged: 0,
        replayed: 0,
    };
    let mut random = Random(SEED);
    for _ in 0..KILLS {
        let (acknowledgements, then) = (1 + random.below(12), random.below(6_000));
        feed.until_killed(&stage, acknowledgements, Duration::from_micros(then));
        stage.crash();
        feed.judge(&stage);
    }
    let stopped = stage.practise(&format!("{path}/stop"), &json!({}));
    assert_eq!(stopped["summary"]["outcome"], "stopped", "{stopped}");
    let replayed = stage.seen(&format!("{path}/replay"));
    assert_eq!(
        (&replayed["sealed"], &replayed["digest"]),
        (&json!(true), &stopped["digest"])
    );
    stage.node.kill();
    for check in ["fsck", "rebuild"] {
        let data = stage.data.to_str().unwrap();
        crate::kill9::hanse(&["journal", check, "--data", data]);
    }
}

/// REQ-322
#[test]
fn after_a_kill_the_nodes_own_clock_goes_on_without_anybody_asking() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    stage.consent("hosted");
    let body = opening("hosted", "host", json!({"kind": "paced"}), all_no());
    let session = stage.practise("/v1/breath/sessions", &body);
    let path = format!("/v1/breath/sessions/{}", text(&session, "/id"));
    let steps = |stage: &Stage| stage.seen(&format!("{path}/replay"))["steps"].clone();
    // Before the start there is nothing to time.
    let opened = steps(&stage);
    let start =
        json!({"inputs": [{"kind": "start"}, {"kind": "measurement", "bytes": "163de803"}]});
    let began = Instant::now();
    stage.practise(&format!("{path}/inputs"), &start);
    assert_eq!(opened, json!(2), "the opening and the screen");
    stage.crash();
    let before = steps(&stage).as_u64();
    while steps(&stage).as_u64() <= before {
        assert!(began.elapsed() < PATIENCE, "no time passes after a restart");
    }
    let stopped = stage.practise(&format!("{path}/stop"), &json!({}));
    assert_eq!(stopped["summary"]["outcome"], "stopped", "{stopped}");
    let breathed = stopped["summary"]["breathed_ms"].as_u64().unwrap();
    assert!(u128::from(breathed) <= began.elapsed().as_millis() + 1_000);
}

/// REQ-323
#[test]
fn a_session_is_erased_when_it_was_kept_for_its_days_and_one_that_runs_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    let (mut over, mut running) = (String::new(), String::new());
    for (person, path) in [("kept", &mut over), ("runs", &mut running)] {
        stage.consent(person);
        let session = stage.open(person, json!({"kind": "paced"}));
        *path = format!("/v1/breath/sessions/{}", text(&session, "/id"));
        let start = json!({"inputs": [{"kind": "start", "at_ms": 0}]});
        stage.practise(&format!("{path}/inputs"), &start);
    }
    stage.practise(&format!("{over}/stop"), &json!({}));
    stage.crash();
    assert_eq!(
        stage.seen(&over)["status"],
        "ended",
        "kept as long as nobody says for how long"
    );
    stage.node.kill();
    stage.node = Node::start_with(&stage.data, &["--breath-days", "0"]);
    let began = Instant::now();
    while stage.read(&stage.practitioner, &over).0 != 410 {
        assert!(began.elapsed() < PATIENCE, "nothing was erased");
    }
    assert_eq!(stage.seen(&running)["status"], "running");
    let (_, audit) = stage.read(&stage.operator, "/v1/audit/export");
    assert!(audit.contains("stream.erased.v1"));
}
