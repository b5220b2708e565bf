//! Journey J1 against the real binary: form a company; screened against a real sanctions list, blocked
//! when it matches or is pending; the credential verifies with independent libraries; the bundle
//! verifies offline; a crash loses nothing.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use evidence::credential::Builder;
use evidence::data_integrity::{self, ProofPurpose};
use evidence::key::SigningKey;
use hanse::config::DataDir;
use hanse::sample::Authorities;
use jiff::Timestamp;
use serde_json::{Value, json};
use ureq::Agent;

use crate::kill9::{Node, administrator, agent, get, post};

/// Far above what a worker takes; it only ends a test that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A zone, and a token for everybody who acts in it.
struct Stage {
    node: Node,
    agent: Agent,
    data: PathBuf,
    registrar: String,
    reviewer: String,
    regulator: String,
    operator: String,
    writes: u32,
}

impl Stage {
    fn set(data: &Path) -> Self {
        let node = Node::start(data);
        let operator = administrator(&node);
        let mut stage = Self {
            node,
            agent: agent(),
            data: data.to_owned(),
            registrar: String::new(),
            reviewer: String::new(),
            regulator: String::new(),
            operator,
            writes: 0,
        };
        stage.registrar = stage.member(
            "registrar",
            &json!({"kind": "staff", "roles": ["registrar"]}),
        );
        stage.reviewer = stage.member("reviewer", &json!({"kind": "staff", "roles": ["reviewer"]}));
        stage.regulator = stage.member("regulator", &json!({"kind": "regulator"}));
        stage
    }

    fn member(&mut self, id: &str, standing: &Value) -> String {
        let token = self.operator.clone();
        let body = json!({"id": id, "kind": "person", "display_name": id, "standing": standing});
        self.done(&token, "/v1/principals", &body);
        let issued = self.done(&token, "/v1/tokens", &json!({"principal": id}));
        text(&issued, "/token")
    }

    fn send(&mut self, token: &str, path: &str, body: &Value) -> (u16, Value) {
        self.writes += 1;
        let key = format!("w{}", self.writes);
        let (status, _, body) = post(&self.agent, &self.node.url(path), token, &key, body).unwrap();
        (status, body)
    }

    #[track_caller]
    fn done(&mut self, token: &str, path: &str, body: &Value) -> Value {
        let (status, body) = self.send(token, path, body);
        assert!((200..300).contains(&status), "{path}: {status} {body}");
        body
    }

    fn read(&self, token: &str, path: &str) -> Value {
        let (status, body) = get(&self.agent, &self.node.url(path), token);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    fn apply(&mut self, legal_name: &str, owner: &str, born: &str) -> Value {
        let token = self.registrar.clone();
        let body = application(legal_name, owner, born);
        self.done(&token, "/v1/entities", &body)
    }

    /// Everything the pack asks for, signed by the sample's authorities.
    fn attest(&mut self, entity: &Value) {
        let id = text(entity, "/id");
        let keys = Authorities::read(&DataDir::new(&self.data)).unwrap();
        let company = format!("urn:hanse:entity:{id}");
        let mut wanted = vec![
            (keys.government(), company.clone(), "pk.name-availability"),
            (keys.identity(), company, "pk.customer-due-diligence"),
        ];
        for person in entity["directors"].as_array().unwrap() {
            let subject = format!("urn:hanse:person:{}", person.as_str().unwrap());
            wanted.push((keys.identity(), subject, "pk.identity-verification"));
        }
        let token = self.registrar.clone();
        for (key, subject, kind) in wanted {
            let credential = attestation(&key, &subject, kind);
            self.done(&token, &format!("/v1/entities/{id}/evidence"), &credential);
        }
    }

    fn approve(&mut self, entity: &Value) -> (u16, Value) {
        let token = self.reviewer.clone();
        self.send(
            &token,
            &format!("/v1/entities/{}/approve", text(entity, "/id")),
            &json!({}),
        )
    }

    fn review(&mut self, entity: &Value) {
        let token = self.reviewer.clone();
        self.done(
            &token,
            &format!("/v1/entities/{}/review", text(entity, "/id")),
            &json!({}),
        );
    }

    /// Waits until a reading of the zone is as it must be. Effects are done by workers.
    #[track_caller]
    fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let read = self.read(&self.regulator, path);
            if is_so(&read) {
                return read;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "{path} did not become as it must: {read}"
            );
            thread::yield_now();
        }
    }
}

fn application(legal_name: &str, owner: &str, born: &str) -> Value {
    let person = |reference: &str, name: &str, born: &str| {
        json!({
            "ref": reference, "name": name, "date_of_birth": born, "nationality": "PK",
            "identifiers": [{"kind": "passport", "value": "ZX1284731"}],
        })
    };
    json!({
        "jurisdiction": "pk", "entity_type": "private-limited", "legal_name": legal_name,
        "registered_office": "12 Mall Road, Lahore", "activities": ["software"],
        "persons": [person("a", owner, born), person("b", "Noor Fatima Ansari", "1990-11-03")],
        "directors": ["a", "b"],
        "owners": [{"person": "a", "share_bps": 6000}, {"person": "b", "share_bps": 4000}],
    })
}

fn attestation(key: &SigningKey, subject: &str, kind: &str) -> Value {
    let now = Timestamp::now();
    let unsigned = Builder {
        id: format!("urn:uuid:{}", uuid::Uuid::now_v7()),
        issuer: key.did().to_string(),
        types: vec!["HanseEvidenceCredential".to_owned()],
        subject: json!({"id": subject, "evidenceKind": kind}),
        valid_from: now,
        valid_until: None,
        status: vec![],
    };
    data_integrity::sign(
        unsigned.build().unwrap(),
        key,
        now,
        ProofPurpose::AssertionMethod,
    )
    .unwrap()
}

fn text(value: &Value, pointer: &str) -> String {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found
        .unwrap_or_else(|| panic!("no {pointer} in {value}"))
        .to_owned()
}

fn hanse(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hanse"))
        .args(arguments)
        .output()
        .unwrap()
}

#[test]
fn a_company_is_formed_only_when_everything_is_shown_and_its_evidence_outlives_the_zone() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    let formed = stage.apply(
        "Indus Valley Software (Private) Limited",
        "Sobia Qamar Tiwana",
        "1984-02-29",
    );
    assert_eq!(formed["screening"], "cleared", "{formed}");
    assert_eq!(formed["parties"][0]["lists"][0]["name"], "ofac-sdn");
    assert!(formed["receipt"]["events"].as_array().unwrap().len() >= 5);

    // Without evidence the law blocks, and says by which clause of which source.
    stage.review(&formed);
    let (status, refused) = stage.approve(&formed);
    assert_eq!(
        (status, refused["code"].as_str()),
        (403, Some("compliance_blocked")),
        "{refused}"
    );
    let errors = refused["errors"].as_array().unwrap();
    let identity = errors
        .iter()
        .find(|error| error["pointer"] == "#domain/kyc")
        .unwrap();
    assert!(
        text(identity, "/detail").contains("s. 7A(2)(a)"),
        "{identity}"
    );
    let outsider = SigningKey::from_seed([7; 32]);
    let subject = format!("urn:hanse:entity:{}", text(&formed, "/id"));
    let forged = attestation(&outsider, &subject, "pk.customer-due-diligence");
    let registrar = stage.registrar.clone();
    let evidence = format!("/v1/entities/{}/evidence", text(&formed, "/id"));
    let (status, refused) = stage.send(&registrar, &evidence, &forged);
    assert_eq!(
        (status, refused["code"].as_str()),
        (422, Some("rule_violated")),
        "{refused}"
    );

    stage.attest(&formed);
    let (status, approved) = stage.approve(&formed);
    assert_eq!(status, 200, "{approved}");
    assert_eq!(
        (&approved["status"], &approved["registration_number"]),
        (&json!("active"), &json!("PK-0000001"))
    );
    let lists: Vec<Value> = ["revocation", "suspension"]
        .map(|purpose| stage.read("", &format!("/v1/status-lists/{purpose}")))
        .to_vec();
    judged_by_others(&approved["credential"], &lists);

    // Nobody else's name, and nobody's own approval.
    let twice = application(
        "INDUS VALLEY SOFTWARE (PRIVATE) LIMITED",
        "Ayla Rahim",
        "1980-01-01",
    );
    let (status, refused) = stage.send(&registrar, "/v1/entities", &twice);
    assert_eq!(
        (status, refused["code"].as_str()),
        (409, Some("conflict")),
        "{refused}"
    );
    let own = format!("/v1/entities/{}/approve", text(&formed, "/id"));
    let (status, refused) = stage.send(&registrar, &own, &json!({}));
    assert_eq!(
        (status, refused["code"].as_str()),
        (403, Some("scope_missing")),
        "{refused}"
    );

    // The receipt proves itself, the bundle verifies without the zone, and neither survives a change.
    let bundle = folder.path().join("bundle.json");
    let (status, bytes) = get(
        &stage.agent,
        &stage
            .node
            .url(&format!("/v1/entities/{}/bundle", text(&formed, "/id"))),
        &stage.regulator,
    );
    assert_eq!(status, 200, "{bytes}");
    fs::write(&bundle, &bytes).unwrap();
    let index = approved["receipt"]["events"][0]["index"].as_u64().unwrap();
    let (status, proof) = get(
        &stage.agent,
        &stage.node.url(&format!("/v1/journal/proofs/{index}")),
        &stage.regulator,
    );
    assert_eq!(status, 200, "{proof}");
    let receipt = folder.path().join("receipt.json");
    fs::write(&receipt, proof).unwrap();
    let (did, log_key) = (
        text(&stage.node.said, "/did"),
        text(&stage.node.said, "/log_key"),
    );
    stage.node.kill();
    let known = ["--key", &did, "--log-key", &log_key];
    for file in [&bundle, &receipt] {
        let verified = hanse(&[&["verify", file.to_str().unwrap()], &known[..]].concat());
        assert!(verified.status.success(), "{verified:?}");
    }
    let other = SigningKey::from_seed([9; 32]).did().to_string();
    let stranger = hanse(&["verify", bundle.to_str().unwrap(), "--key", &other]);
    assert_eq!(stranger.status.code(), Some(1));
    fs::write(&bundle, bytes.replacen("Indus Valley", "Indus Walley", 1)).unwrap();
    let altered = hanse(&[&["verify", bundle.to_str().unwrap()], &known[..]].concat());
    assert_eq!(altered.status.code(), Some(1));

    // After kill -9 everything acknowledged is there, and every chain is whole.
    let data = stage.data.to_str().unwrap().to_owned();
    let checked = hanse(&["journal", "fsck", "--data", &data]);
    assert!(checked.status.success(), "{checked:?}");
    let rebuilt = hanse(&["journal", "rebuild", "--data", &data]);
    assert!(rebuilt.status.success(), "{rebuilt:?}");
    stage.node = Node::start(&stage.data);
    let path = format!("/v1/entities/{}", text(&formed, "/id"));
    assert_eq!(
        stage.read(&stage.regulator, &path)["registration_number"],
        "PK-0000001"
    );
}

#[test]
fn a_listed_or_undecided_owner_blocks_formation_until_a_reviewer_decides() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));

    let listed = stage.apply(
        "Sinaloa Mangoes (Private) Limited",
        "Joaquín Guzmán Loera",
        "1957-12-25",
    );
    assert_eq!(listed["screening"], "blocked", "{listed}");
    stage.attest(&listed);
    stage.review(&listed);
    let (status, refused) = stage.approve(&listed);
    assert_eq!(
        (status, refused["code"].as_str()),
        (403, Some("screening_blocked")),
        "{refused}"
    );

    let close = stage.apply(
        "Khyber Carpets (Private) Limited",
        "Gulbuddin Hekmat",
        "1991-06-15",
    );
    assert_eq!(close["screening"], "under_review", "{close}");
    stage.attest(&close);
    stage.review(&close);
    let (status, refused) = stage.approve(&close);
    assert_eq!(
        (status, refused["code"].as_str()),
        (403, Some("screening_blocked")),
        "{refused}"
    );

    let entity = text(&close, "/id");
    let cases = stage.read(
        &stage.regulator,
        &format!("/v1/reviews?open=true&entity={entity}"),
    );
    let hit = &cases["items"][0]["screening"]["hits"][0];
    assert!(!hit["features"].as_array().unwrap().is_empty(), "{hit}");
    let told = stage.until("/v1/notifications?open=true", |read| {
        read["items"]
            .as_array()
            .unwrap()
            .iter()
            .any(|it| it["entity"] == json!(entity))
    });
    assert_eq!(told["items"][0]["audience"], "reviewers");

    // Who acts for another entity does not learn of the case.
    let operator = stage.operator.clone();
    let elsewhere = json!({"principal": "reviewer", "entities": [text(&listed, "/id")]});
    let elsewhere = text(&stage.done(&operator, "/v1/tokens", &elsewhere), "/token");
    let case = format!("/v1/reviews/{}", text(&cases, "/items/0/id"));
    assert_eq!(get(&stage.agent, &stage.node.url(&case), &elsewhere).0, 404);
    let none = stage.read(&elsewhere, &format!("/v1/reviews?entity={entity}"));
    assert_eq!(none["items"], json!([]));

    let decision =
        json!({"finding": "false_positive", "reason": "born 1991, holds another passport"});
    let case = format!("/v1/reviews/{}/decision", text(&cases, "/items/0/id"));
    let regulator = stage.regulator.clone();
    assert_eq!(stage.send(&regulator, &case, &decision).0, 403);
    let reviewer = stage.reviewer.clone();
    stage.done(&reviewer, &case, &decision);
    let (status, approved) = stage.approve(&close);
    assert_eq!(
        (status, &approved["status"]),
        (200, &json!("active")),
        "{approved}"
    );
}

#[test]
fn a_new_list_version_screens_everybody_again_and_a_suspension_reaches_the_status_list() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    let formed = stage.apply(
        "Ravi Timber (Private) Limited",
        "Sobia Qamar Tiwana",
        "1984-02-29",
    );
    stage.attest(&formed);
    stage.review(&formed);
    let (_, approved) = stage.approve(&formed);
    let id = text(&approved, "/id");
    let reviewer = stage.reviewer.clone();

    let check = |stage: &mut Stage| {
        let token = stage.regulator.clone();
        stage.done(&token, "/v1/credentials/verify", &approved["credential"])
    };
    assert_eq!(check(&mut stage)["verified"], true);
    let reason = json!({"reason": "accounts not filed"});
    stage.done(&reviewer, &format!("/v1/entities/{id}/suspend"), &reason);
    let credentials = format!("/v1/credentials?entity={id}");
    stage.until(&credentials, |read| {
        read["items"][0]["standing"] == "suspended"
    });
    let refused = check(&mut stage);
    assert_eq!(refused["verified"], false, "{refused}");
    stage.done(&reviewer, &format!("/v1/entities/{id}/reinstate"), &reason);
    stage.until(&credentials, |read| {
        read["items"][0]["standing"] == "in_force"
    });
    assert_eq!(check(&mut stage)["verified"], true);

    // The owner is on the next version of the list.
    let packs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packs/sanctions/ofac-sdn");
    let read = |name: &str| fs::read_to_string(packs.join(name)).unwrap();
    let row = "99999,\"TIWANA, Sobia Qamar\",\"individual\",\"SDGT\",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,\"DOB 29 Feb 1984.\"\r\n";
    let body = json!({
        "name": "ofac-sdn", "version": "2021-08", "published": "2021-08-01", "format": "ofac_csv",
        "files": {"sdn.csv": format!("{row}{}", read("sdn.csv")), "alt.csv": read("alt.csv"), "add.csv": read("add.csv")},
    });
    let operator = stage.operator.clone();
    let truncated = json!({
        "name": "ofac-sdn", "version": "2021-09", "published": "2021-09-01", "format": "ofac_csv",
        "files": {"sdn.csv": "1,\"HALF", "alt.csv": "", "add.csv": ""},
    });
    let (status, refused) = stage.send(&operator, "/v1/sanctions/lists", &truncated);
    assert_eq!(
        (status, refused["code"].as_str()),
        (422, Some("rule_violated")),
        "{refused}"
    );
    stage.done(&operator, "/v1/sanctions/lists", &body);
    let entity = stage.until(&format!("/v1/entities/{id}"), |read| {
        read["screening"] == "blocked"
    });
    assert!(
        entity["parties"]
            .as_array()
            .unwrap()
            .iter()
            .any(|it| it["lists"][0]["version"] == "2021-08")
    );
    let reports = stage.until("/v1/sanctions/rescreenings", |read| {
        read["items"]
            .as_array()
            .is_some_and(|items| items.len() == 2)
    });
    let change = &reports["items"][1]["changes"][0];
    assert_eq!(
        (&change["entity"], &change["before"], &change["after"]),
        (&json!(id), &json!("clear"), &json!("block")),
        "{reports}"
    );
}

/// A version of a list with these rows.
fn list_of(name: &str, version: &str, rows: &str) -> Value {
    json!({
        "name": name, "version": version, "published": "2021-08-01", "format": "ofac_csv",
        "files": {"sdn.csv": rows, "alt.csv": "", "add.csv": ""},
    })
}

fn listed(number: u32, name: &str) -> String {
    let nothing = "-0- ,".repeat(7);
    format!("{number},\"{name}\",\"individual\",\"SDGT\",{nothing}-0- \r\n")
}

#[test]
fn one_role_opens_no_gate_and_who_was_let_in_is_judged_again_when_the_list_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    let (registrar, reviewer) = (stage.registrar.clone(), stage.reviewer.clone());
    let both = json!({"kind": "staff", "roles": ["registrar", "reviewer"]});
    let both = stage.member("both", &both);
    let formed = stage.apply(
        "Kabul Carpets (Private) Limited",
        "Gulbuddin Hekmatyar",
        "1949-08-01",
    );
    let id = text(&formed, "/id");
    let entity = format!("/v1/entities/{id}");
    assert_eq!(formed["screening"], "blocked", "{formed}");
    stage.attest(&formed);
    stage.review(&formed);

    // Three entries instead of thousands wait, and free nobody.
    let three: String = [
        (1, "DOE, Jonathan Quincy"),
        (2, "ROE, Rebecca"),
        (3, "POE, Peregrine"),
    ]
    .map(|(number, name)| listed(number, name))
    .concat();
    let small = list_of("ofac-sdn", "three", &three);
    let (status, waits) = stage.send(&both, "/v1/sanctions/lists", &small);
    assert_eq!(
        (status, &waits["concerns"]),
        (202, &json!(["shrunken"])),
        "{waits}"
    );
    assert!(waits["removed"].as_u64() > Some(5_000), "{waits}");
    let in_force = stage.read(&reviewer, "/v1/sanctions/lists");
    assert_eq!(in_force[0]["version"], "2021-07", "{in_force}");
    let proposals = stage.read(&reviewer, "/v1/sanctions/proposals");
    assert_eq!(proposals[0]["digest"], waits["digest"], "{proposals}");
    let told = stage.read(&reviewer, "/v1/notifications?open=true");
    assert!(
        told.to_string()
            .contains("version three of the sanctions list ofac-sdn waits"),
        "{told}"
    );
    let seen = |stage: &Stage| stage.read(&stage.reviewer, &entity)["screening"].clone();
    let rescreened = |stage: &Stage, count: usize| {
        stage.until("/v1/sanctions/rescreenings", |read| {
            read["items"]
                .as_array()
                .is_some_and(|items| items.len() == count)
        })
    };
    rescreened(&stage, 2);
    assert_eq!(seen(&stage), "blocked");
    let (refused, answer) = stage.approve(&formed);
    assert!(refused >= 400, "{answer}");
    // Who is only on what waits is found at once.
    let person = json!({"names": ["Jonathan Quincy Doe"], "kind": "person"});
    let asked = stage.done(&registrar, "/v1/screenings", &person);
    assert_eq!(asked["verdict"], "block", "{asked}");

    // Neither the one who brought it, nor a role that only imports, nor somebody who looked at another one.
    let confirm = "/v1/sanctions/proposals/ofac-sdn/confirm";
    let version = json!({"digest": waits["digest"]});
    let other = json!({"digest": in_force[0]["digest"]});
    for (token, body, status) in [
        (&both, &version, 403),
        (&registrar, &version, 403),
        (&reviewer, &other, 409),
    ] {
        assert_eq!(stage.send(token, confirm, body).0, status, "{body}");
    }
    let (again, _) = stage.send(&registrar, "/v1/sanctions/lists", &small);
    assert_eq!(again, 409, "one version at a time");
    // What waits survives a crash; turned down it frees whom it alone named.
    stage.node.kill();
    stage.node = Node::start(&stage.data);
    let asked = stage.done(&registrar, "/v1/screenings", &person);
    assert_eq!(asked["verdict"], "block", "{asked}");
    let no = json!({"digest": waits["digest"], "reason": "not the publisher's"});
    stage.done(&reviewer, "/v1/sanctions/proposals/ofac-sdn/reject", &no);
    let asked = stage.done(&registrar, "/v1/screenings", &person);
    assert_eq!(asked["verdict"], "clear", "{asked}");
    assert_eq!(stage.send(&reviewer, confirm, &version).0, 404);

    // Two people do it together: the founder is let in.
    stage.done(&registrar, "/v1/sanctions/lists", &small);
    stage.done(&reviewer, confirm, &version);
    let asked = stage.done(
        &registrar,
        "/v1/screenings",
        &json!({"names": ["Gulbuddin Hekmatyar"], "kind": "person"}),
    );
    assert_eq!(
        (
            &asked["verdict"],
            &asked["screening"]["lists"][0]["version"]
        ),
        (&json!("clear"), &json!("three")),
        "{asked}"
    );
    stage.until(&entity, |read| read["screening"] == "cleared");
    let (status, approved) = stage.approve(&formed);
    assert_eq!(
        (status, &approved["status"]),
        (200, &json!("active")),
        "{approved}"
    );

    // The list comes back, with everybody on it; nobody has to agree to that.
    let packs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packs/sanctions/ofac-sdn");
    let name = |name: &str| fs::read_to_string(packs.join(name)).unwrap();
    let (sdn, alt, add) = (name("sdn.csv"), name("alt.csv"), name("add.csv"));
    let mut whole = list_of("ofac-sdn", "back", &format!("{three}{sdn}"));
    whole["files"]["alt.csv"] = json!(alt);
    whole["files"]["add.csv"] = json!(add);
    let (status, back) = stage.send(&registrar, "/v1/sanctions/lists", &whole);
    assert_eq!(status, 201, "{back}");
    stage.until(&entity, |read| {
        read["screening"] == "blocked" && read["status"] == "active"
    });
    stage.until("/v1/notifications?open=true", |read| {
        let told = read["items"].as_array().unwrap().iter();
        let mut told = told.filter(|it| it["entity"] == json!(id));
        told.any(|it| text(it, "/text").contains("the company is active: suspend it"))
    });
    stage.node.kill();
    let data = stage.data.to_str().unwrap().to_owned();
    for check in ["fsck", "rebuild"] {
        let checked = hanse(&["journal", check, "--data", &data]);
        assert!(checked.status.success(), "{checked:?}");
    }
}

#[test]
fn a_second_list_is_searched_and_a_new_version_answers_from_its_reply_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    let registrar = stage.registrar.clone();
    let person = json!({"names": ["Jonathan Quincy Doe"], "kind": "person"});
    let verdict = |stage: &mut Stage| {
        let token = stage.registrar.clone();
        stage.done(&token, "/v1/screenings", &person)["verdict"].clone()
    };
    assert_eq!(verdict(&mut stage), "clear");
    let extra = list_of("un-sc", "1", &listed(1, "ROE, Rebecca"));
    let imported = stage.done(&registrar, "/v1/sanctions/lists", &extra);
    assert_eq!(imported["required"], false, "{imported}");
    assert_eq!(verdict(&mut stage), "clear");
    for round in 2..6 {
        let rows = [
            listed(1, "ROE, Rebecca"),
            listed(round, "DOE, Jonathan Quincy"),
        ]
        .concat();
        stage.done(
            &registrar,
            "/v1/sanctions/lists",
            &list_of("un-sc", &format!("{round}"), &rows),
        );
        assert_eq!(verdict(&mut stage), "block");
        let lists = stage.read(&stage.reviewer, "/v1/sanctions/lists");
        assert_eq!(lists[1]["version"], format!("{round}"), "{lists}");
        // Without the row it waits until somebody else agrees.
        let less = list_of(
            "un-sc",
            &format!("{round}-less"),
            &listed(1, "ROE, Rebecca"),
        );
        let waits = stage.done(&registrar, "/v1/sanctions/lists", &less);
        assert_eq!(verdict(&mut stage), "block");
        let reviewer = stage.reviewer.clone();
        let digest = json!({"digest": waits["digest"]});
        stage.done(&reviewer, "/v1/sanctions/proposals/un-sc/confirm", &digest);
        assert_eq!(verdict(&mut stage), "clear");
    }
}

#[test]
fn what_is_revoked_stays_revoked_and_a_list_without_a_change_is_not_published() {
    let folder = tempfile::tempdir().unwrap();
    let mut stage = Stage::set(&folder.path().join("zone"));
    let published = |stage: &Stage| {
        let query = "stream=mez/status-list/main&kind=status_list.published.v1";
        let read = stage.read(&stage.regulator, &format!("/v1/journal/events?{query}"));
        let events = read["items"].as_array().unwrap().iter();
        let purposes = events.map(|event| text(event, "/payload/purpose"));
        purposes.collect::<Vec<String>>()
    };
    let formed = stage.apply(
        "Chenab Weaving (Private) Limited",
        "Noor Fatima Ansari",
        "1990-11-03",
    );
    stage.attest(&formed);
    stage.review(&formed);
    let (status, approved) = stage.approve(&formed);
    assert_eq!(status, 200, "{approved}");
    let first = ["revocation", "suspension"];
    let id = text(&approved, "/id");
    let credentials = format!("/v1/credentials?entity={id}");
    let reviewer = stage.reviewer.clone();
    let registrar = stage.registrar.clone();
    let reason = json!({"reason": "accounts not filed"});

    stage.done(&reviewer, &format!("/v1/entities/{id}/suspend"), &reason);
    stage.until(&credentials, |read| {
        read["items"][0]["standing"] == "suspended"
    });
    // Neither the approval nor the suspension changed a bit of the other list.
    assert_eq!(published(&stage), [&first[..], &["suspension"]].concat());

    let credential = text(&approved, "/credential_id");
    let revoke = format!("/v1/credentials/{credential}/revoke");
    let revoked = stage.done(&registrar, &revoke, &reason);
    assert_eq!(revoked["standing"], "revoked", "{revoked}");
    let after = [&first[..], &["suspension"], &first[..]].concat();
    assert_eq!(published(&stage), after);
    let (status, refused) = stage.send(&registrar, &revoke, &reason);
    assert_eq!(
        (status, refused["code"].as_str()),
        (409, Some("conflict")),
        "{refused}"
    );

    // The company may act again; its credential is revoked for good. Work is done in order, so a later notice shows that
    // the lists had their turn.
    stage.done(&reviewer, &format!("/v1/entities/{id}/reinstate"), &reason);
    let other = stage.apply("Sutlej Mills (Private) Limited", "Ali Raza", "1971-07-01");
    let other = text(&other, "/id");
    stage.until("/v1/notifications", |read| {
        let mut items = read["items"].as_array().unwrap().iter();
        items.any(|it| it["entity"] == *other)
    });
    assert_eq!(published(&stage), after);
    let read = stage.read(&stage.regulator, &credentials);
    assert_eq!(read["items"][0]["standing"], "revoked", "{read}");
}

/// Digital Bazaar's npm libraries and openvc-core from PyPI verify the credential and refuse a changed one.
fn judged_by_others(credential: &Value, lists: &[Value]) {
    let Some(judges) = needs::judges() else {
        return;
    };
    let mut altered = credential.clone();
    altered["credentialSubject"]["legalName"] = json!("Somebody Else (Private) Limited");
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let request = |credential| json!({"credential": credential, "now": now, "statusLists": lists});
    let requests = json!([request(credential), request(&altered)]);
    for (program, script) in [
        (PathBuf::from("node"), "digitalbazaar.mjs"),
        (judges.join("venv/bin/python"), "openvc_judge.py"),
    ] {
        let mut child = Command::new(program)
            .arg(judges.join(script))
            .arg("verify")
            .current_dir(&judges)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(requests.to_string().as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let verdicts: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (&verdicts[0]["verified"], &verdicts[1]["verified"]),
            (&json!(true), &json!(false)),
            "{script}: {verdicts}"
        );
    }
}
