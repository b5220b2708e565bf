//! The domains a node serves.

use jid::{BareJid, DomainPart, Jid};

/// The names under which one node answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Accounts: `alice@<domain>`.
    pub domain: DomainPart,
    /// Rooms (XEP-0045): `conference.<domain>`.
    pub rooms: DomainPart,
    /// HTTP upload (XEP-0363): `upload.<domain>`.
    pub upload: DomainPart,
    /// Where clients reach the node by HTTP, without a slash at the end.
    pub public_url: String,
}

impl Host {
    /// The names that belong to `domain`.
    ///
    /// # Errors
    /// The domain is so long that a name below it would not be a JID (RFC 7622).
    pub fn new(domain: &str, public_url: &str) -> Result<Self, jid::Error> {
        let part = |text: String| DomainPart::new(&text).map(std::borrow::Cow::into_owned);
        Ok(Self {
            domain: part(domain.to_owned())?,
            rooms: part(format!("conference.{domain}"))?,
            upload: part(format!("upload.{domain}"))?,
            public_url: public_url.trim_end_matches('/').to_owned(),
        })
    }

    /// The server itself as an address.
    pub fn server(&self) -> BareJid {
        BareJid::from_parts(None, &self.domain)
    }

    /// Whether an address belongs to this node.
    pub fn is_local(&self, jid: &Jid) -> bool {
        let domain = jid.domain();
        [&self.domain, &self.rooms, &self.upload]
            .iter()
            .any(|own| own.as_str() == domain.as_str())
    }
}
