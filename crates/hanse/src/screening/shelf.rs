//! The lists at hand. Files are content-addressed in the data directory; the journal says which version is in force.
//!
//! Invariants (guard):
//! 1. a decision is made with the lists in force at its instant, and with what waits for a second person beside them
//!    (`Shelf::desk` compares the imports with the records)
//! 2. a file that is missing or altered makes its list fail, which blocks  (`Shelf::read_all`)
//! 3. after an import is committed, nothing older is kept             (`lists::follow`)

use api::screening::ListFormat;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use evidence::digest::{Digest, Purpose};
use journal::Snapshot;
use sanctions::import::ofac::OfacFiles;
use sanctions::import::{self, ImportError};
use sanctions::{IndexedList, List, ListHeader, Lists, Policy};

use super::lists::{ListProposed, ListRecord};
use crate::records::kind;
use platform::declined::Chain;
use platform::store::{self, StoreError, Stored};

/// Lists and policy as one screening sees them: the versions in force at one instant.
#[derive(Debug)]
pub struct Desk {
    /// The lists.
    pub lists: Lists,
    /// Which must be searched, and what scores mean.
    pub policy: Policy,
    /// The log index of the import in force, for each list.
    imports: BTreeMap<String, u64>,
    /// The same of versions that wait for a second person.
    proposals: BTreeMap<String, u64>,
    /// Whether a list in force cannot be searched.
    has_failed: bool,
}

/// Where lists are kept, and those that were read last.
#[derive(Debug)]
pub struct Shelf {
    directory: PathBuf,
    policy: Policy,
    kept: RwLock<Arc<Desk>>,
    /// Held while files are read or written: who needs the same lists waits instead of reading them again, and who keeps the
    /// same file waits until it is whole.
    files: Mutex<()>,
    /// Size of the log after the newest import that was committed.
    imported: Arc<AtomicU64>,
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
    /// The files are what was imported, and this version of Hanse reads other entries from them.
    #[error("list {list} was imported by a version that read its files otherwise; import it again")]
    ReadOtherwise {
        /// Which list.
        list: String,
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

impl Desk {
    /// Whether the version of a list with this digest can be searched.
    pub fn holds(&self, name: &str, digest: Digest) -> bool {
        let found = self.lists.find(name);
        found.is_some_and(|found| found.list().digest() == digest)
    }

    fn is_of(&self, versions: &Versions) -> bool {
        self.imports == imports(&versions.in_force) && self.proposals == imports(&versions.proposed)
    }

    /// Size of the log after its newest import.
    fn size(&self) -> u64 {
        self.imports.values().max().map_or(0, |index| index + 1)
    }
}

impl Shelf {
    /// An empty shelf that keeps its files in `directory`.
    pub fn new(directory: PathBuf, policy: Policy) -> Self {
        let desk = Desk {
            lists: Lists::default(),
            policy: policy.clone(),
            imports: BTreeMap::new(),
            proposals: BTreeMap::new(),
            has_failed: false,
        };
        Self {
            directory,
            policy,
            kept: RwLock::new(Arc::new(desk)),
            files: Mutex::default(),
            imported: Arc::default(),
        }
    }

    /// Which lists must be searched, and what scores mean.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The lists in force at one instant, and no others: read from their files when they are not the ones read last. What
    /// is decided with them is guarded, since the records that say which they are were read in that instant.
    ///
    /// A list that cannot be read is marked as failed, which blocks. Takes as long as reading takes.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn desk(&self, at: &Snapshot<'_>) -> Result<Arc<Desk>, StoreError> {
        let versions = Versions::at(at)?;
        Ok(self.find_or_read(&versions, |desk| desk.is_of(&versions)))
    }

    /// As [`Shelf::desk`], but tries again what could not be read before.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn refresh(&self, at: &Snapshot<'_>) -> Result<Arc<Desk>, StoreError> {
        let versions = Versions::at(at)?;
        Ok(self.find_or_read(&versions, |desk| desk.is_of(&versions) && !desk.has_failed))
    }

    /// What hears of imports.
    pub(super) fn imported(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.imported)
    }

    fn find_or_read(&self, versions: &Versions, fits: impl Fn(&Desk) -> bool) -> Arc<Desk> {
        let kept = self.kept();
        if fits(&kept) {
            return kept;
        }
        let _files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = self.kept();
        if fits(&kept) {
            return kept;
        }
        let desk = Arc::new(self.read_all(versions));
        // Lists of an instant that is over serve it alone.
        if desk.size() >= self.imported.load(Ordering::Acquire) {
            let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
            *kept = Arc::clone(&desk);
        }
        desk
    }

    fn kept(&self) -> Arc<Desk> {
        Arc::clone(&self.kept.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn read_all(&self, versions: &Versions) -> Desk {
        let (mut lists, mut has_failed) = (Lists::default(), false);
        let mut read = |record: &ListRecord, lists: &mut Lists| match self.read(record) {
            Ok(list) => Some(IndexedList::new(list)),
            Err(error) => {
                let name = &record.header.name;
                tracing::error!(list = name, cause = %Chain(&error), "sanctions list failed to load");
                lists.mark_failed(name.clone());
                has_failed = true;
                None
            }
        };
        for record in &versions.in_force {
            if let Some(list) = read(&record.body, &mut lists) {
                lists.insert(list);
            }
        }
        for record in &versions.proposed {
            if let Some(list) = read(&record.body.list, &mut lists) {
                lists.propose(list);
            }
        }
        Desk {
            lists,
            policy: self.policy.clone(),
            imports: imports(&versions.in_force),
            proposals: imports(&versions.proposed),
            has_failed,
        }
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
            let list = record.header.name.clone();
            Err(ShelfError::ReadOtherwise { list })
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
        let _files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        fs::create_dir_all(&self.directory).map_err(not_kept)?;
        let mut digests = BTreeMap::new();
        for (name, text) in files {
            let digest = file_digest(text);
            let path = self.path(&digest);
            // Importing a version again mends what was altered.
            let is_kept = fs::read(&path).is_ok_and(|kept| kept == text.as_bytes());
            if !is_kept {
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

/// The versions of one instant.
struct Versions {
    in_force: Vec<Stored<ListRecord>>,
    proposed: Vec<Stored<ListProposed>>,
}

impl Versions {
    fn at(at: &Snapshot<'_>) -> Result<Self, StoreError> {
        Ok(Self {
            in_force: store::all(at, kind::SANCTIONS_LIST, &[])?,
            proposed: store::all(at, kind::SANCTIONS_PROPOSAL, &[])?,
        })
    }
}

fn imports<T>(records: &[Stored<T>]) -> BTreeMap<String, u64> {
    let import = |record: &Stored<T>| (record.id.clone(), record.version);
    records.iter().map(import).collect()
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

#[cfg(test)]
mod tests {
    use evidence::key::SigningKey;
    use journal::{CommitError, DumpDirectory, Guards, Journal, Limits, Options, SealingKey};
    use journal_sqlite::SqliteEngine;
    use sanctions::{PartyKind, Reason, RequiredList, Subject, Verdict, screen};
    use tempfile::TempDir;

    use super::*;
    use crate::institutions::NodeProjection;
    use api::screening::ImportBody;

    use crate::screening::lists::{self, IMPORTED_KIND};
    use crate::streams;
    use journal::Privacy;
    use platform::change::Change;

    struct Stage {
        _folder: TempDir,
        journal: Journal,
        shelf: Shelf,
    }

    impl Stage {
        fn set() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let engine = SqliteEngine::open(folder.path().join("journal.sqlite")).unwrap();
            let options = Options {
                origin: "zone.example/log".to_owned(),
                log_key: SigningKey::from_seed([1; 32]),
                node_key: SealingKey::from_bytes([2; 32]),
                projection: Arc::new(NodeProjection),
                entropy: Box::new(|bytes| getrandom::fill(bytes).unwrap()),
                dumps: Box::new(DumpDirectory::create(folder.path().join("dumps")).unwrap()),
                limits: Limits::STANDARD,
            };
            let policy = Policy::standard(vec![RequiredList {
                name: "sdn".to_owned(),
                age_days_max: 3_650,
            }]);
            let shelf = Shelf::new(folder.path().join("lists"), policy);
            let journal = Journal::open(Box::new(engine), options).unwrap();
            journal.observe(lists::observer(shelf.imported()));
            Self {
                _folder: folder,
                journal,
                shelf,
            }
        }

        /// Imports a version of the list that names one person, if what was read for it still holds.
        fn import(&self, version: &str, name: &str, guards: Guards) -> Result<(), CommitError> {
            let row = format!(
                "1,\"{name}\",\"individual\",\"SDGT\",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- \r\n"
            );
            let files = [("sdn.csv", row.as_str()), ("alt.csv", ""), ("add.csv", "")];
            let body = ImportBody {
                name: "sdn".parse().unwrap(),
                version: version.to_owned(),
                published: "2026-01-01".parse().unwrap(),
                format: ListFormat::OfacCsv,
                files: files
                    .map(|(name, text)| (name.to_owned(), text.to_owned()))
                    .into(),
            };
            let prepared = lists::keep(&self.shelf, body).unwrap();
            let mut change = Change::default();
            let stream = streams::sanctions_list("sdn");
            let imported = prepared.imported();
            change
                .append(&stream, Privacy::Public, IMPORTED_KIND, imported)
                .unwrap();
            let mut transaction = change.into_transaction(0, "node");
            transaction.guards = guards;
            self.journal.commit_blocking(transaction).map(drop)
        }

        fn snapshot(&self) -> Snapshot<'_> {
            self.journal.snapshot().unwrap()
        }
    }

    fn version(desk: &Desk) -> &str {
        &desk.lists.find("sdn").unwrap().list().header().version
    }

    #[test]
    fn a_desk_holds_the_lists_of_its_instant_and_the_newest_is_kept() {
        let stage = Stage::set();
        let none = stage.shelf.desk(&stage.snapshot()).unwrap();
        assert!(none.lists.find("sdn").is_none());
        stage
            .import("1", "TIWANA, Sobia", Guards::default())
            .unwrap();
        let before = stage.snapshot();
        stage
            .import("2", "TIWANA, Sobia Qamar", Guards::default())
            .unwrap();

        // Nobody has read the newer lists yet; the older ones serve their instant and are not kept for others.
        assert_eq!(version(&stage.shelf.desk(&before).unwrap()), "1");
        let after = stage.snapshot();
        let newest = stage.shelf.desk(&after).unwrap();
        assert_eq!(version(&newest), "2");
        assert_eq!(version(&stage.shelf.desk(&before).unwrap()), "1");
        assert!(Arc::ptr_eq(&newest, &stage.shelf.desk(&after).unwrap()));
        assert!(Arc::ptr_eq(&newest, &stage.shelf.refresh(&after).unwrap()));
    }

    #[test]
    fn what_was_decided_with_older_lists_is_not_committed() {
        let stage = Stage::set();
        for version in ["1", "2"] {
            let before = stage.snapshot();
            stage.shelf.desk(&before).unwrap();
            stage
                .import(version, "TIWANA, Sobia", Guards::default())
                .unwrap();
            let late = stage.import("late", "TIWANA, Sobia", before.guards());
            assert!(matches!(late, Err(CommitError::Moved { .. })), "{late:?}");
        }
    }

    #[test]
    fn a_list_whose_file_is_gone_or_altered_blocks_until_it_is_read_again() {
        let stage = Stage::set();
        stage
            .import("1", "TIWANA, Sobia", Guards::default())
            .unwrap();
        let record = Versions::at(&stage.snapshot()).unwrap().in_force;
        let now = stage.snapshot();
        let file = stage.shelf.path(&record[0].body.files["sdn.csv"]);
        let text = fs::read(&file).unwrap();
        let subject = Subject::named("Anna Lindqvist", PartyKind::Person);
        let at = "2026-11-21T10:00:00Z".parse().unwrap();

        for damage in [None, Some("1,\"SOMEBODY ELSE\"")] {
            match damage {
                None => fs::remove_file(&file).unwrap(),
                Some(other) => fs::write(&file, other).unwrap(),
            }
            let desk = stage.shelf.refresh(&now).unwrap();
            assert!(!desk.holds("sdn", record[0].body.digest));
            let screening = screen(&subject, &desk.lists, at, &desk.policy);
            assert_eq!(screening.verdict, Verdict::Block);
            let failed = Reason::ListFailed {
                list: "sdn".to_owned(),
            };
            assert_eq!(screening.reasons[0], failed);
        }
        stage
            .import("1", "TIWANA, Sobia", Guards::default())
            .unwrap();
        assert_eq!(fs::read(&file).unwrap(), text);
        let desk = stage.shelf.refresh(&now).unwrap();
        assert!(desk.holds("sdn", record[0].body.digest));
        let screening = screen(&subject, &desk.lists, at, &desk.policy);
        assert_eq!(screening.verdict, Verdict::Clear);
    }

    #[test]
    fn a_list_whose_files_give_other_entries_than_were_imported_is_not_searched() {
        let stage = Stage::set();
        stage
            .import("1", "TIWANA, Sobia", Guards::default())
            .unwrap();
        let mut record = Versions::at(&stage.snapshot()).unwrap().in_force.remove(0);
        assert!(stage.shelf.read(&record.body).is_ok());
        record.body.digest = Digest::of(
            Purpose::SanctionsList,
            b"entries as another version reads them",
        );
        let read = stage.shelf.read(&record.body);
        assert!(
            matches!(read, Err(ShelfError::ReadOtherwise { .. })),
            "{read:?}"
        );
    }
}
