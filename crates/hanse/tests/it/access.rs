//! How callers come to tokens and lose them, and what the frame does with bad requests.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use evidence::key::SigningKey;
use platform::auth::token::Assertion;
use platform::http::limits::{LimitsConfig, Rate};
use platform::principals::announce_bootstrap;
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;

use crate::platform::{START_MS, Zone, request};

#[tokio::test]
async fn the_bootstrap_token_works_once_also_across_a_restart() {
    let zone = Zone::start();
    let secret = announce_bootstrap(&zone.platform).await.unwrap().unwrap();
    let body = |id: &str| json!({"bootstrap_token": secret, "id": id, "display_name": "x"});
    let first = zone.post("/v1/bootstrap", "", "k1", body("first")).await;
    assert_eq!(first.status, StatusCode::CREATED);
    let second = zone.post("/v1/bootstrap", "", "k2", body("second")).await;
    assert_eq!(
        (second.status, second.code()),
        (StatusCode::CONFLICT, "bootstrap_spent")
    );
    let zone = zone.restart();
    let third = zone.post("/v1/bootstrap", "", "k3", body("third")).await;
    assert_eq!(third.code(), "bootstrap_spent");
    assert_eq!(announce_bootstrap(&zone.platform).await.unwrap(), None);
    let again = zone.post("/v1/bootstrap", "", "k1", body("first")).await;
    assert_eq!(
        (again.status, &again.body["token"]),
        (StatusCode::CREATED, &first.body["token"])
    );
    assert_eq!(again.headers["idempotency-replayed"], "true");
}

#[tokio::test]
async fn two_who_redeem_at_once_do_not_both_become_administrator() {
    let zone = Zone::start();
    let secret = announce_bootstrap(&zone.platform).await.unwrap().unwrap();
    let redeem = |id: &'static str| {
        let body = json!({"bootstrap_token": secret, "id": id, "display_name": "x"});
        let zone = &zone;
        async move { zone.post("/v1/bootstrap", "", id, body).await.status }
    };
    let (one, other) = tokio::join!(redeem("one"), redeem("other"));
    let mut statuses = [one, other];
    statuses.sort();
    assert_eq!(statuses, [StatusCode::CREATED, StatusCode::CONFLICT]);
}

#[tokio::test]
async fn a_token_printed_by_an_earlier_start_is_worthless_and_so_is_a_guess() {
    let zone = Zone::start();
    let old = announce_bootstrap(&zone.platform).await.unwrap().unwrap();
    let fresh = announce_bootstrap(&zone.platform).await.unwrap().unwrap();
    assert_ne!(old, fresh);
    for (n, wrong) in [old.as_str(), "", "hanse-bootstrap-AAAA"]
        .iter()
        .enumerate()
    {
        let body = json!({"bootstrap_token": wrong, "id": "someone", "display_name": "x"});
        let answer = zone.post("/v1/bootstrap", "", &format!("k{n}"), body).await;
        assert_eq!(
            (answer.status, answer.code()),
            (StatusCode::UNAUTHORIZED, "token_invalid")
        );
    }
}

#[tokio::test]
async fn no_secret_is_in_any_file_of_the_node() {
    let zone = Zone::start();
    let secret = announce_bootstrap(&zone.platform).await.unwrap().unwrap();
    let body = json!({"bootstrap_token": secret, "id": "someone", "display_name": "Aisha Khan"});
    let answer = zone.post("/v1/bootstrap", "", "k", body).await;
    let token = answer.body["token"].as_str().unwrap();
    let signature = token.rsplit('.').next().unwrap();
    for file in std::fs::read_dir(zone.folder.path()).unwrap().flatten() {
        let Ok(bytes) = std::fs::read(file.path()) else {
            continue;
        };
        for needle in [secret.as_str(), signature, "Aisha Khan"] {
            let found = bytes
                .windows(needle.len())
                .any(|window| window == needle.as_bytes());
            assert!(!found, "{needle} in {:?}", file.path());
        }
    }
}

#[tokio::test]
async fn revoked_expired_and_disabled_are_refused_at_once_with_a_challenge() {
    let zone = Zone::start();
    let admin = zone.administrator().await;
    let staff = json!({"kind": "staff", "roles": ["administrator"]});
    let token = zone.token_of(&admin, "helper", staff.clone(), None).await;
    assert_eq!(
        zone.get("/v1/principals", &token).await.status,
        StatusCode::OK
    );

    let tokens = zone.get("/v1/tokens?principal=helper", &admin).await;
    let jti = tokens.body["items"][0]["jti"].as_str().unwrap().to_owned();
    let path = format!("/v1/tokens/{jti}/revoke");
    assert_eq!(
        zone.post(&path, &admin, "r", json!({"reason": "lost"}))
            .await
            .status,
        StatusCode::OK
    );
    let refused = zone.get("/v1/principals", &token).await;
    assert_eq!(
        (refused.status, refused.code()),
        (StatusCode::UNAUTHORIZED, "token_revoked")
    );
    assert_eq!(
        refused.headers["www-authenticate"],
        "Bearer realm=\"hanse\", error=\"invalid_token\""
    );

    let token = zone.token_of(&admin, "leaver", staff, None).await;
    let path = "/v1/principals/leaver/disable";
    assert_eq!(
        zone.post(path, &admin, "d", json!({"reason": "left"}))
            .await
            .status,
        StatusCode::OK
    );
    assert_eq!(
        zone.get("/v1/principals", &token).await.code(),
        "principal_disabled"
    );

    zone.pass_ms(3_600_000 - 1);
    assert_eq!(
        zone.get("/v1/principals", &admin).await.status,
        StatusCode::OK
    );
    zone.pass_ms(1);
    assert_eq!(
        zone.get("/v1/principals", &admin).await.code(),
        "token_expired"
    );
}

#[tokio::test]
async fn taking_a_role_away_takes_its_scopes_out_of_tokens_already_issued() {
    let zone = Zone::start();
    let admin = zone.administrator().await;
    let token = zone
        .token_of(
            &admin,
            "helper",
            json!({"kind": "staff", "roles": ["administrator"]}),
            None,
        )
        .await;
    let tag = zone.get("/v1/principals/helper", &admin).await.headers["etag"].clone();
    let standing = json!({"standing": {"kind": "staff", "roles": []}}).to_string();
    let put = |tag: Option<&axum::http::HeaderValue>, key: &str| {
        let mut builder = request(Method::PUT, "/v1/principals/helper/standing", &admin)
            .header("idempotency-key", key)
            .header("content-type", "application/json");
        if let Some(tag) = tag {
            builder = builder.header("if-match", tag);
        }
        builder.body(Body::from(standing.clone())).unwrap()
    };
    assert_eq!(
        zone.send(put(None, "p1")).await.code(),
        "precondition_required"
    );
    let stale = axum::http::HeaderValue::from_static("\"0\"");
    assert_eq!(
        zone.send(put(Some(&stale), "p2")).await.code(),
        "precondition_failed"
    );
    assert_eq!(
        zone.send(put(Some(&tag), "p3")).await.status,
        StatusCode::OK
    );
    assert_eq!(
        zone.get("/v1/principals", &token).await.code(),
        "scope_missing"
    );
    assert_eq!(
        zone.send(put(Some(&tag), "p3")).await.status,
        StatusCode::OK,
        "a repeated write is answered, not refused"
    );
}

#[tokio::test]
async fn a_principal_with_a_key_gets_its_own_tokens_and_each_assertion_works_once() {
    let zone = Zone::start();
    let admin = zone.administrator().await;
    let key = SigningKey::from_seed([9; 32]);
    let body = json!({"id": "robot", "kind": "service", "display_name": "x", "key": key.did().to_string(),
        "standing": {"kind": "regulator"}});
    assert_eq!(
        zone.post("/v1/principals", &admin, "c", body).await.status,
        StatusCode::CREATED
    );
    let now_s = START_MS / 1000;
    let assertion = |by: &SigningKey, exp| {
        let id: ids::PrincipalId = "robot".parse().unwrap();
        let claims = Assertion {
            iss: id.clone(),
            sub: id,
            aud: "zone.example".to_owned(),
            exp,
            iat: now_s,
            jti: "a1".to_owned(),
        };
        json!({"assertion": claims.seal(by)})
    };
    let good = assertion(&key, now_s + 60);
    let first = zone
        .post("/v1/tokens/exchange", "", "x1", good.clone())
        .await;
    assert_eq!(first.status, StatusCode::CREATED, "{first:?}");
    let again = zone.post("/v1/tokens/exchange", "", "x2", good).await;
    assert_eq!(
        again.body["jti"], first.body["jti"],
        "an overheard assertion gives nothing new"
    );
    let forged = zone
        .post(
            "/v1/tokens/exchange",
            "",
            "x3",
            assertion(&SigningKey::from_seed([8; 32]), now_s + 60),
        )
        .await;
    assert_eq!(
        (forged.status, forged.code()),
        (StatusCode::UNAUTHORIZED, "token_invalid")
    );
    let late = zone
        .post("/v1/tokens/exchange", "", "x4", assertion(&key, now_s))
        .await;
    assert_eq!(late.code(), "token_expired");
}

#[tokio::test]
async fn no_principal_has_the_name_of_a_part_of_the_node() {
    let zone = Zone::start();
    let admin = zone.administrator().await;
    for id in ["node", "iris", "invitation"] {
        let body = json!({"id": id, "kind": "person", "display_name": "x",
            "standing": {"kind": "staff", "roles": []}});
        let answer = zone.post("/v1/principals", &admin, id, body).await;
        let rule = &answer.body["errors"][0];
        assert_eq!(
            (
                answer.status,
                rule["pointer"].as_str(),
                rule["rule"].as_str()
            ),
            (
                StatusCode::UNPROCESSABLE_ENTITY,
                Some("/id"),
                Some("reserved")
            ),
            "{}",
            answer.body
        );
    }
}

#[tokio::test]
async fn writes_happen_once_per_key_and_a_key_is_for_one_content() {
    let zone = Zone::start();
    let admin = zone.administrator().await;
    let body = |name: &str| json!({"id": "once", "kind": "person", "display_name": name, "standing": {"kind": "regulator"}});
    let first = zone.post("/v1/principals", &admin, "same", body("A")).await;
    assert_eq!(first.status, StatusCode::CREATED);
    assert_eq!(first.headers["location"], "/v1/principals/once");
    let again = zone.post("/v1/principals", &admin, "same", body("A")).await;
    assert_eq!(
        (again.status, &again.body["id"]),
        (StatusCode::CREATED, &first.body["id"])
    );
    assert_eq!(
        again.body["receipt"]["events"],
        first.body["receipt"]["events"]
    );
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let other = zone.post("/v1/principals", &admin, "same", body("B")).await;
    assert_eq!(
        (other.status, other.code()),
        (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused")
    );
    let taken = zone.post("/v1/principals", &admin, "else", body("A")).await;
    assert_eq!(
        (taken.status, taken.code()),
        (StatusCode::CONFLICT, "conflict")
    );
    let request =
        request(Method::POST, "/v1/principals", &admin).header("content-type", "application/json");
    let missing = zone
        .send(request.body(Body::from(body("A").to_string())).unwrap())
        .await;
    assert_eq!(
        (missing.status, missing.code()),
        (StatusCode::BAD_REQUEST, "idempotency_key_missing")
    );
}

#[tokio::test]
async fn lists_are_paged_by_opaque_cursors() {
    let zone = Zone::start();
    let admin = zone.administrator().await;
    for id in ["p-c", "p-a", "p-b"] {
        zone.token_of(&admin, id, json!({"kind": "regulator"}), None)
            .await;
    }
    let (mut seen, mut path) = (Vec::new(), "/v1/principals?limit=2".to_owned());
    loop {
        let page = zone.get(&path, &admin).await.body;
        let items = page["items"].as_array().unwrap();
        seen.extend(
            items
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/v1/principals?limit=2&cursor={next}");
    }
    assert_eq!(seen, ["p-a", "p-b", "p-c", "root-admin"]);
}

#[tokio::test]
async fn whatever_goes_wrong_is_a_problem_with_a_stable_code() {
    let zone = Zone::start();
    let admin = zone.administrator().await;
    let raw = |kind: &'static str, body: &str| {
        request(Method::POST, "/v1/principals", &admin)
            .header("idempotency-key", "k")
            .header("content-type", kind)
            .body(Body::from(body.to_owned()))
            .unwrap()
    };
    let get = |path: &str| {
        request(Method::GET, path, &admin)
            .body(Body::empty())
            .unwrap()
    };
    let accept = request(Method::GET, "/v1/principals", &admin).header("accept", "image/png");
    let rows = [
        (raw("text/plain", "{}"), 415, "unsupported_media_type"),
        (raw("application/json", "{"), 400, "body_malformed"),
        (
            raw("application/json", r#"{"id":"a1","id":"a2"}"#),
            400,
            "body_malformed",
        ),
        (
            raw("application/json", r#"{"surprise":1}"#),
            422,
            "body_invalid",
        ),
        (raw("application/json", ""), 422, "body_invalid"),
        (
            raw("application/json", &" ".repeat((1 << 20) + 1)),
            413,
            "body_too_large",
        ),
        (get("/v1/nothing"), 404, "not_found"),
        (get("/v1/principals/UPPER"), 400, "parameter_invalid"),
        (get("/v1/principals/absent"), 404, "not_found"),
        (get("/v1/principals?limit=0"), 400, "parameter_invalid"),
        (get("/v1/principals?surprise=1"), 400, "parameter_invalid"),
        (get("/v1/principals?cursor=!"), 400, "parameter_invalid"),
        (get("/problems/nothing"), 404, "not_found"),
        (accept.body(Body::empty()).unwrap(), 406, "not_acceptable"),
        (
            request(Method::DELETE, "/v1/principals", &admin)
                .body(Body::empty())
                .unwrap(),
            405,
            "method_not_allowed",
        ),
    ];
    for (request, status, code) in rows {
        let what = format!("{} {}", request.method(), request.uri());
        let answer = zone.send(request).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (status, code),
            "{what} {answer:?}"
        );
        assert_eq!(
            answer.headers["content-type"], "application/problem+json",
            "{what}"
        );
        assert_eq!(
            answer.body["request_id"].as_str(),
            answer.headers["x-request-id"].to_str().ok(),
            "{what}"
        );
        assert_eq!(
            answer.headers.contains_key("allow"),
            status == 405,
            "{what}"
        );
        let page = zone.get(answer.body["type"].as_str().unwrap(), "").await;
        assert_eq!(page.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_handler_that_panics_answers_500_and_the_node_goes_on() {
    let routes = OpenApiRouter::default().route("/boom", axum::routing::get(boom));
    let zone = Zone::start_with(LimitsConfig::default(), routes);
    let answer = zone.get("/boom", "").await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::INTERNAL_SERVER_ERROR, "internal")
    );
    assert_eq!(
        zone.get("/health/liveness", "").await.status,
        StatusCode::OK
    );
}

async fn boom() -> &'static str {
    panic!("a defect that this test makes on purpose")
}

#[tokio::test]
async fn too_many_requests_of_one_principal_are_429_with_when_to_return() {
    let limits = LimitsConfig {
        per_principal: Rate::new(1, 2),
        ..LimitsConfig::default()
    };
    let zone = Zone::start_with(limits, OpenApiRouter::default());
    let admin = zone.administrator().await;
    for _ in 0..2 {
        assert_eq!(
            zone.get("/v1/principals", &admin).await.status,
            StatusCode::OK
        );
    }
    let answer = zone.get("/v1/principals", &admin).await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::TOO_MANY_REQUESTS, "rate_limited")
    );
    assert!(answer.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn requests_beyond_the_concurrency_limit_are_shed_with_503() {
    let limits = LimitsConfig {
        requests_concurrent_max: 0,
        ..LimitsConfig::default()
    };
    let zone = Zone::start_with(limits, OpenApiRouter::default());
    let answer = zone.get("/health/liveness", "").await;
    assert_eq!(
        (answer.status, answer.code()),
        (StatusCode::SERVICE_UNAVAILABLE, "overloaded")
    );
    assert_eq!(answer.headers["retry-after"], "1");
}
