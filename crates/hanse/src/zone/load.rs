//! Reads a zone from disk: manifest, packs and lock must fit, or the node does not start.

use std::fs;
use std::path::{Path, PathBuf};

use ids::PackItemId;
use law::compliance::{Rulebook, RulebookError};
use law::pack::{InvalidPath, Pack, PackError, PackFiles};
use law::zone::{Drift, Lock, LockError, Manifest, PackPin, Problem};

/// Bytes of one pack file at most.
const PACK_FILE_BYTES_MAX: u64 = 16 << 20;

/// A zone as its files say.
#[derive(Debug)]
pub struct LoadedZone {
    /// `zone.yaml`.
    pub manifest: Manifest,
    /// Its packs, ready to judge.
    pub rulebook: Rulebook,
    /// The digest of every byte, made from the files as read.
    pub lock: Lock,
    /// Where the files differ from `zone.lock`; nothing when they fit.
    pub drift: Vec<Drift>,
}

/// Why a zone cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ZoneError {
    /// A file or folder is unreadable.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The manifest breaks rules.
    #[error("{} breaks {} rules:\n{}", path.display(), problems.len(), listed(problems))]
    Manifest {
        /// Which file.
        path: PathBuf,
        /// All of them.
        problems: Vec<Problem>,
    },
    /// A file of a pack has a name that some file system would change, or is too large.
    #[error("{} has no place in a pack", path.display())]
    Misplaced {
        /// Which.
        path: PathBuf,
        /// Why, if it is the name.
        #[source]
        source: Option<InvalidPath>,
    },
    /// A pack breaks rules.
    #[error("pack {pack} breaks {} rules:\n{}", problems.len(), listed(problems))]
    Pack {
        /// Which.
        pack: PackItemId,
        /// All of them.
        problems: Vec<PackError>,
    },
    /// The pack in the folder is not the one that the manifest names.
    #[error("the manifest names pack {named} {version}, the folder holds {found}")]
    OtherPack {
        /// Which pack is named.
        named: PackItemId,
        /// At which version.
        version: String,
        /// What was found.
        found: String,
    },
    /// Packs do not fit together.
    #[error(transparent)]
    Rulebook(#[from] RulebookError),
    /// The lock is not a lock.
    #[error("{} is not usable", path.display())]
    Lock {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: LockError,
    },
    /// Several things are wrong.
    #[error("{}", chains(errors))]
    Several {
        /// All of them.
        errors: Vec<ZoneError>,
    },
}

fn chains(errors: &[ZoneError]) -> String {
    let chain = |error| platform::declined::Chain(error).to_string();
    errors
        .iter()
        .map(|error| chain(error))
        .collect::<Vec<_>>()
        .join("\n")
}

fn listed(problems: &[impl std::fmt::Display]) -> String {
    problems
        .iter()
        .map(|problem| format!("  {problem}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The files of a zone, each in order by itself. What is locked is not asked.
#[derive(Debug)]
pub struct ZoneFiles {
    yaml: Vec<u8>,
    /// `zone.yaml`.
    pub manifest: Manifest,
    /// Every pack that the manifest names, with its files.
    pub packs: Vec<(PackPin, PackFiles, Pack)>,
}

impl ZoneFiles {
    /// The lock that fits these files.
    pub fn lock(&self) -> Lock {
        Lock::of(&self.yaml, &self.pins())
    }

    /// Where the files differ from the lock at `path`; without a lock everything does.
    ///
    /// # Errors
    /// The lock is unreadable, or is none.
    pub fn drift(&self, path: &Path) -> Result<Vec<Drift>, ZoneError> {
        if !path.exists() {
            return Ok(Lock::of(&[], &[]).check(&self.yaml, &self.pins()));
        }
        let locked = Lock::read(&read(path)?).map_err(|source| ZoneError::Lock {
            path: path.to_owned(),
            source,
        })?;
        Ok(locked.check(&self.yaml, &self.pins()))
    }

    fn pins(&self) -> Vec<(PackPin, &PackFiles)> {
        self.packs
            .iter()
            .map(|(pin, files, _)| (pin.clone(), files))
            .collect()
    }
}

/// Reads manifest and packs. Everything that is wrong with the packs is told, not only the first.
///
/// # Errors
/// A file is unreadable or breaks a rule.
pub fn read_files(manifest: &Path, packs: &Path) -> Result<ZoneFiles, ZoneError> {
    let yaml = read(manifest)?;
    let parsed = Manifest::read(&yaml).map_err(|problems| ZoneError::Manifest {
        path: manifest.to_owned(),
        problems,
    })?;
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    for pin in &parsed.packs {
        let files = pack_files(&packs.join(pin.id.as_str()));
        match files.and_then(|files| Ok((pack(pin, &files)?, files))) {
            Ok((pack, files)) => found.push((pin.clone(), files, pack)),
            Err(error) => errors.push(error),
        }
    }
    match errors.len() {
        0 => Ok(ZoneFiles {
            yaml,
            manifest: parsed,
            packs: found,
        }),
        1 => Err(errors.remove(0)),
        _ => Err(ZoneError::Several { errors }),
    }
}

/// Reads manifest and packs and compares them with the lock; without a lock everything is drift.
///
/// # Errors
/// A file is unreadable or breaks a rule.
pub fn load(manifest: &Path, packs: &Path, lock: &Path) -> Result<LoadedZone, ZoneError> {
    let files = read_files(manifest, packs)?;
    let (present, drift) = (files.lock(), files.drift(lock)?);
    let packs = files.packs.into_iter().map(|(_, _, pack)| pack).collect();
    let rulebook = Rulebook::new(packs)?;
    Ok(LoadedZone {
        manifest: files.manifest,
        rulebook,
        lock: present,
        drift,
    })
}

fn pack(pin: &PackPin, files: &PackFiles) -> Result<Pack, ZoneError> {
    let pack = Pack::load(files).map_err(|problems| ZoneError::Pack {
        pack: pin.id.clone(),
        problems,
    })?;
    let found = pack.pinned();
    if found.id == pin.id && found.version == pin.version {
        return Ok(pack);
    }
    Err(ZoneError::OtherPack {
        named: pin.id.clone(),
        version: pin.version.clone(),
        found: format!("{} {}", found.id, found.version),
    })
}

/// Every file below a folder, by its path inside the pack.
///
/// # Errors
/// A file is unreadable, too large, or has a name that no pack may have.
pub fn pack_files(folder: &Path) -> Result<PackFiles, ZoneError> {
    let mut files = PackFiles::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let unreadable = |source| ZoneError::Unreadable {
            path: next.clone(),
            source,
        };
        for entry in fs::read_dir(&next).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let path = entry.path();
            let kind = entry.file_type().map_err(unreadable)?;
            if kind.is_dir() {
                folders.push(path);
                continue;
            }
            let misplaced = |source| ZoneError::Misplaced {
                path: path.clone(),
                source,
            };
            let size = entry.metadata().map_err(unreadable)?.len();
            let inside = path.strip_prefix(folder).ok().and_then(Path::to_str);
            let inside = inside.ok_or_else(|| misplaced(None))?;
            if !kind.is_file() || size > PACK_FILE_BYTES_MAX {
                return Err(misplaced(None));
            }
            let inside = inside.parse().map_err(|source| misplaced(Some(source)))?;
            files.insert(inside, read(&path)?);
        }
    }
    Ok(files)
}

fn read(path: &Path) -> Result<Vec<u8>, ZoneError> {
    fs::read(path).map_err(|source| ZoneError::Unreadable {
        path: path.to_owned(),
        source,
    })
}
