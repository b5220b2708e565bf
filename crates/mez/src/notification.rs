//! Notifications: what people must be told, and that somebody took note of it.

use ids::{ActorId, EntityId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use ids::aggregate::{Aggregate, CommonRefusal, Decision, Misfit};

/// Whom a notification is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Those who decide on applications and hits.
    Reviewers,
    /// Those who run the node: something failed for good.
    Operators,
}

/// Something people must be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notification {
    /// Id: that of the work it comes from.
    pub id: String,
    /// Whom it is for.
    pub audience: Audience,
    /// About which entity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<EntityId>,
    /// What happened.
    pub text: String,
    /// When.
    pub raised_at: Timestamp,
    /// Who took note of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_by: Option<ActorId>,
}

/// What can be asked of a notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Tell people.
    Raise(Notification),
    /// Take note of it.
    Acknowledge,
}

/// What happened to a notification. Each is stored as it is, under its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum NotificationEvent {
    /// It was raised.
    Raised(Notification),
    /// Somebody took note of it.
    Acknowledged(Acknowledged),
}

/// Somebody took note of a notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledged {
    /// Which.
    pub id: String,
    /// Who.
    pub by: ActorId,
}

/// What has to be done because of a notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "work", rename_all = "snake_case")]
pub enum Effect {
    /// Tell the outside.
    CallWebhook {
        /// Which notification.
        notification: String,
    },
}

/// Whether anybody outside the zone is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    /// Nobody.
    Nobody,
    /// Who listens at the webhook.
    Webhook,
}

/// What a decision depends on besides.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Who acts.
    pub actor: &'a ActorId,
    /// Who is told outside the zone.
    pub outside: Outside,
}

/// Why a command to a notification is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such notification, or it was raised before.
    #[error(transparent)]
    Common(#[from] CommonRefusal),
    /// Somebody was faster.
    #[error("somebody took note of it already")]
    AcknowledgedAlready,
}

impl Aggregate for Notification {
    type State = Self;
    type Command = Command;
    type Event = NotificationEvent;
    type Effect = Effect;
    type Refusal = Refusal;
    type Context<'a> = Context<'a>;

    fn decide(
        notification: Option<&Self>,
        command: Command,
        context: &Context<'_>,
    ) -> Result<Decision<NotificationEvent, Effect>, Refusal> {
        match (command, notification) {
            (Command::Raise(raised), None) => {
                let effect = raised.effect(context.outside);
                let decision = Decision::event(NotificationEvent::Raised(raised));
                Ok(match effect {
                    Some(effect) => decision.with_effect(effect),
                    None => decision,
                })
            }
            (Command::Raise(_), Some(_)) => Err(CommonRefusal::WrongState {
                what: "notification",
                from: "raised",
                command: "raise",
            }
            .into()),
            (Command::Acknowledge, None) => Err(CommonRefusal::Unknown {
                what: "notification",
            }
            .into()),
            (Command::Acknowledge, Some(known)) if known.acknowledged_by.is_some() => {
                Err(Refusal::AcknowledgedAlready)
            }
            (Command::Acknowledge, Some(known)) => {
                let noted = Acknowledged {
                    id: known.id.clone(),
                    by: context.actor.clone(),
                };
                Ok(Decision::event(NotificationEvent::Acknowledged(noted)))
            }
        }
    }

    fn apply(notification: Option<Self>, event: &NotificationEvent) -> Result<Self, Misfit> {
        let misfit = |state| Misfit {
            event: event.kind(),
            state,
        };
        match (event, notification) {
            (NotificationEvent::Raised(raised), None) => Ok(raised.clone()),
            (NotificationEvent::Raised(_), Some(_)) => Err(misfit("raised")),
            (NotificationEvent::Acknowledged(_), None) => Err(misfit("not raised")),
            (NotificationEvent::Acknowledged(noted), Some(known)) => Ok(Self {
                acknowledged_by: Some(noted.by.clone()),
                ..known
            }),
        }
    }
}

impl Notification {
    /// Work for reviewers.
    pub fn for_reviewers(id: &str, entity: &EntityId, text: String, now_ms: i64) -> Self {
        Self {
            entity: Some(entity.clone()),
            ..Self::new(id, Audience::Reviewers, text, now_ms)
        }
    }

    /// Work for reviewers that is about no entity.
    pub fn for_all_reviewers(id: &str, text: String, now_ms: i64) -> Self {
        Self::new(id, Audience::Reviewers, text, now_ms)
    }

    /// Something failed for good.
    pub fn alert(id: &str, text: String, now_ms: i64) -> Self {
        Self::new(id, Audience::Operators, text, now_ms)
    }

    fn new(id: &str, audience: Audience, text: String, now_ms: i64) -> Self {
        let end = if now_ms < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        };
        Self {
            id: id.to_owned(),
            audience,
            entity: None,
            text,
            raised_at: Timestamp::from_millisecond(now_ms).unwrap_or(end),
            acknowledged_by: None,
        }
    }

    /// A failing webhook must not be told about its own failure without end.
    fn effect(&self, outside: Outside) -> Option<Effect> {
        match (outside, self.audience) {
            (Outside::Webhook, Audience::Reviewers) => Some(Effect::CallWebhook {
                notification: self.id.clone(),
            }),
            (Outside::Nobody, _) | (_, Audience::Operators) => None,
        }
    }
}

impl NotificationEvent {
    /// The kind of [`NotificationEvent::Raised`].
    pub const RAISED: &'static str = "notification.raised.v1";
    /// The kind of [`NotificationEvent::Acknowledged`].
    pub const ACKNOWLEDGED: &'static str = "notification.acknowledged.v1";

    /// The kind under which the journal stores the event.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Raised(_) => Self::RAISED,
            Self::Acknowledged(_) => Self::ACKNOWLEDGED,
        }
    }
}

impl Effect {
    /// The kind of [`Effect::CallWebhook`] in the outbox.
    pub const CALL_WEBHOOK: &'static str = "call_webhook";

    /// The kind under which the outbox stores the effect.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::CallWebhook { .. } => Self::CALL_WEBHOOK,
        }
    }
}
