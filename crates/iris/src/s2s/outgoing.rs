//! A stream that we open to a peer: we send, it receives.

use bytes::Bytes;
use data_encoding::BASE64;
use jid::DomainPart;

use super::dialback::{Assertion, DIALBACK, FEATURE, element, key};
use super::{SASL, TLS, attribute, header};
use crate::framer::{Frame, Framer, Header, Limits, STREAMS};
use crate::sm::SM;
use crate::stream::{StreamCondition, StreamError};
use crate::xml::{Child, Children, Xml};

/// Why we open it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To send stanzas.
    Send,
    /// To ask whether a dialback key is the peer's (XEP-0220 2.2.1).
    Verify(Assertion),
}

/// What a stream is told when it starts.
#[derive(Clone, Debug)]
pub struct OutgoingConfig {
    /// The domain we speak for.
    pub local: DomainPart,
    /// The domain we want to reach.
    pub remote: DomainPart,
    /// Why.
    pub purpose: Purpose,
    /// Whether a peer is good enough whose certificate is not trusted, and whether we may prove ourselves by dialback.
    pub dialback: bool,
    /// The node's secret for dialback keys.
    pub secret: [u8; 32],
}

/// What happened.
#[derive(Clone, Debug)]
pub enum OutgoingEvent<'a> {
    /// The connection stands.
    Connected,
    /// Bytes came.
    Received(&'a [u8]),
    /// Answers [`OutgoingAction::StartTls`].
    TlsEstablished {
        /// Whether a trusted certificate proves the remote domain.
        is_proven: bool,
    },
    /// We end the stream.
    Closing,
}

/// What the shell shall do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutgoingAction {
    /// Send these bytes.
    Write(Bytes),
    /// Start TLS as client, with our certificate.
    StartTls,
    /// Stanzas may be sent from here on.
    Established {
        /// Whether the peer acknowledges them (XEP-0198).
        has_acks: bool,
    },
    /// The peer has handled stanzas up to this count.
    Acked(u32),
    /// The peer's answer to [`Purpose::Verify`].
    Verified(bool),
    /// Close the connection; what is not acknowledged was perhaps not received.
    Close(Option<Broken>),
}

/// Why a stream did not come about, or ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The peer does not offer TLS.
    #[error("the peer offers no TLS")]
    NoTls,
    /// The peer's certificate does not prove its domain.
    #[error("the peer's certificate does not prove its domain")]
    NotProven,
    /// There is no way to prove who we are that both sides take.
    #[error("the peer takes no proof that we can give")]
    NoWay,
    /// The peer refused our proof.
    #[error("the peer does not believe who we are")]
    Refused,
    /// The peer ended the stream.
    #[error("the peer ended the stream: {condition}")]
    Peer {
        /// The condition it named.
        condition: String,
    },
    /// The peer sent what is no stream.
    #[error("the peer sent what is no stream: {}", condition.name())]
    Nonsense {
        /// What was wrong.
        condition: StreamCondition,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Features are awaited.
    Features,
    /// `<proceed/>` is awaited.
    Proceed,
    /// TLS is being started.
    Tls,
    /// The outcome of EXTERNAL is awaited.
    External,
    /// The outcome of dialback is awaited.
    Dialback,
    /// The answer to a question about a key is awaited.
    Verify,
    /// `<enabled/>` is awaited.
    Enable,
    Established,
    Over,
}

/// What a peer offers.
#[derive(Clone, Copy, Debug, Default)]
struct Offer {
    tls: bool,
    external: bool,
    dialback: bool,
    sm: bool,
}

/// The state machine of a stream that we open.
#[derive(Debug)]
pub struct OutgoingStream {
    config: OutgoingConfig,
    framer: Framer,
    state: State,
    is_secured: bool,
    is_authenticated: bool,
    /// The id that the peer gave the stream.
    id: String,
    offer: Offer,
}

impl OutgoingStream {
    /// Before the connection stands.
    pub fn new(config: OutgoingConfig) -> Self {
        Self {
            config,
            framer: Framer::new(Limits::AFTER),
            state: State::Features,
            is_secured: false,
            is_authenticated: false,
            id: String::new(),
            offer: Offer::default(),
        }
    }

    /// Takes what happened and says what to do, in order.
    pub fn on(&mut self, event: OutgoingEvent<'_>) -> Vec<OutgoingAction> {
        let mut out = Vec::new();
        if self.state == State::Over {
            return out;
        }
        if let Err(broken) = self.take(event, &mut out) {
            if let Broken::Nonsense { condition } = &broken {
                write(StreamError::from(*condition).to_xml(), &mut out);
            }
            self.end(Some(broken), &mut out);
        }
        out
    }

    fn take(
        &mut self,
        event: OutgoingEvent<'_>,
        out: &mut Vec<OutgoingAction>,
    ) -> Result<(), Broken> {
        match event {
            OutgoingEvent::Connected => self.open(out),
            OutgoingEvent::Received(bytes) => self.framer.push(bytes),
            OutgoingEvent::TlsEstablished { is_proven } => {
                if self.framer.pending() > 0 {
                    return Err(nonsense(StreamCondition::PolicyViolation));
                }
                if !is_proven && !self.config.dialback {
                    return Err(Broken::NotProven);
                }
                self.is_secured = true;
                self.open(out);
            }
            OutgoingEvent::Closing => self.end(None, out),
        }
        while !matches!(self.state, State::Tls | State::Over) {
            match self.framer.next_frame().map_err(|e| nonsense(e.into()))? {
                Some(Frame::Open(header)) => self.opened(&header)?,
                Some(Frame::Element(bytes)) => self.element(&bytes, out)?,
                Some(Frame::Close) => self.end(None, out),
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn open(&mut self, out: &mut Vec<OutgoingAction>) {
        self.framer.restart();
        self.state = State::Features;
        let (local, remote) = (self.config.local.as_str(), self.config.remote.as_str());
        write(header(Some(local), Some(remote), None), out);
    }

    fn opened(&mut self, header: &Header) -> Result<(), Broken> {
        self.id = header.id.clone().unwrap_or_default();
        if header.namespace.as_deref() != Some("jabber:server") {
            return Err(nonsense(StreamCondition::InvalidNamespace));
        }
        if header.version.is_none() {
            // Without a version no features follow (RFC 6120 4.7.5), so there is no TLS either.
            return Err(Broken::NoTls);
        }
        Ok(())
    }

    fn element(&mut self, bytes: &Bytes, out: &mut Vec<OutgoingAction>) -> Result<(), Broken> {
        let element = Child::root(bytes).ok_or(nonsense(StreamCondition::NotWellFormed))?;
        let name = (element.tag.local, element.namespace.as_deref());
        match (self.state, name) {
            (_, ("error", Some(STREAMS))) => {
                let condition = Children::of(element.bytes).next();
                let condition = condition.map_or("unknown", |c| c.tag.local).to_owned();
                return Err(Broken::Peer { condition });
            }
            (State::Features, ("features", Some(STREAMS))) => {
                self.offer = offer(&element);
                return self.proceed(out);
            }
            (State::Proceed, ("proceed", Some(TLS))) => {
                if self.framer.pending() > 0 {
                    return Err(nonsense(StreamCondition::PolicyViolation));
                }
                self.state = State::Tls;
                out.push(OutgoingAction::StartTls);
            }
            (State::Proceed, ("failure", Some(TLS))) => return Err(Broken::NoTls),
            (State::External, ("success", Some(SASL))) => {
                self.is_authenticated = true;
                self.open(out);
            }
            (State::External, ("failure", Some(SASL))) => {
                self.offer.external = false;
                return self.prove(out);
            }
            (State::Dialback, ("result", Some(DIALBACK))) if self.is_ours(&element) => {
                if attribute(&element, "type").as_deref() != Some("valid") {
                    return Err(Broken::Refused);
                }
                self.is_authenticated = true;
                self.enable(out);
            }
            (State::Verify, ("verify", Some(DIALBACK))) if self.is_ours(&element) => {
                let is_valid = attribute(&element, "type").as_deref() == Some("valid");
                out.push(OutgoingAction::Verified(is_valid));
                self.end(None, out);
            }
            (State::Enable, ("enabled", Some(SM))) => self.establish(true, out),
            (State::Enable, ("failed", Some(SM))) => self.establish(false, out),
            (State::Established, ("a", Some(SM))) => {
                let h = element.tag.value("h").and_then(|h| h.parse().ok());
                out.push(OutgoingAction::Acked(
                    h.ok_or(nonsense(StreamCondition::BadFormat))?,
                ));
            }
            // We received nothing on this stream, which is what an acknowledgement says.
            (_, ("r", Some(SM))) => write(format!("<a xmlns='{SM}' h='0'/>"), out),
            // A peer may speak on our stream only if it asked to (XEP-0288), which we do not offer.
            _ => {}
        }
        Ok(())
    }

    fn is_ours(&self, element: &Child<'_>) -> bool {
        attribute(element, "from").as_deref() == Some(self.config.remote.as_str())
            && attribute(element, "to").as_deref() == Some(self.config.local.as_str())
    }

    fn proceed(&mut self, out: &mut Vec<OutgoingAction>) -> Result<(), Broken> {
        if !self.is_secured {
            if !self.offer.tls {
                return Err(Broken::NoTls);
            }
            write(Xml::in_namespace("starttls", TLS).finish(), out);
            self.state = State::Proceed;
            return Ok(());
        }
        if self.is_authenticated {
            self.enable(out);
            return Ok(());
        }
        if let Purpose::Verify(assertion) = &self.config.purpose {
            let (local, remote) = (self.config.local.as_str(), self.config.remote.as_str());
            let verify = element("db:verify", local, remote)
                .attr("id", &assertion.id)
                .text(&assertion.key);
            write(verify.finish(), out);
            self.state = State::Verify;
            return Ok(());
        }
        self.prove(out)
    }

    fn prove(&mut self, out: &mut Vec<OutgoingAction>) -> Result<(), Broken> {
        let (local, remote) = (self.config.local.as_str(), self.config.remote.as_str());
        if self.offer.external {
            let auth = Xml::in_namespace("auth", SASL)
                .attr("mechanism", "EXTERNAL")
                .text(&BASE64.encode(local.as_bytes()));
            write(auth.finish(), out);
            self.state = State::External;
            return Ok(());
        }
        if !self.config.dialback || !self.offer.dialback {
            return Err(Broken::NoWay);
        }
        let key = key(&self.config.secret, remote, local, &self.id);
        write(element("db:result", local, remote).text(&key).finish(), out);
        self.state = State::Dialback;
        Ok(())
    }

    fn enable(&mut self, out: &mut Vec<OutgoingAction>) {
        if self.offer.sm {
            write(Xml::in_namespace("enable", SM).finish(), out);
            self.state = State::Enable;
        } else {
            self.establish(false, out);
        }
    }

    fn establish(&mut self, has_acks: bool, out: &mut Vec<OutgoingAction>) {
        self.state = State::Established;
        out.push(OutgoingAction::Established { has_acks });
    }

    fn end(&mut self, why: Option<Broken>, out: &mut Vec<OutgoingAction>) {
        write("</stream:stream>".to_owned(), out);
        out.push(OutgoingAction::Close(why));
        self.state = State::Over;
    }
}

fn nonsense(condition: StreamCondition) -> Broken {
    Broken::Nonsense { condition }
}

fn write(xml: String, out: &mut Vec<OutgoingAction>) {
    out.push(OutgoingAction::Write(xml.into()));
}

fn offer(features: &Child<'_>) -> Offer {
    let mut offer = Offer::default();
    for feature in Children::of(features.bytes) {
        match (feature.tag.local, feature.namespace.as_deref()) {
            ("starttls", Some(TLS)) => offer.tls = true,
            ("mechanisms", Some(SASL)) => {
                offer.external = Children::of(feature.bytes).any(|m| m.text() == "EXTERNAL");
            }
            ("dialback", Some(FEATURE)) => offer.dialback = true,
            ("sm", Some(SM)) => offer.sm = true,
            _ => {}
        }
    }
    offer
}
