//! What the log key signed: the heads of the log.

use api::journal::{CheckpointView, LogKeys};
use api::page::{Page, PageQuery};
use api::problem::{CONTENT_TYPE, ProblemBody};
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;

use super::{JournalApi, not_read, parameter};
use platform::declined::Declined;
use platform::http::extract::QueryOf;
use platform::routes;

pub(super) fn routes() -> OpenApiRouter<JournalApi> {
    OpenApiRouter::default()
        .routes(routes!(open: read_checkpoint))
        .routes(routes!(open: list_checkpoints))
        .routes(routes!(open: read_log_keys))
}

/// The newest checkpoint, a signed note.
#[utoipa::path(
    get, path = "/v1/journal/checkpoint", tag = "journal",
    responses(
        (status = 200, description = "The note.", body = String, content_type = "text/plain"),
        (status = 404, description = "The log is empty.", body = ProblemBody, content_type = CONTENT_TYPE)
    )
)]
pub(super) async fn read_checkpoint(State(state): State<JournalApi>) -> Result<Response, Declined> {
    let newest = state
        .read(|_, moment| moment.checkpoint().map_err(not_read))
        .await?;
    let note = newest
        .ok_or_else(|| Declined::not_found("checkpoint: the log is empty"))?
        .note;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], note).into_response())
}

/// Checkpoints, by size.
#[utoipa::path(
    get, path = "/v1/journal/checkpoints", tag = "journal", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<CheckpointView>))
)]
async fn list_checkpoints(
    State(state): State<JournalApi>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Result<Json<Page<CheckpointView>>, Declined> {
    let after: Option<u64> = query.after().map(str::parse).transpose().map_err(|_| {
        parameter(
            "#query/cursor",
            "a cursor is the `next` of a page of the same list",
        )
    })?;
    let from = after.map_or(0, |size| size.saturating_add(1));
    let limit = query.limit();
    let found = state
        .read(move |_, moment| moment.checkpoints(from, limit + 1).map_err(not_read))
        .await?;
    let views = found.into_iter().map(|c| CheckpointView {
        size: c.size,
        note: c.note,
    });
    Ok(Json(Page::cut(views.collect(), limit, |view| {
        view.size.to_string()
    })))
}

/// The keys of the zone and of its log.
#[utoipa::path(
    get, path = "/v1/journal/keys", tag = "journal",
    responses((status = 200, description = "The keys.", body = LogKeys))
)]
async fn read_log_keys(State(state): State<JournalApi>) -> Json<LogKeys> {
    let identity = &state.0.identity;
    Json(LogKeys {
        zone: identity.zone().to_string(),
        log_key: identity.log().to_string(),
    })
}
