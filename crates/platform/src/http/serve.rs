//! Accepting connections, with limits that hold before there is a request, and an orderly end.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt as _;

use super::limits::LimitsConfig;

/// Largest request head, in bytes.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// How long requests under way may take after the end was asked for.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(20);
/// How long to wait when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves `router` until `shutdown` completes, then lets requests under way finish.
///
/// A head that does not arrive within `limits.head_time_max` ends its connection, so that slow senders cannot hold all
/// of them.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: LimitsConfig,
    shutdown: impl Future<Output = ()>,
) {
    let connections = Arc::new(Semaphore::new(limits.connections_max));
    let (draining, drain) = watch::channel(());
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener, &connections) => accepted,
        };
        let Some((stream, peer, slot)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let router = router.clone();
        let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().oneshot(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_time_max)
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut drain = drain.clone();
        tokio::spawn(async move {
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                // The end of the sender asks for the end, too.
                _asked = drain.changed() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "connection ended early");
            }
            drop(slot);
        });
    }
    drop(listener);
    drop(draining);
    let all = u32::try_from(limits.connections_max).unwrap_or(u32::MAX);
    let drained = connections.acquire_many(all);
    if tokio::time::timeout(DRAIN_TIME_MAX, drained).await.is_err() {
        tracing::warn!("requests under way did not finish in {DRAIN_TIME_MAX:?}");
    }
}

type Accepted = (TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit);

async fn accept(listener: &TcpListener, connections: &Arc<Semaphore>) -> Option<Accepted> {
    let slot = Arc::clone(connections).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Answers are small and written whole; waiting to fill a segment only adds latency.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "connection kept with delayed writes");
            }
            Some((stream, peer, slot))
        }
        Err(error) => {
            tracing::warn!(%error, "connection not accepted");
            None
        }
    }
}
