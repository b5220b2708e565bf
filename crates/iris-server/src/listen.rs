//! Listeners: who connects is admitted at a rate, and no more at once than the node can hold.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use iris::framer::Limits as FrameLimits;
use iris::host::Host;
use iris::services;
use iris::stream::{ClientStream, Config};
use iris::xml::Xml;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout};

use crate::connection::{Connection, Shared};
use crate::wire::Wire;

/// How long accepting pauses when the process has no more file descriptors.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);
/// Sign-in tries on one stream.
const TRIES: u8 = 5;
/// Addresses without connections are forgotten when there are this many.
const SWEEP_AT: usize = 4_096;

/// How a listener's connections begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// In the clear, with STARTTLS.
    StartTls,
    /// With TLS.
    DirectTls,
}

/// Connections that have not signed in, by address.
#[derive(Default)]
pub(crate) struct Pending(Mutex<HashMap<IpAddr, Weak<Semaphore>>>);

impl Pending {
    /// A place for one more, or nothing when the address has as many as it may have.
    pub(crate) fn enter(&self, peer: IpAddr, max: usize) -> Option<OwnedSemaphorePermit> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let places = match known.get(&peer).and_then(Weak::upgrade) {
            Some(places) => places,
            None => {
                if known.len() >= SWEEP_AT {
                    known.retain(|_, places| places.strong_count() > 0);
                }
                let places = Arc::new(Semaphore::new(max));
                known.insert(peer, Arc::downgrade(&places));
                places
            }
        };
        places.try_acquire_owned().ok()
    }
}

/// Lets so many pass a second, and a burst of as many after a quiet second.
pub(crate) struct Rate {
    every: Duration,
    /// When the next may pass if everybody before used their turn.
    next: Mutex<Instant>,
}

impl Rate {
    pub(crate) fn new(per_second: u32) -> Self {
        Self {
            every: Duration::from_secs(1) / per_second.max(1),
            next: Mutex::new(Instant::now()),
        }
    }

    /// When this one may pass.
    fn turn(&self) -> Instant {
        let now = Instant::now();
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = now.checked_sub(Duration::from_secs(1)).unwrap_or(now);
        *next = (*next).max(earliest) + self.every;
        *next
    }

    /// Waits for a turn.
    pub(crate) async fn pass(&self) {
        sleep_until(self.turn()).await;
    }
}

/// What a stream offers after sign-in beside its own: the server's capabilities (XEP-0115 6.3).
fn features(host: &Host) -> String {
    let (node, version) = services::disco::capabilities(host);
    Xml::in_namespace("c", "http://jabber.org/protocol/caps")
        .attr("hash", "sha-1")
        .attr("node", node)
        .attr("ver", &version)
        .finish()
}

/// What all listeners for clients share.
pub(crate) struct Clients {
    pub(crate) shared: Arc<Shared>,
    pub(crate) pending: Pending,
    pub(crate) rate: Rate,
    pub(crate) places: Arc<Semaphore>,
    pub(crate) salt_key: [u8; 32],
    /// Turns true when the server stops.
    pub(crate) stop: watch::Receiver<bool>,
}

impl Clients {
    /// The machine of a connection.
    pub(crate) fn machine(
        &self,
        is_websocket: bool,
        is_encrypted: bool,
        exporter: Option<[u8; 32]>,
    ) -> ClientStream {
        let node = &self.shared.node;
        ClientStream::new(Config {
            domain: node.host.domain.clone(),
            is_websocket,
            is_encrypted,
            exporter,
            before: FrameLimits::BEFORE,
            after: FrameLimits::AFTER,
            tries: TRIES,
            takes_tokens: true,
            features: features(&node.host),
            random: node.random(),
            salt_key: self.salt_key,
        })
    }

    /// Accepts until the server stops.
    pub(crate) async fn accept(self: Arc<Self>, listener: TcpListener, mode: Mode) {
        let mut stop = self.stop.clone();
        loop {
            let place = self.places.clone().acquire_owned().await;
            let Ok(place) = place else { return };
            self.rate.pass().await;
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stop.wait_for(|stops| *stops) => return,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer, mode, place),
                // Out of file descriptors or memory: those who are here go on, the rest wait in the backlog.
                Err(error) => {
                    tracing::warn!(%error, "connections cannot be accepted");
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                }
            }
        }
    }

    fn admit(
        self: &Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        mode: Mode,
        place: OwnedSemaphorePermit,
    ) {
        let max = self.shared.node.limits.pending_per_address_max;
        let Some(pending) = self.pending.enter(peer.ip(), max) else {
            tracing::info!(%peer, "too many connections that have not signed in");
            return;
        };
        // Stanzas are small and somebody waits for each.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a socket option was refused");
        }
        let clients = self.clone();
        tokio::spawn(async move {
            let counters = &clients.shared.node.counters;
            counters.connections.fetch_add(1, Ordering::Relaxed);
            if let Ok(wire) = clients.begin(stream, mode).await {
                clients.serve(wire, peer.ip(), pending, mode).await;
            }
            counters.connections.fetch_sub(1, Ordering::Relaxed);
            drop(place);
        });
    }

    async fn begin(&self, stream: TcpStream, mode: Mode) -> io::Result<Wire> {
        match mode {
            Mode::StartTls => Ok(Wire::Plain(stream)),
            Mode::DirectTls => {
                let accepting = self.shared.acceptor().accept(stream);
                let stream = timeout(self.shared.node.limits.sign_in_time, accepting).await??;
                Ok(Wire::Tls(Box::new(stream)))
            }
        }
    }

    async fn serve(&self, wire: Wire, peer: IpAddr, pending: OwnedSemaphorePermit, mode: Mode) {
        let machine = self.machine(false, mode == Mode::DirectTls, wire.exporter());
        Connection::new(self.shared.clone(), wire, machine, peer, Some(pending))
            .run()
            .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_storm_passes_at_the_rate_after_a_burst_of_one_second() {
        tokio::time::advance(Duration::from_secs(10)).await;
        let rate = Rate::new(100);
        tokio::time::advance(Duration::from_secs(10)).await;
        let start = Instant::now();
        let mut passed = Vec::new();
        for _ in 0..1_000 {
            rate.pass().await;
            passed.push(start.elapsed());
        }
        for (n, at) in passed.iter().enumerate() {
            let turn = Duration::from_millis(10 * (n as u64 + 1));
            let due = turn.saturating_sub(Duration::from_secs(1));
            // Timers of the runtime tick every millisecond.
            let latest = due + Duration::from_millis(2);
            assert!(*at >= due && *at <= latest, "{n}: {at:?}, due {due:?}");
        }
    }

    #[test]
    fn an_address_has_so_many_connections_that_did_not_sign_in() {
        let pending = Pending::default();
        let [here, there] = [1, 2].map(|n| IpAddr::from([127, 0, 0, n]));
        let mut held: Vec<_> = (0..3).map(|_| pending.enter(here, 3).unwrap()).collect();
        assert!(pending.enter(here, 3).is_none());
        assert!(pending.enter(there, 3).is_some());
        held.pop();
        assert!(pending.enter(here, 3).is_some());
    }
}
