//! Events and streams as they stand in the journal.

use api::journal::Withheld;
use api::journal::{EventView, StreamView};
use api::page::{Cursor, Page, PageLimit, PageQuery};
use api::problem::{CONTENT_TYPE, Code, ProblemBody};
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use evidence::canonical;
use journal::{Event, LogIndex, Seq, Snapshot, StreamName};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;

use super::{Disclosure, JournalApi, not_read, parameter};
use crate::journal_api::can;
use platform::declined::Declined;
use platform::http::extract::{Caller, PathOf, QueryOf};
use platform::routes;

/// Most events that one request looks at. A page of a rare kind may be short and have a `next`.
const SCANNED_MAX: usize = 2_000;
/// Events read from the engine at once.
const CHUNK: usize = 200;

pub(super) fn routes() -> OpenApiRouter<JournalApi> {
    OpenApiRouter::default()
        .routes(routes!(list_events))
        .routes(routes!(read_event))
        .routes(routes!(read_event_payload))
        .routes(routes!(list_streams))
}

/// What a caller sees of an event.
pub fn event_view(event: &Event, disclosure: &Disclosure) -> Result<EventView, Declined> {
    let header = canonical::parse(&event.header_bytes).map_err(|e| Declined::internal(&e))?;
    let mut view = EventView {
        index: event.index.0,
        digest: event.digest,
        header,
        payload: None,
        payload_base64: None,
        withheld: None,
    };
    match disclosure.content(event) {
        Err(why) => view.withheld = Some(why),
        Ok(content) => match canonical_json(content) {
            Some(value) => view.payload = Some(value),
            None => view.payload_base64 = Some(BASE64.encode(content)),
        },
    }
    Ok(view)
}

/// The content as JSON, if its bytes are the canonical form, so that nothing is lost.
fn canonical_json(content: &[u8]) -> Option<Value> {
    let value = canonical::parse(content).ok()?;
    (canonical::to_vec(&value).ok()? == content).then_some(value)
}

/// Which events to list.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// The `next` of the page before. Opaque.
    cursor: Option<Cursor>,
    /// How many items at most, 1 to 200.
    #[param(inline)]
    limit: Option<PageLimit>,
    /// Only events of this stream, in its order.
    #[param(inline, value_type = Option<api::text::StreamNameText>)]
    stream: Option<StreamName>,
    /// Only events of this kind.
    #[param(example = "entity.applied.v1")]
    kind: Option<String>,
}

/// Events in the order of the log, or of one stream.
#[utoipa::path(
    get, path = "/v1/journal/events", tag = "journal", params(EventsQuery),
    responses((status = 200, description = "A page, which may be short and still have a `next`.", body = Page<EventView>))
)]
async fn list_events(
    caller: Caller<can::ReadJournal>,
    State(state): State<JournalApi>,
    QueryOf(query): QueryOf<EventsQuery>,
) -> Result<Json<Page<EventView>>, Declined> {
    let disclosure = Disclosure::of(caller.identity());
    state
        .read(move |_, moment| list(moment, &query, &disclosure))
        .await
        .map(Json)
}

fn list(
    snapshot: &Snapshot<'_>,
    query: &EventsQuery,
    disclosure: &Disclosure,
) -> Result<Page<EventView>, Declined> {
    let page = PageQuery {
        cursor: query.cursor.clone(),
        limit: query.limit,
    };
    let mut position = match page.after() {
        None => 0,
        Some(text) => text.parse().map_err(|_| {
            parameter(
                "#query/cursor",
                "a cursor is the `next` of a page of the same list",
            )
        })?,
    };
    let (mut items, mut scanned) = (Vec::new(), 0);
    loop {
        let chunk = chunk(snapshot, query.stream.as_ref(), position).map_err(not_read)?;
        let is_last = chunk.len() < CHUNK;
        for event in &chunk {
            if items.len() == page.limit() || scanned == SCANNED_MAX {
                let next = Some(Cursor::after(position.to_string()));
                return Ok(Page { items, next });
            }
            (position, scanned) = (position + 1, scanned + 1);
            if query
                .kind
                .as_deref()
                .is_none_or(|kind| kind == event.kind.as_str())
            {
                items.push(event_view(event, disclosure)?);
            }
        }
        if is_last {
            return Ok(Page { items, next: None });
        }
    }
}

/// Events from a position, which counts from 0 in the log and in a stream alike.
fn chunk(
    snapshot: &Snapshot<'_>,
    stream: Option<&StreamName>,
    position: u64,
) -> Result<Vec<Event>, journal::ReadError> {
    match stream {
        None => snapshot.events(LogIndex(position), CHUNK),
        Some(stream) => match Seq::new(position.saturating_add(1)) {
            Some(from) => snapshot.stream(stream, from, CHUNK),
            None => Ok(Vec::new()),
        },
    }
}

/// One event of the log.
#[utoipa::path(
    get, path = "/v1/journal/events/{index}", tag = "journal",
    params(("index" = u64, Path, description = "The leaf of the log, from 0.")),
    responses((status = 200, description = "The event.", body = EventView))
)]
async fn read_event(
    caller: Caller<can::ReadJournal>,
    State(state): State<JournalApi>,
    PathOf(index): PathOf<u64>,
) -> Result<Json<EventView>, Declined> {
    let event = state.read(move |_, moment| find(moment, index)).await?;
    event_view(&event, &Disclosure::of(caller.identity())).map(Json)
}

/// The content of one event, as its bytes were given.
#[utoipa::path(
    get, path = "/v1/journal/events/{index}/payload", tag = "journal",
    params(("index" = u64, Path, description = "The leaf of the log, from 0.")),
    responses(
        (status = 200, description = "The content.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 410, description = "It was erased for good.", body = ProblemBody, content_type = CONTENT_TYPE)
    )
)]
async fn read_event_payload(
    caller: Caller<can::ReadJournal>,
    State(state): State<JournalApi>,
    PathOf(index): PathOf<u64>,
) -> Result<Response, Declined> {
    let event = state.read(move |_, moment| find(moment, index)).await?;
    match Disclosure::of(caller.identity()).content(&event) {
        Ok(content) => {
            let kind = [(header::CONTENT_TYPE, "application/octet-stream")];
            Ok((kind, content.to_vec()).into_response())
        }
        Err(Withheld::Erased) => Err(Declined::new(
            Code::Gone,
            "the key of this content was destroyed; its digest stays in the log",
        )),
        Err(Withheld::Sealed | Withheld::OutOfScope) => Err(Declined::new(
            Code::Forbidden,
            "the caller's scopes do not cover this content",
        )),
    }
}

fn find(snapshot: &Snapshot<'_>, index: u64) -> Result<Event, Declined> {
    let event = snapshot.event(LogIndex(index)).map_err(not_read)?;
    event.ok_or_else(|| Declined::not_found("event"))
}

/// Streams, by name.
#[utoipa::path(
    get, path = "/v1/journal/streams", tag = "journal", params(PageQuery),
    responses((status = 200, description = "A page.", body = Page<StreamView>))
)]
async fn list_streams(
    _caller: Caller<can::ReadJournal>,
    State(state): State<JournalApi>,
    QueryOf(query): QueryOf<PageQuery>,
) -> Result<Json<Page<StreamView>>, Declined> {
    let after = query.after().map(str::parse::<StreamName>).transpose();
    let after = after.map_err(|_| {
        parameter(
            "#query/cursor",
            "a cursor is the `next` of a page of the same list",
        )
    })?;
    let limit = query.limit();
    let heads = state
        .read(move |_, moment| {
            let heads = moment.streams(after.as_ref(), limit + 1);
            heads.map_err(not_read)
        })
        .await?;
    let views = heads.into_iter().map(|head| StreamView {
        stream: head.stream.to_string(),
        events: head.head.get(),
        privacy: head.privacy.as_str().to_owned(),
        erased: head.shredded,
    });
    Ok(Json(Page::cut(views.collect(), limit, |view| {
        view.stream.clone()
    })))
}
