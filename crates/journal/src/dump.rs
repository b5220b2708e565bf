//! Emergency dumps: where transactions go when the engine fails.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// Keeps sealed dumps, outside the engine.
pub trait DumpStore: Send {
    /// Stores a dump durably under a name and says where it is.
    ///
    /// # Errors
    /// The dump may not be durable.
    fn store(&mut self, name: &str, sealed: &[u8]) -> io::Result<PathBuf>;

    /// Names of the stored dumps, sorted.
    ///
    /// # Errors
    /// The dumps cannot be listed.
    fn list(&self) -> io::Result<Vec<String>>;

    /// A stored dump.
    ///
    /// # Errors
    /// It cannot be read.
    fn load(&self, name: &str) -> io::Result<Vec<u8>>;

    /// Removes a dump that was recovered.
    ///
    /// # Errors
    /// It may still be there.
    fn remove(&mut self, name: &str) -> io::Result<()>;
}

const EXTENSION: &str = "dump";
/// Of a dump that is being written: it is not listed.
const PART: &str = "part";

/// Dumps as files of one directory, mode 0600.
#[derive(Clone, Debug)]
pub struct DumpDirectory(PathBuf);

impl DumpDirectory {
    /// Uses the directory and creates it when it does not exist.
    ///
    /// # Errors
    /// The directory cannot be created.
    pub fn create(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

impl DumpStore for DumpDirectory {
    fn store(&mut self, name: &str, sealed: &[u8]) -> io::Result<PathBuf> {
        let path = self.0.join(name).with_extension(EXTENSION);
        let part = self.0.join(name).with_extension(PART);
        let stored = write_new(&part, sealed)
            .and_then(|()| fs::rename(&part, &path))
            .and_then(|()| self.sync_directory());
        if stored.is_err() {
            // Half a dump takes room that is needed, and opens for nobody.
            let _ = fs::remove_file(&part);
        }
        stored.map(|()| path)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == EXTENSION)
                && let Some(stem) = path.file_stem().and_then(|stem| stem.to_str())
            {
                names.push(stem.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    fn load(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.0.join(name).with_extension(EXTENSION))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name).with_extension(EXTENSION))?;
        self.sync_directory()
    }
}
