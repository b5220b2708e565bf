//! The real binary on the files of a zone, and used wrongly. No node runs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn hanse(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hanse"));
    command.args(arguments).env("HANSE_DATA", data);
    command
        .env("HANSE_URL", "http://127.0.0.1:1")
        .env_remove("HANSE_TOKEN");
    command.output().unwrap()
}

#[track_caller]
fn check(data: &Path, arguments: &[&str], exit: i32) -> String {
    let output = hanse(data, arguments);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(
        output.status.code(),
        Some(exit),
        "{arguments:?}\n{out}\n{err}"
    );
    format!("{out}{err}")
}

#[track_caller]
fn json(data: &Path, arguments: &[&str], exit: i32) -> Value {
    let output = hanse(data, &[arguments, &["--json"]].concat());
    assert_eq!(
        output.status.code(),
        Some(exit),
        "{arguments:?}\n{}",
        text(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A data folder with the manifest of the tests and the project's law pack, without a lock.
fn zone() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let manifest =
        std::fs::read_to_string(repository().join("crates/law/testdata/zone.yaml")).unwrap();
    let without = manifest.replace("  - id: sanctions\n    version: 2021.7.0\n", "");
    assert_ne!(
        manifest, without,
        "the manifest names the pack that no law is in"
    );
    std::fs::write(folder.path().join("zone.yaml"), without).unwrap();
    copy(
        &repository().join("packs/pk"),
        &folder.path().join("packs/pk"),
    );
    folder
}

fn append(path: &Path, text: &str) {
    let before = std::fs::read_to_string(path).unwrap();
    std::fs::write(path, before + text).unwrap();
}

#[test]
fn a_zone_without_a_lock_is_refused_until_it_is_locked() {
    let zone = zone();
    let data = zone.path();
    assert!(check(data, &["zone", "check"], 1).contains("there is no"));
    let locked = json(data, &["zone", "lock"], 0);
    let checked = json(data, &["zone", "check"], 0);
    assert_eq!(checked["total"], locked["total"]);
    assert_eq!(checked["problems"], serde_json::json!([]));
    check(data, &["zone", "lock", "--check"], 0);
}

#[test]
fn locking_twice_gives_the_same_bytes() {
    let zone = zone();
    let lock = zone.path().join("zone.lock");
    check(zone.path(), &["zone", "lock"], 0);
    let first = std::fs::read(&lock).unwrap();
    check(zone.path(), &["zone", "lock"], 0);
    assert_eq!(std::fs::read(&lock).unwrap(), first);
}

#[test]
fn one_changed_byte_of_a_pack_is_named_and_the_lock_stays_as_it_was() {
    let zone = zone();
    let data = zone.path();
    check(data, &["zone", "lock"], 0);
    let lock = std::fs::read(data.join("zone.lock")).unwrap();
    append(&data.join("packs/pk/policies/tax.cedar"), "\n");
    for arguments in [&["zone", "check"][..], &["zone", "lock", "--check"]] {
        let answer = json(data, arguments, 1);
        let drift = answer["drift"].as_array().unwrap();
        assert_eq!(drift.len(), 1, "{answer}");
        assert_eq!(drift[0]["place"], "packs/pk/policies/tax.cedar");
    }
    assert_eq!(std::fs::read(data.join("zone.lock")).unwrap(), lock);
}

#[test]
fn an_edited_lock_is_refused_and_can_be_written_again() {
    let zone = zone();
    let data = zone.path();
    check(data, &["zone", "lock"], 0);
    append(&data.join("zone.lock"), "x");
    check(data, &["zone", "check"], 1);
    check(data, &["zone", "lock"], 0);
    check(data, &["zone", "check"], 0);
}

#[test]
fn every_problem_of_a_manifest_is_listed() {
    let zone = zone();
    let data = zone.path();
    append(&data.join("zone.yaml"), "surprise: 1\nlawpacks: []\n");
    let problems = json(data, &["zone", "check"], 1)["problems"].clone();
    let listed = problems.to_string();
    assert!(
        listed.contains("surprise") && listed.contains("lawpacks"),
        "{listed}"
    );
}

#[test]
fn problems_of_two_packs_are_listed_together() {
    let zone = zone();
    let data = zone.path();
    let manifest = std::fs::read_to_string(data.join("zone.yaml")).unwrap();
    let two = manifest.replace("packs:\n", "packs:\n  - id: empty\n    version: 1.0.0\n");
    std::fs::write(data.join("zone.yaml"), two).unwrap();
    std::fs::create_dir(data.join("packs/empty")).unwrap();
    std::fs::write(data.join("packs/pk/stray.txt"), "x").unwrap();
    let listed = json(data, &["zone", "check"], 1)["problems"].to_string();
    assert!(
        listed.contains("packs/pk") && listed.contains("packs/empty"),
        "{listed}"
    );
}

#[test]
fn files_that_are_not_there_are_the_environment() {
    let empty = tempfile::tempdir().unwrap();
    for arguments in [
        &["zone", "check"][..],
        &["zone", "lock"],
        &["zone", "test"],
        &["zone", "test", "nowhere"],
        &["zone", "diff", "nowhere", "nowhere"],
        &["entity", "apply", "nowhere.json"],
    ] {
        check(empty.path(), arguments, 3);
    }
}

#[test]
fn the_cases_of_the_projects_packs_hold() {
    let zone = zone();
    let answer = json(zone.path(), &["zone", "test"], 0);
    let cases = answer["cases"].as_array().unwrap();
    assert!(cases.len() >= 20, "{} cases", cases.len());
    assert!(
        cases.iter().all(|case| case["outcome"] == "holds"),
        "{answer}"
    );
    let table = check(zone.path(), &["zone", "test"], 0);
    assert_eq!(table.lines().count(), cases.len() + 1);
}

#[test]
fn a_case_that_does_not_hold_is_named() {
    let zone = zone();
    let cases = zone.path().join("packs/pk/tests/companies.yaml");
    let before = std::fs::read_to_string(&cases).unwrap();
    let after = before.replacen("state: non_compliant", "state: compliant", 1);
    assert_ne!(before, after);
    std::fs::write(&cases, after).unwrap();
    let folder = zone.path().join("packs/pk");
    let told = check(zone.path(), &["zone", "test", folder.to_str().unwrap()], 1);
    assert!(told.contains("FAILS") && told.contains("1 of "), "{told}");
}

#[test]
fn a_changed_rule_is_told_with_its_file() {
    let zone = zone();
    let older = repository().join("packs/pk");
    let newer = zone.path().join("packs/pk");
    let diff = [
        "zone",
        "diff",
        older.to_str().unwrap(),
        newer.to_str().unwrap(),
    ];
    assert_eq!(json(zone.path(), &diff, 0), serde_json::json!([]));
    let policy = newer.join("policies/tax.cedar");
    let before = std::fs::read_to_string(&policy).unwrap();
    let after = before.replacen("@clause(\"", "@clause(\"former ", 1);
    assert_ne!(before, after);
    std::fs::write(&policy, after).unwrap();
    let changes = json(zone.path(), &diff, 0).to_string();
    assert!(
        changes.contains("policies/tax.cedar") && changes.contains("rule_changed"),
        "{changes}"
    );
}

#[test]
fn wrong_usage_exits_with_2_and_says_what_is_right() {
    let empty = tempfile::tempdir().unwrap();
    for (arguments, hint) in [
        (&["entity", "show", "Not An Id"][..], "id"),
        (&["entity", "reject", "0192-ab"], "--reason"),
        (&["entity", "list", "--status", "asleep"], "in_review"),
        (
            &["entity", "evaluate", "0192-ab", "--operation", "tea"],
            "operation",
        ),
        (&["entity", "bundle", "0192-ab"], "--out"),
        (&["screen"], "NAME"),
        (&["screen", "A", "--born", "yesterday"], "--born"),
        (&["screen", "A", "--identifier", "passport"], "KIND=VALUE"),
        (
            &[
                "review",
                "decide",
                "a",
                "--finding",
                "maybe",
                "--reason",
                "x",
            ],
            "false_positive",
        ),
        (&["review", "show", "../tokens"], "letters"),
        (&["credential", "show", "a/b"], "letters"),
        (&["credential", "list"], "--entity"),
        (
            &["sanctions", "import", "--name", "x", "--format", "un_xml"],
            "--version",
        ),
        (&["zone", "diff", "one"], "NEW"),
    ] {
        let told = check(empty.path(), arguments, 2);
        assert!(
            told.contains(hint),
            "{arguments:?} should speak of {hint}:\n{told}"
        );
    }
}

#[test]
fn an_application_that_is_not_strict_json_is_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("application.json");
    std::fs::write(&file, r#"{"legal_name": "A", "legal_name": "B"}"#).unwrap();
    let told = check(
        folder.path(),
        &["entity", "apply", file.to_str().unwrap()],
        2,
    );
    assert!(told.contains("strict JSON"), "{told}");
}

#[test]
fn a_zone_that_does_not_answer_is_the_environment() {
    let empty = tempfile::tempdir().unwrap();
    for arguments in [
        &["zone", "show"][..],
        &["entity", "list"],
        &["screen", "A"],
        &["review", "list"],
    ] {
        let told = check(empty.path(), arguments, 3);
        assert!(told.contains("hanse up"), "{told}");
    }
}
