//! What clippy cannot see: a type that is named with its whole path in an expression.

use std::fs;
use std::path::{Path, PathBuf};

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

#[test]
fn nobody_else_names_an_expectation_or_opens_a_reader() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for name in ["hanse", "platform", "iris-server"] {
        sources(&crates.join(name).join("src"), &mut files);
    }
    assert!(files.len() > 100, "{}", files.len());
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let shown = file.strip_prefix(&crates).unwrap().to_str().unwrap();
        let expects = names(&text, "Expected");
        assert!(
            !expects || EXPECTS.contains(&shown),
            "{shown} names `Expected`"
        );
        assert!(!names(&text, "Reader"), "{shown} names `Reader`");
        assert!(!text.contains(".reader()"), "{shown} opens a reader");
    }
}
