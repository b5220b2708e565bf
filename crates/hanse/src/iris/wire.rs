//! What callers send and get about accounts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use iris::account::{Account, Standing};

use super::address::{AccountAddress, Password};
use crate::journal_api::ErasureReason;
use platform::auth::PrincipalId;

/// A new account. It has a password, or a principal whose tokens sign in, or both.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateAccount {
    /// Its address, in the domain of the node.
    pub jid: AccountAddress,
    /// Its first password.
    #[serde(default)]
    pub password: Option<Password>,
    /// The principal it belongs to, whose tokens with `iris:send` sign in to it.
    #[serde(default)]
    pub principal: Option<PrincipalId>,
}

/// Another password.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPassword {
    /// The password from now on.
    pub password: Password,
}

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountStanding {
    /// Nobody can sign in to it for now; it still receives.
    Disabled,
    /// It may.
    Enabled,
    /// It is gone for those who write to it, and its name is never given out again.
    Removed,
}

impl From<Standing> for AccountStanding {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Enabled => Self::Enabled,
            Standing::Disabled => Self::Disabled,
            Standing::Removed => Self::Removed,
        }
    }
}

/// An account.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AccountView {
    /// Its address.
    pub jid: AccountAddress,
    /// Whether it may be used.
    pub standing: AccountStanding,
    /// Whether it has a password.
    pub has_password: bool,
    /// The principal it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// When it was created, Unix milliseconds.
    pub created_ms: i64,
}

impl AccountView {
    /// How a stored account looks.
    pub fn of(jid: AccountAddress, account: &Account) -> Self {
        Self {
            jid,
            standing: account.standing.into(),
            has_password: account.credentials.is_some(),
            principal: account.principal.clone(),
            created_ms: account.created_ms,
        }
    }
}

/// Why an account and all it holds is erased.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseAccount {
    /// Why.
    pub reason: ErasureReason,
}

/// What was erased.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AccountErased {
    /// The account.
    pub jid: AccountAddress,
    /// The streams whose keys were destroyed. Their headers and proofs stay.
    pub streams: Vec<String>,
}
