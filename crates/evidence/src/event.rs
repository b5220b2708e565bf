//! The header of an event: what the chain and the log commit to.
//!
//! The canonical bytes of the header are the leaf of the Merkle log and, digested, what the next
//! event of the stream names as its predecessor. The payload enters through its digest only, so it
//! can be withheld or made unreadable without touching a single proof.

use std::num::NonZeroU64;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use thiserror::Error;

use crate::canonical;
use crate::canonical::CanonicalError;
use crate::digest::Digest;
use crate::digest::Purpose;
use crate::merkle;

/// The version of the header's form.
const VERSION: u64 = 1;

/// What is known about an event without its payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventHeader {
    /// Who caused it: a principal's identifier.
    pub actor: String,
    /// When the node decided it, in milliseconds since 1970 UTC.
    pub at_ms: i64,
    /// What happened, with the version of its payload: `entity.applied.v1`.
    pub kind: String,
    /// [`payload_digest`] of the payload as stored.
    pub payload_digest: Digest,
    /// Digest of the stream's event before it; [`genesis`] for the first.
    pub prev: Digest,
    /// The stored payload is ciphertext.
    pub sealed: bool,
    /// Place in the stream, from 1, without gaps.
    pub seq: NonZeroU64,
    /// The stream's name.
    pub stream: String,
    /// Always 1.
    #[serde(rename = "v")]
    pub version: Version,
}

/// The version of the header's form; there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Version;

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(VERSION)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            VERSION => Ok(Self),
            other => Err(serde::de::Error::custom(format_args!(
                "unknown version {other}"
            ))),
        }
    }
}

/// Bytes are not an event header.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EventError {
    /// The bytes have no canonical form, or a number in the header is outside ±(2^53−1).
    #[error("event header has no canonical form")]
    NotJson(#[source] CanonicalError),
    /// The bytes are JSON, but not the canonical bytes of it.
    #[error("event header is not in canonical form")]
    NotCanonical,
    /// A member is missing, unknown or of the wrong type.
    #[error("event header is not of the known form: {reason}")]
    WrongForm {
        /// What the reader stumbled on.
        reason: String,
    },
}

impl EventHeader {
    /// The canonical bytes (RFC 8785), and what follows from them.
    pub fn encode(&self) -> Result<EncodedHeader, EventError> {
        let bytes = canonical::to_vec_of(self).map_err(EventError::NotJson)?;
        Ok(EncodedHeader { bytes })
    }

    /// Reads canonical bytes; every other spelling of the same header is refused.
    pub fn decode(bytes: &[u8]) -> Result<Self, EventError> {
        if canonical::canonicalize(bytes).map_err(EventError::NotJson)? != bytes {
            return Err(EventError::NotCanonical);
        }
        let header: Self =
            serde_json::from_slice(bytes).map_err(|error| EventError::WrongForm {
                reason: error.to_string(),
            })?;
        if header.encode()?.bytes != bytes {
            return Err(EventError::NotCanonical);
        }
        Ok(header)
    }
}

/// The canonical bytes of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedHeader {
    bytes: Vec<u8>,
}

impl EncodedHeader {
    /// The bytes: the leaf of the log.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes, to keep.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// What the next event of the stream names as `prev`.
    pub fn digest(&self) -> Digest {
        Digest::of(Purpose::Event, &self.bytes)
    }

    /// The leaf's hash in the log.
    pub fn leaf_hash(&self) -> merkle::Hash {
        merkle::leaf_hash(&self.bytes)
    }
}

/// What the first event of a stream has as `prev`.
pub fn genesis(stream: &str) -> Digest {
    Digest::of(Purpose::Genesis, stream.as_bytes())
}

/// The digest of a payload as stored.
pub fn payload_digest(stored: &[u8]) -> Digest {
    Digest::of(Purpose::Payload, stored)
}

/// Why an event does not continue a stream.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChainError {
    /// It belongs to another stream.
    #[error("event of stream `{actual}` stands in stream `{expected}`")]
    ForeignStream {
        /// The stream being followed.
        expected: String,
        /// The stream the event names.
        actual: String,
    },
    /// Its number is not the next one.
    #[error("stream `{stream}`: event {actual} stands where {expected} belongs")]
    WrongSeq {
        /// The stream.
        stream: String,
        /// The number that comes next.
        expected: u64,
        /// The number the event has.
        actual: u64,
    },
    /// It names another predecessor.
    #[error("stream `{stream}`: event {seq} does not name its predecessor")]
    BrokenLink {
        /// The stream.
        stream: String,
        /// The event's number.
        seq: u64,
    },
}

/// How far a stream has been followed: the number and digest of its last event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainHead {
    stream: String,
    seq: u64,
    digest: Digest,
}

impl ChainHead {
    /// The head of a stream that has no event yet.
    pub fn genesis(stream: &str) -> Self {
        Self {
            stream: stream.to_owned(),
            seq: 0,
            digest: genesis(stream),
        }
    }

    /// The head that an event claims to follow, for a reader who was not given what came before.
    pub fn before(header: &EventHeader) -> Self {
        let seq = header.seq.get() - 1;
        Self {
            stream: header.stream.clone(),
            seq,
            digest: header.prev,
        }
    }

    /// The head after an event that is already trusted.
    pub fn at(header: &EventHeader, encoded: &EncodedHeader) -> Self {
        Self {
            stream: header.stream.clone(),
            seq: header.seq.get(),
            digest: encoded.digest(),
        }
    }

    /// Number of the last event; 0 when there is none.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// What the next event must name as `prev`.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Checks that the event comes next, and moves on to it.
    pub fn follow(
        &mut self,
        header: &EventHeader,
        encoded: &EncodedHeader,
    ) -> Result<(), ChainError> {
        if header.stream != self.stream {
            let (expected, actual) = (self.stream.clone(), header.stream.clone());
            return Err(ChainError::ForeignStream { expected, actual });
        }
        let (expected, actual) = (self.seq + 1, header.seq.get());
        if actual != expected {
            return Err(ChainError::WrongSeq {
                stream: self.stream.clone(),
                expected,
                actual,
            });
        }
        if header.prev != self.digest {
            return Err(ChainError::BrokenLink {
                stream: self.stream.clone(),
                seq: actual,
            });
        }
        *self = Self::at(header, encoded);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(stream: &str, seq: u64, prev: Digest) -> EventHeader {
        EventHeader {
            actor: "did:key:z6Mk".to_owned(),
            at_ms: 1_767_225_600_000,
            kind: "entity.applied.v1".to_owned(),
            payload_digest: payload_digest(b"{}"),
            prev,
            sealed: false,
            seq: NonZeroU64::new(seq).unwrap(),
            stream: stream.to_owned(),
            version: Version,
        }
    }

    #[test]
    fn header_bytes_are_fixed() {
        let bytes = header("mez/entity/1", 1, genesis("mez/entity/1"))
            .encode()
            .unwrap();
        let expected = format!(
            "{{\"actor\":\"did:key:z6Mk\",\"at_ms\":1767225600000,\"kind\":\"entity.applied.v1\",\
             \"payload_digest\":\"{}\",\"prev\":\"{}\",\"sealed\":false,\"seq\":1,\
             \"stream\":\"mez/entity/1\",\"v\":1}}",
            payload_digest(b"{}"),
            genesis("mez/entity/1")
        );
        assert_eq!(String::from_utf8(bytes.into_bytes()).unwrap(), expected);
    }

    #[test]
    fn a_chain_is_followed_and_each_break_is_named() {
        let first = header("s", 1, genesis("s"));
        let first_bytes = first.encode().unwrap();
        let second = header("s", 2, first_bytes.digest());
        let second_bytes = second.encode().unwrap();
        let mut head = ChainHead::genesis("s");
        assert!(matches!(
            head.follow(&second, &second_bytes),
            Err(ChainError::WrongSeq { .. })
        ));
        head.follow(&first, &first_bytes).unwrap();
        let foreign = header("t", 2, first_bytes.digest());
        let broken = header("s", 2, genesis("s"));
        let follow = |event: &EventHeader| head.clone().follow(event, &event.encode().unwrap());
        assert!(matches!(
            follow(&foreign),
            Err(ChainError::ForeignStream { .. })
        ));
        assert!(matches!(
            follow(&broken),
            Err(ChainError::BrokenLink { .. })
        ));
        head.follow(&second, &second_bytes).unwrap();
        assert_eq!((head.seq(), head.digest()), (2, second_bytes.digest()));
    }

    #[test]
    fn only_canonical_bytes_of_the_known_form_are_read() {
        let bytes = header("s", 1, genesis("s")).encode().unwrap().into_bytes();
        let text = String::from_utf8(bytes).unwrap();
        assert!(EventHeader::decode(text.as_bytes()).is_ok());
        for broken in [
            text.replace("\"v\":1", "\"v\":2"),
            text.replace(",\"v\":1", ""),
            text.replace("\"seq\":1", "\"seq\":0"),
            text.replace("\"seq\":1", "\"seq\":9007199254740992"),
            text.replace("\"v\":1", "\"v\":1,\"x\":1"),
            text.replace("\"v\":1", "\"v\": 1"),
            text.replace("sha256:", "SHA256:"),
        ] {
            assert!(EventHeader::decode(broken.as_bytes()).is_err(), "{broken}");
        }
    }

    proptest! {
        #[test]
        fn header_round_trips(
            actor: String, kind: String, stream: String, sealed: bool,
            at_ms in -canonical::INTEGER_MAX..=canonical::INTEGER_MAX,
            seq in 1..=canonical::INTEGER_MAX as u64,
        ) {
            let header = EventHeader {
                actor, kind, sealed, at_ms, ..header(&stream, seq, genesis(&stream))
            };
            let bytes = header.encode().unwrap();
            prop_assert_eq!(EventHeader::decode(bytes.as_bytes()).unwrap(), header);
        }
    }
}
