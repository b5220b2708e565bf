//! The task of a pair of domains: opens a stream, sends in order, waits for acknowledgements, tries again.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use iris::s2s::dialback::Assertion;
use iris::s2s::{Broken, OutgoingAction, OutgoingConfig, OutgoingEvent, OutgoingStream, Purpose};
use iris::stanza::Condition;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

use super::outbox::{Fate, Waiting};
use super::{Federation, PORT, Pair, Work};

/// Until a stream must be established.
const CONNECT_TIME: Duration = Duration::from_secs(30);
/// For how long an acknowledgement is waited for; shorter than a lease.
const ACK_TIME: Duration = Duration::from_secs(40);
/// A stream that carried nothing for so long is closed.
const IDLE_TIME: Duration = Duration::from_secs(300);
/// Pauses between tries: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(120));
/// Stanzas that are sent and not acknowledged.
const WINDOW: usize = 256;
const READ_BYTES: usize = 8 << 10;
/// Asks for an acknowledgement (XEP-0198 4).
const ASK: &[u8] = b"<r xmlns='urn:xmpp:sm:3'/>";

/// Why no stream stands.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoStream {
    #[error("the domain has no address")]
    NoAddress,
    #[error("the domain cannot be reached")]
    Unreachable(#[from] io::Error),
    #[error("the domain did not answer in time")]
    TimedOut,
    #[error(transparent)]
    Broken(#[from] Broken),
    #[error("the peer closed the stream")]
    Closed,
}

impl NoStream {
    /// What a sender is told.
    fn condition(&self) -> Condition {
        match self {
            Self::NoAddress => Condition::RemoteServerNotFound,
            _ => Condition::RemoteServerTimeout,
        }
    }
}

/// A stream on which stanzas may be sent.
struct Established {
    stream: TlsStream<TcpStream>,
    machine: OutgoingStream,
    has_acks: bool,
    /// Stanzas sent on this stream.
    sent: u32,
    /// Not acknowledged: count and, if it is kept, the row.
    in_flight: VecDeque<(u32, Option<Waiting>)>,
    waits_since: Instant,
}

pub(super) struct Sender {
    federation: Arc<Federation>,
    pair: Pair,
    work: mpsc::UnboundedReceiver<Work>,
    volatile_bytes: Arc<AtomicUsize>,
    volatile: VecDeque<Bytes>,
    /// Something may wait in the outbox.
    looks: bool,
    /// Rows that an earlier run took may still be leased.
    is_first: bool,
    /// What became of stanzas and is not recorded: at most a window of them, because nothing is sent meanwhile.
    owed: Vec<(Vec<Waiting>, Fate)>,
    failures: u32,
}

impl Sender {
    pub(super) fn new(
        federation: Arc<Federation>,
        pair: Pair,
        work: mpsc::UnboundedReceiver<Work>,
        volatile_bytes: Arc<AtomicUsize>,
    ) -> Self {
        Self {
            federation,
            pair,
            work,
            volatile_bytes,
            volatile: VecDeque::new(),
            looks: true,
            is_first: true,
            owed: Vec::new(),
            failures: 0,
        }
    }

    /// Runs until nothing is to be sent for a while, or the server stops.
    pub(super) async fn run(mut self) {
        let federation = self.federation.clone();
        tokio::select! {
            () = self.work_on() => {}
            () = federation.stopped() => {}
        }
    }

    async fn work_on(&mut self) {
        loop {
            if !self.pay().await {
                self.pause().await;
                continue;
            }
            if !self.looks && self.volatile.is_empty() && !self.await_work().await {
                return;
            }
            match timeout(CONNECT_TIME, self.connect())
                .await
                .unwrap_or(Err(NoStream::TimedOut))
            {
                Ok(established) => {
                    self.failures = 0;
                    let ended = self.serve(established).await;
                    tracing::info!(remote = %self.pair.remote, why = %ended, "stream to another server ended");
                    if matches!(ended, NoStream::Closed) {
                        continue;
                    }
                    self.pause().await;
                }
                Err(error) => {
                    tracing::info!(remote = %self.pair.remote, %error, "no stream to another server");
                    self.give_up(&error).await;
                    self.pause().await;
                }
            }
        }
    }

    /// Waits for work; `false` when the task is over and has removed itself.
    async fn await_work(&mut self) -> bool {
        match timeout(IDLE_TIME, self.work.recv()).await {
            Ok(Some(work)) => {
                self.enter(work);
                true
            }
            Ok(None) => false,
            Err(_) => {
                let federation = self.federation.clone();
                let mut links = federation.links();
                // Under the lock nobody can give work: either it is here, or the next one starts a task.
                match self.work.try_recv() {
                    Ok(work) => {
                        self.enter(work);
                        true
                    }
                    Err(_) => {
                        links.remove(&self.pair);
                        false
                    }
                }
            }
        }
    }

    fn enter(&mut self, work: Work) {
        match work {
            Work::Volatile(stanza) => self.volatile.push_back(stanza),
            Work::Look => self.looks = true,
        }
    }

    fn next_volatile(&mut self) -> Option<Bytes> {
        let stanza = self.volatile.pop_front()?;
        self.volatile_bytes
            .fetch_sub(stanza.len(), Ordering::Relaxed);
        Some(stanza)
    }

    /// Waits before the next try: longer each time, and not at the same time as others.
    async fn pause(&mut self) {
        let longest = PAUSES
            .1
            .min(PAUSES.0 * 2_u32.saturating_pow(self.failures.min(16)));
        self.failures += 1;
        let random = self
            .federation
            .node
            .upgrade()
            .map_or(0, |node| node.random()[0]);
        sleep(longest / 2 + longest / 2 * u32::from(random) / 255).await;
    }

    /// What may be lost is returned to its senders; what is kept, when it waited too long.
    async fn give_up(&mut self, error: &NoStream) {
        while let Ok(work) = self.work.try_recv() {
            self.enter(work);
        }
        while let Some(stanza) = self.next_volatile() {
            self.federation.bounce(&stanza, error.condition());
        }
        loop {
            let now_ms = self.federation.now_ms();
            let Some(waiting) = self.take(WINDOW).await else {
                self.looks = true;
                return;
            };
            let patience = i64::try_from(self.federation.patience.as_millis()).unwrap_or(i64::MAX);
            let (late, young): (Vec<_>, Vec<_>) = waiting
                .into_iter()
                .partition(|waiting| waiting.at_ms.saturating_add(patience) <= now_ms);
            for waiting in &late {
                self.federation
                    .bounce(&waiting.stanza, Condition::RemoteServerTimeout);
            }
            let is_done = late.is_empty() || !young.is_empty();
            self.looks = !young.is_empty();
            self.settle(late, Fate::Settled).await;
            self.settle(young, Fate::Again).await;
            if is_done || !self.owed.is_empty() {
                return;
            }
        }
    }

    /// Records what became of stanzas, now or before anything else is sent.
    async fn settle(&mut self, stanzas: Vec<Waiting>, fate: Fate) {
        let now_ms = self.federation.now_ms();
        let outbox = &self.federation.outbox;
        if !outbox.settle(&stanzas, fate, now_ms).await {
            self.owed.push((stanzas, fate));
        }
    }

    /// Records what is owed. Whether nothing is any more.
    async fn pay(&mut self) -> bool {
        for (stanzas, fate) in std::mem::take(&mut self.owed) {
            self.settle(stanzas, fate).await;
        }
        // More may wait behind what was owed.
        self.owed.is_empty()
    }

    async fn take(&mut self, limit: usize) -> Option<Vec<Waiting>> {
        let now_ms = self.federation.now_ms();
        let outbox = &self.federation.outbox;
        let taken = outbox.take(&self.pair, now_ms, limit, self.is_first).await;
        self.is_first &= taken.is_none();
        taken
    }

    async fn connect(&self) -> Result<Established, NoStream> {
        let (stream, machine, end) = self.federation.open(&self.pair, Purpose::Send).await?;
        match end {
            Reached::Established { has_acks } => Ok(Established {
                stream,
                machine,
                has_acks,
                sent: 0,
                in_flight: VecDeque::new(),
                waits_since: Instant::now(),
            }),
            Reached::StartTls | Reached::Verified(_) => Err(NoStream::Closed),
        }
    }

    /// Sends until the stream ends, and says why it did.
    async fn serve(&mut self, mut established: Established) -> NoStream {
        self.looks = true;
        let result = self.exchange(&mut established).await;
        let unsettled: Vec<_> = established
            .in_flight
            .into_iter()
            .filter_map(|(_, waiting)| waiting)
            .collect();
        self.looks |= !unsettled.is_empty();
        self.settle(unsettled, Fate::Again).await;
        match result {
            Ok(()) => NoStream::Closed,
            Err(error) => error,
        }
    }

    async fn exchange(&mut self, established: &mut Established) -> Result<(), NoStream> {
        let mut space = [0; READ_BYTES];
        let mut heard = Instant::now();
        loop {
            if self.pay().await {
                self.fill(established).await?;
            }
            let waits = !established.in_flight.is_empty();
            let deadline = if waits {
                established.waits_since + ACK_TIME
            } else {
                heard + IDLE_TIME
            };
            let has_room = established.in_flight.len() < WINDOW;
            // The journal does not answer: what was sent meanwhile is not sent again for that.
            let is_stuck = !self.owed.is_empty() || self.looks && has_room;
            let again = Instant::now() + PAUSES.0;
            tokio::select! {
                work = self.work.recv(), if has_room => match work {
                    Some(work) => self.enter(work),
                    None => return Ok(()),
                },
                read = established.stream.read(&mut space) => {
                    let length = read?;
                    if length == 0 {
                        return Err(NoStream::Unreachable(io::ErrorKind::UnexpectedEof.into()));
                    }
                    self.hear(established, &space[..length]).await?;
                }
                () = sleep_until(again), if is_stuck && again < deadline => continue,
                () = sleep_until(deadline) => {
                    if waits {
                        return Err(NoStream::TimedOut);
                    }
                    established.close().await;
                    return Ok(());
                }
            }
            heard = Instant::now();
        }
    }

    /// Writes what waits, in order, as far as the window allows.
    async fn fill(&mut self, established: &mut Established) -> Result<(), NoStream> {
        while let Ok(work) = self.work.try_recv() {
            self.enter(work);
        }
        let mut out = BytesMut::new();
        let mut unconfirmed = Vec::new();
        while self.looks && established.in_flight.len() < WINDOW {
            let taken = self.take(WINDOW - established.in_flight.len()).await;
            let Some(waiting) = taken else { break };
            self.looks = !waiting.is_empty();
            for waiting in waiting {
                out.extend_from_slice(&waiting.stanza);
                if established.has_acks {
                    established.track(Some(waiting));
                } else {
                    unconfirmed.push(waiting);
                }
            }
            if !established.has_acks {
                break;
            }
        }
        while established.in_flight.len() < WINDOW {
            let Some(stanza) = self.next_volatile() else {
                break;
            };
            out.extend_from_slice(&stanza);
            if established.has_acks {
                established.track(None);
            }
        }
        if out.is_empty() {
            return Ok(());
        }
        if established.has_acks {
            out.extend_from_slice(ASK);
        }
        let written = established.write(&out).await;
        let fate = if written.is_ok() {
            Fate::Settled
        } else {
            Fate::Again
        };
        self.settle(unconfirmed, fate).await;
        written
    }

    async fn hear(&mut self, established: &mut Established, bytes: &[u8]) -> Result<(), NoStream> {
        for action in established.machine.on(OutgoingEvent::Received(bytes)) {
            match action {
                OutgoingAction::Write(bytes) => established.write(&bytes).await?,
                OutgoingAction::Acked(h) => {
                    let done = established.acknowledged(h);
                    self.settle(done, Fate::Settled).await;
                }
                OutgoingAction::Close(None) => return Err(NoStream::Closed),
                OutgoingAction::Close(Some(broken)) => return Err(broken.into()),
                OutgoingAction::StartTls
                | OutgoingAction::Established { .. }
                | OutgoingAction::Verified(_) => {}
            }
        }
        Ok(())
    }
}

impl Established {
    fn track(&mut self, waiting: Option<Waiting>) {
        if self.in_flight.is_empty() {
            self.waits_since = Instant::now();
        }
        self.sent = self.sent.wrapping_add(1);
        self.in_flight.push_back((self.sent, waiting));
    }

    /// Takes out what the peer has handled; a count that was never sent acknowledges nothing.
    fn acknowledged(&mut self, h: u32) -> Vec<Waiting> {
        let Some(place) = self.in_flight.iter().position(|(count, _)| *count == h) else {
            return Vec::new();
        };
        self.waits_since = Instant::now();
        self.in_flight
            .drain(..=place)
            .filter_map(|(_, waiting)| waiting)
            .collect()
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), NoStream> {
        let writing = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        timeout(ACK_TIME, writing)
            .await
            .map_err(|_| NoStream::TimedOut)??;
        Ok(())
    }

    async fn close(&mut self) {
        for action in self.machine.on(OutgoingEvent::Closing) {
            if let OutgoingAction::Write(bytes) = action
                && let Err(error) = self.write(&bytes).await
            {
                tracing::debug!(%error, "a stream was not closed properly");
            }
        }
    }
}

/// How far a negotiation got.
enum Reached {
    StartTls,
    Established { has_acks: bool },
    Verified(bool),
}

/// Reads and writes until something is reached.
async fn negotiate<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    machine: &mut OutgoingStream,
    mut actions: Vec<OutgoingAction>,
) -> Result<Reached, NoStream> {
    let mut space = [0; READ_BYTES];
    loop {
        let mut reached = None;
        for action in actions {
            match action {
                OutgoingAction::Write(bytes) => stream.write_all(&bytes).await?,
                OutgoingAction::StartTls => reached = Some(Reached::StartTls),
                OutgoingAction::Established { has_acks } => {
                    reached = Some(Reached::Established { has_acks })
                }
                OutgoingAction::Verified(is_true) => reached = Some(Reached::Verified(is_true)),
                OutgoingAction::Acked(_) => {}
                OutgoingAction::Close(Some(broken)) => return Err(broken.into()),
                OutgoingAction::Close(None) if reached.is_none() => return Err(NoStream::Closed),
                OutgoingAction::Close(None) => {}
            }
        }
        stream.flush().await?;
        if let Some(reached) = reached {
            return Ok(reached);
        }
        let length = stream.read(&mut space).await?;
        if length == 0 {
            return Err(NoStream::Closed);
        }
        actions = machine.on(OutgoingEvent::Received(&space[..length]));
    }
}

impl Federation {
    /// Where a domain's server is: as configured, or at its own address (RFC 6120 3.2.2).
    async fn addresses(&self, domain: &str) -> Result<Vec<SocketAddr>, NoStream> {
        if let Some(address) = self.peers.get(domain) {
            return Ok(vec![*address]);
        }
        let found = tokio::net::lookup_host((domain, PORT))
            .await
            .map_err(|_| NoStream::NoAddress)?;
        Ok(found.collect())
    }

    async fn reach(&self, domain: &str) -> Result<TcpStream, NoStream> {
        let mut last = NoStream::NoAddress;
        for address in self.addresses(domain).await? {
            match TcpStream::connect(address).await {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Err(error) => last = error.into(),
            }
        }
        Err(last)
    }

    /// Opens a stream and negotiates as far as its purpose asks.
    async fn open(
        &self,
        pair: &Pair,
        purpose: Purpose,
    ) -> Result<(TlsStream<TcpStream>, OutgoingStream, Reached), NoStream> {
        let remote = pair.remote.as_str();
        let name = ServerName::try_from(remote.to_owned()).map_err(|_| NoStream::NoAddress)?;
        let mut machine = OutgoingStream::new(OutgoingConfig {
            local: pair.local.clone(),
            remote: pair.remote.clone(),
            // The answer to a dialback question comes from who answers under the domain's name.
            dialback: self.takes_dialback() || matches!(purpose, Purpose::Verify(_)),
            purpose,
            secret: self.secret,
        });
        let mut tcp = self.reach(remote).await?;
        let actions = machine.on(OutgoingEvent::Connected);
        let Reached::StartTls = negotiate(&mut tcp, &mut machine, actions).await? else {
            return Err(NoStream::Closed);
        };
        let mut stream = self.connector.connect(name, tcp).await?;
        let is_proven = self.proves(remote, stream.get_ref().1.peer_certificates());
        let actions = machine.on(OutgoingEvent::TlsEstablished { is_proven });
        let reached = negotiate(&mut stream, &mut machine, actions).await?;
        Ok((stream, machine, reached))
    }

    /// Asks the originating domain whether a dialback key is its own.
    pub(super) async fn verify(&self, assertion: &Assertion) -> bool {
        let Some(pair) = Pair::new(&assertion.receiving, &assertion.originating) else {
            return false;
        };
        let asking = self.open(&pair, Purpose::Verify(assertion.clone()));
        match timeout(CONNECT_TIME, asking).await {
            Ok(Ok((_, _, Reached::Verified(is_true)))) => is_true,
            Ok(Err(error)) => {
                tracing::info!(domain = assertion.originating, %error, "a dialback key cannot be verified");
                false
            }
            Ok(Ok(_)) | Err(_) => false,
        }
    }
}
