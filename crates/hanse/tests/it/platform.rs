//! A platform over a real journal in a temporary folder, driven through its router.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use evidence::key::SigningKey;
use journal::{
    DumpDirectory, Event, Journal, Options, Projection, ProjectionError, Records, SealingKey,
};
use journal_sqlite::SqliteEngine;
use platform::auth::token::TokenAuthority;
use platform::clock::Clock;
use platform::http::limits::{Limits, LimitsConfig};
use platform::http::metrics::Metrics;
use platform::http::{Platform, assemble};
use platform::outside::{Tokio, system_entropy};
use platform::principals;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;
use utoipa_axum::router::OpenApiRouter;

pub(crate) const START_MS: i64 = 1_800_000_000_000;

struct Principals;

impl Projection for Principals {
    fn project(&self, event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
        principals::project(event, records)
    }
}

pub(crate) struct Zone {
    pub(crate) platform: Arc<Platform>,
    pub(crate) router: Router,
    pub(crate) hand: Arc<AtomicI64>,
    pub(crate) folder: TempDir,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

fn open(folder: &Path) -> Journal {
    let engine = SqliteEngine::open(folder.join("journal.sqlite")).unwrap();
    let options = Options {
        origin: "zone.example/log".to_owned(),
        log_key: SigningKey::from_seed([1; 32]),
        node_key: SealingKey::from_bytes([2; 32]),
        projection: Arc::new(Principals),
        entropy: Box::new(|bytes| getrandom::fill(bytes).unwrap()),
        dumps: Box::new(DumpDirectory::create(folder.join("dumps")).unwrap()),
        limits: journal::Limits::STANDARD,
    };
    Journal::open(Box::new(engine), options).unwrap()
}

impl Zone {
    pub(crate) fn start() -> Self {
        Self::start_with(LimitsConfig::default(), OpenApiRouter::default())
    }

    pub(crate) fn start_with(limits: LimitsConfig, routes: OpenApiRouter) -> Self {
        Self::open_in(tempfile::tempdir().unwrap(), limits, routes)
    }

    fn open_in(folder: TempDir, limits: LimitsConfig, routes: OpenApiRouter) -> Self {
        let journal = open(folder.path());
        let (clock, hand) = Clock::standing_at(START_MS);
        let platform = Arc::new(Platform {
            journal,
            tokens: TokenAuthority::new("zone.example", SigningKey::from_seed([3; 32])),
            clock,
            entropy: Arc::new(system_entropy),
            tasks: Arc::new(Tokio),
            limits: Limits::new(limits),
            metrics: Metrics::new(),
            readiness: Box::new(Vec::new),
        });
        let (router, _) = assemble(&platform, routes);
        Self {
            platform,
            router,
            hand,
            folder,
        }
    }

    /// The same folder, opened again by a fresh process, as far as a test can have one.
    pub(crate) fn restart(self) -> Self {
        let Self {
            platform,
            router,
            folder,
            ..
        } = self;
        platform.journal.shutdown();
        drop(router);
        drop(platform);
        Self::open_in(folder, LimitsConfig::default(), OpenApiRouter::default())
    }

    pub(crate) fn pass_ms(&self, ms: i64) {
        self.hand.fetch_add(ms, Ordering::SeqCst);
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), 1 << 24).await.unwrap();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Answer {
            status,
            headers,
            body,
        }
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(
            request(Method::GET, path, token)
                .body(Body::empty())
                .unwrap(),
        )
        .await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, key: &str, body: Value) -> Answer {
        let request = request(Method::POST, path, token)
            .header("idempotency-key", key)
            .header("content-type", "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap())
            .await
    }

    /// Redeems a fresh bootstrap token and returns the administrator's token.
    pub(crate) async fn administrator(&self) -> String {
        let secret = principals::announce_bootstrap(&self.platform)
            .await
            .unwrap()
            .unwrap();
        let body = json!({"bootstrap_token": secret, "id": "root-admin", "display_name": "Root"});
        let answer = self.post("/v1/bootstrap", "", "boot", body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.body["token"].as_str().unwrap().to_owned()
    }

    /// Creates a principal and returns a token of it with these scopes, or with all it can have.
    pub(crate) async fn token_of(
        &self,
        admin: &str,
        id: &str,
        standing: Value,
        scopes: Option<&[&str]>,
    ) -> String {
        let body = json!({"id": id, "kind": "person", "display_name": id, "standing": standing});
        self.post("/v1/principals", admin, &format!("create-{id}"), body)
            .await;
        let mut body = json!({"principal": id});
        if let Some(scopes) = scopes {
            body["scopes"] = json!(scopes);
        }
        let key = format!("issue-{id}-{}", scopes.unwrap_or_default().join("-").len());
        let answer = self.post("/v1/tokens", admin, &key, body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.body["token"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn request(method: Method, path: &str, token: &str) -> axum::http::request::Builder {
    let builder = Request::builder().method(method).uri(path);
    if token.is_empty() {
        builder
    } else {
        builder.header("authorization", format!("Bearer {token}"))
    }
}
