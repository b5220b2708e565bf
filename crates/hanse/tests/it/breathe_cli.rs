//! `hanse breathe` on recordings, without a node.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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

    // A record without its end is a record that was cut.
    let whole = fs::read_to_string(kept).unwrap();
    let end = whole.trim_end().rfind('\n').unwrap() + 1;
    fs::write(kept, &whole[..end]).unwrap();
    let cut = hanse(&["breathe", "replay", kept]);
    assert_eq!(cut.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&cut.stderr).contains("cut off"),
        "{cut:?}"
    );
    fs::write(kept, whole).unwrap();

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

/// Runs it with this on its standard input.
fn fed(arguments: &[&str], input: &str) -> Value {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hanse"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{arguments:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// REQ-316
#[test]
fn packets_csv_and_lines_from_files_and_the_standard_input_are_the_same_session() {
    let beats: Vec<u64> = recording("pyhrv_long").into_iter().take(300).collect();
    let lines: String = beats.iter().map(|rr| format!("{rr}\n")).collect();
    let mut ticks = 0;
    let row = |rr: &u64| {
        ticks += rr;
        format!("{},{rr}\n", (ticks * 1000 / 1024).div_ceil(1000) * 1000)
    };
    let csv: String = beats.iter().map(row).collect();
    // Flags: contact known and there, RR; 70 a minute; the interval, low byte first.
    let packet = |rr: &u64| format!("16 46 {:02x} {:02x}\n", rr % 256, rr / 256);
    let packets: String = beats.iter().map(packet).collect();
    let told = |input: &str, more: &[&str]| {
        let usual = [
            "breathe",
            "--rr",
            "-",
            "--minutes",
            "2",
            "--screened",
            "--json",
        ];
        let told = fed(&[&usual[..], more].concat(), input);
        assert_eq!(told["refused"], 0, "{told}");
        let of = |member: &str| told["summary"][member].clone();
        (of("outcome"), of("breathed_ms"))
    };
    let first = told(&lines, &["--unit", "ticks"]);
    assert_eq!(first.0, "completed");
    assert_eq!(
        told(&format!("at_ms,rr_1024\n{csv}"), &["--form", "csv"]),
        first
    );
    assert_eq!(told(&packets, &["--form", "packets"]), first);
    // As they arrive: what cannot be read is counted, and the end of the input ends the session.
    let live = [
        "breathe",
        "--rr",
        "-",
        "--form",
        "packets",
        "--live",
        "--screened",
        "--json",
    ];
    let told = fed(&live, "163de803\nnonsense\n");
    assert_eq!(
        (
            &told["unread"],
            &told["refused"],
            &told["summary"]["outcome"]
        ),
        (
            &Value::from(1),
            &Value::from(0),
            &Value::from("stopped_by_host")
        ),
        "{told}"
    );
}

/// A strap's packets: on the skin or off it.
fn packets(beats: &[u64], on_skin: bool) -> Vec<String> {
    let flags = if on_skin { "16" } else { "14" };
    let packet = |rr: &u64| format!("{flags} 46 {:02x} {:02x}", rr % 256, rr / 256);
    beats.iter().map(packet).collect()
}

/// Plays lines of a form; what it says, and the codes of what was decided.
fn played(lines: &[String], form: &str) -> (Value, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept.jsonl");
    let kept = kept.to_str().unwrap();
    let usual = [
        "breathe",
        "--rr",
        "-",
        "--pace",
        "6",
        "--screened",
        "--json",
    ];
    let more = ["--form", form, "--record", kept, "--minutes", "15"];
    let told = fed(&[&usual[..], &more].concat(), &(lines.join("\n") + "\n"));
    let record = fs::read_to_string(kept).unwrap();
    let events = record
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let codes = events.flat_map(|event: Value| {
        let decisions = event["data"]["decisions"].as_array().cloned();
        let codes = decisions.unwrap_or_default().into_iter();
        codes
            .filter_map(|it| it["code"].as_str().map(str::to_owned))
            .collect::<Vec<_>>()
    });
    (told, codes.collect())
}

/// REQ-362
#[test]
fn a_recording_plays_what_it_tells_of_contact_copies_and_silence() {
    let beats: Vec<u64> = recording("phantom_step_rf55")
        .into_iter()
        .take(400)
        .collect();
    let says = |codes: &[String], code: &str| codes.iter().any(|it| it == code);
    let (whole, codes) = played(&packets(&beats, true), "packets");
    assert!(
        !says(&codes, "no_contact") && !says(&codes, "data_lost"),
        "{whole}"
    );

    let mut off = packets(&beats[..100], true);
    off.extend(packets(&beats[100..], false));
    let (_, codes) = played(&off, "packets");
    assert!(says(&codes, "no_contact"), "{codes:?}");

    let once = packets(&beats, true);
    let twice: Vec<String> = once
        .iter()
        .flat_map(|it| [it.clone(), it.clone()])
        .collect();
    let (doubled, _) = played(&twice, "packets");
    assert_eq!(doubled["recording"]["repeated"], 400, "{doubled}");
    assert_eq!(doubled["refused"], 400, "{doubled}");
    assert_eq!(
        doubled["summary"]["breathed_ms"],
        whole["summary"]["breathed_ms"]
    );

    let mut at_ms = 0;
    let mut rows = vec!["at_ms,rr_1024".to_owned()];
    for (place, rr) in beats.iter().enumerate() {
        at_ms += rr * 1000 / 1024 + if place == 100 { 60_000 } else { 0 };
        rows.push(format!("{at_ms},{rr}"));
    }
    let (_, codes) = played(&rows, "csv");
    assert!(says(&codes, "data_lost"), "{codes:?}");
}

/// REQ-147: packets that share beats, in a file that does not tell when they came.
#[test]
fn a_recording_whose_packets_share_beats_says_so_and_takes_no_longer() {
    let beats: Vec<u64> = recording("phantom_step_rf55")
        .into_iter()
        .take(600)
        .collect();
    let sliding = beats.windows(3).map(|newest| {
        let beats: String = newest
            .iter()
            .map(|rr| format!(" {:02x} {:02x}", rr % 256, rr / 256))
            .collect();
        format!("16 46{beats}")
    });
    let (told, codes) = played(&sliding.collect::<Vec<_>>(), "packets");
    let overlaps = codes.iter().filter(|it| *it == "beats_overlap").count();
    // Two beats of three are left out: the session is held, and ends after some minutes.
    assert!(overlaps > 300, "{overlaps}");
    let length_ms = beats.iter().sum::<u64>() * 1000 / 1024;
    let part = told["recording"]["length_ms"].as_u64().unwrap();
    assert!(part.abs_diff(length_ms) < 10_000, "{told}");
}

/// REQ-148: in a file that tells when beats came, either unit for the other is named, on record and in
/// the figures of the whole.
#[test]
fn a_recording_in_another_unit_than_it_says_is_named() {
    let beats: Vec<u64> = recording("pyhrv_long").into_iter().take(1_200).collect();
    let rows = |column: &str, sent: fn(u64) -> u64| {
        let mut ticks = 0;
        let rows = beats.iter().map(|rr| {
            ticks += rr;
            format!("{},{}", ticks * 1000 / 1024, sent(*rr))
        });
        let mut lines = vec![format!("at_ms,{column}")];
        lines.extend(rows);
        lines
    };
    for (column, sent, code, unit) in [
        (
            "rr_1024",
            (|rr| rr * 1000 / 1024) as fn(u64) -> u64,
            "millis_for_ticks",
            "millis",
        ),
        ("rr_ms", |rr| rr, "ticks_for_millis", "ticks"),
    ] {
        let lines = rows(column, sent);
        let (_, codes) = played(&lines, "csv");
        let said = codes.iter().filter(|it| *it == code).count();
        assert_eq!(said, 1, "{column}: {codes:?}");
        let text = lines.join("\n");
        let measure = ["breathe", "measure", "--rr", "-", "--form", "csv"];
        let told = fed(&[&measure[..], &["--json"]].concat(), &text);
        assert_eq!(told["whole"]["other_unit"], unit, "{told}");
    }
    let (_, codes) = played(&rows("rr_1024", |rr| rr), "csv");
    assert!(!codes.iter().any(|it| it.contains("_for_")), "{codes:?}");
}

/// REQ-127
#[test]
fn of_a_recording_without_order_the_heart_rate_is_told_and_why_no_more() {
    let beats = recording("afdb_07859");
    let lines: Vec<String> = beats.iter().map(ToString::to_string).collect();
    let text = lines.join("\n");
    let measure = [
        "breathe", "measure", "--rr", "-", "--unit", "ticks", "--json",
    ];
    let whole = fed(&measure, &text)["whole"].clone();
    assert!(
        whole["heart_rate_milli_bpm"]["known"].is_object(),
        "{whole}"
    );
    assert_eq!(whole["sdnn_us"]["not_measured"], "irregular", "{whole}");
    let (_, codes) = played(&packets(&beats, true), "packets");
    assert!(codes.iter().any(|it| it == "beats_irregular"), "{codes:?}");
}

/// REQ-362
#[test]
fn a_whole_night_is_read_and_a_session_says_how_much_of_it_was_played() {
    let beats = recording("apnea_a01");
    let lines: Vec<String> = beats.iter().map(ToString::to_string).collect();
    let text = lines.join("\n");
    let told = fed(
        &[
            "breathe", "measure", "--rr", "-", "--unit", "ticks", "--json",
        ],
        &text,
    );
    let length_ms = beats.iter().sum::<u64>() * 1000 / 1024;
    assert!(length_ms > 7 * 3_600_000, "{length_ms}");
    assert!(told["length_ms"].as_u64().unwrap().abs_diff(length_ms) < 1_000);
    let stretches = told["stretches"].as_array().unwrap();
    assert_eq!(stretches.len() as u64, length_ms.div_ceil(300_000));
    let read = told["whole"]["beats"].as_u64().unwrap();
    assert!(
        read.abs_diff(beats.len() as u64) < 50,
        "{read} of {}",
        beats.len()
    );
    let usual = ["breathe", "--rr", "-", "--unit", "ticks", "--minutes", "2"];
    let told = fed(&[&usual[..], &["--screened", "--json"]].concat(), &text);
    let part = &told["recording"];
    assert_eq!(part["played_ms"], 120_000, "{told}");
    assert!(part["length_ms"].as_u64().unwrap().abs_diff(length_ms) < 1_000);
}

/// REQ-328
#[test]
fn ctrl_c_stops_the_session_and_what_happened_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let rr = file(folder.path(), "pyhrv_long");
    let kept = folder.path().join("session.jsonl");
    let mut child = Command::new(env!("CARGO_BIN_EXE_hanse"))
        .args([
            "breathe",
            "--unit",
            "ticks",
            "--screened",
            "--speed",
            "20",
            "--rr",
        ])
        .args([&rr, Path::new("--record"), &kept])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    said.read_line(&mut first).unwrap();
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success(), "{first}{rest}");
    assert!(
        rest.contains("outcome") && rest.contains("stopped"),
        "{rest}"
    );
    let replayed = hanse(&["breathe", "replay", kept.to_str().unwrap()]);
    assert!(replayed.status.success(), "{replayed:?}");
}

/// REQ-328
#[test]
fn the_view_fits_a_terminal_of_80_by_24_and_gives_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let rr = file(folder.path(), "phantom_step_rf55");
    let script = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]))";
    let shown = Command::new("python3")
        .args(["-c", script, env!("CARGO_BIN_EXE_hanse"), "breathe", "--rr"])
        .arg(rr)
        .args([
            "--unit",
            "ticks",
            "--minutes",
            "2",
            "--speed",
            "1000",
            "--screened",
        ])
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert!(shown.status.success(), "{shown:?}");
    let text = String::from_utf8(shown.stdout).unwrap();
    let begins = text.find("\x1b[?1049h").unwrap();
    let ends = text.find("\x1b[?1049l").unwrap();
    let pictures: Vec<&str> = text[begins..ends].split("\x1b[H").skip(1).collect();
    assert!(pictures.len() > 2_000, "{} pictures", pictures.len());
    for picture in &pictures {
        let lines: Vec<&str> = picture.split("\x1b[K\r\n").collect();
        assert!(lines.len() <= 24, "{} lines", lines.len());
        let widest = lines.iter().map(|line| line.chars().count()).max();
        assert!(widest.is_some_and(|width| width <= 80), "{picture}");
    }
    let last = pictures.last().unwrap();
    for word in ["following  ━", "resonance  ╌", "pace 6", "◆"] {
        assert!(last.contains(word), "no {word} in {last}");
    }
    // The heart's curve is dots of braille.
    assert!(
        last.chars().any(|letter| ('⠁'..='⣿').contains(&letter)),
        "{last}"
    );
    assert!(text[ends..].contains("outcome") && text[ends..].contains("completed"));
}
