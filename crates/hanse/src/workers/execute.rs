//! The executors: one for each effect.

use ids::EntityId;
use journal::{LeasedEffect, Privacy, Settlement};
use mez::entity::{self, Command as Step, CredentialStanding, Effect, ReviewReason};
use mez::screening::Party;

use super::commit;
use super::effect::NodeEffect;
use crate::change::Change;
use crate::credentials::{CredentialRecord, status};
use crate::entities::refused;
use crate::http::problem::{Code, Problem};
use crate::institutions::{Institutions, Node};
use crate::notifications::{self, Notification};
use crate::screening::{RESCREENED_KIND, rescreen_all, screen_parties};
use crate::store::{self, kind};
use crate::streams;

/// Does what the effect says and settles it, in one transaction.
pub(super) async fn execute(
    node: &Node,
    leased: &LeasedEffect,
    effect: NodeEffect,
) -> Result<(), Problem> {
    let mut change = Change::new(node.platform.clock.now_ms());
    match effect {
        NodeEffect::Institution(Effect::Screen { entity, parties }) => {
            screen(node, &mut change, &entity, parties)?;
        }
        NodeEffect::Institution(Effect::NotifyReviewers { entity, reason }) => {
            notify(node, &mut change, leased, &entity, &reason)?;
        }
        NodeEffect::Institution(Effect::PublishStatusList { entity, standing }) => {
            publish(node, &mut change, &entity, standing)?;
        }
        NodeEffect::Rescreen { list, digest } => {
            let report = rescreen_all(node, &list, digest).await?;
            let stream = streams::sanctions_list(&list);
            let expected = store::expected(&node.platform.reader, &stream)?;
            change.append(&stream, Privacy::Public, expected, RESCREENED_KIND, &report)?;
        }
        NodeEffect::CallWebhook { notification } => call(node, notification).await?,
    }
    let done = Settlement::Done {
        id: leased.id.clone(),
        lease: leased.lease,
    };
    commit(node, change, done).await
}

fn screen(
    node: &Institutions,
    change: &mut Change,
    id: &EntityId,
    parties: Vec<Party>,
) -> Result<(), Problem> {
    let reader = &node.platform.reader;
    let found = store::entity(reader, id)?;
    let (stored, expected) = found.ok_or_else(|| Problem::not_found("entity"))?;
    let persons = store::persons_of(reader, &stored.body)?;
    let desk = node.shelf.desk();
    let facts = screen_parties(node, &desk, change, &stored.body, &persons, parties)?;
    if facts.is_empty() {
        return Ok(());
    }
    let actor = node.actor();
    let context = node.context(change.now_ms(), &actor);
    let decision = entity::decide(Some(&stored.body), Step::RecordScreenings(facts), &context)
        .map_err(refused)?;
    change.decision(id, expected, &decision)
}

fn notify(
    node: &Institutions,
    change: &mut Change,
    leased: &LeasedEffect,
    entity: &EntityId,
    reason: &ReviewReason,
) -> Result<(), Problem> {
    let text = match reason {
        ReviewReason::Application => "an application waits for a decision".to_owned(),
        ReviewReason::ScreeningHit { parties } => {
            format!(
                "screening found something on {} of the parties",
                parties.len()
            )
        }
    };
    let notification = Notification::for_reviewers(&leased.id, entity, text, change.now_ms());
    notifications::raise(node, change, &notification)
}

/// Suspends, restores or revokes the credentials of an entity and publishes the lists that say so.
fn publish(
    node: &Institutions,
    change: &mut Change,
    entity: &EntityId,
    standing: CredentialStanding,
) -> Result<(), Problem> {
    let filter = [("entity", entity.as_str())];
    let credentials =
        store::all::<CredentialRecord>(&node.platform.reader, kind::CREDENTIAL, &filter)?;
    status::publish(node, change, &credentials, standing)
}

async fn call(node: &Node, id: String) -> Result<(), Problem> {
    let Some(webhook) = node.webhook.clone() else {
        return Ok(());
    };
    let found = store::find::<Notification>(&node.platform.reader, kind::NOTIFICATION, &id)?;
    let Some(notification) = found else {
        return Ok(());
    };
    let body = serde_json::to_value(&notification.body).map_err(|e| Problem::internal(&e))?;
    let node = node.clone();
    let posted = tokio::task::spawn_blocking(move || webhook.post(&id, &body, &node.issuer));
    let posted = posted.await.map_err(|error| Problem::internal(&error))?;
    posted.map_err(|error| {
        Problem::new(
            Code::Conflict,
            crate::http::problem::Chain(&error).to_string(),
        )
    })
}
