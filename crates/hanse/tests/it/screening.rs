//! Screening against the running node: reviewers decide while everybody is screened on a new version of a list.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::Agent;

use crate::kill9::{Node, administrator, agent, get, post};

/// How many companies wait for a decision when the new version comes.
const COMPANIES: usize = 8;

struct Stage {
    node: Node,
    agent: Agent,
    operator: String,
    registrar: String,
    reviewer: String,
}

impl Stage {
    fn set(data: &Path) -> Self {
        let node = Node::start(data);
        let operator = administrator(&node);
        let mut stage = Self {
            node,
            agent: agent(),
            operator,
            registrar: String::new(),
            reviewer: String::new(),
        };
        stage.registrar = stage.member("registrar");
        stage.reviewer = stage.member("reviewer");
        stage
    }

    fn member(&self, role: &str) -> String {
        let member = json!({
            "id": role, "kind": "person", "display_name": role,
            "standing": {"kind": "staff", "roles": [role]},
        });
        self.does(&self.operator, "/v1/principals", role, &member);
        let wish = json!({"principal": role});
        text(&self.does(&self.operator, "/v1/tokens", role, &wish)["token"])
    }

    #[track_caller]
    fn does(&self, token: &str, path: &str, key: &str, body: &Value) -> Value {
        let url = self.node.url(path);
        let (status, _, answer) = post(&self.agent, &url, token, key, body).unwrap();
        assert!((200..300).contains(&status), "{path}: {status} {answer}");
        answer
    }

    #[track_caller]
    fn read(&self, path: &str) -> Value {
        let (status, body) = get(&self.agent, &self.node.url(path), &self.reviewer);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    #[track_caller]
    fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let read = self.read(path);
            if is_so(&read) {
                return read;
            }
            assert!(Instant::now() < end, "{path} stayed {read}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The entity tag of a case.
    fn tag(&self, case: &str) -> String {
        let bearer = format!("Bearer {}", self.reviewer);
        let request = self
            .agent
            .get(self.node.url(&format!("/v1/reviews/{case}")));
        let answer = request.header("authorization", bearer).call().unwrap();
        answer.headers()["etag"].to_str().unwrap().to_owned()
    }

    /// Dismisses every hit that waits; with a tag only as the case was then.
    fn dismisses(&self, case: &str, tag: Option<&str>) -> u16 {
        let url = self.node.url(&format!("/v1/reviews/{case}/decision"));
        let request = agent().post(url);
        let request = request
            .header("authorization", format!("Bearer {}", self.reviewer))
            .header("idempotency-key", format!("d-{case}"));
        let request = match tag {
            Some(tag) => request.header("if-match", tag),
            None => request,
        };
        let body = json!({"finding": "false_positive", "reason": "holds another passport"});
        request.send_json(body).unwrap().status().as_u16()
    }
}

fn text(value: &Value) -> String {
    let text = value.as_str();
    text.unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}

fn application(n: usize) -> Value {
    let person = |reference: &str, name: &str| {
        json!({
            "ref": reference, "name": name, "date_of_birth": "1991-06-15", "nationality": "PK",
            "identifiers": [{"kind": "passport", "value": format!("ZX12847{n:02}")}],
        })
    };
    json!({
        "jurisdiction": "pk", "entity_type": "private-limited",
        "legal_name": format!("Khyber Carpets {n} (Private) Limited"),
        "registered_office": "12 Mall Road, Lahore", "activities": ["software"],
        "persons": [person("a", "Gulbuddin Hekmat"), person("b", "Noor Fatima Ansari")],
        "directors": ["a", "b"], "owners": [{"person": "a", "share_bps": 10000}],
    })
}

/// The sample's list with the owner on it by name.
fn next_version() -> Value {
    let packs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packs/sanctions/ofac-sdn");
    let read = |name: &str| fs::read_to_string(packs.join(name)).unwrap();
    let row = "99999,\"HEKMAT, Gulbuddin\",\"individual\",\"SDGT\",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- \r\n";
    json!({
        "name": "ofac-sdn", "version": "2021-08", "published": "2021-08-01", "format": "ofac_csv",
        "files": {
            "sdn.csv": format!("{row}{}", read("sdn.csv")),
            "alt.csv": read("alt.csv"), "add.csv": read("add.csv"),
        },
    })
}

fn hits(case: &Value) -> &[Value] {
    case["screening"]["hits"].as_array().unwrap()
}

#[test]
fn a_decision_at_the_time_of_an_import_is_kept_and_dismisses_nobody_unseen() {
    let folder = tempfile::tempdir().unwrap();
    let stage = Stage::set(&folder.path().join("zone"));
    for n in 0..COMPANIES {
        let key = format!("a{n}");
        stage.does(&stage.registrar, "/v1/entities", &key, &application(n));
    }
    let open = stage.read("/v1/reviews?open=true");
    let open = open["items"].as_array().unwrap();
    let cases: Vec<String> = open.iter().map(|case| text(&case["id"])).collect();
    assert_eq!(cases.len(), COMPANIES);

    let import = next_version();
    let outcomes: Vec<(&String, bool, u16)> = std::thread::scope(|scope| {
        let stage = &stage;
        let deciding: Vec<_> = cases
            .iter()
            .enumerate()
            .map(|(n, case)| {
                let tag = (n % 2 == 0).then(|| stage.tag(case));
                scope.spawn(move || {
                    // As soon as the version is in force, everybody is screened on it.
                    let is_next = |read: &Value| read[0]["version"] == "2021-08";
                    stage.until("/v1/sanctions/lists", is_next);
                    std::thread::sleep(Duration::from_millis(5 * n as u64));
                    let status = stage.dismisses(case, tag.as_deref());
                    (case, tag.is_some(), status)
                })
            })
            .collect();
        stage.does(&stage.operator, "/v1/sanctions/lists", "import", &import);
        let decided = deciding.into_iter().map(|it| it.join().unwrap());
        decided.collect()
    });
    stage.until("/v1/sanctions/rescreenings", |read| {
        read["items"]
            .as_array()
            .is_some_and(|items| items.len() == 2)
    });

    eprintln!("OUT {outcomes:?}");
    for (id, is_tagged, status) in outcomes {
        let case = stage.read(&format!("/v1/reviews/{id}"));
        let lists = &case["screening"]["lists"];
        assert_eq!(lists[0]["version"], "2021-08", "{case}");
        let decisions = case["decisions"].as_array().unwrap();
        assert_eq!(status == 200, !decisions.is_empty(), "{status} {case}");
        let of_new = |it: &&Value| it["entry_id"] == "99999";
        let new = hits(&case).iter().find(of_new).unwrap();
        if is_tagged {
            assert!([200, 412].contains(&status), "{status}");
            assert_eq!(
                (&new["finding"], &case["verdict"]),
                (&Value::Null, &json!("block"))
            );
        } else {
            assert_eq!(status, 200);
        }
        for dismissed in hits(&case).iter().filter(|hit| !hit["finding"].is_null()) {
            let is_of = |it: &&Value| {
                it["entry_id"] == dismissed["entry_id"] && it["entry"] == dismissed["entry"]
            };
            assert_eq!(decisions.iter().filter(is_of).count(), 1, "{case}");
        }
        // The register says of the party what the case says.
        let entity = stage.read(&format!("/v1/entities/{}", text(&case["entity"])));
        let mut parties = entity["parties"].as_array().unwrap().iter();
        let party = parties.find(|it| it["party"] == case["party"]).unwrap();
        assert_eq!(party["verdict"], case["verdict"], "{entity}");
    }
}
