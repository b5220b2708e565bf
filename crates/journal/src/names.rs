//! Names and positions: what a stream, an event kind and a place in the log are called.
//!
//! Each type holds the only check of its text form; serde goes through it.

use std::{fmt, num::NonZeroU64, str::FromStr};

use serde::{Deserialize, Serialize};

/// Longest stream name, in bytes.
pub const STREAM_NAME_BYTES_MAX: usize = 200;
/// Longest event kind, in bytes.
pub const EVENT_KIND_BYTES_MAX: usize = 100;

/// Name of a stream, such as `mez/entity/ent-1`: segments of `[a-z0-9._@+~-]` joined by `/`,
/// at most 200 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StreamName(String);

/// Kind of an event, such as `entity.applied.v1`: segments of `[a-z0-9_-]` joined by `.`,
/// at most 100 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventKind(String);

/// Position of an event in its stream, counted from 1 without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(NonZeroU64);

/// Position of an event in the node's Merkle log, counted from 0 without gaps.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct LogIndex(pub u64);

/// Why a text is not a stream name or an event kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text or one of its segments has no characters.
    #[error("name has an empty segment")]
    EmptySegment,
    /// The text is longer than its limit.
    #[error("name has {bytes} bytes, at most {max} are allowed")]
    TooLong {
        /// Length of the refused text, in bytes.
        bytes: usize,
        /// Limit, in bytes.
        max: usize,
    },
    /// A character outside the allowed set.
    #[error("name has {character:?} at byte {at}, which is not allowed")]
    Character {
        /// The character.
        character: char,
        /// Byte offset of it.
        at: usize,
    },
}

fn check(
    text: &str,
    max: usize,
    separator: char,
    allowed: impl Fn(char) -> bool,
) -> Result<(), NameError> {
    if text.len() > max {
        return Err(NameError::TooLong {
            bytes: text.len(),
            max,
        });
    }
    if let Some((at, character)) = text
        .char_indices()
        .find(|&(_, c)| c != separator && !allowed(c))
    {
        return Err(NameError::Character { character, at });
    }
    if text.split(separator).any(str::is_empty) {
        return Err(NameError::EmptySegment);
    }
    Ok(())
}

impl FromStr for StreamName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        check(
            text,
            STREAM_NAME_BYTES_MAX,
            '/',
            |c| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '@' | '+' | '~' | '-'),
        )?;
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for EventKind {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        check(
            text,
            EVENT_KIND_BYTES_MAX,
            '.',
            |c| matches!(c, 'a'..='z' | '0'..='9' | '_' | '-'),
        )?;
        Ok(Self(text.to_owned()))
    }
}

macro_rules! text_name {
    ($name:ident) => {
        impl $name {
            /// The text of the name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}

text_name!(StreamName);
text_name!(EventKind);

impl Seq {
    /// The first event of a stream.
    pub const FIRST: Seq = Seq(NonZeroU64::MIN);

    /// The sequence number `n`, or nothing for 0.
    #[must_use]
    pub const fn new(n: u64) -> Option<Seq> {
        match NonZeroU64::new(n) {
            Some(n) => Some(Seq(n)),
            None => None,
        }
    }

    /// The number, at least 1.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    pub(crate) const fn non_zero(self) -> NonZeroU64 {
        self.0
    }

    /// The number that follows.
    ///
    /// # Panics
    /// At 2^64 - 1 events in one stream, which no disk holds.
    #[must_use]
    pub fn next(self) -> Seq {
        Seq(self
            .0
            .checked_add(1)
            .expect("a stream never holds 2^64 events"))
    }

    /// The number that follows `head`, where no head means an empty stream.
    #[must_use]
    pub fn after(head: Option<Seq>) -> Seq {
        head.map_or(Seq::FIRST, Seq::next)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for LogIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_names_accept_the_documented_alphabet_only() {
        for good in [
            "mez/entity/ent-1",
            "iris/archive/a.b+c@x.org",
            "a",
            "x/~y_z/0",
        ] {
            assert_eq!(good.parse::<StreamName>().unwrap().as_str(), good);
        }
        for (bad, why) in [
            ("", NameError::EmptySegment),
            ("a//b", NameError::EmptySegment),
            ("/a", NameError::EmptySegment),
            ("a/", NameError::EmptySegment),
            (
                "A",
                NameError::Character {
                    character: 'A',
                    at: 0,
                },
            ),
            (
                "a b",
                NameError::Character {
                    character: ' ',
                    at: 1,
                },
            ),
            (
                "aé",
                NameError::Character {
                    character: 'é',
                    at: 1,
                },
            ),
        ] {
            assert_eq!(bad.parse::<StreamName>(), Err(why), "{bad:?}");
        }
        let long = "a".repeat(201);
        assert_eq!(
            long.parse::<StreamName>(),
            Err(NameError::TooLong {
                bytes: 201,
                max: 200
            })
        );
    }

    #[test]
    fn event_kinds_refuse_slashes_and_empty_segments() {
        assert!("entity.applied.v1".parse::<EventKind>().is_ok());
        assert_eq!(
            "entity/applied".parse::<EventKind>(),
            Err(NameError::Character {
                character: '/',
                at: 6
            })
        );
        assert_eq!(
            "entity..v1".parse::<EventKind>(),
            Err(NameError::EmptySegment)
        );
    }

    #[test]
    fn names_are_checked_when_deserialized() {
        assert!(serde_json::from_str::<StreamName>("\"No\"").is_err());
        assert!(serde_json::from_str::<Seq>("0").is_err());
    }
}
