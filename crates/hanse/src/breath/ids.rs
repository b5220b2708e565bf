//! Names of people and sessions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// The pseudonym of a person: 1 to 63 characters of `a-z`, `0-9` and `-`, not starting with `-`. It is part of stream
/// names, which are never erased, so it MUST NOT be a name or an official number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9-]{0,62}$", example = "guest-17")]
pub struct BreathPerson(String);

/// The text is not a pseudonym.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a pseudonym has 1 to 63 characters of a-z, 0-9 and '-', and does not start with '-'")]
pub struct NotAPseudonym;

impl BreathPerson {
    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BreathPerson {
    type Err = NotAPseudonym;

    fn from_str(text: &str) -> Result<Self, NotAPseudonym> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let fits = (1..=63).contains(&text.len())
            && !text.starts_with('-')
            && text.bytes().all(|byte| plain(byte) || byte == b'-');
        fits.then(|| Self(text.to_owned())).ok_or(NotAPseudonym)
    }
}

impl TryFrom<String> for BreathPerson {
    type Error = NotAPseudonym;

    fn try_from(text: String) -> Result<Self, NotAPseudonym> {
        text.parse()
    }
}

impl From<BreathPerson> for String {
    fn from(person: BreathPerson) -> Self {
        person.0
    }
}

impl fmt::Display for BreathPerson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of a session: a UUID in its usual text form, made by the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", example = "0197c0de-0000-7000-8000-000000000000")]
pub struct SessionId(Uuid);

/// The text is not the id of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a session id is a UUID in its usual text form")]
pub struct NotASessionId;

impl SessionId {
    /// An id that nothing has yet. Later ids sort later.
    pub fn fresh() -> Self {
        Self(Uuid::now_v7())
    }
}

impl FromStr for SessionId {
    type Err = NotASessionId;

    fn from_str(text: &str) -> Result<Self, NotASessionId> {
        // Only one text form, because it is part of a stream name.
        let id = Uuid::try_parse(text).map_err(|_| NotASessionId)?;
        (id.hyphenated().to_string() == text)
            .then_some(Self(id))
            .ok_or(NotASessionId)
    }
}

impl TryFrom<String> for SessionId {
    type Error = NotASessionId;

    fn try_from(text: String) -> Result<Self, NotASessionId> {
        text.parse()
    }
}

impl From<SessionId> for String {
    fn from(id: SessionId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_is_a_stream_segment_and_nothing_longer() {
        for good in ["a", "guest-17", "0"] {
            assert!(good.parse::<BreathPerson>().is_ok(), "{good}");
        }
        let long = "a".repeat(64);
        for bad in ["", "-a", "Aisha", "a b", "a/b", "é", long.as_str()] {
            assert!(bad.parse::<BreathPerson>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_session_id_has_one_text_form() {
        let id = SessionId::fresh();
        assert_eq!(id.to_string().parse(), Ok(id));
        let upper = id.to_string().to_uppercase();
        assert_eq!(upper.parse::<SessionId>().is_ok(), upper == id.to_string());
        assert_eq!("1".parse::<SessionId>(), Err(NotASessionId));
    }
}
