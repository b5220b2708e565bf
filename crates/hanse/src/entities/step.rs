//! Steps in the life of an entity that need nothing but the entity and the command.

use axum::extract::State;
use ids::EntityId;
use mez::entity::{self, Command as Step, Entity};

use super::wire::{DocumentBody, EntityView, ReasonBody, StageBody, actor};
use super::{permitted, refused};
use crate::auth::{Operation, can};
use crate::change::Change;
use crate::http::extract::{Caller, Command, Empty, PathOf};
use crate::http::idempotency::{Decided, Outcome, Receipted, Reply, execute};
use crate::http::problem::Problem;
use crate::http::texts::EntityIdText;
use crate::institutions::{Institutions, Node};
use crate::store;

/// Take an application into review.
#[utoipa::path(
    post, path = "/v1/entities/{id}/review", tag = "entities", params(("id" = inline(EntityIdText), Path)),
    responses((status = 200, description = "It is in review.", body = Receipted<EntityView>))
)]
pub async fn begin_review(
    caller: Caller<can::ReviewEntity>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
    command: Command<Empty>,
) -> Result<Outcome, Problem> {
    step(&node, &caller, &id, &command, || Step::BeginReview).await
}

/// Refuse an application.
#[utoipa::path(
    post, path = "/v1/entities/{id}/reject", tag = "entities", params(("id" = inline(EntityIdText), Path)),
    request_body = ReasonBody,
    responses((status = 200, description = "It is rejected.", body = Receipted<EntityView>))
)]
pub async fn reject_entity(
    caller: Caller<can::ReviewEntity>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
    command: Command<ReasonBody>,
) -> Result<Outcome, Problem> {
    let reason = || command.body.reason.clone();
    step(&node, &caller, &id, &command, || Step::Reject {
        reason: reason(),
    })
    .await
}

/// Bar a company from acting.
#[utoipa::path(
    post, path = "/v1/entities/{id}/suspend", tag = "entities", params(("id" = inline(EntityIdText), Path)),
    request_body = ReasonBody,
    responses((status = 200, description = "It is suspended.", body = Receipted<EntityView>))
)]
pub async fn suspend_entity(
    caller: Caller<can::ReviewEntity>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
    command: Command<ReasonBody>,
) -> Result<Outcome, Problem> {
    let reason = || command.body.reason.clone();
    step(&node, &caller, &id, &command, || Step::Suspend {
        reason: reason(),
    })
    .await
}

/// Let a suspended company act again.
#[utoipa::path(
    post, path = "/v1/entities/{id}/reinstate", tag = "entities", params(("id" = inline(EntityIdText), Path)),
    request_body = ReasonBody,
    responses((status = 200, description = "It is active.", body = Receipted<EntityView>))
)]
pub async fn reinstate_entity(
    caller: Caller<can::ReviewEntity>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
    command: Command<ReasonBody>,
) -> Result<Outcome, Problem> {
    let reason = || command.body.reason.clone();
    step(&node, &caller, &id, &command, || Step::Reinstate {
        reason: reason(),
    })
    .await
}

/// Begin to wind a company up.
#[utoipa::path(
    post, path = "/v1/entities/{id}/dissolution", tag = "entities", params(("id" = inline(EntityIdText), Path)),
    request_body = DocumentBody,
    responses((status = 200, description = "It is dissolving.", body = Receipted<EntityView>))
)]
pub async fn initiate_dissolution(
    caller: Caller<can::ApplyEntity>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
    command: Command<DocumentBody>,
) -> Result<Outcome, Problem> {
    let evidence = command.body.evidence;
    step(&node, &caller, &id, &command, || {
        Step::InitiateDissolution { evidence }
    })
    .await
}

/// Complete the current stage of winding up.
#[utoipa::path(
    post, path = "/v1/entities/{id}/dissolution/advance", tag = "entities",
    params(("id" = inline(EntityIdText), Path)), request_body = StageBody,
    responses((status = 200, description = "The stage is complete.", body = Receipted<EntityView>))
)]
pub async fn advance_dissolution(
    caller: Caller<can::ReviewEntity>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
    command: Command<StageBody>,
) -> Result<Outcome, Problem> {
    let StageBody { evidence, proof } = command.body;
    step(&node, &caller, &id, &command, || Step::AdvanceDissolution {
        evidence,
        proof,
    })
    .await
}

/// Stop winding up, which is possible until a liquidator is in office.
#[utoipa::path(
    post, path = "/v1/entities/{id}/dissolution/cancel", tag = "entities",
    params(("id" = inline(EntityIdText), Path)), request_body = ReasonBody,
    responses((status = 200, description = "Winding up stopped.", body = Receipted<EntityView>))
)]
pub async fn cancel_dissolution(
    caller: Caller<can::ApplyEntity>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
    command: Command<ReasonBody>,
) -> Result<Outcome, Problem> {
    let reason = || command.body.reason.clone();
    step(&node, &caller, &id, &command, || Step::CancelDissolution {
        reason: reason(),
    })
    .await
}

/// Decides one step on the present state of the entity and writes what comes of it.
async fn step<A: Operation, T>(
    node: &Institutions,
    caller: &Caller<A>,
    id: &EntityId,
    command: &Command<T>,
    make: impl Fn() -> Step,
) -> Result<Outcome, Problem> {
    let (_, permit) = permitted(node, caller, id)?;
    let actor = actor(permit.principal());
    execute(&node.platform, &permit, &command.ticket, |now_ms| {
        let found = store::entity(&node.platform.reader, id)?;
        let (entity, expected) = found.ok_or_else(|| Problem::not_found("entity"))?;
        let context = node.context(now_ms, &actor);
        let decision = entity::decide(Some(&entity.body), make(), &context).map_err(refused)?;
        let after = advance(entity.body, &decision.events)?;
        let mut change = Change::new(now_ms);
        change.decision(id, expected, &decision)?;
        let reply = Reply::ok(&node.view_at(&after, now_ms));
        Ok(Decided {
            transaction: change.into_transaction(),
            reply,
            reply_owner: None,
        })
    })
    .await
}

/// The entity after the events of a decision.
pub(super) fn advance(entity: Entity, events: &[entity::EntityEvent]) -> Result<Entity, Problem> {
    events
        .iter()
        .try_fold(entity, |entity, event| entity::apply(Some(entity), event))
        .map_err(|error| Problem::internal(&error))
}
