//! Shredding what was recorded: one session, or everything of a person.

use crate::journal_api::erase;
use api::receipt::Receipted;
use std::time::Duration;

use axum::extract::State;
use journal::StreamName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::consents;
use super::ids::{BreathPerson, SessionId};
use super::record::{self, SessionRecord};
use super::safeties::Protection;
use crate::breath::can;
use crate::state::Node;
use crate::streams;
use api::journal::ErasureReason;
use platform::auth::Resource;
use platform::change::Change;
use platform::declined::Declined;
use platform::http::extract::{Caller, Command, PathOf};
use platform::http::idempotency::{Decided, Outcome, Reply, execute};
use platform::moment::Moment;
use platform::routes;
use platform::store::StoreError;

/// The routes of this module.
pub fn routes() -> OpenApiRouter<Node> {
    OpenApiRouter::default().routes(routes!(erase_session))
}

/// Why a session is erased.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EraseBody {
    /// Why; it stays public for ever.
    reason: ErasureReason,
}

/// A session that was erased.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct SessionErased {
    /// Which.
    id: SessionId,
    /// How many events it had. Their headers and proofs stay.
    events: u64,
}

/// Destroy what was recorded of a session. A running one ends. What was proven about it stays provable.
#[utoipa::path(
    post, path = "/v1/breath/sessions/{id}/erase", tag = "breath", params(("id" = SessionId, Path)),
    request_body = EraseBody,
    responses(
        (status = 200, description = "The content is gone from every file of the node.", body = Receipted<SessionErased>),
        (status = 410, description = "It was erased before.", body = api::problem::ProblemBody, content_type = api::problem::CONTENT_TYPE)
    )
)]
async fn erase_session(
    caller: Caller<can::ConductSession>,
    State(node): State<Node>,
    PathOf(id): PathOf<SessionId>,
    command: Command<EraseBody>,
) -> Result<Outcome, Declined> {
    let Command { body, ticket } = command;
    let at = node.platform.clock.monotonic();
    let shared = node.clone();
    execute(&node.platform, caller, ticket, move |moment, caller| {
        let permit = caller.permit(Resource::Zone)?;
        let session = record::of(moment, id, permit.principal())?;
        let mut change = Change::default();
        end_practice(&shared, moment, at, &session, &mut change)?;
        let events = shred_session(moment, id, body.reason, &mut change)?;
        let reply = Reply::ok(&SessionErased { id, events });
        Ok(Decided::new(permit, change, reply))
    })
    .await
}

/// What a session that is erased while its pacer runs leaves behind: how long that was. Of one that cannot be read nothing is
/// written, and it counts whole.
fn end_practice(
    node: &Node,
    moment: &Moment<'_>,
    at: Duration,
    session: &SessionRecord,
    change: &mut Change,
) -> Result<(), Declined> {
    let mut standing = Protection::read(moment, &session.person);
    if standing.is_running(session.id)
        && let Ok(live) = node.breath.current(moment, at, session.id)
    {
        standing.end(session.id, live.elapsed_ms(), None);
        standing.write(change)?;
    }
    Ok(())
}

/// Shreds everything of a person but their consent; also what protected them, because the pseudonym is retired with it. Answers how many sessions that were.
///
/// # Errors
/// The journal cannot be read.
pub fn everything_of(
    moment: &Moment<'_>,
    person: &BreathPerson,
    change: &mut Change,
) -> Result<u64, Declined> {
    let reason = ErasureReason::ConsentWithdrawn;
    let sessions = record::all_of(moment, person)?;
    for session in &sessions {
        shred_session(moment, session.id, reason, change)?;
    }
    let consent = consents::found(moment, person)?;
    let safety_records = consent.map_or(0, |consent| consent.safety_records_over);
    let safety = streams::breath_person(person, safety_records);
    shred(moment, safety, reason, change)?;
    Ok(sessions.len() as u64)
}

/// Adds the end of a session's keys. Answers how many events it has.
///
/// # Errors
/// The journal cannot be read.
pub fn shred_session(
    moment: &Moment<'_>,
    id: SessionId,
    reason: ErasureReason,
    change: &mut Change,
) -> Result<u64, Declined> {
    let streams = [streams::breath_session(&id), streams::breath_telemetry(&id)];
    let mut events = 0;
    for stream in streams {
        events += shred(moment, stream, reason, change)?;
    }
    Ok(events)
}

/// Adds the end of one stream's key, if it has one. Answers how many events the stream has.
fn shred(
    moment: &Moment<'_>,
    stream: StreamName,
    reason: ErasureReason,
    change: &mut Change,
) -> Result<u64, Declined> {
    let head = moment.stream_head(&stream).map_err(StoreError::from)?;
    let Some(head) = head.filter(|head| !head.shredded) else {
        return Ok(0);
    };
    erase(change, stream, reason, None)?;
    Ok(head.head.get())
}
