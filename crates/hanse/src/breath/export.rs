//! Taking a session along: its events, its proof by replay, and its heart beats in forms that others read.

use api::page::{Page, PageQuery};
use api::problem::{CONTENT_TYPE, Code, ProblemBody};
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use journal::Event;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use zenb::event::{SessionEvent, beats_taken};
use zenb::overall::Overall;
use zenb::scale::OtherUnit;
use zenb::sensors::{write_rr_csv, write_rr_text};
use zenb::units::{EngineMs, Measured, Reason, Ticks};

use super::ids::SessionId;
use super::log::{self, LogError};
use super::record::{self, SessionRecord};
use super::wire;
use crate::breath::can;
use crate::state::Node;
use platform::declined::Declined;
use platform::http::extract::{Caller, PathOf, QueryOf};
use platform::moment::Moment;
use platform::routes;

/// The routes of this module.
pub fn routes() -> OpenApiRouter<Node> {
    OpenApiRouter::default()
        .routes(routes!(list_session_events))
        .routes(routes!(replay_session))
        .routes(routes!(export_session))
}

/// An event of a session.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct BreathEvent {
    /// The position in the session's stream, from 1.
    seq: u64,
    /// The leaf in the log; `/v1/journal/proofs/{index}` proves it.
    index: u64,
    /// What it is.
    #[schema(example = "breath.input.v1")]
    kind: String,
    /// When it was written, in milliseconds since 1970-01-01T00:00:00Z.
    at_ms: i64,
    /// The digest of the event header.
    digest: String,
    /// The content.
    #[schema(value_type = Object)]
    data: Value,
}

/// Everything that happened in a session, in order.
#[utoipa::path(
    get, path = "/v1/breath/sessions/{id}/events", tag = "breath", params(("id" = SessionId, Path), PageQuery),
    responses(
        (status = 200, description = "One page of events.", body = Page<BreathEvent>),
        (status = 410, description = "It was erased.", body = ProblemBody, content_type = CONTENT_TYPE)
    )
)]
async fn list_session_events(
    caller: Caller<can::ReadSessions>,
    State(node): State<Node>,
    PathOf(id): PathOf<SessionId>,
    QueryOf(page): QueryOf<PageQuery>,
) -> Result<Json<Page<BreathEvent>>, Declined> {
    let after = page.after().map_or(Ok(0), str::parse::<u64>);
    let after = after.map_err(|_| {
        Declined::new(Code::ParameterInvalid, "a query parameter is not valid").with_error(
            "#query/cursor",
            "format",
            "a cursor is the `next` of a page, unchanged",
        )
    })?;
    let limit = page.limit();
    let read = move |moment: &Moment<'_>| {
        record::of(moment, id, caller.principal())?;
        log::events_after(moment, id, after, limit + 1)
    };
    let events = node.platform.read(read).await?;
    let items = events.iter().map(|event| BreathEvent {
        seq: event.seq.get(),
        index: event.index.0,
        kind: event.kind.to_string(),
        at_ms: event.header.at_ms,
        digest: event.digest.to_string(),
        data: event
            .payload
            .as_deref()
            .and_then(|payload| serde_json::from_slice(payload).ok())
            .unwrap_or(Value::Null),
    });
    Ok(Json(Page::cut(
        items.collect(),
        limit,
        |item: &BreathEvent| item.seq.to_string(),
    )))
}

/// What recomputing a session came to.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct ReplayReport {
    /// Whether every decision and every digest is what the engine computes from the inputs.
    same: bool,
    /// The numeric version of the engine that recomputed it.
    numeric_version: u32,
    /// How many steps were recomputed: the opening and each input.
    steps: u64,
    /// Whether the record ends with the session's end, which states how many inputs it had and its last digest. A session
    /// that is over and not sealed was cut.
    sealed: bool,
    /// The digest of the whole state after the last step.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// The first event of the stream that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    diverged_at: Option<u64>,
    /// What differs there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    difference: Option<Value>,
}

/// Recompute every decision of a session from its inputs, and name the first that differs.
#[utoipa::path(
    get, path = "/v1/breath/sessions/{id}/replay", tag = "breath", params(("id" = SessionId, Path)),
    responses(
        (status = 200, description = "What it came to.", body = ReplayReport),
        (status = 410, description = "It was erased.", body = ProblemBody, content_type = CONTENT_TYPE)
    )
)]
async fn replay_session(
    caller: Caller<can::ReadSessions>,
    State(node): State<Node>,
    PathOf(id): PathOf<SessionId>,
) -> Result<Json<ReplayReport>, Declined> {
    let replay = move |moment: &Moment<'_>| {
        record::of(moment, id, caller.principal())?;
        Ok(Json(replayed(&log::events(moment, id)?)))
    };
    node.platform.read(replay).await
}

fn replayed(events: &[Event]) -> ReplayReport {
    let replayed = log::of_engine(events).and_then(|placed| {
        let is_sealed =
            matches!(placed.last(), Some(last) if matches!(last.event, SessionEvent::Ended(_)));
        Ok((log::replay(&placed)?, is_sealed))
    });
    let numeric_version = zenb::digest::NUMERIC_VERSION;
    match replayed {
        Ok((replay, sealed)) => {
            let replayed = replay.finish();
            ReplayReport {
                same: true,
                numeric_version,
                steps: replayed.steps_count,
                sealed,
                digest: replayed.digests.last().map(ToString::to_string),
                diverged_at: None,
                difference: None,
            }
        }
        Err(error) => ReplayReport {
            same: false,
            numeric_version,
            steps: 0,
            sealed: false,
            digest: None,
            diverged_at: error.seq(),
            difference: Some(difference(&error)),
        },
    }
}

fn difference(error: &LogError) -> Value {
    match error {
        LogError::Diverged { diverged, .. } => wire::plain(diverged),
        other => json!(other.to_string()),
    }
}

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ExportFormat {
    /// Columns `at_ms,rr_1024`.
    Csv,
    /// One interval in milliseconds on a line, as Kubios reads it.
    Rr,
    /// A FHIR R4 Bundle of Observations.
    Fhir,
}

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ExportQuery {
    /// `csv`, `rr` or `fhir`.
    #[param(inline)]
    format: ExportFormat,
}

/// The heart beats of a session, in a form that other programs read.
#[utoipa::path(
    get, path = "/v1/breath/sessions/{id}/export", tag = "breath", params(("id" = SessionId, Path), ExportQuery),
    responses((
        status = 200, description = "The beats.", content(
            (String = "text/csv"), (String = "text/plain"), (Value = "application/fhir+json")
        )
    ), (status = 410, description = "It was erased.", body = ProblemBody, content_type = CONTENT_TYPE))
)]
async fn export_session(
    caller: Caller<can::ReadSessions>,
    State(node): State<Node>,
    PathOf(id): PathOf<SessionId>,
    QueryOf(query): QueryOf<ExportQuery>,
) -> Result<Response, Declined> {
    let export = move |moment: &Moment<'_>| {
        let record = record::of(moment, id, caller.principal())?;
        let placed = log::of_engine(&log::events(moment, id)?);
        let placed = placed.map_err(|error| Declined::internal(&error))?;
        let taken = Taken::of(placed.iter().map(|placed| &placed.event));
        Ok(exported(&record, taken, query.format))
    };
    node.platform.read(export).await
}

/// What is taken along of a session.
struct Taken {
    beats: Vec<(EngineMs, Ticks)>,
    overall: Overall,
}

impl Taken {
    fn of<'a>(events: impl Iterator<Item = &'a SessionEvent> + Clone) -> Self {
        let inputs = events.clone().filter_map(|event| match event {
            SessionEvent::Input(input) => Some(input),
            _ => None,
        });
        Self {
            overall: Overall::of(inputs),
            beats: beats(events),
        }
    }
}

fn exported(record: &SessionRecord, taken: Taken, format: ExportFormat) -> Response {
    let (media_type, name, text) = match format {
        ExportFormat::Csv => ("text/csv; charset=utf-8", "csv", write_rr_csv(taken.beats)),
        ExportFormat::Rr => {
            let intervals = taken.beats.into_iter().map(|(_, rr)| rr);
            ("text/plain; charset=utf-8", "txt", write_rr_text(intervals))
        }
        ExportFormat::Fhir => {
            let bundle = fhir(record, &taken.overall);
            ("application/fhir+json", "fhir.json", bundle.to_string())
        }
    };
    let disposition = format!("attachment; filename=\"breath-{}.{name}\"", record.id);
    let headers = [
        (header::CONTENT_TYPE, media_type.to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (headers, text).into_response()
}

/// The beats that were taken of all packets, each with its packet's moment.
pub fn beats<'a>(events: impl Iterator<Item = &'a SessionEvent>) -> Vec<(EngineMs, Ticks)> {
    let mut beats = Vec::new();
    let mut last = None;
    for event in events {
        match event {
            SessionEvent::Input(input) => last = Some(input),
            SessionEvent::Decided(decided) => {
                if let Some(input) = last.take() {
                    let taken = beats_taken(input, &decided.decisions).iter();
                    let known = taken.filter_map(|raw| Ticks::new((*raw).into()).ok());
                    beats.extend(known.map(|rr| (input.at(), rr)));
                }
            }
            SessionEvent::Opened(_) | SessionEvent::Ended(_) => {}
        }
    }
    beats
}

/// A FHIR R4 collection: mean heart rate and SDNN over the session by their LOINC codes, and RMSSD, which has none. R4
/// has no element for a series of unequal steps: who wants the intervals takes `csv`.
fn fhir(record: &SessionRecord, overall: &Overall) -> Value {
    let loinc = |code: &str, display: &str| json!({"coding": [{"system": "http://loinc.org", "code": code, "display": display}], "text": display});
    let figures = [
        Figure {
            suffix: "heart-rate",
            // R4 asks for this category of every Observation with the code of a heart rate.
            category: "vital-signs",
            code: loinc("8867-4", "Heart rate"),
            value: overall.heart_rate_milli_bpm,
            unit: ("beats/minute", "/min"),
        },
        Figure {
            suffix: "sdnn",
            category: "procedure",
            code: loinc(
                "80404-7",
                "R-R interval.standard deviation (Heart rate variability)",
            ),
            value: overall.sdnn_us,
            unit: ("ms", "ms"),
        },
        Figure {
            suffix: "rmssd",
            category: "procedure",
            code: json!({"text": "RMSSD of the session's R-R intervals"}),
            value: overall.rmssd_us,
            unit: ("ms", "ms"),
        },
    ];
    let entries: Vec<Value> = figures
        .into_iter()
        .map(|figure| {
            json!({
                "fullUrl": format!("urn:hanse:breath-session:{}:{}", record.id, figure.suffix),
                "resource": observation(record, overall, figure),
            })
        })
        .collect();
    json!({
        "resourceType": "Bundle",
        "type": "collection",
        "timestamp": record.ended_at.unwrap_or(record.opened_at).to_string(),
        "entry": entries,
    })
}

/// A figure of a session, in thousandths of its unit.
struct Figure {
    suffix: &'static str,
    category: &'static str,
    code: Value,
    value: Measured<u32>,
    /// For people, and by UCUM.
    unit: (&'static str, &'static str),
}

/// What the figures rest on, for whoever reads them elsewhere.
fn method(overall: &Overall) -> String {
    let mut text = format!(
        "from {} R-R intervals of the strap, {} of them mended, and {} more left out",
        overall.beats, overall.mended, overall.fenced
    );
    if overall.irregular > 0 {
        text += &format!(", {} of them without an order", overall.irregular);
    }
    text += match overall.other_unit {
        None => "",
        Some(OtherUnit::Millis) => {
            "; they are milliseconds where 1/1024 s were said to be, so times read 2.3 % short"
        }
        Some(OtherUnit::Ticks) => {
            "; they are 1/1024 s where milliseconds were said to be, so times read 2.4 % long"
        }
    };
    text
}

/// One Observation; without a value it says why there is none. It is final when the session has ended and the data were
/// good enough to guide by.
fn observation(record: &SessionRecord, overall: &Overall, figure: Figure) -> Value {
    let is_final = record.ended_at.is_some() && overall.is_relied_on();
    let mut observation = json!({
        "resourceType": "Observation",
        "status": if is_final { "final" } else { "preliminary" },
        "category": [{"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": figure.category,
        }]}],
        "code": figure.code,
        "subject": {"identifier": {"system": "urn:hanse:breath-person", "value": record.person}},
        "effectivePeriod": {"start": record.started_at.unwrap_or(record.opened_at).to_string()},
        "method": {"text": method(overall)},
    });
    if let Some(ended) = record.ended_at {
        observation["effectivePeriod"]["end"] = json!(ended.to_string());
    }
    match figure.value {
        // Two decimals are more than a strap's tick of about 1 ms can tell.
        Measured::Known { value, quality } => {
            let hundredths = (f64::from(value) / 10.0).round();
            observation["valueQuantity"] = json!({
                "value": hundredths / 100.0, "unit": figure.unit.0,
                "system": "http://unitsofmeasure.org", "code": figure.unit.1,
            });
            let quality = quality.permille();
            observation["note"] = json!([{"text": format!("quality {quality} of 1000")}]);
        }
        Measured::NotMeasured(reason) => {
            let code = match reason {
                Reason::Artefacts => "error",
                _ => "not-performed",
            };
            observation["dataAbsentReason"] = json!({"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": code,
            }], "text": reason.to_string()});
        }
    }
    observation
}

#[cfg(test)]
mod tests {
    use super::*;

    /// REQ-361
    #[test]
    fn figures_that_are_in_doubt_say_why_and_are_not_final() {
        let nothing = Measured::NotMeasured(Reason::Irregular);
        let mut overall = Overall {
            heart_rate_milli_bpm: nothing,
            sdnn_us: nothing,
            rmssd_us: nothing,
            beats: 300,
            mended: 2,
            fenced: 1,
            irregular: 120,
            other_unit: None,
        };
        let counts = "from 300 R-R intervals of the strap, 2 of them mended, and 1 more left out";
        let disorder = ", 120 of them without an order";
        assert_eq!(method(&overall), format!("{counts}{disorder}"));
        overall.irregular = 0;
        overall.other_unit = Some(OtherUnit::Millis);
        let unit =
            "; they are milliseconds where 1/1024 s were said to be, so times read 2.3 % short";
        assert_eq!(method(&overall), format!("{counts}{unit}"));
        assert!(!overall.is_relied_on());
    }
}
