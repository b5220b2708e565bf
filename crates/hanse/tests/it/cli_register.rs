//! A company's life through the command line alone: the real binary as node and as client.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use evidence::credential::Builder;
use evidence::data_integrity::{self, ProofPurpose};
use evidence::key::SigningKey;
use hanse::config::DataDir;
use hanse::sample::Authorities;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::kill9::Node;

/// Longest wait for what the node does by itself.
const PATIENCE: Duration = Duration::from_secs(20);

struct Zone {
    folder: TempDir,
    node: Node,
}

/// What a command did.
struct Done {
    exit: Option<i32>,
    out: String,
    err: String,
}

impl Zone {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let node = Node::start(&folder.path().join("data"));
        let zone = Self { folder, node };
        let token = zone.node.said["bootstrap_token"]
            .as_str()
            .unwrap()
            .to_owned();
        zone.does("admin", &["token", "redeem", &token]);
        for role in ["registrar", "reviewer"] {
            zone.does(
                "admin",
                &[
                    "principal",
                    "create",
                    role,
                    "--display-name",
                    role,
                    "--role",
                    role,
                ],
            );
            let file = zone.path(&format!("{role}.token"));
            zone.does(
                "admin",
                &["token", "issue", role, "--out", file.to_str().unwrap()],
            );
        }
        zone
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, value: &Value) -> String {
        let path = self.path(name);
        std::fs::write(&path, value.to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn run(&self, who: &str, arguments: &[&str]) -> Done {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hanse"));
        command.args(arguments).env("HANSE_URL", self.node.url(""));
        command
            .env("HANSE_DATA", self.path("client"))
            .env_remove("HANSE_TOKEN");
        if who != "admin" {
            let token = std::fs::read_to_string(self.path(&format!("{who}.token"))).unwrap();
            command.env("HANSE_TOKEN", token);
        }
        let output = command.output().unwrap();
        Done {
            exit: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    fn does(&self, who: &str, arguments: &[&str]) -> String {
        let done = self.run(who, arguments);
        assert_eq!(
            done.exit,
            Some(0),
            "{who} {arguments:?}\n{}\n{}",
            done.out,
            done.err
        );
        done.out
    }

    #[track_caller]
    fn json(&self, who: &str, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.does(who, &[arguments, &["--json"]].concat())).unwrap()
    }

    #[track_caller]
    fn is_refused(&self, who: &str, arguments: &[&str], why: &str) {
        let done = self.run(who, arguments);
        assert_eq!(
            done.exit,
            Some(1),
            "{who} {arguments:?}\n{}\n{}",
            done.out,
            done.err
        );
        assert!(
            done.err.contains(why),
            "{arguments:?} should speak of {why}:\n{}",
            done.err
        );
    }

    /// Applies for a company of two and returns its id.
    fn apply(&self, legal_name: &str, owner: &str, born: &str) -> String {
        let person = |reference: &str, name: &str, born: &str, passport: &str| {
            json!({
                "ref": reference, "name": name, "date_of_birth": born, "nationality": "PK",
                "identifiers": [{ "kind": "passport", "value": passport }],
            })
        };
        let application = json!({
            "jurisdiction": "pk", "entity_type": "private-limited", "legal_name": legal_name,
            "registered_office": "12 Mall Road, Lahore", "activities": ["general-trading"],
            "persons": [
                person("a", owner, born, "ZX1284731"),
                person("b", "Noor Fatima Ansari", "1990-11-03", "ZX5519283"),
            ],
            "directors": ["a", "b"],
            "owners": [{"person": "a", "share_bps": 6000}, {"person": "b", "share_bps": 4000}],
        });
        let file = self.write("application.json", &application);
        let entity = self.json("registrar", &["entity", "apply", &file]);
        entity["id"].as_str().unwrap().to_owned()
    }

    /// Everything that authorities must attest.
    fn attest(&self, id: &str) {
        let authorities = Authorities::read(&DataDir::new(self.path("data"))).unwrap();
        let company = format!("urn:hanse:entity:{id}");
        let mut wanted = vec![
            (
                authorities.government(),
                company.clone(),
                "pk.name-availability",
            ),
            (authorities.identity(), company, "pk.customer-due-diligence"),
        ];
        for person in self
            .json("registrar", &["entity", "persons", id])
            .as_array()
            .unwrap()
        {
            let subject = format!("urn:hanse:person:{}", person["id"].as_str().unwrap());
            wanted.push((authorities.identity(), subject, "pk.identity-verification"));
        }
        for (key, subject, kind) in wanted {
            let file = self.write("evidence.json", &attestation(&key, &subject, kind));
            self.does("registrar", &["entity", "evidence", id, &file]);
        }
    }
}

fn attestation(key: &SigningKey, subject: &str, kind: &str) -> Value {
    let now = jiff::Timestamp::now().round(jiff::Unit::Second).unwrap();
    let now = now - jiff::SignedDuration::from_secs(1);
    let unsigned = Builder {
        id: format!("urn:uuid:{}", uuid::Uuid::now_v7()),
        issuer: key.did().to_string(),
        types: vec![law::compliance::EVIDENCE_CREDENTIAL_TYPE.to_owned()],
        subject: json!({ "id": subject, "evidenceKind": kind }),
        valid_from: now,
        valid_until: None,
        status: vec![],
    };
    let unsigned = unsigned.build().unwrap();
    data_integrity::sign(unsigned, key, now, ProofPurpose::AssertionMethod).unwrap()
}

#[track_caller]
fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "{what} did not come within {PATIENCE:?}"
        );
        thread::yield_now();
    }
}

#[test]
fn a_company_is_formed_certified_proven_and_wound_up_through_the_command_line() {
    let zone = Zone::start();
    assert!(
        zone.does("registrar", &["zone", "show"])
            .contains("private-limited")
    );
    assert!(
        zone.does("registrar", &["zone", "packs"])
            .contains("Pakistan")
    );
    let id = zone.apply(
        "Sindh Weavers (Private) Limited",
        "Hina Batool Qureshi",
        "1984-02-09",
    );

    let judged = zone.does("registrar", &["entity", "evaluate", &id]);
    for part in [
        "DENIED",
        "corporate: pending",
        "s. 10(1)",
        "Companies Act, 2017",
        "https://",
    ] {
        assert!(judged.contains(part), "a denial shows {part}:\n{judged}");
    }
    zone.does("reviewer", &["entity", "review", &id]);
    zone.is_refused(
        "reviewer",
        &["entity", "approve", &id],
        "Companies Act, 2017",
    );
    zone.attest(&id);
    assert_eq!(
        zone.json("registrar", &["entity", "evidence", &id])
            .as_array()
            .unwrap()
            .len(),
        4
    );
    assert!(
        zone.does("registrar", &["entity", "evaluate", &id])
            .contains("ALLOWED")
    );
    let recorded = zone.does("registrar", &["entity", "evaluate", &id, "--recorded"]);
    assert!(recorded.contains("ALLOWED"), "{recorded}");

    let approved = zone.json("reviewer", &["entity", "approve", &id]);
    assert_eq!(approved["status"], "active");
    assert!(
        zone.does("registrar", &["entity", "list", "--status", "active"])
            .contains(&id)
    );
    let credential = approved["credential_id"].as_str().unwrap();
    certified(&zone, &id, credential);
    proven(&zone, &id);
    wound_up(&zone, &id);
    revoked(&zone, credential);
}

/// The credential verifies at the zone and offline, until it is revoked.
fn certified(zone: &Zone, id: &str, credential: &str) {
    let file = zone.path("credential.json");
    let file = file.to_str().unwrap();
    zone.does(
        "registrar",
        &["credential", "show", credential, "--out", file],
    );
    assert!(
        zone.does("registrar", &["credential", "list", "--entity", id])
            .contains("in force")
    );
    assert!(
        zone.does("registrar", &["credential", "verify", file])
            .contains("verified")
    );
    let text = std::fs::read_to_string(file).unwrap();
    let forged = text.replace("Sindh", "Punjab");
    assert_ne!(text, forged);
    std::fs::write(file, forged).unwrap();
    zone.is_refused(
        "registrar",
        &["credential", "verify", file],
        "does not verify",
    );
}

/// What is revoked verifies no more, and is revoked once.
fn revoked(zone: &Zone, credential: &str) {
    let file = zone.path("revoked.json");
    let file = file.to_str().unwrap();
    let show = ["credential", "show", credential, "--out", file];
    zone.does("registrar", &show);
    zone.does("registrar", &["credential", "verify", file]);
    let revoke = [
        "credential",
        "revoke",
        credential,
        "--reason",
        "obtained by deceit",
    ];
    let answer = zone.does("registrar", &revoke);
    assert!(answer.contains("revoked"), "{answer}");
    zone.is_refused(
        "registrar",
        &["credential", "verify", file],
        "does not verify",
    );
    zone.is_refused("registrar", &revoke, "revoked already");
}

/// The bundle verifies offline under the keys that the zone shows.
fn proven(zone: &Zone, id: &str) {
    let bundle = zone.path("bundle.json");
    let bundle = bundle.to_str().unwrap();
    zone.does("reviewer", &["entity", "bundle", id, "--out", bundle]);
    let shown = zone.json("registrar", &["zone", "show"]);
    let (key, log_key) = (
        shown["did"].as_str().unwrap(),
        shown["log_key"].as_str().unwrap(),
    );
    let verified = zone.does(
        "registrar",
        &["verify", bundle, "--key", key, "--log-key", log_key],
    );
    assert!(verified.trim_end().ends_with("verified"), "{verified}");
}

fn wound_up(zone: &Zone, id: &str) {
    let document = zone.write("minutes.txt", &json!("The board resolved to wind up."));
    let begun = zone.does(
        "registrar",
        &["entity", "dissolve", id, "--document", &document],
    );
    assert!(begun.contains("board"), "{begun}");
    let advanced = zone.json(
        "reviewer",
        &["entity", "advance", id, "--document", &document],
    );
    assert_eq!(
        advanced["dissolution"]["stage"], "shareholder_resolution",
        "{advanced}"
    );
    let vote = [
        "entity",
        "advance",
        id,
        "--document",
        &document,
        "--in-favour-bps",
        "8000",
    ];
    zone.is_refused("reviewer", &vote, "cannot be completed before");
    let stopped = zone.json(
        "registrar",
        &["entity", "cancel", id, "--reason", "another plan"],
    );
    assert_eq!(stopped["status"], "active");
    zone.does(
        "reviewer",
        &["entity", "suspend", id, "--reason", "accounts are overdue"],
    );
    zone.does(
        "reviewer",
        &["entity", "reinstate", id, "--reason", "accounts were filed"],
    );
}

#[test]
fn a_hit_is_told_to_reviewers_explained_and_decided() {
    let zone = Zone::start();
    let id = zone.apply(
        "Khyber Carpets (Private) Limited",
        "Gulbudin Hikmatyar",
        "1991-06-15",
    );
    zone.does("reviewer", &["entity", "review", &id]);
    zone.is_refused("reviewer", &["entity", "approve", &id], "screening");

    let told = eventually("a notification", || {
        let told = zone.json("reviewer", &["notification", "list", "--open"]);
        told.as_array()
            .unwrap()
            .iter()
            .find(|it| it["entity"] == json!(id))
            .cloned()
    });
    let noted = zone.does(
        "reviewer",
        &["notification", "ack", told["id"].as_str().unwrap()],
    );
    assert!(noted.contains("noted"), "{noted}");

    let cases = zone.json("reviewer", &["review", "list", "--open", "--entity", &id]);
    assert_eq!(cases.as_array().unwrap().len(), 1, "{cases}");
    let case = cases[0]["id"].as_str().unwrap();
    let shown = zone.does("reviewer", &["review", "show", case]);
    for part in [
        "HEKMATYAR",
        "sounds like",
        "differs from",
        "ofac-sdn 2021-07",
        "sha256:",
    ] {
        assert!(shown.contains(part), "a case shows {part}:\n{shown}");
    }
    let reason = ["--reason", "born 42 years later"];
    let decide = [
        &["review", "decide", case, "--finding", "false_positive"],
        &reason[..],
    ]
    .concat();
    let decided = zone.json("reviewer", &decide);
    assert_eq!(decided["open"], false, "{decided}");
    zone.is_refused("reviewer", &decide, "no hit");
    zone.does(
        "reviewer",
        &[&["entity", "reject", &id], &reason[..]].concat(),
    );
    assert!(
        zone.does("reviewer", &["entity", "show", &id])
            .contains("born 42 years later")
    );
}

#[test]
fn a_listed_name_blocks_and_an_imported_list_comes_into_force() {
    let zone = Zone::start();
    // The administrator keeps the lists.
    let listed = zone.does(
        "admin",
        &["screen", "Joaquín Guzmán Loera", "--kind", "person"],
    );
    assert!(
        listed.starts_with("BLOCK") && listed.contains("GUZMAN LOERA"),
        "{listed}"
    );
    let clear = zone.does(
        "admin",
        &["screen", "Noor Fatima Ansari", "--country", "PK"],
    );
    assert!(
        clear.starts_with("CLEAR") && clear.contains("ofac-sdn 2021-07"),
        "{clear}"
    );
    let by_number = zone.does("admin", &["screen", "--identifier", "imo=IMO9187655"]);
    assert!(
        by_number.starts_with("BLOCK") && by_number.contains("ARK"),
        "{by_number}"
    );
    let unknown = zone.does("admin", &["screen", "--identifier", "imo=1234567"]);
    assert!(unknown.starts_with("CLEAR"), "{unknown}");

    let packs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packs/sanctions/ofac-sdn");
    let import = [
        "sanctions",
        "import",
        "--name",
        "ofac-sdn",
        "--format",
        "ofac_csv",
        "--version",
        "2021-07b",
        "--published",
        "2021-07-02",
        "--dir",
        packs.to_str().unwrap(),
    ];
    assert!(
        zone.does("admin", &import)
            .contains("in force: ofac-sdn 2021-07b")
    );
    assert!(
        zone.does("admin", &["sanctions", "list"])
            .contains("2021-07b")
    );
    zone.is_refused("reviewer", &import, "mez:screening:write");

    // A version that lacks entries waits for somebody else, who may also turn it down.
    let folder = tempfile::tempdir().unwrap();
    let rows = fs::read_to_string(packs.join("sdn.csv")).unwrap();
    let half: String = rows
        .lines()
        .take(4_000)
        .map(|row| format!("{row}\r\n"))
        .collect();
    fs::write(folder.path().join("sdn.csv"), half).unwrap();
    for empty in ["alt.csv", "add.csv"] {
        fs::write(folder.path().join(empty), "").unwrap();
    }
    let mut import = import;
    (import[7], import[11]) = ("half", folder.path().to_str().unwrap());
    let waits = zone.does("admin", &import);
    assert!(
        waits.contains("waits for a second person: ofac-sdn half"),
        "{waits}"
    );
    assert!(
        waits.contains("it lacks entries of the version in force"),
        "{waits}"
    );
    let waiting = zone.json("reviewer", &["sanctions", "waiting"]);
    let digest = waiting[0]["digest"].as_str().unwrap();
    assert!(
        waits.contains(&format!("hanse sanctions confirm ofac-sdn {digest}")),
        "{waits}"
    );
    let confirm = ["sanctions", "confirm", "ofac-sdn", digest];
    zone.is_refused("admin", &confirm, "mez:screening:review");
    let reject = [
        "sanctions",
        "reject",
        "ofac-sdn",
        digest,
        "--reason",
        "half of it",
    ];
    assert!(
        zone.does("reviewer", &reject)
            .contains("turned down: ofac-sdn half")
    );
    zone.is_refused("reviewer", &confirm, "no such proposed version");
    zone.does("admin", &import);
    assert!(
        zone.does("reviewer", &confirm)
            .contains("in force: ofac-sdn half")
    );
}
