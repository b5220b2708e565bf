//! Reading, showing, keeping and ending what protects a person: [`Safety`] in the journal.
//!
//! Invariants (guard):
//! 1. what cannot be read is not nothing: no pacer starts and none goes on   (`Protection::read`; breathe_safety)
//! 2. a stop needs none of it                                               (`Protection::end` decides nothing on what is unreadable)
//! 3. erasing sessions leaves it; it ends with the consent, or when nothing in it protects any more  (`end_if_over`)

use crate::journal_api::erase;
use api::problem::{CONTENT_TYPE, Code, ProblemBody};
use axum::Json;
use axum::extract::State;
use ids::aggregate::Aggregate as _;
use jiff::Timestamp;
use journal::{Privacy, StreamName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use zenb::inhibition::{ContextKey, Inhibition, Inhibitions, LoadedInhibitions};
use zenb::protocol::Protocol;

use super::consent::Command as ConsentCommand;
use super::consents;
use super::ids::{BreathPerson, SessionId};
use super::record::{SessionRecord, SessionStatus};
use super::safety::{
    Command, Context, DAY_DOSE_MS, DAY_MS, Practice, Refusal, Safety, SafetyEvent,
};
use super::wire::plain;
use crate::breath::can;
use crate::entities::wire::time;
use crate::records::kind;
use crate::state::Node;
use crate::streams;
use api::journal::ErasureReason;
use ids::PrincipalId;
use platform::change::Change;
use platform::declined::{Chain, Declined};
use platform::http::extract::{Caller, PathOf};
use platform::moment::{Moment, NODE_ACTOR};
use platform::routes;
use platform::store::{self, StoreError};

/// The lawful ground of the record, as it is shown to the person; docs/zenb/consent.md says why.
pub const GROUND: &str = "GDPR Art. 9(2)(h) with Art. 17(3)(c)";

/// The record as it is stored, or as it was before practices were kept in it.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum SafetyRecord {
    /// What protects the person.
    Safety(Safety),
    /// What inhibits them alone.
    Inhibitions(Inhibitions),
}

impl From<SafetyRecord> for Safety {
    fn from(record: SafetyRecord) -> Self {
        match record {
            SafetyRecord::Safety(safety) => safety,
            SafetyRecord::Inhibitions(inhibitions) => Self::inhibited(inhibitions),
        }
    }
}

/// What protects a person at one instant, and what is decided about it.
#[derive(Clone, Debug)]
pub struct Protection {
    person: BreathPerson,
    now_ms: i64,
    /// Nothing where it cannot be read.
    known: Option<Known>,
    decided: Vec<SafetyEvent>,
}

#[derive(Clone, Debug)]
struct Known {
    stream: StreamName,
    safety: Safety,
    events: u64,
    is_last_alive: bool,
}

impl Protection {
    /// What protects a person. A failure to read it is told to the log, and holds the person.
    pub fn read(moment: &Moment<'_>, person: &BreathPerson) -> Self {
        let known = known(moment, person).unwrap_or_else(|failure| {
            tracing::error!(cause = %failure, "what protects a person cannot be read; they are held");
            None
        });
        Self {
            person: person.clone(),
            now_ms: moment.now_ms,
            known,
            decided: Vec::new(),
        }
    }

    /// What a session is opened on: how many events there are, what inhibits, and how long the person was paced today.
    pub fn at_opening(&self) -> (Option<u64>, LoadedInhibitions, u64) {
        let Some(known) = &self.known else {
            return (None, LoadedInhibitions::LoadFailed, 0);
        };
        let mut inhibitions = known.safety.inhibitions.clone();
        inhibitions.seen(self.now_ms);
        let breathed_ms = known.safety.breathed_ms(self.now_ms, None);
        (
            Some(known.events),
            LoadedInhibitions::Loaded(inhibitions),
            breathed_ms,
        )
    }

    /// How long the person was paced today in sessions that are on record and not in here: those before practices were kept.
    /// One that did not end counts whole.
    pub fn not_kept_ms(&self, sessions: &[SessionRecord]) -> u64 {
        let since_ms = self.now_ms.saturating_sub(DAY_MS);
        let not_kept = sessions.iter().filter(|it| {
            let began_ms = it.ended_at.or(it.started_at).map(Timestamp::as_millisecond);
            began_ms.is_some_and(|at_ms| at_ms > since_ms) && !self.keeps(it.id)
        });
        let breathed = not_kept.map(|it| match &it.summary {
            Some(summary) => summary.breathed_ms,
            None => u64::from(it.protocol.minutes()) * 60_000,
        });
        breathed.fold(0, u64::saturating_add)
    }

    fn keeps(&self, session: SessionId) -> bool {
        let practices = self.known.iter().flat_map(|it| &it.safety.practices);
        practices.map(|it| it.session).any(|id| id == session)
    }

    /// Whether the session may begin.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn may_begin(
        &self,
        session: SessionId,
        protocol: Protocol,
        known: Option<u64>,
    ) -> Result<(), Refusal> {
        let begin = Command::Begin { protocol, known };
        self.decide(session, begin).map(drop)
    }

    /// Whether a session that began may go on, after so much breathing.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn may_go_on(
        &self,
        session: SessionId,
        practice: ContextKey,
        breathed_ms: u64,
    ) -> Result<(), Refusal> {
        let known = self.known.as_ref().ok_or(Refusal::Unreadable)?;
        let context = self.context(known, session);
        known.safety.check(&context, practice, breathed_ms)
    }

    /// The session began.
    pub fn begin(&mut self, session: SessionId, protocol: Protocol, known: Option<u64>) {
        self.happen(session, Command::Begin { protocol, known });
    }

    /// The session ended.
    pub fn end(
        &mut self,
        session: SessionId,
        breathed_ms: u64,
        episode: Option<(ContextKey, Inhibition)>,
    ) {
        let end = Command::End {
            breathed_ms,
            episode,
        };
        self.happen(session, end);
    }

    /// Whether this session began and did not end.
    pub fn is_running(&self, session: SessionId) -> bool {
        let running = self.known.as_ref().and_then(|it| it.safety.running());
        running.is_some_and(|running| running.session == session)
    }

    fn context(&self, known: &Known, session: SessionId) -> Context<'_> {
        Context {
            person: &self.person,
            session,
            now_ms: self.now_ms,
            events: known.events,
            is_last_alive: known.is_last_alive,
        }
    }

    fn decide(&self, session: SessionId, command: Command) -> Result<Vec<SafetyEvent>, Refusal> {
        let known = self.known.as_ref().ok_or(Refusal::Unreadable)?;
        let context = self.context(known, session);
        Safety::decide(Some(&known.safety), command, &context).map(|decision| decision.events)
    }

    fn happen(&mut self, session: SessionId, command: Command) {
        // Where nothing can be read nothing is written: the person is held as they are.
        let Ok(events) = self.decide(session, command) else {
            return;
        };
        if let Some(known) = &mut self.known {
            for event in &events {
                known.safety = known.safety.clone().after(event);
            }
            known.events += events.len() as u64;
            known.is_last_alive = true;
        }
        self.decided.extend(events);
    }

    /// Adds what was decided to a change.
    ///
    /// # Errors
    /// An event has no canonical form, which is a defect.
    pub fn write(&self, change: &mut Change) -> Result<(), Declined> {
        let Some(known) = &self.known else {
            return Ok(());
        };
        for event in &self.decided {
            let (kind, privacy) = (event.kind(), Privacy::Personal);
            match event {
                SafetyEvent::Began(data) => change.append(&known.stream, privacy, kind, data)?,
                SafetyEvent::Ended(data) => change.append(&known.stream, privacy, kind, data)?,
            }
        }
        Ok(())
    }
}

/// What is told of a rule that keeps a session from being opened.
pub fn refused(refusal: Refusal, pointer: &str) -> Declined {
    let detail = refusal.to_string();
    Declined::new(Code::Conflict, detail.clone()).with_error(pointer, refusal.code(), detail)
}

fn known(moment: &Moment<'_>, person: &BreathPerson) -> Result<Option<Known>, String> {
    let told = |error: StoreError| Chain(&error).to_string();
    let consent = consents::found(moment, person).map_err(told)?;
    let consent = consent.ok_or("there is no consent that says which record it is")?;
    let stream = streams::breath_person(person, consent.safety_records_over);
    let head = moment.stream_head(&stream);
    let head = head.map_err(|error| told(error.into()))?;
    let found = store::find::<SafetyRecord>(moment, kind::BREATH_INHIBITIONS, person.as_str());
    let found = found.map_err(told)?.map(|stored| Safety::from(stored.body));
    let (safety, events) = match (head, found) {
        (None, None) => (Safety::none(), 0),
        (Some(head), Some(safety)) if !head.shredded => (safety, head.head.get()),
        _ => return Err("the person's stream and the record do not fit".to_owned()),
    };
    let is_last_alive = match safety.running() {
        Some(running) => is_alive(moment, running.session).map_err(told)?,
        None => false,
    };
    Ok(Some(Known {
        stream,
        safety,
        events,
        is_last_alive,
    }))
}

fn is_alive(moment: &Moment<'_>, id: SessionId) -> Result<bool, StoreError> {
    let found = store::find::<SessionRecord>(moment, kind::BREATH_SESSION, &id.to_string())?;
    Ok(found.is_some_and(|stored| stored.body.status != SessionStatus::Ended))
}

/// Everybody of whom something is kept.
///
/// # Errors
/// The journal fails.
pub fn people(moment: &Moment<'_>) -> Result<Vec<BreathPerson>, StoreError> {
    const PAGE: usize = 500;
    let mut people = Vec::new();
    let mut after: Option<String> = None;
    loop {
        // By id alone: one record that is not of its type keeps nobody else's.
        let page = moment.records(kind::BREATH_INHIBITIONS, &[], after.as_deref(), PAGE)?;
        people.extend(page.iter().filter_map(|record| record.id.parse().ok()));
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.id.clone()),
            _ => return Ok(people),
        }
    }
}

/// Destroys what protected a person, if it protects them no more. Answers whether it did.
///
/// # Errors
/// The journal fails.
pub fn end_if_over(
    moment: &Moment<'_>,
    person: &BreathPerson,
    change: &mut Change,
) -> Result<bool, Declined> {
    let Some(known) = Protection::read(moment, person).known else {
        return Ok(false);
    };
    let is_over = known.events > 0 && known.safety.over_ms() <= moment.now_ms;
    if !is_over || known.is_last_alive {
        return Ok(false);
    }
    let by: PrincipalId = NODE_ACTOR
        .parse()
        .map_err(|error| Declined::internal(&error))?;
    consents::decide(moment, &by, person, ConsentCommand::EndSafety, change)?;
    erase(change, known.stream, ErasureReason::RetentionEnded, None)?;
    Ok(true)
}

/// What protects a person.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = BreathSafety)]
struct SafetyView {
    /// Whom.
    person: BreathPerson,
    /// The lawful ground on which this is kept although sessions are erased.
    ground: &'static str,
    /// How long they were paced within the last 24 hours, in milliseconds.
    breathed_ms: u64,
    /// How long they may be paced within 24 hours, in milliseconds.
    day_dose_ms: u64,
    /// The session that runs; no other starts before it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    running: Option<SessionId>,
    /// Practices that rest, or whose episodes still count.
    inhibitions: Vec<InhibitionView>,
    /// The practices of the last day.
    practices: Vec<PracticeView>,
    /// When this is destroyed, if nothing is added; taking the consent back destroys it at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    kept_until: Option<Timestamp>,
}

/// A practice that rests, or whose episodes still count.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = BreathInhibition)]
struct InhibitionView {
    /// Which practice: `paced`, `adaptive` or `assessment`.
    #[schema(value_type = String)]
    practice: serde_json::Value,
    /// Until when it rests.
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    /// How many episodes were counted then.
    episodes: u32,
}

/// A practice of the last day.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = BreathPractice)]
struct PracticeView {
    /// In which session, which may be erased.
    session: SessionId,
    /// When the pacer began.
    #[schema(value_type = String, format = DateTime)]
    began_at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    /// How long it ran, in milliseconds; the planned time until that is known.
    breathed_ms: u64,
}

/// The routes of this module.
pub fn routes() -> OpenApiRouter<Node> {
    OpenApiRouter::default().routes(routes!(find_safety))
}

/// What protects a person across sessions: the dose of the day, what rests, and until when this is kept.
#[utoipa::path(
    get, path = "/v1/breath/safety/{person}", tag = "breath", params(("person" = BreathPerson, Path)),
    responses(
        (status = 200, description = "What is kept.", body = SafetyView),
        (status = 409, description = "It cannot be read, so no pacer runs for this person.", body = ProblemBody, content_type = CONTENT_TYPE),
        (status = 410, description = "The consent was taken back.", body = ProblemBody, content_type = CONTENT_TYPE)
    )
)]
async fn find_safety(
    caller: Caller<can::ReadSessions>,
    State(node): State<Node>,
    PathOf(person): PathOf<BreathPerson>,
) -> Result<Json<SafetyView>, Declined> {
    let read = move |moment: &Moment<'_>| {
        let consent = consents::of(moment, &person, caller.principal())?;
        if consent.withdrawn_at.is_some() {
            let gone = "it was destroyed when the consent was taken back";
            return Err(Declined::new(Code::Gone, gone));
        }
        let standing = Protection::read(moment, &person);
        let known = standing
            .known
            .ok_or_else(|| refused(Refusal::Unreadable, ""))?;
        Ok(Json(SafetyView::of(person, &known, moment.now_ms)))
    };
    node.platform.read(read).await
}

impl SafetyView {
    fn of(person: BreathPerson, known: &Known, now_ms: i64) -> Self {
        let safety = &known.safety;
        let running = safety.running().filter(|_| known.is_last_alive);
        let counted = safety.inhibitions.all();
        let inhibition = |(practice, it): (ContextKey, Inhibition)| InhibitionView {
            practice: plain(&practice),
            until: time(it.until_wall_ms),
            episodes: it.episodes,
        };
        let practice = |it: &Practice| PracticeView {
            session: it.session,
            began_at: time(it.began_ms),
            ended_at: it.ended.map(|end| time(end.at_ms)),
            breathed_ms: it.breathed_ms(),
        };
        Self {
            person,
            ground: GROUND,
            breathed_ms: safety.breathed_ms(now_ms, None),
            day_dose_ms: DAY_DOSE_MS,
            running: running.map(|it| it.session),
            inhibitions: counted.map(inhibition).collect(),
            practices: safety.practices.iter().map(practice).collect(),
            kept_until: (known.events > 0).then(|| time(safety.over_ms())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::tests::{START, Stage};
    use super::*;
    use zenb::engine::{Feeling, Input, StopBy};
    use zenb::units::EngineMs;

    /// REQ-351
    #[test]
    fn what_protects_a_person_outlives_the_session_ends_in_its_time_and_begins_anew() {
        let stage = Stage::set();
        let bad = Input::Feeling {
            at: EngineMs(60_000),
            feeling: Feeling::Unpleasant,
        };
        stage.take(&[START, bad]);
        stage.shred();
        let person: BreathPerson = "guest".parse().unwrap();
        let standing = stage.read(|moment| Protection::read(moment, &person));
        assert_eq!(standing.at_opening().2, 60_000);
        let over_ms = standing.known.unwrap().safety.over_ms();
        for (at_ms, ends) in [(over_ms - 1, false), (over_ms, true), (over_ms, false)] {
            stage.set_clock(at_ms);
            let ended = stage.act(|moment, change| end_if_over(moment, &person, change).unwrap());
            assert_eq!(ended, ends);
        }
        assert_eq!(stage.read(|moment| people(moment).unwrap()), []);
        // Gone in its time is not lost: the next session begins on nothing, and leaves a record again.
        let fresh = stage.read(|moment| Protection::read(moment, &person));
        let (events, inhibitions, breathed_ms) = fresh.at_opening();
        assert_eq!((events, breathed_ms), (Some(0), 0));
        assert_ne!(inhibitions, LoadedInhibitions::LoadFailed);
        stage.open_another();
        stage.take(&[START]);
        let stop = Input::Stop {
            at: EngineMs(1_000),
            by: StopBy::Person,
        };
        stage.take(&[stop]);
        assert_eq!(
            stage.read(|moment| people(moment).unwrap()),
            std::slice::from_ref(&person)
        );
        let again = stage.read(|moment| Protection::read(moment, &person));
        assert_eq!(again.at_opening().0, Some(2));
    }

    /// REQ-351
    #[test]
    fn what_protects_a_person_is_not_destroyed_while_their_session_lives() {
        let stage = Stage::set();
        stage.take(&[START]);
        let person: BreathPerson = "guest".parse().unwrap();
        stage.set_clock(i64::MAX / 2);
        assert!(!stage.act(|moment, change| end_if_over(moment, &person, change).unwrap()));
    }

    #[test]
    fn a_record_of_inhibitions_alone_is_read_as_what_protects() {
        let mut inhibitions = Inhibitions::none();
        inhibitions.seen(7);
        let stored = serde_json::to_vec(&inhibitions).unwrap();
        let record: SafetyRecord = serde_json::from_slice(&stored).unwrap();
        assert_eq!(Safety::from(record), Safety::inhibited(inhibitions));
        let stored = serde_json::to_vec(&Safety::none()).unwrap();
        let record: SafetyRecord = serde_json::from_slice(&stored).unwrap();
        assert_eq!(Safety::from(record), Safety::none());
        assert!(serde_json::from_slice::<SafetyRecord>(b"{}").is_err());
    }
}
