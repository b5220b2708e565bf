//! The audit export: the whole log as JSON lines, which `hanse verify` checks without the node.

use api::problem::{CONTENT_TYPE, ProblemBody};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use evidence::checkpoint::Checkpoint;
use futures_util::stream;
use journal::LogIndex;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;

use super::{Disclosure, JournalApi, not_read, parameter};
use crate::bundles::export::{End, Event, Head, Line};
use crate::journal_api::can;
use platform::declined::Declined;
use platform::http::extract::{Caller, QueryOf};
use platform::moment::Moment;
use platform::routes;

/// Events read and sent at once. The next are read when the socket took these.
const CHUNK: usize = 100;

pub(super) fn routes() -> OpenApiRouter<JournalApi> {
    OpenApiRouter::default().routes(routes!(export_audit))
}

/// Where the export begins.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// The first event: 0, or one more than the last whole line of an export that was cut off.
    #[param(default = 0)]
    from: Option<u64>,
}

/// Every event up to the newest checkpoint, with the content the caller may see. The first line holds the checkpoint,
/// the last one says that nothing is missing.
#[utoipa::path(
    get, path = "/v1/audit/export", tag = "journal", params(ExportQuery),
    responses(
        (status = 200, description = "JSON lines.", body = String, content_type = "application/x-ndjson"),
        (status = 404, description = "The log is empty.", body = ProblemBody, content_type = CONTENT_TYPE)
    )
)]
async fn export_audit(
    caller: Caller<can::ExportJournal>,
    State(state): State<JournalApi>,
    QueryOf(query): QueryOf<ExportQuery>,
) -> Result<Response, Declined> {
    let disclosure = Disclosure::of(caller.identity());
    let from = query.from.unwrap_or(0);
    let head = state
        .read(move |parts, moment| head(parts, moment, from))
        .await?;
    let (first, to) = (to_line(&Line::Head(head.0))?, head.1);
    let start = Part {
        state,
        disclosure,
        next: Next::First(first),
        at: from,
        to,
        from,
    };
    let body = Body::from_stream(stream::try_unfold(start, Part::advance));
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response())
}

/// The first line, and the size of the tree that is exported.
fn head(parts: &super::Parts, moment: &Moment<'_>, from: u64) -> Result<(Head, u64), Declined> {
    let newest = moment.checkpoint().map_err(not_read)?;
    let newest = newest.ok_or_else(|| Declined::not_found("checkpoint: the log is empty"))?;
    let checkpoint =
        Checkpoint::open(&newest.note, parts.identity.log()).map_err(|e| Declined::internal(&e))?;
    if from >= checkpoint.size {
        return Err(parameter("#query/from", "the log has fewer events"));
    }
    // The audit path of the last leaf of a tree is the peaks of the tree before it, smallest first.
    let mut peaks = moment
        .inclusion(LogIndex(from), from + 1)
        .map_err(not_read)?;
    peaks.reverse();
    let (size, identity) = (checkpoint.size, &parts.identity);
    Ok((
        Head::new(&identity.zone(), identity.log(), from, &peaks, newest.note),
        size,
    ))
}

fn to_line(line: &Line) -> Result<Bytes, Declined> {
    let mut text = serde_json::to_vec(line).map_err(|error| Declined::internal(&error))?;
    text.push(b'\n');
    Ok(text.into())
}

/// What is still to be sent.
struct Part {
    state: JournalApi,
    disclosure: Disclosure,
    next: Next,
    from: u64,
    at: u64,
    to: u64,
}

enum Next {
    First(Bytes),
    Events,
    Nothing,
}

impl Part {
    /// An error ends the connection without the last line, so that a cut export is seen to be cut.
    async fn advance(mut self) -> Result<Option<(Bytes, Self)>, Declined> {
        let bytes = match std::mem::replace(&mut self.next, Next::Events) {
            Next::First(line) => line,
            Next::Nothing => return Ok(None),
            Next::Events if self.at == self.to => {
                self.next = Next::Nothing;
                to_line(&Line::End(End {
                    events: self.to - self.from,
                }))?
            }
            Next::Events => self.events().await?,
        };
        Ok(Some((bytes, self)))
    }

    async fn events(&mut self) -> Result<Bytes, Declined> {
        let (at, disclosure) = (self.at, self.disclosure.clone());
        let limit = usize::try_from(self.to - at).map_or(CHUNK, |rest| rest.min(CHUNK));
        let lines = self.state.read(move |_, moment| {
            let events = moment.events(LogIndex(at), limit).map_err(not_read)?;
            let mut bytes = Vec::new();
            for event in &events {
                let view = Event::of(event, disclosure.content(event).ok());
                let line = view.map_err(|error| Declined::internal(&error))?;
                bytes.extend_from_slice(&to_line(&Line::Event(line))?);
            }
            Ok((bytes, events.len() as u64))
        });
        let (bytes, count) = lines.await?;
        if count == 0 {
            return Err(Declined::not_found("event"));
        }
        self.at += count;
        Ok(bytes.into())
    }
}
