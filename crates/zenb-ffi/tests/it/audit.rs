//! What an auditor reads is true: requirements lead to tests, texts claim nothing, snippets run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What no text that a person sees may say of them or promise. Words that the screen asks about are not among them: it must
/// name what forbids a session.
const CLAIMS: [&str; 15] = [
    "diagnos",
    "disorder",
    "disease",
    "therapy",
    "therapeutic",
    "cure",
    "heals",
    "apnoea",
    "apnea",
    "depress",
    "arrhythm",
    "stress level",
    "healthy",
    "proven to",
    "sympathetic",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn trace(root: &Path) -> Output {
    let script = self::root().join("tools/zenb/trace.py");
    Command::new("python3")
        .arg(script)
        .arg(root)
        .output()
        .expect("python3 starts")
}

#[test]
fn every_requirement_leads_to_tests_and_every_hazard_to_requirements() {
    let output = trace(&root());
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_requirement_without_its_test_and_a_test_without_its_row_are_found() {
    let copy = tempfile::tempdir().expect("a temporary folder");
    let docs = copy.path().join("docs/zenb");
    fs::create_dir_all(&docs).expect("a folder");
    std::os::unix::fs::symlink(root().join("crates"), copy.path().join("crates")).expect("a link");
    fs::copy(root().join("docs/zenb/hazards.md"), docs.join("hazards.md")).expect("the hazards");
    let table =
        fs::read_to_string(root().join("docs/zenb/requirements.md")).expect("the requirements");
    let test = "deciding::pacing::a_change_of_rate_never_jumps_the_phase";
    let renamed = table.replace(test, "deciding::pacing::gone");
    assert_ne!(renamed, table);
    fs::write(docs.join("requirements.md"), renamed).expect("written");
    let output = trace(copy.path());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        said.contains("no test is called deciding::pacing::gone"),
        "{said}"
    );
    assert!(
        said.contains("names REQ-210, whose row does not name it"),
        "{said}"
    );
}

/// All Rust of the project's crates in one text.
fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("a file").path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            *text += &fs::read_to_string(path).expect("a text");
        }
    }
}

/// What stands between two marks.
fn spans<'a>(text: &'a str, open: &'a str, close: char) -> impl Iterator<Item = &'a str> {
    let parts = text.split(open).skip(1);
    parts.filter_map(move |part| part.split(close).next())
}

/// REQ-241: a page that names a test or a file names one that is there.
#[test]
fn every_test_and_file_that_the_pages_name_exists() {
    let mut rust = String::new();
    sources(&root().join("crates"), &mut rust);
    let (mut tests, mut files) = (0, 0);
    for entry in fs::read_dir(root().join("docs/zenb")).expect("the pages") {
        let path = entry.expect("a page").path();
        let page = fs::read_to_string(&path).expect("a text");
        let fenced = page.split("```").step_by(2).collect::<String>();
        for code in fenced.split('`').skip(1).step_by(2) {
            let name = code.rsplit("::").next().unwrap_or(code);
            let is_test = name.matches('_').count() >= 4
                && name
                    .bytes()
                    .all(|b| b == b'_' || b.is_ascii_lowercase() || b.is_ascii_digit());
            if is_test {
                let found = rust.contains(&format!("fn {name}("));
                assert!(found, "{}: no test {name}", path.display());
                tests += 1;
            }
        }
        for link in spans(&fenced, "](", ')').filter(|link| !link.starts_with("http")) {
            let file = link.split('#').next().unwrap_or_default();
            let found = file.is_empty() || path.with_file_name(file).exists();
            assert!(found, "{}: no file {file}", path.display());
            files += 1;
        }
    }
    assert!(tests > 100 && files > 20, "{tests} tests, {files} files");
}

/// REQ-220: the hazard log names every guard that can be broken on purpose, and no other.
#[test]
fn the_hazard_log_names_each_guard_that_can_be_broken() {
    let bugs = fs::read_to_string(root().join("crates/zenb/src/bug.rs")).expect("the guards");
    let log = fs::read_to_string(root().join("docs/zenb/hazards.md")).expect("the log");
    let (_, all) = bugs.split_once("ALL: [PlantedBug; ").expect("the list");
    let (list, _) = all.split_once("];\n").expect("it ends");
    let named: Vec<&str> = spans(list, "PlantedBug::", ',').collect();
    assert!(named.len() > 30, "{named:?}");
    for bug in &named {
        assert!(log.contains(&format!("`{bug}`")), "no hazard names {bug}");
    }
    let (_, table) = log.split_once("| breakages |").expect("the table");
    for bug in table.split('`').skip(1).step_by(2) {
        assert!(named.contains(&bug), "no guard is called {bug}");
    }
}

/// Hazard H9: what the browser page says.
#[test]
fn the_page_claims_nothing() {
    let page = root().join("crates/hanse/assets/breathe");
    let mut read = 0;
    for entry in fs::read_dir(page).expect("the page's folder") {
        let path = entry.expect("a file").path();
        if !path
            .extension()
            .is_some_and(|kind| kind == "html" || kind == "js")
        {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a text").to_lowercase();
        // What it does not do, it may say.
        let sentences = text.split(['.', ';', '<', '>']);
        for said in sentences.filter(|said| !said.contains("does not")) {
            for claim in CLAIMS {
                assert!(!said.contains(claim), "{} says {said:?}", path.display());
            }
        }
        read += 1;
    }
    assert!(read > 3);
}
