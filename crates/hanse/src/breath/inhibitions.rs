//! What inhibits a person's sessions, and how much they breathed today.

use std::time::Duration;

use zenb::inhibition::{Inhibitions, LoadedInhibitions};

use super::ids::BreathPerson;
use super::memory::Sessions;
use super::record::{SessionRecord, SessionStatus};
use crate::records::kind;
use crate::streams;
use platform::http::problem::Chain;
use platform::moment::Moment;
use platform::store::{self, StoreError};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The inhibitions of a person. A failure to read them is told as a failure, which holds the session; so is a stream
/// whose key was destroyed, because nobody can know what was in it.
pub fn load(moment: &Moment<'_>, person: &BreathPerson) -> LoadedInhibitions {
    match stored(moment, person) {
        Ok(Some(inhibitions)) => LoadedInhibitions::Loaded(inhibitions),
        Ok(None) => {
            let mut none = Inhibitions::none();
            none.seen(moment.now_ms);
            LoadedInhibitions::Loaded(none)
        }
        Err(failure) => {
            tracing::error!(cause = %failure, "inhibitions could not be loaded; the session is held");
            LoadedInhibitions::LoadFailed
        }
    }
}

/// What a session leaves behind, with what another session of the person left behind meanwhile.
pub fn with_stored(moment: &Moment<'_>, person: &BreathPerson, own: Inhibitions) -> Inhibitions {
    match stored(moment, person) {
        Ok(Some(stored)) => own.joined(&stored),
        Ok(None) => own,
        Err(failure) => {
            tracing::error!(cause = %failure, "inhibitions could not be loaded; those of the session are kept");
            own
        }
    }
}

fn stored(moment: &Moment<'_>, person: &BreathPerson) -> Result<Option<Inhibitions>, String> {
    let told = |error: StoreError| Chain(&error).to_string();
    let found = store::find::<Inhibitions>(moment, kind::BREATH_INHIBITIONS, person.as_str());
    if let Some(stored) = found.map_err(told)? {
        return Ok(Some(stored.body));
    }
    let head = moment.stream_head(&streams::breath_person(person));
    match head.map_err(|error| told(error.into()))? {
        None => Ok(None),
        Some(_) => Err("the person's stream has events and no record".to_owned()),
    }
}

/// How long the person of these sessions breathed with a pacer in the 24 hours before the moment, in milliseconds. A session
/// that still runs counts up to its last input; one that cannot be read counts whole.
pub fn breathed_today_ms(
    moment: &Moment<'_>,
    memory: &Sessions,
    at: Duration,
    sessions: &[SessionRecord],
) -> u64 {
    let since_ms = moment.now_ms.saturating_sub(DAY_MS);
    let breathed = sessions
        .iter()
        .map(|session| match (&session.summary, session.ended_at) {
            (Some(summary), Some(ended)) if ended.as_millisecond() > since_ms => {
                summary.breathed_ms
            }
            (None, _) if session.status == SessionStatus::Running => {
                let live = memory.current(moment, at, session.id);
                live.map_or_else(
                    |_| u64::from(session.protocol.minutes()) * 60_000,
                    |live| live.elapsed_ms(),
                )
            }
            _ => 0,
        });
    breathed.fold(0, u64::saturating_add)
}
