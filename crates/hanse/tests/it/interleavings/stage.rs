//! A node whose callers take turns, and the people who act in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request};
use hanse::cli::init::PassphraseArgs;
use hanse::cli::up::set_up_sample;
use hanse::config::{DataDir, HttpConfig};
use hanse::institutions::executor;
use hanse::iris::settings::{Parts, XmppConfig};
use hanse::node::{Running, Settings, start_in};
use hanse::sample::Authorities;
use journal::engine::RecordQuery;
use journal::{Guard, LeaseRequest, LeasedEffect, StreamName};
use platform::clock::Clock;
use platform::http::limits::Rate;
use platform::outside::Outside;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::cases::{By, more_listed, sanctions_list, staff};
use super::turns::{Calling, Turns, splitmix};
use super::world::World;
use crate::j8::text;
use crate::platform::START_MS;

/// How an operation of the document is asked for.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    method: Method,
    path: String,
    /// Whether it happens once for each key.
    pub(super) takes_key: bool,
    /// Whether it has to say which version it is made on.
    wants_match: bool,
}

/// What a transaction read and wrote.
#[derive(Clone, Debug)]
pub(super) struct Committed {
    pub(super) reads: Vec<Guard>,
    pub(super) streams: Vec<StreamName>,
}

/// What a caller got.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

/// What was committed, in order, while somebody wants to know.
type Log = Arc<Mutex<Option<Vec<Committed>>>>;

/// A node and who acts in it.
pub(super) struct Stage {
    pub(super) running: Running,
    pub(super) authorities: Authorities,
    pub(super) operations: BTreeMap<String, Operation>,
    /// What was committed since somebody asked for it.
    pub(super) committed: Log,
    pub(super) tokens: BTreeMap<By, String>,
    /// Ids of these tokens, which nobody takes back.
    pub(super) token_ids: BTreeSet<String>,
    worlds: AtomicU64,
    _folder: TempDir,
}

impl Stage {
    pub(super) async fn set() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::new(folder.path().join("zone"));
        let packs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../packs");
        set_up_sample(&data, Some(&packs), &PassphraseArgs::default()).unwrap();
        let authorities = Authorities::read(&data).unwrap();
        let running = start_in(settings(data), outside()).await.unwrap();
        let document = get(&running.router, "/openapi.json", "").await.body;
        let mut stage = Self {
            committed: observed(&running),
            operations: changes(&document),
            running,
            authorities,
            tokens: BTreeMap::new(),
            token_ids: BTreeSet::new(),
            worlds: AtomicU64::new(0),
            _folder: folder,
        };
        stage.people().await;
        stage
    }

    /// Two members of staff who may do everything, and two lists to screen on.
    async fn people(&mut self) {
        let secret = self.running.bootstrap.clone().unwrap();
        let body = json!({"bootstrap_token": secret, "id": "root-admin", "display_name": "Root"});
        let world = World::new(self);
        let admin = world.done("redeem_bootstrap", By::Nobody, "", body).await;
        self.tokens.insert(By::Applicant, text(&admin, "/token"));
        let (mut tokens, mut ids) = (BTreeMap::new(), BTreeSet::new());
        for (by, id) in [(By::Applicant, "applicant"), (By::Reviewer, "reviewer")] {
            let world = World::new(self);
            world.made("create_principal", staff(id)).await;
            let issued = world.made("issue_token", json!({"principal": id})).await;
            tokens.insert(by, text(&issued, "/token"));
            ids.insert(text(&issued, "/jti"));
        }
        (self.tokens, self.token_ids) = (tokens, ids);
        let world = World::new(self);
        let version = "version-of-the-list-0";
        world.import(sanctions_list("ofac-sdn", version, "")).await;
        world.import(more_listed("extra", version)).await;
    }

    /// Kind, id and version of every record of these kinds.
    pub(super) fn records(&self, kinds: &BTreeSet<String>) -> BTreeSet<(String, String, u64)> {
        let moment = self.running.node.platform.moment().unwrap();
        let mut found = BTreeSet::new();
        for kind in kinds {
            let query = RecordQuery {
                kind,
                filters: &[],
                after: None,
                limit: usize::MAX,
            };
            let rows = moment.rows().records(query).unwrap().into_iter();
            found.extend(rows.map(|row| (kind.clone(), row.id, row.version)));
        }
        found
    }

    /// The number of a new world.
    pub(super) fn next_world(&self) -> u64 {
        self.worlds.fetch_add(1, Ordering::Relaxed)
    }

    /// A request to the thing with this id; a write has a key, and says which version it is made on where that is asked for.
    pub(super) fn request(
        &self,
        operation: &str,
        id: &str,
        token: &str,
        key: &str,
        etag: &str,
        body: &Value,
    ) -> Request<Body> {
        let operation = self.operations.get(operation).unwrap();
        let parts = operation.path.split('/');
        let parts = parts.map(|part| if part.starts_with('{') { id } else { part });
        let mut request = Request::builder()
            .method(operation.method.clone())
            .uri(parts.collect::<Vec<_>>().join("/"))
            .header("content-type", "application/json")
            .header("idempotency-key", key);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if operation.wants_match {
            request = request.header("if-match", etag);
        }
        request.body(Body::from(body.to_string())).unwrap()
    }

    /// An effect of this kind that is about this, leased.
    pub(super) async fn lease(&self, kind: &str, about: &str) -> LeasedEffect {
        let platform = &self.running.node.platform;
        let request = LeaseRequest {
            now_ms: platform.clock.now_ms(),
            lease_ms: 1_000_000,
            limit: 1_000,
            kinds: vec![kind.to_owned()],
        };
        let leased = platform.journal.lease(request).await.unwrap();
        let is_it = |it: &LeasedEffect| String::from_utf8_lossy(&it.payload).contains(about);
        leased.into_iter().find(is_it).unwrap()
    }

    /// Executes an effect, as a worker does.
    pub(super) fn execute(&self, leased: LeasedEffect) -> Calling<u16> {
        let execute = executor(&leased.kind).unwrap();
        let executing = execute(self.running.node.clone(), leased);
        Box::pin(async { executing.await.map_or(500, |()| 200) })
    }

    pub(super) async fn read(&self, path: &str) -> Answer {
        get(&self.running.router, path, &self.tokens[&By::Applicant]).await
    }

    /// What is read there, at some member.
    pub(super) async fn see(&self, path: &str, pointer: &str) -> Value {
        let read = self.read(path).await;
        assert_eq!(read.status, 200, "{path}: {read:?}");
        read.body.pointer(pointer).cloned().unwrap_or_default()
    }
}

async fn get(router: &Router, path: &str, token: &str) -> Answer {
    let request = Request::get(path).header("authorization", format!("Bearer {token}"));
    answer(router.clone(), request.body(Body::empty()).unwrap()).await
}

/// Sends a request.
pub(super) async fn answer(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = to_bytes(response.into_body(), 1 << 24).await.unwrap();
    let body = serde_json::from_slice(&bytes)
        .unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into_owned().into());
    Answer {
        status,
        headers,
        body,
    }
}

fn settings(data: DataDir) -> Settings {
    let local = || "127.0.0.1:0".parse().unwrap();
    let mut http = HttpConfig {
        address: local(),
        metrics_address: local(),
        ..HttpConfig::default()
    };
    http.limits.per_principal = Rate::new(1_000_000, 1_000_000);
    http.limits.per_peer = Rate::new(1_000_000, 1_000_000);
    Settings {
        data,
        http,
        public_url: Some("http://zone.example".to_owned()),
        webhook: None,
        passphrase: None,
        xmpp: XmppConfig::silent(),
        parts: Parts::All,
        breath_days: None,
    }
}

/// A machine whose time stands still and whose randomness is one sequence.
fn outside() -> Outside {
    let state = Mutex::new(0);
    Outside {
        clock: Clock::standing_at(START_MS).0,
        entropy: Arc::new(move |bytes| {
            for chunk in bytes.chunks_mut(8) {
                let random = splitmix(&mut state.lock().unwrap()).to_le_bytes();
                chunk.copy_from_slice(&random[..chunk.len()]);
            }
        }),
        tasks: Arc::new(Turns),
    }
}

fn observed(running: &Running) -> Log {
    let log = Log::default();
    let told = Arc::clone(&log);
    let journal = &running.node.platform.journal;
    journal.observe(Box::new(move |transaction, _| {
        let appended = transaction.appends.iter().map(|append| &append.stream);
        if let Some(committed) = &mut *told.lock().unwrap() {
            committed.push(Committed {
                reads: transaction.guards.reads.clone(),
                streams: appended.chain(&transaction.shred).cloned().collect(),
            });
        }
    }));
    log
}

/// Every operation of a document that has a body or changes something.
fn changes(document: &Value) -> BTreeMap<String, Operation> {
    let mut changes = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let parameters = parameters.map(|it| match it["$ref"].as_str() {
                Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
                None => it,
            });
            let takes = |name| {
                let mut parameters = parameters.clone();
                parameters.any(|it| it["name"] == name && it["required"] == true)
            };
            let id = operation["operationId"].as_str().unwrap_or_default();
            if method != "get" {
                let operation = Operation {
                    method: method.to_uppercase().parse().unwrap(),
                    path: path.clone(),
                    takes_key: takes("Idempotency-Key"),
                    wants_match: takes("If-Match"),
                };
                changes.insert(id.to_owned(), operation);
            }
        }
    }
    changes
}
