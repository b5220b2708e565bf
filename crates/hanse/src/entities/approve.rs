//! Approval: judged at the instant it is decided, and the last one registers the company, takes its
//! number and issues its credential in one transaction.

use api::entities::Approval;
use api::receipt::Receipted;
use std::sync::Arc;

use axum::extract::State;
use ids::EntityId;
use law::compliance::Operation;
use mez::entity::{Command as Step, Entity};

use super::wire::actor;
use super::{advance, permitted, register};
use crate::compliance;
use crate::credentials::issue;
use crate::entities::can;
use crate::state::{Institutions, Node};
use platform::auth::Permit;
use platform::change::Change;
use platform::declined::Declined;
use platform::http::extract::{Caller, Command, Empty, PathOf};
use platform::http::idempotency::{Decided, Outcome, Reply, execute};
use platform::moment::Moment;

/// Approve an application. The last required approval registers the company.
#[utoipa::path(
    post, path = "/v1/entities/{id}/approve", tag = "entities", params(("id" = inline(EntityId), Path)),
    responses((status = 200, description = "It is approved.", body = Receipted<Approval>))
)]
pub async fn approve_entity(
    caller: Caller<can::ReviewEntity>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
    command: Command<Empty>,
) -> Result<Outcome, Declined> {
    let platform = Arc::clone(&node.platform);
    execute(&platform, caller, command.ticket, move |moment, caller| {
        let (stored, permit) = permitted(moment, caller, &id)?;
        approve(&node, moment, permit, stored.body)
    })
    .await
}

fn approve(
    node: &Institutions,
    moment: &Moment<'_>,
    permit: Permit,
    entity: Entity,
) -> Result<Decided, Declined> {
    let evaluation = compliance::evaluate(node, moment, &entity, Operation::EntityFormation)?;
    let sequence = register::next_sequence(moment, &entity.jurisdiction)?;
    let reviewer = actor(permit.principal());
    let context = node.context(moment.now_ms, &reviewer);
    let mut change = Change::default();
    let step = Step::Approve {
        evaluation: Box::new(evaluation.clone()),
        sequence,
    };
    let after = advance(&mut change, Some(entity), step, &context)?;
    compliance::keep(&mut change, &evaluation)?;
    let issued = match &after.registration {
        None => None,
        Some(registration) => {
            let number = registration.number.as_str();
            register::assign_number(&mut change, &after, number, sequence)?;
            let rules = evaluation.rules().to_vec();
            Some(issue::formation(node, moment, &mut change, &after, rules)?)
        }
    };
    let (credential_id, credential) = issued.unzip();
    let reply = Reply::ok(&Approval {
        entity: node.view_at(&after, moment.now_ms),
        credential_id,
        credential,
    });
    Ok(Decided::new(permit, change, reply))
}
