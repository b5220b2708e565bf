//! What the messenger is started with, as the operator says it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use iris::host::{Host, Offers};
use iris_server::{Component, Config, Limits};

use super::certificate::CertificateFiles;

/// The domain of a node that nobody named.
pub const DOMAIN_DEFAULT: &str = "localhost";

/// Which parts of a node answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parts {
    /// All of them.
    #[default]
    All,
    /// The messenger, with principals, tokens and the journal.
    Iris,
}

/// Where the messenger listens, and who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XmppConfig {
    /// What its addresses end in.
    pub domain: String,
    /// Where clients connect and start TLS.
    pub c2s: Option<SocketAddr>,
    /// Where clients connect with TLS.
    pub c2s_tls: Option<SocketAddr>,
    /// Where other servers connect.
    pub s2s: Option<SocketAddr>,
    /// Where components connect (XEP-0114).
    pub component: Option<SocketAddr>,
    /// Which components there are.
    pub components: Vec<Component>,
    /// The operator's certificate; the node makes one when absent.
    pub certificate: Option<CertificateFiles>,
    /// Certificates that those of other servers must lead to.
    pub anchors: Option<PathBuf>,
    /// Addresses of other servers that are not looked up.
    pub peers: Vec<(String, SocketAddr)>,
    /// What it offers beyond messages.
    pub offers: Offers,
    /// How long a message waits for another server before its sender is told.
    pub wait: Duration,
}

impl XmppConfig {
    /// A messenger that listens nowhere, for a node that only shows something.
    pub fn silent() -> Self {
        Self {
            c2s: None,
            c2s_tls: None,
            s2s: None,
            ..Self::default()
        }
    }

    /// The same for the server.
    pub fn server(&self, host: Host, certificate: CertificateFiles, salt_key: [u8; 32]) -> Config {
        Config {
            host,
            c2s: self.c2s,
            c2s_tls: self.c2s_tls,
            s2s: self.s2s,
            component: self.component,
            components: self.components.clone(),
            certificate: certificate.chain,
            key: certificate.key,
            anchors: self.anchors.clone(),
            peers: self.peers.clone(),
            salt_key,
            limits: Limits {
                federation_time: self.wait,
                ..Limits::STANDARD
            },
        }
    }
}

impl Default for XmppConfig {
    fn default() -> Self {
        let local = |port| Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
        Self {
            domain: DOMAIN_DEFAULT.to_owned(),
            c2s: local(5222),
            c2s_tls: local(5223),
            s2s: local(5269),
            component: None,
            components: Vec::new(),
            certificate: None,
            anchors: None,
            peers: Vec::new(),
            offers: Offers::default(),
            wait: Limits::STANDARD.federation_time,
        }
    }
}
