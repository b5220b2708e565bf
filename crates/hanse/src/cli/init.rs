//! `hanse init`: a data folder with keys and a manifest.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use law::zone::Manifest;
use serde_json::json;

use super::{Failure, Global};
use crate::keystore::{KeyStore, Passphrase};
use platform::outside::system_entropy;

/// Prepare a data folder: keys and the manifest of a zone.
#[derive(Debug, Args)]
pub struct Init {
    /// The manifest to start from; it is checked and copied.
    #[arg(long, value_name = "FILE")]
    manifest: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Where the passphrase of the key store comes from.
#[derive(Clone, Debug, Default, Args)]
pub struct PassphraseArgs {
    /// A file whose first line is the passphrase of the key store. The variable HANSE_PASSPHRASE does the same.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// The passphrase itself, from the environment only: a flag would be seen by other users.
    #[arg(skip = std::env::var("HANSE_PASSPHRASE").ok())]
    passphrase: Option<String>,
}

impl PassphraseArgs {
    /// The passphrase, if one was given.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self) -> Result<Option<Passphrase>, Failure> {
        let Some(path) = &self.passphrase_file else {
            return Ok(self.passphrase.clone().map(Passphrase::new));
        };
        let text = fs::read_to_string(path).map_err(|error| {
            Failure::environment(format!("{} cannot be read: {error}", path.display()))
        })?;
        Ok(text
            .lines()
            .next()
            .map(|line| Passphrase::new(line.to_owned())))
    }
}

impl Init {
    /// Does it.
    ///
    /// # Errors
    /// The manifest is not valid, or the folder holds a zone already.
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        let data = global.data();
        let manifest = fs::read(&self.manifest).map_err(|error| {
            Failure::environment(format!(
                "{} cannot be read: {error}",
                self.manifest.display()
            ))
        })?;
        let checked = check_manifest(&manifest)?;
        if data.manifest().exists() || data.keys().exists() {
            return Err(Failure::refused(format!(
                "{} holds a zone already",
                data.path().display()
            )));
        }
        create_private_dir(data.path())?;
        create_keys(&data.keys(), self.passphrase.read()?.as_ref())?;
        fs::write(data.manifest(), &manifest).map_err(|error| Failure::from_error(&error))?;
        let output = global.output();
        output.object(&json!({
            "zone": checked.zone_id.to_string(), "data": data.path(), "manifest": data.manifest(), "keys": data.keys(),
        }));
        output.say("Next: hanse doctor, then hanse up.");
        Ok(())
    }
}

/// The manifest, or every problem it has.
///
/// # Errors
/// It is not valid.
pub fn check_manifest(bytes: &[u8]) -> Result<Manifest, Failure> {
    Manifest::read(bytes).map_err(|problems| {
        let lines: Vec<_> = problems
            .iter()
            .map(|problem| format!("\n  {problem}"))
            .collect();
        Failure::refused(format!("the manifest is not valid:{}", lines.concat()))
    })
}

/// A folder for its owner only.
///
/// # Errors
/// The system refused.
pub fn create_private_dir(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o700)))
        .map_err(|error| {
            Failure::environment(format!("{} cannot be created: {error}", path.display()))
        })
}

/// Fresh keys from the system's random bytes, in a file.
///
/// # Errors
/// The file exists, or the system refused.
pub fn create_keys(path: &Path, passphrase: Option<&Passphrase>) -> Result<KeyStore, Failure> {
    // A machine that gives no random bytes now must not get keys made of anything else.
    getrandom::fill(&mut [0; 1])
        .map_err(|_| Failure::environment("the system gives no random bytes"))?;
    let keys = KeyStore::generate(system_entropy);
    keys.create(path, passphrase, system_entropy)
        .map_err(|error| Failure::from_error(&error))?;
    Ok(keys)
}
