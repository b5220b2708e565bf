//! Opening, feeding and ending sessions over HTTP.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::extract::State;
use journal::{Expected, Privacy};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use zenb::engine::{Engine, Input, Opening};
use zenb::event::{Opened, SessionEvent};
use zenb::protocol::Protocol;
use zenb::screen::Answers;
use zenb::units::EngineMs;

use super::drive;
use super::ids::{BreathPerson, SessionId};
use super::live::{Batch, Live, append};
use super::record::{self, REGISTERED_KIND, Registered, SessionRecord, SessionStatus};
use super::wire::{
    self, BreathSession, INPUTS_MAX, InputsBody, OpenBody, State as SessionState, Stepped, StopBody,
};
use super::{consents, inhibitions};
use crate::auth::{Permit, PrincipalId, Resource, can};
use crate::change::Change;
use crate::entities::wire::time;
use crate::http::extract::{Caller, Command, PathOf, QueryOf};
use crate::http::guard::routes;
use crate::http::idempotency::{Decided, Outcome, Receipted, Reply, Ticket, execute};
use crate::http::page::{Cursor, Page, PageLimit, PageQuery};
use crate::http::problem::{CONTENT_TYPE, Code, Problem, ProblemBody};
use crate::institutions::Node;
use crate::store::{self, kind};
use crate::streams;

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
    responses((status = 201, description = "It is open; `decisions` say whether it may start.", body = Receipted<SessionAtHand>))
)]
async fn open_session(
    caller: Caller<can::ConductSession>,
    State(node): State<Node>,
    command: Command<OpenBody>,
) -> Result<Outcome, Problem> {
    let permit = caller.permit(Resource::Zone)?;
    let body = &command.body;
    let protocol =
        Protocol::try_from(&body.protocol).map_err(|error| wire::refused_protocol(&error))?;
    let id = SessionId::fresh();
    let opened: Mutex<Option<(Live, Batch)>> = Mutex::default();
    let outcome = execute(&node.platform, &permit, &command.ticket, |now_ms| {
        let registered = Registered {
            id,
            person: body.person.clone(),
            by: permit.principal().clone(),
            clock: body.clock,
            protocol,
            at: time(now_ms),
        };
        let (live, batch, decided) = open(&node, registered, body.screen.clone().into(), now_ms)?;
        *opened.lock().unwrap_or_else(PoisonError::into_inner) = Some((live, batch));
        Ok(decided)
    })
    .await?;
    let opened = opened.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some((mut live, batch)) = opened.filter(|_| !outcome.replayed) {
        live.settle(batch);
        let place = node.breath.place(id);
        *place.held.lock().await = Some(live);
        end_abandoned(&node, &body.person, permit.principal(), id).await;
    }
    Ok(outcome)
}

/// Decides on an opening: consent, what inhibits, the day's dose, the screen.
fn open(
    node: &Node,
    registered: Registered,
    answers: Answers,
    now_ms: i64,
) -> Result<(Live, Batch, Decided), Problem> {
    let reader = &node.platform.reader;
    let person = registered.person.clone();
    agreed(node, &person, &registered.by)?;
    let mut seed = [0; 8];
    (node.platform.entropy)(&mut seed);
    let opening = Opening {
        protocol: registered.protocol,
        inhibitions: inhibitions::load(reader, &person, now_ms),
        breathed_today_ms: inhibitions::breathed_today_ms(reader, &person, now_ms)?,
        wall_ms: now_ms,
        seed: u64::from_be_bytes(seed) >> 11,
    };
    let (engine, step) = Engine::open(&opening);
    let first = [
        SessionEvent::Opened(Opened {
            numeric_version: zenb::digest::NUMERIC_VERSION,
            opening,
        }),
        SessionEvent::Decided(step.clone().into()),
    ];
    let stream = streams::breath_session(&registered.id);
    let mut change = Change::new(now_ms);
    let (privacy, none) = (Privacy::Personal, Expected::NoStream);
    change.append(&stream, privacy, none, REGISTERED_KIND, &registered)?;
    append(&mut change, &stream, none, &first)?;
    // It exists from the first moment on, so that whoever erases the session finds it.
    let telemetry = streams::breath_telemetry(&registered.id);
    change.append(
        &telemetry,
        privacy,
        none,
        REGISTERED_KIND_OF_TELEMETRY,
        &registered.id,
    )?;
    let live = Live::fresh(registered.clone(), engine, 1 + first.len() as u64);
    let screened = Input::Screen {
        at: EngineMs(0),
        answers,
    };
    let batch = live.take(&[screened]);
    live.write(&batch, &mut change)?;
    let mut decisions = step.events;
    decisions.extend(batch.decisions.iter().cloned());
    let reply = SessionAtHand {
        session: fresh(&registered).into(),
        state: live.state(Some(&batch)),
        decisions: wire::plain(&decisions),
    };
    let decided = Decided {
        transaction: change.into_transaction(),
        reply: Reply::created(format!("/v1/breath/sessions/{}", registered.id), &reply),
        reply_owner: Some(stream),
    };
    Ok((live, batch, decided))
}

/// The kind of the first event of a session's telemetry.
pub const REGISTERED_KIND_OF_TELEMETRY: &str = "breath.watched.v1";

fn fresh(registered: &Registered) -> SessionRecord {
    SessionRecord {
        id: registered.id,
        person: registered.person.clone(),
        by: registered.by.clone(),
        clock: registered.clock,
        protocol: registered.protocol,
        status: SessionStatus::Open,
        opened_at: registered.at,
        started_at: None,
        ended_at: None,
        summary: None,
        inputs_count: None,
        digest: None,
    }
}

/// Refuses whom the person did not agree to. Whether they agreed to another is not told.
fn agreed(node: &Node, person: &BreathPerson, by: &PrincipalId) -> Result<(), Problem> {
    let consent = match consents::of(&node.platform.reader, person, by) {
        Ok(consent) => Some(consent.body),
        Err(problem) if problem.code() == Code::NotFound => None,
        Err(problem) => return Err(problem),
    };
    if consent.is_some_and(|consent| consent.withdrawn_at.is_none()) {
        return Ok(());
    }
    Err(
        Problem::new(Code::RuleViolated, "no consent of this person is in force").with_error(
            "/person",
            "consent",
            "record the person's consent first; one that was taken back is not given again",
        ),
    )
}

/// Ends what this principal left open for a person, but for `kept`: nobody is paced twice. One that cannot be ended takes
/// no input either, so that is told to the log alone.
async fn end_abandoned(node: &Node, person: &BreathPerson, by: &PrincipalId, kept: SessionId) {
    let filter = [("person", person.as_str()), ("by", by.as_str())];
    let reader = &node.platform.reader;
    let found = store::all::<SessionRecord>(reader, kind::BREATH_SESSION, &filter);
    let found = found.unwrap_or_else(|error| {
        tracing::warn!(%error, "sessions left open could not be looked for");
        Vec::new()
    });
    let open = found.iter().map(|stored| &stored.body);
    for session in open.filter(|it| it.status != SessionStatus::Ended && it.id != kept) {
        let place = node.breath.place(session.id);
        let stop = drive::stop_where_it_is;
        let ended = drive::advance(node, &place, session.id, by.as_str(), stop).await;
        if let Err(problem) = ended {
            tracing::warn!(cause = %problem, session = %session.id, "session left open was not ended");
        }
    }
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
) -> Result<Json<Page<BreathSession>>, Problem> {
    let page = PageQuery {
        cursor: query.cursor,
        limit: query.limit,
    };
    let caller = caller.principal().as_str();
    let person = query.person.as_ref().map(BreathPerson::as_str);
    let mut filters: Vec<_> = person.map(|it| ("person", it)).into_iter().collect();
    // Whoever asks for their own sees all of theirs; everybody else sees what they opened.
    if person != Some(caller) {
        filters.push(("by", caller));
    }
    filters.extend(query.status.map(|it| ("status", it.as_str())));
    let found = store::list::<SessionRecord>(
        &node.platform.reader,
        kind::BREATH_SESSION,
        &filters,
        page.after(),
        page.limit() + 1,
    )?;
    let items = found.into_iter().map(|it| it.body.into()).collect();
    Ok(Json(Page::cut(
        items,
        page.limit(),
        |item: &BreathSession| item.id.to_string(),
    )))
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
) -> Result<Json<BreathSession>, Problem> {
    let found = record::of(&node.platform.reader, id, caller.principal())?;
    Ok(Json(found.body.into()))
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
) -> Result<Outcome, Problem> {
    let permit = caller.permit(Resource::Zone)?;
    let bodies = &command.body.inputs;
    if !(1..=INPUTS_MAX).contains(&bodies.len()) {
        let rule = format!("one request has 1 to {INPUTS_MAX} inputs");
        let problem = Problem::new(Code::RuleViolated, "too many inputs, or none");
        return Err(problem.with_error("/inputs", "items", rule));
    }
    step(&node, &permit, &command.ticket, id, |live| {
        drive::inputs(live, bodies)
    })
    .await
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
) -> Result<Outcome, Problem> {
    let permit = caller.permit(Resource::Zone)?;
    let by = drive::stop_by(command.body.by);
    step(&node, &permit, &command.ticket, id, |live| {
        if live.has_ended() {
            return Err(Problem::new(Code::Conflict, "the session has ended"));
        }
        let at = match live.registered.clock {
            record::SessionClock::Host => live.now(),
            record::SessionClock::Sender => EngineMs(live.state(None).at_ms),
        };
        Ok(vec![Input::Stop { at, by }])
    })
    .await
}

/// Gives inputs to a session once, however often they are sent with one key.
async fn step(
    node: &Node,
    permit: &Permit,
    ticket: &Ticket,
    id: SessionId,
    choose: impl Fn(&Live) -> Result<Vec<Input>, Problem> + Sync,
) -> Result<Outcome, Problem> {
    let reader = &node.platform.reader;
    let place = node.breath.place(id);
    let mut held = place.held.lock().await;
    let state = Mutex::new((held.take(), None::<(Live, Batch)>));
    let outcome = execute(&node.platform, permit, ticket, |now_ms| {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        record::of(reader, id, permit.principal())?;
        let live = Live::refresh(&mut state.0, reader, id, now_ms)?;
        let batch = live.take(&choose(&live)?);
        let mut change = Change::new(now_ms);
        live.write(&batch, &mut change)?;
        let body = Stepped {
            id,
            accepted: batch.accepted,
            refused: batch.refused.clone(),
            decisions: wire::plain(&batch.decisions),
            state: live.state(Some(&batch)),
        };
        state.1 = Some((live, batch));
        Ok(Decided {
            transaction: change.into_transaction(),
            reply: Reply::ok(&body),
            reply_owner: Some(streams::breath_session(&id)),
        })
    })
    .await;
    let (before, stepped) = state.into_inner().unwrap_or_else(PoisonError::into_inner);
    *held = before;
    match (&outcome, stepped) {
        (Ok(done), Some((mut live, batch))) if !done.replayed => {
            let now_ms = node.platform.clock.now_ms();
            drive::tell(&place, &drive::Frame::of(&live, &batch));
            drive::watch_refusals(node, id, permit.principal().as_str(), now_ms, &batch);
            live.settle(batch);
            let is_ticked = live.is_ticked();
            *held = Some(live);
            if is_ticked {
                drive::keep_time(node, &place, id);
            }
        }
        (Err(problem), Some((live, _))) if problem.code() == Code::JournalUnavailable => {
            drive::tell(&place, &drive::Frame::hold(&live, problem));
        }
        _ => {}
    }
    outcome
}

/// Forgets sessions that were erased, and tells those who watch them.
pub fn forget(node: &Node, ids: &[SessionId]) {
    for id in ids {
        let place: Arc<_> = node.breath.place(*id);
        drive::tell(&place, &drive::Frame::Erased {});
        node.breath.forget(*id);
    }
}
