//! The bytes of a pack, under paths that cannot leave it, and their digests.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use evidence::canonical::to_vec_of;
use evidence::digest::{Digest, Purpose};
use serde::{Deserialize, Serialize};

const PATH_BYTES_MAX: usize = 200;

/// A path inside a pack: segments of `A-Za-z0-9._-` joined by `/`, none of them `.` or `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PackPath(String);

/// A path that could leave the pack, or that some file system would change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` is not a path inside a pack")]
pub struct InvalidPath {
    /// What was given.
    pub path: String,
}

/// All files of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackFiles {
    files: BTreeMap<PackPath, Vec<u8>>,
}

/// Digests of all files of a pack and of the whole.
///
/// A file's digest is tagged `hanse/pack-file/v1` over its bytes; the pack's is tagged
/// `hanse/pack/v1` over the canonical JSON object of path to file digest. No content can imitate a
/// boundary, since the bytes are digested before they are listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackDigests {
    /// Over everything.
    pub total: Digest,
    /// By path.
    pub files: BTreeMap<PackPath, Digest>,
}

impl PackPath {
    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PackFiles {
    /// No files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file; a second file under one path replaces the first.
    pub fn insert(&mut self, path: PackPath, bytes: Vec<u8>) {
        self.files.insert(path, bytes);
    }

    /// Reads the files from pairs of path and bytes.
    pub fn from_pairs<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, InvalidPath> {
        let parse = |(path, bytes): (&str, &[u8])| Ok((path.parse()?, bytes.to_vec()));
        Ok(Self {
            files: pairs
                .into_iter()
                .map(parse)
                .collect::<Result<_, InvalidPath>>()?,
        })
    }

    /// The bytes of one file.
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.files
            .iter()
            .find(|(key, _)| key.as_str() == path)
            .map(|(_, bytes)| bytes.as_slice())
    }

    /// All files in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&PackPath, &[u8])> {
        self.files
            .iter()
            .map(|(path, bytes)| (path, bytes.as_slice()))
    }

    /// The files directly in `folder` whose names end in `suffix`.
    pub fn in_folder<'a>(
        &'a self,
        folder: &'a str,
        suffix: &'a str,
    ) -> impl Iterator<Item = (&'a PackPath, &'a [u8])> {
        self.iter().filter(move |(path, _)| {
            let name = path
                .0
                .strip_prefix(folder)
                .and_then(|rest| rest.strip_prefix('/'));
            name.is_some_and(|name| name.ends_with(suffix) && !name.contains('/'))
        })
    }

    /// The digests of all files.
    pub fn digests(&self) -> PackDigests {
        let digest = |(path, bytes): (&PackPath, &Vec<u8>)| {
            (path.clone(), Digest::of(Purpose::PackFile, bytes))
        };
        let files: BTreeMap<PackPath, Digest> = self.files.iter().map(digest).collect();
        PackDigests {
            total: PackDigests::total_of(&files),
            files,
        }
    }
}

impl PackDigests {
    /// The digest of the whole from those of the files.
    pub(crate) fn total_of(files: &BTreeMap<PackPath, Digest>) -> Digest {
        let list = to_vec_of(files).expect("an object of texts has a canonical form");
        Digest::of(Purpose::Pack, &list)
    }
}

impl FromStr for PackPath {
    type Err = InvalidPath;

    fn from_str(path: &str) -> Result<Self, InvalidPath> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let is_segment = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(is_name);
        if path.len() <= PATH_BYTES_MAX && path.split('/').all(is_segment) {
            Ok(Self(path.to_owned()))
        } else {
            Err(InvalidPath {
                path: path.to_owned(),
            })
        }
    }
}

impl TryFrom<String> for PackPath {
    type Error = InvalidPath;

    fn try_from(path: String) -> Result<Self, InvalidPath> {
        path.parse()
    }
}

impl From<PackPath> for String {
    fn from(path: PackPath) -> Self {
        path.0
    }
}

impl fmt::Display for PackPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_leave_the_pack() {
        for bad in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "./a",
            "a/.",
            "a\\b",
            "a\0",
            "C:x",
            "é",
        ] {
            assert!(bad.parse::<PackPath>().is_err(), "{bad:?}");
        }
        for good in ["pack.yaml", "policies/aml.cedar", "a/b/c-1_2.xml", "..a"] {
            assert!(good.parse::<PackPath>().is_ok(), "{good}");
        }
    }

    #[test]
    fn moving_a_byte_over_a_boundary_changes_the_digest() {
        let total = |pairs: &[(&str, &[u8])]| {
            PackFiles::from_pairs(pairs.iter().copied())
                .unwrap()
                .digests()
                .total
        };
        let digests = [
            total(&[("a", b"xy"), ("b", b"z")]),
            total(&[("a", b"x"), ("b", b"yz")]),
            total(&[("a", b"xyz")]),
            total(&[("a", b"xyz"), ("b", b"")]),
            total(&[("ab", b"xyz")]),
            total(&[("b", b"xyz"), ("a", b"")]),
        ];
        let distinct: std::collections::BTreeSet<_> = digests.iter().collect();
        assert_eq!(distinct.len(), digests.len());
    }

    #[test]
    fn the_order_of_insertion_does_not_matter() {
        let forward = PackFiles::from_pairs([("a", &b"1"[..]), ("b", b"2")]).unwrap();
        let backward = PackFiles::from_pairs([("b", &b"2"[..]), ("a", b"1")]).unwrap();
        assert_eq!(forward.digests(), backward.digests());
    }
}
