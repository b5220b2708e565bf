//! Breath guidance under load, against the real binary: many inputs, long sessions, full queues, many people. `HANSE_LOAD=full`
//! makes the hours of the nightly run of minutes.

#![expect(clippy::print_stdout, reason = "what was measured is worth reading")]

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::Agent;

use crate::breathe_live::{Stream, connect};
use crate::j8::{Stage, all_no, opening, packets, recording, text};
use crate::kill9::{Node, agent, get, post};

/// What a node may grow by after its first hour, or its share of it.
const GROWTH_KIB_MAX: u64 = 48 * 1024;
/// Far above what a request takes; it only ends a test that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// The short form, or the one of the nightly run.
fn sized(short: u64, full: u64) -> u64 {
    match std::env::var("HANSE_LOAD").as_deref() {
        Ok("full") => full,
        _ => short,
    }
}

/// What a process has in memory, in KiB.
fn resident_kib(node: &Node) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", node.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.unwrap().parse().unwrap()
}

/// Sends inputs to one session, each batch once.
struct Feeder {
    id: String,
    agent: Agent,
    url: String,
    token: String,
    sent: u64,
    /// How long each batch took until it was durable.
    took: Vec<Duration>,
}

impl Feeder {
    fn of(stage: &Stage, session: &Value) -> Self {
        let id = text(session, "/id");
        let path = format!("/v1/breath/sessions/{id}/inputs");
        Self {
            id,
            agent: agent(),
            url: stage.node.url(&path),
            token: stage.practitioner.clone(),
            sent: 0,
            took: Vec::new(),
        }
    }

    #[track_caller]
    fn feed(&mut self, inputs: &[Value]) -> Value {
        self.sent += 1;
        let (begun, key) = (Instant::now(), format!("{}-{}", self.id, self.sent));
        let body = json!({"inputs": inputs});
        let (status, _, answer) = post(&self.agent, &self.url, &self.token, &key, &body).unwrap();
        assert_eq!(status, 200, "{answer}");
        self.took.push(begun.elapsed());
        answer
    }

    fn told(&self, inputs: u64) -> String {
        let mut took = self.took.clone();
        took.sort_unstable();
        let all: Duration = took.iter().sum();
        let at = |share: usize| took[(took.len() - 1) * share / 100];
        format!(
            "{inputs} inputs in {:.1} s, {:.0} a second; a batch is durable after {:.1} ms (median), {:.1} ms (99 %)",
            all.as_secs_f64(),
            inputs as f64 / all.as_secs_f64(),
            at(50).as_secs_f64() * 1000.0,
            at(99).as_secs_f64() * 1000.0,
        )
    }
}

/// A hundred inputs: the packet of a second and 99 ticks in between.
fn hundred(beats: &[u64], second: u64) -> Vec<Value> {
    let packet = packets(beats, second, second + 1).remove(0);
    let tick = |n: u64| json!({"kind": "tick", "at_ms": second * 1000 + n * 10});
    let mut inputs: Vec<Value> = (1..100).map(tick).collect();
    inputs.push(packet);
    inputs
}

/// REQ-355
#[test]
fn a_hundred_inputs_a_second_are_each_taken_durable_and_replay() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    stage.consent("busy");
    let beats = recording("pyhrv_long");
    // An hour is two sessions: no person is paced for longer in one, nor in a day.
    let (sessions, seconds) = (sized(1, 2), sized(60, 1_799));
    for _ in 0..sessions {
        let session = stage.open("busy", json!({"kind": "paced", "minutes": 30}));
        let mut feeder = Feeder::of(&stage, &session);
        feeder.feed(&[json!({"kind": "start", "at_ms": 0})]);
        let (before, mut last) = (resident_kib(&stage.node), Value::Null);
        for second in 0..seconds {
            last = feeder.feed(&hundred(&beats, second));
            assert_eq!(
                (&last["accepted"], &last["refused"]),
                (&json!(100), &json!([])),
                "{second}"
            );
        }
        let after = resident_kib(&stage.node);
        assert_eq!(last["status"], "running", "{last}");
        println!(
            "{}; memory {before} to {after} KiB",
            feeder.told(seconds * 100)
        );
        let all: Duration = feeder.took.iter().sum();
        assert!(
            all < Duration::from_secs(seconds),
            "slower than the strap: {all:?}"
        );
        assert!(after < before + GROWTH_KIB_MAX, "{before} to {after} KiB");
        let path = format!("/v1/breath/sessions/{}", text(&session, "/id"));
        let stopped = stage.practise(&format!("{path}/stop"), &json!({}));
        let begun = Instant::now();
        let replayed = stage.seen(&format!("{path}/replay"));
        println!(
            "replayed {} steps in {:.1} s",
            replayed["steps"],
            begun.elapsed().as_secs_f64()
        );
        assert_eq!(
            (&replayed["same"], &replayed["digest"]),
            (&json!(true), &stopped["digest"]),
            "{replayed}"
        );
    }
}

/// REQ-355
#[test]
fn a_session_of_many_hours_keeps_the_nodes_memory_flat() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    stage.consent("night");
    let beats = recording("pyhrv_long");
    let length_s = beats.iter().sum::<u64>() / 1024;
    // Measured, and not paced: no pacer runs for longer than half an hour.
    let session = stage.open("night", json!({"kind": "paced"}));
    let mut feeder = Feeder::of(&stage, &session);
    let (hours, hour_s) = (sized(2, 24), sized(600, 3_600));
    let (mut first, mut last, mut most) = (0, 0, 0);
    let mut second = 0;
    for hour in 0..hours {
        for _ in 0..hour_s / 100 {
            let inputs: Vec<Value> = (second..second + 100)
                .map(|at| {
                    let mut packet =
                        packets(&beats, at % (length_s - 1), at % (length_s - 1) + 1).remove(0);
                    packet["at_ms"] = json!((at + 1) * 1000);
                    packet
                })
                .collect();
            let answer = feeder.feed(&inputs);
            assert_eq!(answer["status"], "open", "{answer}");
            second += 100;
        }
        last = resident_kib(&stage.node);
        most = most.max(last);
        if hour == 0 {
            first = last;
        }
    }
    println!(
        "{hours} h of {hour_s} s: {}; memory after the first hour {first} KiB, at the end {last} KiB, at most {most} KiB",
        feeder.told(second)
    );
    assert!(most < first + GROWTH_KIB_MAX, "{first} to {most} KiB");
    let path = format!("/v1/breath/sessions/{}", text(&session, "/id"));
    let stopped = stage.practise(&format!("{path}/stop"), &json!({}));
    assert_eq!(stopped["status"], "ended", "{stopped}");
}

/// A gauge or counter of the node.
fn metric(stage: &Stage, name: &str) -> u64 {
    let url = text(&stage.node.said, "/metrics");
    let (_, metrics) = get(&stage.agent, &url, "");
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {metrics}"))
        .trim()
        .parse()
        .unwrap()
}

/// REQ-355
#[test]
fn a_flood_of_refused_inputs_is_noted_or_counted_and_no_input_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    stage.consent("flood");
    let session = stage.open("flood", json!({"kind": "paced"}));
    let id = text(&session, "/id");
    let mut feeder = Feeder::of(&stage, &session);
    feeder.feed(&[
        json!({"kind": "start", "at_ms": 0}),
        json!({"kind": "tick", "at_ms": 1_000}),
    ]);
    // Somebody watches and does not read.
    let mut deaf = watching(&stage, &id);
    let before = resident_kib(&stage.node);
    let (floods, rounds) = (4_u64, sized(30, 400));
    // Inputs that are refused are noted besides, and may be dropped; among them is one that is not.
    let accepted: u64 = thread::scope(|scope| {
        let floods: Vec<_> = (0..floods)
            .map(|flood| {
                let mut feeder = Feeder::of(&stage, &session);
                feeder.sent = 1_000_000 * (flood + 1);
                scope.spawn(move || {
                    let refused = json!({"kind": "packet", "at_ms": 0, "rr": [800]});
                    let mut inputs = vec![refused; 399];
                    inputs.push(json!({"kind": "tick", "at_ms": 1_000}));
                    let fed =
                        (0..rounds).map(|_| feeder.feed(&inputs)["accepted"].as_u64().unwrap());
                    fed.sum::<u64>()
                })
            })
            .collect();
        floods.into_iter().map(|it| it.join().unwrap()).sum()
    });
    let after = resident_kib(&stage.node);
    let (all, refused) = (floods * rounds, floods * rounds * 399);
    assert_eq!(accepted, all, "an input was lost");
    let begun = Instant::now();
    let dropped = metric(&stage, "hanse_journal_bulk_dropped_total ");
    while noted(&stage) + dropped < refused {
        assert!(
            begun.elapsed() < PATIENCE,
            "{} noted, {dropped} dropped of {refused}",
            noted(&stage)
        );
    }
    assert_eq!(noted(&stage) + dropped, refused);
    println!(
        "{accepted} inputs taken, {refused} refused, {dropped} of their notes dropped and counted; memory {before} to {after} KiB"
    );
    assert!(
        after < before + 2 * GROWTH_KIB_MAX,
        "{before} to {after} KiB"
    );
    // Who was too slow is told how it is, and nothing older comes after.
    let stopped = stage.practise(&format!("/v1/breath/sessions/{id}/stop"), &json!({}));
    let last = deaf.until(|frame| frame["status"] == "ended");
    assert_eq!(last["digest"], stopped["digest"]);
}

/// How many refused inputs are on the disk.
fn noted(stage: &Stage) -> u64 {
    let count = "SELECT count(*) FROM events WHERE instr(header, CAST('breath.seen.v1' AS BLOB))";
    let script = "import sqlite3, sys\nprint(sqlite3.connect(f'file:{sys.argv[1]}?mode=ro', uri=True).execute(sys.argv[2]).fetchone()[0])";
    let counted = Command::new("python3")
        .args(["-c", script])
        .arg(stage.data.join("journal.sqlite"))
        .arg(count)
        .output()
        .unwrap();
    assert!(counted.status.success(), "{counted:?}");
    String::from_utf8(counted.stdout)
        .unwrap()
        .trim()
        .parse()
        .unwrap()
}

fn watching(stage: &Stage, id: &str) -> Stream {
    let mut stream = connect(stage, id, None).unwrap();
    stream.say(&json!({"kind": "hello", "token": stage.practitioner}));
    stream
}

/// REQ-355
#[test]
fn many_people_at_once_are_each_paced_by_their_own_session() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    let beats = recording("pyhrv_long");
    let (people, seconds) = (sized(12, 100), sized(20, 300));
    let mut sessions = Vec::new();
    for person in 0..people {
        let person = format!("one-of-many-{person}");
        stage.consent(&person);
        let body = opening(&person, "sender", json!({"kind": "paced"}), all_no());
        sessions.push(stage.practise("/v1/breath/sessions", &body));
    }
    let begun = Instant::now();
    let feed = |session: &Value, stage: &Stage, offset: u64| {
        let mut feeder = Feeder::of(stage, session);
        feeder.feed(&[json!({"kind": "start", "at_ms": 0})]);
        for second in 0..seconds {
            let mut packet = packets(&beats, second + offset, second + offset + 1).remove(0);
            packet["at_ms"] = json!((second + 1) * 1000);
            let answer = feeder.feed(&[
                packet,
                json!({"kind": "tick", "at_ms": (second + 1) * 1000}),
            ]);
            assert_eq!(answer["refused"], json!([]), "{answer}");
        }
        feeder.took
    };
    let took: Vec<Duration> = thread::scope(|scope| {
        let stage = &stage;
        let fed: Vec<_> = (0..)
            .zip(&sessions)
            .map(|(offset, session)| scope.spawn(move || feed(session, stage, offset)))
            .collect();
        fed.into_iter().flat_map(|it| it.join().unwrap()).collect()
    });
    let all = begun.elapsed();
    let mut sorted = took.clone();
    sorted.sort_unstable();
    println!(
        "{people} people for {seconds} s each in {:.1} s: {:.0} seconds of practice a second; an input is durable after {:.1} ms (median), {:.1} ms (99 %)",
        all.as_secs_f64(),
        (people * seconds) as f64 / all.as_secs_f64(),
        sorted[sorted.len() / 2].as_secs_f64() * 1000.0,
        sorted[sorted.len() * 99 / 100].as_secs_f64() * 1000.0,
    );
    for session in &sessions {
        let path = format!("/v1/breath/sessions/{}", text(session, "/id"));
        let seen = stage.seen(&path);
        assert_eq!(
            (&seen["status"], &seen["person"]),
            (&json!("running"), &session["person"])
        );
        let stopped = stage.practise(&format!("{path}/stop"), &json!({}));
        assert_eq!(
            stopped["summary"]["breathed_ms"],
            json!(seconds * 1000),
            "{stopped}"
        );
        let replayed = stage.seen(&format!("{path}/replay"));
        assert_eq!(
            (&replayed["same"], &replayed["digest"]),
            (&json!(true), &stopped["digest"])
        );
    }
}
