//! A node whose callers take turns, and the things of the zone that a history is about, made by ordinary commands.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, header};
use data_encoding::BASE64URL_NOPAD;
use evidence::credential::Builder;
use evidence::data_integrity::{self, ProofPurpose};
use evidence::key::SigningKey;
use hanse::auth::token::Assertion;
use hanse::change::Change;
use hanse::cli::init::PassphraseArgs;
use hanse::cli::up::set_up_sample;
use hanse::clock::Clock;
use hanse::config::{DataDir, HttpConfig};
use hanse::http::limits::Rate;
use hanse::iris::settings::{Parts, XmppConfig};
use hanse::node::{Running, Settings, start_in};
use hanse::notifications::{self, Notification};
use hanse::outside::Outside;
use hanse::sample::Authorities;
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::cases::{By, Case, Need, application};
use super::turns::{Calling, Turns, splitmix};
use crate::j8::{all_no, opening};
use crate::platform::START_MS;

const ROLES: [&str; 5] = [
    "administrator",
    "officer",
    "practitioner",
    "registrar",
    "reviewer",
];

/// A write of the document.
pub(super) struct Operation {
    method: Method,
    path: String,
    /// Whether it is made on a version.
    wants_match: bool,
}

/// A transaction as it became durable.
#[derive(Clone)]
pub(super) struct Committed {
    pub(super) guards: Vec<journal::Guard>,
    pub(super) streams: Vec<String>,
    pub(super) first_index: u64,
}

/// What a caller got.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) location: Option<String>,
    etag: Option<String>,
    pub(super) body: Value,
}

/// A node, and the people who act in it.
pub(super) struct Stage {
    pub(super) running: Running,
    pub(super) operations: BTreeMap<String, Operation>,
    pub(super) committed: Arc<Mutex<Vec<Committed>>>,
    tokens: BTreeMap<By, String>,
    authorities: Authorities,
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
        let committed = Arc::default();
        observe(&running, Arc::clone(&committed));
        let mut stage = Self {
            running,
            operations: BTreeMap::new(),
            committed,
            tokens: BTreeMap::new(),
            authorities,
            worlds: AtomicU64::new(0),
            _folder: folder,
        };
        let document = stage.send(Method::GET, "/openapi.json", &By::Nobody.into(), None).await;
        stage.operations = writes(&document.body);
        stage.people().await;
        stage
    }

    /// The administrator, two members of staff with every role, and a list to screen on.
    async fn people(&mut self) {
        let world = World::new(self);
        let secret = self.running.bootstrap.clone().unwrap();
        let body = json!({"bootstrap_token": secret, "id": "root-admin", "display_name": "Root"});
        let admin = world.done("redeem_bootstrap", By::Nobody, "", body).await;
        self.tokens.insert(By::Applicant, text(&admin, "/token"));
        let mut tokens = BTreeMap::new();
        for (by, id) in [(By::Applicant, "applicant"), (By::Reviewer, "reviewer")] {
            let world = World::new(self);
            world.done("create_principal", By::Applicant, "", principal(id)).await;
            let body = json!({"principal": id, "lifetime_s": 86_400});
            let issued = world.done("issue_token", By::Applicant, "", body).await;
            tokens.insert(by, text(&issued, "/token"));
        }
        self.tokens = tokens;
        let world = World::new(self);
        let list = sanctions_list("ofac-sdn", "2021-07", "");
        world.done("import_list", By::Applicant, "", list).await;
        world.done("import_list", By::Applicant, "", sanctions_list("extra", "0", "")).await;
    }
}
