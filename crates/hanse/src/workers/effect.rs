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
    /// Every kind. Other rows of the outbox, such as messages to other servers, have their own workers.
    pub const KINDS: [&'static str; 5] = [
        "screen",
        "notify_reviewers",
        "publish_status_list",
        "rescreen",
        "call_webhook",
    ];

    /// The kind under which the outbox stores it; breakers and metrics go by it. It is one of [`Self::KINDS`], or no worker
    /// would take it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Institution(Effect::Screen { .. }) => Self::KINDS[0],
            Self::Institution(Effect::NotifyReviewers { .. }) => Self::KINDS[1],
            Self::Institution(Effect::PublishStatusList { .. }) => Self::KINDS[2],
            Self::Rescreen { .. } => Self::KINDS[3],
            Self::CallWebhook { .. } => Self::KINDS[4],
        }
    }
}
