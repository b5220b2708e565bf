//! A session's stream as the engine's events, and back.

use journal::{Event, Seq, StreamName};
use zenb::event::{self as form, SessionEvent};
use zenb::replay::{Diverged, Replay};

use super::ids::SessionId;
use super::record::{REGISTERED_KIND, Registered, erased};
use crate::streams;
use platform::declined::Declined;
use platform::moment::Moment;
use platform::store::StoreError;

const CHUNK: usize = 500;

/// What can be wrong with a stored session.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// An event is not of its kind.
    #[error("event {seq} of the session is not of its kind")]
    Malformed {
        /// The place in the stream.
        seq: u64,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The first event does not say whose session it is.
    #[error("the stream does not begin with who it is for")]
    NotRegistered,
    /// The record is not what the engine computes.
    #[error("event {seq} of the stream: {diverged}")]
    Diverged {
        /// The place in the stream.
        seq: u64,
        /// What differs.
        diverged: Box<Diverged>,
    },
}

impl LogError {
    /// Whether nothing is wrong but that another version of the engine wrote it.
    pub fn is_of_another_engine(&self) -> bool {
        matches!(self, Self::Diverged { diverged, .. } if matches!(**diverged, Diverged::OtherNumericVersion { .. }))
    }

    /// The place in the stream, if one event is to blame.
    pub fn seq(&self) -> Option<u64> {
        match self {
            Self::Malformed { seq, .. } | Self::Diverged { seq, .. } => Some(*seq),
            Self::NotRegistered => None,
        }
    }
}

/// An event of the engine at its place in the stream.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The place in the stream, from 1.
    pub seq: u64,
    /// The event.
    pub event: SessionEvent,
}

/// Every event of a session's stream, in order.
///
/// # Errors
/// `not_found`; `gone` when it was erased; the journal fails.
pub fn events(moment: &Moment<'_>, id: SessionId) -> Result<Vec<Event>, Declined> {
    let stream = readable(moment, id)?;
    let mut found: Vec<Event> = Vec::new();
    loop {
        let from = Seq::after(found.last().map(|event| event.seq));
        let chunk = moment.stream(&stream, from, CHUNK);
        let chunk = chunk.map_err(StoreError::from)?;
        let last = chunk.len() < CHUNK;
        found.extend(chunk);
        if last {
            return Ok(found);
        }
    }
}

/// At most `limit` events of a session's stream after a place in it.
///
/// # Errors
/// As for [`events`].
pub fn events_after(
    moment: &Moment<'_>,
    id: SessionId,
    after: u64,
    limit: usize,
) -> Result<Vec<Event>, Declined> {
    let stream = readable(moment, id)?;
    let found = moment.stream(&stream, Seq::after(Seq::new(after)), limit);
    Ok(found.map_err(StoreError::from)?)
}

fn readable(moment: &Moment<'_>, id: SessionId) -> Result<StreamName, Declined> {
    let stream = streams::breath_session(&id);
    let head = moment.stream_head(&stream).map_err(StoreError::from)?;
    match head {
        None => Err(Declined::not_found("session")),
        Some(head) if head.shredded => Err(erased()),
        Some(_) => Ok(stream),
    }
}

/// Who the session is for: its first event.
///
/// # Errors
/// The first event is another one.
pub fn registered(events: &[Event]) -> Result<Registered, LogError> {
    let first = events.first().ok_or(LogError::NotRegistered)?;
    if first.kind.as_str() != REGISTERED_KIND {
        return Err(LogError::NotRegistered);
    }
    parse(first)
}

/// The engine's events among all; checkpoints and the first event are the shell's.
///
/// # Errors
/// An event is not of its kind.
pub fn of_engine(events: &[Event]) -> Result<Vec<Placed>, LogError> {
    let placed = events.iter().filter_map(|event| {
        let parsed = match event.kind.as_str() {
            form::OPENED_TYPE => parse(event).map(SessionEvent::Opened),
            form::INPUT_TYPE => parse(event).map(SessionEvent::Input),
            form::DECIDED_TYPE => parse(event).map(SessionEvent::Decided),
            form::ENDED_TYPE => parse(event).map(SessionEvent::Ended),
            _ => return None,
        };
        let seq = event.seq.get();
        Some(parsed.map(|event| Placed { seq, event }))
    });
    placed.collect()
}

/// Recomputes every decision from the inputs.
///
/// # Errors
/// The first event that differs from what was computed, at its place in the stream.
pub fn replay(events: &[Placed]) -> Result<Replay, LogError> {
    let mut replay = Replay::new();
    for placed in events {
        replay
            .take(&placed.event)
            .map_err(|diverged| LogError::Diverged {
                seq: placed.seq,
                diverged: Box::new(diverged),
            })?;
    }
    Ok(replay)
}

fn parse<T: serde::de::DeserializeOwned>(event: &Event) -> Result<T, LogError> {
    let payload = event.payload.as_deref().unwrap_or_default();
    serde_json::from_slice(payload).map_err(|source| LogError::Malformed {
        seq: event.seq.get(),
        source,
    })
}
