//! did:key for Ed25519 (W3C CCG did:key, multicodec 0xed): an identifier that is its own key.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use thiserror::Error;

use crate::key::KeyError;
use crate::key::VerifyingKey;

/// Multicodec `ed25519-pub` as an unsigned varint.
const ED25519_PUB: [u8; 2] = [0xed, 0x01];

/// Longest text of 34 bytes in base58btc, with its multibase prefix.
const MULTIBASE_LENGTH_MAX: usize = 48;

/// `did:key:z6Mk…`: an Ed25519 public key as an identifier.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DidKey {
    key: VerifyingKey,
}

impl DidKey {
    /// The key it names.
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.key
    }

    /// The key as multibase text, `z6Mk…`.
    pub fn multibase(&self) -> String {
        let mut bytes = [0; 34];
        bytes[..2].copy_from_slice(&ED25519_PUB);
        bytes[2..].copy_from_slice(self.key.as_bytes());
        format!("z{}", bs58::encode(bytes).into_string())
    }

    /// Reads multibase text, `z6Mk…`.
    pub fn from_multibase(text: &str) -> Result<Self, DidError> {
        let base58 = text.strip_prefix('z').ok_or(DidError::NotBase58)?;
        if text.len() > MULTIBASE_LENGTH_MAX {
            return Err(DidError::NotEd25519);
        }
        let bytes = bs58::decode(base58)
            .into_vec()
            .map_err(|_| DidError::NotBase58)?;
        let key = bytes
            .strip_prefix(&ED25519_PUB)
            .ok_or(DidError::NotEd25519)?;
        let key = key.try_into().map_err(|_| DidError::NotEd25519)?;
        Ok(Self {
            key: VerifyingKey::from_bytes(key).map_err(DidError::UnusableKey)?,
        })
    }

    /// The one verification method of the identifier's document: `did:key:z6Mk…#z6Mk…`.
    pub fn verification_method(&self) -> String {
        let multibase = self.multibase();
        format!("did:key:{multibase}#{multibase}")
    }

    /// Reads a verification method; the fragment must name the same key as the identifier.
    pub fn from_verification_method(text: &str) -> Result<Self, DidError> {
        let (did, fragment) = text.split_once('#').ok_or(DidError::NoFragment)?;
        let did: Self = did.parse()?;
        if fragment != did.multibase() {
            return Err(DidError::ForeignFragment);
        }
        Ok(did)
    }
}

impl From<VerifyingKey> for DidKey {
    fn from(key: VerifyingKey) -> Self {
        Self { key }
    }
}

impl fmt::Display for DidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "did:key:{}", self.multibase())
    }
}

impl fmt::Debug for DidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text is not a did:key of Ed25519.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DidError {
    /// It does not begin with `did:key:`.
    #[error("identifier does not begin with `did:key:`")]
    NotDidKey,
    /// The key is not base58btc multibase.
    #[error("key is not base58btc text beginning with `z`")]
    NotBase58,
    /// The key is of another kind or length.
    #[error("key is not an Ed25519 public key")]
    NotEd25519,
    /// The key must not be used.
    #[error("key cannot be used")]
    UnusableKey(#[source] KeyError),
    /// A verification method has no `#`.
    #[error("verification method has no fragment")]
    NoFragment,
    /// A verification method's fragment is not the identifier's own key.
    #[error("verification method names another key than its identifier")]
    ForeignFragment,
}

impl FromStr for DidKey {
    type Err = DidError;

    fn from_str(text: &str) -> Result<Self, DidError> {
        Self::from_multibase(text.strip_prefix("did:key:").ok_or(DidError::NotDidKey)?)
    }
}

impl Serialize for DidKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DidKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::key::SigningKey;

    #[test]
    fn a_foreign_fragment_is_refused() {
        let [one, two] = [1, 2].map(|seed| SigningKey::from_seed([seed; 32]).did());
        let mixed = format!("{one}#{}", two.multibase());
        assert_eq!(
            DidKey::from_verification_method(&mixed),
            Err(DidError::ForeignFragment)
        );
        assert_eq!(
            DidKey::from_verification_method(&one.verification_method()),
            Ok(one)
        );
    }

    #[test]
    fn an_x25519_key_is_refused() {
        let text = "did:key:z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc";
        assert_eq!(text.parse::<DidKey>(), Err(DidError::NotEd25519));
    }

    proptest! {
        #[test]
        fn text_round_trips(seed: [u8; 32]) {
            let did = SigningKey::from_seed(seed).did();
            let text = did.to_string();
            prop_assert!(text.starts_with("did:key:z6Mk"));
            prop_assert_eq!(text.parse(), Ok(did));
        }

        #[test]
        fn no_other_text_names_the_same_key(seed: [u8; 32], at in 0usize..56, byte in 0x21u8..0x7f) {
            let did = SigningKey::from_seed(seed).did();
            let mut text = did.to_string().into_bytes();
            let index = at % text.len();
            prop_assume!(text[index] != byte);
            text[index] = byte;
            let text = String::from_utf8(text).unwrap();
            prop_assert_ne!(text.parse(), Ok(did));
        }
    }
}
