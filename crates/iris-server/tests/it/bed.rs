//! A server on a journal in a temporary folder, which can be stopped as if its process was killed and started again.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use evidence::key::SigningKey;
use iris::documents::{Collection, Documents as _};
use iris::host::Host;
use iris_server::store::project;
use iris_server::{
    Checking, Clock, Component, Config, Limits, Random, Server, StartError, TokenCheck,
};
use jid::BareJid;
use journal::{
    DumpDirectory, Event, Journal, Options, Projection, ProjectionError, Records, SealingKey,
};
use journal_sqlite::SqliteEngine;
use tempfile::TempDir;
use tokio::time::timeout;

pub(crate) struct Projected;

/// The journal refuses whatever holds this text.
pub(crate) const REFUSED: &str = "the-journal-refuses-this";

impl Projection for Projected {
    fn project(&self, event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
        let payload = event.payload.as_deref().unwrap_or_default();
        if String::from_utf8_lossy(payload).contains(REFUSED) {
            return Err(ProjectionError::Rule {
                kind: event.kind.clone(),
                rule: "it does not hold this text",
            });
        }
        project(event, records)
    }
}

pub(crate) struct NoTokens;

impl TokenCheck for NoTokens {
    fn check(&self, _: String) -> Checking {
        Box::pin(async { None })
    }
}

/// A token is the name of an account.
struct NamesAsTokens;

impl TokenCheck for NamesAsTokens {
    fn check(&self, token: String) -> Checking {
        Box::pin(async move { BareJid::new(&format!("{token}@localhost")).ok() })
    }
}

/// Far above what anything here takes; it only ends a test that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until it is so.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    if timeout(PATIENCE, waiting).await.is_err() {
        panic!("{what} does not come about");
    }
}

/// Where a client finds a server.
pub(crate) trait Place {
    fn address(&self) -> SocketAddr;
    /// With the certificate that it trusts.
    fn folder(&self) -> &Path;
}

impl Place for Bed {
    fn address(&self) -> SocketAddr {
        self.running().address
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// A folder that goes with the test, or that another process made.
pub(crate) struct Folder {
    path: PathBuf,
    _own: Option<TempDir>,
}

impl Folder {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

pub(crate) fn options(folder: &Path) -> Options {
    Options {
        origin: "test.example/log".to_owned(),
        log_key: SigningKey::from_seed([7; 32]),
        node_key: SealingKey::from_bytes([9; 32]),
        projection: Arc::new(Projected),
        entropy: Box::new(|bytes| getrandom::fill(bytes).unwrap()),
        dumps: Box::new(DumpDirectory::create(folder.join("dumps")).unwrap()),
        limits: journal::Limits::STANDARD,
    }
}

pub(crate) struct Bed {
    pub(crate) folder: Folder,
    pub(crate) limits: Limits,
    /// Where it listens; 0 for any port.
    pub(crate) port: u16,
    /// What it takes for the time.
    pub(crate) clock_ms: Arc<AtomicI64>,
    pub(crate) components: Vec<Component>,
    pub(crate) running: Option<Running>,
}

pub(crate) struct Running {
    pub(crate) server: Arc<Server>,
    pub(crate) journal: Journal,
    pub(crate) address: SocketAddr,
}

impl Bed {
    pub(crate) fn prepare(limits: Limits) -> Self {
        let folder = TempDir::new().unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(folder.path().join("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(
            folder.path().join("key.pem"),
            made.signing_key.serialize_pem(),
        )
        .unwrap();
        let path = folder.path().to_owned();
        Self::on(path, Some(folder), limits)
    }

    /// In the folder of an earlier bed.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self::on(path, None, Limits::STANDARD)
    }

    fn on(path: PathBuf, own: Option<TempDir>, limits: Limits) -> Self {
        Self {
            folder: Folder { path, _own: own },
            limits,
            port: 0,
            clock_ms: Arc::new(AtomicI64::new(1_800_000_000_000)),
            components: Vec::new(),
            running: None,
        }
    }

    pub(crate) async fn new() -> Self {
        let mut bed = Self::prepare(Limits::STANDARD);
        bed.start().await;
        bed
    }

    pub(crate) fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    pub(crate) async fn start(&mut self) {
        self.try_start().await.unwrap();
    }

    pub(crate) async fn try_start(&mut self) -> Result<(), StartError> {
        let engine = SqliteEngine::open(self.folder.path().join("journal.db")).unwrap();
        let journal = Journal::open(Box::new(engine), options(self.folder.path())).unwrap();
        self.try_start_on(journal).await
    }

    pub(crate) async fn start_on(&mut self, journal: Journal) {
        self.try_start_on(journal).await.unwrap();
    }

    async fn try_start_on(&mut self, journal: Journal) -> Result<(), StartError> {
        let clock_ms = self.clock_ms.clone();
        let clock: Clock = Arc::new(move || clock_ms.load(Ordering::Relaxed));
        let random: Random = Arc::new(|bytes| getrandom::fill(bytes).unwrap());
        let any = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        let config = Config {
            host: Host::new("localhost", "http://localhost").unwrap(),
            c2s: None,
            c2s_tls: Some(SocketAddr::from(([127, 0, 0, 1], self.port))),
            s2s: None,
            component: any.filter(|_| !self.components.is_empty()),
            components: self.components.clone(),
            certificate: self.folder.path().join("cert.pem"),
            key: self.folder.path().join("key.pem"),
            anchors: None,
            peers: Vec::new(),
            salt_key: [3; 32],
            limits: self.limits,
        };
        let server = Server::start(
            config,
            journal.clone(),
            clock,
            random,
            Arc::new(NamesAsTokens),
        )
        .await?;
        let address = server.addresses().c2s_tls.unwrap();
        self.running = Some(Running {
            server: Arc::new(server),
            journal,
            address,
        });
        Ok(())
    }

    pub(crate) async fn with_accounts(names: &[&str]) -> Self {
        let bed = Self::new().await;
        bed.add_accounts(names).await;
        bed
    }

    pub(crate) async fn add_accounts(&self, names: &[&str]) {
        for name in names {
            let account = BareJid::new(&format!("{name}@localhost")).unwrap();
            self.running()
                .server
                .accounts()
                .add(&account, Some("pencil"))
                .await
                .unwrap();
        }
    }

    /// Waits until it is stored that others see `what` of the account's session, and nothing is on its way to the disk.
    pub(crate) async fn until_seen_is_stored(&self, name: &str, what: &str) {
        let account = BareJid::new(&format!("{name}@localhost")).unwrap();
        let server = &self.running().server;
        until("what others see of a session on the disk", || {
            let store = server.store();
            let sessions = store.list(Collection::Resume, &account, "", None, 10);
            let is_stored = |body: &Vec<u8>| String::from_utf8_lossy(body).contains(what);
            sessions.unwrap().iter().any(|(_, body)| is_stored(body))
                && server.status().queued_bytes == 0
        })
        .await;
    }

    /// Ends as a node does: what clients had sent becomes durable first.
    pub(crate) async fn stop(&mut self) {
        let running = self.running.take().unwrap();
        running.server.shutdown().await;
        running.journal.shutdown();
    }

    /// Stops the journal at once: what is not durable is lost. Then the rest.
    pub(crate) async fn kill(&mut self) {
        let running = self.running.take().unwrap();
        running.journal.shutdown();
        running.server.shutdown().await;
    }
}
