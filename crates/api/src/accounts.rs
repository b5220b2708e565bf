//! Accounts of the messenger, and invitations to them.

use ids::PrincipalId;
use serde::{Deserialize, Serialize};

pub use crate::address::{AccountAddress, AddressError, Password};
use crate::journal::ErasureReason;
use crate::word::words;

/// A new account. It has a password, or a principal whose tokens sign in, or both.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SetPassword {
    /// The password from now on.
    pub password: Password,
}

words! {
    /// Whether an account may be used.
    AccountStanding {
        /// Nobody can sign in to it for now; it still receives.
        Disabled = "disabled",
        /// It may.
        Enabled = "enabled",
        /// It is gone for those who write to it, and its name is never given out again.
        Removed = "removed",
    }
}

/// An account.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccountView {
    /// Its address.
    pub jid: AccountAddress,
    /// Whether it may be used.
    pub standing: AccountStanding,
    /// Whether it has a password.
    pub has_password: bool,
    /// The principal it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// When it was created, Unix milliseconds.
    pub created_ms: i64,
}

/// Why an account and all it holds is erased.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EraseAccount {
    /// Why.
    pub reason: ErasureReason,
}

/// What was erased.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccountErased {
    /// The account.
    pub jid: AccountAddress,
    /// The streams whose keys were destroyed. Their headers and proofs stay.
    pub streams: Vec<String>,
}

/// A new invitation.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateInvitation {
    /// The address that the account must have; any free one when absent.
    #[serde(default)]
    pub jid: Option<AccountAddress>,
    /// How long it can be used, in seconds, at most 90 days; 3 days when absent.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 7_776_000))]
    pub lifetime_s: Option<u32>,
}

/// An account for who was invited.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RedeemInvitation {
    /// The secret of the invitation.
    #[cfg_attr(feature = "openapi", schema(max_length = 200))]
    pub token: String,
    /// The address of the account.
    pub jid: AccountAddress,
    /// Its password.
    pub password: Password,
}

words! {
    /// What became of an invitation.
    InvitationStatus {
        /// It can be used, until it ends.
        Open = "open",
        /// It was taken back.
        Revoked = "revoked",
        /// It made an account.
        Used = "used",
    }
}

/// An invitation as stored and as shown, without its secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InvitationView {
    /// Its id: the start of the SHA-256 of its secret.
    pub id: String,
    /// What became of it.
    pub status: InvitationStatus,
    /// The address that the account must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jid: Option<AccountAddress>,
    /// From when on it cannot be used, Unix milliseconds.
    pub expires_ms: i64,
    /// Who invited.
    pub by: String,
}

/// A fresh invitation, with its secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InvitationIssued {
    /// The invitation.
    #[serde(flatten)]
    pub invitation: InvitationView,
    /// The secret, for who is invited.
    pub token: String,
}
