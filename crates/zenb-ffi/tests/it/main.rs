//! The same session in other languages gives the same digests.

mod allocations;
mod audit;
mod embed;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn manifest(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Where cargo puts this crate's libraries and examples: beside the test binary.
fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test knows where it is");
    let profile = test
        .parent()
        .and_then(Path::parent)
        .expect("target/profile/deps");
    profile.join(name)
}

fn run(command: &mut Command) -> Output {
    let output = command.output().expect("the command starts");
    assert!(
        output.status.success(),
        "{command:?}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn recorded(folder: &Path) -> PathBuf {
    let sessions = folder.join("sessions.json");
    let output = run(Command::new(built("examples/record")).arg(manifest("../zenb/testdata/hrv")));
    std::fs::write(&sessions, output.stdout).expect("a temporary folder is writable");
    sessions
}

#[test]
fn another_process_gives_the_same_digests() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = run(Command::new(built("examples/replay")).arg(recorded(folder.path())));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("digests as recorded"), "{said}");
}

#[test]
fn python_gives_the_same_digests_and_names_a_bad_input() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = run(Command::new("python3")
        .arg(manifest("tests/it/replay.py"))
        .arg(recorded(folder.path()))
        .env("PYTHONPATH", manifest("python"))
        .env("ZENB_LIBRARY", built("deps/libzenb_ffi.so")));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("5 sessions as recorded"), "{said}");
}

#[test]
fn a_program_in_c_runs_a_session_by_the_header() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = folder.path().join("session");
    run(Command::new("cc")
        .args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-I"])
        .arg(manifest("include"))
        .arg(manifest("tests/it/session.c"))
        .arg(built("deps/libzenb_ffi.a"))
        .args(["-lpthread", "-ldl", "-lm", "-o"])
        .arg(&program));
    let output = run(&mut Command::new(&program));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("refused") && said.contains("stopped"),
        "{said}"
    );
}
