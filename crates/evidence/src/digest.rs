//! SHA-256 digests that say what they are of.
//!
//! A digest of an event can never be passed off as the digest of a payload with the same bytes:
//! the purpose is hashed first, with its length, so that no two purposes share an input.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use sha2::Digest as _;
use sha2::Sha256;
use thiserror::Error;

/// What a digest is of. The tags are hashed and stored, so they never change; a new meaning is a new tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// The header of an event, in canonical bytes.
    Event,
    /// The name of a stream, in place of the predecessor of its first event.
    Genesis,
    /// The payload of an event as it is stored: sealed, if the stream is personal.
    Payload,
    /// A request that carries an idempotency key.
    Request,
    /// One file of a pack.
    PackFile,
    /// A pack: the canonical list of its files' digests.
    Pack,
    /// The lock file of a zone.
    ZoneLock,
    /// A sanctions list as imported.
    SanctionsList,
    /// A party as it was screened.
    Screening,
    /// Evidence that a compliance judgement rests on.
    Evidence,
    /// A compliance judgement: subject, time, results and evidence.
    Compliance,
    /// A credential in canonical bytes.
    Credential,
    /// A secret token, so that only its digest need be kept.
    Token,
    /// An evidence bundle without its seal.
    Bundle,
}

impl Purpose {
    /// The tag that is hashed before the bytes; at most 255 bytes.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Event => "hanse/event/v1",
            Self::Genesis => "hanse/genesis/v1",
            Self::Payload => "hanse/payload/v1",
            Self::Request => "hanse/request/v1",
            Self::PackFile => "hanse/pack-file/v1",
            Self::Pack => "hanse/pack/v1",
            Self::ZoneLock => "hanse/zone-lock/v1",
            Self::SanctionsList => "hanse/sanctions-list/v1",
            Self::Screening => "hanse/screening/v1",
            Self::Evidence => "hanse/evidence/v1",
            Self::Compliance => "hanse/compliance/v1",
            Self::Credential => "hanse/credential/v1",
            Self::Token => "hanse/token/v1",
            Self::Bundle => "hanse/bundle/v1",
        }
    }
}

/// 32 bytes of SHA-256. Its text, in JSON too, is `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// SHA-256(length of tag ‖ tag ‖ bytes), the length being one byte.
    pub fn of(purpose: Purpose, bytes: &[u8]) -> Self {
        let tag = purpose.tag().as_bytes();
        let length = u8::try_from(tag.len()).expect("tags are shorter than 256 bytes");
        let hash = Sha256::new()
            .chain_update([length])
            .chain_update(tag)
            .chain_update(bytes);
        Self(hash.finalize().into())
    }

    /// SHA-256 of the bytes alone, where an outside format asks for it.
    pub fn raw(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// A digest computed elsewhere.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 lower-case hexadecimal digits, without the algorithm's name.
    pub fn to_hex(self) -> String {
        HEXLOWER.encode(&self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text is not a digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DigestParseError {
    /// It does not begin with `sha256:`.
    #[error("digest does not begin with `sha256:`")]
    UnknownAlgorithm,
    /// What follows is not 64 lower-case hexadecimal digits.
    #[error("digest is not 64 lower-case hexadecimal digits")]
    NotHex,
}

impl FromStr for Digest {
    type Err = DigestParseError;

    fn from_str(text: &str) -> Result<Self, DigestParseError> {
        let hex = text
            .strip_prefix("sha256:")
            .ok_or(DigestParseError::UnknownAlgorithm)?;
        let bytes = HEXLOWER
            .decode(hex.as_bytes())
            .map_err(|_| DigestParseError::NotHex)?;
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| DigestParseError::NotHex)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_with_the_same_bytes_have_different_digests() {
        assert_ne!(
            Digest::of(Purpose::Event, b"x"),
            Digest::of(Purpose::Payload, b"x")
        );
        assert_ne!(Digest::of(Purpose::Event, b"x"), Digest::raw(b"x"));
    }

    #[test]
    fn tagged_digest_is_length_tag_bytes() {
        let expected = Digest::raw(b"\x0ehanse/event/v1payload");
        assert_eq!(Digest::of(Purpose::Event, b"payload"), expected);
    }

    #[test]
    fn text_form_round_trips_and_is_strict() {
        let digest = Digest::raw(b"hello");
        let text = "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        assert_eq!(digest.to_string(), text);
        assert_eq!(text.parse(), Ok(digest));
        assert_eq!(
            text.to_uppercase().parse::<Digest>(),
            Err(DigestParseError::UnknownAlgorithm)
        );
        let upper = text.replace("2cf24", "2CF24");
        assert_eq!(upper.parse::<Digest>(), Err(DigestParseError::NotHex));
        assert_eq!(text[..70].parse::<Digest>(), Err(DigestParseError::NotHex));
    }
}
