//! `/v1/iris/status` and what belongs to it: how the messenger is doing.

use api::messenger::{DomainView, Lag, Queues, RoomView, SessionView, SinceStart, StatusView};
use api::page::{Page, PageQuery};
use axum::Json;
use axum::extract::State;
use iris::documents::Collection;
use iris_server::store::record_kind;
use iris_server::{DomainStatus, SessionStatus};
use utoipa_axum::router::OpenApiRouter;

use super::Messenger;
use crate::iris::can;
use platform::declined::Declined;
use platform::http::extract::{Caller, QueryOf};
use platform::routes;

pub(super) fn routes() -> OpenApiRouter<Messenger> {
    OpenApiRouter::default()
        .routes(routes!(read_status))
        .routes(routes!(list_iris_sessions))
        .routes(routes!(list_rooms))
}

fn domain_view(status: DomainStatus) -> DomainView {
    DomainView {
        local: status.local,
        domain: status.remote,
        queued_bytes: status.queued_bytes,
    }
}

fn session_view(status: SessionStatus) -> SessionView {
    SessionView {
        jid: status.jid.to_string(),
        is_available: status.is_available,
        priority: status.priority,
        queued_bytes: status.queued_bytes,
        is_behind: status.is_behind,
    }
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
        domains: status.domains.into_iter().map(domain_view).collect(),
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
        .map(session_view)
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
) -> Result<Json<Page<RoomView>>, Declined> {
    let after = page.after().map(|jid| format!("{jid}\n"));
    let kind = record_kind(Collection::Room);
    let limit = page.limit() + 1;
    let records = state
        .platform
        .read(move |moment| {
            let records = moment.records(kind, &[], after.as_deref(), limit);
            records.map_err(|error| Declined::internal(&error))
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
