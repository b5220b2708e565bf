//! A stream that a peer opened: it sends, we receive.
//!
//! Invariants (guard):
//! 1. nothing but TLS is negotiated in the clear, and nothing that came before TLS is read after it
//! 2. a stanza passes only if its domains are an authenticated pair (property `only_authenticated_pairs_speak`)
//! 3. `h` covers only durable stanzas ([`crate::sm`])

use std::collections::BTreeSet;

use bytes::Bytes;
use data_encoding::BASE64;
use jid::{DomainPart, Jid};
use sha2::{Digest, Sha256};

use super::dialback::{Assertion, DIALBACK, FEATURE, element};
use super::{SASL, TLS, attribute, header};
use crate::framer::{Frame, Framer, Header, Limits, STREAMS};
use crate::sm::{Inbound, SM};
use crate::stanza::Stanza;
use crate::stream::{StreamCondition, StreamError};
use crate::xml::{Child, Xml};

/// What a stream is told when it starts.
#[derive(Clone, Debug)]
pub struct IncomingConfig {
    /// Our domains: of accounts, rooms and files.
    pub domains: Vec<DomainPart>,
    /// Whether dialback is enough where no trusted certificate proves the peer.
    pub dialback: bool,
    /// The node's secret for dialback keys.
    pub secret: [u8; 32],
    /// 32 fresh random bytes for this stream.
    pub random: [u8; 32],
}

/// What happened.
#[derive(Clone, Debug)]
pub enum IncomingEvent<'a> {
    /// Bytes came.
    Received(&'a [u8]),
    /// Answers [`IncomingAction::StartTls`].
    TlsEstablished,
    /// Answers [`IncomingAction::CheckCertificate`]: whether a trusted certificate proves the domain.
    CertificateChecked(bool),
    /// Answers [`IncomingAction::Verify`], whenever it is known; other things go on meanwhile.
    Verified {
        /// What was asked.
        assertion: Assertion,
        /// Whether it is true.
        is_true: bool,
    },
    /// Stanzas up to this count are durable.
    Handled(u32),
    /// Some seconds passed.
    Tick,
    /// The node ends the stream.
    Closing(StreamError),
}

/// What the shell shall do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IncomingAction {
    /// Send these bytes.
    Write(Bytes),
    /// Start TLS as server, asking for a certificate.
    StartTls,
    /// Answer with [`IncomingEvent::CertificateChecked`] whether the TLS certificate proves this domain.
    CheckCertificate(String),
    /// Ask the originating domain (XEP-0220 2.1.2), and answer with [`IncomingEvent::Verified`].
    Verify(Assertion),
    /// The peer proved to be this domain, for one of ours.
    Authenticated {
        /// The peer.
        peer: DomainPart,
        /// Ours.
        local: DomainPart,
    },
    /// A stanza of an authenticated pair.
    Stanza {
        /// The peer.
        peer: DomainPart,
        /// The stanza.
        stanza: Stanza,
        /// Its count, once stream management is on.
        count: Option<u32>,
    },
    /// Close the connection after all is written.
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    Nothing,
    Tls,
    Certificate,
}

/// The state machine of a stream that a peer opened.
#[derive(Debug)]
pub struct IncomingStream {
    config: IncomingConfig,
    framer: Framer,
    is_secured: bool,
    is_open: bool,
    is_over: bool,
    wait: Wait,
    /// Whether the certificate proves `from`.
    is_proven: bool,
    from: Option<DomainPart>,
    local: Option<DomainPart>,
    id: String,
    drawn: u32,
    pairs: BTreeSet<(DomainPart, DomainPart)>,
    asked: Vec<Assertion>,
    sm: Option<Inbound>,
}

/// Dialback questions that one stream may have open.
const ASKED_MAX: usize = 8;

impl IncomingStream {
    /// At the start of a connection.
    pub fn new(config: IncomingConfig) -> Self {
        Self {
            config,
            framer: Framer::new(Limits::BEFORE),
            is_secured: false,
            is_open: false,
            is_over: false,
            wait: Wait::Nothing,
            is_proven: false,
            from: None,
            local: None,
            id: String::new(),
            drawn: 0,
            pairs: BTreeSet::new(),
            asked: Vec::new(),
            sm: None,
        }
    }

    /// Whether a question is open that must be answered before more is read.
    pub fn is_waiting(&self) -> bool {
        self.wait != Wait::Nothing
    }

    /// Whether the peer proved to be anybody.
    pub fn is_authenticated(&self) -> bool {
        !self.pairs.is_empty()
    }

    /// Takes what happened and says what to do, in order.
    pub fn on(&mut self, event: IncomingEvent<'_>) -> Vec<IncomingAction> {
        let mut out = Vec::new();
        if self.is_over {
            return out;
        }
        if let Err(error) = self.take(event, &mut out) {
            if !self.is_open {
                self.write_header(&mut out);
            }
            write(error.to_xml(), &mut out);
            self.end(&mut out);
        }
        out
    }

    fn take(
        &mut self,
        event: IncomingEvent<'_>,
        out: &mut Vec<IncomingAction>,
    ) -> Result<(), StreamError> {
        match event {
            IncomingEvent::Received(bytes) => self.framer.push(bytes),
            IncomingEvent::TlsEstablished => {
                if self.framer.pending() > 0 {
                    return Err(StreamCondition::PolicyViolation.into());
                }
                self.wait = Wait::Nothing;
                self.is_secured = true;
                self.restart();
            }
            IncomingEvent::CertificateChecked(is_proven) => {
                self.wait = Wait::Nothing;
                self.is_proven = is_proven;
                self.write_features(out);
            }
            IncomingEvent::Verified { assertion, is_true } => {
                self.verified(&assertion, is_true, out)
            }
            IncomingEvent::Handled(count) => {
                let answer = self.sm.as_mut().and_then(|sm| sm.handled(count));
                acknowledge(answer, out);
            }
            IncomingEvent::Tick => acknowledge(self.sm.as_mut().and_then(Inbound::tick), out),
            IncomingEvent::Closing(error) => return Err(error),
        }
        while self.wait == Wait::Nothing && !self.is_over {
            match self.framer.next_frame().map_err(StreamCondition::from)? {
                Some(Frame::Open(header)) => self.open(&header, out)?,
                Some(Frame::Element(bytes)) => self.element(&bytes, out)?,
                Some(Frame::Close) => self.end(out),
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn restart(&mut self) {
        self.framer.restart();
        self.is_open = false;
    }

    fn open(&mut self, header: &Header, out: &mut Vec<IncomingAction>) -> Result<(), StreamError> {
        let domain = |text: &Option<String>| {
            let part = text.as_deref().map(DomainPart::new);
            part.and_then(Result::ok).map(std::borrow::Cow::into_owned)
        };
        self.local = domain(&header.to);
        if let Some(from) = domain(&header.from) {
            self.from = Some(from);
        }
        self.write_header(out);
        if header.namespace.as_deref() != Some("jabber:server") {
            return Err(StreamCondition::InvalidNamespace.into());
        }
        if !header
            .version
            .as_deref()
            .is_some_and(|v| v.starts_with("1."))
        {
            return Err(StreamCondition::UnsupportedVersion.into());
        }
        if !self
            .local
            .as_ref()
            .is_some_and(|local| self.config.domains.contains(local))
        {
            return Err(StreamCondition::HostUnknown.into());
        }
        match &self.from {
            Some(from) if self.is_secured && self.pairs.is_empty() => {
                out.push(IncomingAction::CheckCertificate(from.as_str().to_owned()));
                self.wait = Wait::Certificate;
            }
            _ => self.write_features(out),
        }
        Ok(())
    }

    fn write_header(&mut self, out: &mut Vec<IncomingAction>) {
        self.is_open = true;
        self.drawn += 1;
        let digest = Sha256::new()
            .chain_update(self.config.random)
            .chain_update(self.drawn.to_be_bytes())
            .finalize();
        self.id = data_encoding::HEXLOWER.encode(&digest[..16]);
        let local = self.local.as_ref().or(self.config.domains.first());
        let text = header(
            local.map(|domain| domain.as_str()),
            self.from.as_ref().map(|domain| domain.as_str()),
            Some(&self.id),
        );
        write(text, out);
    }

    fn write_features(&self, out: &mut Vec<IncomingAction>) {
        let mut features = Xml::new("stream:features").attr("xmlns:stream", STREAMS);
        if !self.is_secured {
            let tls = Xml::in_namespace("starttls", TLS).child(Xml::new("required"));
            return write(features.child(tls).finish(), out);
        }
        if self.pairs.is_empty() && self.is_proven {
            let external = Xml::new("mechanism").text("EXTERNAL");
            features = features.child(Xml::in_namespace("mechanisms", SASL).child(external));
        }
        if self.config.dialback || self.is_proven {
            let dialback = Xml::in_namespace("dialback", FEATURE).child(Xml::new("errors"));
            features = features.child(dialback);
        }
        write(features.child(Xml::in_namespace("sm", SM)).finish(), out);
    }

    fn element(&mut self, bytes: &Bytes, out: &mut Vec<IncomingAction>) -> Result<(), StreamError> {
        let element = Child::root(bytes).ok_or(StreamCondition::NotWellFormed)?;
        let name = (element.tag.local, element.namespace.as_deref());
        if !self.is_secured {
            return self.start_tls(name, out);
        }
        match name {
            ("auth", Some(SASL)) if self.pairs.is_empty() => self.external(&element, out),
            ("result", Some(DIALBACK)) => self.result(&element, out),
            ("verify", Some(DIALBACK)) => self.verify(&element, out),
            (_, Some(SM)) => self.sm_element(&element, out),
            _ => self.stanza(&element, out),
        }
    }

    fn start_tls(
        &mut self,
        name: (&str, Option<&str>),
        out: &mut Vec<IncomingAction>,
    ) -> Result<(), StreamError> {
        // What follows in the clear could have been put there by somebody between us.
        if name != ("starttls", Some(TLS)) || self.framer.pending() > 0 {
            return Err(StreamError::with_text(
                StreamCondition::PolicyViolation,
                "TLS comes first",
            ));
        }
        write(Xml::in_namespace("proceed", TLS).finish(), out);
        self.wait = Wait::Tls;
        out.push(IncomingAction::StartTls);
        Ok(())
    }

    /// SASL EXTERNAL (XEP-0178): the certificate proves the domain that the header names.
    fn external(
        &mut self,
        element: &Child<'_>,
        out: &mut Vec<IncomingAction>,
    ) -> Result<(), StreamError> {
        let text = element.text();
        let text = if text == "=" { "" } else { &text };
        let authzid = BASE64.decode(text.as_bytes()).ok();
        let authzid = authzid.and_then(|bytes| String::from_utf8(bytes).ok());
        let (Some(from), Some(local)) = (self.from.clone(), self.local.clone()) else {
            return Err(StreamCondition::ImproperAddressing.into());
        };
        let names_itself = authzid.is_some_and(|a| a.is_empty() || a == from.as_str());
        let is_external = element.tag.value("mechanism").as_deref() == Some("EXTERNAL");
        if !(self.is_proven && is_external && names_itself) {
            let failure = Xml::in_namespace("failure", SASL).child(Xml::new("not-authorized"));
            write(failure.finish(), out);
            return Ok(());
        }
        write(Xml::in_namespace("success", SASL).finish(), out);
        self.authenticate(from, local, out);
        self.restart();
        Ok(())
    }

    fn authenticate(&mut self, peer: DomainPart, local: DomainPart, out: &mut Vec<IncomingAction>) {
        self.framer.set_limits(Limits::AFTER);
        self.pairs.insert((peer.clone(), local.clone()));
        out.push(IncomingAction::Authenticated { peer, local });
    }

    /// `<db:result>`: the peer says who it is (XEP-0220 2.1.1).
    fn result(
        &mut self,
        element: &Child<'_>,
        out: &mut Vec<IncomingAction>,
    ) -> Result<(), StreamError> {
        let (Some(from), Some(to)) = (attribute(element, "from"), attribute(element, "to")) else {
            return Err(StreamCondition::ImproperAddressing.into());
        };
        let assertion = Assertion {
            originating: from,
            receiving: to,
            id: self.id.clone(),
            key: element.text(),
        };
        let is_for_us = self
            .config
            .domains
            .iter()
            .any(|d| d.as_str() == assertion.receiving);
        let is_self = self
            .from
            .as_ref()
            .is_some_and(|from| from.as_str() == assertion.originating);
        if !is_for_us {
            self.refuse(&assertion, "item-not-found", out);
        } else if self.is_proven && is_self {
            // The certificate says more than dialback could (XEP-0220 2.4.2).
            self.asked.push(assertion.clone());
            self.verified(&assertion, true, out);
        } else if !self.config.dialback {
            self.refuse(&assertion, "not-authorized", out);
        } else if self.asked.len() >= ASKED_MAX {
            self.refuse(&assertion, "resource-constraint", out);
        } else {
            self.asked.push(assertion.clone());
            out.push(IncomingAction::Verify(assertion));
        }
        Ok(())
    }

    fn refuse(
        &self,
        assertion: &Assertion,
        condition: &'static str,
        out: &mut Vec<IncomingAction>,
    ) {
        let condition = Xml::in_namespace(condition, "urn:ietf:params:xml:ns:xmpp-stanzas");
        let error = Xml::new("error").attr("type", "cancel").child(condition);
        let result = element("db:result", &assertion.receiving, &assertion.originating)
            .attr("type", "error")
            .child(error);
        write(result.finish(), out);
    }

    fn verified(&mut self, assertion: &Assertion, is_true: bool, out: &mut Vec<IncomingAction>) {
        let Some(place) = self.asked.iter().position(|asked| asked == assertion) else {
            return;
        };
        self.asked.remove(place);
        let type_ = if is_true { "valid" } else { "invalid" };
        let result = element("db:result", &assertion.receiving, &assertion.originating);
        write(result.attr("type", type_).finish(), out);
        let parts = (
            DomainPart::new(&assertion.originating),
            DomainPart::new(&assertion.receiving),
        );
        match parts {
            (Ok(peer), Ok(local)) if is_true => {
                self.authenticate(peer.into_owned(), local.into_owned(), out);
            }
            _ if self.pairs.is_empty() => self.end(out),
            _ => {}
        }
    }

    /// `<db:verify>`: the peer asks whether a key is ours (XEP-0220 2.2.1).
    fn verify(
        &self,
        element: &Child<'_>,
        out: &mut Vec<IncomingAction>,
    ) -> Result<(), StreamError> {
        let text = |name| attribute(element, name);
        let (Some(from), Some(to), Some(id)) = (text("from"), text("to"), text("id")) else {
            return Err(StreamCondition::ImproperAddressing.into());
        };
        let assertion = Assertion {
            originating: to,
            receiving: from,
            id,
            key: element.text(),
        };
        let is_here = self
            .config
            .domains
            .iter()
            .any(|d| d.as_str() == assertion.originating);
        let is_valid = is_here && assertion.is_ours(&self.config.secret);
        let answer =
            super::dialback::element("db:verify", &assertion.originating, &assertion.receiving)
                .attr("id", &assertion.id)
                .attr("type", if is_valid { "valid" } else { "invalid" });
        write(answer.finish(), out);
        Ok(())
    }

    fn sm_element(
        &mut self,
        element: &Child<'_>,
        out: &mut Vec<IncomingAction>,
    ) -> Result<(), StreamError> {
        match (element.tag.local, &mut self.sm) {
            ("enable", None) if !self.pairs.is_empty() => {
                self.sm = Some(Inbound::default());
                write(Xml::in_namespace("enabled", SM).finish(), out);
            }
            ("enable" | "resume", _) => {
                let condition =
                    Xml::in_namespace("unexpected-request", "urn:ietf:params:xml:ns:xmpp-stanzas");
                write(
                    Xml::in_namespace("failed", SM).child(condition).finish(),
                    out,
                );
            }
            ("r", Some(sm)) => acknowledge(sm.ask(), out),
            ("a", _) => {}
            _ => return Err(StreamCondition::BadFormat.into()),
        }
        Ok(())
    }

    fn stanza(
        &mut self,
        element: &Child<'_>,
        out: &mut Vec<IncomingAction>,
    ) -> Result<(), StreamError> {
        if self.pairs.is_empty() {
            return Err(StreamCondition::NotAuthorized.into());
        }
        let stanza = Stanza::from_peer(element.bytes).map_err(|error| match error {
            crate::stanza::NoStanza::Unsupported => StreamCondition::UnsupportedStanzaType,
            crate::stanza::NoStanza::BadIq => StreamCondition::BadFormat,
            _ => StreamCondition::ImproperAddressing,
        })?;
        let to = stanza
            .to
            .as_ref()
            .ok_or(StreamCondition::ImproperAddressing)?;
        let pair = (stanza.from.domain().to_owned(), Jid::domain(to).to_owned());
        if !self.pairs.contains(&pair) {
            return Err(StreamCondition::InvalidFrom.into());
        }
        let count = self.sm.as_mut().map(Inbound::receive);
        out.push(IncomingAction::Stanza {
            peer: pair.0,
            stanza,
            count,
        });
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<IncomingAction>) {
        write("</stream:stream>".to_owned(), out);
        out.push(IncomingAction::Close);
        self.is_over = true;
        self.wait = Wait::Nothing;
    }
}

fn write(xml: String, out: &mut Vec<IncomingAction>) {
    out.push(IncomingAction::Write(xml.into()));
}

fn acknowledge(h: Option<u32>, out: &mut Vec<IncomingAction>) {
    if let Some(h) = h {
        write(
            Xml::in_namespace("a", SM)
                .attr("h", &h.to_string())
                .finish(),
            out,
        );
    }
}
