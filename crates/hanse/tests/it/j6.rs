//! Journey J6 against the real binary, with stock clients: encrypted talk that survives kill -9 and that the server cannot read.
//!
//! The clients are slixmpp with slixmpp-omemo, and raw sockets where acknowledgements are counted. They run as programs of their own
//! (`tools/xmpp`), which is also how they are run against other servers.

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

/// One script at a time: they measure waiting times, and the machine may have two cores.
static TURN: Mutex<()> = Mutex::new(());

/// Runs a script of `tools/xmpp` on our binary and returns what it printed; nothing when its judges are not installed.
#[track_caller]
pub(crate) fn xmpp(script: &str, arguments: &[&str], programs: &[&str]) -> Option<Value> {
    for program in programs {
        needs::program(&[program])?;
    }
    let judges = needs::judges()?;
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools/xmpp");
    let output = Command::new(judges.join("venv/bin/python"))
        .arg("-W")
        .arg("ignore")
        .arg(tools.join(script))
        .args(["--hanse", env!("CARGO_BIN_EXE_hanse")])
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script} {arguments:?}: {said}");
    let printed = String::from_utf8(output.stdout).unwrap();
    Some(serde_json::from_str(printed.lines().last().unwrap_or_default()).unwrap())
}

/// Nothing is missing, nothing came twice, nothing overtook anything.
pub(crate) fn whole() -> Value {
    json!({"lost": 0, "duplicated": 0, "inversions": 0})
}

#[test]
fn stock_clients_talk_encrypted_through_cuts_and_kills_and_the_server_has_no_plaintext() {
    let Some(seen) = xmpp("e2ee.py", &["--servers", "hanse"], &[]) else {
        return;
    };
    let cases = seen["cases"].as_object().unwrap();
    assert_eq!(cases.len(), 7, "{seen}");
    for (case, outcome) in cases {
        assert_eq!(outcome, &json!(true), "{case}");
    }
    let scan = &seen["scan"];
    assert_eq!(scan["hits"], 0, "a plaintext was found: {scan}");
    // The search can find: an unencrypted message through the reader, a name in the files themselves.
    for control in ["control_in_archive", "names_in_files", "archived"] {
        assert!(scan[control].as_u64() > Some(0), "{control}: {scan}");
    }
}

#[test]
fn two_different_clients_encrypt_for_each_other() {
    let programs = ["profanity", "tmux"];
    let Some(seen) = xmpp("profanity.py", &["--server", "hanse"], &programs) else {
        return;
    };
    assert_eq!(seen["ok"], true, "{seen}");
}

#[test]
fn stock_clients_find_everything_they_expect_of_a_server() {
    let Some(seen) = xmpp("checks.py", &["--servers", "hanse", "--json"], &[]) else {
        return;
    };
    let outcomes = seen
        .as_object()
        .unwrap()
        .values()
        .next()
        .unwrap()
        .as_object()
        .unwrap();
    let failed: Vec<String> = outcomes
        .iter()
        .filter(|(_, outcome)| outcome["ok"] != true)
        .map(|(name, outcome)| format!("{name}: {}", outcome["why"]))
        .collect();
    assert!(
        failed.is_empty(),
        "{} of {}: {failed:#?}",
        failed.len(),
        outcomes.len()
    );
}
