//! A client's stream (RFC 6120): header, TLS, sign-in, bind, then stanzas.
//!
//! Invariants (guard):
//! 1. nothing but TLS is negotiated in the clear, and nothing that came before TLS is read after it
//!    (`what_came_before_tls_is_not_read_after_it`)
//! 2. no stanza is passed on before a resource is bound (`nothing_is_passed_on_before_bind`)
//! 3. `h` covers only durable stanzas ([`crate::sm`])
//! 4. whatever the bytes, the machine answers and ends (property `any_bytes_are_survived`)

use bytes::Bytes;
use jid::{BareJid, FullJid};
use sha2::{Digest, Sha256};

use super::error::{StreamCondition, StreamError};
use super::event::{Action, Config, Event};
use super::features;
use super::inline::Inline;
use crate::framer::{Frame, Framer, Header};
use crate::sasl::Exchange;
use crate::sm::Inbound;
use crate::xml::{Child, Xml};

/// Namespace of what frames a WebSocket stream (RFC 7395).
pub(super) const FRAMING: &str = "urn:ietf:params:xml:ns:xmpp-framing";
const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";

/// The state machine of one client's stream.
#[derive(Debug)]
pub struct ClientStream {
    pub(super) config: Config,
    framer: Framer,
    pub(super) phase: Phase,
    pub(super) wait: Wait,
    /// Whether our header was sent since the last restart.
    is_open: bool,
    drawn: u32,
    pub(super) failures: u8,
    pub(super) exchange: Option<Try>,
    pub(super) account: Option<BareJid>,
    pub(super) jid: Option<FullJid>,
    pub(super) sm: Option<Inbound>,
}

/// A try to sign in and where it came from.
#[derive(Debug)]
pub(super) struct Try {
    pub(super) exchange: Exchange,
    /// What rides on a SASL2 sign-in; `None` for RFC 6120's.
    pub(super) inline: Option<Inline>,
}

/// How far the negotiation got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// TLS is missing.
    Clear,
    /// Inside TLS.
    Secured,
    /// The account is known.
    SignedIn,
    /// The resource is known.
    Bound,
    /// Nothing is read any more.
    Over,
}

/// The question that the shell has not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    Nothing,
    Tls,
    Credentials,
    Token,
    /// The iq to answer.
    Bind(String),
    EnableSm,
    /// The session asked for.
    Resume(String),
    InlineResume(Inline, Option<Vec<u8>>),
    InlineBind(Inline, Option<Vec<u8>>),
    InlineSm(Inline, Option<Vec<u8>>),
}

impl ClientStream {
    /// At the start of a connection.
    pub fn new(config: Config) -> Self {
        let framer = if config.is_websocket {
            Framer::of_messages(config.before)
        } else {
            Framer::new(config.before)
        };
        Self {
            phase: if config.is_encrypted {
                Phase::Secured
            } else {
                Phase::Clear
            },
            framer,
            config,
            wait: Wait::Nothing,
            is_open: false,
            drawn: 0,
            failures: 0,
            exchange: None,
            account: None,
            jid: None,
            sm: None,
        }
    }

    /// Whether a question is open; while it is, the shell does not read from the socket.
    pub fn is_waiting(&self) -> bool {
        self.wait != Wait::Nothing
    }

    /// Whether a resource is bound.
    pub fn is_bound(&self) -> bool {
        self.phase == Phase::Bound
    }

    /// The bytes of a carried stanza as this stream sends them.
    pub fn encode(&self, carried: &Bytes) -> Bytes {
        if !self.config.is_websocket {
            return carried.clone();
        }
        let is_end = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | b'\n' | b'/' | b'>');
        let name_end = carried.iter().take_while(|b| !is_end(b)).count();
        [
            &carried[..name_end],
            b" xmlns='jabber:client'",
            &carried[name_end..],
        ]
        .concat()
        .into()
    }

    /// Takes what happened and says what to do, in order.
    pub fn on(&mut self, event: Event<'_>) -> Vec<Action> {
        let mut out = Vec::new();
        if self.phase == Phase::Over {
            return out;
        }
        if let Err(error) = self.take(event, &mut out) {
            self.fail(&error, &mut out);
        }
        out
    }

    fn take(&mut self, event: Event<'_>, out: &mut Vec<Action>) -> Result<(), StreamError> {
        match event {
            Event::Received(bytes) => self.framer.push(bytes),
            Event::TlsEstablished { exporter } => self.secured(exporter)?,
            Event::Credentials(found) => self.credentials(found.as_ref(), out)?,
            Event::TokenChecked(owner) => self.token_checked(owner, out)?,
            Event::Bound(jid) => self.bound(jid, out)?,
            Event::BindRefused(condition) => self.bind_refused(condition, out)?,
            Event::SmEnabled { id, max_secs } => self.sm_enabled(Some((id, max_secs)), out)?,
            Event::SmRefused => self.sm_enabled(None, out)?,
            Event::Resumed { jid, handled } => self.resumed(jid, handled, out)?,
            Event::ResumeFailed { handled } => self.resume_failed(handled, out)?,
            Event::Handled(count) => {
                let answer = self.sm.as_mut().and_then(|sm| sm.handled(count));
                self.acknowledge(answer, out);
            }
            Event::Tick => {
                let answer = self.sm.as_mut().and_then(Inbound::tick);
                self.acknowledge(answer, out);
            }
            Event::Closing(error) => return Err(error),
        }
        self.run(out)
    }

    fn run(&mut self, out: &mut Vec<Action>) -> Result<(), StreamError> {
        while self.wait == Wait::Nothing && self.phase != Phase::Over {
            let frame = self.framer.next_frame().map_err(StreamCondition::from)?;
            match frame {
                Some(Frame::Open(header)) => self.open(&header, out)?,
                Some(Frame::Element(bytes)) => self.element(&bytes, out)?,
                Some(Frame::Close) => self.close(out),
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn open(&mut self, header: &Header, out: &mut Vec<Action>) -> Result<(), StreamError> {
        self.write_header(out);
        if !self.config.is_websocket && header.namespace.as_deref() != Some("jabber:client") {
            return Err(StreamCondition::InvalidNamespace.into());
        }
        let is_ours =
            |to: &str| jid::DomainPart::new(to).is_ok_and(|to| *to == *self.config.domain);
        if !header.to.as_deref().is_none_or(is_ours) {
            return Err(StreamCondition::HostUnknown.into());
        }
        if !header
            .version
            .as_deref()
            .is_some_and(|v| v.starts_with("1."))
        {
            return Err(StreamCondition::UnsupportedVersion.into());
        }
        let features = match self.phase {
            Phase::Clear => features::clear(),
            Phase::Secured => features::secured(&self.offer()),
            Phase::SignedIn | Phase::Bound | Phase::Over => features::signed_in(&self.config),
        };
        self.write(features, out);
        Ok(())
    }

    fn write_header(&mut self, out: &mut Vec<Action>) {
        self.is_open = true;
        let id = self.draw("stream");
        let domain = self.config.domain.as_str().to_owned();
        if self.config.is_websocket {
            let open = Xml::in_namespace("open", FRAMING)
                .attr("from", &domain)
                .attr("id", &id)
                .attr("version", "1.0")
                .attr("xml:lang", "en");
            return self.write(open.finish(), out);
        }
        let header = format!(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='{}' \
             from='{domain}' id='{id}' version='1.0' xml:lang='en'>",
            crate::framer::STREAMS
        );
        self.write(header, out);
    }

    fn element(&mut self, bytes: &Bytes, out: &mut Vec<Action>) -> Result<(), StreamError> {
        let element = Child::root(bytes).ok_or(StreamCondition::NotWellFormed)?;
        if self.config.is_websocket && element.is("open", Some(FRAMING)) {
            let text = |name| element.tag.value(name).map(std::borrow::Cow::into_owned);
            let header = Header {
                to: text("to"),
                version: text("version"),
                ..Header::default()
            };
            return self.open(&header, out);
        }
        if self.config.is_websocket && element.is("close", Some(FRAMING)) {
            self.close(out);
            return Ok(());
        }
        if !self.is_open {
            return Err(StreamCondition::BadFormat.into());
        }
        match self.phase {
            Phase::Clear => self.start_tls(&element, out),
            Phase::Secured => self.sign_in(&element, out),
            Phase::SignedIn => self.bind(&element, out),
            Phase::Bound => self.stanza(&element, out),
            Phase::Over => Ok(()),
        }
    }

    fn start_tls(&mut self, element: &Child<'_>, out: &mut Vec<Action>) -> Result<(), StreamError> {
        if !element.is("starttls", Some(TLS)) {
            return Err(StreamError::with_text(
                StreamCondition::PolicyViolation,
                "TLS comes first",
            ));
        }
        if self.framer.pending() > 0 {
            // Whoever sits between us could have put it there for us to read as if it came through TLS.
            return Err(StreamCondition::PolicyViolation.into());
        }
        self.write(Xml::in_namespace("proceed", TLS).finish(), out);
        self.wait = Wait::Tls;
        out.push(Action::StartTls);
        Ok(())
    }

    fn secured(&mut self, exporter: Option<[u8; 32]>) -> Result<(), StreamError> {
        self.answered(&Wait::Tls)?;
        if self.framer.pending() > 0 {
            return Err(StreamCondition::PolicyViolation.into());
        }
        self.config.exporter = exporter;
        self.phase = Phase::Secured;
        self.restart();
        Ok(())
    }

    /// The client opens the stream anew (RFC 6120 4.3.3).
    pub(super) fn restart(&mut self) {
        self.framer.restart();
        self.is_open = false;
    }

    /// The account is proven: larger stanzas are allowed from here on.
    pub(super) fn widen(&mut self) {
        self.framer.set_limits(self.config.after);
        self.phase = Phase::SignedIn;
    }

    /// An answer came: it must be to the open question, or the shell is wrong.
    pub(super) fn answered(&mut self, question: &Wait) -> Result<(), StreamError> {
        if self.wait != *question {
            return Err(StreamCondition::InternalServerError.into());
        }
        self.wait = Wait::Nothing;
        Ok(())
    }

    pub(super) fn write(&self, xml: String, out: &mut Vec<Action>) {
        out.push(Action::Write(xml.into()));
    }

    /// An id or nonce that nobody can guess and that does not repeat.
    pub(super) fn draw(&mut self, label: &str) -> String {
        self.drawn += 1;
        let digest = Sha256::new()
            .chain_update(self.config.random)
            .chain_update(self.drawn.to_be_bytes())
            .chain_update(label)
            .finalize();
        data_encoding::HEXLOWER.encode(&digest[..16])
    }

    fn close(&mut self, out: &mut Vec<Action>) {
        if !self.is_open {
            self.write_header(out);
        }
        self.write_end(out);
    }

    fn fail(&mut self, error: &StreamError, out: &mut Vec<Action>) {
        if !self.is_open {
            self.write_header(out);
        }
        self.write(error.to_xml(), out);
        self.write_end(out);
    }

    fn write_end(&mut self, out: &mut Vec<Action>) {
        let end = if self.config.is_websocket {
            Xml::in_namespace("close", FRAMING).finish()
        } else {
            "</stream:stream>".to_owned()
        };
        self.write(end, out);
        self.phase = Phase::Over;
        self.wait = Wait::Nothing;
        out.push(Action::Close);
    }
}
