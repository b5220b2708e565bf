//! Federation: streams to and from other servers.
//!
//! Invariants (guard):
//! 1. a stanza that outlasts a crash is in the outbox before its sender is told `<a h>`   (`Remote::keep`, same transaction)
//! 2. it leaves the outbox after the peer acknowledged it, or its sender was told that it did not arrive (`sender`)
//! 3. stanzas of one pair of domains go out in order, and a dead domain delays nobody else (one task for each pair)
//! 4. what waits in memory for a domain has at most `VOLATILE_BYTES_MAX` bytes

mod outbox;
mod receiver;
mod sender;
mod tls;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use iris::stanza::{Condition, Stanza};
use jid::{DomainPart, Jid};
use journal::{Journal, NewEffect};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_rustls::rustls::pki_types as tls_types;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::config::Config;
use crate::node::Node;
use crate::remote::Remote;
use crate::tls::TlsError;
use outbox::Outbox;

/// The port of servers (RFC 6120 14.7).
const PORT: u16 = 5269;
/// Bytes of stanzas that wait in memory for one domain.
const VOLATILE_BYTES_MAX: usize = 256 << 10;

/// A local and a remote domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pair {
    local: DomainPart,
    remote: DomainPart,
}

impl Pair {
    fn new(local: &str, remote: &str) -> Option<Self> {
        let part = |text: &str| DomainPart::new(text).ok().map(std::borrow::Cow::into_owned);
        Some(Self {
            local: part(local)?,
            remote: part(remote)?,
        })
    }
}

/// Work for the task of a pair.
enum Work {
    /// Send this, or lose it.
    Volatile(Bytes),
    /// Something waits in the outbox.
    Look,
}

/// The way to the task of a pair.
struct Link {
    work: mpsc::UnboundedSender<Work>,
    volatile_bytes: Arc<AtomicUsize>,
}

/// How a pair of domains is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainStatus {
    /// Ours.
    pub local: String,
    /// The other side's.
    pub remote: String,
    /// Bytes that wait in memory.
    pub queued_bytes: usize,
}

/// Streams to and from other servers.
pub(crate) struct Federation {
    node: Weak<Node>,
    outbox: Outbox,
    acceptor: TlsAcceptor,
    connector: TlsConnector,
    anchors: Option<tls::Anchors>,
    peers: BTreeMap<String, SocketAddr>,
    secret: [u8; 32],
    /// How long a stanza waits for its domain before its sender is told.
    patience: Duration,
    links: Mutex<HashMap<Pair, Link>>,
    /// Turns true when the server stops.
    stop: watch::Receiver<bool>,
}

impl Federation {
    /// Before anything is sent or received.
    pub(crate) fn new(
        node: &Arc<Node>,
        journal: Journal,
        config: &Config,
        stop: watch::Receiver<bool>,
    ) -> Result<Arc<Self>, TlsError> {
        let anchors = config
            .anchors
            .as_deref()
            .map(tls::Anchors::read)
            .transpose()?;
        let part = |(domain, address): &(String, SocketAddr)| {
            DomainPart::new(domain)
                .ok()
                .map(|domain| (domain.as_str().to_owned(), *address))
        };
        Ok(Arc::new(Self {
            node: Arc::downgrade(node),
            outbox: Outbox::new(journal, node.host.rooms.clone(), node.random()),
            acceptor: tls::acceptor(&config.certificate, &config.key)?,
            connector: tls::connector(&config.certificate, &config.key)?,
            anchors,
            peers: config.peers.iter().filter_map(part).collect(),
            // Keys are asked about within seconds, so a restart may forget it.
            secret: node.random(),
            patience: config.limits.federation_time,
            links: Mutex::default(),
            stop,
        }))
    }

    /// Sends what an earlier run left, and takes streams on `listener`.
    pub(crate) fn start(self: &Arc<Self>, listener: Option<TcpListener>) {
        self.look();
        if let Some(listener) = listener {
            tokio::spawn(receiver::accept(self.clone(), listener));
        }
    }

    /// Sends what waits in the outbox.
    pub(crate) fn look(self: &Arc<Self>) {
        for pair in self.outbox.pairs() {
            self.give(&pair, Work::Look);
        }
    }

    /// Every pair that has a task.
    pub(crate) fn status(&self) -> Vec<DomainStatus> {
        let links = self.links();
        let status = links.iter().map(|(pair, link)| DomainStatus {
            local: pair.local.as_str().to_owned(),
            remote: pair.remote.as_str().to_owned(),
            queued_bytes: link.volatile_bytes.load(Ordering::Relaxed),
        });
        status.collect()
    }

    fn links(&self) -> MutexGuard<'_, HashMap<Pair, Link>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the server stops.
    async fn stopped(&self) {
        // An error means that the server is gone, which is a stop, too.
        let _ = self.stop.clone().wait_for(|stops| *stops).await;
    }

    /// Dialback is enough only where no certificates are trusted at all.
    fn takes_dialback(&self) -> bool {
        self.anchors.is_none()
    }

    fn now_ms(&self) -> i64 {
        self.node.upgrade().map_or(0, |node| (node.clock)())
    }

    /// Whether a chain proves a domain.
    fn proves(&self, domain: &str, chain: Option<&[tls_types::CertificateDer<'static>]>) -> bool {
        let seconds = u64::try_from(self.now_ms() / 1000).unwrap_or(0);
        let now = tls_types::UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        match (&self.anchors, chain) {
            (Some(anchors), Some(chain)) => anchors.prove(domain, chain, now),
            _ => false,
        }
    }

    /// Hands work to the task of a pair, which is started if there is none. `false` when too much waits there.
    fn give(self: &Arc<Self>, pair: &Pair, work: Work) -> bool {
        let mut links = self.links();
        let link = links.entry(pair.clone()).or_insert_with(|| {
            let (sender, receiver) = mpsc::unbounded_channel();
            let volatile_bytes = Arc::new(AtomicUsize::new(0));
            let task =
                sender::Sender::new(self.clone(), pair.clone(), receiver, volatile_bytes.clone());
            tokio::spawn(task.run());
            Link {
                work: sender,
                volatile_bytes,
            }
        });
        if let Work::Volatile(stanza) = &work {
            let before = link
                .volatile_bytes
                .fetch_add(stanza.len(), Ordering::Relaxed);
            if before > VOLATILE_BYTES_MAX {
                link.volatile_bytes
                    .fetch_sub(stanza.len(), Ordering::Relaxed);
                return false;
            }
        }
        // A task removes itself under this lock, so it is there.
        link.work.send(work).is_ok()
    }

    /// Tells a local sender that its stanza did not arrive.
    fn bounce(&self, stanza: &Bytes, condition: Condition) {
        if let Some(node) = self.node.upgrade() {
            node.bounce(stanza, condition);
        }
    }
}

/// The handle that the node sends through.
pub(crate) struct Handle(pub(crate) Arc<Federation>);

fn addressed(to: &Jid, stanza: &Bytes) -> Option<(Pair, Stanza)> {
    let stanza = Stanza::from_peer(stanza).ok()?;
    let pair = Pair {
        local: stanza.from.domain().to_owned(),
        remote: to.domain().to_owned(),
    };
    Some((pair, stanza))
}

impl Remote for Handle {
    fn keep(&self, to: &Jid, stanza: &Bytes, now_ms: i64) -> Vec<NewEffect> {
        let row = addressed(to, stanza)
            .and_then(|(pair, stanza)| self.0.outbox.row(&pair, &stanza, now_ms));
        row.into_iter().collect()
    }

    fn send(&self, to: &Jid, stanza: &Bytes) {
        let Some((pair, parsed)) = addressed(to, stanza) else {
            tracing::warn!("a stanza for another server has no sender");
            return;
        };
        let is_kept = self.0.outbox.keeps(&parsed);
        let work = if is_kept {
            Work::Look
        } else {
            Work::Volatile(stanza.clone())
        };
        if !self.0.give(&pair, work) {
            self.0.bounce(stanza, Condition::ResourceConstraint);
        }
    }
}
