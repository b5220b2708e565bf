//! What the documents about breath sessions say is run, and compared with the document about the API.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::j8::Stage;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join("docs").join(name)).unwrap()
}

/// The commands of a page: its blocks marked `sh`, in order.
fn commands(page: &str) -> String {
    let blocks = page.split("```sh\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap());
    blocks.collect()
}

/// Runs a page's commands against a node, as an administrator who has a practitioner's token, too.
fn run(name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::set(&folder.path().join("zone"));
    let script = commands(&page(name));
    assert!(script.len() > 200, "{name} has no commands");
    let binary = Path::new(env!("CARGO_BIN_EXE_hanse")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let said = |member: &str| stage.node.said[member].as_str().unwrap().to_owned();
    let ran = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .current_dir(folder.path())
        .env("PATH", path)
        .env("HANSE_URL", stage.node.url(""))
        .env("HANSE_DATA", &stage.data)
        .env("HANSE_TOKEN", &stage.operator)
        .env("TOKEN", &stage.practitioner)
        .env("ZONE_KEY", said("did"))
        .env("LOG_KEY", said("log_key"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ran.stdout);
    let complaint = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{name}: {told}\n{complaint}");
}

/// REQ-330
#[test]
fn every_command_of_the_api_page_works() {
    run("zenb/api.md");
}

/// REQ-330
#[test]
fn the_journey_runs_as_it_is_written() {
    run("journeys/j8-a-breath-session.md");
}

/// REQ-330
#[test]
fn the_api_page_names_the_routes_of_the_document_and_no_others() {
    let document: Value = serde_json::from_str(&page("openapi.json")).unwrap();
    let mut documented = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            if path.starts_with("/v1/breath/") {
                documented.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    let page = page("zenb/api.md");
    let named = page.split('`').filter(|it| it.contains(" /v1/breath/"));
    let named: BTreeSet<String> = named.map(str::to_owned).collect();
    assert_eq!(named, documented);
    // Every answer says what is wrong, and how.
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let answers = operation["responses"].as_object().unwrap();
            let has = |status: &str| answers.contains_key(status);
            let expected =
                !path.starts_with("/v1/breath/") || (has("401") && has("403") && has("400"));
            let is_erasable = path.starts_with("/v1/breath/sessions/{id}");
            assert!(!is_erasable || has("410"), "{method} {path}");
            assert!(expected, "{method} {path}: {:?}", answers.keys());
        }
    }
}
