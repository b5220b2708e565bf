//! Sealing: payloads of personal streams, the streams' data keys, and emergency dumps.
//!
//! An envelope is `0x01 ‖ nonce (24) ‖ XChaCha20-Poly1305 ciphertext and tag`
//! (draft-irtf-cfrg-xchacha-03). Nonces are random, so one key may seal 2^80 messages.
//! The associated data is a purpose and the place, each framed by its length, so that an envelope
//! moved to another place does not open.

use std::fmt;

use chacha20poly1305::{
    AeadInOut as _, KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use zeroize::Zeroizing;

use crate::{
    error::SealError,
    names::{Seq, StreamName},
};

const ENVELOPE_VERSION: u8 = 1;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const KEY_BYTES: usize = 32;

/// Source of random bytes: fills the slice completely.
pub type Entropy = Box<dyn FnMut(&mut [u8]) + Send>;

/// A 32-byte key: the node's, or one stream's data key. Zeroised when dropped, never printed.
#[derive(Clone)]
pub struct SealingKey(Zeroizing<[u8; KEY_BYTES]>);

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(..)")
    }
}

/// What an envelope holds and where it belongs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    Payload {
        stream: &'a StreamName,
        seq: Seq,
    },
    Record {
        stream: &'a StreamName,
        kind: &'a str,
        id: &'a str,
    },
    Effect {
        stream: &'a StreamName,
        id: &'a str,
    },
    Response {
        stream: &'a StreamName,
        scope: &'a str,
        key: &'a str,
    },
    StreamKey {
        stream: &'a StreamName,
    },
    Dump,
    KeyCheck {
        origin: &'a str,
    },
}

impl Place<'_> {
    fn associated_data(self) -> Vec<u8> {
        let seq_bytes;
        let parts: &[&[u8]] = match self {
            Place::Payload { stream, seq } => {
                seq_bytes = seq.get().to_be_bytes();
                &[b"hanse/payload/v1", stream.as_str().as_bytes(), &seq_bytes]
            }
            Place::Record { stream, kind, id } => &[
                b"hanse/record/v1",
                stream.as_str().as_bytes(),
                kind.as_bytes(),
                id.as_bytes(),
            ],
            Place::Effect { stream, id } => &[
                b"hanse/effect/v1",
                stream.as_str().as_bytes(),
                id.as_bytes(),
            ],
            Place::Response { stream, scope, key } => &[
                b"hanse/response/v1",
                stream.as_str().as_bytes(),
                scope.as_bytes(),
                key.as_bytes(),
            ],
            Place::StreamKey { stream } => &[b"hanse/stream-key/v1", stream.as_str().as_bytes()],
            Place::Dump => &[b"hanse/dump/v1"],
            Place::KeyCheck { origin } => &[b"hanse/key-check/v1", origin.as_bytes()],
        };
        let mut framed = Vec::with_capacity(64);
        for part in parts {
            framed.extend_from_slice(&(part.len() as u64).to_be_bytes());
            framed.extend_from_slice(part);
        }
        framed
    }
}

impl SealingKey {
    /// A key from its bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(crate) fn generate(entropy: &mut Entropy) -> Self {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        entropy(&mut bytes[..]);
        Self(bytes)
    }

    pub(crate) fn seal(&self, place: Place<'_>, plain: &[u8], entropy: &mut Entropy) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        entropy(&mut nonce);
        let start = 1 + NONCE_BYTES;
        let mut envelope = Vec::with_capacity(start + plain.len() + TAG_BYTES);
        envelope.push(ENVELOPE_VERSION);
        envelope.extend_from_slice(&nonce);
        envelope.extend_from_slice(plain);
        let tag = self
            .cipher()
            .encrypt_inout_detached(
                &XNonce::from(nonce),
                &place.associated_data(),
                (&mut envelope[start..]).into(),
            )
            .expect("XChaCha20-Poly1305 seals every message below 256 GiB");
        envelope.extend_from_slice(&tag);
        envelope
    }

    pub(crate) fn open(&self, place: Place<'_>, envelope: &[u8]) -> Result<Vec<u8>, SealError> {
        let Some((&ENVELOPE_VERSION, rest)) = envelope.split_first() else {
            return Err(SealError::Envelope);
        };
        let Some((nonce, sealed)) = rest.split_first_chunk::<NONCE_BYTES>() else {
            return Err(SealError::Envelope);
        };
        if sealed.len() < TAG_BYTES {
            return Err(SealError::Envelope);
        }
        self.cipher()
            .decrypt(
                &XNonce::from(*nonce),
                Payload {
                    msg: sealed,
                    aad: &place.associated_data(),
                },
            )
            .map_err(|_| SealError::Refused)
    }

    /// Seals a stream's data key under this node key.
    pub(crate) fn wrap(
        &self,
        stream: &StreamName,
        key: &SealingKey,
        entropy: &mut Entropy,
    ) -> Vec<u8> {
        self.seal(Place::StreamKey { stream }, &key.0[..], entropy)
    }

    /// Opens a stream's data key.
    pub(crate) fn unwrap_key(
        &self,
        stream: &StreamName,
        wrapped: &[u8],
    ) -> Result<SealingKey, SealError> {
        let plain = Zeroizing::new(self.open(Place::StreamKey { stream }, wrapped)?);
        let bytes = plain[..].try_into().map_err(|_| SealError::KeyLength)?;
        Ok(Self::from_bytes(bytes))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counting_entropy() -> Entropy {
        let mut n = 0_u8;
        Box::new(move |bytes| {
            for byte in bytes {
                n = n.wrapping_add(1);
                *byte = n;
            }
        })
    }

    fn stream(name: &str) -> StreamName {
        name.parse().unwrap()
    }

    proptest! {
        #[test]
        fn what_is_sealed_opens_at_its_place_only(
            plain in proptest::collection::vec(any::<u8>(), 0..200),
            flip in any::<prop::sample::Index>(),
            bit in 0_u8..8,
        ) {
            let key = SealingKey::from_bytes([7; 32]);
            let (a, b) = (stream("a"), stream("b"));
            let place = Place::Payload { stream: &a, seq: Seq::FIRST };
            let envelope = key.seal(place, &plain, &mut counting_entropy());
            prop_assert_eq!(key.open(place, &envelope).unwrap(), plain);

            let elsewhere = Place::Payload { stream: &b, seq: Seq::FIRST };
            prop_assert_eq!(key.open(elsewhere, &envelope), Err(SealError::Refused));
            let later = Place::Payload { stream: &a, seq: Seq::FIRST.next() };
            prop_assert_eq!(key.open(later, &envelope), Err(SealError::Refused));
            let other = SealingKey::from_bytes([8; 32]);
            prop_assert_eq!(other.open(place, &envelope), Err(SealError::Refused));

            let mut flipped = envelope.clone();
            let at = flip.index(flipped.len());
            flipped[at] ^= 1 << bit;
            prop_assert!(key.open(place, &flipped).is_err());
        }
    }

    #[test]
    fn a_wrapped_key_opens_for_its_stream_only() {
        let node = SealingKey::from_bytes([1; 32]);
        let mut entropy = counting_entropy();
        let key = SealingKey::generate(&mut entropy);
        let wrapped = node.wrap(&stream("a"), &key, &mut entropy);
        assert_eq!(node.unwrap_key(&stream("a"), &wrapped).unwrap().0, key.0);
        assert_eq!(
            node.unwrap_key(&stream("b"), &wrapped).unwrap_err(),
            SealError::Refused
        );
    }

    #[test]
    fn a_key_never_prints_its_bytes() {
        let key = SealingKey::from_bytes([0xAB; 32]);
        assert_eq!(format!("{key:?}"), "SealingKey(..)");
    }
}
