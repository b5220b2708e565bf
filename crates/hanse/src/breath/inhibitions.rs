//! What inhibits a person's sessions, and how much they breathed today.

use journal::Reader;
use zenb::inhibition::{Inhibitions, LoadedInhibitions};

use super::ids::BreathPerson;
use super::live::Live;
use super::record::{SessionRecord, SessionStatus};
use crate::http::problem::{Chain, Problem};
use crate::store::{self, StoreError, kind};
use crate::streams;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The inhibitions of a person. A failure to read them is told as a failure, which holds the session; so is a stream
/// whose key was destroyed, because nobody can know what was in it.
pub fn load(reader: &Reader, person: &BreathPerson, now_ms: i64) -> LoadedInhibitions {
    match stored(reader, person) {
        Ok(Some(inhibitions)) => LoadedInhibitions::Loaded(inhibitions),
        Ok(None) => {
            let mut none = Inhibitions::none();
            none.seen(now_ms);
            LoadedInhibitions::Loaded(none)
        }
        Err(failure) => {
            tracing::error!(cause = %failure, "inhibitions could not be loaded; the session is held");
            LoadedInhibitions::LoadFailed
        }
    }
}

fn stored(reader: &Reader, person: &BreathPerson) -> Result<Option<Inhibitions>, String> {
    let told = |error: StoreError| Chain(&error).to_string();
    let found = store::find::<Inhibitions>(reader, kind::BREATH_INHIBITIONS, person.as_str());
    if let Some(stored) = found.map_err(told)? {
        return Ok(Some(stored.body));
    }
    let head = reader.stream_head(&streams::breath_person(person));
    match head.map_err(|error| told(error.into()))? {
        None => Ok(None),
        Some(_) => Err("the person's stream has events and no record".to_owned()),
    }
}

/// How long a person breathed with a pacer in the 24 hours before `now_ms`, in milliseconds. A session that still runs
/// counts up to its last input; one that cannot be read counts whole.
///
/// # Errors
/// The journal fails.
pub fn breathed_today_ms(
    reader: &Reader,
    person: &BreathPerson,
    now_ms: i64,
) -> Result<u64, Problem> {
    let filter = [("person", person.as_str())];
    let sessions = store::all::<SessionRecord>(reader, kind::BREATH_SESSION, &filter)?;
    let since_ms = now_ms.saturating_sub(DAY_MS);
    let breathed = sessions.iter().map(|session| {
        let session = &session.body;
        match (&session.summary, session.ended_at) {
            (Some(summary), Some(ended)) if ended.as_millisecond() > since_ms => {
                summary.breathed_ms
            }
            (None, _) if session.status == SessionStatus::Running => {
                Live::load(reader, session.id, now_ms).map_or_else(
                    |_| u64::from(session.protocol.minutes()) * 60_000,
                    |live| live.elapsed_ms(),
                )
            }
            _ => 0,
        }
    });
    Ok(breathed.fold(0, u64::saturating_add))
}
