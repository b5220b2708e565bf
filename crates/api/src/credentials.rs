//! What the zone certifies.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A credential that the zone issued.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Credential))]
pub struct CredentialView {
    /// Its id, the UUID of its URN.
    pub id: String,
    /// Whom it is about.
    pub entity: String,
    /// `in_force`, `suspended` or `revoked`.
    pub standing: String,
    /// The credential: W3C Verifiable Credentials 2.0 with a Data Integrity proof (eddsa-jcs-2022).
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub credential: Value,
}

/// What came of verifying a credential.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VerificationView {
    /// Whether every check passed.
    pub verified: bool,
    /// Who issued it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The check that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
}
