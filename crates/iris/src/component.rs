//! A component (XEP-0114 1.6): a program beside the server that answers for a host of its own, such as a gateway.
//!
//! Invariants (guard):
//! 1. nothing but the handshake is taken before the secret is proven                (`nobody_speaks_before_the_handshake`)
//! 2. a stanza passes only if its `from` is of the component's host                 (property `a_component_speaks_for_its_host_alone`)

use bytes::Bytes;
use jid::DomainPart;
use sha1::{Digest, Sha1};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::framer::{Frame, Framer, Header, Limits, STREAMS};
use crate::stanza::{NoStanza, Stanza};
use crate::stream::{StreamCondition, StreamError};
use crate::xml::{Child, escape_attribute};

/// Namespace of the stream.
const ACCEPT: &str = "jabber:component:accept";

/// A host that a component may answer for.
#[derive(Clone, PartialEq, Eq)]
pub struct Registered {
    /// The host.
    pub host: DomainPart,
    /// The secret that the component proves to know.
    pub secret: String,
}

impl std::fmt::Debug for Registered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The secret stays out of every log.
        f.debug_tuple("Registered").field(&self.host).finish()
    }
}

/// What the shell shall do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComponentAction {
    /// Send these bytes.
    Write(Bytes),
    /// The component proved to be this host; from here on it gets stanzas.
    Authenticated(DomainPart),
    /// A stanza of its host, with an address it goes to.
    Stanza(Stanza),
    /// Close the connection after all is written.
    Close,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing came yet.
    Start,
    /// The header came; this must be shown, in lower-case hexadecimal, to be this host.
    Opened { host: DomainPart, expected: String },
    /// It is this host.
    Proven(DomainPart),
    /// The stream ended.
    Over,
}

/// The state machine of a component's stream.
#[derive(Debug)]
pub struct ComponentStream {
    registered: Vec<Registered>,
    /// Unlike that of every other stream, and not to be guessed.
    id: String,
    framer: Framer,
    phase: Phase,
}

impl ComponentStream {
    /// At the start of a connection, with 32 fresh random bytes.
    pub fn new(registered: Vec<Registered>, random: [u8; 32]) -> Self {
        let digest = Sha256::digest(random);
        Self {
            registered,
            id: data_encoding::HEXLOWER.encode(&digest[..16]),
            framer: Framer::new(Limits::BEFORE),
            phase: Phase::Start,
        }
    }

    /// Whether the component proved who it is.
    pub fn is_authenticated(&self) -> bool {
        matches!(self.phase, Phase::Proven(_))
    }

    /// Takes bytes and says what to do, in order.
    pub fn received(&mut self, bytes: &[u8]) -> Vec<ComponentAction> {
        let mut out = Vec::new();
        if self.phase == Phase::Over {
            return out;
        }
        self.framer.push(bytes);
        if let Err(error) = self.run(&mut out) {
            self.fail(&error, &mut out);
        }
        out
    }

    /// The node ends the stream.
    pub fn close(&mut self, error: &StreamError) -> Vec<ComponentAction> {
        let mut out = Vec::new();
        if self.phase != Phase::Over {
            self.fail(error, &mut out);
        }
        out
    }

    fn run(&mut self, out: &mut Vec<ComponentAction>) -> Result<(), StreamError> {
        while self.phase != Phase::Over {
            match self.framer.next_frame().map_err(StreamCondition::from)? {
                Some(Frame::Open(header)) => self.open(&header, out)?,
                Some(Frame::Element(bytes)) => self.element(&bytes, out)?,
                Some(Frame::Close) => self.end(out),
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn open(&mut self, header: &Header, out: &mut Vec<ComponentAction>) -> Result<(), StreamError> {
        let asked = header.to.as_deref().unwrap_or_default();
        self.write_header(asked, out);
        if header.namespace.as_deref() != Some(ACCEPT) {
            return Err(StreamCondition::InvalidNamespace.into());
        }
        let asked = DomainPart::new(asked).map_err(|_| StreamCondition::HostUnknown)?;
        let found = self.registered.iter().find(|one| *one.host == *asked);
        let found = found.ok_or(StreamCondition::HostUnknown)?;
        self.phase = Phase::Opened {
            host: found.host.clone(),
            expected: proof(&self.id, &found.secret),
        };
        Ok(())
    }

    fn write_header(&self, from: &str, out: &mut Vec<ComponentAction>) {
        let mut header = format!(
            "<?xml version='1.0'?><stream:stream xmlns='{ACCEPT}' xmlns:stream='{STREAMS}' id='{}' from='",
            self.id
        );
        escape_attribute(from, &mut header);
        header.push_str("'>");
        out.push(ComponentAction::Write(header.into()));
    }

    fn element(
        &mut self,
        bytes: &Bytes,
        out: &mut Vec<ComponentAction>,
    ) -> Result<(), StreamError> {
        match &self.phase {
            Phase::Opened { host, expected } => {
                let element = Child::root(bytes).ok_or(StreamCondition::NotWellFormed)?;
                let is_handshake = element.tag.local == "handshake"
                    && element.namespace.as_deref().is_none_or(|ns| ns == ACCEPT);
                let shown = element.text();
                if !is_handshake || !bool::from(shown.as_bytes().ct_eq(expected.as_bytes())) {
                    return Err(StreamCondition::NotAuthorized.into());
                }
                let host = host.clone();
                self.framer.set_limits(Limits::AFTER);
                self.phase = Phase::Proven(host.clone());
                out.push(ComponentAction::Write(Bytes::from_static(b"<handshake/>")));
                out.push(ComponentAction::Authenticated(host));
                Ok(())
            }
            Phase::Proven(host) => {
                let stanza = stanza_of(host, bytes)?;
                out.push(ComponentAction::Stanza(stanza));
                Ok(())
            }
            Phase::Start | Phase::Over => Err(StreamCondition::BadFormat.into()),
        }
    }

    fn fail(&mut self, error: &StreamError, out: &mut Vec<ComponentAction>) {
        if self.phase == Phase::Start && out.is_empty() {
            self.write_header("", out);
        }
        out.push(ComponentAction::Write(error.to_xml().into()));
        self.end(out);
    }

    fn end(&mut self, out: &mut Vec<ComponentAction>) {
        self.phase = Phase::Over;
        out.push(ComponentAction::Write(Bytes::from_static(
            b"</stream:stream>",
        )));
        out.push(ComponentAction::Close);
    }
}

/// A stanza that `host` may send, with both addresses (XEP-0114 3).
fn stanza_of(host: &DomainPart, bytes: &Bytes) -> Result<Stanza, StreamError> {
    let stanza = Stanza::from_peer(bytes).map_err(|error| match error {
        NoStanza::Unsupported => StreamCondition::UnsupportedStanzaType,
        NoStanza::From | NoStanza::To => StreamCondition::ImproperAddressing,
        NoStanza::BadIq => StreamCondition::BadFormat,
        NoStanza::Malformed(malformed) => malformed.into(),
    })?;
    if *stanza.from.domain() != **host {
        return Err(StreamCondition::InvalidFrom.into());
    }
    if stanza.to.is_none() {
        return Err(StreamCondition::ImproperAddressing.into());
    }
    Ok(stanza)
}

/// What a component shows to prove that it knows the secret (XEP-0114 3).
fn proof(id: &str, secret: &str) -> String {
    let digest = Sha1::new().chain_update(id).chain_update(secret).finalize();
    data_encoding::HEXLOWER.encode(&digest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stream() -> ComponentStream {
        let registered = Registered {
            host: DomainPart::new("gate.zone.example").unwrap().into_owned(),
            secret: "s3cret".to_owned(),
        };
        ComponentStream::new(vec![registered], [7; 32])
    }

    fn header(to: &str) -> String {
        format!("<stream:stream xmlns='{ACCEPT}' xmlns:stream='{STREAMS}' to='{to}'>")
    }

    fn written(actions: &[ComponentAction]) -> String {
        let bytes = actions.iter().filter_map(|action| match action {
            ComponentAction::Write(bytes) => Some(std::str::from_utf8(bytes).unwrap()),
            _ => None,
        });
        bytes.collect()
    }

    fn proven() -> ComponentStream {
        let mut stream = stream();
        stream.received(header("gate.zone.example").as_bytes());
        let shown = proof(&stream.id, "s3cret");
        let actions = stream.received(format!("<handshake>{shown}</handshake>").as_bytes());
        assert_eq!(written(&actions), "<handshake/>");
        assert!(stream.is_authenticated());
        stream
    }

    #[test]
    fn a_proof_is_the_digest_of_id_and_secret() {
        assert_eq!(
            proof("3BF96D32", "test"),
            "aaee83c26aeeafcbabeabfcbcd50df997e0a2a1e"
        );
    }

    #[test]
    fn nobody_speaks_before_the_handshake() {
        for (to, said, condition) in [
            (
                "gate.zone.example",
                "<handshake>00</handshake>",
                "not-authorized",
            ),
            ("gate.zone.example", "<handshake/>", "not-authorized"),
            (
                "gate.zone.example",
                "<message from='a@gate.zone.example' to='b@zone.example'/>",
                "not-authorized",
            ),
            ("zone.example", "<handshake/>", "host-unknown"),
        ] {
            let mut stream = stream();
            let actions = stream.received(format!("{}{said}", header(to)).as_bytes());
            let seen = written(&actions);
            assert!(
                seen.contains(condition) && seen.ends_with("</stream:stream>"),
                "{seen}"
            );
            assert_eq!(actions.last(), Some(&ComponentAction::Close));
            assert!(
                !actions
                    .iter()
                    .any(|action| matches!(action, ComponentAction::Stanza(_)))
            );
            assert!(stream.received(b"<message/>").is_empty());
        }
    }

    #[test]
    fn a_stream_for_clients_is_refused() {
        let client = header("gate.zone.example").replace(ACCEPT, "jabber:client");
        let seen = written(&stream().received(client.as_bytes()));
        assert!(seen.contains("invalid-namespace"), "{seen}");
    }

    proptest! {
        #[test]
        fn a_component_speaks_for_its_host_alone(
            from in prop::sample::select(vec![
                "gate.zone.example", "x@gate.zone.example", "x@gate.zone.example/r", "zone.example",
                "x@zone.example", "zone.example/gate.zone.example", "a.gate.zone.example", "gate.zone.example.evil",
            ]),
            to in prop::option::of(Just("bob@zone.example")),
            kind in prop::sample::select(vec!["message", "presence", "iq type='get' id='1'"]),
        ) {
            let to_text = to.map(|to| format!(" to='{to}'")).unwrap_or_default();
            let actions = proven().received(format!("<{kind} from='{from}'{to_text}/>").as_bytes());
            let host = jid::Jid::new(from).unwrap().domain().as_str().to_owned();
            let passed = matches!(actions.as_slice(), [ComponentAction::Stanza(_)]);
            prop_assert_eq!(passed, host == "gate.zone.example" && to.is_some());
            if !passed {
                let condition = if host == "gate.zone.example" { "improper-addressing" } else { "invalid-from" };
                prop_assert!(written(&actions).contains(condition));
                prop_assert_eq!(actions.last(), Some(&ComponentAction::Close));
            }
        }
    }
}
