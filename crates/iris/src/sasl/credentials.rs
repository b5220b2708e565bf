//! What is stored of a password: enough to check one, not enough to sign in with (RFC 5802 3).

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Rounds of PBKDF2 for fresh passwords, and what is claimed for accounts that do not exist.
pub const ITERATIONS: u32 = 10_000;

/// A hash function of SCRAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// RFC 5802.
    Sha1,
    /// RFC 7677.
    Sha256,
}

impl Hash {
    pub(super) fn hash(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => Sha1::digest(data).to_vec(),
            Self::Sha256 => Sha256::digest(data).to_vec(),
        }
    }

    pub(super) fn hmac(self, key: &[u8], data: &[u8]) -> Vec<u8> {
        fn mac<M: Mac + KeyInit>(key: &[u8], data: &[u8]) -> Vec<u8> {
            let mut mac =
                <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
            mac.update(data);
            mac.finalize().into_bytes().to_vec()
        }
        match self {
            Self::Sha1 => mac::<Hmac<Sha1>>(key, data),
            Self::Sha256 => mac::<Hmac<Sha256>>(key, data),
        }
    }

    fn salted(self, password: &str, salt: &[u8], iterations: u32) -> Vec<u8> {
        match self {
            Self::Sha1 => {
                let mut out = vec![0; 20];
                pbkdf2::pbkdf2_hmac::<Sha1>(password.as_bytes(), salt, iterations, &mut out);
                out
            }
            Self::Sha256 => {
                let mut out = vec![0; 32];
                pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), salt, iterations, &mut out);
                out
            }
        }
    }
}

/// The keys of one password under one hash (RFC 5802 3).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// At least 16 random bytes.
    #[serde(with = "base64")]
    pub salt: Vec<u8>,
    /// Rounds of PBKDF2.
    pub iterations: u32,
    /// `H(HMAC(SaltedPassword, "Client Key"))`.
    #[serde(with = "base64")]
    pub stored_key: Vec<u8>,
    /// `HMAC(SaltedPassword, "Server Key")`.
    #[serde(with = "base64")]
    pub server_key: Vec<u8>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys")
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

impl Keys {
    fn derive(hash: Hash, password: &str, salt: &[u8], iterations: u32) -> Self {
        let mut salted = hash.salted(password, salt, iterations);
        let mut client_key = hash.hmac(&salted, b"Client Key");
        let keys = Self {
            salt: salt.to_vec(),
            iterations,
            stored_key: hash.hash(&client_key),
            server_key: hash.hmac(&salted, b"Server Key"),
        };
        salted.zeroize();
        client_key.zeroize();
        keys
    }

    /// Keys of an account that does not exist: the same whenever it is asked for, and no password fits.
    pub(super) fn fake(secret: &[u8; 32], user: &str, hash: Hash) -> Self {
        let of = |label: &str| Hash::Sha256.hmac(secret, format!("{label}\0{user}").as_bytes());
        let mut salt = of(match hash {
            Hash::Sha1 => "salt of sha-1",
            Hash::Sha256 => "salt of sha-256",
        });
        salt.truncate(16);
        Self {
            salt,
            iterations: ITERATIONS,
            stored_key: of("stored key"),
            server_key: of("server key"),
        }
    }

    fn is_of(&self, hash: Hash, password: &str) -> bool {
        let other = Self::derive(hash, password, &self.salt, self.iterations);
        other.stored_key.ct_eq(&self.stored_key).into()
    }
}

/// What is stored of a password, for both hashes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// For SCRAM-SHA-1.
    pub sha1: Keys,
    /// For SCRAM-SHA-256 and PLAIN.
    pub sha256: Keys,
}

/// The password has characters that no password may have (RFC 4013).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a password is not empty and has no control or unassigned characters")]
pub struct BadPassword;

impl Credentials {
    /// From a password (RFC 4013 applied), a salt of 16 random bytes, and [`ITERATIONS`] or more.
    ///
    /// # Errors
    /// The password cannot be one.
    pub fn derive(password: &str, salt: &[u8], iterations: u32) -> Result<Self, BadPassword> {
        let password = prepare(password)?;
        Ok(Self {
            sha1: Keys::derive(Hash::Sha1, &password, salt, iterations),
            sha256: Keys::derive(Hash::Sha256, &password, salt, iterations),
        })
    }

    /// Whether this is the password; compared in constant time.
    pub fn fits(&self, password: &str) -> bool {
        prepare(password).is_ok_and(|password| self.sha256.is_of(Hash::Sha256, &password))
    }

    pub(super) fn keys(&self, hash: Hash) -> &Keys {
        match hash {
            Hash::Sha1 => &self.sha1,
            Hash::Sha256 => &self.sha256,
        }
    }
}

fn prepare(password: &str) -> Result<zeroize::Zeroizing<String>, BadPassword> {
    let prepared = stringprep::saslprep(password).map_err(|_| BadPassword)?;
    if prepared.is_empty() {
        return Err(BadPassword);
    }
    Ok(zeroize::Zeroizing::new(prepared.into_owned()))
}

mod base64 {
    use data_encoding::BASE64;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64.decode(text.as_bytes()).map_err(D::Error::custom)
    }
}
