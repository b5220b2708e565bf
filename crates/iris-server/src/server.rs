//! The server: started with a configuration and a journal, managed through this handle.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use iris::component::Registered;
use iris::documents::Unavailable;
use iris::muc::Rooms;
use jid::{BareJid, DomainPart};
use journal::Journal;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::accounts::Accounts;
use crate::committer::Committer;
use crate::component::{self, Components};
use crate::config::Config;
use crate::connection::{Connection, Shared};
use crate::follow::Memory;
use crate::listen::{Clients, Mode, Pending, Rate};
use crate::node::{Clock, Counters, Node, Random};
use crate::registry::{Mail, Registry};
use crate::resume;
use crate::s2s::{DomainStatus, Federation, Handle};
use crate::store::JournalStore;
use crate::tls::{self, TlsError};
use crate::wire::{WebSocket, Wire};

/// How long sessions may take to end when the server stops.
const SHUTDOWN_TIME: Duration = Duration::from_secs(5);

/// A token being looked at.
pub type Checking = Pin<Box<dyn Future<Output = Option<BareJid>> + Send>>;

/// Says whose bearer token this is.
pub trait TokenCheck: Send + Sync {
    /// The account that a token signs in to; nothing if it is not good for that now.
    fn check(&self, token: String) -> Checking;
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// TLS cannot be offered.
    #[error("TLS cannot be offered")]
    Tls(#[from] TlsError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A component cannot answer for this name: it is none, or is the node's own or another component's.
    #[error("a component cannot answer for {domain:?}")]
    Component {
        /// The name.
        domain: String,
    },
}

/// Where the server listens, with the ports it got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Clients, with STARTTLS.
    pub c2s: Option<SocketAddr>,
    /// Clients, with direct TLS.
    pub c2s_tls: Option<SocketAddr>,
    /// Other servers.
    pub s2s: Option<SocketAddr>,
    /// Components.
    pub component: Option<SocketAddr>,
}

/// How a server is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Open connections of clients.
    pub connections: usize,
    /// Bound sessions, with those that wait to be resumed.
    pub sessions: usize,
    /// Sign-ins since the start.
    pub logins: u64,
    /// Refused sign-ins since the start.
    pub logins_refused: u64,
    /// Resumed sessions since the start.
    pub resumed: u64,
    /// Messages archived since the start.
    pub archived: u64,
    /// Bytes that wait for the journal.
    pub queued_bytes: usize,
    /// From submission to durable, for the newest commit.
    pub commit_lag: Duration,
    /// The journal stopped: nobody can sign in and nothing is acknowledged.
    pub is_halted: bool,
    /// Domains that streams are open to, or that something waits for.
    pub domains: Vec<DomainStatus>,
    /// Rooms somebody is in, with the number of their occupants.
    pub rooms: Vec<(BareJid, usize)>,
}

/// One session, for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionStatus {
    /// Its address.
    pub jid: jid::FullJid,
    /// Whether it has a connection; without one it waits to be resumed.
    pub is_connected: bool,
    /// Whether it is available.
    pub is_available: bool,
    /// Its priority.
    pub priority: i8,
    /// Bytes that wait in its mailbox.
    pub queued_bytes: usize,
    /// It reads its archive instead of its mailbox.
    pub is_behind: bool,
}

/// Why the server did not go on.
#[derive(Debug, thiserror::Error)]
pub enum NotRestarted {
    /// Sessions of before did not end in time.
    #[error("{count} sessions of before did not end in time")]
    Sessions {
        /// How many.
        count: usize,
    },
    /// The journal takes no changes yet.
    #[error("the journal takes no changes")]
    NotTaken(#[source] journal::CommitError),
    /// What is stored cannot be read.
    #[error(transparent)]
    Unreadable(Unavailable),
}

/// Tells whether a server does its work.
#[derive(Clone)]
pub struct Health(Committer);

impl Health {
    /// The journal did not take a change: nobody can sign in and nothing is acknowledged, until the server goes on.
    pub fn is_halted(&self) -> bool {
        self.0.is_halted()
    }
}

/// A running server.
pub struct Server {
    node: Arc<Node>,
    clients: Arc<Clients>,
    federation: Arc<Federation>,
    certificate: std::path::PathBuf,
    key: std::path::PathBuf,
    addresses: Addresses,
    stop: watch::Sender<bool>,
    listeners: Vec<JoinHandle<()>>,
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// The hosts of components, each once and none of them the node's own.
fn registered(config: &Config) -> Result<Vec<Registered>, StartError> {
    let mut registered: Vec<Registered> = Vec::new();
    for component in &config.components {
        let refused = || StartError::Component {
            domain: component.domain.clone(),
        };
        let host = DomainPart::new(&component.domain).map_err(|_| refused())?;
        let host = host.into_owned();
        let is_taken = registered.iter().any(|other| other.host == host)
            || config
                .host
                .is_local(&BareJid::from_parts(None, &host).into());
        if is_taken || component.secret.is_empty() {
            return Err(refused());
        }
        registered.push(Registered {
            host,
            secret: component.secret.clone(),
        });
    }
    Ok(registered)
}

impl Server {
    /// Listens and serves. Whoever else writes documents of the messenger to the journal needs not tell the server.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(
        config: Config,
        journal: Journal,
        clock: Clock,
        random: Random,
        tokens: Arc<dyn TokenCheck>,
    ) -> Result<Self, StartError> {
        let acceptor = tls::acceptor(&config.certificate, &config.key)?;
        let components = Components::new(registered(&config)?);
        let store = JournalStore::new(journal.clone());
        let memory = Memory {
            cache: store.cache(),
            registry: Arc::new(Registry::new()),
            received: Arc::default(),
            stale_rooms: Arc::default(),
        };
        let node = Arc::new(Node {
            host: config.host.clone(),
            store,
            committer: Committer::start(journal.clone(), clock.clone()),
            received: memory.received.clone(),
            registry: memory.registry.clone(),
            locks: crate::locks::Locks::default(),
            components,
            remote: OnceLock::new(),
            clock,
            random,
            limits: config.limits,
            rooms: Mutex::new(Rooms::default()),
            stale_rooms: memory.stale_rooms.clone(),
            resumable: Mutex::default(),
            counters: Counters::default(),
        });
        memory.follow(&journal);
        let (stop, stopping) = watch::channel(false);
        let federation = Federation::new(&node, journal, &config, stopping.clone())?;
        if node
            .remote
            .set(Arc::new(Handle(federation.clone())))
            .is_err()
        {
            unreachable!("the node was made above");
        }
        let clients = Arc::new(Clients {
            shared: Arc::new(Shared {
                node: node.clone(),
                acceptor: RwLock::new(acceptor),
                tokens,
            }),
            pending: Pending::default(),
            rate: Rate::new(config.limits.logins_per_second),
            places: Arc::new(Semaphore::new(config.limits.connections_max)),
            salt_key: config.salt_key,
            stop: stopping,
        });
        let mut server = Self {
            node,
            clients,
            federation,
            certificate: config.certificate,
            key: config.key,
            addresses: Addresses::default(),
            stop,
            listeners: Vec::new(),
        };
        match resume::revive_all(&server.node) {
            Ok(revived) => resume::set_going(revived),
            Err(error) => tracing::warn!(%error, "sessions of before the start cannot be read"),
        }
        server.addresses.c2s = server.serve(config.c2s, Mode::StartTls).await?;
        server.addresses.c2s_tls = server.serve(config.c2s_tls, Mode::DirectTls).await?;
        let listener = match config.s2s {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        server.addresses.s2s = listener.as_ref().map(|(_, bound)| *bound);
        server
            .federation
            .start(listener.map(|(listener, _)| listener));
        if let Some(address) = config.component {
            let (listener, bound) = listen(address).await?;
            server.addresses.component = Some(bound);
            let accepting =
                component::accept(server.node.clone(), listener, server.stop.subscribe());
            server.listeners.push(tokio::spawn(accepting));
        }
        Ok(server)
    }

    async fn serve(
        &mut self,
        address: Option<SocketAddr>,
        mode: Mode,
    ) -> Result<Option<SocketAddr>, StartError> {
        let Some(address) = address else {
            return Ok(None);
        };
        let (listener, bound) = listen(address).await?;
        self.listeners
            .push(tokio::spawn(self.clients.clone().accept(listener, mode)));
        Ok(Some(bound))
    }

    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Its accounts.
    pub fn accounts(&self) -> Accounts {
        Accounts {
            node: self.node.clone(),
        }
    }

    /// What it stores.
    pub fn store(&self) -> JournalStore {
        self.node.store.clone()
    }

    /// How it is doing.
    pub fn status(&self) -> Status {
        let counters = &self.node.counters;
        let commits = self.node.committer.counters();
        Status {
            connections: counters.connections.load(Ordering::Relaxed),
            sessions: self.node.registry.count(),
            logins: counters.logins.load(Ordering::Relaxed),
            logins_refused: counters.logins_refused.load(Ordering::Relaxed),
            resumed: counters.resumed.load(Ordering::Relaxed),
            archived: commits.archived.load(Ordering::Relaxed),
            queued_bytes: self.node.committer.queued_bytes(),
            commit_lag: Duration::from_micros(commits.lag_us.load(Ordering::Relaxed)),
            is_halted: self.node.committer.is_halted(),
            domains: self.federation.status(),
            rooms: self
                .node
                .rooms()
                .occupancy()
                .map(|(room, count)| (room.clone(), count))
                .collect(),
        }
    }

    /// Every session.
    pub fn sessions(&self) -> Vec<SessionStatus> {
        let mut sessions: Vec<_> = self
            .node
            .registry
            .all()
            .iter()
            .map(|session| session.status())
            .collect();
        sessions.sort_by(|a, b| a.jid.cmp(&b.jid));
        sessions
    }

    /// Serves an upgraded WebSocket (RFC 7395) until it is over. What carries it is TLS or loopback.
    pub async fn websocket(&self, socket: WebSocket) {
        let limits = &self.node.limits;
        let Ok(place) = self.clients.places.clone().acquire_owned().await else {
            return;
        };
        self.clients.rate.pass().await;
        let pending = self
            .clients
            .pending
            .enter(socket.peer, limits.pending_per_address_max);
        let Some(pending) = pending else { return };
        let machine = self.clients.machine(true, true, None);
        let wire = Wire::socket(socket.incoming, socket.outgoing);
        let counters = &self.node.counters;
        counters.connections.fetch_add(1, Ordering::Relaxed);
        Connection::new(
            self.clients.shared.clone(),
            wire,
            machine,
            socket.peer,
            Some(pending),
        )
        .run()
        .await;
        counters.connections.fetch_sub(1, Ordering::Relaxed);
        drop(place);
    }

    /// Reads certificate and key again; connections made from then on use them.
    ///
    /// # Errors
    /// The files cannot be read or do not fit; the old ones stay in use.
    pub fn reload_certificate(&self) -> Result<(), TlsError> {
        let fresh = tls::acceptor(&self.certificate, &self.key)?;
        let mut acceptor = self
            .clients
            .shared
            .acceptor
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *acceptor = fresh;
        Ok(())
    }

    /// Goes on after the journal stopped taking changes and was recovered: as a start after a crash does, with its listeners
    /// as they are. Clients lose their streams, and find their sessions as they are stored.
    ///
    /// # Errors
    /// It goes on waiting, and this may be tried again.
    pub async fn restart(&self) -> Result<(), NotRestarted> {
        if !self.node.committer.is_halted() {
            return Ok(());
        }
        let node = &self.node;
        self.lose_sessions().await?;
        node.resumable().clear();
        *node.rooms() = Rooms::default();
        node.stale_rooms.take();
        node.received.forget_all();
        node.probe().await?;
        // While it is halted nobody signs in, so all of them are there before anybody does.
        let revived = resume::revive_all(node).map_err(NotRestarted::Unreadable)?;
        node.committer.go_on();
        resume::set_going(revived);
        self.federation.look();
        Ok(())
    }

    async fn lose_sessions(&self) -> Result<(), NotRestarted> {
        let registry = &self.node.registry;
        let lost = async {
            while registry.count() > 0 {
                for session in registry.all() {
                    session.notify(Mail::Lost);
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let lost = tokio::time::timeout(SHUTDOWN_TIME, lost).await;
        lost.map_err(|_| NotRestarted::Sessions {
            count: registry.count(),
        })
    }

    /// Whether it does its work, for who asks often. It does not keep the server.
    pub fn health(&self) -> Health {
        Health(self.node.committer.clone())
    }

    /// Stops: nobody is accepted any more, and what clients had sent becomes durable. Sessions that can be resumed are
    /// stored and lose their connections without a word, as if they were cut; every other stream is closed.
    pub async fn shutdown(&self) {
        // Nobody listens to a stop that comes twice.
        let _ = self.stop.send(true);
        for listener in &self.listeners {
            listener.abort();
        }
        for session in self.node.registry.all() {
            session.notify(Mail::Suspend);
        }
        let gone = async {
            while self.node.registry.count() > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(SHUTDOWN_TIME, gone).await.is_err() {
            tracing::warn!(
                sessions = self.node.registry.count(),
                "sessions did not end in time"
            );
        }
    }
}
