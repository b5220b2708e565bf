//! Writes through the whole node, against our own journal without it: what a token, a decision and HTTP add to a durable commit.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use ureq::Agent;

use crate::durable::{CALLERS, Journalled};
use crate::measure::{Clock, Row, Slice, Title, compare, from_all_callers, repeat};

const SLICE: Duration = Duration::from_secs(1);

/// Writes per second of `CALLERS` clients. `hanse` is the release binary, `root` the project.
pub fn run(hanse: &Path, root: &Path, work: &Path) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(work).context("make a folder for the node")?;
    let journal = Journalled::open(&folder.path().join("journal"))?;
    let node = Node::start(hanse, root, &folder.path().join("node"))?;
    let case = format!("{CALLERS} clients create principals");
    let title = Title {
        topic: "http",
        case: &case,
        rival: "our journal alone, 1 event a commit",
        unit: "writes",
        clock: Clock::Wall,
    };
    Ok(vec![compare(
        title,
        || node.slice(),
        || journal.slice_from_all_callers(SLICE),
    )?])
}

/// A running node with a token of its administrator.
struct Node {
    child: Child,
    url: String,
    authorization: String,
    next: AtomicU64,
}

impl Node {
    fn start(hanse: &Path, root: &Path, data: &Path) -> Result<Self> {
        let mut child = Command::new(hanse)
            .args(["up", "--sample", "--json", "--listen", "127.0.0.1:0"])
            .args(["--xmpp", "off", "--xmpp-tls", "off", "--xmpp-s2s", "off"])
            .args(["--metrics", "127.0.0.1:0", "--rate", "1000000", "--packs"])
            .arg(root.join("packs"))
            .arg("--data")
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("start the node")?;
        let output = BufReader::new(child.stdout.take().context("connect the node's output")?);
        let mut node = Self {
            child,
            url: String::new(),
            authorization: String::new(),
            next: AtomicU64::new(0),
        };
        let banner = first_object(output)?;
        node.url = banner["url"]
            .as_str()
            .context("find the node's address")?
            .to_owned();
        let body = json!({
            "bootstrap_token": banner["bootstrap_token"], "id": "bench", "display_name": "Bench",
        });
        let answer = node.post(
            &Agent::new_with_defaults(),
            "/v1/bootstrap",
            "bootstrap",
            &body,
        )?;
        let token = find_text(&answer, "token").context("find the administrator's token")?;
        node.authorization = format!("Bearer {token}");
        Ok(node)
    }

    fn slice(&self) -> Result<Slice> {
        let (until, cpu) = (Instant::now() + SLICE, self.cpu_time()?);
        let done = repeat(SLICE, || {
            from_all_callers(CALLERS, until, || {
                let agent = Agent::new_with_defaults();
                move || self.create_principal(&agent)
            })
        })?;
        Ok(Slice {
            cpu: self.cpu_time()? - cpu,
            ..done
        })
    }

    fn create_principal(&self, agent: &Agent) -> Result<f64> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let id = format!("person-{number}");
        let body = json!({
            "id": id, "kind": "person", "display_name": "A person of the zone",
            "standing": { "kind": "staff", "roles": ["registrar"] },
        });
        self.post(agent, "/v1/principals", &id, &body)?;
        Ok(1.0)
    }

    fn post(&self, agent: &Agent, path: &str, key: &str, body: &Value) -> Result<Value> {
        let mut request = agent
            .post(format!("{}{path}", self.url))
            .header("Idempotency-Key", key);
        if !self.authorization.is_empty() {
            request = request.header("Authorization", &self.authorization);
        }
        let mut answer = request
            .send_json(body)
            .with_context(|| format!("post {path}"))?;
        answer
            .body_mut()
            .read_json()
            .with_context(|| format!("read the answer of {path}"))
    }

    /// CPU time of the node so far, in the kernel's ticks of 10 ms.
    fn cpu_time(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, fields) = stat
            .rsplit_once(") ")
            .context("find the fields of the process")?;
        let fields: Vec<&str> = fields.split(' ').collect();
        let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        Ok(Duration::from_millis(ticks * 10))
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            eprintln!("stop the node: {error}");
        }
    }
}

/// The JSON object that the node prints when it is up, on one line or several.
fn first_object(output: impl BufRead) -> Result<Value> {
    let mut text = String::new();
    for line in output.lines() {
        text.push_str(&line?);
        if let Ok(banner @ Value::Object(_)) = serde_json::from_str(&text) {
            return Ok(banner);
        }
    }
    bail!("the node ended before it was up: {text}")
}

fn find_text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    let members = value.as_object()?;
    let own = members.get(name).and_then(Value::as_str);
    own.or_else(|| members.values().find_map(|member| find_text(member, name)))
}
