//! A server on a journal in a temporary folder, which can be stopped as if its process was killed and started again.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use evidence::key::SigningKey;
use iris::host::Host;
use iris_server::store::{JournalStore, project};
use iris_server::{Clock, Component, Config, Limits, Random, Server, StartError, TokenCheck};
use jid::BareJid;
use journal::{
    DumpDirectory, Event, Journal, Options, Projection, ProjectionError, Records, SealingKey,
};
use journal_sqlite::SqliteEngine;
use tempfile::TempDir;

pub(crate) struct Projected;

impl Projection for Projected {
    fn project(&self, event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
        project(event, records)
    }
}

pub(crate) struct NoTokens;

impl TokenCheck for NoTokens {
    fn check(&self, _: &str) -> Option<BareJid> {
        None
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
    pub(crate) folder: TempDir,
    pub(crate) limits: Limits,
    pub(crate) components: Vec<Component>,
    pub(crate) running: Option<Running>,
}

pub(crate) struct Running {
    pub(crate) server: Server,
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
        Self {
            folder,
            limits,
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
        let clock: Clock = Arc::new(|| 1_800_000_000_000);
        let random: Random = Arc::new(|bytes| getrandom::fill(bytes).unwrap());
        let any = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        let config = Config {
            host: Host::new("localhost", "http://localhost").unwrap(),
            c2s: None,
            c2s_tls: any,
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
        let store = JournalStore::new(journal.reader());
        let server = Server::start(
            config,
            journal.clone(),
            store,
            clock,
            random,
            Arc::new(NoTokens),
        )
        .await?;
        let address = server.addresses().c2s_tls.unwrap();
        self.running = Some(Running {
            server,
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

    /// Stops the journal at once: what is not durable is lost. Then the rest.
    pub(crate) async fn kill(&mut self) {
        let running = self.running.take().unwrap();
        running.journal.shutdown();
        running.server.shutdown().await;
    }
}
