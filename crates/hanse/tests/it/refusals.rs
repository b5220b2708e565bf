//! Every route that the running node documents refuses a caller without a token, and one whose token has
//! another scope than the route's.

use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::Method;

use crate::kill9::{Node, administrator, agent, get, post};

/// A token of somebody who has every role, cut down to one scope.
fn token_with(agent: &Agent, node: &Node, operator: &str, scope: &str) -> String {
    let body = json!({"principal": "everybody", "scopes": [scope]});
    let (status, _, issued) = post(agent, &node.url("/v1/tokens"), operator, scope, &body).unwrap();
    assert_eq!(status, 201, "{issued}");
    issued["token"].as_str().unwrap().to_owned()
}

fn status(agent: &Agent, method: &str, url: &str, token: &str) -> u16 {
    let request = ureq::http::Request::builder()
        .method(method.to_uppercase().parse::<Method>().unwrap())
        .uri(url)
        .header("content-type", "application/json")
        .header("idempotency-key", "refused");
    let request = match token {
        "" => request,
        token => request.header("authorization", format!("Bearer {token}")),
    };
    agent
        .run(request.body("{}").unwrap())
        .unwrap()
        .status()
        .as_u16()
}

#[test]
fn every_route_of_the_running_node_refuses_who_lacks_its_scope() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("zone"));
    let agent = agent();
    let operator = administrator(&node);
    let roles = [
        "administrator",
        "officer",
        "practitioner",
        "registrar",
        "reviewer",
    ];
    let body = json!({
        "id": "everybody", "kind": "person", "display_name": "Everybody",
        "standing": {"kind": "staff", "roles": roles},
    });
    assert_eq!(
        post(&agent, &node.url("/v1/principals"), &operator, "p", &body)
            .unwrap()
            .0,
        201
    );
    let zone = token_with(&agent, &node, &operator, "mez:zone:read");
    let entities = token_with(&agent, &node, &operator, "mez:entities:read");

    let document: Value =
        serde_json::from_str(&get(&agent, &node.url("/openapi.json"), "").1).unwrap();
    let mut secured = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(needs) = operation["security"][0]["bearer"].as_array() else {
                continue;
            };
            secured += 1;
            let parts = path
                .split('/')
                .map(|part| if part.starts_with('{') { "1" } else { part });
            let url = node.url(&parts.collect::<Vec<_>>().join("/"));
            assert_eq!(status(&agent, method, &url, ""), 401, "{method} {path}");
            let other = if needs.contains(&json!("mez:zone:read")) {
                &entities
            } else {
                &zone
            };
            assert_eq!(status(&agent, method, &url, other), 403, "{method} {path}");
        }
    }
    assert!(secured >= 45, "{secured}");
}
