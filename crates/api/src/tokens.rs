//! What the holder of a text may do.

use std::collections::BTreeSet;

use ids::PrincipalId;
use serde::{Deserialize, Serialize};

use crate::scope::ScopeSet;
use crate::word::words;

words! {
    /// Whether a token was taken back before its end.
    TokenStatus {
        /// It was not.
        Issued = "issued",
        /// It was.
        Revoked = "revoked",
    }
}

/// A token, without its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenView {
    /// Its id.
    pub jti: String,
    /// Whose it is.
    pub principal: PrincipalId,
    /// What it allows at most.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub scopes: ScopeSet,
    /// The entities it is bound to.
    pub entities: BTreeSet<String>,
    /// The jurisdiction it is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<String>,
    /// When it was issued, Unix seconds.
    pub issued_s: i64,
    /// The first second at which it is not valid.
    pub expires_s: i64,
    /// Who issued it.
    pub issued_by: String,
    /// Whether it was taken back.
    pub status: TokenStatus,
}

/// A token with its text, which is shown to the one who asked and stored nowhere.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IssuedToken {
    /// The text for `Authorization: Bearer`.
    #[serde(default)]
    pub token: String,
    /// What it is.
    #[serde(flatten)]
    pub view: TokenView,
}

/// Issues a token to a principal.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct IssueToken {
    /// Whose it is.
    pub principal: PrincipalId,
    /// What it allows; everything the principal may do when absent.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Vec<crate::scope::Scope>>))]
    pub scopes: Option<ScopeSet>,
    /// How long it lives, in seconds; one hour when absent.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 86400))]
    pub lifetime_s: Option<i64>,
    /// The entities it is bound to; those of the principal when empty.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<crate::text::LineText>, max_items = 100))]
    pub entities: BTreeSet<String>,
    /// The jurisdiction it is bound to; that of the principal when absent.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::text::LineText>))]
    pub jurisdiction: Option<String>,
}

/// Takes a token back.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RevokeToken {
    /// Why, for those who read the journal.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::text::LineText))]
    pub reason: String,
}

/// A signed assertion by which a principal proves its key (RFC 7523).
#[derive(Debug, Clone, Deserialize, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ExchangeAssertion {
    /// The compact JWS.
    pub assertion: String,
}
