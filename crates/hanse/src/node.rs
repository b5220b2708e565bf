//! One running node: everything opened, wired and stopped in order.

use api::health::Check;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, OnceLock};

use ::iris::host::Host;
use axum::Router;
use evidence::bundle::PackDigest;
use evidence::note::{NoteError, NoteSigner};
use iris_server::{Health, Server, StartError};
use journal::{DumpDirectory, EffectState, Journal, Limits as JournalLimits, Options, Status};
use journal_sqlite::SqliteEngine;
use mez::credential::Credential;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use utoipa::openapi::OpenApi;

use crate::breath::keeper;
use crate::bundles::{EntityFile, EntityRegister};
use crate::config::{DataDir, HttpConfig};
use crate::credentials::status;
use crate::institutions::NodeProjection;
use crate::iris::certificate::{CertificateError, CertificateFiles};
use crate::iris::settings::{Parts, XmppConfig};
use crate::iris::token_check::ZoneTokens;
use crate::iris::{self, Messenger};
use crate::journal_api::{JournalApi, LogIdentity};
use crate::keystore::{KeyStore, KeyStoreError, Passphrase};
use crate::notifications::webhook::Webhook;
use crate::records::kind;
use crate::screening::lists;
use crate::screening::shelf::Shelf;
use crate::state::{Institutions, Node};
use crate::zone::load::{LoadedZone, ZoneError, load};
use crate::{gauges, institutions, journal_api, streams};
use crate::{mending, workers};
use platform::auth::token::TokenAuthority;
use platform::declined::Declined;
use platform::http::health::ReadinessChecks;
use platform::http::limits::Limits;
use platform::http::metrics::{self, Metrics};
use platform::http::{Platform, assemble, serve, surround};
use platform::moment::Moment;
use platform::outside::{Entropy, Outside};
use platform::principals::announce_bootstrap;
use platform::store;

/// What a node is started with.
#[derive(Debug)]
pub struct Settings {
    /// Where it keeps its files.
    pub data: DataDir,
    /// Where it listens.
    pub http: HttpConfig,
    /// Where verifiers reach it; its own address when absent.
    pub public_url: Option<String>,
    /// Whom to tell about notifications.
    pub webhook: Option<String>,
    /// What opens the key store.
    pub passphrase: Option<Passphrase>,
    /// The messenger.
    pub xmpp: XmppConfig,
    /// Which parts answer.
    pub parts: Parts,
    /// Days after which a breath session that ended is erased; kept until somebody erases it when absent.
    pub breath_days: Option<u32>,
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The zone's files break rules.
    #[error(transparent)]
    Zone(#[from] ZoneError),
    /// The files are not those that were locked.
    #[error("the zone is not as locked: {places}; look at the differences, then `hanse zone lock`")]
    Drift {
        /// Which files.
        places: String,
    },
    /// The keys cannot be had.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// A folder or socket cannot be had.
    #[error("{what} cannot be opened")]
    Io {
        /// What.
        what: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database cannot be opened.
    #[error("journal file cannot be opened")]
    Engine(#[source] journal::error::EngineError),
    /// The journal does not fit the zone.
    #[error("journal cannot be opened")]
    Journal(#[source] journal::OpenError),
    /// The origin of the log cannot name a key.
    #[error("log_origin of the manifest cannot name a key")]
    LogOrigin(#[source] NoteError),
    /// The domain cannot be one of a messenger.
    #[error("`{domain}` cannot be the domain of accounts")]
    Domain {
        /// Which.
        domain: String,
        /// Why.
        #[source]
        source: jid::Error,
    },
    /// The messenger cannot listen.
    #[error("messenger cannot start")]
    Messenger(#[from] StartError),
    /// The messenger has no certificate.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The institutions cannot be read.
    #[error("read models cannot be read: {0}")]
    Institutions(Declined),
}

/// A node that is up.
#[derive(Debug)]
pub struct Running {
    /// Its institutions.
    pub node: Node,
    /// Where it keeps its files.
    pub data: DataDir,
    /// Where the API listens.
    pub address: SocketAddr,
    /// Where metrics are.
    pub metrics_address: SocketAddr,
    /// The messenger.
    pub messenger: Messenger,
    /// The application, for callers in the same process.
    pub router: Router,
    /// The one-time token, as long as there is no administrator.
    pub bootstrap: Option<String>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Lets requests and effects under way finish, then closes the journal.
    pub async fn shutdown(self) {
        self.messenger.server.shutdown().await;
        if self.stop.send(true).is_err() {
            tracing::debug!("every task had stopped already");
        }
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "task ended badly");
            }
        }
        let journal = self.node.platform.journal.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || journal.shutdown()).await {
            tracing::error!(%error, "journal did not close");
        }
    }
}

/// Starts a node: zone, keys, journal, lists, listeners, workers, in this order, so that nothing is
/// answered before everything it rests on was checked.
///
/// # Errors
/// See [`NodeError`]; nothing is left running.
pub async fn start(settings: Settings) -> Result<Running, NodeError> {
    start_in(settings, Outside::machine()).await
}

/// [`start`] with time, randomness and threads from somewhere else.
///
/// # Errors
/// As for [`start`].
pub async fn start_in(settings: Settings, outside: Outside) -> Result<Running, NodeError> {
    let data = &settings.data;
    let zone = load(&data.manifest(), &data.packs(), &data.lock())?;
    if !zone.drift.is_empty() {
        let places: Vec<&str> = zone
            .drift
            .iter()
            .map(|drift| drift.place.as_str())
            .collect();
        return Err(NodeError::Drift {
            places: places.join(", "),
        });
    }
    let keys = KeyStore::open(&data.keys(), settings.passphrase.as_ref())?;
    let listener = bind(settings.http.address).await?;
    let metrics_listener = bind(settings.http.metrics_address).await?;
    let address = local(&listener)?;
    let metrics_address = local(&metrics_listener)?;
    let public_url = settings
        .public_url
        .unwrap_or_else(|| format!("http://{address}"));
    let journal = open_journal(data, &zone, &keys, outside.entropy.clone())?;
    let health = Arc::new(OnceLock::new());
    let checks = readiness(journal.clone(), health.clone());
    let platform = platform(&journal, &zone, &keys, settings.http, outside, checks);
    let signer =
        NoteSigner::new(&zone.manifest.log_origin, keys.log_key()).map_err(NodeError::LogOrigin)?;
    let log_identity = Arc::new(LogIdentity::new(keys.zone_key(), signer));
    let node = institutions(
        data,
        zone,
        &keys,
        &platform,
        log_identity,
        public_url,
        settings.webhook,
    );
    lists::follow(&node);
    lists::reload(&node)
        .await
        .map_err(NodeError::Institutions)?;
    publish_due_lists(&node)
        .await
        .map_err(NodeError::Institutions)?;
    let bootstrap = announce_bootstrap(&platform)
        .await
        .map_err(NodeError::Institutions)?;
    gauges::register(&node);
    let messenger = messenger(data, &settings.xmpp, &node).await?;
    iris::gauges::register(&messenger);
    health.get_or_init(|| messenger.server.health());

    let (stop, stopped) = watch::channel(false);
    let (router, _) = application(&node, &messenger, settings.parts);
    let tasks = vec![
        platform.spawn(serve::serve(
            listener,
            router.clone(),
            settings.http.limits,
            until(stopped.clone()),
        )),
        platform.spawn(serve::serve(
            metrics_listener,
            metrics::app(Arc::clone(&platform)),
            settings.http.limits,
            until(stopped.clone()),
        )),
        platform.spawn(workers::run(node.clone(), stopped.clone())),
        platform.spawn(keeper::run(
            node.clone(),
            settings.breath_days,
            stopped.clone(),
        )),
        platform.spawn(mending::run(messenger.clone(), stopped.clone())),
        platform.spawn(iris::sweep::run(messenger.clone(), stopped)),
    ];
    Ok(Running {
        node,
        data: settings.data,
        address,
        metrics_address,
        messenger,
        router,
        bootstrap,
        stop,
        tasks,
    })
}

/// The whole application of a node, and the document about its API.
fn application(node: &Node, messenger: &Messenger, parts: Parts) -> (Router, OpenApi) {
    let api = JournalApi::new(
        Arc::clone(&node.platform),
        Arc::clone(&node.log_identity),
        Box::new(Register(node.clone())),
    );
    let mut routes = journal_api::routes(api).merge(iris::routes(messenger));
    if parts == Parts::All {
        routes = institutions::routes(node).merge(routes);
    }
    let clients = surround(&node.platform, iris::client_routes(messenger));
    let (router, document) = assemble(&node.platform, routes);
    (router.merge(clients), document)
}

/// The messenger, with a certificate.
async fn messenger(data: &DataDir, xmpp: &XmppConfig, node: &Node) -> Result<Messenger, NodeError> {
    let mut host =
        Host::new(&xmpp.domain, &node.public_url).map_err(|source| NodeError::Domain {
            domain: xmpp.domain.clone(),
            source,
        })?;
    host.offers = xmpp.offers.clone();
    let certificate = match &xmpp.certificate {
        Some(files) => files.clone(),
        None => {
            let own = CertificateFiles::own(&data.tls());
            let names = [
                host.domain.as_str(),
                host.rooms.as_str(),
                host.upload.as_str(),
            ];
            own.make_if_absent(&names, node.platform.clock.now_ms())?;
            own
        }
    };
    let fingerprint = certificate.fingerprint()?;
    let platform = &node.platform;
    let clock = platform.clock.clone();
    let server = Server::start(
        xmpp.server(
            host.clone(),
            certificate,
            platform.tokens.keyed_digest("salt", b""),
        ),
        platform.journal.clone(),
        Arc::new(move || clock.now_ms()),
        platform.entropy.clone(),
        Arc::new(ZoneTokens(Arc::clone(platform))),
    )
    .await?;
    create_private_dir(&data.uploads())?;
    Ok(Messenger::new(iris::Shared {
        platform: Arc::clone(platform),
        uploads: data.uploads(),
        bosh: iris::bosh::Sessions::default(),
        store: server.store(),
        server,
        fingerprint,
        host,
    }))
}

/// A folder for its owner only.
fn create_private_dir(path: &std::path::Path) -> Result<(), NodeError> {
    std::fs::create_dir_all(path)
        .and_then(|()| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)))
        .map_err(|source| NodeError::Io {
            what: format!("folder {}", path.display()),
            source,
        })
}

async fn bind(address: SocketAddr) -> Result<TcpListener, NodeError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| NodeError::Io {
        what: format!("address {address}"),
        source,
    })
}

fn local(listener: &TcpListener) -> Result<SocketAddr, NodeError> {
    listener.local_addr().map_err(|source| NodeError::Io {
        what: "listener".to_owned(),
        source,
    })
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // A sender that is gone asks to stop, too.
    let _asked = stopped.wait_for(|stop| *stop).await;
}

fn open_journal(
    data: &DataDir,
    zone: &LoadedZone,
    keys: &KeyStore,
    entropy: Entropy,
) -> Result<Journal, NodeError> {
    let dumps = DumpDirectory::create(data.dumps()).map_err(|source| NodeError::Io {
        what: "folder of emergency dumps".to_owned(),
        source,
    })?;
    let engine = SqliteEngine::open(data.journal()).map_err(NodeError::Engine)?;
    let options = Options {
        origin: zone.manifest.log_origin.clone(),
        log_key: keys.log_key(),
        node_key: keys.vault_key(),
        projection: Arc::new(NodeProjection),
        entropy: Box::new(move |bytes| entropy(bytes)),
        dumps: Box::new(dumps),
        limits: JournalLimits::STANDARD,
    };
    Journal::open(Box::new(engine), options).map_err(NodeError::Journal)
}

fn platform(
    journal: &Journal,
    zone: &LoadedZone,
    keys: &KeyStore,
    http: HttpConfig,
    outside: Outside,
    readiness: ReadinessChecks,
) -> Arc<Platform> {
    let Outside {
        clock,
        entropy,
        tasks,
    } = outside;
    Arc::new(Platform {
        journal: journal.clone(),
        tokens: TokenAuthority::new(zone.manifest.zone_id.as_str(), keys.token_key()),
        clock,
        entropy,
        tasks,
        limits: Limits::new(http.limits),
        metrics: Metrics::new(),
        readiness,
    })
}

fn institutions(
    data: &DataDir,
    zone: LoadedZone,
    keys: &KeyStore,
    platform: &Arc<Platform>,
    log_identity: Arc<LogIdentity>,
    public_url: String,
    webhook: Option<String>,
) -> Node {
    Node(Arc::new(Institutions {
        platform: Arc::clone(platform),
        shelf: Shelf::new(
            data.lists(),
            mez::screening::policy(&zone.manifest.screening),
        ),
        manifest: zone.manifest,
        lock: zone.lock,
        rulebook: zone.rulebook,
        issuer: keys.zone_key(),
        log_identity,
        public_url: public_url.trim_end_matches('/').to_owned(),
        breath: crate::breath::memory::Sessions::following(&platform.journal),
        webhook: webhook.map(Webhook::new),
    }))
}

/// Verifiers find status lists from the first moment on, and none that is about to end.
pub(crate) async fn publish_due_lists(node: &Node) -> Result<(), Declined> {
    status::publish_due(node).await
}

/// What readiness depends on: the writer takes transactions, the database answers, no work was given up, people can write.
fn readiness(journal: Journal, messenger: Arc<OnceLock<Health>>) -> ReadinessChecks {
    Box::new(move || {
        let writing = journal.status() == Status::Running;
        let snapshot = journal.snapshot();
        let head = snapshot.as_ref().map(|snapshot| snapshot.size());
        let dead = snapshot
            .as_ref()
            .map(|it| it.effects_count(EffectState::Dead));
        vec![
            Check {
                name: "journal_writer".to_owned(),
                ok: writing,
                detail: format!("{:?}", journal.status()),
            },
            Check {
                name: "journal_reader".to_owned(),
                ok: matches!(head, Ok(Ok(_))),
                detail: match head {
                    Ok(Ok(size)) => format!("{size} events"),
                    _ => "the log cannot be read".to_owned(),
                },
            },
            Check {
                name: "outbox".to_owned(),
                ok: matches!(dead, Ok(Ok(_))),
                detail: match dead {
                    Ok(Ok(dead)) => format!("{dead} effects given up"),
                    _ => "the outbox cannot be read".to_owned(),
                },
            },
            Check {
                name: "messenger".to_owned(),
                ok: !messenger.get().is_some_and(Health::is_halted),
                detail: match messenger.get() {
                    None => "starts",
                    Some(health) if !health.is_halted() => "running",
                    Some(_) if writing => {
                        "a change was not stored: it goes on by itself when the disk has room"
                    }
                    Some(_) => "a change was not stored: restart the node",
                }
                .to_owned(),
            },
        ]
    })
}

/// What bundles about entities hold beside events.
struct Register(Node);

impl EntityRegister for Register {
    fn file(&self, moment: &Moment<'_>, entity: &str) -> Result<Option<EntityFile>, Declined> {
        let node = &self.0;
        let Ok(id) = entity.parse() else {
            return Ok(None);
        };
        let Some(stored) = crate::records::entity(moment, &id)? else {
            return Ok(None);
        };
        let filter = [("entity", entity)];
        let credentials = store::all::<Credential>(moment, kind::CREDENTIAL, &filter)?;
        let credentials = credentials.into_iter().map(|it| it.body.credential);
        let credentials: Vec<_> = credentials.collect();
        let lists = status::lists(moment)?.unwrap_or_default().published;
        let has_credentials = !credentials.is_empty();
        let packs = node.rulebook.packs().iter();
        Ok(Some(EntityFile {
            jurisdiction: stored.body.jurisdiction.to_string(),
            stream: streams::entity(&id),
            credentials,
            status_lists: lists.into_values().filter(|_| has_credentials).collect(),
            packs: packs
                .map(|pack| PackDigest {
                    name: pack.id().to_string(),
                    version: pack.manifest().version.clone(),
                    digest: pack.digest(),
                })
                .collect(),
        }))
    }
}

#[cfg(test)]
mod tests;
