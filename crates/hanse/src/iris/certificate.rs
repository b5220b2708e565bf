//! The certificate of the messenger: the operator's own, or one the node makes for itself at its first start.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use sha2::{Digest as _, Sha256};

use crate::keystore::{Replace, write_private};

/// How many years a self-signed certificate holds. Nobody checks it against an authority, so that its end would only
/// be an outage; whoever wants to be trusted brings a certificate.
const YEARS: i32 = 10;

/// A chain of certificates and its key, as PEM files (RFC 7468).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain, the node's own first.
    pub chain: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Why there is no certificate to start with.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be had.
    #[error("{path} cannot be {action}")]
    File {
        /// Which.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// No certificate can be made for this domain.
    #[error("a certificate for `{domain}` cannot be made")]
    Make {
        /// For whom.
        domain: String,
        /// Why.
        #[source]
        source: rcgen::Error,
    },
    /// The file holds no certificate.
    #[error("{path} holds no PEM certificate")]
    NotPem {
        /// Which.
        path: PathBuf,
    },
}

impl CertificateFiles {
    /// Where a node keeps the certificate that it makes itself.
    pub fn own(folder: &Path) -> Self {
        Self {
            chain: folder.join("certificate.pem"),
            key: folder.join("key.pem"),
        }
    }

    /// Makes a self-signed ECDSA P-256 certificate for these names, unless there is one.
    ///
    /// The key is written first: a crash between the two leaves a key without a certificate, and the next start makes
    /// both anew.
    ///
    /// # Errors
    /// The system refuses, or a name cannot stand in a certificate.
    pub fn make_if_absent(&self, names: &[&str], now_ms: i64) -> Result<(), CertificateError> {
        if self.chain.exists() {
            return Ok(());
        }
        let domain = names.first().copied().unwrap_or_default();
        let make = |source| CertificateError::Make {
            domain: domain.to_owned(),
            source,
        };
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(make)?;
        let certificate = parameters(names, now_ms)
            .and_then(|parameters| parameters.self_signed(&key))
            .map_err(make)?;
        let folder = self.chain.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)
            .and_then(|()| fs::set_permissions(folder, fs::Permissions::from_mode(0o700)))
            .map_err(|source| failed(folder, "created", source))?;
        write(&self.key, key.serialize_pem().as_bytes())?;
        write(&self.chain, certificate.pem().as_bytes())
    }

    /// SHA-256 of the first certificate, as pairs of hexadecimal digits, by which a person compares what a client shows.
    ///
    /// # Errors
    /// The file cannot be read or is not PEM.
    pub fn fingerprint(&self) -> Result<String, CertificateError> {
        let text = fs::read_to_string(&self.chain)
            .map_err(|source| failed(&self.chain, "read", source))?;
        let der = first_certificate(&text).ok_or_else(|| CertificateError::NotPem {
            path: self.chain.clone(),
        })?;
        let pairs: Vec<_> = Sha256::digest(der)
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        Ok(pairs.join(":"))
    }
}

fn parameters(names: &[&str], now_ms: i64) -> Result<CertificateParams, rcgen::Error> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let first = names.first().cloned().unwrap_or_default();
    let mut parameters = CertificateParams::new(names)?;
    parameters
        .distinguished_name
        .push(DnType::CommonName, first);
    let year = i32::try_from(now_ms / 31_556_952_000).unwrap_or_default() + 1970;
    // A year early, so that a client whose clock is behind does not refuse it.
    parameters.not_before = rcgen::date_time_ymd(year - 1, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(year + YEARS, 1, 1);
    Ok(parameters)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CertificateError> {
    write_private(path, bytes, Replace::Atomically)
        .map_err(|(action, source)| failed(path, action, source))
}

fn failed(path: &Path, action: &'static str, source: std::io::Error) -> CertificateError {
    CertificateError::File {
        path: path.to_owned(),
        action,
        source,
    }
}

/// The bytes of the first certificate of a PEM text.
fn first_certificate(text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----")?;
    let (base64, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let digits: Vec<u8> = base64
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    data_encoding::BASE64.decode(&digits).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_790_000_000_000;

    #[test]
    fn a_certificate_is_made_once_and_its_key_is_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let files = CertificateFiles::own(&folder.path().join("tls"));
        files.make_if_absent(&["zone.example"], NOW_MS).unwrap();
        let first = files.fingerprint().unwrap();
        assert_eq!(first.len(), 32 * 3 - 1);
        for path in [&files.key, &files.chain] {
            let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600);
        }
        files.make_if_absent(&["zone.example"], NOW_MS).unwrap();
        assert_eq!(files.fingerprint().unwrap(), first);
    }

    #[test]
    fn a_file_without_a_certificate_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let files = CertificateFiles::own(folder.path());
        fs::write(&files.chain, "nothing").unwrap();
        let error = files.fingerprint().unwrap_err();
        assert!(error.to_string().contains("certificate.pem"), "{error}");
    }
}
