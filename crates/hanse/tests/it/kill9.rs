//! `kill -9` of the real node under load over HTTP, again and again, on one data folder.
//!
//! `HANSE_KILLS` says how often; the history of when to kill is one seed.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;

const KILLS: u64 = 20;
const CLIENTS: u64 = 3;
/// Acknowledged writes that each client repeats after a kill.
const REPEATED: u64 = 2;

/// What the node answered to each write, by its number.
type Answers = Mutex<BTreeMap<u64, Value>>;

/// The real binary on a data folder. Killed when dropped.
pub(crate) struct Node {
    child: Child,
    /// What it said when it was ready.
    pub(crate) said: Value,
}

impl Node {
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// A node with more arguments.
    pub(crate) fn start_with(data: &Path, arguments: &[&str]) -> Self {
        let command = Command::new(env!("CARGO_BIN_EXE_hanse"));
        Self::start_by(command, data, arguments)
    }

    /// A node whose disk [`Node::fill_disk`] can fill.
    pub(crate) fn start_on_small_disk(data: &Path) -> Self {
        let mut command = Command::new("bash");
        // An ignored SIGXFSZ is inherited: the node sees failing writes instead of a signal.
        command
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
            .arg(env!("CARGO_BIN_EXE_hanse"));
        Self::start_by(command, data, &[])
    }

    /// From now on no file of the node grows beyond so many bytes, as on a disk that is full.
    pub(crate) fn fill_disk(&self, file_bytes_max: u64) {
        let limited = Command::new("prlimit")
            .args(["--pid", &self.child.id().to_string()])
            .arg(format!("--fsize={file_bytes_max}:"))
            .status()
            .unwrap();
        assert!(limited.success());
    }

    fn start_by(mut command: Command, data: &Path, arguments: &[&str]) -> Self {
        let packs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../packs");
        let mut child = command
            .args(["up", "--sample", "--json", "--rate", "100000"])
            .args(["--xmpp", "127.0.0.1:0", "--xmpp-tls", "127.0.0.1:0"])
            .args(["--xmpp-s2s", "127.0.0.1:0"])
            .args([
                "--listen",
                "127.0.0.1:0",
                "--metrics",
                "127.0.0.1:0",
                "--data",
            ])
            .arg(data)
            .arg("--packs")
            .arg(packs)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut text = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            text.push_str(&line.unwrap());
            if let Ok(said) = serde_json::from_str(&text) {
                return Self { child, said };
            }
        }
        panic!(
            "the node ended before it was ready: {:?} {text}",
            child.wait()
        );
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.said["url"].as_str().unwrap())
    }

    /// The id of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, at once.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn agent() -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(20)));
    config.build().into()
}

/// Sends a write; an error means that the node is gone.
pub(crate) fn post(
    agent: &Agent,
    url: &str,
    token: &str,
    key: &str,
    body: &Value,
) -> Result<(u16, bool, Value), ureq::Error> {
    let request = agent.post(url).header("idempotency-key", key);
    let request = match token {
        "" => request,
        token => request.header("authorization", format!("Bearer {token}")),
    };
    let mut response = request.send_json(body)?;
    let replayed = response.headers().contains_key("idempotency-replayed");
    let body = response.body_mut().read_json()?;
    Ok((response.status().as_u16(), replayed, body))
}

pub(crate) fn get(agent: &Agent, url: &str, token: &str) -> (u16, String) {
    let request = agent
        .get(url)
        .header("authorization", format!("Bearer {token}"));
    let mut response = request.call().unwrap();
    (
        response.status().as_u16(),
        response.body_mut().read_to_string().unwrap(),
    )
}

pub(crate) fn administrator(node: &Node) -> String {
    let secret = node.said["bootstrap_token"].as_str().unwrap();
    let body = json!({"bootstrap_token": secret, "id": "root-admin", "display_name": "Root"});
    let (status, _, body) = post(&agent(), &node.url("/v1/bootstrap"), "", "boot", &body).unwrap();
    assert_eq!(status, 201, "{body}");
    body["token"].as_str().unwrap().to_owned()
}

/// Write number n is the same whoever sends it.
fn write(
    agent: &Agent,
    node: &Node,
    token: &str,
    n: u64,
) -> Result<(u16, bool, Value), ureq::Error> {
    let body = json!({
        "id": format!("load-{n}"), "kind": "service", "display_name": format!("Load {n}"),
        "standing": {"kind": "staff", "roles": []},
    });
    post(
        agent,
        &node.url("/v1/principals"),
        token,
        &format!("key-{n}"),
        &body,
    )
}

/// Writes from the client's first open number on, a little before it, until the node is gone.
fn client(node: &Node, token: &str, number: u64, answers: &Answers, told: &Sender<()>) -> u64 {
    let open = (number..)
        .step_by(CLIENTS as usize)
        .find(|n| !answers.lock().unwrap().contains_key(n))
        .unwrap();
    let from = open.checked_sub(REPEATED * CLIENTS).unwrap_or(number);
    let (agent, mut replays) = (agent(), 0);
    for n in (from..).step_by(CLIENTS as usize) {
        let Ok((status, replayed, body)) = write(&agent, node, token, n) else {
            break;
        };
        assert_eq!(status, 201, "write {n}: {body}");
        replays += u64::from(replayed);
        let body = without_head(body);
        if let Some(first) = answers.lock().unwrap().insert(n, body.clone()) {
            assert!(replayed, "write {n} was done twice");
            assert_eq!(first, body, "write {n} was answered differently");
        }
        told.send(())
            .expect("the killer listens until every client is done");
    }
    replays
}

/// A receipt names the newest head that holds the write, which moves on; all else stays as it was.
fn without_head(mut body: Value) -> Value {
    let receipt = body["receipt"].as_object_mut().unwrap();
    assert!(receipt.remove("tree_size").is_some() && receipt.remove("root").is_some());
    body
}

fn one_life(data: &Path, token: &str, patience: u64, answers: &Answers) -> u64 {
    let node = Node::start(data);
    let (told, ears) = channel();
    let pid = node.child.id();
    thread::scope(|scope| {
        let (node, told) = (&node, &told);
        let start = |number| scope.spawn(move || client(node, token, number, answers, told));
        let clients: Vec<_> = (0..CLIENTS).map(start).collect();
        for _ in 0..patience {
            ears.recv_timeout(Duration::from_secs(20))
                .expect("the node answers");
        }
        let killed = Command::new("kill")
            .args(["-9", &pid.to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .sum()
    })
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_when_the_node_is_killed_under_load() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let first = Node::start(&data);
    let token = administrator(&first);
    drop(first);
    let kills = std::env::var("HANSE_KILLS").map_or(KILLS, |text| text.parse().unwrap());
    let (answers, mut replays) = (Answers::default(), 0);
    for life in 0..kills {
        // Weyl sequence: spreads evenly, and is the same in every run.
        let patience = 1 + (life * 0x9E37 + 17) % 40;
        replays += one_life(&data, &token, patience, &answers);
    }
    assert!(replays > 0, "no retry met a write that was done before");
    judge(&data, &token, &answers.into_inner().unwrap());
}

/// Every acknowledged write is there once, at the place its receipt says, and everything verifies.
fn judge(data: &Path, token: &str, answers: &BTreeMap<u64, Value>) {
    let mut node = Node::start(data);
    let (status, export) = get(&agent(), &node.url("/v1/audit/export"), token);
    assert_eq!(status, 200);
    let mut places = BTreeMap::new();
    for line in export
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
    {
        if line["header"]["kind"] == "principal.created.v1" {
            let stream = line["header"]["stream"].as_str().unwrap().to_owned();
            assert_eq!(
                places.insert(stream.clone(), line["index"].clone()),
                None,
                "{stream} twice"
            );
        }
    }
    for (n, answer) in answers {
        let event = &answer["receipt"]["events"][0];
        let stream = event["stream"].as_str().unwrap();
        assert_eq!(
            places.get(stream),
            Some(&event["index"]),
            "acknowledged write {n}"
        );
        let (status, body) = get(
            &agent(),
            &node.url(&format!("/v1/principals/load-{n}")),
            token,
        );
        assert_eq!(status, 200, "{n}: {body}");
    }
    let file = data.join("export.jsonl");
    std::fs::write(&file, export).unwrap();
    let (key, log_key) = (
        node.said["did"].as_str().unwrap(),
        node.said["log_key"].as_str().unwrap(),
    );
    hanse(&[
        "verify",
        file.to_str().unwrap(),
        "--key",
        key,
        "--log-key",
        log_key,
    ]);
    node.kill();
    hanse(&["journal", "fsck", "--data", data.to_str().unwrap()]);
    hanse(&["journal", "rebuild", "--data", data.to_str().unwrap()]);
}

/// Runs a command that must succeed.
#[track_caller]
pub(crate) fn hanse(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_hanse"))
        .args(arguments)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{arguments:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}
