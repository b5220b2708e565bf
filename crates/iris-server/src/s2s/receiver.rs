//! Streams that peers open: their stanzas are handled like those of clients, and acknowledged when they are durable.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use iris::authorize::Principal;
use iris::s2s::dialback::Assertion;
use iris::s2s::{IncomingAction, IncomingConfig, IncomingEvent, IncomingStream};
use iris::stream::{StreamCondition, StreamError};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, interval, timeout};

use super::Federation;
use crate::committer::NotCommitted;
use crate::handling::Handling;

/// Streams from other servers at the same time.
const STREAMS_MAX: usize = 1_000;
/// Until a peer must have proved who it is.
const PROOF_TIME: Duration = Duration::from_secs(40);
/// A stream that carried nothing for so long is closed.
const IDLE_TIME: Duration = Duration::from_secs(900);
/// How long accepting pauses when the process has no more file descriptors.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);
/// How long an acknowledgement waits for the disk before it is given for less.
const TICK: Duration = Duration::from_secs(5);
const WRITE_TIME: Duration = Duration::from_secs(30);
const READ_BYTES: usize = 8 << 10;

/// Takes streams until the server stops.
pub(super) async fn accept(federation: Arc<Federation>, listener: TcpListener) {
    let places = Arc::new(Semaphore::new(STREAMS_MAX));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = federation.stopped() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let federation = federation.clone();
                tokio::spawn(async move {
                    if let Err(error) = serve(federation, stream).await {
                        tracing::info!(%peer, %error, "stream from another server ended");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "streams of other servers cannot be taken");
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
            }
        }
    }
}

async fn serve(federation: Arc<Federation>, mut tcp: TcpStream) -> io::Result<()> {
    let Some(node) = federation.node.upgrade() else {
        return Ok(());
    };
    tcp.set_nodelay(true)?;
    let host = &node.host;
    let own = [&host.domain, &host.rooms, &host.upload].into_iter();
    let machine = IncomingStream::new(IncomingConfig {
        domains: own.chain(node.components.hosts()).cloned().collect(),
        dialback: federation.takes_dialback(),
        secret: federation.secret,
        random: node.random(),
    });
    let (answers, questions) = mpsc::unbounded_channel();
    let mut receiver = Receiver {
        federation: federation.clone(),
        handling: Handling::new(node.clone()),
        machine,
        chain: None,
        answers,
        began: Instant::now(),
        heard: Instant::now(),
    };
    let mut questions = Some(questions);
    let starts_tls = timeout(PROOF_TIME, receiver.run(&mut tcp, &mut questions)).await??;
    if !starts_tls {
        return Ok(());
    }
    let mut tls = timeout(PROOF_TIME, federation.acceptor.accept(tcp)).await??;
    receiver.chain = tls.get_ref().1.peer_certificates().map(|chain| {
        chain
            .iter()
            .map(|certificate| certificate.clone().into_owned())
            .collect()
    });
    let actions = receiver.machine.on(IncomingEvent::TlsEstablished);
    receiver.carry_out(&mut tls, actions).await?;
    tokio::select! {
        ended = receiver.run(&mut tls, &mut questions) => ended.map(drop),
        () = federation.stopped() => {
            receiver.close(&mut tls, StreamCondition::SystemShutdown).await
        }
    }
}

struct Receiver {
    federation: Arc<Federation>,
    machine: IncomingStream,
    /// The certificates that the peer showed.
    chain: Option<Vec<super::tls_types::CertificateDer<'static>>>,
    answers: mpsc::UnboundedSender<(Assertion, bool)>,
    handling: Handling,
    began: Instant,
    heard: Instant,
}

/// What to do after some actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    GoOn,
    StartTls,
    Close,
}

impl Receiver {
    /// Runs until the stream ends, or TLS is to be started.
    async fn run<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        questions: &mut Option<mpsc::UnboundedReceiver<(Assertion, bool)>>,
    ) -> io::Result<bool> {
        let Some(questions) = questions else {
            return Ok(false);
        };
        let mut space = [0; READ_BYTES];
        let mut ticks = interval(TICK);
        loop {
            let actions = tokio::select! {
                Some((count, outcome)) = self.handling.next() => {
                    if outcome == Err(NotCommitted::Halted) {
                        self.close(stream, StreamCondition::InternalServerError).await?;
                        return Ok(false);
                    }
                    count.map_or_else(Vec::new, |count| self.machine.on(IncomingEvent::Handled(count)))
                }
                Some((assertion, is_true)) = questions.recv() => {
                    self.machine.on(IncomingEvent::Verified { assertion, is_true })
                }
                _ = ticks.tick() => {
                    if self.is_late() {
                        self.close(stream, StreamCondition::ConnectionTimeout).await?;
                        return Ok(false);
                    }
                    self.machine.on(IncomingEvent::Tick)
                }
                read = stream.read(&mut space), if self.handling.has_room() => {
                    let length = read?;
                    if length == 0 {
                        return Ok(false);
                    }
                    self.heard = Instant::now();
                    self.machine.on(IncomingEvent::Received(&space[..length]))
                }
            };
            match self.carry_out(stream, actions).await? {
                Next::GoOn => {}
                Next::StartTls => return Ok(true),
                Next::Close => return Ok(false),
            }
        }
    }

    fn is_late(&self) -> bool {
        if self.machine.is_authenticated() {
            return self.heard.elapsed() > IDLE_TIME;
        }
        self.began.elapsed() > PROOF_TIME
    }

    async fn close<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        condition: StreamCondition,
    ) -> io::Result<()> {
        for action in self
            .machine
            .on(IncomingEvent::Closing(StreamError::from(condition)))
        {
            if let IncomingAction::Write(bytes) = action {
                timeout(WRITE_TIME, stream.write_all(&bytes)).await??;
            }
        }
        timeout(WRITE_TIME, stream.flush()).await?
    }

    async fn carry_out<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        actions: Vec<IncomingAction>,
    ) -> io::Result<Next> {
        let mut next = Next::GoOn;
        let mut actions = std::collections::VecDeque::from(actions);
        let mut wrote = false;
        while let Some(action) = actions.pop_front() {
            match action {
                IncomingAction::Write(bytes) => {
                    wrote = true;
                    timeout(WRITE_TIME, stream.write_all(&bytes)).await??;
                }
                IncomingAction::StartTls => next = Next::StartTls,
                IncomingAction::CheckCertificate(domain) => {
                    let is_proven = self.federation.proves(&domain, self.chain.as_deref());
                    actions.extend(
                        self.machine
                            .on(IncomingEvent::CertificateChecked(is_proven)),
                    );
                }
                IncomingAction::Verify(assertion) => self.ask(assertion),
                IncomingAction::Authenticated { peer, local } => {
                    tracing::info!(%peer, %local, "another server proved who it is");
                }
                IncomingAction::Stanza {
                    peer,
                    stanza,
                    count,
                } => {
                    let principal = Principal::Peer(peer);
                    self.handling.handle(&principal, stanza, count).await;
                }
                IncomingAction::Close => next = Next::Close,
            }
        }
        if wrote {
            timeout(WRITE_TIME, stream.flush()).await??;
        }
        Ok(next)
    }

    fn ask(&self, assertion: Assertion) {
        let (federation, answers) = (self.federation.clone(), self.answers.clone());
        tokio::spawn(async move {
            let is_true = federation.verify(&assertion).await;
            // The stream may be over by then.
            let _ = answers.send((assertion, is_true));
        });
    }
}
