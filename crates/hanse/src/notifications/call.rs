//! Executes the work of notifications.

use api::problem::Code;
use journal::LeasedEffect;
use mez::notification::{Effect, Notification};

use crate::institution::{Executing, done, work};
use crate::records::kind;
use crate::state::Node;
use platform::change::Change;
use platform::declined::{Chain, Declined};
use platform::moment::Moment;
use platform::store;

/// Does what the effect says and settles it.
pub(super) fn execute(node: Node, leased: LeasedEffect) -> Executing {
    Box::pin(async move {
        let work = work(&leased).map_err(|error| Declined::internal(&error))?;
        match work {
            Effect::CallWebhook { notification } => call(&node, notification).await?,
        }
        let settle = move |_: &Moment<'_>| {
            let mut change = Change::default();
            change.settle(done(&leased));
            Ok((change, ()))
        };
        node.platform.act(settle).await
    })
}

/// Tells who listens at the webhook, which sees the notification again when we do not learn that it took it. Without a
/// webhook there is nobody to tell.
async fn call(node: &Node, id: String) -> Result<(), Declined> {
    let Some(webhook) = node.webhook.clone() else {
        return Ok(());
    };
    let asked = id.clone();
    let find = move |moment: &Moment<'_>| {
        Ok(store::find::<Notification>(
            moment,
            kind::NOTIFICATION,
            &asked,
        )?)
    };
    let Some(notification) = node.platform.read(find).await? else {
        return Ok(());
    };
    let body = serde_json::to_value(&notification.body);
    let body = body.map_err(|error| Declined::internal(&error))?;
    let shared = node.clone();
    let post = move || webhook.post(&id, &body, &shared.issuer);
    let posted = node.platform.blocking(move |_| post()).await;
    posted.map_err(|error| Declined::new(Code::Conflict, Chain(&error).to_string()))
}
