//! Opening, feeding and ending sessions over HTTP.

use api::page::{Cursor, Page, PageLimit, PageQuery};
use api::problem::{CONTENT_TYPE, Code, ProblemBody};
use api::receipt::Receipted;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use journal::Privacy;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use zenb::engine::{Engine, Input, Opening, Step};
use zenb::event::{self, SessionEvent};
use zenb::protocol::Protocol;
use zenb::units::EngineMs;

use super::drive;
use super::ids::{BreathPerson, SessionId};
use super::live::{Batch, Live, append};
use super::record::{
    self, REGISTERED_KIND, Registered, SessionClock, SessionRecord, SessionStatus,
};
use super::safeties::Protection;
use super::wire::{
    self, BreathSession, INPUTS_MAX, InputsBody, OpenBody, State as SessionState, Stepped, StopBody,
};
use super::{consents, safety};
use crate::breath::can;
use crate::entities::wire::time;
use crate::records::kind;
use crate::state::Node;
use crate::streams;
use ids::PrincipalId;
use platform::auth::Resource;
use platform::change::Change;
use platform::declined::Declined;
use platform::http::extract::{Caller, Command, PathOf, QueryOf};
use platform::http::idempotency::{Decided, Outcome, Reply, Ticket, execute_with};
use platform::moment::Moment;
use platform::routes;
use platform::store;

/// The routes of this module.
pub fn routes() -> OpenApiRouter<Node> {
    OpenApiRouter::default()
        .routes(routes!(open_session, list_sessions))
        .routes(routes!(find_session))
        .routes(routes!(feed_session))
        .routes(routes!(stop_session))
}

/// A session with how it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct SessionAtHand {
    #[serde(flatten)]
    session: BreathSession,
    /// How it is at this moment.
    state: SessionState,
    /// What was decided when it was opened: whether it is held, and whether the screen clears it.
    #[schema(value_type = Vec<Object>)]
    decisions: serde_json::Value,
}

/// Open a session for a person who agreed to it. It starts only if the screen clears it and nothing inhibits it.
#[utoipa::path(
    post, path = "/v1/breath/sessions", tag = "breath", request_body = OpenBody,
    responses(
        (status = 201, description = "It is open; `decisions` say whether it may start.", body = Receipted<SessionAtHand>),
        (status = 409, description = "Another session of the person runs.", body = ProblemBody, content_type = CONTENT_TYPE)
    )
)]
async fn open_session(
    caller: Caller<can::ConductSession>,
    State(node): State<Node>,
    command: Command<OpenBody>,
) -> Result<Outcome, Declined> {
    let Command { body, ticket } = command;
    let protocol =
        Protocol::try_from(&body.protocol).map_err(|error| wire::refused_protocol(&error))?;
    let mut seed = [0; 8];
    (node.platform.entropy)(&mut seed);
    let asked = Asked {
        id: SessionId::fresh(),
        seed: u64::from_be_bytes(seed) >> 11,
        at: node.platform.clock.monotonic(),
        protocol,
        body,
    };
    let entry = node.breath.entry(asked.id);
    let by = caller.principal().clone();
    let decide = move |moment: &Moment<'_>, caller: &Caller<_>| open(moment, caller, &asked);
    let (outcome, opened) = execute_with(&node.platform, caller, ticket, decide).await?;
    if let Some((live, batch)) = opened {
        drive::taken(&node, &entry, by.as_str(), &live, batch);
    }
    Ok(outcome)
}

/// A session that is asked for, with what is drawn for it once.
struct Asked {
    id: SessionId,
    seed: u64,
    /// When, in the machine's monotonic time.
    at: Duration,
    protocol: Protocol,
    body: OpenBody,
}

/// Decides on an opening: consent, whether another session runs, what inhibits, the day's dose, the screen.
fn open(
    moment: &Moment<'_>,
    caller: &Caller<can::ConductSession>,
    asked: &Asked,
) -> Result<(Decided, (Live, Batch)), Declined> {
    let permit = caller.permit(Resource::Zone)?;
    let standing = Protection::read(moment, &asked.body.person);
    let (safety_events, inhibitions, breathed_ms) = standing.at_opening();
    let registered = Registered {
        id: asked.id,
        person: asked.body.person.clone(),
        by: permit.principal().clone(),
        clock: asked.body.clock,
        protocol: asked.protocol,
        at: time(moment.now_ms),
        safety_events,
    };
    consents::check_in_force(moment, &registered.person, &registered.by, "/person")?;
    let others = record::all_of(moment, &registered.person)?;
    check_alone(&others, &registered.by)?;
    let mut change = Change::default();
    let opening = Opening {
        protocol: asked.protocol,
        inhibitions,
        breathed_today_ms: breathed_ms.saturating_add(standing.not_kept_ms(&others)),
        wall_ms: moment.now_ms,
        seed: asked.seed,
    };
    let (live, step) = begin(&registered, opening, asked.at, &mut change)?;
    let screened = Input::Screen {
        at: EngineMs(0),
        answers: asked.body.screen.clone().into(),
    };
    let batch = live.take(&[screened], standing);
    live.write(&batch, &mut change)?;
    let mut decisions = step.events;
    decisions.extend(batch.decisions.iter().cloned());
    let location = format!("/v1/breath/sessions/{}", registered.id);
    let stream = streams::breath_session(&registered.id);
    let body = SessionAtHand {
        session: SessionRecord::from(registered).into(),
        state: live.state(Some(&batch)),
        decisions: wire::plain(&decisions),
    };
    let decided = Decided::new(permit, change, Reply::created(location, &body));
    Ok((decided.sealed_by(stream), (live, batch)))
}

/// The first events of a session, and the engine after them.
pub(super) fn begin(
    registered: &Registered,
    opening: Opening,
    at: Duration,
    change: &mut Change,
) -> Result<(Live, Step), Declined> {
    let (engine, step) = Engine::open(&opening);
    let first = [
        SessionEvent::Opened(event::Opened {
            numeric_version: zenb::digest::NUMERIC_VERSION,
            opening,
        }),
        SessionEvent::Decided(step.clone().into()),
    ];
    let stream = streams::breath_session(&registered.id);
    let privacy = Privacy::Personal;
    change.append(&stream, privacy, REGISTERED_KIND, registered)?;
    append(change, &stream, &first)?;
    // It exists from the first moment on, so that whoever erases the session finds it.
    let telemetry = streams::breath_telemetry(&registered.id);
    change.append(
        &telemetry,
        privacy,
        REGISTERED_KIND_OF_TELEMETRY,
        &registered.id,
    )?;
    let live = Live::fresh(registered.clone(), engine, 1 + first.len() as u64, at);
    Ok((live, step))
}

/// The kind of the first event of a session's telemetry.
pub const REGISTERED_KIND_OF_TELEMETRY: &str = "breath.watched.v1";

/// Refuses a session beside one that runs: nobody is paced twice. Which one that is is told to whom it concerns.
fn check_alone(others: &[SessionRecord], by: &PrincipalId) -> Result<(), Declined> {
    let running = |it: &&SessionRecord| it.status == SessionStatus::Running;
    let Some(other) = others.iter().find(running) else {
        return Ok(());
    };
    let refusal = safety::Refusal::AnotherRuns;
    let detail = match other.concerns(by) {
        true => format!("{refusal}: {}", other.id),
        false => refusal.to_string(),
    };
    let problem = Declined::new(Code::Conflict, detail.clone());
    Err(problem.with_error("/person", refusal.code(), detail))
}

#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SessionQuery {
    /// The `next` of the page before. Opaque.
    cursor: Option<Cursor>,
    /// How many items at most, 1 to 200.
    #[param(inline)]
    limit: Option<PageLimit>,
    /// Only those of this person.
    #[param(inline)]
    person: Option<BreathPerson>,
    /// Only those that stand so.
    #[param(inline)]
    status: Option<SessionStatus>,
}

/// The sessions that the caller opened, or is the person of where `person` says so; by id, which is by time.
#[utoipa::path(
    get, path = "/v1/breath/sessions", tag = "breath", params(SessionQuery),
    responses((status = 200, description = "One page of sessions.", body = Page<BreathSession>))
)]
async fn list_sessions(
    caller: Caller<can::ReadSessions>,
    State(node): State<Node>,
    QueryOf(query): QueryOf<SessionQuery>,
) -> Result<Json<Page<BreathSession>>, Declined> {
    let page = PageQuery {
        cursor: query.cursor,
        limit: query.limit,
    };
    let read = move |moment: &Moment<'_>| {
        let caller = caller.principal().as_str();
        let person = query.person.as_ref().map(BreathPerson::as_str);
        let mut filters: Vec<_> = person.map(|it| ("person", it)).into_iter().collect();
        // Whoever asks for their own sees all of theirs; everybody else sees what they opened.
        if person != Some(caller) {
            filters.push(("by", caller));
        }
        filters.extend(query.status.map(|it| ("status", it.as_str())));
        let (after, limit) = (page.after(), page.limit());
        let kind = kind::BREATH_SESSION;
        let found = store::list::<SessionRecord>(moment, kind, &filters, after, limit + 1)?;
        let items = found.into_iter().map(|it| it.body.into()).collect();
        let key = |item: &BreathSession| item.id.to_string();
        Ok(Json(Page::cut(items, limit, key)))
    };
    node.platform.read(read).await
}

/// One session.
#[utoipa::path(
    get, path = "/v1/breath/sessions/{id}", tag = "breath", params(("id" = SessionId, Path)),
    responses(
        (status = 200, description = "The session.", body = BreathSession),
        (status = 410, description = "It was erased.", body = ProblemBody, content_type = CONTENT_TYPE)
    )
)]
async fn find_session(
    caller: Caller<can::ReadSessions>,
    State(node): State<Node>,
    PathOf(id): PathOf<SessionId>,
) -> Result<Json<BreathSession>, Declined> {
    let read = move |moment: &Moment<'_>| record::of(moment, id, caller.principal());
    let found = node.platform.read(read).await?;
    Ok(Json(found.into()))
}

/// Give inputs to a session, in order. What is refused changes nothing; the rest is durable when this answers.
#[utoipa::path(
    post, path = "/v1/breath/sessions/{id}/inputs", tag = "breath", params(("id" = SessionId, Path)),
    request_body = InputsBody,
    responses(
        (status = 200, description = "What followed.", body = Receipted<Stepped>),
        (status = 410, description = "It was erased.", body = ProblemBody, content_type = CONTENT_TYPE)
    )
)]
async fn feed_session(
    caller: Caller<can::ConductSession>,
    State(node): State<Node>,
    PathOf(id): PathOf<SessionId>,
    command: Command<InputsBody>,
) -> Result<Outcome, Declined> {
    let Command { body, ticket } = command;
    let bodies = body.inputs;
    if !(1..=INPUTS_MAX).contains(&bodies.len()) {
        let rule = format!("one request has 1 to {INPUTS_MAX} inputs");
        let problem = Declined::new(Code::RuleViolated, "too many inputs, or none");
        return Err(problem.with_error("/inputs", "items", rule));
    }
    let choose = move |live: &Live, now| drive::inputs(live, now, &bodies);
    step(&node, caller, ticket, id, drive::check_feeder, choose).await
}

/// Who stops a session.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct StopRequest {
    /// Who asks.
    #[serde(default)]
    by: StopBody,
}

/// Stop a session at once, whatever its state.
#[utoipa::path(
    post, path = "/v1/breath/sessions/{id}/stop", tag = "breath", params(("id" = SessionId, Path)),
    request_body = StopRequest,
    responses(
        (status = 200, description = "It has ended.", body = Receipted<Stepped>),
        (status = 410, description = "It was erased.", body = ProblemBody, content_type = CONTENT_TYPE)
    )
)]
async fn stop_session(
    caller: Caller<can::ConductSession>,
    State(node): State<Node>,
    PathOf(id): PathOf<SessionId>,
    command: Command<StopRequest>,
) -> Result<Outcome, Declined> {
    let Command { body, ticket } = command;
    let by = drive::stop_by(body.by);
    let choose = move |live: &Live, now| {
        if live.has_ended() {
            return Err(Declined::new(Code::Conflict, "the session has ended"));
        }
        let at = match live.registered.clock {
            SessionClock::Host => now,
            SessionClock::Sender => live.at(),
        };
        Ok(vec![Input::Stop { at, by }])
    };
    // A stop is taken whatever became of the consent.
    let allow = |moment: &Moment<'_>, id, principal: &PrincipalId| {
        record::of(moment, id, principal).map(drop)
    };
    step(&node, caller, ticket, id, allow, choose).await
}

/// Gives inputs to a session once, however often they are sent with one key.
async fn step(
    node: &Node,
    caller: Caller<can::ConductSession>,
    ticket: Ticket,
    id: SessionId,
    allow: impl Fn(&Moment<'_>, SessionId, &PrincipalId) -> Result<(), Declined> + Send + Sync + 'static,
    choose: impl Fn(&Live, EngineMs) -> Result<Vec<Input>, Declined> + Send + Sync + 'static,
) -> Result<Outcome, Declined> {
    let entry = node.breath.entry(id);
    let _turn = entry.turn.lock().await;
    let at = node.platform.clock.monotonic();
    let by = caller.principal().clone();
    let shared = node.clone();
    let decide = move |moment: &Moment<'_>, caller: &Caller<_>| {
        let permit = caller.permit(Resource::Zone)?;
        allow(moment, id, permit.principal())?;
        let mut change = Change::default();
        let (live, batch) = drive::decide(&shared, moment, at, id, &choose, &mut change)?;
        let decided = Decided::new(permit, change, Reply::ok(&stepped(&live, &batch)));
        let decided = decided.sealed_by(streams::breath_session(&id));
        Ok((decided, (live, batch)))
    };
    match execute_with(&node.platform, caller, ticket, decide).await {
        Ok((outcome, Some((live, batch)))) => {
            drive::taken(node, &entry, by.as_str(), &live, batch);
            Ok(outcome)
        }
        Ok((outcome, None)) => Ok(outcome),
        Err(problem) => {
            drive::hold(node, &entry, id, &problem).await;
            Err(problem)
        }
    }
}

fn stepped(live: &Live, batch: &Batch) -> Stepped {
    Stepped {
        id: live.registered.id,
        accepted: batch.accepted,
        refused: batch.refused.clone(),
        decisions: wire::plain(&batch.decisions),
        state: live.state(Some(batch)),
    }
}
