//! Files at rest: sealed piece by piece, so that a large file is never whole in memory, and with a key of their own, so
//! that who destroys the key destroys the file.
//!
//! A piece is sealed with XChaCha20-Poly1305 under a nonce of its number and whether it is the last. A key is used for
//! one file only, so no nonce comes twice; pieces that are moved, doubled, dropped or cut off do not open.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use chacha20poly1305::aead::Aead as _;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use zeroize::Zeroizing;

/// Bytes of one piece.
pub const PIECE: usize = 64 << 10;
/// Bytes that sealing adds to a piece.
const TAG: usize = 16;

/// The key of one file.
pub type FileKey = Zeroizing<[u8; 32]>;

fn nonce(number: u64, is_last: bool) -> [u8; 24] {
    let mut nonce = [0; 24];
    nonce[..8].copy_from_slice(&number.to_be_bytes());
    nonce[8] = u8::from(is_last);
    nonce
}

/// A file being sealed.
pub struct Sealing {
    file: File,
    cipher: XChaCha20Poly1305,
    waiting: Vec<u8>,
    number: u64,
    /// Bytes taken so far.
    pub taken: u64,
}

impl Sealing {
    /// A fresh file that only the node may read.
    ///
    /// # Errors
    /// The system refuses, or the file exists.
    pub fn create(path: &Path, key: &FileKey) -> io::Result<Self> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)?;
        Ok(Self {
            file,
            cipher: XChaCha20Poly1305::new((&**key).into()),
            waiting: Vec::with_capacity(PIECE),
            number: 0,
            taken: 0,
        })
    }

    /// Takes more bytes.
    ///
    /// # Errors
    /// The system refuses.
    pub fn take(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.taken += bytes.len() as u64;
        while !bytes.is_empty() {
            // A full piece is written when more comes: the last one is marked, and only the end tells which it is.
            if self.waiting.len() == PIECE {
                self.write(false)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(PIECE - self.waiting.len()));
            self.waiting.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Writes what is left, and makes the file durable.
    ///
    /// # Errors
    /// The system refuses.
    pub fn finish(mut self) -> io::Result<()> {
        self.write(true)?;
        self.file.sync_all()
    }

    fn write(&mut self, is_last: bool) -> io::Result<()> {
        let nonce = nonce(self.number, is_last);
        let sealed = self
            .cipher
            .encrypt((&nonce).into(), self.waiting.as_slice());
        let sealed = sealed.map_err(|_| io::Error::other("a piece cannot be sealed"))?;
        self.file.write_all(&sealed)?;
        self.number += 1;
        self.waiting.clear();
        Ok(())
    }
}

/// A sealed file being read.
pub struct Opening {
    file: File,
    cipher: XChaCha20Poly1305,
    /// Sealed bytes that were read and not opened; one more than a piece tells that it is not the last.
    ahead: Vec<u8>,
    number: u64,
    is_done: bool,
}

impl Opening {
    /// Begins to read.
    ///
    /// # Errors
    /// There is no such file.
    pub fn open(path: &Path, key: &FileKey) -> io::Result<Self> {
        Ok(Self {
            file: File::open(path)?,
            cipher: XChaCha20Poly1305::new((&**key).into()),
            ahead: Vec::with_capacity(PIECE + TAG + 1),
            number: 0,
            is_done: false,
        })
    }

    /// The next piece; `None` after the last.
    ///
    /// # Errors
    /// The file was changed, or the system refuses.
    pub fn next_piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.is_done {
            return Ok(None);
        }
        let whole = PIECE + TAG;
        let missing = (whole + 1 - self.ahead.len()) as u64;
        let mut file = Read::by_ref(&mut self.file).take(missing);
        file.read_to_end(&mut self.ahead)?;
        let rest = self.ahead.split_off(self.ahead.len().min(whole));
        self.is_done = rest.is_empty();
        let nonce = nonce(self.number, self.is_done);
        let piece = self.cipher.decrypt((&nonce).into(), self.ahead.as_slice());
        self.number += 1;
        self.ahead = rest;
        let changed = || io::Error::new(io::ErrorKind::InvalidData, "the sealed file was changed");
        piece.map(Some).map_err(|_| changed())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(byte: u8) -> FileKey {
        Zeroizing::new([byte; 32])
    }

    fn read(path: &Path, key: &FileKey) -> io::Result<Vec<u8>> {
        let mut opening = Opening::open(path, key)?;
        let mut all = Vec::new();
        while let Some(piece) = opening.next_piece()? {
            all.extend(piece);
        }
        Ok(all)
    }

    fn sealed(folder: &Path, parts: &[Vec<u8>]) -> std::path::PathBuf {
        let path = folder.join("file");
        let mut sealing = Sealing::create(&path, &key(1)).unwrap();
        for part in parts {
            sealing.take(part).unwrap();
        }
        sealing.finish().unwrap();
        path
    }

    #[test]
    fn a_file_that_was_cut_at_a_piece_or_opened_with_another_key_does_not_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = sealed(folder.path(), &[vec![7; 2 * PIECE + 5]]);
        assert_eq!(read(&path, &key(1)).unwrap(), vec![7; 2 * PIECE + 5]);
        assert!(read(&path, &key(2)).is_err());
        let whole = std::fs::read(&path).unwrap();
        assert!(!whole.windows(32).any(|part| part == [7; 32]));
        for cut in [0, PIECE + TAG, 2 * (PIECE + TAG), whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert!(read(&path, &key(1)).is_err(), "{cut}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn what_was_sealed_in_any_parts_comes_back(
            sizes in prop::collection::vec(prop_oneof![0..100_usize, PIECE - 2..PIECE + 2], 0..5),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let parts: Vec<_> = sizes.iter().zip(0_u8..).map(|(size, byte)| vec![byte; *size]).collect();
            let path = sealed(folder.path(), &parts);
            prop_assert_eq!(read(&path, &key(1)).unwrap(), parts.concat());
        }
    }
}
