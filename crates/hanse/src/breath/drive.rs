//! Giving inputs to a session: those of a request, of a socket, and the node's own ticks.

use api::problem::Code;
use ids::PrincipalId;
use std::sync::Arc;
use std::time::Duration;

use journal::{BulkEvent, NewEvent, Privacy};
use serde::Serialize;
use serde_json::Value;
use zenb::engine::{Feeling, Input, LATEST_MS, StopBy};
use zenb::sensors;
use zenb::units::EngineMs;

use super::consents;
use super::ids::SessionId;
use super::live::{Batch, Live};
use super::memory::{Entry, Ticking};
use super::record::{self, SessionClock};
use super::safeties::Protection;
use super::wire::{self, FeelingBody, InputBody, InputRefused, PACKET_BEATS_MAX, State, StopBody};
use crate::state::Node;
use crate::streams;
use platform::change::Change;
use platform::declined::Declined;
use platform::http::idempotency::not_committed;
use platform::moment::{Moment, NODE_ACTOR, Undone};

/// The kind of what is seen besides: refused inputs.
pub const SEEN_KIND: &str = "breath.seen.v1";
/// How often the node lets time pass.
const TICK: Duration = Duration::from_millis(1_000);

/// What those who watch a session are told.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Frame {
    /// The session after inputs that are durable.
    State {
        /// How it is.
        #[serde(flatten)]
        state: Box<State>,
        /// What was decided since the frame before.
        decisions: Value,
        /// Inputs that were not taken.
        refused: Vec<InputRefused>,
        /// Intervals that were taken since the frame before, in 1/1024 s.
        beats: Vec<u16>,
        /// Power in the heart's rhythms, pairs of millihertz and ms²/Hz; with beats only.
        #[serde(skip_serializing_if = "Option::is_none")]
        spectrum: Option<Vec<[u64; 2]>>,
    },
    /// The journal cannot write: nothing is decided, and the pacer holds the pace it has.
    Hold {
        /// The stable code of the problem.
        code: String,
        /// The same for people.
        detail: String,
        /// The pacer to hold.
        pacer: Value,
    },
    /// The session was erased.
    Erased {},
}

impl Frame {
    /// The session as it is, after a batch that was settled.
    pub fn of(live: &Live, batch: &Batch) -> Self {
        Self::State {
            state: Box::new(live.state(Some(batch))),
            decisions: wire::plain(&batch.decisions),
            refused: batch.refused.clone(),
            beats: batch.beats.clone(),
            spectrum: (!batch.beats.is_empty()).then(|| live.spectrum()),
        }
    }

    /// The session as it is.
    pub fn now(live: &Live) -> Self {
        Self::State {
            state: Box::new(live.state(None)),
            decisions: Value::Array(Vec::new()),
            refused: Vec::new(),
            beats: Vec::new(),
            spectrum: None,
        }
    }

    /// A hold, and why.
    pub fn hold(live: &Live, problem: &Declined) -> Self {
        Self::Hold {
            code: problem.code().as_str().to_owned(),
            detail: problem.to_string(),
            pacer: live.state(None).pacer,
        }
    }

    /// As text.
    pub fn text(&self) -> Arc<str> {
        let text = serde_json::to_string(self).expect("frames have string keys and no floats");
        text.into()
    }
}

/// Inputs of the API as inputs of the engine. The clock of the session says whose time they carry.
///
/// # Errors
/// An input has no time where the sender gives it, or has one where the node does; bytes that are no measurement.
pub fn inputs(live: &Live, now: EngineMs, bodies: &[InputBody]) -> Result<Vec<Input>, Declined> {
    let inputs = bodies.iter().enumerate();
    inputs
        .map(|(index, body)| input(live, body, index, now))
        .collect()
}

fn input(live: &Live, body: &InputBody, index: usize, now: EngineMs) -> Result<Input, Declined> {
    let when = |given: Option<u64>| match (live.registered.clock, given) {
        (SessionClock::Host, None) => Ok(now),
        (SessionClock::Sender, Some(at)) => Ok(EngineMs(at)),
        (SessionClock::Host, Some(_)) => Err(broken(
            format!("/inputs/{index}/at_ms"),
            "host_clock",
            "the node says when in this session",
        )),
        (SessionClock::Sender, None) => Err(broken(
            format!("/inputs/{index}/at_ms"),
            "sender_clock",
            "the sender says when in this session",
        )),
    };
    Ok(match body {
        InputBody::Start { at_ms } => Input::Start { at: when(*at_ms)? },
        InputBody::Packet {
            at_ms,
            rr,
            hr,
            contact,
        } => {
            if rr.len() > PACKET_BEATS_MAX {
                let rule = "a packet has at most 32 intervals";
                return Err(broken(format!("/inputs/{index}/rr"), "max_items", rule));
            }
            Input::Packet {
                at: when(*at_ms)?,
                rr: rr.iter().map(|ticks| ticks.0).collect(),
                hr: *hr,
                contact: *contact,
            }
        }
        InputBody::Measurement { at_ms, bytes } => measurement(bytes, index, when(*at_ms)?)?,
        InputBody::Tick { at_ms } => Input::Tick { at: when(*at_ms)? },
        InputBody::Faster { at_ms } => Input::Faster { at: when(*at_ms)? },
        InputBody::Slower { at_ms } => Input::Slower { at: when(*at_ms)? },
        InputBody::Feeling { at_ms, feeling } => Input::Feeling {
            at: when(*at_ms)?,
            feeling: match feeling {
                FeelingBody::Pleasant => Feeling::Pleasant,
                FeelingBody::Neutral => Feeling::Neutral,
                FeelingBody::Unpleasant => Feeling::Unpleasant,
            },
        },
        InputBody::Stop { at_ms, by } => Input::Stop {
            at: stopped_at(live, *at_ms, now),
            by: stop_by(*by),
        },
    })
}

/// A stop has no precondition: a time that the sender may not give, or that cannot be, counts as the session's own.
fn stopped_at(live: &Live, given: Option<u64>, now: EngineMs) -> EngineMs {
    let told = match live.registered.clock {
        SessionClock::Host => Some(now),
        SessionClock::Sender => given.map(EngineMs),
    };
    told.filter(|at| at.0 <= LATEST_MS).unwrap_or(live.at())
}

/// A stop at the session's own last moment: what passed since was not practice.
///
/// # Errors
/// Never.
pub fn stop_where_it_is(live: &Live, _now: EngineMs) -> Result<Vec<Input>, Declined> {
    Ok(vec![Input::Stop {
        at: live.at(),
        by: StopBy::Host,
    }])
}

/// Who stops, in the words of the engine.
pub fn stop_by(by: StopBody) -> StopBy {
    match by {
        StopBody::Person => StopBy::Person,
        StopBody::Unwell => StopBy::PersonUnwell,
        StopBody::Supervisor => StopBy::Supervisor,
        StopBody::Host => StopBy::Host,
    }
}

fn measurement(bytes: &str, index: usize, at: EngineMs) -> Result<Input, Declined> {
    let pointer = || format!("/inputs/{index}/bytes");
    let bytes = data_encoding::HEXLOWER
        .decode(bytes.as_bytes())
        .map_err(|error| broken(pointer(), "hexadecimal", &error.to_string()))?;
    let read = sensors::heart_rate_measurement(&bytes)
        .map_err(|error| broken(pointer(), "heart_rate_measurement", &error.to_string()))?;
    Ok(Input::Packet {
        at,
        rr: read.rr,
        hr: Some(read.heart_rate),
        contact: read.contact,
    })
}

fn broken(pointer: String, rule: &str, detail: &str) -> Declined {
    Declined::new(Code::RuleViolated, "an input does not fit the session")
        .with_error(pointer, rule, detail)
}

/// Why inputs were not taken.
#[derive(Debug)]
pub enum NotTaken {
    /// Who gives them may not, or may no more.
    NotAllowed(Declined),
    /// They do not fit the session; it was erased; the journal did not write.
    Unfit(Declined),
}

/// Refuses inputs of a principal that may not know of the session, or whom the person does not agree to any more.
///
/// # Errors
/// `not_found`, `gone`, `rule_violated`, or the journal fails.
pub fn check_feeder(
    moment: &Moment<'_>,
    id: SessionId,
    principal: &PrincipalId,
) -> Result<(), Declined> {
    let session = record::of(moment, id, principal)?;
    consents::check_in_force(moment, &session.person, principal, "")
}

/// Gives inputs to a session outside a request: they are durable when this returns, and everybody who watches is told.
///
/// `allow` says whether they may be given, in the moment in which they are; `choose` says which, at the session's own time.
///
/// # Errors
/// [`NotTaken`]. When the journal did not write, those who watch are told to hold.
pub async fn advance(
    node: &Node,
    id: SessionId,
    actor: &str,
    allow: impl Fn(&Moment<'_>) -> Result<(), Declined> + Send + Sync + 'static,
    choose: impl Fn(&Live, EngineMs) -> Result<Vec<Input>, Declined> + Send + Sync + 'static,
) -> Result<(), NotTaken> {
    let entry = node.breath.entry(id);
    let _turn = entry.turn.lock().await;
    let at = node.platform.clock.monotonic();
    let (shared, by) = (node.clone(), actor.to_owned());
    let decide = move |moment: &Moment<'_>| {
        let mut change = Change::default();
        let decided = match allow(moment) {
            Ok(()) => Ok(decide(&shared, moment, at, id, &choose, &mut change)?),
            Err(problem) if problem.code() == Code::Internal => return Err(problem),
            Err(problem) => Err(problem),
        };
        Ok((change.into_transaction(moment.now_ms, &by), decided))
    };
    let (live, batch) = match node.platform.settle(decide).await {
        Ok((decided, _)) => decided.map_err(NotTaken::NotAllowed)?,
        Err(Undone::Refused { problem, .. }) => return Err(NotTaken::Unfit(problem)),
        Err(Undone::NotCommitted(error)) => {
            let problem = not_committed(error);
            hold(node, &entry, id, &problem).await;
            return Err(NotTaken::Unfit(problem));
        }
    };
    taken(node, &entry, actor, &live, batch);
    Ok(())
}

/// Decides on inputs to a session, on what protects its person at this moment, and adds what follows to a change.
///
/// # Errors
/// They do not fit the session; it was erased, or cannot be read.
pub fn decide(
    node: &Node,
    moment: &Moment<'_>,
    at: Duration,
    id: SessionId,
    choose: impl Fn(&Live, EngineMs) -> Result<Vec<Input>, Declined>,
    change: &mut Change,
) -> Result<(Arc<Live>, Batch), Declined> {
    let live = node.breath.current(moment, at, id)?;
    let standing = Protection::read(moment, &live.registered.person);
    let batch = live.take(&choose(&live, live.now(at))?, standing);
    live.write(&batch, change)?;
    Ok((live, batch))
}

/// What follows from inputs that are durable: the session is remembered as it is after them, those who watch are told, and
/// time passes from a start on.
pub fn taken(node: &Node, entry: &Arc<Entry>, actor: &str, live: &Live, batch: Batch) {
    let id = live.registered.id;
    let frame = entry.is_watched().then(|| Frame::of(live, &batch));
    note_refusals(node, id, actor, &batch);
    let after = Arc::new(live.settled(batch));
    entry.remember(after, frame.as_ref());
    keep_time_if_due(node, entry, id);
}

/// Brings a session to memory, and lets time pass for it if it has to.
///
/// # Errors
/// It was erased, or cannot be read.
pub async fn bring(node: &Node, entry: &Arc<Entry>, id: SessionId) -> Result<Arc<Live>, Declined> {
    let at = node.platform.clock.monotonic();
    let shared = node.clone();
    let read = move |moment: &Moment<'_>| shared.breath.current(moment, at, id);
    let live = node.platform.read(read).await?;
    entry.remember(Arc::clone(&live), None);
    keep_time_if_due(node, entry, id);
    Ok(live)
}

/// Tells those who watch to hold, if inputs were not taken because nothing can be written.
pub async fn hold(node: &Node, entry: &Arc<Entry>, id: SessionId, problem: &Declined) {
    let is_unwritten = matches!(problem.code(), Code::JournalUnavailable | Code::Overloaded);
    if !is_unwritten || !entry.is_watched() {
        return;
    }
    // What cannot be read either is as it was remembered.
    let live = bring(node, entry, id).await.ok();
    if let Some(live) = live.or_else(|| entry.remembered()) {
        entry.tell(&Frame::hold(&live, problem));
    }
}

/// Inputs that were refused are worth a record, and not worth waiting for: the journal may drop them, and counts.
fn note_refusals(node: &Node, id: SessionId, actor: &str, batch: &Batch) {
    for refused in &batch.refused {
        let event = NewEvent {
            kind: SEEN_KIND.parse().expect("kinds are constants of the code"),
            payload: serde_json::to_vec(refused).expect("refusals have string keys"),
        };
        let outcome = node.platform.journal.append_bulk(BulkEvent {
            stream: streams::breath_telemetry(&id),
            privacy: Privacy::Personal,
            at_ms: node.platform.clock.now_ms(),
            actor: actor.to_owned(),
            event,
        });
        tracing::debug!(?outcome, "refused input noted");
    }
}

/// Lets time pass for a running session whose clock is the node's, until it ends, whether anybody watches or not.
fn keep_time_if_due(node: &Node, entry: &Arc<Entry>, id: SessionId) {
    if entry.is_ticked()
        && let Some(ticking) = entry.tick()
    {
        drop(node.platform.spawn(keep_time(node.clone(), ticking, id)));
    }
}

async fn keep_time(node: Node, ticking: Ticking, id: SessionId) {
    let mut every = tokio::time::interval(TICK);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while ticking.is_due() {
        every.tick().await;
        let tick = |_: &Live, now| Ok(vec![Input::Tick { at: now }]);
        let allow = move |moment: &Moment<'_>| check_agreed(moment, id);
        match advance(&node, id, NODE_ACTOR, allow, tick).await {
            Ok(()) => {}
            Err(NotTaken::NotAllowed(problem) | NotTaken::Unfit(problem)) if is_gone(&problem) => {
                break;
            }
            Err(NotTaken::NotAllowed(problem)) => {
                stop_unallowed(&node, id, &problem).await;
                break;
            }
            Err(NotTaken::Unfit(problem)) => {
                tracing::warn!(cause = %problem, session = %id, "time did not pass for a session");
                if problem.code() == Code::Conflict {
                    break;
                }
            }
        }
    }
}

fn is_gone(problem: &Declined) -> bool {
    matches!(problem.code(), Code::Gone | Code::NotFound)
}

/// Whether the person still agrees to who opened the session.
fn check_agreed(moment: &Moment<'_>, id: SessionId) -> Result<(), Declined> {
    let session = record::stored(moment, id)?;
    consents::check_in_force(moment, &session.person, &session.by, "")
}

/// Nobody is paced without their consent, whatever became of it.
async fn stop_unallowed(node: &Node, id: SessionId, why: &Declined) {
    let stopped = advance(node, id, NODE_ACTOR, |_| Ok(()), stop_where_it_is).await;
    match stopped {
        Ok(()) => tracing::warn!(cause = %why, session = %id, "session was stopped"),
        Err(NotTaken::NotAllowed(problem) | NotTaken::Unfit(problem)) => {
            tracing::warn!(cause = %problem, session = %id, "session takes no input any more");
        }
    }
}
