//! Components (XEP-0114): who answers for a host beside the node's own. What is sent to a host whose component is not
//! there, or takes too little, goes back to its sender with an error; nothing waits for it on the disk.
//!
//! Invariants (guard):
//! 1. what waits for a component has at most `QUEUE_BYTES_MAX` bytes               (`send`)
//! 2. a host has one component: who proves to be it takes the place of who was it  (`tests/it/component.rs`)

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use iris::authorize::Principal;
use iris::component::{ComponentAction, ComponentStream, Registered};
use iris::stanza::Condition;
use iris::stream::{StreamCondition, StreamError};
use jid::{DomainPart, Jid};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use crate::committer::NotCommitted;
use crate::handling::Handling;
use crate::node::Node;

/// Connections at the same time, proven or not.
const STREAMS_MAX: usize = 64;
/// Bytes that wait for one component.
const QUEUE_BYTES_MAX: usize = 1 << 20;
/// Cost of a stanza beside its bytes.
const STANZA_BYTES: usize = 64;
/// How long accepting pauses when the process has no more file descriptors.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);
/// How long one write may take.
const WRITE_TIME: Duration = Duration::from_secs(30);
const READ_BYTES: usize = 8 << 10;

/// The way to a connected component.
struct Link {
    outgoing: mpsc::UnboundedSender<Bytes>,
    queued: Arc<AtomicUsize>,
}

/// The hosts that components answer for, and the components that are there.
pub(crate) struct Components {
    registered: Vec<Registered>,
    links: Mutex<HashMap<DomainPart, Link>>,
}

impl Components {
    pub(crate) fn new(registered: Vec<Registered>) -> Self {
        Self {
            registered,
            links: Mutex::default(),
        }
    }

    fn links(&self) -> MutexGuard<'_, HashMap<DomainPart, Link>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The hosts.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &DomainPart> {
        self.registered.iter().map(|one| &one.host)
    }

    /// Whether a component answers for this address, there or not.
    pub(crate) fn serve(&self, to: &Jid) -> bool {
        self.hosts().any(|host| **host == *to.domain())
    }

    /// Sends a stanza to the component of its host. `to` must be [`Components::serve`]d.
    ///
    /// # Errors
    /// What its sender is told.
    pub(crate) fn send(&self, to: &Jid, stanza: &Bytes) -> Result<(), Condition> {
        let links = self.links();
        let link = links
            .get(to.domain())
            .ok_or(Condition::ServiceUnavailable)?;
        let bytes = stanza.len() + STANZA_BYTES;
        if link.queued.fetch_add(bytes, Ordering::Relaxed) > QUEUE_BYTES_MAX {
            link.queued.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Condition::ResourceConstraint);
        }
        let sent = link.outgoing.send(stanza.clone());
        sent.map_err(|_| Condition::ServiceUnavailable)
    }
}

/// Takes components until the server stops.
pub(crate) async fn accept(
    node: Arc<Node>,
    listener: TcpListener,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(STREAMS_MAX));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stops| *stops) => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let serving = serve(node.clone(), stream, stop.clone());
                tokio::spawn(async move {
                    if let Err(error) = serving.await {
                        tracing::info!(%peer, %error, "a component's stream ended");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "components cannot be accepted");
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
            }
        }
    }
}

async fn serve(node: Arc<Node>, stream: TcpStream, stop: watch::Receiver<bool>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, writer) = stream.into_split();
    let mut component = Component {
        machine: ComponentStream::new(node.components.registered.clone(), node.random()),
        handling: Handling::new(node.clone()),
        node,
        writer,
        host: None,
    };
    let ended = tokio::select! {
        ended = component.run(reader) => ended,
        () = stopped(stop) => component.close(StreamCondition::SystemShutdown).await,
    };
    component.leave();
    ended
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that the server is gone, which is a stop, too.
    let _ = stop.wait_for(|stops| *stops).await;
}

/// The outgoing side of one connection, once it is proven.
struct Place {
    host: DomainPart,
    queued: Arc<AtomicUsize>,
    incoming: mpsc::UnboundedReceiver<Bytes>,
}

struct Component {
    node: Arc<Node>,
    machine: ComponentStream,
    handling: Handling,
    writer: OwnedWriteHalf,
    host: Option<Place>,
}

impl Component {
    async fn run(&mut self, mut reader: OwnedReadHalf) -> io::Result<()> {
        let mut space = [0; READ_BYTES];
        let proven_by = Instant::now() + self.node.limits.sign_in_time;
        loop {
            let actions = tokio::select! {
                Some((_, outcome)) = self.handling.next() => {
                    if outcome == Err(NotCommitted::Halted) {
                        return self.close(StreamCondition::InternalServerError).await;
                    }
                    continue;
                }
                stanza = next_of(&mut self.host) => match stanza {
                    Some(stanza) => {
                        self.write(&stanza).await?;
                        continue;
                    }
                    // Another connection proved to be this host.
                    None => return self.close(StreamCondition::Conflict).await,
                },
                () = sleep_until(proven_by), if !self.machine.is_authenticated() => {
                    return self.close(StreamCondition::ConnectionTimeout).await;
                }
                read = reader.read(&mut space), if self.handling.has_room() => match read? {
                    0 => return Ok(()),
                    length => self.machine.received(&space[..length]),
                },
            };
            if self.carry_out(actions).await? {
                return Ok(());
            }
        }
    }

    /// Whether the stream is over.
    async fn carry_out(&mut self, actions: Vec<ComponentAction>) -> io::Result<bool> {
        for action in actions {
            match action {
                ComponentAction::Write(bytes) => self.write(&bytes).await?,
                ComponentAction::Authenticated(host) => self.enter(host),
                ComponentAction::Stanza(stanza) => {
                    let principal = Principal::Component(stanza.from.domain().to_owned());
                    self.handling.handle(&principal, stanza, None).await;
                }
                ComponentAction::Close => return Ok(true),
            }
        }
        Ok(false)
    }

    fn enter(&mut self, host: DomainPart) {
        tracing::info!(%host, "a component is there");
        let (outgoing, incoming) = mpsc::unbounded_channel();
        let queued = Arc::new(AtomicUsize::new(0));
        let link = Link {
            outgoing,
            queued: queued.clone(),
        };
        // The link of who was there before goes, and with it the only sender, which ends that connection.
        self.node.components.links().insert(host.clone(), link);
        self.host = Some(Place {
            host,
            queued,
            incoming,
        });
    }

    fn leave(&mut self) {
        let Some(place) = self.host.take() else {
            return;
        };
        let mut links = self.node.components.links();
        let is_own = links
            .get(&place.host)
            .is_some_and(|link| Arc::ptr_eq(&link.queued, &place.queued));
        if is_own {
            links.remove(&place.host);
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        timeout(WRITE_TIME, self.writer.write_all(bytes)).await?
    }

    async fn close(&mut self, condition: StreamCondition) -> io::Result<()> {
        let actions = self.machine.close(&StreamError::from(condition));
        self.carry_out(actions).await.map(drop)
    }
}

async fn next_of(place: &mut Option<Place>) -> Option<Bytes> {
    let Some(place) = place else {
        return std::future::pending().await;
    };
    let stanza = place.incoming.recv().await?;
    place
        .queued
        .fetch_sub(stanza.len() + STANZA_BYTES, Ordering::Relaxed);
    Some(stanza)
}
