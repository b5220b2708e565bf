//! Shredding what was recorded: one session, or everything of a person.

use axum::extract::State;
use journal::{Reader, StreamName, Transaction};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use super::ids::{BreathPerson, SessionId};
use super::record::{self, SessionRecord};
use super::sessions;
use crate::auth::{Resource, can};
use crate::http::extract::{Caller, Command, PathOf};
use crate::http::guard::routes;
use crate::http::idempotency::{Decided, Outcome, Receipted, Reply, execute, problem_of_commit};
use crate::http::problem::Problem;
use crate::institutions::Node;
use crate::journal_api::{EraseStream, ErasureReason};
use crate::store::{self, kind};
use crate::streams;

/// The routes of this module.
pub fn routes() -> OpenApiRouter<Node> {
    OpenApiRouter::default().routes(routes!(erase_session))
}

/// Why a session is erased.
#[derive(Clone, Debug, Deserialize, ToSchema)]
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
        (status = 410, description = "It was erased before.", body = crate::http::problem::ProblemBody, content_type = crate::http::problem::CONTENT_TYPE)
    )
)]
async fn erase_session(
    caller: Caller<can::ConductSession>,
    State(node): State<Node>,
    PathOf(id): PathOf<SessionId>,
    command: Command<EraseBody>,
) -> Result<Outcome, Problem> {
    let permit = caller.permit(Resource::Zone)?;
    let reader = &node.platform.reader;
    let outcome = execute(&node.platform, &permit, &command.ticket, |now_ms| {
        record::of(reader, id, permit.principal())?;
        let mut transaction = Transaction::new(now_ms, "");
        let events = shred_session(reader, id, command.body.reason, &mut transaction)?;
        let reply = Reply::ok(&SessionErased { id, events });
        Ok(Decided {
            transaction,
            reply,
            reply_owner: None,
        })
    })
    .await?;
    sessions::forget(&node, &[id]);
    Ok(outcome)
}

/// Shreds one session that was kept as long as the zone keeps them.
///
/// # Errors
/// The journal fails.
pub async fn retention_ended(node: &Node, id: SessionId) -> Result<(), Problem> {
    let mut transaction = Transaction::new(node.platform.clock.now_ms(), "node");
    let reason = ErasureReason::RetentionEnded;
    shred_session(&node.platform.reader, id, reason, &mut transaction)?;
    let committed = node.platform.journal.commit(transaction).await;
    committed.map_err(problem_of_commit)?;
    sessions::forget(node, &[id]);
    Ok(())
}

/// Shreds everything of a person but their consent. Answers how many sessions that were.
///
/// # Errors
/// The journal cannot be read.
pub fn everything_of(
    reader: &Reader,
    person: &BreathPerson,
    transaction: &mut Transaction,
) -> Result<Vec<SessionId>, Problem> {
    let filter = [("person", person.as_str())];
    let sessions = store::all::<SessionRecord>(reader, kind::BREATH_SESSION, &filter)?;
    let mut ids = Vec::new();
    let reason = ErasureReason::ConsentWithdrawn;
    for session in sessions {
        let id = session.body.id;
        shred_session(reader, id, reason, transaction)?;
        ids.push(id);
    }
    shred(reader, streams::breath_person(person), reason, transaction)?;
    Ok(ids)
}

/// Adds the end of a session's keys. Answers how many events it has.
fn shred_session(
    reader: &Reader,
    id: SessionId,
    reason: ErasureReason,
    transaction: &mut Transaction,
) -> Result<u64, Problem> {
    let streams = [streams::breath_session(&id), streams::breath_telemetry(&id)];
    let mut events = 0;
    for stream in streams {
        events += shred(reader, stream, reason, transaction)?;
    }
    Ok(events)
}

/// Adds the end of one stream's key, if it has one. Answers how many events the stream has.
fn shred(
    reader: &Reader,
    stream: StreamName,
    reason: ErasureReason,
    transaction: &mut Transaction,
) -> Result<u64, Problem> {
    let head = reader
        .stream_head(&stream)
        .map_err(store::StoreError::from)?;
    let Some(head) = head.filter(|head| !head.shredded) else {
        return Ok(0);
    };
    EraseStream::new(stream, reason).add_to(transaction)?;
    Ok(head.head.get())
}
