//! What clippy cannot see: a type that is named with its whole path in an expression.

use std::fs;
use std::path::{Path, PathBuf};

/// Who may make an HTTP problem outside `platform/src/http`: an upgrade to a WebSocket answers with a header of its own.
const ANSWERS: [&str; 1] = ["hanse/src/breath/socket.rs"];

/// Who may name what a stream is expected to be at: `platform` and the messenger's committer make transactions.
const EXPECTS: [&str; 3] = [
    "platform/src/change.rs",
    "platform/src/http/idempotency.rs",
    "iris-server/src/change.rs",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn names(text: &str, word: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.any(|found| found == word)
}

/// The sources of the shell, each with its path from the folder of crates.
fn shell() -> Vec<(String, String)> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for name in ["hanse", "platform", "iris-server"] {
        sources(&crates.join(name).join("src"), &mut files);
    }
    assert!(files.len() > 100, "{}", files.len());
    let read = |file: PathBuf| {
        let shown = file.strip_prefix(&crates).unwrap().to_str().unwrap();
        (shown.to_owned(), fs::read_to_string(&file).unwrap())
    };
    files.into_iter().map(read).collect()
}

#[test]
fn nobody_but_the_edge_makes_a_problem_of_http() {
    for (file, text) in shell() {
        let is_edge = file.starts_with("platform/src/http/") || ANSWERS.contains(&file.as_str());
        assert!(
            is_edge || !text.contains("http::problem"),
            "{file} names problems of HTTP"
        );
    }
}

#[test]
fn nobody_else_names_an_expectation_or_opens_a_reader() {
    for (file, text) in shell() {
        let expects = names(&text, "Expected");
        assert!(
            !expects || EXPECTS.contains(&file.as_str()),
            "{file} names `Expected`"
        );
        assert!(!names(&text, "Reader"), "{file} names `Reader`");
        assert!(!text.contains(".reader()"), "{file} opens a reader");
    }
}
