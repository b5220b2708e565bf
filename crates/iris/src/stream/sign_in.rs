//! Sign-in on a client's stream: RFC 6120 6 and XEP-0388 around the same exchange.

use data_encoding::BASE64;
use jid::BareJid;

use super::client::{ClientStream, Try, Wait};
use super::error::{StreamCondition, StreamError};
use super::event::Action;
use super::features::{SASL, SASL2};
use super::inline::Inline;
use crate::sasl::{Credentials, Exchange, Failure, Offer, Step};
use crate::xml::{Child, Children, Xml};

impl ClientStream {
    /// What this stream offers for the next try.
    pub(super) fn offer(&mut self) -> Offer {
        Offer {
            domain: self.config.domain.clone(),
            exporter: self.config.exporter,
            takes_tokens: self.config.takes_tokens,
            nonce: self.draw("nonce"),
            salt_key: self.config.salt_key,
        }
    }

    /// An element before the account is known.
    pub(super) fn sign_in(
        &mut self,
        element: &Child<'_>,
        out: &mut Vec<Action>,
    ) -> Result<(), StreamError> {
        let namespace = element.namespace.as_deref();
        match (element.tag.local, namespace, self.exchange.is_some()) {
            ("auth", Some(SASL), false) => {
                let initial = Some(element.text()).filter(|text| !text.is_empty());
                self.begin(element, initial, None, out)
            }
            ("authenticate", Some(SASL2), false) => {
                let initial = Children::of(element.bytes)
                    .find(|child| child.tag.local == "initial-response")
                    .map(|child| child.text());
                self.begin(element, initial, Some(Inline::read(element)), out)
            }
            ("response", Some(SASL | SASL2), true) => self.respond(&element.text(), out),
            ("abort", Some(SASL | SASL2), _) => self.failure(Failure::Aborted, out),
            _ => Err(StreamCondition::NotAuthorized.into()),
        }
    }

    fn begin(
        &mut self,
        element: &Child<'_>,
        initial: Option<String>,
        inline: Option<Inline>,
        out: &mut Vec<Action>,
    ) -> Result<(), StreamError> {
        let mechanism = element.tag.value("mechanism").unwrap_or_default();
        let offer = self.offer();
        let is_sasl2 = inline.is_some();
        match Exchange::new(&mechanism, offer) {
            Ok(exchange) => self.exchange = Some(Try { exchange, inline }),
            Err(failure) => return self.refuse(failure, is_sasl2, out),
        }
        match initial {
            Some(initial) => self.respond(&initial, out),
            None => {
                self.challenge(&[], out);
                Ok(())
            }
        }
    }

    fn respond(&mut self, text: &str, out: &mut Vec<Action>) -> Result<(), StreamError> {
        // A single equals sign is an empty message, other than none (RFC 6120 6.4.2).
        let text = if text == "=" { "" } else { text };
        let Ok(data) = BASE64.decode(text.as_bytes()) else {
            return self.failure(Failure::IncorrectEncoding, out);
        };
        self.advance(|exchange| exchange.response(&data), out)
    }

    pub(super) fn credentials(
        &mut self,
        found: Option<&Credentials>,
        out: &mut Vec<Action>,
    ) -> Result<(), StreamError> {
        self.answered(&Wait::Credentials)?;
        self.advance(|exchange| exchange.credentials(found), out)
    }

    pub(super) fn token_checked(
        &mut self,
        owner: Option<BareJid>,
        out: &mut Vec<Action>,
    ) -> Result<(), StreamError> {
        self.answered(&Wait::Token)?;
        self.advance(|exchange| exchange.token_checked(owner), out)
    }

    fn advance(
        &mut self,
        step: impl FnOnce(&mut Exchange) -> Step,
        out: &mut Vec<Action>,
    ) -> Result<(), StreamError> {
        let Some(current) = &mut self.exchange else {
            return Err(StreamCondition::InternalServerError.into());
        };
        let mechanism = current.exchange.mechanism();
        match step(&mut current.exchange) {
            Step::Challenge(data) => self.challenge(&data, out),
            Step::LookUp(account) => {
                self.wait = Wait::Credentials;
                out.push(Action::LookUp { account, mechanism });
            }
            Step::CheckToken(token) => {
                self.wait = Wait::Token;
                out.push(Action::CheckToken { token });
            }
            Step::Success { account, data } => self.success(account, data, out),
            Step::Failure(failure) => return self.failure(failure, out),
        }
        Ok(())
    }

    fn namespace(&self) -> &'static str {
        match &self.exchange {
            Some(Try {
                inline: Some(_), ..
            }) => SASL2,
            _ => SASL,
        }
    }

    fn challenge(&self, data: &[u8], out: &mut Vec<Action>) {
        let challenge = Xml::in_namespace("challenge", self.namespace());
        self.write(challenge.text(&BASE64.encode(data)).finish(), out);
    }

    fn failure(&mut self, failure: Failure, out: &mut Vec<Action>) -> Result<(), StreamError> {
        let is_sasl2 = self.namespace() == SASL2;
        if let Some(failed) = self.exchange.take() {
            out.push(Action::SignInFailed {
                account: failed.exchange.account().cloned(),
                mechanism: failed.exchange.mechanism(),
            });
        }
        self.refuse(failure, is_sasl2, out)
    }

    fn refuse(
        &mut self,
        failure: Failure,
        is_sasl2: bool,
        out: &mut Vec<Action>,
    ) -> Result<(), StreamError> {
        let condition = if is_sasl2 {
            Xml::in_namespace(failure.name(), SASL)
        } else {
            Xml::new(failure.name())
        };
        let namespace = if is_sasl2 { SASL2 } else { SASL };
        self.write(
            Xml::in_namespace("failure", namespace)
                .child(condition)
                .finish(),
            out,
        );
        self.failures = self.failures.saturating_add(1);
        if self.failures >= self.config.tries {
            let text = "too many tries to sign in";
            return Err(StreamError::with_text(
                StreamCondition::PolicyViolation,
                text,
            ));
        }
        Ok(())
    }

    fn success(&mut self, account: BareJid, data: Option<Vec<u8>>, out: &mut Vec<Action>) {
        let inline = self.exchange.take().and_then(|done| done.inline);
        self.account = Some(account);
        self.widen();
        match inline {
            Some(inline) => self.continue_inline(inline, data, out),
            None => {
                let mut success = Xml::in_namespace("success", SASL);
                if let Some(data) = data {
                    success = success.text(&BASE64.encode(&data));
                }
                self.write(success.finish(), out);
                self.restart();
            }
        }
    }
}
