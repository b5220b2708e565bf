//! The client's side of SCRAM (RFC 5802, RFC 7677), without channel binding.
//!
//! Keys are derived once for each account and kept, as RFC 5802 5.1 lets clients do: otherwise the client's thousands of rounds of
//! PBKDF2 would be measured and not the server.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Hash function of the mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub(crate) enum Hash {
    Sha1,
    Sha256,
}

impl Hash {
    /// The mechanism's name.
    pub(crate) fn mechanism(self) -> &'static str {
        match self {
            Self::Sha1 => "SCRAM-SHA-1",
            Self::Sha256 => "SCRAM-SHA-256",
        }
    }

    fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => Sha1::digest(data).to_vec(),
            Self::Sha256 => Sha256::digest(data).to_vec(),
        }
    }

    fn mac(self, key: &[u8], data: &[u8]) -> Vec<u8> {
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

    fn salted(self, password: &str, salt: &[u8], rounds: u32) -> Vec<u8> {
        match self {
            Self::Sha1 => {
                pbkdf2::pbkdf2_hmac_array::<Sha1, 20>(password.as_bytes(), salt, rounds).to_vec()
            }
            Self::Sha256 => {
                pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), salt, rounds).to_vec()
            }
        }
    }
}

#[derive(Clone)]
struct Keys {
    client: Vec<u8>,
    stored: Vec<u8>,
    server: Vec<u8>,
}

/// Account, salt and rounds.
type Place = (String, Vec<u8>, u32);

/// Keys that were derived.
#[derive(Default)]
pub(crate) struct Cache(Mutex<HashMap<Place, Keys>>);

impl Cache {
    fn keys(&self, hash: Hash, user: &str, password: &str, salt: Vec<u8>, rounds: u32) -> Keys {
        let place = (user.to_owned(), salt, rounds);
        if let Some(keys) = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&place)
        {
            return keys.clone();
        }
        let salted = hash.salted(password, &place.1, rounds);
        let client = hash.mac(&salted, b"Client Key");
        let keys = Keys {
            stored: hash.digest(&client),
            client,
            server: hash.mac(&salted, b"Server Key"),
        };
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(place, keys.clone());
        keys
    }
}

/// A sign-in under way.
pub(crate) struct Exchange {
    hash: Hash,
    bare: String,
    nonce: String,
}

impl Exchange {
    /// Begins; also what is sent first.
    pub(crate) fn start(hash: Hash, user: &str) -> (Self, String) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let nonce = format!(
            "load-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let bare = format!("n={user},r={nonce}");
        let first = BASE64.encode(format!("n,,{bare}").as_bytes());
        (Self { hash, bare, nonce }, first)
    }

    /// The answer to the challenge, and what the server has to prove.
    pub(crate) fn answer(
        &self,
        cache: &Cache,
        user: &str,
        password: &str,
        challenge: &str,
    ) -> Result<(String, String)> {
        let challenge = String::from_utf8(BASE64.decode(challenge.as_bytes())?)?;
        let field = |name: &str| {
            let found = challenge
                .split(',')
                .find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
            found.with_context(|| format!("find {name} in the challenge"))
        };
        let nonce = field("r")?;
        ensure!(
            nonce.starts_with(&self.nonce),
            "the server's nonce is another"
        );
        let (salt, rounds) = (BASE64.decode(field("s")?.as_bytes())?, field("i")?.parse()?);
        let keys = cache.keys(self.hash, user, password, salt, rounds);
        let last = format!("c=biws,r={nonce}");
        let signed = format!("{},{challenge},{last}", self.bare);
        let signature = self.hash.mac(&keys.stored, signed.as_bytes());
        let proof: Vec<u8> = keys
            .client
            .iter()
            .zip(&signature)
            .map(|(a, b)| a ^ b)
            .collect();
        let answer = BASE64.encode(format!("{last},p={}", BASE64.encode(&proof)).as_bytes());
        let server = self.hash.mac(&keys.server, signed.as_bytes());
        Ok((
            answer,
            BASE64.encode(format!("v={}", BASE64.encode(&server)).as_bytes()),
        ))
    }
}
