//! Every protected route of the document refuses a caller without its scope, and none is forgotten.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, StatusCode};
use hanse::auth::Scope;
use hanse::http::openapi::operations;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::HttpMethod;

use crate::platform::{Zone, request};

/// What a caller needs for one operation.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// None for a route that is open to everyone.
    pub(crate) scope: Option<String>,
}

/// The operations of a document, with parameters filled in.
pub(crate) fn routes(document: &OpenApi) -> Vec<Route> {
    let mut document = document.clone();
    let mut routes = Vec::new();
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            let method = match method {
                HttpMethod::Get => Method::GET,
                HttpMethod::Put => Method::PUT,
                HttpMethod::Post => Method::POST,
                HttpMethod::Delete => Method::DELETE,
                HttpMethod::Patch => Method::PATCH,
                _ => panic!("{path} has a method that this test does not know"),
            };
            let security: Value = serde_json::to_value(&operation.security).unwrap();
            let scope = security[0]["bearer"][0].as_str().map(str::to_owned);
            let filled: Vec<_> = path
                .split('/')
                .map(|part| if part.starts_with('{') { "1x" } else { part })
                .collect();
            routes.push(Route {
                method,
                path: filled.join("/"),
                scope,
            });
        }
    }
    routes
}

async fn status(router: &Router, route: &Route, token: &str) -> StatusCode {
    let request = request(route.method.clone(), &route.path, token)
        .body(Body::empty())
        .unwrap();
    router.clone().oneshot(request).await.unwrap().status()
}

const OPEN: [&str; 5] = [
    "/health/liveness",
    "/health/readiness",
    "/problems/1x",
    "/v1/bootstrap",
    "/v1/tokens/exchange",
];

#[tokio::test]
async fn every_route_is_401_without_a_token_403_without_its_scope_and_neither_with_it() {
    let zone = Zone::start();
    let admin = zone.administrator().await;
    let everything = json!({"kind": "staff", "roles": ["administrator", "officer", "practitioner", "registrar", "reviewer"]});
    let routes = routes(&zone.document);
    assert!(routes.len() >= 13);
    for route in &routes {
        let Some(scope) = &route.scope else {
            assert!(
                OPEN.contains(&route.path.as_str()),
                "{} is open",
                route.path
            );
            continue;
        };
        assert_eq!(
            status(&zone.router, route, "").await,
            StatusCode::UNAUTHORIZED,
            "{}",
            route.path
        );
        let name = scope.replace(':', "-");
        let others: Vec<_> = Scope::all()
            .map(Scope::as_str)
            .filter(|other| other != scope)
            .collect();
        let lacking = zone
            .token_of(
                &admin,
                &format!("lacks-{name}"),
                everything.clone(),
                Some(&others),
            )
            .await;
        assert_eq!(
            status(&zone.router, route, &lacking).await,
            StatusCode::FORBIDDEN,
            "{}",
            route.path
        );
        let having = zone
            .token_of(
                &admin,
                &format!("has-{name}"),
                everything.clone(),
                Some(&[scope]),
            )
            .await;
        let allowed = status(&zone.router, route, &having).await;
        let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
        assert!(!refused.contains(&allowed), "{} {allowed}", route.path);
        assert!(!allowed.is_server_error(), "{} {allowed}", route.path);
    }
}

#[tokio::test]
async fn a_regulator_can_change_nothing_on_any_route() {
    let zone = Zone::start();
    let admin = zone.administrator().await;
    let token = zone
        .token_of(&admin, "regulator", json!({"kind": "regulator"}), None)
        .await;
    for route in routes(&zone.document) {
        if route.scope.is_some() && route.method != Method::GET {
            assert_eq!(
                status(&zone.router, &route, &token).await,
                StatusCode::FORBIDDEN,
                "{}",
                route.path
            );
        }
    }
}

#[tokio::test]
async fn a_regulator_cannot_be_given_a_token_that_writes() {
    let zone = Zone::start();
    let admin = zone.administrator().await;
    zone.token_of(&admin, "regulator", json!({"kind": "regulator"}), None)
        .await;
    let body = json!({"principal": "regulator", "scopes": ["mez:entities:write"]});
    let answer = zone.post("/v1/tokens", &admin, "w", body).await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::UNPROCESSABLE_ENTITY, "rule_violated")
    );
    let both = json!({"id": "both", "kind": "person", "display_name": "x",
        "standing": {"kind": "regulator", "roles": ["registrar"]}});
    let answer = zone.post("/v1/principals", &admin, "b", both).await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::UNPROCESSABLE_ENTITY, "body_invalid")
    );
}
