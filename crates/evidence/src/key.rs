//! Ed25519 keys (RFC 8032): signing without leaks, verification without ambiguity.
//!
//! Verification is strict everywhere: keys and signature points of small order, keys that are not
//! canonically encoded and scalars above the group order are refused, so that one signature is
//! valid for one message under one key, for every verifier.

use std::fmt;

use ed25519_dalek::Signer as _;
use thiserror::Error;
use zeroize::Zeroize as _;

use crate::did::DidKey;

/// A private key. It is wiped when dropped, and neither printed nor serialised.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// The key that grows from 32 secret bytes (RFC 8032 section 5.1.5).
    ///
    /// The argument is wiped; the caller's own copy is the caller's to wipe.
    pub fn from_seed(mut seed: [u8; 32]) -> Self {
        let key = Self(ed25519_dalek::SigningKey::from_bytes(&seed));
        seed.zeroize();
        key
    }

    /// The public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0.verifying_key())
    }

    /// The public half as a decentralised identifier.
    pub fn did(&self) -> DidKey {
        DidKey::from(self.verifying_key())
    }

    /// Signs the message.
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(secret)")
    }
}

/// A public key: a canonical encoding of a point that is not of small order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VerifyingKey(ed25519_dalek::VerifyingKey);

impl VerifyingKey {
    /// Reads the 32 bytes of RFC 8032 section 5.1.5.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        if !is_canonical_field_element(bytes) {
            return Err(KeyError::NotCanonical);
        }
        let key =
            ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotOnCurve)?;
        if key.is_weak() {
            return Err(KeyError::SmallOrder);
        }
        Ok(Self(key))
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Checks that this key signed exactly this message.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), SignatureMismatch> {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        self.0
            .verify_strict(message, &signature)
            .map_err(|_| SignatureMismatch)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", DidKey::from(*self))
    }
}

impl PartialOrd for VerifyingKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for VerifyingKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

/// The y coordinate, which is all but the top bit, is below the field's prime 2^255−19.
fn is_canonical_field_element(bytes: &[u8; 32]) -> bool {
    let all_ones = bytes[1..31].iter().all(|byte| *byte == 0xff) && bytes[31] & 0x7f == 0x7f;
    !(all_ones && bytes[0] >= 0xed)
}

/// 64 bytes that may or may not be a signature; only [`VerifyingKey::verify`] tells.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl Signature {
    /// Takes the 64 bytes of RFC 8032 section 5.1.6.
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The 64 bytes.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({})", data_encoding::HEXLOWER.encode(&self.0))
    }
}

/// 32 bytes are not a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The coordinate is not reduced, so the key would have two encodings.
    #[error("public key is not canonically encoded")]
    NotCanonical,
    /// No point of the curve has this encoding.
    #[error("public key is not on the curve")]
    NotOnCurve,
    /// Some signatures would hold for every message.
    #[error("public key is of small order")]
    SmallOrder,
}

/// The key did not sign the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("signature does not match the message and the key")]
pub struct SignatureMismatch;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_a_signing_key_shows_no_byte_of_it() {
        let key = SigningKey::from_seed([0xab; 32]);
        let shown = format!("{key:?} {key:#?}");
        assert!(!shown.contains("ab") && !shown.contains("171"), "{shown}");
        assert_eq!(shown, "SigningKey(secret) SigningKey(secret)");
    }

    #[test]
    fn rfc_8032_test_2_signs_as_published() {
        let seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
        let seed = data_encoding::HEXLOWER.decode(seed.as_bytes()).unwrap();
        let key = SigningKey::from_seed(seed.try_into().unwrap());
        let public = data_encoding::HEXLOWER.encode(key.verifying_key().as_bytes());
        assert_eq!(
            public,
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
        );
        let signature = data_encoding::HEXLOWER.encode(key.sign(&[0x72]).as_bytes());
        assert_eq!(
            signature,
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        );
    }

    #[test]
    fn weak_and_uncanonical_keys_are_refused() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(
            VerifyingKey::from_bytes(&identity),
            Err(KeyError::SmallOrder)
        );
        let mut unreduced = [0xff; 32];
        unreduced[0] = 0xee;
        unreduced[31] = 0x7f;
        assert_eq!(
            VerifyingKey::from_bytes(&unreduced),
            Err(KeyError::NotCanonical)
        );
    }
}
