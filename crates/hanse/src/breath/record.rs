//! The read models of breath sessions, and the events of the shell that are no input of the engine.

use api::problem::Code;
use ids::PrincipalId;
use ids::aggregate::Aggregate as _;
use jiff::Timestamp;
use journal::{Event, ProjectionError, Records};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zenb::digest::StateDigest;
use zenb::engine::Summary;
use zenb::event::{self as form, DecisionKind};
use zenb::inhibition::Inhibitions;
use zenb::protocol::Protocol;

use super::consent::{CONSENTED_KIND, Consent, ConsentEvent, SAFETY_OVER_KIND, WITHDRAWN_KIND};
use super::ids::{BreathPerson, SessionId};
use super::safeties::SafetyRecord;
use super::safety::{self, Safety, SafetyEvent};
use crate::entities::wire::time;
use crate::records::kind;
use crate::streams;
use platform::declined::Declined;
use platform::moment::Moment;
use platform::projection::{find, payload, put, rule};
use platform::store::{self, StoreError};

/// The kind of [`Registered`], the first event of a session's stream.
pub const REGISTERED_KIND: &str = "breath.registered.v1";
/// The kind of [`Checkpoint`].
pub const CHECKPOINT_KIND: &str = "breath.checkpoint.v1";
/// The kind of [`Inhibited`].
pub const INHIBITED_KIND: &str = "breath.inhibited.v1";

/// Whose time the inputs of a session carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionClock {
    /// The node stamps inputs on arrival and ticks by itself: a strap and a person.
    Host,
    /// Whoever sends says when, in milliseconds since the session opened: a recording or a gateway.
    Sender,
}

/// A session was opened for a person.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registered {
    /// The session.
    pub id: SessionId,
    /// For whom.
    pub person: BreathPerson,
    /// By whom.
    pub by: PrincipalId,
    /// Whose time its inputs carry.
    pub clock: SessionClock,
    /// What happens in it.
    pub protocol: Protocol,
    /// When.
    pub at: Timestamp,
    /// How many events the stream of what protects the person had; nothing where it could not be read, and in sessions that
    /// were opened before this was kept. Such a session does not start.
    #[serde(default)]
    pub safety_events: Option<u64>,
}

/// How far a session has come: a restart compares the engine with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// Inputs taken so far.
    pub inputs_count: u64,
    /// The place of this event in its stream.
    pub seq: u64,
    /// The digest of the whole state.
    pub digest: StateDigest,
}

/// What inhibits a person's sessions from then on. No longer written: [`safety::Ended`] says more.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inhibited {
    /// Whom.
    pub person: BreathPerson,
    /// The session it comes from.
    pub session: SessionId,
    /// Everything that inhibits the person.
    pub inhibitions: Inhibitions,
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    /// It is open and the pacer has not started.
    Open,
    /// The pacer started.
    Running,
    /// It ended, and takes no input.
    Ended,
}

impl SessionStatus {
    /// The stable text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Running => "running",
            Self::Ended => "ended",
        }
    }
}

/// The read model of a session.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionRecord {
    /// Id.
    pub id: SessionId,
    /// For whom.
    pub person: BreathPerson,
    /// Who opened it.
    pub by: PrincipalId,
    /// Whose time its inputs carry.
    pub clock: SessionClock,
    /// What happens in it.
    pub protocol: Protocol,
    /// Where it stands.
    pub status: SessionStatus,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When the pacer started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What it came to.
    pub summary: Option<Summary>,
    /// How many inputs were taken, once it ended.
    pub inputs_count: Option<u64>,
    /// The digest of the whole state at the end.
    pub digest: Option<StateDigest>,
}

impl From<Registered> for SessionRecord {
    fn from(registered: Registered) -> Self {
        Self {
            id: registered.id,
            person: registered.person,
            by: registered.by,
            clock: registered.clock,
            protocol: registered.protocol,
            status: SessionStatus::Open,
            opened_at: registered.at,
            started_at: None,
            ended_at: None,
            summary: None,
            inputs_count: None,
            digest: None,
        }
    }
}

impl SessionRecord {
    /// Whether a principal may know of it: who opened it, and the person.
    pub fn concerns(&self, principal: &PrincipalId) -> bool {
        self.by == *principal || principal.as_str() == self.person.as_str()
    }
}

/// A session, if this principal may know of it.
///
/// # Errors
/// `not_found`; `gone` when it was erased; the journal fails.
pub fn of(
    moment: &Moment<'_>,
    id: SessionId,
    principal: &PrincipalId,
) -> Result<SessionRecord, Declined> {
    Some(stored(moment, id)?)
        .filter(|session| session.concerns(principal))
        .ok_or_else(|| Declined::not_found("session"))
}

/// A session, whoever asks.
///
/// # Errors
/// As for [`of`].
pub fn stored(moment: &Moment<'_>, id: SessionId) -> Result<SessionRecord, Declined> {
    let found = store::find::<SessionRecord>(moment, kind::BREATH_SESSION, &id.to_string())?;
    if let Some(stored) = found {
        return Ok(stored.body);
    }
    let head = moment.stream_head(&streams::breath_session(&id));
    match head.map_err(StoreError::from)? {
        Some(head) if head.shredded => Err(erased()),
        _ => Err(Declined::not_found("session")),
    }
}

/// Every session of a person.
///
/// # Errors
/// The journal fails.
pub fn all_of(
    moment: &Moment<'_>,
    person: &BreathPerson,
) -> Result<Vec<SessionRecord>, StoreError> {
    listed(moment, ("person", person.as_str()))
}

/// Every session that stands so.
///
/// # Errors
/// The journal fails.
pub fn all_that_are(
    moment: &Moment<'_>,
    status: SessionStatus,
) -> Result<Vec<SessionRecord>, StoreError> {
    listed(moment, ("status", status.as_str()))
}

fn listed(moment: &Moment<'_>, filter: (&str, &str)) -> Result<Vec<SessionRecord>, StoreError> {
    let found = store::all(moment, kind::BREATH_SESSION, &[filter])?;
    Ok(found.into_iter().map(|stored| stored.body).collect())
}

/// What is told of a session whose key was destroyed.
pub fn erased() -> Declined {
    Declined::new(Code::Gone, "the session was erased")
}

/// Makes records of the events of breath sessions.
///
/// # Errors
/// The event is not of its kind, or does not fit what came before.
pub fn project(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    match event.kind.as_str() {
        CONSENTED_KIND => consent(event, records, &ConsentEvent::Consented(payload(event)?)),
        WITHDRAWN_KIND => consent(event, records, &ConsentEvent::Withdrawn(payload(event)?)),
        SAFETY_OVER_KIND => consent(event, records, &ConsentEvent::SafetyOver(payload(event)?)),
        REGISTERED_KIND => registered(event, records),
        INHIBITED_KIND => inhibited(event, records),
        safety::BEGAN_KIND => protected(event, records, &SafetyEvent::Began(payload(event)?)),
        safety::ENDED_KIND => protected(event, records, &SafetyEvent::Ended(payload(event)?)),
        form::DECIDED_TYPE => decided(event, records),
        form::ENDED_TYPE => ended(event, records),
        _ => Ok(()),
    }
}

fn consent(
    event: &Event,
    records: &mut dyn Records,
    happened: &ConsentEvent,
) -> Result<(), ProjectionError> {
    let person = match happened {
        ConsentEvent::Consented(data) => &data.person,
        ConsentEvent::Withdrawn(data) => &data.person,
        ConsentEvent::SafetyOver(data) => &data.person,
    };
    let id = person.as_str();
    let before: Option<Consent> = find(event, records, kind::BREATH_CONSENT, id)?;
    let after = Consent::apply(before, happened)
        .map_err(|_| rule(event, "the event does not fit the state of the consent"))?;
    put(event, records, kind::BREATH_CONSENT, id, [], &after)
}

fn inhibited(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let inhibited: Inhibited = payload(event)?;
    let id = inhibited.person.to_string();
    put(
        event,
        records,
        kind::BREATH_INHIBITIONS,
        &id,
        [],
        &inhibited.inhibitions,
    )
}

fn protected(
    event: &Event,
    records: &mut dyn Records,
    happened: &SafetyEvent,
) -> Result<(), ProjectionError> {
    let person = match happened {
        SafetyEvent::Began(data) => &data.person,
        SafetyEvent::Ended(data) => &data.person,
    };
    let id = person.as_str();
    let before: Option<SafetyRecord> = find(event, records, kind::BREATH_INHIBITIONS, id)?;
    let after = Safety::apply(before.map(Safety::from), happened)
        .map_err(|_| rule(event, "the event does not fit what protects the person"))?;
    put(event, records, kind::BREATH_INHIBITIONS, id, [], &after)
}

fn registered(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let registered: Registered = payload(event)?;
    put_session(event, records, &registered.into())
}

/// Only a start changes the record; what else was decided is in the stream.
fn decided(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let decided: form::Decided = payload(event)?;
    let started = |decision: &form::Decision| decision.kind == DecisionKind::Started;
    if !decided.decisions.iter().any(started) {
        return Ok(());
    }
    let mut body = session(event, records)?;
    body.status = SessionStatus::Running;
    body.started_at = Some(time(event.header.at_ms));
    put_session(event, records, &body)
}

fn ended(event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
    let ended: form::Ended = payload(event)?;
    let mut body = session(event, records)?;
    body.status = SessionStatus::Ended;
    body.ended_at = Some(time(event.header.at_ms));
    body.summary = Some(ended.summary);
    body.inputs_count = Some(ended.inputs_count);
    body.digest = Some(ended.digest);
    put_session(event, records, &body)
}

fn session(event: &Event, records: &dyn Records) -> Result<SessionRecord, ProjectionError> {
    let id = event.stream.as_str().rsplit('/').next().unwrap_or_default();
    before(event, records, kind::BREATH_SESSION, id)
}

fn before<T: DeserializeOwned>(
    event: &Event,
    records: &dyn Records,
    kind: &str,
    id: &str,
) -> Result<T, ProjectionError> {
    find(event, records, kind, id)?.ok_or_else(|| rule(event, "the event follows its first"))
}

fn put_session(
    event: &Event,
    records: &mut dyn Records,
    body: &SessionRecord,
) -> Result<(), ProjectionError> {
    let fields = [
        ("by", body.by.as_str().to_owned()),
        ("person", body.person.to_string()),
        ("status", body.status.as_str().to_owned()),
    ];
    put(
        event,
        records,
        kind::BREATH_SESSION,
        &body.id.to_string(),
        fields,
        body,
    )
}
