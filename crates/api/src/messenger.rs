//! How the messenger is doing.

use serde::{Deserialize, Serialize};

/// How the messenger is doing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatusView {
    /// What the addresses of accounts end in.
    pub domain: String,
    /// SHA-256 of the certificate that clients see.
    pub certificate_sha256: String,
    /// Open connections of clients.
    pub connections: usize,
    /// Bound sessions, with those that wait to be resumed.
    pub sessions: usize,
    /// What happened since the start.
    pub since_start: SinceStart,
    /// What waits.
    pub queues: Queues,
    /// How far acknowledgements are behind arrivals.
    pub lag: Lag,
    /// Domains that streams are open to, or that something waits for.
    pub domains: Vec<DomainView>,
}

/// What happened since the start.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SinceStart {
    /// Sign-ins.
    pub logins: u64,
    /// Refused sign-ins.
    pub logins_refused: u64,
    /// Resumed sessions.
    pub resumed: u64,
    /// Messages archived.
    pub archived: u64,
}

/// What waits, in bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Queues {
    /// For the journal.
    pub journal_bytes: usize,
    /// For clients to read.
    pub mailbox_bytes: usize,
    /// For other servers, in memory.
    pub domain_bytes: usize,
    /// Sessions that read slower than messages come, and read their archive instead.
    pub sessions_behind: usize,
}

/// How far acknowledgements are behind arrivals.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Lag {
    /// From submission to durable, for the newest commit, in microseconds.
    pub commit_us: u64,
    /// The journal stopped: nothing is acknowledged.
    pub is_halted: bool,
}

/// A pair of domains.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DomainView {
    /// Ours.
    pub local: String,
    /// The other side's.
    pub domain: String,
    /// Bytes that wait in memory.
    pub queued_bytes: usize,
}

/// A session.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionView {
    /// Its address.
    pub jid: String,
    /// Whether it said that it is there.
    pub is_available: bool,
    /// Its priority.
    pub priority: i8,
    /// Bytes that wait for it to read.
    pub queued_bytes: usize,
    /// It reads slower than messages come, and reads its archive instead.
    pub is_behind: bool,
}

/// A room.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoomView {
    /// Its address.
    pub jid: String,
    /// How many are in it.
    pub occupants: usize,
}
