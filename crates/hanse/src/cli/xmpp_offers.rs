//! The flags of `hanse up` about what the messenger offers beyond messages: whom to write to, relays for calls, files.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use iris::host::{Contact, ExternalService, Offers};
use iris_server::Component;

use super::Failure;

/// What the messenger offers beyond messages.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Messenger, further services")]
pub struct OfferArgs {
    /// Whom to write to (XEP-0157); roles are abuse, admin, feedback, sales, security, status, support. Repeat for several.
    #[arg(long = "xmpp-contact", value_name = "ROLE=ADDRESS")]
    contacts: Vec<Named>,
    /// A TURN or STUN server for calls (XEP-0215), as turn:relay.example:3478, and the file with the secret that it
    /// shares with the node, if it has one. Repeat for several.
    #[arg(long = "xmpp-relay", value_name = "URI[=FILE]")]
    relays: Vec<Relay>,
    /// The largest file that is taken, in MiB.
    #[arg(long = "upload-mib", value_name = "MIB", default_value_t = 64)]
    upload_mib: u32,
    /// Days after which a file is removed.
    #[arg(long = "upload-days", value_name = "DAYS", default_value_t = 30)]
    upload_days: u32,
}

impl OfferArgs {
    /// What was said.
    ///
    /// # Errors
    /// A file with a secret cannot be read, or is empty; a role is not known.
    pub fn offers(&self) -> Result<Offers, Failure> {
        let external: Result<_, _> = self.relays.iter().map(Relay::service).collect();
        let contacts: Result<_, _> = self.contacts.iter().map(contact).collect();
        Ok(Offers {
            external: external?,
            contacts: contacts?,
            upload_bytes_max: u64::from(self.upload_mib) << 20,
            upload_ttl_s: u64::from(self.upload_days) * 86_400,
        })
    }
}

/// Roles of XEP-0157.
const ROLES: [&str; 7] = [
    "abuse", "admin", "feedback", "sales", "security", "status", "support",
];

fn contact(named: &Named) -> Result<Contact, Failure> {
    let (role, address) = (named.name.clone(), named.value.clone());
    if !ROLES.contains(&role.as_str()) {
        let text = format!("`{role}` is no role; there are {}", ROLES.join(", "));
        return Err(Failure::usage(text));
    }
    Ok(Contact { role, address })
}

/// A name and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    name: String,
    value: String,
}

/// A text without a name or without a value.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("write NAME=VALUE")]
pub struct NotNamed;

impl FromStr for Named {
    type Err = NotNamed;

    fn from_str(text: &str) -> Result<Self, NotNamed> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() && !value.is_empty() => Ok(Self {
                name: name.to_owned(),
                value: value.to_owned(),
            }),
            _ => Err(NotNamed),
        }
    }
}

impl Named {
    /// A component: its host, and the secret in the file that the value names.
    ///
    /// # Errors
    /// The file cannot be read, or is empty.
    pub fn component(&self) -> Result<Component, Failure> {
        Ok(Component {
            domain: self.name.clone(),
            secret: secret(Path::new(&self.value))?,
        })
    }
}

/// A relay and the file with its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Relay {
    type_: String,
    host: String,
    port: u16,
    file: Option<PathBuf>,
}

/// A text that names no relay.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a relay is written as turn:relay.example:3478=secret.txt or stun:relay.example:3478")]
struct NotARelay;

impl FromStr for Relay {
    type Err = NotARelay;

    fn from_str(text: &str) -> Result<Self, NotARelay> {
        let (uri, file) = match text.split_once('=') {
            Some((uri, file)) => (uri, Some(PathBuf::from(file))),
            None => (text, None),
        };
        let (type_, place) = uri.split_once(':').ok_or(NotARelay)?;
        let (host, port) = place.rsplit_once(':').ok_or(NotARelay)?;
        if !["stun", "stuns", "turn", "turns"].contains(&type_) || host.is_empty() {
            return Err(NotARelay);
        }
        Ok(Self {
            type_: type_.to_owned(),
            host: host.to_owned(),
            port: port.parse().map_err(|_| NotARelay)?,
            file,
        })
    }
}

impl Relay {
    fn service(&self) -> Result<ExternalService, Failure> {
        let secret = self.file.as_deref().map(secret).transpose()?;
        // TURN and STUN over TLS run on TCP (RFC 8656, RFC 8489).
        let transport = if self.type_.ends_with('s') {
            "tcp"
        } else {
            "udp"
        };
        Ok(ExternalService {
            type_: self.type_.clone(),
            host: self.host.clone(),
            port: self.port,
            transport: transport.to_owned(),
            secret: secret.map(String::into_bytes),
        })
    }
}

/// The secret in a file, without the blanks around it.
fn secret(file: &Path) -> Result<String, Failure> {
    let shown = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("{shown}: {error}")))?;
    match text.trim() {
        "" => Err(Failure::usage(format!("{shown} holds no secret"))),
        secret => Ok(secret.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_has_a_host_and_a_secret_that_is_not_empty() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let named: Named = format!("bridge.test={}", file.display()).parse().unwrap();
        assert!(named.component().is_err());
        std::fs::write(&file, "\n").unwrap();
        assert!(named.component().is_err());
        std::fs::write(&file, "s3cret\n").unwrap();
        assert_eq!(named.component().unwrap().secret, "s3cret");
        assert!("bridge.test".parse::<Named>().is_err());
    }

    #[test]
    fn a_relay_has_a_kind_a_host_and_a_port() {
        let relay: Relay = "turns:relay.test:5349".parse().unwrap();
        let service = relay.service().unwrap();
        assert_eq!((service.port, service.transport.as_str()), (5349, "tcp"));
        assert_eq!(service.secret, None);
        for bad in [
            "relay.test:3478",
            "http:relay.test:80",
            "turn::3478",
            "turn:relay.test",
        ] {
            assert!(bad.parse::<Relay>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_contact_has_a_role_that_is_known() {
        let fine: Named = "abuse=mailto:abuse@zone.test".parse().unwrap();
        assert_eq!(contact(&fine).unwrap().address, "mailto:abuse@zone.test");
        let odd: Named = "boss=mailto:boss@zone.test".parse().unwrap();
        assert!(contact(&odd).is_err());
    }
}
