//! How much one caller, and all callers together, may ask for.
//!
//! Everything here refuses early and cheaply: a request beyond a limit is answered before any of its work is done.

use api::problem::Code;
use ids::PrincipalId;
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::Semaphore;

use super::Platform;
use super::problem::Problem;
use crate::declined::Declined;

/// Keys a rate limiter remembers before it forgets those that are back at full quota.
const KEYS_REMEMBERED_MAX: usize = 10_000;

/// The limits of one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitsConfig {
    /// Requests that are worked on at the same time; more are shed with 503.
    pub requests_concurrent_max: usize,
    /// Connections that are open at the same time; more wait in the listen queue.
    pub connections_max: usize,
    /// How long one request may take after its head was read.
    pub request_time_max: Duration,
    /// How long the head of a request may take to arrive.
    pub head_time_max: Duration,
    /// Requests one principal may send.
    pub per_principal: Rate,
    /// Requests one peer address may send, counted before authentication.
    pub per_peer: Rate,
}

/// A sustained rate with room for bursts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests in each second, sustained.
    pub per_second: NonZeroU32,
    /// Requests at once after a pause.
    pub burst: NonZeroU32,
}

impl Rate {
    /// A rate from plain numbers, each raised to at least 1.
    pub const fn new(per_second: u32, burst: u32) -> Self {
        Self {
            per_second: at_least_one(per_second),
            burst: at_least_one(burst),
        }
    }

    fn quota(self) -> Quota {
        Quota::per_second(self.per_second).allow_burst(self.burst)
    }
}

const fn at_least_one(number: u32) -> NonZeroU32 {
    match NonZeroU32::new(number) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            requests_concurrent_max: 256,
            connections_max: 1024,
            request_time_max: Duration::from_secs(30),
            head_time_max: Duration::from_secs(10),
            per_principal: Rate::new(500, 1_000),
            per_peer: Rate::new(1_000, 2_000),
        }
    }
}

/// The state behind [`LimitsConfig`].
#[derive(Debug)]
pub struct Limits {
    config: LimitsConfig,
    slots: Semaphore,
    principals: DefaultKeyedRateLimiter<PrincipalId>,
    peers: DefaultKeyedRateLimiter<IpAddr>,
}

impl Limits {
    /// Limits that nobody has used yet.
    pub fn new(config: LimitsConfig) -> Self {
        Self {
            config,
            slots: Semaphore::new(config.requests_concurrent_max),
            principals: RateLimiter::dashmap(config.per_principal.quota()),
            peers: RateLimiter::dashmap(config.per_peer.quota()),
        }
    }

    /// What was configured.
    pub fn config(&self) -> LimitsConfig {
        self.config
    }

    /// Counts a request of a verified principal.
    ///
    /// # Errors
    /// `rate_limited`.
    pub fn admit_principal(&self, principal: &PrincipalId) -> Result<(), Problem> {
        admit(
            &self.principals,
            principal,
            "principal",
            self.config.per_principal,
        )
    }

    /// Counts a request from an address.
    ///
    /// # Errors
    /// `rate_limited`.
    pub fn admit_peer(&self, peer: IpAddr) -> Result<(), Problem> {
        admit(&self.peers, &peer, "peer", self.config.per_peer)
    }
}

fn admit<K: Hash + Eq + Clone>(
    limiter: &DefaultKeyedRateLimiter<K>,
    key: &K,
    policy: &str,
    rate: Rate,
) -> Result<(), Problem> {
    if limiter.len() > KEYS_REMEMBERED_MAX {
        limiter.retain_recent();
    }
    limiter.check_key(key).map_err(|not_until| {
        let wait = not_until.wait_time_from(DefaultClock::default().now());
        let seconds = wait.as_secs() + 1;
        let (burst, window) = (rate.burst, rate.burst.get().div_ceil(rate.per_second.get()));
        let detail = format!(
            "this {policy} sends more than {} requests a second",
            rate.per_second
        );
        // draft-ietf-httpapi-ratelimit-headers: what is left, and what the policy is.
        Problem::from(Declined::new(Code::RateLimited, detail).retry_after(seconds))
            .with_header(
                name("ratelimit"),
                value(format!("\"{policy}\";r=0;t={seconds}")),
            )
            .with_header(
                name("ratelimit-policy"),
                value(format!("\"{policy}\";q={burst};w={window}")),
            )
    })
}

fn name(text: &'static str) -> HeaderName {
    HeaderName::from_static(text)
}

fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("a policy name and digits are a header value")
}

/// The layer: peer rate, then a slot, then the time limit.
pub async fn layer(
    State(platform): State<Arc<Platform>>,
    request: Request,
    next: Next,
) -> Response {
    let limits = &platform.limits;
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>()
        && let Err(problem) = limits.admit_peer(peer.ip())
    {
        return problem.into_response();
    }
    let Ok(_slot) = limits.slots.try_acquire() else {
        let detail = "as many requests as this node works on are under way";
        return Declined::new(Code::Overloaded, detail)
            .retry_after(1)
            .into_response();
    };
    let time = limits.config.request_time_max;
    tokio::time::timeout(time, next.run(request)).await.unwrap_or_else(|_| {
        let detail = format!("the request was not done in {time:?}; a write may still happen, repeat it with its key");
        Declined::new(Code::Overloaded, detail).retry_after(1).into_response()
    })
}

/// The layer of routes that wait long by design: peer rate alone.
pub async fn peer_layer(
    State(platform): State<Arc<Platform>>,
    request: Request,
    next: Next,
) -> Response {
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>()
        && let Err(problem) = platform.limits.admit_peer(peer.ip())
    {
        return problem.into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_principal_has_its_own_share_and_is_told_when_to_return() {
        let slow = Rate::new(1, 2);
        let limits = Limits::new(LimitsConfig {
            per_principal: slow,
            ..LimitsConfig::default()
        });
        let (one, two) = ("one-a".parse().unwrap(), "two-b".parse().unwrap());
        assert!(limits.admit_principal(&one).is_ok());
        assert!(limits.admit_principal(&one).is_ok());
        let refusal = limits.admit_principal(&one).unwrap_err();
        assert_eq!(refusal.code(), Code::RateLimited);
        let headers = refusal.into_response().headers().clone();
        assert_eq!(headers["retry-after"], "1");
        assert_eq!(headers["ratelimit"], "\"principal\";r=0;t=1");
        assert_eq!(headers["ratelimit-policy"], "\"principal\";q=2;w=2");
        assert!(limits.admit_principal(&two).is_ok());
    }
}
