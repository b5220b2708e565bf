//! Approval: judged at the instant it is decided, and the last one registers the company, takes its
//! number and issues its credential in one transaction.

use std::num::NonZeroU64;

use axum::extract::State;
use ids::{ActorId, EntityId};
use journal::{Expected, Privacy};
use law::compliance::Operation;
use mez::entity::{self, Command as Step, Decision, EntityEvent};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::step::advance;
use super::wire::{EntityView, actor};
use super::{permitted, refused};
use crate::auth::can;
use crate::change::Change;
use crate::compliance;
use crate::credentials::issue;
use crate::http::extract::{Caller, Command, Empty, PathOf};
use crate::http::idempotency::{Decided, Outcome, Receipted, Reply, execute};
use crate::http::problem::Problem;
use crate::http::texts::EntityIdText;
use crate::institutions::{Institutions, Node};
use crate::{store, streams};

/// An approved entity, with its credential once it is registered.
#[derive(Debug, Serialize, ToSchema)]
pub struct Approval {
    /// The entity.
    #[serde(flatten)]
    pub entity: EntityView,
    /// The id of the credential that was issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_id: Option<String>,
    /// The credential that was issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub credential: Option<serde_json::Value>,
}

/// A number was taken in a register. The stream's head keeps two registrations from taking one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberAssigned {
    /// The number.
    pub registration_number: String,
    /// Who has it.
    pub entity: EntityId,
    /// Its place in the sequence.
    pub sequence: u64,
}

/// Approve an application. The last required approval registers the company.
#[utoipa::path(
    post, path = "/v1/entities/{id}/approve", tag = "entities", params(("id" = inline(EntityIdText), Path)),
    responses((status = 200, description = "It is approved.", body = Receipted<Approval>))
)]
pub async fn approve_entity(
    caller: Caller<can::ReviewEntity>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
    command: Command<Empty>,
) -> Result<Outcome, Problem> {
    let (_, permit) = permitted(&node, &caller, &id)?;
    let actor = actor(permit.principal());
    execute(&node.platform, &permit, &command.ticket, |now_ms| {
        approve(&node, &id, &actor, now_ms)
    })
    .await
}

fn approve(
    node: &Institutions,
    id: &EntityId,
    actor: &ActorId,
    now_ms: i64,
) -> Result<Decided, Problem> {
    let reader = &node.platform.reader;
    let found = store::entity(reader, id)?;
    let (stored, expected) = found.ok_or_else(|| Problem::not_found("entity"))?;
    let evaluation = compliance::evaluate(node, &stored.body, Operation::EntityFormation, now_ms)?;
    let register = streams::register(&stored.body.jurisdiction);
    let register_head = store::expected(reader, &register)?;
    let sequence = next_sequence(node, &stored.body.jurisdiction)?;
    let command = Step::Approve {
        evaluation: Box::new(evaluation.clone()),
        sequence,
    };
    let context = node.context(now_ms, actor);
    let decision = entity::decide(Some(&stored.body), command, &context).map_err(refused)?;

    let after = advance(stored.body, &decision.events)?;
    let mut change = Change::new(now_ms);
    change.decision(id, expected, &decision)?;
    compliance::keep(node, &mut change, &evaluation)?;
    let issued = match registered(&decision) {
        None => None,
        Some(number) => {
            take_number(&mut change, &register, register_head, number, id, sequence)?;
            Some(issue::formation(node, &mut change, &after, &evaluation)?)
        }
    };
    let (credential_id, credential) = issued.unzip();
    let approval = Approval {
        entity: node.view_at(&after, now_ms),
        credential_id,
        credential,
    };
    let reply = Reply::ok(&approval);
    Ok(Decided {
        transaction: change.into_transaction(),
        reply,
        reply_owner: None,
    })
}

fn registered(decision: &Decision) -> Option<&str> {
    decision.events.iter().find_map(|event| match event {
        EntityEvent::Activated(activated) => Some(activated.registration_number.as_str()),
        _ => None,
    })
}

fn take_number(
    change: &mut Change,
    register: &journal::StreamName,
    head: Expected,
    number: &str,
    id: &EntityId,
    sequence: NonZeroU64,
) -> Result<(), Problem> {
    let assigned = NumberAssigned {
        registration_number: number.to_owned(),
        entity: id.clone(),
        sequence: sequence.get(),
    };
    change.append(
        register,
        Privacy::Public,
        head,
        "register.number_assigned.v1",
        &assigned,
    )
}

/// The number after the newest one of a register.
fn next_sequence(
    node: &Institutions,
    jurisdiction: &ids::JurisdictionId,
) -> Result<NonZeroU64, Problem> {
    let counter = store::find::<crate::projection::RegisterCounter>(
        &node.platform.reader,
        store::kind::REGISTER,
        jurisdiction.as_str(),
    )?;
    let used = counter.map_or(0, |counter| counter.body.numbers);
    Ok(NonZeroU64::MIN.saturating_add(used))
}
