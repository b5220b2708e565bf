//! A connection as bytes: TCP, TLS, or the messages of a WebSocket.

use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::server::TlsStream;

/// Bytes that wait to be written before nothing more is taken out of the mailbox.
const OUT_BYTES_MAX: usize = 64 << 10;
/// Bytes read at a time.
const READ_BYTES: usize = 8 << 10;

/// An upgraded WebSocket, as whole text messages in both directions.
#[derive(Debug)]
pub struct WebSocket {
    /// What the client sends; closed when it is gone.
    pub incoming: mpsc::Receiver<Bytes>,
    /// What it gets.
    pub outgoing: mpsc::Sender<Bytes>,
    /// Where it comes from.
    pub peer: IpAddr,
}

/// What carries a stream.
pub(crate) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Socket {
        incoming: mpsc::Receiver<Bytes>,
        outgoing: message_sender::Sender,
    },
}

/// A bounded sender that can be polled.
mod message_sender {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};

    use bytes::Bytes;
    use tokio::sync::mpsc;

    type Reserving =
        Pin<Box<dyn Future<Output = Result<mpsc::OwnedPermit<Bytes>, ()>> + Send + Sync>>;

    pub(crate) struct Sender {
        sender: mpsc::Sender<Bytes>,
        reserving: Option<Reserving>,
    }

    impl Sender {
        pub(crate) fn new(sender: mpsc::Sender<Bytes>) -> Self {
            Self {
                sender,
                reserving: None,
            }
        }

        /// Sends one message when there is room. `Err` when nobody receives any more.
        pub(crate) fn poll_send(
            &mut self,
            cx: &mut Context<'_>,
            next: impl FnOnce() -> Bytes,
        ) -> Poll<Result<(), ()>> {
            let reserving = self.reserving.get_or_insert_with(|| {
                let sender = self.sender.clone();
                Box::pin(async move { sender.reserve_owned().await.map_err(drop) })
            });
            let permit = ready!(reserving.as_mut().poll(cx));
            self.reserving = None;
            permit?.send(next());
            Poll::Ready(Ok(()))
        }
    }
}

/// What waits to be written.
#[derive(Default)]
pub(crate) struct Outgoing {
    bytes: BytesMut,
    messages: VecDeque<Bytes>,
    messages_bytes: usize,
    needs_flush: bool,
}

impl Outgoing {
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.messages.is_empty() && !self.needs_flush
    }

    /// Whether the client must read before it gets more.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() + self.messages_bytes >= OUT_BYTES_MAX
    }
}

/// What happened on a wire.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    /// Bytes came.
    Received(Bytes),
    /// All that waited is with the operating system.
    Sent,
    /// The other side is gone.
    Gone,
}

impl Wire {
    /// A WebSocket.
    pub(crate) fn socket(incoming: mpsc::Receiver<Bytes>, outgoing: mpsc::Sender<Bytes>) -> Self {
        Self::Socket {
            incoming,
            outgoing: message_sender::Sender::new(outgoing),
        }
    }

    /// Queues bytes; for a WebSocket, one message.
    pub(crate) fn queue(&self, out: &mut Outgoing, bytes: Bytes) {
        match self {
            Self::Plain(_) | Self::Tls(_) => out.bytes.extend_from_slice(&bytes),
            Self::Socket { .. } => {
                out.messages_bytes += bytes.len();
                out.messages.push_back(bytes);
            }
        }
    }

    /// Reads if `wants_bytes`, and writes what waits. Nothing is lost when it is dropped.
    pub(crate) async fn work(&mut self, out: &mut Outgoing, wants_bytes: bool) -> Happened {
        std::future::poll_fn(|cx| {
            if !out.is_empty() {
                match self.poll_write(cx, out) {
                    Poll::Ready(Ok(())) => return Poll::Ready(Happened::Sent),
                    Poll::Ready(Err(_)) => return Poll::Ready(Happened::Gone),
                    Poll::Pending => {}
                }
            }
            if !wants_bytes {
                return Poll::Pending;
            }
            match ready!(self.poll_read(cx)) {
                Ok(bytes) if bytes.is_empty() => Poll::Ready(Happened::Gone),
                Ok(bytes) => Poll::Ready(Happened::Received(bytes)),
                Err(_) => Poll::Ready(Happened::Gone),
            }
        })
        .await
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, out: &mut Outgoing) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => poll_write_bytes(Pin::new(stream), cx, out),
            Self::Tls(stream) => poll_write_bytes(Pin::new(&mut **stream), cx, out),
            Self::Socket { outgoing, .. } => {
                while !out.messages.is_empty() {
                    let next = || out.messages.pop_front().unwrap_or_default();
                    if ready!(outgoing.poll_send(cx, next)).is_err() {
                        return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
                    }
                }
                out.messages_bytes = 0;
                Poll::Ready(Ok(()))
            }
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        match self {
            Self::Plain(stream) => poll_read_bytes(Pin::new(stream), cx),
            Self::Tls(stream) => poll_read_bytes(Pin::new(&mut **stream), cx),
            Self::Socket { incoming, .. } => {
                Poll::Ready(Ok(ready!(incoming.poll_recv(cx)).unwrap_or_default()))
            }
        }
    }

    /// What TLS 1.3 exports for channel binding (RFC 9266).
    pub(crate) fn exporter(&self) -> Option<[u8; 32]> {
        let Self::Tls(stream) = self else { return None };
        let (_, connection) = stream.get_ref();
        if connection.protocol_version() != Some(tokio_rustls::rustls::ProtocolVersion::TLSv1_3) {
            return None;
        }
        connection
            .export_keying_material([0; 32], b"EXPORTER-Channel-Binding", None)
            .ok()
    }
}

fn poll_write_bytes<S: AsyncWrite>(
    mut stream: Pin<&mut S>,
    cx: &mut Context<'_>,
    out: &mut Outgoing,
) -> Poll<io::Result<()>> {
    while !out.bytes.is_empty() {
        let written = ready!(stream.as_mut().poll_write(cx, &out.bytes))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        out.bytes.advance(written);
        out.needs_flush = true;
    }
    ready!(stream.poll_flush(cx))?;
    out.needs_flush = false;
    // An idle connection keeps no buffer.
    out.bytes = BytesMut::new();
    Poll::Ready(Ok(()))
}

fn poll_read_bytes<S: AsyncRead>(
    stream: Pin<&mut S>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<Bytes>> {
    let mut space = [0; READ_BYTES];
    let mut buffer = ReadBuf::new(&mut space);
    ready!(stream.poll_read(cx, &mut buffer))?;
    Poll::Ready(Ok(Bytes::copy_from_slice(buffer.filled())))
}
