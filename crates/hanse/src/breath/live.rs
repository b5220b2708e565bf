//! A session under way: its engine as its stream says, what inputs lead to, and the session after them. All of it values.

use api::problem::Code;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use journal::{Privacy, Seq, StreamName};
use zenb::engine::{Engine, Input, Refused, StageView, StopBy};
use zenb::event::{Code as ReasonCode, Decided, Decision, DecisionKind, SessionEvent, beats_taken};
use zenb::inhibition::ContextKey;
use zenb::replay::{ended, to_be_ended};
use zenb::spectrum::R1;
use zenb::units::{EngineMs, Ticks};

use super::ids::SessionId;
use super::log;
use super::record::{CHECKPOINT_KIND, Checkpoint, Registered, SessionClock, SessionStatus};
use super::safeties::Protection;
use super::wire::{self, InputRefused, State};
use crate::streams;
use platform::change::Change;
use platform::declined::Declined;
use platform::moment::Moment;
use platform::store::StoreError;

/// Inputs between two checkpoints.
const CHECKPOINT_INPUTS: u64 = 64;
/// The most that a session's time moves on while the node is down.
const DOWN_MS_MAX: u64 = 30_000;
/// The longest time that one input may leap over while the pacer runs. Nobody knows what happened in a longer silence, so it
/// is no practice, and the session ends before it.
const SILENCE_MS_MAX: u64 = 120_000;
/// Beats that a spectrum is drawn from: a little over two minutes.
const RECENT_BEATS_MAX: usize = 180;

/// A session in memory.
#[derive(Clone, Debug)]
pub struct Live {
    /// Whose it is.
    pub registered: Registered,
    engine: Engine,
    head: Seq,
    checkpointed: u64,
    /// A moment of the machine's monotonic time and the engine's time then.
    anchor: (Duration, EngineMs),
    recent: VecDeque<u16>,
    /// Whether the record is of another version of the engine: it can only be ended.
    is_of_another_engine: bool,
}

/// Inputs that the engine took, before they are durable: [`Live::settled`] is the session after it.
#[derive(Debug)]
pub struct Batch {
    engine: Engine,
    /// What protects the person, and what the inputs make of it.
    standing: Protection,
    events: Vec<SessionEvent>,
    checkpoint: bool,
    /// How many inputs were taken.
    pub accepted: u64,
    /// Those that were not.
    pub refused: Vec<InputRefused>,
    /// What was decided.
    pub decisions: Vec<Decision>,
    /// Intervals of packets that were taken, in 1/1024 s.
    pub beats: Vec<u16>,
}

impl Batch {
    /// Whether there is anything to write.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

impl Live {
    /// A session whose first `events` are about to be written, opened at `at` of the machine's monotonic time.
    pub fn fresh(registered: Registered, engine: Engine, events: u64, at: Duration) -> Self {
        Self {
            registered,
            engine,
            head: Seq::new(events).unwrap_or(Seq::FIRST),
            checkpointed: 0,
            anchor: (at, EngineMs(0)),
            recent: VecDeque::new(),
            is_of_another_engine: false,
        }
    }

    /// The session at a moment that is `at` in the machine's monotonic time: what is remembered, if that is what its
    /// stream says, and else the stream by replay. A decision that rests on it is guarded by the head of the stream.
    ///
    /// # Errors
    /// As for [`Live::load`].
    pub fn current(
        remembered: Option<Arc<Self>>,
        moment: &Moment<'_>,
        at: Duration,
        id: SessionId,
    ) -> Result<Arc<Self>, Declined> {
        let head = moment.stream_head(&streams::breath_session(&id));
        let head = head.map_err(StoreError::from)?;
        let head = head.filter(|head| !head.shredded).map(|head| head.head);
        match remembered {
            Some(live) if Some(live.head) == head => Ok(live),
            Some(behind) => {
                let live = Self::load(moment, at, id)?;
                // The machine's own time went on; the wall clock has nothing to say.
                let anchor = (at, behind.now(at).max(live.at()));
                Ok(Arc::new(Self { anchor, ..live }))
            }
            None => Self::load(moment, at, id).map(Arc::new),
        }
    }

    /// The session as its stream says, by replay.
    ///
    /// # Errors
    /// `not_found`, `gone`; the journal fails; what is stored does not replay, so that nobody may go on with it.
    pub fn load(moment: &Moment<'_>, at: Duration, id: SessionId) -> Result<Self, Declined> {
        let events = log::events(moment, id)?;
        let head = events.last().map_or(Seq::FIRST, |event| event.seq);
        let last_ms = events.last().map_or(moment.now_ms, |it| it.header.at_ms);
        let passed_ms = moment.now_ms.saturating_sub(last_ms);
        let restore = || -> Result<_, log::LogError> {
            let registered = log::registered(&events)?;
            let placed = log::of_engine(&events)?;
            let (engine, is_of_another_engine) = restored(&placed)?;
            Ok((registered, placed, engine, is_of_another_engine))
        };
        let (registered, placed, engine, is_of_another_engine) =
            restore().map_err(|error| unrestorable(&error))?;
        let mut live = Self {
            registered,
            head,
            checkpointed: engine.inputs_count(),
            // While the node was down, time passed: as much as the wall clock says, which may be wrong, and never more
            // than it takes to see that the heart's data are gone.
            anchor: (at, later(&engine, passed_ms)),
            engine,
            recent: VecDeque::new(),
            is_of_another_engine,
        };
        for placed in placed {
            if let SessionEvent::Input(Input::Packet { rr, .. }) = placed.event {
                live.remember(&rr);
            }
        }
        Ok(live)
    }

    /// Where its stream ends.
    pub fn head(&self) -> Seq {
        self.head
    }

    /// The engine's time at `at` of the machine's monotonic time, where the node keeps it.
    pub fn now(&self, at: Duration) -> EngineMs {
        let (then, engine) = self.anchor;
        let passed = u64::try_from(at.saturating_sub(then).as_millis()).unwrap_or(u64::MAX);
        EngineMs(engine.0.saturating_add(passed))
    }

    /// The moment that its inputs have brought it to.
    pub fn at(&self) -> EngineMs {
        EngineMs(self.engine.view().at_ms)
    }

    /// How long the pacer ran, in milliseconds.
    pub fn elapsed_ms(&self) -> u64 {
        self.engine.view().elapsed_ms
    }

    /// Whether the session takes no input any more.
    pub fn has_ended(&self) -> bool {
        self.engine.summary().is_some()
    }

    /// Whether the node lets time pass for it: before the start there is nothing to time.
    pub fn is_ticked(&self) -> bool {
        let is_running = status_of(&self.engine) == SessionStatus::Running;
        self.registered.clock == SessionClock::Host && is_running
    }

    /// Gives inputs to a copy of the engine, as far as what protects the person allows: a start that it forbids is refused,
    /// and a pacer that must not go on ends where it is.
    pub fn take(&self, inputs: &[Input], standing: Protection) -> Batch {
        let mut batch = Batch {
            engine: self.engine.clone(),
            standing,
            events: Vec::new(),
            checkpoint: false,
            accepted: 0,
            refused: Vec::new(),
            decisions: Vec::new(),
            beats: Vec::new(),
        };
        for (index, input) in (0..).zip(inputs) {
            // A stop is taken in every state, also after the end, where it changes nothing that is worth a record.
            if batch.engine.summary().is_some() {
                batch.refused.push(after_the_end(index));
                continue;
            }
            if let Err((code, detail)) = self.check(&batch, input) {
                batch.refused.push(InputRefused {
                    index,
                    code: code.to_owned(),
                    detail,
                });
                if status_of(&batch.engine) == SessionStatus::Running {
                    batch.stop(&self.registered);
                }
                continue;
            }
            match batch.engine.step(input) {
                Ok(step) => batch.accept(&self.registered, input, step.into()),
                Err(refused) => batch.refused.push(refusal(index, &refused)),
            }
        }
        let taken = batch.engine.inputs_count();
        batch.checkpoint = taken.saturating_sub(self.checkpointed) >= CHECKPOINT_INPUTS;
        batch
    }

    /// Whether an input may reach the engine; if not, the code and the reason. A stop always may.
    fn check(&self, batch: &Batch, input: &Input) -> Result<(), (&'static str, String)> {
        let (id, protocol) = (self.registered.id, self.registered.protocol);
        let is_running = status_of(&batch.engine) == SessionStatus::Running;
        let forbidden = match input {
            Input::Stop { .. } => return Ok(()),
            _ if self.is_of_another_engine => {
                let words = "the record is of another version of the engine, so the session can only be stopped";
                return Err(("another_engine", words.to_owned()));
            }
            Input::Start { .. } if !is_running => {
                let known = self.registered.safety_events;
                batch.standing.may_begin(id, protocol, known)
            }
            _ if is_running => {
                let view = batch.engine.view();
                let leaps = input.at().0.saturating_sub(view.at_ms) > SILENCE_MS_MAX;
                // What the engine refuses is refused by it, and changes nothing.
                if leaps && batch.engine.clone().step(input).is_ok() {
                    return Err((
                        "silence",
                        format!(
                            "nothing was heard for more than {} s, so the session ended before it",
                            SILENCE_MS_MAX / 1000
                        ),
                    ));
                }
                let practice = ContextKey::of(&protocol);
                batch.standing.may_go_on(id, practice, view.elapsed_ms)
            }
            _ => Ok(()),
        };
        forbidden.map_err(|refusal| (refusal.code(), refusal.to_string()))
    }

    /// Adds what a batch leads to to a change: the session's events, and what protects the person from then on.
    ///
    /// # Errors
    /// An event has no canonical form, which is a defect.
    pub fn write(&self, batch: &Batch, change: &mut Change) -> Result<(), Declined> {
        let stream = streams::breath_session(&self.registered.id);
        append(change, &stream, &batch.events)?;
        if batch.checkpoint {
            let checkpoint = Checkpoint {
                inputs_count: batch.engine.inputs_count(),
                seq: self.head.get() + batch.events.len() as u64 + 1,
                digest: batch.engine.digest(),
            };
            change.append(&stream, Privacy::Personal, CHECKPOINT_KIND, &checkpoint)?;
        }
        batch.standing.write(change)
    }

    /// The session after a batch that is durable.
    #[must_use]
    pub fn settled(&self, batch: Batch) -> Self {
        let events = batch.events.len() as u64 + u64::from(batch.checkpoint);
        let mut after = Self {
            registered: self.registered.clone(),
            head: Seq::new(self.head.get() + events).unwrap_or(self.head),
            checkpointed: if batch.checkpoint {
                batch.engine.inputs_count()
            } else {
                self.checkpointed
            },
            anchor: self.anchor,
            recent: self.recent.clone(),
            engine: batch.engine,
            is_of_another_engine: self.is_of_another_engine,
        };
        after.remember(&batch.beats);
        after
    }

    fn remember(&mut self, beats: &[u16]) {
        self.recent.extend(beats);
        let surplus = self.recent.len().saturating_sub(RECENT_BEATS_MAX);
        self.recent.drain(..surplus);
    }

    /// What people and pacers need. With a batch: as it will be when that is durable.
    pub fn state(&self, batch: Option<&Batch>) -> State {
        let engine = batch.map_or(&self.engine, |batch| &batch.engine);
        let view = engine.view();
        let events = batch.map_or(0, |batch| {
            batch.events.len() as u64 + u64::from(batch.checkpoint)
        });
        State {
            at_ms: view.at_ms,
            status: status_of(engine),
            pacer: wire::plain(&engine.pacer()),
            view: wire::plain(&view),
            digest: engine.digest().to_string(),
            events: self.head.get() + events,
            summary: engine.summary().map(wire::plain),
        }
    }

    /// The power in the heart's rhythms of the last two minutes, as pairs of millihertz and ms²/Hz, for drawing.
    pub fn spectrum(&self) -> Vec<[u64; 2]> {
        let ticks = self
            .recent
            .iter()
            .filter_map(|raw| Ticks::new((*raw).into()).ok());
        let millis: Vec<f64> = ticks.map(Ticks::to_millis).collect();
        let mut r1 = R1::with_capacity(RECENT_BEATS_MAX, 4 * 4 * RECENT_BEATS_MAX);
        let Some(spectrum) = r1.spectrum(millis.into_iter()) else {
            return Vec::new();
        };
        let step = spectrum.step_hz();
        let points = spectrum.density().iter().enumerate();
        let points = points.map(|(bin, power)| [bin as f64 * step * 1000.0, *power]);
        points
            .take_while(|[millihertz, _]| *millihertz <= 400.0)
            .map(|point| point.map(|number| number.max(0.0) as u64))
            .collect()
    }
}

impl Batch {
    fn accept(&mut self, registered: &Registered, input: &Input, decided: Decided) {
        self.accepted += 1;
        self.beats.extend(beats_taken(input, &decided.decisions));
        let started = |it: &Decision| it.kind == DecisionKind::Started;
        if decided.decisions.iter().any(started) {
            let known = registered.safety_events;
            self.standing
                .begin(registered.id, registered.protocol, known);
        }
        self.decisions.extend(decided.decisions.iter().cloned());
        self.events.push(SessionEvent::Input(input.clone()));
        self.events.push(SessionEvent::Decided(decided));
        if let Some(end) = ended(&self.engine) {
            let summary = &end.summary;
            if summary.started_ms.is_some() {
                let episode = summary.inhibition.map(|it| (summary.context, it));
                self.standing
                    .end(registered.id, summary.breathed_ms, episode);
            }
            self.events.push(SessionEvent::Ended(end));
        }
    }

    /// Ends the session at its own last moment: what passed since was not practice.
    fn stop(&mut self, registered: &Registered) {
        let stop = Input::Stop {
            at: EngineMs(self.engine.view().at_ms),
            by: StopBy::Host,
        };
        if let Ok(step) = self.engine.step(&stop) {
            self.accept(registered, &stop, step.into());
        }
    }
}

/// Appends events of the engine to a session's stream.
///
/// # Errors
/// An event has no canonical form, which is a defect.
pub fn append(
    change: &mut Change,
    stream: &StreamName,
    events: &[SessionEvent],
) -> Result<(), Declined> {
    for event in events {
        let kind = event.type_name();
        let privacy = Privacy::Personal;
        match event {
            SessionEvent::Opened(data) => change.append(stream, privacy, kind, data)?,
            SessionEvent::Input(data) => change.append(stream, privacy, kind, data)?,
            SessionEvent::Decided(data) => change.append(stream, privacy, kind, data)?,
            SessionEvent::Ended(data) => change.append(stream, privacy, kind, data)?,
        }
    }
    Ok(())
}

/// The engine as a record leaves it, and whether that is another version's, which can only be ended.
fn restored(placed: &[log::Placed]) -> Result<(Engine, bool), log::LogError> {
    match log::replay(placed) {
        Ok(replay) => {
            let restored = replay.resume().filter(|(_, due)| due.is_none());
            let (engine, _) = restored.ok_or(log::LogError::NotRegistered)?;
            Ok((engine, false))
        }
        Err(error) => {
            let events = placed.iter().map(|placed| &placed.event);
            let ended = error.is_of_another_engine().then(|| to_be_ended(events));
            Ok((ended.flatten().ok_or(error)?, true))
        }
    }
}

/// Where a session stands.
fn status_of(engine: &Engine) -> SessionStatus {
    match engine.view().stage {
        StageView::ExpectScreen | StageView::ExpectStart => SessionStatus::Open,
        StageView::Running | StageView::Resting => SessionStatus::Running,
        StageView::Ended(_) => SessionStatus::Ended,
    }
}

fn later(engine: &Engine, passed_ms: i64) -> EngineMs {
    let at = engine.view().at_ms;
    EngineMs(at.saturating_add(u64::try_from(passed_ms).unwrap_or(0).min(DOWN_MS_MAX)))
}

fn unrestorable(error: &log::LogError) -> Declined {
    tracing::error!(cause = %platform::declined::Chain(error), "session cannot be restored");
    Declined::new(
        Code::Conflict,
        "what is stored of the session does not replay, so nothing goes on from it; it can be seen and erased",
    )
}

fn refusal(index: u64, refused: &Refused) -> InputRefused {
    let code = match wire::plain(&refused.code) {
        serde_json::Value::String(code) => code,
        other => other.to_string(),
    };
    let detail = match &refused.fence {
        Some(fence) => fence.to_string(),
        None => words(refused.code).map_or_else(|| refused.to_string(), str::to_owned),
    };
    InputRefused {
        index,
        code,
        detail,
    }
}

/// Why the engine did not take an input, for people.
fn words(code: ReasonCode) -> Option<&'static str> {
    Some(match code {
        ReasonCode::ScreenMissing => {
            "the questions before the session were not answered so that it may start"
        }
        ReasonCode::ScreenExpired => "the answers to the questions are too old; open a new session",
        ReasonCode::Inhibited => "an earlier session did not go well, so this practice rests",
        ReasonCode::InhibitionsNotLoaded => {
            "what protects this person cannot be read, so no pacer runs"
        }
        ReasonCode::DayDoseSpent => "the person was paced for long enough within a day",
        ReasonCode::OutOfPlace => "it does not belong at this point of the session",
        _ => return None,
    })
}

fn after_the_end(index: u64) -> InputRefused {
    InputRefused {
        index,
        code: "out_of_place".to_owned(),
        detail: "the session has ended".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// REQ-354
    #[test]
    fn every_reason_of_a_refusal_has_words() {
        let codes = [
            ReasonCode::Backstep,
            ReasonCode::TimeOutOfRange,
            ReasonCode::ScreenMissing,
            ReasonCode::ScreenExpired,
            ReasonCode::Inhibited,
            ReasonCode::InhibitionsNotLoaded,
            ReasonCode::DayDoseSpent,
            ReasonCode::OutOfPlace,
            ReasonCode::NotRunning,
        ];
        for code in codes {
            let refused = Refused {
                code,
                numbers: Vec::new(),
                fence: None,
            };
            let told = refusal(7, &refused);
            assert!(
                !told.detail.contains(&format!("{code:?}")),
                "{}",
                told.detail
            );
            let words = told.detail.replace("at_ms", "");
            assert!(words.contains(' ') && !words.contains('_'), "{words}");
            assert_eq!(told.index, 7);
        }
    }
}
