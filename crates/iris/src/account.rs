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

/// Of a stored account nothing but its standing: every message asks for that of its recipient.
#[derive(Deserialize)]
struct OnlyStanding {
    standing: Standing,
}

impl Standing {
    /// The standing in a stored account.
    ///
    /// # Errors
    /// It has none.
    pub fn read(account: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(account).map(|OnlyStanding { standing }| standing)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standing_is_read_as_the_whole_account_has_it() {
        for standing in [Standing::Enabled, Standing::Disabled, Standing::Removed] {
            let account = Account {
                credentials: Credentials::derive("pencil", &[7; 16], 1).ok(),
                standing,
                principal: Some("p".to_owned()),
                created_ms: 1,
            };
            let stored = account.to_document();
            assert_eq!(Account::read(&stored).unwrap(), account);
            assert_eq!(Standing::read(&stored).unwrap(), standing);
        }
        assert!(Standing::read(b"{}").is_err());
    }
}
