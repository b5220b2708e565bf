//! Names of principals.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The name of a person, service, peer zone or device in this zone: 2 to 64 characters of `a-z`, `0-9`, `.`, `_` and
/// `-`, starting with a letter or digit. It is a stream segment, a token subject and a journal actor unchanged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9._-]{1,63}$", example = "aisha.khan")]
pub struct PrincipalId(String);

/// The text is not a principal name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a principal id has 2 to 64 characters of a-z, 0-9, '.', '_' and '-' and starts with a letter or digit"
)]
pub struct PrincipalIdError;

impl PrincipalId {
    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PrincipalId {
    type Err = PrincipalIdError;

    fn from_str(text: &str) -> Result<Self, PrincipalIdError> {
        let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let starts_plain = text.as_bytes().first().is_some_and(plain);
        let all_allowed = text.bytes().all(|b| plain(&b) || b"._-".contains(&b));
        if (2..=64).contains(&text.len()) && starts_plain && all_allowed {
            Ok(Self(text.to_owned()))
        } else {
            Err(PrincipalIdError)
        }
    }
}

impl TryFrom<String> for PrincipalId {
    type Error = PrincipalIdError;

    fn try_from(text: String) -> Result<Self, PrincipalIdError> {
        text.parse()
    }
}

impl From<PrincipalId> for String {
    fn from(id: PrincipalId) -> Self {
        id.0
    }
}

impl fmt::Display for PrincipalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
