//! Names of things in a zone. Each holds its only check; serde goes through it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that breaks the rule of the identifier it was read as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}: {rule}")]
pub struct InvalidId {
    /// Which identifier was expected.
    pub what: &'static str,
    /// The rule it breaks.
    pub rule: &'static str,
    /// What was given.
    pub text: String,
}

macro_rules! text_id {
    ($(#[doc = $doc:literal])+ $name:ident, $what:literal, $rule:literal, $pattern:literal, $length_max:literal, $check:expr) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text form.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidId { what: $what, rule: $rule, text: text.to_owned() })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some(concat!($($doc,)+ " ", $rule, ".").trim()))
                    .max_length(Some($length_max))
                    .pattern(Some($pattern))
                    .into()
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $name {}

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// An entity of the zone, such as a company. It fits one segment of a journal stream name.
    EntityId,
    "an entity id",
    "1 to 64 of a-z, 0-9 and hyphens, neither first nor last a hyphen",
    "^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$",
    64,
    |text| is_slug(text, 64)
);
text_id!(
    /// A natural person known to the zone. It says nothing about the person.
    PersonId,
    "a person id",
    "1 to 64 of a-z, 0-9 and hyphens, neither first nor last a hyphen",
    "^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$",
    64,
    |text| is_slug(text, 64)
);
text_id!(
    /// A jurisdiction: a country code of two letters, then its parts, as in `ae-abudhabi-adgm`.
    JurisdictionId,
    "a jurisdiction id",
    "two lower-case letters, then parts of a-z and 0-9, each after a hyphen",
    "^[a-z]{2}(-[a-z0-9]+)*$",
    100,
    is_jurisdiction
);
text_id!(
    /// A zone: lower-case reverse domain name such as `org.example.zone`.
    ZoneId,
    "a zone id",
    "at most 100 of a-z, 0-9, dots and hyphens, starting with a letter, ending with none of the marks",
    "^[a-z]([a-z0-9.-]{0,98}[a-z0-9])?$",
    100,
    is_zone
);
text_id!(
    /// Who acts: the identifier that the node's authentication gives a principal.
    ActorId,
    "an actor",
    "1 to 200 printable ASCII characters without blanks",
    "^[!-~]{1,200}$",
    200,
    |text| (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
);
text_id!(
    /// The name of a person, service, peer zone or device in this zone. It is a stream segment, a token subject and a journal
    /// actor unchanged.
    PrincipalId,
    "a principal id",
    "2 to 64 of a-z, 0-9, dots, hyphens and underscores, starting with a letter or digit",
    "^[a-z0-9][a-z0-9._-]{1,63}$",
    64,
    |text| {
        (2..=64).contains(&text.len())
            && text.bytes().all(|byte| is_word(byte) || matches!(byte, b'.' | b'-' | b'_'))
            && is_word(text.as_bytes()[0])
    }
);
text_id!(
    /// A country, as two capital letters of ISO 3166-1.
    CountryCode,
    "a country code",
    "two capital letters",
    "^[A-Z]{2}$",
    2,
    |text| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())
);
text_id!(
    /// A name inside a pack: of a regulator, a source, an entity type, a kind of evidence, a policy.
    PackItemId,
    "a pack item id",
    "1 to 100 of a-z, 0-9, dots, hyphens and underscores, starting with a letter or digit",
    "^[a-z0-9][a-z0-9._-]{0,99}$",
    100,
    |text| {
        (1..=100).contains(&text.len())
            && text.bytes().all(|byte| is_word(byte) || matches!(byte, b'.' | b'-' | b'_'))
            && is_word(text.as_bytes()[0])
    }
);

fn is_word(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

fn is_slug(text: &str, length_max: usize) -> bool {
    (1..=length_max).contains(&text.len())
        && text.bytes().all(|byte| is_word(byte) || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn is_jurisdiction(text: &str) -> bool {
    let mut parts = text.split('-');
    let country = parts.next().unwrap_or_default();
    text.len() <= 100
        && country.len() == 2
        && country.bytes().all(|byte| byte.is_ascii_lowercase())
        && parts.all(|part| !part.is_empty() && part.bytes().all(is_word))
}

fn is_zone(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text
            .bytes()
            .all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'))
        && text.as_bytes()[0].is_ascii_lowercase()
        && !text.ends_with(['.', '-'])
        && !text.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jurisdictions_are_lower_case_and_hyphenated() {
        for good in ["pk", "ae-abudhabi-adgm", "us-de", "pk-sifc"] {
            assert_eq!(good.parse::<JurisdictionId>().unwrap().as_str(), good);
        }
        for bad in ["", "PK", "p", "pak", "pk-", "pk--x", "pk_x", "GLOBAL", "1k"] {
            assert!(bad.parse::<JurisdictionId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_id_read_by_serde_obeys_the_same_rule() {
        assert!(serde_json::from_str::<EntityId>("\"Not An Id\"").is_err());
        assert!(serde_json::from_str::<EntityId>("\"0192-ab\"").is_ok());
    }
}
