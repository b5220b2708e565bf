//! Steps in the life of an entity that need nothing but the entity and the command.

use crate::entities::wire::stage_proof;
use api::entities::{DocumentBody, EntityView, ReasonBody, StageBody};
use api::receipt::Receipted;
use std::sync::Arc;

use axum::extract::State;
use ids::EntityId;
use mez::entity::Command as Step;

use super::wire::actor;
use super::{advance, permitted};
use crate::entities::can;
use crate::state::Node;
use platform::auth::Asks;
use platform::change::Change;
use platform::declined::Declined;
use platform::http::extract::{Caller, Command, Empty, PathOf};
use platform::http::idempotency::{Decided, Outcome, Reply, Ticket, execute};

/// Take an application into review.
#[utoipa::path(
    post, path = "/v1/entities/{id}/review", tag = "entities", params(("id" = inline(EntityId), Path)),
    responses((status = 200, description = "It is in review.", body = Receipted<EntityView>))
)]
pub async fn begin_review(
    caller: Caller<can::ReviewEntity>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
    command: Command<Empty>,
) -> Result<Outcome, Declined> {
    step(node, caller, id, command.ticket, Step::BeginReview).await
}

/// Refuse an application.
#[utoipa::path(
    post, path = "/v1/entities/{id}/reject", tag = "entities", params(("id" = inline(EntityId), Path)),
    request_body = ReasonBody,
    responses((status = 200, description = "It is rejected.", body = Receipted<EntityView>))
)]
pub async fn reject_entity(
    caller: Caller<can::ReviewEntity>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
    command: Command<ReasonBody>,
) -> Result<Outcome, Declined> {
    let Command { body, ticket } = command;
    let reason = body.reason;
    step(node, caller, id, ticket, Step::Reject { reason }).await
}

/// Bar a company from acting.
#[utoipa::path(
    post, path = "/v1/entities/{id}/suspend", tag = "entities", params(("id" = inline(EntityId), Path)),
    request_body = ReasonBody,
    responses((status = 200, description = "It is suspended.", body = Receipted<EntityView>))
)]
pub async fn suspend_entity(
    caller: Caller<can::ReviewEntity>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
    command: Command<ReasonBody>,
) -> Result<Outcome, Declined> {
    let Command { body, ticket } = command;
    let reason = body.reason;
    step(node, caller, id, ticket, Step::Suspend { reason }).await
}

/// Let a suspended company act again.
#[utoipa::path(
    post, path = "/v1/entities/{id}/reinstate", tag = "entities", params(("id" = inline(EntityId), Path)),
    request_body = ReasonBody,
    responses((status = 200, description = "It is active.", body = Receipted<EntityView>))
)]
pub async fn reinstate_entity(
    caller: Caller<can::ReviewEntity>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
    command: Command<ReasonBody>,
) -> Result<Outcome, Declined> {
    let Command { body, ticket } = command;
    let reason = body.reason;
    step(node, caller, id, ticket, Step::Reinstate { reason }).await
}

/// Begin to wind a company up.
#[utoipa::path(
    post, path = "/v1/entities/{id}/dissolution", tag = "entities", params(("id" = inline(EntityId), Path)),
    request_body = DocumentBody,
    responses((status = 200, description = "It is dissolving.", body = Receipted<EntityView>))
)]
pub async fn initiate_dissolution(
    caller: Caller<can::ApplyEntity>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
    command: Command<DocumentBody>,
) -> Result<Outcome, Declined> {
    let Command { body, ticket } = command;
    let evidence = body.evidence;
    let initiate = Step::InitiateDissolution { evidence };
    step(node, caller, id, ticket, initiate).await
}

/// Complete the current stage of winding up.
#[utoipa::path(
    post, path = "/v1/entities/{id}/dissolution/advance", tag = "entities",
    params(("id" = inline(EntityId), Path)), request_body = StageBody,
    responses((status = 200, description = "The stage is complete.", body = Receipted<EntityView>))
)]
pub async fn advance_dissolution(
    caller: Caller<can::ReviewEntity>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
    command: Command<StageBody>,
) -> Result<Outcome, Declined> {
    let Command { body, ticket } = command;
    let StageBody { evidence, proof } = body;
    let proof = stage_proof(proof);
    let complete = Step::AdvanceDissolution { evidence, proof };
    step(node, caller, id, ticket, complete).await
}

/// Stop winding up, which is possible until a liquidator is in office.
#[utoipa::path(
    post, path = "/v1/entities/{id}/dissolution/cancel", tag = "entities",
    params(("id" = inline(EntityId), Path)), request_body = ReasonBody,
    responses((status = 200, description = "Winding up stopped.", body = Receipted<EntityView>))
)]
pub async fn cancel_dissolution(
    caller: Caller<can::ApplyEntity>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
    command: Command<ReasonBody>,
) -> Result<Outcome, Declined> {
    let Command { body, ticket } = command;
    let reason = body.reason;
    step(node, caller, id, ticket, Step::CancelDissolution { reason }).await
}

/// Decides one step on the present state of the entity and writes what comes of it.
async fn step<A: Asks>(
    node: Node,
    caller: Caller<A>,
    id: EntityId,
    ticket: Ticket,
    step: Step,
) -> Result<Outcome, Declined> {
    let platform = Arc::clone(&node.platform);
    execute(&platform, caller, ticket, move |moment, caller| {
        let (stored, permit) = permitted(moment, caller, &id)?;
        let actor = actor(permit.principal());
        let context = node.context(moment.now_ms, &actor);
        let mut change = Change::default();
        let after = advance(&mut change, Some(stored.body), step.clone(), &context)?;
        let reply = Reply::ok(&node.view_at(&after, moment.now_ms));
        Ok(Decided::new(permit, change, reply))
    })
    .await
}
