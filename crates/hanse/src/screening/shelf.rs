//! The lists at hand. Files are content-addressed in the data directory; the journal says which
//! version is in force, and a file that is missing or altered makes its list fail, which blocks.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use evidence::digest::{Digest, Purpose};
use sanctions::import::ofac::OfacFiles;
use sanctions::import::{self, ImportError};
use sanctions::{IndexedList, List, ListHeader, Lists, Policy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::lists::ListRecord;
use crate::store::Stored;

/// Lists and policy as one screening sees them.
#[derive(Debug)]
pub struct Desk {
    /// The lists.
    pub lists: Lists,
    /// Which must be searched, and what scores mean.
    pub policy: Policy,
}

/// Where lists are kept.
#[derive(Debug)]
pub struct Shelf {
    directory: PathBuf,
    policy: Policy,
    desk: RwLock<Arc<Desk>>,
}

/// The form of a list's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ListFormat {
    /// OFAC SDN: `sdn.csv`, `alt.csv` and `add.csv`.
    OfacCsv,
    /// UN Security Council consolidated list: one XML file, `list.xml`.
    UnXml,
    /// OpenSanctions, FollowTheMoney JSON lines: one file, `entities.ftm.json`.
    FollowTheMoney,
}

/// Why a list is not usable.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// A file of the list is missing or unreadable.
    #[error("file {file} of list {list} cannot be read")]
    Unreadable {
        /// Which list.
        list: String,
        /// Which file.
        file: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is not what was imported.
    #[error("file {file} of list {list} is not what was imported")]
    Altered {
        /// Which list.
        list: String,
        /// Which file.
        file: String,
    },
    /// A needed file was not given.
    #[error("list files of this format need {file}")]
    FileMissing {
        /// Which.
        file: &'static str,
    },
    /// The files make no list.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The files cannot be kept.
    #[error("list files cannot be kept in {path}")]
    NotKept {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// The files of a list by name.
pub type ListFiles = BTreeMap<String, String>;

impl Shelf {
    /// An empty shelf that keeps its files in `directory`.
    pub fn new(directory: PathBuf, policy: Policy) -> Self {
        let desk = Desk {
            lists: Lists::default(),
            policy: policy.clone(),
        };
        Self {
            directory,
            policy,
            desk: RwLock::new(Arc::new(desk)),
        }
    }

    /// Whether the version of a list with this digest can be searched.
    pub fn is_usable(&self, name: &str, digest: Digest) -> bool {
        self.desk()
            .lists
            .find(name)
            .is_some_and(|found| found.list().digest() == digest)
    }

    /// What a screening uses.
    pub fn desk(&self) -> Arc<Desk> {
        Arc::clone(
            &self
                .desk
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }

    /// Reads every list that the journal says is in force. One that cannot be read is marked as failed.
    pub fn load(&self, records: &[Stored<ListRecord>]) {
        let mut lists = Lists::default();
        for record in records {
            match self.read(&record.body) {
                Ok(list) => {
                    lists.insert(IndexedList::new(list));
                }
                Err(error) => {
                    tracing::error!(list = record.id, cause = %error, "sanctions list failed to load");
                    lists.mark_failed(record.id.clone());
                }
            }
        }
        let desk = Desk {
            lists,
            policy: self.policy.clone(),
        };
        *self
            .desk
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(desk);
    }

    fn read(&self, record: &ListRecord) -> Result<List, ShelfError> {
        let mut files = ListFiles::new();
        for (name, digest) in &record.files {
            let unreadable = |source| ShelfError::Unreadable {
                list: record.header.name.clone(),
                file: name.clone(),
                source,
            };
            let text = fs::read_to_string(self.path(digest)).map_err(unreadable)?;
            if file_digest(&text) != *digest {
                return Err(ShelfError::Altered {
                    list: record.header.name.clone(),
                    file: name.clone(),
                });
            }
            files.insert(name.clone(), text);
        }
        let list = parse(record.format, record.header.clone(), &files)?;
        if list.digest() == record.digest {
            Ok(list)
        } else {
            let file = "list".to_owned();
            Err(ShelfError::Altered {
                list: record.header.name.clone(),
                file,
            })
        }
    }

    /// Keeps the files of a list, durably, before the journal refers to them.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn keep(&self, files: &ListFiles) -> Result<BTreeMap<String, Digest>, ShelfError> {
        let not_kept = |source| ShelfError::NotKept {
            path: self.directory.clone(),
            source,
        };
        fs::create_dir_all(&self.directory).map_err(not_kept)?;
        let mut digests = BTreeMap::new();
        for (name, text) in files {
            let digest = file_digest(text);
            let path = self.path(&digest);
            if !path.exists() {
                write_durably(&path, text.as_bytes()).map_err(not_kept)?;
            }
            digests.insert(name.clone(), digest);
        }
        File::open(&self.directory)
            .and_then(|dir| dir.sync_all())
            .map_err(not_kept)?;
        Ok(digests)
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.directory.join(digest.to_hex())
    }
}

/// Reads the files of one format into a list.
///
/// # Errors
/// A file is missing, or a row breaks a rule; never a partial list.
pub fn parse(
    format: ListFormat,
    header: ListHeader,
    files: &ListFiles,
) -> Result<List, ShelfError> {
    let file = |name: &'static str| {
        files
            .get(name)
            .map(String::as_bytes)
            .ok_or(ShelfError::FileMissing { file: name })
    };
    Ok(match format {
        ListFormat::OfacCsv => {
            let files = OfacFiles {
                sdn: file("sdn.csv")?,
                alt: file("alt.csv")?,
                add: file("add.csv")?,
            };
            import::ofac::import(files, header)?
        }
        ListFormat::UnXml => import::un::import(file("list.xml")?, &header.name)?,
        ListFormat::FollowTheMoney => {
            import::opensanctions::import(file("entities.ftm.json")?, header)?
        }
    })
}

fn file_digest(text: &str) -> Digest {
    Digest::of(Purpose::SanctionsList, text.as_bytes())
}

fn write_durably(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let temporary = path.with_extension("partial");
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}
