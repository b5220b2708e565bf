//! Where a node keeps its files and where it listens. Parsed once, passed down as values.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use platform::http::limits::LimitsConfig;

/// The folder of one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// The folder at `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The journal.
    pub fn journal(&self) -> PathBuf {
        self.0.join("journal.sqlite")
    }

    /// The node's keys.
    pub fn keys(&self) -> PathBuf {
        self.0.join("keys.json")
    }

    /// The zone's packs.
    pub fn packs(&self) -> PathBuf {
        self.0.join("packs")
    }

    /// Files of sanctions lists, by digest.
    pub fn lists(&self) -> PathBuf {
        self.0.join("lists")
    }

    /// Keys of the authorities of a sample zone.
    pub fn sample_authorities(&self) -> PathBuf {
        self.0.join("sample-authorities.json")
    }

    /// The manifest of the zone.
    pub fn manifest(&self) -> PathBuf {
        self.0.join("zone.yaml")
    }

    /// The digests of every pack byte.
    pub fn lock(&self) -> PathBuf {
        self.0.join("zone.lock")
    }

    /// The certificate that the node made for itself, and its key.
    pub fn tls(&self) -> PathBuf {
        self.0.join("tls")
    }

    /// Files that people sent each other, sealed.
    pub fn uploads(&self) -> PathBuf {
        self.0.join("uploads")
    }

    /// Where transactions go when the journal cannot write.
    pub fn dumps(&self) -> PathBuf {
        self.0.join("dumps")
    }

    /// What the command line remembers: the address, the principal and its key.
    pub fn client(&self) -> PathBuf {
        self.0.join("client.json")
    }
}

/// Where a node listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// The API.
    pub address: SocketAddr,
    /// Metrics, which tell about the business of the zone and stay on this machine unless said otherwise.
    pub metrics_address: SocketAddr,
    /// How much callers may ask for.
    pub limits: LimitsConfig,
}

impl Default for HttpConfig {
    fn default() -> Self {
        let local = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Self {
            address: local(8080),
            metrics_address: local(9464),
            limits: LimitsConfig::default(),
        }
    }
}
