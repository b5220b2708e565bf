//! The snippets of docs/zenb/embed.md run as they stand there, and agree.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{built, manifest, run};

fn page() -> String {
    fs::read_to_string(manifest("../../docs/zenb/embed.md")).expect("the page")
}

/// The first block of a language.
fn snippet(language: &str) -> String {
    let page = page();
    let (_, after) = page
        .split_once(&format!("\n```{language}\n"))
        .expect("the page has a block of this language");
    let (block, _) = after.split_once("```\n").expect("the block ends");
    block.to_owned()
}

/// What a snippet says in a folder that holds the page's session, line by line.
fn said(folder: &Path, command: &mut Command) -> Vec<String> {
    fs::write(folder.join("session.jsonl"), snippet("json")).expect("a session");
    let output = run(command.current_dir(folder));
    let said = String::from_utf8(output.stdout).expect("a text");
    said.lines().map(str::to_owned).collect()
}

/// REQ-240, goal G15.
#[test]
fn the_snippets_in_c_and_python_refuse_and_end_alike() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    fs::write(folder.join("session.c"), snippet("c")).expect("a program");
    run(Command::new("cc")
        .args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-I"])
        .arg(manifest("include"))
        .arg(folder.join("session.c"))
        .arg(built("deps/libzenb_ffi.a"))
        .args(["-lpthread", "-ldl", "-lm", "-o"])
        .arg(folder.join("session")));
    let c = said(folder, &mut Command::new(folder.join("session")));
    fs::write(folder.join("session.py"), snippet("python")).expect("a program");
    let python = said(
        folder,
        Command::new("python3")
            .arg(folder.join("session.py"))
            .env("PYTHONPATH", manifest("python"))
            .env("ZENB_LIBRARY", built("deps/libzenb_ffi.so")),
    );
    // The packet that comes late is refused, and nothing else.
    assert_eq!((c.len(), python.len()), (2, 2), "{c:?} {python:?}");
    assert!(c[0].contains("\"backstep\""), "{}", c[0]);
    assert_eq!(python[0], "backstep");
    assert_eq!(c[1], python[1]);
    assert_eq!(c[1].len(), 64);
}

/// REQ-240: the session that the Rust snippet reads is the page's.
#[test]
fn the_committed_session_is_the_pages() {
    let committed = fs::read_to_string(manifest("tests/it/session.jsonl")).expect("a session");
    assert_eq!(committed, snippet("json"));
}
