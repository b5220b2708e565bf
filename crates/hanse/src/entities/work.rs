//! What has to be done because of what happened to an entity.

use ids::EntityId;
use journal::LeasedEffect;
use mez::entity::{Effect, ReviewReason, Status};

use crate::credentials::status;
use crate::institution::Work;
use crate::institution::{Executing, done, work};
use crate::notifications::{self, Notification};
use crate::state::{Institutions, Node};
use platform::change::Change;
use platform::declined::Declined;
use platform::moment::Moment;

/// The kind of [`Effect::NotifyReviewers`] in the outbox.
pub(super) const NOTIFY_REVIEWERS: &str = "notify_reviewers";
/// The kind of [`Effect::PublishStatusList`] in the outbox.
pub(super) const PUBLISH_STATUS_LIST: &str = "publish_status_list";

impl Work for Effect {
    fn kind(&self) -> &'static str {
        match self {
            Self::NotifyReviewers { .. } => NOTIFY_REVIEWERS,
            Self::PublishStatusList { .. } => PUBLISH_STATUS_LIST,
        }
    }
}

/// Executes the work of the register.
pub(super) fn execute(node: Node, leased: LeasedEffect) -> Executing {
    Box::pin(async move {
        let effect: Effect = work(&leased).map_err(|error| Declined::internal(&error))?;
        let shared = node.clone();
        let act = move |moment: &Moment<'_>| {
            let mut change = Change::default();
            match &effect {
                Effect::NotifyReviewers { entity, reason } => {
                    notify(&shared, moment, &mut change, &leased.id, entity, reason)?;
                }
                Effect::PublishStatusList { entity } => {
                    status::follow(&shared, moment, &mut change, entity)?;
                }
            }
            change.settle(done(&leased));
            Ok((change, ()))
        };
        node.platform.act(act).await
    })
}

fn notify(
    node: &Institutions,
    moment: &Moment<'_>,
    change: &mut Change,
    id: &str,
    entity: &EntityId,
    reason: &ReviewReason,
) -> Result<(), Declined> {
    let text = match reason {
        ReviewReason::Application => "an application waits for a decision".to_owned(),
        ReviewReason::ScreeningHit { parties } => {
            let found = crate::records::entity(moment, entity)?;
            let parties = match parties.len() {
                1 => "1 party not cleared by screening".to_owned(),
                count => format!("{count} parties not cleared by screening"),
            };
            // Who was let in on another version of a list stays in until somebody decides.
            match found.map(|stored| stored.body.status) {
                Some(status @ (Status::Active | Status::Dissolving(_))) => format!(
                    "{parties}, and the company is {}: suspend it, or decide on the hits",
                    status.name()
                ),
                _ => parties,
            }
        }
    };
    let notification = Notification::for_reviewers(id, entity, text, moment.now_ms);
    notifications::raise(node, change, &notification)
}
