//! The session on a client's stream: bind, resume, stream management, stanzas.

use data_encoding::BASE64;
use jid::{FullJid, Jid};

use super::client::{ClientStream, Phase, Wait};
use super::error::{StreamCondition, StreamError};
use super::event::{Action, ResourceWish};
use super::features::{self, BIND, BIND2, CSI, SASL2, SESSION};
use super::inline::{self, Inline};
use crate::sm::{Inbound, SM};
use crate::stanza::{Condition, Kind, NoStanza, Stanza, error_element, error_reply, iq_result};
use crate::xml::{Child, Children, Xml};

const STANZAS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";

impl ClientStream {
    /// An element between sign-in and bind.
    pub(super) fn bind(
        &mut self,
        element: &Child<'_>,
        out: &mut Vec<Action>,
    ) -> Result<(), StreamError> {
        let account = self
            .account
            .clone()
            .ok_or(StreamCondition::InternalServerError)?;
        if element.is("resume", Some(SM)) {
            let (previd, h) = inline::resume(element).ok_or(StreamCondition::BadFormat)?;
            self.wait = Wait::Resume(previd.clone());
            out.push(Action::Resume { account, previd, h });
            return Ok(());
        }
        if element.is("enable", Some(SM)) {
            self.write(failed(Condition::UnexpectedRequest, None), out);
            return Ok(());
        }
        let iq = Stanza::parse(element.bytes, &Jid::from(account.clone()))
            .map_err(|_| StreamCondition::NotAuthorized)?;
        let asked = match iq.child("bind", Some(BIND)) {
            Some(bind) if iq.kind == Kind::Iq && iq.type_.as_deref() == Some("set") => {
                let resource = Children::of(bind.bytes).find(|c| c.tag.local == "resource");
                resource.map(|c| c.text()).filter(|name| !name.is_empty())
            }
            _ => return Err(StreamCondition::NotAuthorized.into()),
        };
        self.wait = Wait::Bind(iq.id.unwrap_or_default());
        out.push(Action::Bind {
            account,
            resource: ResourceWish::Asked(asked),
        });
        Ok(())
    }

    pub(super) fn bound(&mut self, jid: FullJid, out: &mut Vec<Action>) -> Result<(), StreamError> {
        match std::mem::replace(&mut self.wait, Wait::Nothing) {
            Wait::Bind(id) => {
                let bind =
                    Xml::in_namespace("bind", BIND).child(Xml::new("jid").text(jid.as_str()));
                let iq = Xml::new("iq")
                    .attr("type", "result")
                    .attr("id", &id)
                    .child(bind);
                self.enter(jid);
                let iq = self.encode(&iq.finish().into());
                out.push(Action::Write(iq));
                Ok(())
            }
            Wait::InlineBind(inline, data) => {
                self.enter(jid);
                self.bound_inline(inline, data, out);
                Ok(())
            }
            _ => Err(StreamCondition::InternalServerError.into()),
        }
    }

    fn enter(&mut self, jid: FullJid) {
        self.jid = Some(jid);
        self.phase = Phase::Bound;
    }

    pub(super) fn bind_refused(
        &mut self,
        condition: Condition,
        out: &mut Vec<Action>,
    ) -> Result<(), StreamError> {
        match std::mem::replace(&mut self.wait, Wait::Nothing) {
            Wait::Bind(id) => {
                let iq = Xml::new("iq")
                    .attr("type", "error")
                    .attr("id", &id)
                    .raw(&error_element(condition, None, ""));
                let iq = self.encode(&iq.finish().into());
                out.push(Action::Write(iq));
                Ok(())
            }
            // The sign-in was not answered yet, so the stream can only end.
            Wait::InlineBind(..) => Err(StreamCondition::ResourceConstraint.into()),
            _ => Err(StreamCondition::InternalServerError.into()),
        }
    }

    pub(super) fn resumed(
        &mut self,
        jid: FullJid,
        handled: u32,
        out: &mut Vec<Action>,
    ) -> Result<(), StreamError> {
        let (previd, inline) = match std::mem::replace(&mut self.wait, Wait::Nothing) {
            Wait::Resume(previd) => (previd, None),
            Wait::InlineResume(inline, data) => {
                let previd = inline
                    .resume
                    .clone()
                    .map(|(previd, _)| previd)
                    .unwrap_or_default();
                (previd, Some((inline, data)))
            }
            _ => return Err(StreamCondition::InternalServerError.into()),
        };
        self.sm = Some(Inbound::resumed(handled));
        self.enter(jid);
        let resumed = Xml::in_namespace("resumed", SM)
            .attr("h", &handled.to_string())
            .attr("previd", &previd)
            .finish();
        match inline {
            None => self.write(resumed, out),
            Some((mut inline, data)) => {
                inline.answers.push_str(&resumed);
                self.finish_inline(&inline, data, out);
            }
        }
        Ok(())
    }

    pub(super) fn resume_failed(
        &mut self,
        handled: Option<u32>,
        out: &mut Vec<Action>,
    ) -> Result<(), StreamError> {
        let failed = failed(Condition::ItemNotFound, handled);
        match std::mem::replace(&mut self.wait, Wait::Nothing) {
            Wait::Resume(_) => self.write(failed, out),
            Wait::InlineResume(mut inline, data) => {
                inline.resume = None;
                inline.answers.push_str(&failed);
                self.continue_inline(inline, data, out);
            }
            _ => return Err(StreamCondition::InternalServerError.into()),
        }
        Ok(())
    }

    /// The next thing that was asked for together with the sign-in, or the answer to all of it.
    pub(super) fn continue_inline(
        &mut self,
        inline: Inline,
        data: Option<Vec<u8>>,
        out: &mut Vec<Action>,
    ) {
        let Some(account) = self.account.clone() else {
            return;
        };
        if let Some((previd, h)) = inline.resume.clone() {
            self.wait = Wait::InlineResume(inline, data);
            out.push(Action::Resume { account, previd, h });
        } else if let Some(bind) = inline.bind.clone() {
            self.wait = Wait::InlineBind(inline, data);
            out.push(Action::Bind {
                account,
                resource: ResourceWish::Tagged {
                    tag: bind.tag,
                    device: bind.device,
                },
            });
        } else {
            self.finish_inline(&inline, data, out);
        }
    }

    fn bound_inline(&mut self, inline: Inline, data: Option<Vec<u8>>, out: &mut Vec<Action>) {
        let Some(bind) = &inline.bind else {
            return self.finish_inline(&inline, data, out);
        };
        if bind.carbons {
            out.push(Action::Carbons);
        }
        if bind.inactive {
            out.push(Action::Csi(false));
        }
        match bind.sm {
            Some((resume, max_secs)) => {
                self.wait = Wait::InlineSm(inline, data);
                out.push(Action::EnableSm { resume, max_secs });
            }
            None => {
                let mut inline = inline;
                inline
                    .answers
                    .push_str(&Xml::in_namespace("bound", BIND2).finish());
                self.finish_inline(&inline, data, out);
            }
        }
    }

    /// Tells the success of a sign-in by XEP-0388 and of all that rode on it.
    fn finish_inline(&mut self, inline: &Inline, data: Option<Vec<u8>>, out: &mut Vec<Action>) {
        let mut success = Xml::in_namespace("success", SASL2);
        if let Some(data) = data {
            success = success.child(Xml::new("additional-data").text(&BASE64.encode(&data)));
        }
        let address = match (&self.jid, &self.account) {
            (Some(full), _) => full.as_str().to_owned(),
            (None, account) => account
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
        };
        let success = success
            .child(Xml::new("authorization-identifier").text(&address))
            .raw(&inline.answers);
        self.write(success.finish(), out);
        let features = match self.phase {
            Phase::Bound => features::bound(&self.config),
            _ => features::signed_in(&self.config),
        };
        self.write(features, out);
    }

    pub(super) fn sm_enabled(
        &mut self,
        enabled: Option<(Option<String>, u32)>,
        out: &mut Vec<Action>,
    ) -> Result<(), StreamError> {
        let is_on = enabled.is_some();
        let answer = match enabled {
            Some((id, max_secs)) => enabled_element(id.as_deref(), max_secs),
            None => failed(Condition::InternalServerError, None),
        };
        match std::mem::replace(&mut self.wait, Wait::Nothing) {
            Wait::EnableSm => self.write(answer, out),
            Wait::InlineSm(mut inline, data) => {
                let bound = Xml::in_namespace("bound", BIND2).raw(&answer).finish();
                inline.answers.push_str(&bound);
                self.finish_inline(&inline, data, out);
            }
            _ => return Err(StreamCondition::InternalServerError.into()),
        }
        if is_on {
            self.sm = Some(Inbound::default());
        }
        Ok(())
    }

    pub(super) fn acknowledge(&self, h: Option<u32>, out: &mut Vec<Action>) {
        if let Some(h) = h {
            self.write(
                Xml::in_namespace("a", SM)
                    .attr("h", &h.to_string())
                    .finish(),
                out,
            );
        }
    }

    /// An element of a bound session.
    pub(super) fn stanza(
        &mut self,
        element: &Child<'_>,
        out: &mut Vec<Action>,
    ) -> Result<(), StreamError> {
        match (element.tag.local, element.namespace.as_deref()) {
            (_, Some(SM)) => return self.sm_element(element, out),
            ("active", Some(CSI)) => out.push(Action::Csi(true)),
            ("inactive", Some(CSI)) => out.push(Action::Csi(false)),
            _ => return self.true_stanza(element, out),
        }
        Ok(())
    }

    fn sm_element(
        &mut self,
        element: &Child<'_>,
        out: &mut Vec<Action>,
    ) -> Result<(), StreamError> {
        match (element.tag.local, &mut self.sm) {
            ("enable", None) => {
                let (resume, max_secs) = inline::enable(element);
                self.wait = Wait::EnableSm;
                out.push(Action::EnableSm { resume, max_secs });
            }
            ("enable" | "resume", _) => {
                self.write(failed(Condition::UnexpectedRequest, None), out);
            }
            ("r", Some(sm)) => {
                let answer = sm.ask();
                self.acknowledge(answer, out);
            }
            ("a", Some(_)) => {
                let h = element.tag.value("h").and_then(|h| h.parse().ok());
                out.push(Action::Acked(h.ok_or(StreamCondition::BadFormat)?));
            }
            _ => return Err(StreamCondition::BadFormat.into()),
        }
        Ok(())
    }

    fn true_stanza(
        &mut self,
        element: &Child<'_>,
        out: &mut Vec<Action>,
    ) -> Result<(), StreamError> {
        let jid = self
            .jid
            .clone()
            .ok_or(StreamCondition::InternalServerError)?;
        let parsed = Stanza::parse(element.bytes, &Jid::from(jid));
        if matches!(
            parsed,
            Err(NoStanza::Unsupported | NoStanza::Malformed(_) | NoStanza::From)
        ) {
            return Err(StreamCondition::UnsupportedStanzaType.into());
        }
        let count = self.sm.as_mut().map(Inbound::receive);
        let reply = match parsed {
            Ok(stanza) if is_session_request(&stanza) => Some(iq_result(&stanza, "")),
            Ok(stanza) => {
                out.push(Action::Stanza { stanza, count });
                return Ok(());
            }
            Err(NoStanza::To) => self.refusal(element, Condition::JidMalformed),
            Err(_) => self.refusal(element, Condition::BadRequest),
        };
        out.push(Action::Refused { reply, count });
        Ok(())
    }

    /// The error for a stanza that could not be read as one: answered as far as its id is known.
    fn refusal(&self, element: &Child<'_>, condition: Condition) -> Option<bytes::Bytes> {
        let jid = self.jid.clone()?;
        let text = |name| element.tag.value(name).map(|v| v.into_owned());
        let kind = [Kind::Message, Kind::Presence, Kind::Iq]
            .into_iter()
            .find(|kind| kind.name() == element.tag.local)?;
        let stanza = Stanza {
            kind,
            from: Jid::from(jid),
            to: None,
            type_: text("type"),
            id: text("id"),
            bytes: bytes::Bytes::new(),
        };
        error_reply(&stanza, condition)
    }
}

/// RFC 3921's session request, which means nothing and which old clients still send.
fn is_session_request(stanza: &Stanza) -> bool {
    stanza.kind == Kind::Iq
        && stanza.type_.as_deref() == Some("set")
        && stanza.child("session", Some(SESSION)).is_some()
}

fn enabled_element(id: Option<&str>, max_secs: u32) -> String {
    let enabled = Xml::in_namespace("enabled", SM);
    match id {
        Some(id) => enabled
            .attr("id", id)
            .attr("resume", "true")
            .attr("max", &max_secs.to_string()),
        None => enabled,
    }
    .finish()
}

fn failed(condition: Condition, handled: Option<u32>) -> String {
    let handled = handled.map(|h| h.to_string());
    Xml::in_namespace("failed", SM)
        .maybe("h", handled.as_deref())
        .child(Xml::in_namespace(condition.name_and_type().0, STANZAS))
        .finish()
}
