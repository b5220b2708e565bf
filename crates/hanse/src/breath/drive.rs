//! Giving inputs to a session: those of a request, of a socket, and the node's own ticks.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use journal::{BulkEvent, NewEvent, Privacy};
use serde::Serialize;
use serde_json::Value;
use zenb::engine::{Feeling, Input, StopBy};
use zenb::sensors;
use zenb::units::EngineMs;

use super::ids::SessionId;
use super::live::{Batch, Live, Place};
use super::record::SessionClock;
use super::wire::{self, FeelingBody, InputBody, InputRefused, PACKET_BEATS_MAX, State, StopBody};
use crate::change::Change;
use crate::http::idempotency::problem_of_commit;
use crate::http::problem::{Code, Problem};
use crate::institutions::Node;
use crate::streams;

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
        Self::of(live, &live.take(&[]))
    }

    /// A hold, and why.
    pub fn hold(live: &Live, problem: &Problem) -> Self {
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
pub fn inputs(live: &Live, bodies: &[InputBody]) -> Result<Vec<Input>, Problem> {
    let now = live.now();
    let clock = live.registered.clock;
    bodies
        .iter()
        .enumerate()
        .map(|(index, body)| input(body, index, clock, now))
        .collect()
}

fn input(
    body: &InputBody,
    index: usize,
    clock: SessionClock,
    now: EngineMs,
) -> Result<Input, Problem> {
    let when = |given: Option<u64>| match (clock, given) {
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
            // A stop is never refused for its time.
            at: when(*at_ms).unwrap_or(now),
            by: stop_by(*by),
        },
    })
}

/// A stop at the session's own last moment: what passed since was not practice.
///
/// # Errors
/// Never.
pub fn stop_where_it_is(live: &Live) -> Result<Vec<Input>, Problem> {
    Ok(vec![Input::Stop {
        at: EngineMs(live.state(None).at_ms),
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

fn measurement(bytes: &str, index: usize, at: EngineMs) -> Result<Input, Problem> {
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

fn broken(pointer: String, rule: &str, detail: &str) -> Problem {
    Problem::new(Code::RuleViolated, "an input does not fit the session")
        .with_error(pointer, rule, detail)
}

/// Gives inputs to a session outside a request: they are durable when this returns, and everybody who watches is told.
///
/// # Errors
/// The inputs do not fit the session; it was erased; the journal did not write, in which case those who watch are told
/// to hold.
pub async fn advance(
    node: &Node,
    place: &Place,
    id: SessionId,
    actor: &str,
    choose: impl Fn(&Live) -> Result<Vec<Input>, Problem>,
) -> Result<(), Problem> {
    let mut held = place.held.lock().await;
    let now_ms = node.platform.clock.now_ms();
    let mut live = Live::refresh(&mut held, &node.platform.reader, id, now_ms)?;
    let batch = live.take(&choose(&live)?);
    if !batch.is_empty() {
        let mut change = Change::new(now_ms);
        live.write(&batch, &mut change)?;
        let mut transaction = change.into_transaction();
        actor.clone_into(&mut transaction.actor);
        if let Err(error) = node.platform.journal.commit(transaction).await {
            let problem = problem_of_commit(error);
            tell(place, &Frame::hold(&live, &problem));
            return Err(problem);
        }
    }
    tell(place, &Frame::of(&live, &batch));
    watch_refusals(node, id, actor, now_ms, &batch);
    live.settle(batch);
    *held = Some(live);
    Ok(())
}

/// Tells everybody who watches. That nobody does is no failure.
pub fn tell(place: &Place, frame: &Frame) {
    if place.frames.receiver_count() > 0 {
        drop(place.frames.send(frame.text()));
    }
}

/// Inputs that were refused are worth a record, and not worth waiting for: the journal may drop them, and counts.
pub fn watch_refusals(node: &Node, id: SessionId, actor: &str, now_ms: i64, batch: &Batch) {
    for refused in &batch.refused {
        let event = NewEvent {
            kind: SEEN_KIND.parse().expect("kinds are constants of the code"),
            payload: serde_json::to_vec(refused).expect("refusals have string keys"),
        };
        let outcome = node.platform.journal.append_bulk(BulkEvent {
            stream: streams::breath_telemetry(&id),
            privacy: Privacy::Personal,
            at_ms: now_ms,
            actor: actor.to_owned(),
            event,
        });
        tracing::debug!(?outcome, "refused input noted");
    }
}

/// Lets time pass for a running session whose clock is the node's, until it ends, whether anybody watches or not.
pub fn keep_time(node: &Node, place: &Arc<Place>, id: SessionId) {
    if place.ticked.swap(true, Ordering::SeqCst) {
        return;
    }
    let (node, place) = (node.clone(), Arc::clone(place));
    tokio::spawn(async move {
        let mut every = tokio::time::interval(TICK);
        every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while is_ticked(&place).await {
            every.tick().await;
            let tick = |live: &Live| Ok(vec![Input::Tick { at: live.now() }]);
            if let Err(problem) = advance(&node, &place, id, "node", tick).await {
                tracing::warn!(cause = %problem, "time did not pass for a session");
                if matches!(problem.code(), Code::Gone | Code::NotFound | Code::Conflict) {
                    break;
                }
            }
        }
        place.ticked.store(false, Ordering::SeqCst);
    });
}

/// [`keep_time`] where the session is one of those.
pub async fn keep_time_if_due(node: &Node, place: &Arc<Place>, id: SessionId) {
    if is_ticked(place).await {
        keep_time(node, place, id);
    }
}

async fn is_ticked(place: &Place) -> bool {
    place
        .held
        .lock()
        .await
        .as_ref()
        .is_some_and(Live::is_ticked)
}
