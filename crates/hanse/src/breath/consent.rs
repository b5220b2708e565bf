//! What a person agreed to: recorded once, and taken back once. No clock and no I/O.

use ids::PrincipalId;
use std::convert::Infallible;

use ids::aggregate::{Aggregate, Decision, Misfit};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ids::BreathPerson;

/// The kind of [`Consented`].
pub const CONSENTED_KIND: &str = "breath.consented.v1";
/// The kind of [`Withdrawn`].
pub const WITHDRAWN_KIND: &str = "breath.consent_withdrawn.v1";
/// The kind of [`SafetyOver`].
pub const SAFETY_OVER_KIND: &str = "breath.safety_over.v1";
/// What is agreed to: docs/zenb/consent.md.
pub const TERMS: &str = "record-and-guide/1";

/// The consent of a person as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Consent {
    /// Who.
    pub person: BreathPerson,
    /// To what.
    #[schema(example = "record-and-guide/1")]
    pub terms: String,
    /// Who recorded it, and alone may guide the person.
    pub by: PrincipalId,
    /// When it was given.
    #[schema(value_type = String, format = DateTime)]
    pub given_at: Timestamp,
    /// When it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub withdrawn_at: Option<Timestamp>,
    /// How many records of what protects the person are over and gone. The next has a stream of its own.
    #[serde(default)]
    #[schema(default = 0)]
    pub safety_records_over: u32,
}

/// A person agreed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consented {
    /// Who.
    pub person: BreathPerson,
    /// To what.
    pub terms: String,
    /// Who recorded it, and alone may guide the person.
    pub by: PrincipalId,
    /// When.
    pub at: Timestamp,
}

/// A person took it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawn {
    /// Who.
    pub person: BreathPerson,
    /// Who recorded it.
    pub by: PrincipalId,
    /// When.
    pub at: Timestamp,
    /// How many sessions were shredded with it.
    pub sessions: u64,
}

/// The record of what protects the person protects nobody any more, and its key is destroyed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SafetyOver {
    /// Whose record.
    pub person: BreathPerson,
    /// When.
    pub at: Timestamp,
}

/// What happens to a consent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsentEvent {
    /// It was given.
    Consented(Consented),
    /// It was taken back.
    Withdrawn(Withdrawn),
    /// A record of what protects the person is over.
    SafetyOver(SafetyOver),
}

impl ConsentEvent {
    /// The kind under which the journal stores it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Consented(_) => CONSENTED_KIND,
            Self::Withdrawn(_) => WITHDRAWN_KIND,
            Self::SafetyOver(_) => SAFETY_OVER_KIND,
        }
    }
}

/// What can be asked of a consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Record that the person agrees.
    Record {
        /// Whether the pseudonym ever had a consent, also one that was erased.
        is_used: bool,
    },
    /// Take it back.
    Withdraw {
        /// How many sessions are shredded with it.
        sessions: u64,
    },
    /// Count a record of what protects the person as over.
    EndSafety,
}

/// What a decision depends on besides.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Whose consent it is.
    pub person: &'a BreathPerson,
    /// Who acts.
    pub by: &'a PrincipalId,
    /// When.
    pub at: Timestamp,
}

/// Why a command is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A pseudonym whose consent was taken back is retired: what inhibited it is shredded, and must not look like nothing.
    #[error(
        "consent was recorded for this pseudonym before; a person who comes back takes another one"
    )]
    RecordedBefore,
    /// There is none that this principal may know of.
    #[error("there is no such consent")]
    Unknown,
    /// It was taken back.
    #[error("consent was taken back already")]
    WithdrawnBefore,
}

impl Consent {
    /// Whether a principal may know of it: who guides the person, and the person.
    pub fn concerns(&self, principal: &PrincipalId) -> bool {
        self.by == *principal || principal.as_str() == self.person.as_str()
    }

    /// Whether it allows a principal to guide the person.
    pub fn allows(&self, principal: &PrincipalId) -> bool {
        self.withdrawn_at.is_none() && self.concerns(principal)
    }
}

impl Aggregate for Consent {
    type State = Self;
    type Command = Command;
    type Event = ConsentEvent;
    type Effect = Infallible;
    type Refusal = Refusal;
    type Context<'a> = Context<'a>;

    fn decide(
        consent: Option<&Self>,
        command: Command,
        context: &Context<'_>,
    ) -> Result<Decision<ConsentEvent, Infallible>, Refusal> {
        let (person, by, at) = (context.person.clone(), context.by.clone(), context.at);
        let event = match (command, consent) {
            (Command::Record { is_used: false }, None) => ConsentEvent::Consented(Consented {
                person,
                terms: TERMS.to_owned(),
                by,
                at,
            }),
            (Command::Record { .. }, _) => return Err(Refusal::RecordedBefore),
            (Command::Withdraw { sessions }, Some(consent)) if consent.concerns(&by) => {
                if consent.withdrawn_at.is_some() {
                    return Err(Refusal::WithdrawnBefore);
                }
                ConsentEvent::Withdrawn(Withdrawn {
                    person,
                    by,
                    at,
                    sessions,
                })
            }
            (Command::EndSafety, Some(consent)) if consent.withdrawn_at.is_none() => {
                ConsentEvent::SafetyOver(SafetyOver { person, at })
            }
            (Command::EndSafety, Some(_)) => return Err(Refusal::WithdrawnBefore),
            (Command::Withdraw { .. } | Command::EndSafety, _) => return Err(Refusal::Unknown),
        };
        Ok(Decision::event(event))
    }

    fn apply(consent: Option<Self>, event: &ConsentEvent) -> Result<Self, Misfit> {
        let misfit = |state| Misfit {
            event: event.kind(),
            state,
        };
        match (event, consent) {
            (ConsentEvent::Consented(consented), None) => Ok(Self {
                person: consented.person.clone(),
                terms: consented.terms.clone(),
                by: consented.by.clone(),
                given_at: consented.at,
                withdrawn_at: None,
                safety_records_over: 0,
            }),
            (ConsentEvent::Consented(_), Some(_)) => Err(misfit("given")),
            (ConsentEvent::Withdrawn(_), None) => Err(misfit("not given")),
            (ConsentEvent::Withdrawn(_), Some(consent)) if consent.withdrawn_at.is_some() => {
                Err(misfit("taken back"))
            }
            (ConsentEvent::Withdrawn(withdrawn), Some(consent)) => Ok(Self {
                withdrawn_at: Some(withdrawn.at),
                ..consent
            }),
            (ConsentEvent::SafetyOver(_), None) => Err(misfit("not given")),
            (ConsentEvent::SafetyOver(_), Some(consent)) => Ok(Self {
                safety_records_over: consent.safety_records_over.saturating_add(1),
                ..consent
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: Command = Command::Record { is_used: false };
    const WITHDRAW: Command = Command::Withdraw { sessions: 2 };

    fn decided(
        consent: Option<&Consent>,
        command: Command,
        by: &str,
    ) -> Result<ConsentEvent, Refusal> {
        let (person, by) = ("guest-17".parse().unwrap(), by.parse().unwrap());
        let context = Context {
            person: &person,
            by: &by,
            at: Timestamp::UNIX_EPOCH,
        };
        let mut decision = Consent::decide(consent, command, &context)?;
        Ok(decision.events.remove(0))
    }

    fn given() -> Consent {
        Consent::apply(None, &decided(None, RECORD, "dora").unwrap()).unwrap()
    }

    #[test]
    fn a_consent_is_given_once_and_taken_back_once() {
        let given = given();
        let taken_back = decided(Some(&given), WITHDRAW, "dora").unwrap();
        let withdrawn = Consent::apply(Some(given.clone()), &taken_back).unwrap();
        for (consent, command, refusal) in [
            (
                None,
                Command::Record { is_used: true },
                Refusal::RecordedBefore,
            ),
            (Some(&given), RECORD, Refusal::RecordedBefore),
            (Some(&withdrawn), RECORD, Refusal::RecordedBefore),
            (Some(&withdrawn), WITHDRAW, Refusal::WithdrawnBefore),
            (None, WITHDRAW, Refusal::Unknown),
        ] {
            assert_eq!(decided(consent, command, "dora"), Err(refusal));
        }
        assert!(Consent::apply(Some(withdrawn), &taken_back).is_err());
        assert!(Consent::apply(None, &taken_back).is_err());
    }

    #[test]
    fn who_recorded_it_and_the_person_may_guide_until_it_is_taken_back_and_nobody_else_knows_of_it()
    {
        let given = given();
        assert_eq!(
            decided(Some(&given), WITHDRAW, "eve"),
            Err(Refusal::Unknown)
        );
        let taken_back = decided(Some(&given), WITHDRAW, "guest-17").unwrap();
        let withdrawn = Consent::apply(Some(given.clone()), &taken_back).unwrap();
        for (principal, allowed) in [("dora", true), ("guest-17", true), ("eve", false)] {
            let principal = principal.parse().unwrap();
            assert_eq!(given.allows(&principal), allowed);
            assert!(!withdrawn.allows(&principal));
        }
    }
}
