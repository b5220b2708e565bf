//! What the node has to do in the world. Each variant has exactly one executor.

use evidence::digest::Digest;
use mez::entity::Effect;
use serde::{Deserialize, Serialize};

/// Work for the outbox. Adding a variant without an executor does not compile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "work", rename_all = "snake_case")]
pub enum NodeEffect {
    /// Something an institution decided.
    Institution(Effect),
    /// A version of a list came into force: screen everybody on it.
    Rescreen {
        /// Which list.
        list: String,
        /// Commits to its entries.
        digest: Digest,
    },
    /// Tell the outside about a notification.
    CallWebhook {
        /// Which notification.
        notification: String,
    },
}

impl NodeEffect {
    /// The kind under which the outbox stores it; breakers and metrics go by it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Institution(Effect::Screen { .. }) => "screen",
            Self::Institution(Effect::NotifyReviewers { .. }) => "notify_reviewers",
            Self::Institution(Effect::PublishStatusList { .. }) => "publish_status_list",
            Self::Rescreen { .. } => "rescreen",
            Self::CallWebhook { .. } => "call_webhook",
        }
    }
}
