//! Public notices against the running node: published by many at once, read by anyone, proven to a stranger.

use std::collections::BTreeSet;
use std::process::{Command, Output};

use serde_json::{Value, json};
use ureq::Agent;

use crate::kill9::{Node, administrator, agent, get, post};

/// How many publish at once, and how often each.
const PUBLISHERS: u64 = 8;
const EACH: u64 = 5;

fn registrar(agent: &Agent, node: &Node) -> String {
    let operator = administrator(node);
    let body = json!({
        "id": "registrar", "kind": "person", "display_name": "Registrar",
        "standing": {"kind": "staff", "roles": ["registrar"]},
    });
    let created = post(agent, &node.url("/v1/principals"), &operator, "p", &body).unwrap();
    assert_eq!(created.0, 201, "{}", created.2);
    let body = json!({"principal": "registrar"});
    let issued = post(agent, &node.url("/v1/tokens"), &operator, "t", &body).unwrap();
    issued.2["token"].as_str().unwrap().to_owned()
}

fn read(agent: &Agent, node: &Node, path: &str) -> Value {
    let (status, body) = get(agent, &node.url(path), "");
    assert_eq!(status, 200, "{path} {body}");
    serde_json::from_str(&body).unwrap()
}

fn hanse(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hanse"))
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn notices_published_at_once_are_numbered_without_gaps_and_nobody_has_to_try_again() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("zone"));
    let token = registrar(&agent(), &node);
    let publish = |n: u64| {
        let body = json!({"title": format!("Notice {n}"), "text": "Offices are closed."});
        let url = node.url("/v1/notices");
        let (status, _, notice) = post(&agent(), &url, &token, &format!("n{n}"), &body).unwrap();
        assert_eq!(status, 201, "{notice}");
        notice["number"].as_u64().unwrap()
    };
    let numbers: Vec<u64> = std::thread::scope(|scope| {
        let publishers: Vec<_> = (0..PUBLISHERS)
            .map(|p| {
                scope.spawn(move || (0..EACH).map(|n| publish(p * EACH + n)).collect::<Vec<_>>())
            })
            .collect();
        publishers
            .into_iter()
            .flat_map(|publisher| publisher.join().unwrap())
            .collect()
    });
    let distinct: BTreeSet<_> = numbers.iter().copied().collect();
    assert_eq!(distinct, (1..=PUBLISHERS * EACH).collect());
    // An answer that is given again has the number it had.
    assert_eq!(publish(0), numbers[0]);
}

#[test]
fn anyone_reads_a_notice_with_its_history_and_verifies_it_after_the_node_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("zone");
    let mut node = Node::start(&data);
    let agent = agent();
    let token = registrar(&agent, &node);
    let write = |node: &Node, path: &str, key: &str, body: Value| {
        post(&agent, &node.url(path), &token, key, &body).unwrap()
    };
    let body = json!({"title": "Fees", "text": "The fee is 10."});
    let (_, _, notice) = write(&node, "/v1/notices", "a", body);
    let id = notice["id"].as_str().unwrap().to_owned();
    let path = |step: &str| format!("/v1/notices/{id}{step}");
    let wrong = json!({"title": " ", "text": "The fee is 12.", "reason": "a slip"});
    let (status, _, problem) = write(&node, &path("/correct"), "b", wrong);
    assert_eq!(
        (status, &problem["errors"][0]["pointer"]),
        (422, &json!("/title")),
        "{problem}"
    );
    let right = json!({"title": "Fees", "text": "The fee is 12.", "reason": "a slip"});
    assert_eq!(write(&node, &path("/correct"), "c", right).0, 200);
    let withdrawal = json!({"reason": "a new law"});
    assert_eq!(
        write(&node, &path("/withdraw"), "d", withdrawal.clone()).0,
        200
    );
    assert_eq!(write(&node, &path("/withdraw"), "e", withdrawal).0, 409);
    assert_eq!(
        post(&agent, &node.url("/v1/notices"), "", "f", &json!({}))
            .unwrap()
            .0,
        401
    );

    node.kill();
    let mut node = Node::start(&data);
    let shown = read(&agent, &node, &path(""));
    assert_eq!(shown["text"], "The fee is 12.");
    assert_eq!(shown["corrections"][0]["text"], "The fee is 10.");
    assert_eq!(shown["withdrawal_reason"], "a new law");
    assert_eq!(
        read(&agent, &node, "/v1/notices?in_force=true")["items"],
        json!([])
    );
    assert_eq!(
        read(&agent, &node, "/v1/notices")["items"][0]["id"],
        json!(id)
    );

    let (status, bundle) = get(&agent, &node.url(&path("/bundle")), "");
    assert_eq!(status, 200, "{bundle}");
    let file = folder.path().join("notice.json");
    std::fs::write(&file, bundle).unwrap();
    let (file, zone, log) = (
        file.to_str().unwrap(),
        node.said["did"].as_str().unwrap().to_owned(),
        node.said["log_key"].as_str().unwrap().to_owned(),
    );
    node.kill();
    let verified = hanse(&["verify", file, "--key", &zone, "--log-key", &log]);
    assert!(verified.status.success(), "{verified:?}");
    assert!(
        hanse(&["journal", "fsck", "--data", data.to_str().unwrap()])
            .status
            .success()
    );
    let rebuilt = hanse(&["journal", "rebuild", "--data", data.to_str().unwrap()]);
    assert!(rebuilt.status.success(), "{rebuilt:?}");
}

#[test]
fn a_notice_lives_its_life_through_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("zone"));
    let token = registrar(&agent(), &node);
    let does = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hanse"));
        command
            .args(arguments)
            .env("HANSE_URL", node.url(""))
            .env("HANSE_TOKEN", &token);
        let done = command
            .env("HANSE_DATA", folder.path().join("client"))
            .output()
            .unwrap();
        assert!(done.status.success(), "{arguments:?} {done:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    let published = does(&[
        "notice", "publish", "--title", "Hours", "--text", "9 to 5", "--json",
    ]);
    let published: Value = serde_json::from_str(&published).unwrap();
    let id = published["id"].as_str().unwrap();
    does(&[
        "notice", "correct", id, "--title", "Hours", "--text", "8 to 4", "--reason", "summer",
    ]);
    assert!(does(&["notice", "show", id]).contains("summer"));
    does(&["notice", "withdraw", id, "--reason", "moved"]);
    assert!(does(&["notice", "list"]).contains("withdrawn"));
    let file = folder.path().join("bundle.json");
    does(&["notice", "bundle", id, "--out", file.to_str().unwrap()]);
    assert!(does(&["verify", file.to_str().unwrap()]).contains("bundle"));
}
