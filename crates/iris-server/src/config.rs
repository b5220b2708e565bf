//! What a server is started with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use iris::host::Host;

/// Bounds of one server. Everything that can grow has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at the same time.
    pub connections_max: usize,
    /// Connections from one address that have not signed in.
    pub pending_per_address_max: usize,
    /// Sessions of one account.
    pub sessions_per_account_max: usize,
    /// Sign-ins a second over all.
    pub logins_per_second: u32,
    /// Until a session must be bound.
    pub sign_in_time: Duration,
    /// For how long a session can be resumed.
    pub resume_time: Duration,
    /// For how long a message waits for a domain that cannot be reached, before its sender is told.
    pub federation_time: Duration,
    /// Silence after which a connection is asked whether it is there, and after twice that closed.
    pub idle_time: Duration,
}

impl Limits {
    /// Limits that suit a node with ten thousand clients.
    pub const STANDARD: Limits = Limits {
        connections_max: 20_000,
        pending_per_address_max: 1_000,
        sessions_per_account_max: 64,
        logins_per_second: 5_000,
        sign_in_time: Duration::from_secs(30),
        resume_time: Duration::from_secs(600),
        federation_time: Duration::from_secs(86_400),
        idle_time: Duration::from_secs(300),
    };
}

/// An external component (XEP-0114).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// The host it serves.
    pub domain: String,
    /// The secret it proves.
    pub secret: String,
}

/// What a server is started with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The domains.
    pub host: Host,
    /// Where clients connect and start TLS.
    pub c2s: Option<SocketAddr>,
    /// Where clients connect with TLS.
    pub c2s_tls: Option<SocketAddr>,
    /// Where other servers connect.
    pub s2s: Option<SocketAddr>,
    /// Where components connect.
    pub component: Option<SocketAddr>,
    /// Which components there are.
    pub components: Vec<Component>,
    /// The certificate chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// Certificates that other servers' certificates must lead to, PEM; the system's are not used. Without it no
    /// certificate of another server is trusted, and dialback (XEP-0220) tells who it is.
    pub anchors: Option<PathBuf>,
    /// Addresses of other servers that are not looked up: domain and address.
    pub peers: Vec<(String, SocketAddr)>,
    /// A secret of the node that makes the salts of accounts that do not exist. Always the same.
    pub salt_key: [u8; 32],
    /// Bounds.
    pub limits: Limits,
}
