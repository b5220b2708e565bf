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
    /// What the operator offers beyond messages.
    pub offers: Offers,
}

/// What the operator configures and clients discover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offers {
    /// TURN and STUN servers and the like (XEP-0215).
    pub external: Vec<ExternalService>,
    /// Who to write to (XEP-0157).
    pub contacts: Vec<Contact>,
    /// The largest file one upload slot is given for (XEP-0363), in bytes.
    pub upload_bytes_max: u64,
    /// How long an uploaded file is kept, in seconds.
    pub upload_ttl_s: u64,
}

impl Default for Offers {
    fn default() -> Self {
        Self {
            external: Vec::new(),
            contacts: Vec::new(),
            upload_bytes_max: 64 << 20,
            upload_ttl_s: 30 * 86_400,
        }
    }
}

/// A service beside this node that clients may use (XEP-0215).
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalService {
    /// `turn`, `stun`, `turns`, `stuns`.
    pub type_: String,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// `udp` or `tcp`.
    pub transport: String,
    /// Shared secret of time-limited credentials (TURN REST); none when the service is open.
    pub secret: Option<Vec<u8>>,
}

impl std::fmt::Debug for ExternalService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The secret stays out of every log.
        f.debug_struct("ExternalService")
            .field("type_", &self.type_)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("transport", &self.transport)
            .field("has_secret", &self.secret.is_some())
            .finish()
    }
}

/// One way to reach the operator (XEP-0157).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// `abuse`, `admin`, `feedback`, `sales`, `security`, `status` or `support`.
    pub role: String,
    /// `mailto:`, `xmpp:` or `https:` address.
    pub address: String,
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
            offers: Offers::default(),
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
