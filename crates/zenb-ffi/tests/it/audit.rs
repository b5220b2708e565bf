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
