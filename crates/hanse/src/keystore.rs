//! The node's keys: one file that only its owner can read, with or without a passphrase.
//!
//! The file is JSON: either the keys, or the keys sealed with XChaCha20-Poly1305 under a key that Argon2id (RFC 9106)
//! derives from a passphrase; the parameters are stored and authenticated with it. A file that others could read is
//! refused, because its keys must be taken as known to them.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use data_encoding::BASE64URL_NOPAD;
use evidence::key::SigningKey;
use journal::SealingKey;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

/// Bits of the file mode that give access to anyone but the owner.
const OTHERS: u32 = 0o077;
/// Argon2id cost for new files: 64 MiB, 3 passes, 1 lane (RFC 9106 section 4, second recommended option, one lane).
const COST: Cost = Cost {
    memory_kib: 64 << 10,
    passes: 3,
    lanes: 1,
};
/// The highest cost that a file may ask for, so that a forged file cannot exhaust the machine.
const COST_MAX: Cost = Cost {
    memory_kib: 1 << 20,
    passes: 16,
    lanes: 16,
};

/// The keys of one node. They are wiped from memory when it goes, and neither printed nor serialised.
pub struct KeyStore {
    seeds: Zeroizing<[[u8; 32]; 4]>,
}

/// What a person types to open the key store.
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

/// Why a key store could not be written or opened.
#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    /// The file exists; keys are never replaced.
    #[error("key store {} exists already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Others can read the file.
    #[error("key store {} has mode {mode:04o}, others may read it: chmod 600 it, and consider its keys known", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is not a key store of this version.
    #[error("key store {} is not of a known form", path.display())]
    Form {
        /// The file.
        path: PathBuf,
    },
    /// The file is sealed, and no passphrase was given.
    #[error("key store {} needs a passphrase: HANSE_PASSPHRASE or --passphrase-file", path.display())]
    PassphraseNeeded {
        /// The file.
        path: PathBuf,
    },
    /// The passphrase is another one, or the file was changed.
    #[error("passphrase does not open key store {}", path.display())]
    PassphraseWrong {
        /// The file.
        path: PathBuf,
    },
    /// The system refused.
    #[error("key store {} cannot be {action}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "form", rename_all = "snake_case", deny_unknown_fields)]
enum Stored {
    PlainV1 {
        keys: String,
    },
    SealedV1 {
        cost: Cost,
        salt: String,
        nonce: String,
        sealed: String,
    },
}

impl Drop for Stored {
    fn drop(&mut self) {
        if let Self::PlainV1 { keys } = self {
            keys.zeroize();
        }
    }
}

impl KeyStore {
    /// Fresh keys.
    pub fn generate(entropy: impl Fn(&mut [u8])) -> Self {
        let mut seeds = Zeroizing::new([[0; 32]; 4]);
        seeds.iter_mut().for_each(|seed| entropy(seed));
        Self { seeds }
    }

    /// Signs credentials; its did:key is the zone's.
    pub fn zone_key(&self) -> SigningKey {
        SigningKey::from_seed(self.seeds[0])
    }

    /// Signs checkpoints.
    pub fn log_key(&self) -> SigningKey {
        SigningKey::from_seed(self.seeds[1])
    }

    /// Signs access tokens.
    pub fn token_key(&self) -> SigningKey {
        SigningKey::from_seed(self.seeds[2])
    }

    /// Wraps the data keys of personal streams.
    pub fn vault_key(&self) -> SealingKey {
        SealingKey::from_bytes(self.seeds[3])
    }

    /// Writes a file that appears whole or not at all, readable by its owner only.
    ///
    /// # Errors
    /// [`KeyStoreError::Exists`], or what the system refused.
    pub fn create(
        &self,
        path: &Path,
        passphrase: Option<&Passphrase>,
        entropy: impl Fn(&mut [u8]),
    ) -> Result<(), KeyStoreError> {
        let stored = match passphrase {
            None => Stored::PlainV1 {
                keys: BASE64URL_NOPAD.encode(self.seeds.as_flattened()),
            },
            Some(passphrase) => seal(self.seeds.as_flattened(), passphrase, entropy),
        };
        let text = Zeroizing::new(serde_json::to_vec(&stored).expect("texts and numbers are JSON"));
        write_private(path, &text, Replace::Never).map_err(|(action, source)| {
            let path = path.to_owned();
            if source.kind() == io::ErrorKind::AlreadyExists {
                KeyStoreError::Exists { path }
            } else {
                KeyStoreError::Io {
                    action,
                    path,
                    source,
                }
            }
        })
    }

    /// Opens a file.
    ///
    /// # Errors
    /// One variant for each reason; a file that others may read is refused before its content is looked at.
    pub fn open(path: &Path, passphrase: Option<&Passphrase>) -> Result<Self, KeyStoreError> {
        let owned = || path.to_owned();
        let io = |action| {
            move |source| KeyStoreError::Io {
                action,
                path: path.to_owned(),
                source,
            }
        };
        let mut file = File::open(path).map_err(io("opened"))?;
        let mode = file
            .metadata()
            .map_err(io("inspected"))?
            .permissions()
            .mode()
            & 0o7777;
        if mode & OTHERS != 0 {
            return Err(KeyStoreError::Open {
                path: owned(),
                mode,
            });
        }
        let mut text = Zeroizing::new(Vec::new());
        io::Read::read_to_end(&mut file, &mut text).map_err(io("read"))?;
        let form = || KeyStoreError::Form { path: owned() };
        let stored: Stored = serde_json::from_slice(&text).map_err(|_| form())?;
        let bytes = match &stored {
            Stored::PlainV1 { keys } => Zeroizing::new(decode(keys).ok_or_else(form)?),
            Stored::SealedV1 {
                cost,
                salt,
                nonce,
                sealed,
            } => {
                let passphrase =
                    passphrase.ok_or_else(|| KeyStoreError::PassphraseNeeded { path: owned() })?;
                let parts = (decode(salt), decode(nonce), decode(sealed));
                let (Some(salt), Some(nonce), Some(sealed)) = parts else {
                    return Err(form());
                };
                let key = derive(passphrase, *cost, &salt).ok_or_else(form)?;
                unseal(&key, *cost, &nonce, &sealed)
                    .ok_or_else(|| KeyStoreError::PassphraseWrong { path: owned() })?
            }
        };
        let mut seeds = Zeroizing::new([[0; 32]; 4]);
        if bytes.len() != seeds.as_flattened().len() {
            return Err(form());
        }
        seeds.as_flattened_mut().copy_from_slice(&bytes);
        Ok(Self { seeds })
    }
}

impl fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyStore").finish_non_exhaustive()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passphrase").finish_non_exhaustive()
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()
}

fn seal(keys: &[u8], passphrase: &Passphrase, entropy: impl Fn(&mut [u8])) -> Stored {
    let (mut salt, mut nonce) = ([0; 16], [0; 24]);
    entropy(&mut salt);
    entropy(&mut nonce);
    let key = derive(passphrase, COST, &salt).expect("the cost for new files is within its bounds");
    let payload = Payload {
        msg: keys,
        aad: &aad(COST),
    };
    let sealed = XChaCha20Poly1305::new((&*key).into())
        .encrypt((&nonce).into(), payload)
        .expect("128 bytes can be sealed");
    Stored::SealedV1 {
        cost: COST,
        salt: BASE64URL_NOPAD.encode(&salt),
        nonce: BASE64URL_NOPAD.encode(&nonce),
        sealed: BASE64URL_NOPAD.encode(&sealed),
    }
}

fn unseal(key: &[u8; 32], cost: Cost, nonce: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let nonce: &[u8; 24] = nonce.try_into().ok()?;
    let payload = Payload {
        msg: sealed,
        aad: &aad(cost),
    };
    XChaCha20Poly1305::new(key.into())
        .decrypt(nonce.into(), payload)
        .ok()
        .map(Zeroizing::new)
}

fn derive(passphrase: &Passphrase, cost: Cost, salt: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let within = cost.memory_kib <= COST_MAX.memory_kib
        && cost.passes <= COST_MAX.passes
        && cost.lanes <= COST_MAX.lanes;
    if !within {
        return None;
    }
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).ok()?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.0.as_bytes(), salt, &mut *key)
        .ok()?;
    Some(key)
}

fn aad(cost: Cost) -> Vec<u8> {
    format!(
        "hanse/keystore/v1 {} {} {}",
        cost.memory_kib, cost.passes, cost.lanes
    )
    .into_bytes()
}

/// Whether an existing file may be replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// It stays, and writing fails.
    Never,
    /// It is replaced whole.
    Atomically,
}

/// Writes a file with mode 0600 that is whole and durable when this returns, or does not appear: temporary file, fsync,
/// link or rename, fsync of the folder. A hard link, unlike a rename, fails when the name is taken.
///
/// # Errors
/// What was being done, and why the system refused.
pub fn write_private(
    path: &Path,
    bytes: &[u8],
    replace: Replace,
) -> Result<(), (&'static str, io::Error)> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".tmp-{}", std::process::id()));
    let temporary = folder.join(name);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .map_err(|error| ("created", error))?;
    // An umask cannot add bits, but a leftover file with a wider mode could be here.
    let placed = file
        .set_permissions(fs::Permissions::from_mode(0o600))
        .and_then(|()| file.write_all(bytes))
        .and_then(|()| file.sync_all())
        .and_then(|()| match replace {
            Replace::Never => fs::hard_link(&temporary, path),
            Replace::Atomically => fs::rename(&temporary, path),
        });
    if placed.is_err() || replace == Replace::Never {
        fs::remove_file(&temporary).map_err(|error| ("cleaned up", error))?;
    }
    placed.map_err(|error| ("written", error))?;
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| ("made durable", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entropy(bytes: &mut [u8]) {
        getrandom::fill(bytes).unwrap();
    }

    fn same(a: &KeyStore, b: &KeyStore) -> bool {
        *a.seeds == *b.seeds
    }

    #[test]
    fn keys_come_back_and_only_their_owner_can_read_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let keys = KeyStore::generate(entropy);
        keys.create(&path, None, entropy).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(same(&keys, &KeyStore::open(&path, None).unwrap()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn keys_are_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let keys = KeyStore::generate(entropy);
        keys.create(&path, None, entropy).unwrap();
        let second = KeyStore::generate(entropy).create(&path, None, entropy);
        assert!(matches!(second, Err(KeyStoreError::Exists { .. })));
        assert!(same(&keys, &KeyStore::open(&path, None).unwrap()));
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        KeyStore::generate(entropy)
            .create(&path, None, entropy)
            .unwrap();
        for mode in [0o640, 0o604, 0o620, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let refused = KeyStore::open(&path, None);
            assert!(matches!(refused, Err(KeyStoreError::Open { mode: seen, .. }) if seen == mode));
        }
    }

    #[test]
    fn a_sealed_file_opens_with_its_passphrase_only_and_holds_no_key_in_the_clear() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let keys = KeyStore::generate(entropy);
        let passphrase = Passphrase::new("correct horse".to_owned());
        keys.create(&path, Some(&passphrase), entropy).unwrap();
        assert!(same(
            &keys,
            &KeyStore::open(&path, Some(&passphrase)).unwrap()
        ));
        let none = KeyStore::open(&path, None);
        assert!(matches!(none, Err(KeyStoreError::PassphraseNeeded { .. })));
        let wrong = KeyStore::open(&path, Some(&Passphrase::new("wrong".to_owned())));
        assert!(matches!(wrong, Err(KeyStoreError::PassphraseWrong { .. })));
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&BASE64URL_NOPAD.encode(&keys.seeds[0])));
        let cheaper = text.replace("\"passes\":3", "\"passes\":2");
        fs::write(&path, cheaper).unwrap();
        let changed = KeyStore::open(&path, Some(&passphrase));
        assert!(matches!(
            changed,
            Err(KeyStoreError::PassphraseWrong { .. })
        ));
    }

    #[test]
    fn a_file_that_asks_for_absurd_cost_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let text = r#"{"form":"sealed_v1","cost":{"memory_kib":4000000000,"passes":3,"lanes":1},"salt":"AAAAAAAAAAAAAAAAAAAAAA","nonce":"","sealed":""}"#;
        write_private(&path, text.as_bytes(), Replace::Never).unwrap();
        let refused = KeyStore::open(&path, Some(&Passphrase::new("x".to_owned())));
        assert!(matches!(refused, Err(KeyStoreError::Form { .. })));
    }

    #[test]
    fn debug_forms_and_errors_show_no_byte_of_a_key_or_passphrase() {
        let keys = KeyStore::generate(|bytes| bytes.fill(0xab));
        let passphrase = Passphrase::new("correct horse".to_owned());
        let shown = format!("{keys:?} {passphrase:?}");
        assert_eq!(shown, "KeyStore { .. } Passphrase { .. }");
    }
}
