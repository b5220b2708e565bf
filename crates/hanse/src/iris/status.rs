//! `/v1/iris/status` and what belongs to it: how the messenger is doing.

use axum::Json;
use axum::extract::State;
use iris::documents::Collection;
use iris_server::store::record_kind;
use iris_server::{DomainStatus, SessionStatus};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::Messenger;
use platform::auth::can;
use platform::http::extract::{Caller, QueryOf};
use platform::http::page::{Page, PageQuery};
use platform::http::problem::Problem;
use platform::routes;

pub(super) fn routes() -> OpenApiRouter<Messenger> {
    OpenApiRouter::default()
        .routes(routes!(read_status))
        .routes(routes!(list_iris_sessions))
        .routes(routes!(list_rooms))
}

/// How the messenger is doing.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StatusView {
    /// What the addresses of accounts end in.
    domain: String,
    /// SHA-256 of the certificate that clients see.
    certificate_sha256: String,
    /// Open connections of clients.
    connections: usize,
    /// Bound sessions, with those that wait to be resumed.
    sessions: usize,
    /// What happened since the start.
    since_start: SinceStart,
    /// What waits.
    queues: Queues,
    /// How far acknowledgements are behind arrivals.
    lag: Lag,
    /// Domains that streams are open to, or that something waits for.
    domains: Vec<DomainView>,
}

/// What happened since the start.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct SinceStart {
    /// Sign-ins.
    logins: u64,
    /// Refused sign-ins.
    logins_refused: u64,
    /// Resumed sessions.
    resumed: u64,
    /// Messages archived.
    archived: u64,
}

/// What waits, in bytes.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Queues {
    /// For the journal.
    journal_bytes: usize,
    /// For clients to read.
    mailbox_bytes: usize,
    /// For other servers, in memory.
    domain_bytes: usize,
    /// Sessions that read slower than messages come, and read their archive instead.
    sessions_behind: usize,
}

/// How far acknowledgements are behind arrivals.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Lag {
    /// From submission to durable, for the newest commit, in microseconds.
    commit_us: u64,
    /// The journal stopped: nothing is acknowledged.
    is_halted: bool,
}

/// A pair of domains.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct DomainView {
    /// Ours.
    local: String,
    /// The other side's.
    domain: String,
    /// Bytes that wait in memory.
    queued_bytes: usize,
}

impl From<DomainStatus> for DomainView {
    fn from(status: DomainStatus) -> Self {
        Self {
            local: status.local,
            domain: status.remote,
            queued_bytes: status.queued_bytes,
        }
    }
}

/// A session.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SessionView {
    /// Its address.
    jid: String,
    /// Whether it said that it is there.
    is_available: bool,
    /// Its priority.
    priority: i8,
    /// Bytes that wait for it to read.
    queued_bytes: usize,
    /// It reads slower than messages come, and reads its archive instead.
    is_behind: bool,
}

impl From<SessionStatus> for SessionView {
    fn from(status: SessionStatus) -> Self {
        Self {
            jid: status.jid.to_string(),
            is_available: status.is_available,
            priority: status.priority,
            queued_bytes: status.queued_bytes,
            is_behind: status.is_behind,
        }
    }
}

/// A room.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RoomView {
    /// Its address.
    jid: String,
    /// How many are in it.
    occupants: usize,
}

/// How the messenger is doing.
#[utoipa::path(
    get, path = "/v1/iris/status", tag = "iris",
    responses((status = 200, description = "Counts, queues, lag and peers.", body = StatusView))
)]
async fn read_status(
    _caller: Caller<can::SeeMessenger>,
    State(state): State<Messenger>,
) -> Json<StatusView> {
    let status = state.server.status();
    let sessions = state.server.sessions();
    let domain_bytes = status
        .domains
        .iter()
        .map(|domain| domain.queued_bytes)
        .sum();
    Json(StatusView {
        domain: state.host.domain.to_string(),
        certificate_sha256: state.fingerprint.clone(),
        connections: status.connections,
        sessions: status.sessions,
        since_start: SinceStart {
            logins: status.logins,
            logins_refused: status.logins_refused,
            resumed: status.resumed,
            archived: status.archived,
        },
        queues: Queues {
            journal_bytes: status.queued_bytes,
            mailbox_bytes: sessions.iter().map(|session| session.queued_bytes).sum(),
            domain_bytes,
            sessions_behind: sessions.iter().filter(|session| session.is_behind).count(),
        },
        lag: Lag {
            commit_us: u64::try_from(status.commit_lag.as_micros()).unwrap_or(u64::MAX),
            is_halted: status.is_halted,
        },
        domains: status.domains.into_iter().map(DomainView::from).collect(),
    })
}

/// The sessions, by address.
#[utoipa::path(
    get, path = "/v1/iris/sessions", tag = "iris", params(PageQuery),
    responses((status = 200, description = "One page of sessions.", body = Page<SessionView>))
)]
async fn list_iris_sessions(
    _caller: Caller<can::SeeMessenger>,
    State(state): State<Messenger>,
    QueryOf(page): QueryOf<PageQuery>,
) -> Json<Page<SessionView>> {
    let mut all: Vec<_> = state
        .server
        .sessions()
        .into_iter()
        .map(SessionView::from)
        .collect();
    all.sort_by(|one, other| one.jid.cmp(&other.jid));
    let from = page.after().map_or(0, |after| {
        all.partition_point(|it| it.jid.as_str() <= after)
    });
    let items = all.into_iter().skip(from).take(page.limit() + 1).collect();
    Json(Page::cut(items, page.limit(), |item| item.jid.clone()))
}

/// The rooms, by address.
#[utoipa::path(
    get, path = "/v1/iris/rooms", tag = "iris", params(PageQuery),
    responses((status = 200, description = "One page of rooms.", body = Page<RoomView>))
)]
async fn list_rooms(
    _caller: Caller<can::SeeMessenger>,
    State(state): State<Messenger>,
    QueryOf(page): QueryOf<PageQuery>,
) -> Result<Json<Page<RoomView>>, Problem> {
    let after = page.after().map(|jid| format!("{jid}\n"));
    let kind = record_kind(Collection::Room);
    let limit = page.limit() + 1;
    let records = state
        .platform
        .read(move |moment| {
            let records = moment.records(kind, &[], after.as_deref(), limit);
            records.map_err(|error| Problem::internal(&error))
        })
        .await?;
    let occupied = state.server.status().rooms;
    let view = |record: journal::Record| {
        let jid = record.id.trim_end_matches('\n').to_owned();
        let occupants = occupied.iter().find(|(room, _)| room.as_str() == jid);
        let occupants = occupants.map_or(0, |(_, count)| *count);
        RoomView { jid, occupants }
    };
    let items = records.into_iter().map(view).collect();
    Ok(Json(Page::cut(items, page.limit(), |item| {
        item.jid.clone()
    })))
}
