//! What people of the zone must be told.

use crate::word::words;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

words! {
    /// Whom a notification is for.
    Audience {
        /// Those who decide on applications and hits.
        Reviewers = "reviewers",
        /// Those who run the node: something failed for good.
        Operators = "operators",
    }
}

/// Something people must be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Notification))]
pub struct NotificationView {
    /// Id: that of the work it comes from.
    pub id: String,
    /// Whom it is for.
    pub audience: Audience,
    /// About which entity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    /// What happened.
    pub text: String,
    /// When.
    pub raised_at: Timestamp,
    /// Who took note of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_by: Option<String>,
}
