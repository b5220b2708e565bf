//! Every operation that the running node documents, and who may ask for it. Operations come from its document, roles and
//! scopes from the code, so that a new one has its cases without a line here.

use api::scope::{Scope, Standing, WriteScope};
use std::collections::{BTreeMap, BTreeSet};

use api::scope::Role;
use axum::http::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;
use ureq::http::{Method, Request};

use crate::kill9::{Node, administrator, agent, get, post};
use crate::platform::Zone;

/// What everybody may ask for without a token, and why.
const OPEN: [(&str, &str); 15] = [
    (
        "GET /health/liveness",
        "who watches the process has no token",
    ),
    (
        "GET /health/readiness",
        "who watches the process has no token",
    ),
    (
        "GET /problems/{code}",
        "explains the refusals, that of a missing token too",
    ),
    (
        "GET /tlog/checkpoint",
        "hashes only; monitors of the log are strangers",
    ),
    (
        "GET /v1/journal/checkpoint",
        "hashes only; monitors of the log are strangers",
    ),
    (
        "GET /v1/journal/checkpoints",
        "hashes only; monitors of the log are strangers",
    ),
    (
        "GET /v1/journal/consistency",
        "hashes only; monitors of the log are strangers",
    ),
    (
        "GET /v1/journal/keys",
        "public keys, by which strangers verify",
    ),
    ("GET /v1/notices", "notices are for everybody"),
    ("GET /v1/notices/{id}", "notices are for everybody"),
    (
        "GET /v1/notices/{id}/bundle",
        "strangers verify that a notice was published",
    ),
    (
        "GET /v1/status-lists/{purpose}",
        "who was shown a credential looks here whether it holds",
    ),
    (
        "POST /v1/bootstrap",
        "the invitation in its body is the proof",
    ),
    (
        "POST /v1/iris/invitations/redeem",
        "the invitation in its body is the proof",
    ),
    (
        "POST /v1/tokens/exchange",
        "the signature in its body is the proof",
    ),
];

/// One operation of the document.
struct Operation {
    /// Method and path, as in the document.
    name: String,
    method: Method,
    /// The path with something in place of each parameter.
    path: String,
    /// What a caller needs; nothing for everybody's.
    scope: Option<Scope>,
}

impl Operation {
    fn new(method: &str, path: &str, described: &Value) -> Self {
        let method = method.to_uppercase();
        let parts = path
            .split('/')
            .map(|part| if part.starts_with('{') { "1x" } else { part });
        let name = format!("{method} {path}");
        let scope = match described["security"].as_array().map(Vec::as_slice) {
            None => None,
            Some([one]) => match one["bearer"].as_array().map(Vec::as_slice) {
                Some([scope]) => Some(scope.as_str().unwrap().parse().unwrap()),
                other => panic!("{name} needs {other:?}, not one scope"),
            },
            Some(other) => panic!("{name} is secured by {other:?}"),
        };
        Self {
            scope,
            method: method.parse().unwrap(),
            path: parts.collect::<Vec<_>>().join("/"),
            name,
        }
    }
}

/// A node with an administrator and somebody who has every role.
struct Bed {
    node: Node,
    agent: Agent,
    administrator: String,
    writes: u32,
    _folder: TempDir,
}

impl Bed {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let node = Node::start(&folder.path().join("zone"));
        Self {
            administrator: administrator(&node),
            node,
            agent: agent(),
            writes: 0,
            _folder: folder,
        }
    }

    fn operations(&self) -> Vec<Operation> {
        let (status, document) = get(&self.agent, &self.node.url("/openapi.json"), "");
        assert_eq!(status, 200);
        let document: Value = serde_json::from_str(&document).unwrap();
        let mut all = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, described) in item.as_object().unwrap() {
                all.push(Operation::new(method, path, described));
            }
        }
        assert!(!all.is_empty());
        all
    }

    /// A write of the administrator that succeeds.
    fn done(&mut self, path: &str, body: &Value) -> Value {
        self.writes += 1;
        let (url, key) = (self.node.url(path), format!("w{}", self.writes));
        let (status, _, body) = post(&self.agent, &url, &self.administrator, &key, body).unwrap();
        assert_eq!(status, 201, "{path}: {body}");
        body
    }

    fn principal(&mut self, id: &str, standing: &Standing) {
        let body = json!({"id": id, "kind": "person", "display_name": id, "standing": standing});
        self.done("/v1/principals", &body);
    }

    /// A token of somebody with these scopes.
    fn token(&mut self, principal: &str, scopes: &BTreeSet<Scope>) -> String {
        let issued = self.done(
            "/v1/tokens",
            &json!({"principal": principal, "scopes": scopes}),
        );
        issued["token"].as_str().unwrap().to_owned()
    }

    fn status(&self, operation: &Operation, token: &str) -> StatusCode {
        let request = Request::builder()
            .method(&operation.method)
            .uri(self.node.url(&operation.path))
            .header("content-type", "application/json")
            .header("idempotency-key", "asked");
        let request = match token {
            "" => request,
            token => request.header("authorization", format!("Bearer {token}")),
        };
        self.agent
            .run(request.body("{}").unwrap())
            .unwrap()
            .status()
    }
}

/// Whether an operation was let in and answered.
fn is_admitted(status: StatusCode) -> bool {
    let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status);
    !refused && !status.is_server_error()
}

fn everything() -> Standing {
    Standing::Staff {
        roles: Role::ALL.iter().copied().collect(),
    }
}

#[test]
fn every_operation_is_401_without_a_token_403_without_its_scope_and_neither_with_it() {
    let mut bed = Bed::start();
    bed.principal("everybody", &everything());
    let mut by_scope = BTreeMap::<_, Vec<_>>::new();
    for operation in bed.operations() {
        by_scope.entry(operation.scope).or_default().push(operation);
    }
    by_scope.remove(&None);
    for (scope, operations) in by_scope {
        let scope = scope.unwrap();
        let others = Scope::all().filter(|other| *other != scope).collect();
        let lacking = bed.token("everybody", &others);
        let having = bed.token("everybody", &BTreeSet::from([scope]));
        for operation in &operations {
            let name = &operation.name;
            assert_eq!(
                bed.status(operation, ""),
                StatusCode::UNAUTHORIZED,
                "{name}"
            );
            assert_eq!(
                bed.status(operation, &lacking),
                StatusCode::FORBIDDEN,
                "{name}"
            );
            let allowed = bed.status(operation, &having);
            assert!(is_admitted(allowed), "{name} {allowed}");
        }
    }
}

#[test]
fn what_is_open_to_everybody_is_listed_with_a_reason_and_asks_for_no_token() {
    let bed = Bed::start();
    let operations = bed.operations();
    let open: Vec<_> = operations.iter().filter(|it| it.scope.is_none()).collect();
    let names: BTreeSet<_> = open.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, OPEN.iter().map(|(name, _)| *name).collect());
    for operation in open {
        let answered = bed.status(operation, "");
        assert!(is_admitted(answered), "{} {answered}", operation.name);
    }
}

#[test]
fn a_regulator_can_change_nothing_on_any_route() {
    let mut bed = Bed::start();
    let regulator = Standing::Regulator {};
    bed.principal("regulator", &regulator);
    let token = bed.token("regulator", &regulator.scopes());
    for operation in bed.operations() {
        let Some(scope) = operation.scope else {
            continue;
        };
        let may_write = matches!(scope, Scope::Write(_));
        let status = bed.status(&operation, &token);
        let name = &operation.name;
        assert!(
            !may_write || status == StatusCode::FORBIDDEN,
            "{name} {status}"
        );
        let sees = regulator.scopes().contains(&scope);
        assert_eq!(status == StatusCode::FORBIDDEN, !sees, "{name} {status}");
    }
}

/// Scopes that no route asks for, and what they are for.
const ELSEWHERE: [(&str, &str); 2] = [
    ("iris:send", "signs in to the messenger"),
    (
        "mez:zone:write",
        "tokens that hold it are in journals; nothing changes a zone while it runs",
    ),
];

#[test]
fn every_scope_opens_something() {
    let bed = Bed::start();
    let mut asked: BTreeSet<String> = bed
        .operations()
        .into_iter()
        .filter_map(|operation| operation.scope.map(|scope| scope.to_string()))
        .collect();
    for (scope, why) in ELSEWHERE {
        assert!(
            asked.insert(scope.to_owned()),
            "{scope} ({why}) has a route"
        );
    }
    assert_eq!(asked, Scope::all().map(|scope| scope.to_string()).collect());
}

/// A path answers no method that its document leaves out.
#[test]
fn every_method_of_a_documented_path_is_documented() {
    let bed = Bed::start();
    let mut documented = BTreeMap::<String, BTreeSet<String>>::new();
    for operation in bed.operations() {
        let methods = documented.entry(operation.path).or_default();
        if operation.method == Method::GET {
            methods.insert("HEAD".to_owned());
        }
        methods.insert(operation.method.to_string());
    }
    for (path, methods) in documented {
        let request = Request::builder()
            .method(Method::TRACE)
            .uri(bed.node.url(&path));
        let answer = bed.agent.run(request.body("").unwrap()).unwrap();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        let allowed = answer.headers()["allow"].to_str().unwrap().split(',');
        assert_eq!(
            allowed.map(str::to_owned).collect::<BTreeSet<_>>(),
            methods,
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_regulator_cannot_be_given_a_token_that_writes() {
    let zone = Zone::start();
    let admin = zone.administrator().await;
    zone.token_of(&admin, "regulator", json!({"kind": "regulator"}), None)
        .await;
    for scope in WriteScope::ALL {
        let scope = scope.as_str();
        let body = json!({"principal": "regulator", "scopes": [scope]});
        let answer = zone.post("/v1/tokens", &admin, scope, body).await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::UNPROCESSABLE_ENTITY, "rule_violated"),
            "{scope}"
        );
    }
    for role in Role::ALL {
        let both = json!({"id": "both", "kind": "person", "display_name": "x",
            "standing": {"kind": "regulator", "roles": [role]}});
        let answer = zone.post("/v1/principals", &admin, "b", both).await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::UNPROCESSABLE_ENTITY, "body_invalid"),
            "{role:?}"
        );
    }
}
