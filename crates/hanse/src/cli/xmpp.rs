//! The flags of `hanse up` about the messenger.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::Failure;
use super::xmpp_offers::{Named, OfferArgs};
use crate::iris::certificate::CertificateFiles;
use crate::iris::settings::{DOMAIN_DEFAULT, XmppConfig};
use clap::Args;

/// Where the messenger listens, and who it is.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Messenger")]
pub struct XmppArgs {
    /// Where XMPP clients connect and start TLS; port 0 takes any free one, `off` is nowhere.
    #[arg(
        long = "xmpp",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:5222"
    )]
    c2s: Listen,
    /// Where XMPP clients connect with TLS.
    #[arg(
        long = "xmpp-tls",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:5223"
    )]
    c2s_tls: Listen,
    /// Where other XMPP servers connect.
    #[arg(
        long = "xmpp-s2s",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:5269"
    )]
    s2s: Listen,
    /// What the addresses of accounts end in.
    #[arg(long, value_name = "DOMAIN", env = "HANSE_DOMAIN", default_value = DOMAIN_DEFAULT)]
    domain: String,
    /// The certificate chain for the domain, PEM. The node makes a self-signed one when absent.
    #[arg(long = "xmpp-cert", value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// The key of the certificate, PEM.
    #[arg(long = "xmpp-key", value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// Certificates that those of other servers must lead to, PEM.
    #[arg(long = "xmpp-ca", value_name = "FILE")]
    anchors: Option<PathBuf>,
    /// Where components connect (XEP-0114); they speak in the clear, so keep it on this machine.
    #[arg(
        long = "xmpp-component",
        value_name = "ADDRESS",
        default_value = "off",
        requires = "components"
    )]
    component: Listen,
    /// A component: the host it answers for, and a file with its secret. Repeat for several.
    #[arg(long = "component", value_name = "DOMAIN=FILE")]
    components: Vec<Named>,
    /// The address of another server, so that it is not looked up. Repeat for several.
    #[arg(long = "xmpp-peer", value_name = "DOMAIN=ADDRESS")]
    peers: Vec<Peer>,
    /// How long a message waits for another server that cannot be reached, before its sender is told.
    #[arg(long = "xmpp-wait", value_name = "SECONDS", default_value_t = 86_400)]
    wait_s: u32,
    #[command(flatten)]
    offers: OfferArgs,
}

impl XmppArgs {
    /// What was said.
    ///
    /// # Errors
    /// A file with a secret cannot be read, or is empty; a role is not known.
    pub fn config(&self) -> Result<XmppConfig, Failure> {
        let files = self.certificate.clone().zip(self.key.clone());
        let components: Result<_, _> = self.components.iter().map(Named::component).collect();
        Ok(XmppConfig {
            domain: self.domain.clone(),
            c2s: self.c2s.0,
            c2s_tls: self.c2s_tls.0,
            s2s: self.s2s.0,
            component: self.component.0,
            components: components?,
            certificate: files.map(|(chain, key)| CertificateFiles { chain, key }),
            anchors: self.anchors.clone(),
            peers: self.peers.iter().map(|peer| peer.0.clone()).collect(),
            offers: self.offers.offers()?,
            wait: Duration::from_secs(self.wait_s.into()),
        })
    }
}

/// An address to listen on, or nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Listen(Option<SocketAddr>);

impl FromStr for Listen {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self(None)),
            address => address.parse().map(Some).map(Self),
        }
    }
}

/// A domain and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Peer((String, SocketAddr));

/// A text that names no peer.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a peer is written as zone.example=192.0.2.1:5269")]
struct NotAPeer;

impl FromStr for Peer {
    type Err = NotAPeer;

    fn from_str(text: &str) -> Result<Self, NotAPeer> {
        let (domain, address) = text.split_once('=').ok_or(NotAPeer)?;
        let address = address.parse().map_err(|_| NotAPeer)?;
        match domain {
            "" => Err(NotAPeer),
            domain => Ok(Self((domain.to_owned(), address))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_can_be_off_and_a_peer_has_a_domain_and_an_address() {
        assert_eq!("off".parse(), Ok(Listen(None)));
        assert!("127.0.0.1:0".parse::<Listen>().unwrap().0.is_some());
        let peer: Peer = "b.test=127.0.0.3:5269".parse().unwrap();
        assert_eq!(peer.0.0, "b.test");
        for bad in ["b.test", "=127.0.0.1:1", "b.test=host"] {
            assert!(bad.parse::<Peer>().is_err(), "{bad}");
        }
    }
}
