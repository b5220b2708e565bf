//! What tests need from the machine: other people's verifiers, clients, servers and browsers.
//!
//! A test that lacks what it needs fails. Whoever sets `HANSE_SKIP_JUDGES=1` says that such tests are to be skipped; then each says
//! so on standard error, and `tools/test.py` counts it as skipped, not as passed.

use std::env;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::thread;

/// The folder of the verifiers and clients that `tools/judges/setup.sh` installed: `HANSE_JUDGES`, or `target/judges`.
#[track_caller]
pub fn judges() -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/judges");
    let judges = env::var_os("HANSE_JUDGES").map_or(default, PathBuf::from);
    let found = fs::canonicalize(&judges)
        .ok()
        .filter(|judges| judges.join("stamp").is_file() && judges.join("venv/lib").is_dir());
    let what = format!(
        "the judges in {}: run tools/judges/setup.sh",
        judges.display()
    );
    or_skip(found, &what)
}

/// The first of these programs that is on the path. They are names of one thing.
#[track_caller]
pub fn program(names: &[&str]) -> Option<PathBuf> {
    let folders = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&folders)
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        .find(|place| place.is_file());
    or_skip(
        found,
        &format!("{}: run tools/setup.sh", names.join(" or ")),
    )
}

/// What was found. If nothing was: a panic, or nothing when the caller said that such tests are to be skipped.
#[track_caller]
pub fn or_skip<T>(found: Option<T>, what: &str) -> Option<T> {
    let skips = env::var_os("HANSE_SKIP_JUDGES").is_some_and(|set| set == "1");
    or_skip_when(skips, found, what)
}

#[track_caller]
fn or_skip_when<T>(skips: bool, found: Option<T>, what: &str) -> Option<T> {
    if found.is_none() {
        let current = thread::current();
        let test = current.name().unwrap_or("test");
        assert!(
            skips,
            "{test} needs {what} (HANSE_SKIP_JUDGES=1 skips such tests)"
        );
        // The harness captures what the print macros write, and this must be seen.
        let line = format!("SKIPPED {test}: needs {what}\n");
        std::io::stderr()
            .write_all(line.as_bytes())
            .expect("standard error takes a line");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_fails_the_test_unless_it_may_be_skipped() {
        let fails = || or_skip_when(false, None::<()>, "a thing");
        assert!(std::panic::catch_unwind(fails).is_err());
        assert_eq!(or_skip_when(false, Some(1), "a thing"), Some(1));
    }
}
