//! A zone with sample data: everything that a newcomer needs to see it work, and nothing that could be
//! mistaken for the real thing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use data_encoding::BASE64URL_NOPAD;
use evidence::key::SigningKey;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::config::DataDir;
use crate::keystore::{Replace, write_private};

/// The packs that the sample zone is made of, below the folder of packs.
const PACKS: [&str; 2] = ["pk", "sanctions"];

/// The keys with which the sample's authorities attest. A real authority keeps its own.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authorities {
    /// Identifies persons and checks for money laundering.
    identity: Zeroizing<String>,
    /// Registers taxpayers, grants licences, reserves names.
    government: Zeroizing<String>,
}

impl Authorities {
    /// Fresh keys.
    pub fn generate(entropy: impl Fn(&mut [u8])) -> Self {
        let key = || {
            let mut seed = Zeroizing::new([0; 32]);
            entropy(seed.as_mut_slice());
            Zeroizing::new(BASE64URL_NOPAD.encode(seed.as_slice()))
        };
        Self {
            identity: key(),
            government: key(),
        }
    }

    /// Reads the keys that a sample zone was made with.
    ///
    /// # Errors
    /// There are none, or they are not keys.
    pub fn read(data: &DataDir) -> io::Result<Self> {
        let text = Zeroizing::new(fs::read(data.sample_authorities())?);
        let read: Self = serde_json::from_slice(&text).map_err(io::Error::other)?;
        for seed in [&read.identity, &read.government] {
            parse(seed).ok_or_else(|| io::Error::other("not a key"))?;
        }
        Ok(read)
    }

    /// The key of the one that identifies persons.
    pub fn identity(&self) -> SigningKey {
        parse(&self.identity).expect("checked when it was read")
    }

    /// The key of the one that registers and licenses.
    pub fn government(&self) -> SigningKey {
        parse(&self.government).expect("checked when it was read")
    }
}

fn parse(seed: &str) -> Option<SigningKey> {
    let bytes = Zeroizing::new(BASE64URL_NOPAD.decode(seed.as_bytes()).ok()?);
    bytes.as_slice().try_into().ok().map(SigningKey::from_seed)
}

/// Writes the manifest of the sample zone, the keys of its authorities and a copy of its packs.
///
/// # Errors
/// A pack is missing, or the system refuses.
pub fn write(data: &DataDir, packs: &Path, authorities: &Authorities) -> io::Result<()> {
    for pack in PACKS {
        copy_folder(&packs.join(pack), &data.packs().join(pack))?;
    }
    let keys = Zeroizing::new(serde_json::to_vec(authorities).map_err(io::Error::other)?);
    write_private(&data.sample_authorities(), &keys, Replace::Atomically)
        .map_err(|(_, error)| error)?;
    fs::write(data.manifest(), manifest(authorities))
}

/// The sample's `zone.yaml`.
fn manifest(authorities: &Authorities) -> String {
    include_str!("sample.yaml")
        .replace("{identity}", &authorities.identity().did().to_string())
        .replace("{government}", &authorities.government().did().to_string())
}

/// Where packs are, when nobody says: beside the working folder, or beside a build of this project.
pub fn packs_folder() -> Option<PathBuf> {
    let here = PathBuf::from("packs");
    let beside_build = std::env::current_exe().ok().and_then(|exe| {
        exe.ancestors()
            .map(|folder| folder.join("packs"))
            .find(|found| found.join(PACKS[0]).is_dir())
    });
    if here.join(PACKS[0]).is_dir() {
        Some(here)
    } else {
        beside_build
    }
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
