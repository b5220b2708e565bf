//! What is stored about an account itself: the one document of its collection
//! [`Account`](crate::documents::Collection::Account), named `""`.

use serde::{Deserialize, Serialize};

use crate::sasl::Credentials;

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It may.
    #[default]
    Enabled,
    /// Nobody can sign in to it for now; it still receives.
    Disabled,
    /// It is gone for those who write to it, and its name is never given out again.
    Removed,
}

/// One account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// What proves a password; absent when one signs in by token only.
    pub credentials: Option<Credentials>,
    /// Whether it may be used.
    pub standing: Standing,
    /// The principal of the zone that it belongs to, whose tokens sign in to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// When it was made, in milliseconds since 1970.
    pub created_ms: i64,
}

impl Account {
    /// Reads a stored document.
    ///
    /// # Errors
    /// It is not an account.
    pub fn read(document: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(document)
    }

    /// The document to store.
    pub fn to_document(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an account is text and numbers")
    }

    /// What a password is checked against, while the account may be used.
    pub fn usable_credentials(&self) -> Option<&Credentials> {
        match self.standing {
            Standing::Enabled => self.credentials.as_ref(),
            Standing::Disabled | Standing::Removed => None,
        }
    }
}
