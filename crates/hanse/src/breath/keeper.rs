//! What the node does about sessions by itself, so that none stays between running and ended: after a restart it goes on
//! with those whose clock it is, it ends those that nobody fed for an hour, and it erases those that were kept long enough,
//! and what protected people and protects nobody any more.

use api::problem::Code;
use std::time::Duration;

use tokio::sync::watch;

use super::drive::{self, NotTaken};
use super::erase;
use super::ids::SessionId;
use super::record::{self, SessionClock, SessionRecord, SessionStatus};
use super::safeties;
use crate::state::Node;
use crate::streams;
use api::journal::ErasureReason;
use platform::change::Change;
use platform::declined::Declined;
use platform::moment::{Moment, NODE_ACTOR};
use platform::store::StoreError;

/// How often to look.
const LOOK: Duration = Duration::from_secs(60);
/// Looks until it is seen again whether what protects people is over, which takes days.
const LOOKS_FOR_SAFETY: u32 = 60;
/// How long a session may go without an input before the node ends it.
const IDLE_MS_MAX: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Runs until `stop` says so. Sessions that ended `retention_days` ago are erased; without a number, none is.
pub async fn run(node: Node, retention_days: Option<u32>, mut stop: watch::Receiver<bool>) {
    let mut looks = 0;
    while !*stop.borrow() {
        if looks % LOOKS_FOR_SAFETY == 0 {
            end_safeties(&node).await;
        }
        looks += 1;
        go_on(&node).await;
        end_left(&node).await;
        if let Some(days) = retention_days {
            erase_kept(&node, days).await;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Lets time pass again for sessions that the last stop of the node interrupted, and for those whose starter went away before
/// the start was answered. If their strap does not come back, their own rules fall back and end them.
async fn go_on(node: &Node) {
    let running = |moment: &Moment<'_>| record::all_that_are(moment, SessionStatus::Running);
    let running = found(node, running).await;
    for session in running.iter().filter(|it| it.clock == SessionClock::Host) {
        let entry = node.breath.entry(session.id);
        if let Err(problem) = drive::bring(node, &entry, session.id).await {
            tracing::warn!(cause = %problem, session = %session.id, "interrupted session does not go on");
        }
    }
}

/// Destroys what protects nobody any more.
async fn end_safeties(node: &Node) {
    let people = node
        .platform
        .read(|moment| Ok(safeties::people(moment)?))
        .await;
    let people = people.unwrap_or_else(|problem| {
        tracing::warn!(cause = %problem, "what protects people could not be looked for");
        Vec::new()
    });
    for person in people {
        let end = move |moment: &Moment<'_>| {
            let mut change = Change::default();
            safeties::end_if_over(moment, &person, &mut change)?;
            Ok((change, ()))
        };
        if let Err(problem) = node.platform.act(end).await {
            tracing::warn!(cause = %problem, "what protected a person was not ended after its time");
        }
    }
}

async fn end_left(node: &Node) {
    for session in found(node, all_left).await {
        let id = session.id;
        let allow = move |moment: &Moment<'_>| check_left(moment, id);
        let stop = drive::stop_where_it_is;
        match drive::advance(node, id, NODE_ACTOR, allow, stop).await {
            Ok(()) => {}
            Err(NotTaken::NotAllowed(problem)) => {
                tracing::debug!(cause = %problem, session = %id, "session was not left behind");
            }
            Err(NotTaken::Unfit(problem)) => {
                tracing::warn!(cause = %problem, session = %id, "session left behind was not ended");
            }
        }
    }
}

fn all_left(moment: &Moment<'_>) -> Result<Vec<SessionRecord>, StoreError> {
    let mut left = Vec::new();
    for status in [SessionStatus::Open, SessionStatus::Running] {
        for session in record::all_that_are(moment, status)? {
            if is_left(fed_at(moment, session.id)?, moment.now_ms) {
                left.push(session);
            }
        }
    }
    Ok(left)
}

fn check_left(moment: &Moment<'_>, id: SessionId) -> Result<(), Declined> {
    if is_left(fed_at(moment, id)?, moment.now_ms) {
        return Ok(());
    }
    Err(Declined::new(
        Code::Conflict,
        "the session was fed meanwhile",
    ))
}

/// When the last event of a session was written; nothing when there is none, or it was erased.
fn fed_at(moment: &Moment<'_>, id: SessionId) -> Result<Option<i64>, StoreError> {
    let stream = streams::breath_session(&id);
    let Some(head) = moment.stream_head(&stream)?.filter(|head| !head.shredded) else {
        return Ok(None);
    };
    let last = moment.stream(&stream, head.head, 1)?;
    Ok(last.first().map(|event| event.header.at_ms))
}

fn is_left(fed_ms: Option<i64>, now_ms: i64) -> bool {
    fed_ms.is_some_and(|fed_ms| now_ms.saturating_sub(fed_ms) > IDLE_MS_MAX)
}

async fn erase_kept(node: &Node, days: u32) {
    let kept = move |moment: &Moment<'_>| {
        let mut ended = record::all_that_are(moment, SessionStatus::Ended)?;
        ended.retain(|session| was_kept(session, days, moment.now_ms));
        Ok(ended)
    };
    for session in found(node, kept).await {
        let id = session.id;
        if let Err(problem) = erase_if_kept(node, id, days).await {
            tracing::warn!(cause = %problem, session = %id, "session was not erased after its time");
        }
    }
}

async fn erase_if_kept(node: &Node, id: SessionId, days: u32) -> Result<(), Declined> {
    let erase = move |moment: &Moment<'_>| {
        let session = record::stored(moment, id)?;
        let mut change = Change::default();
        if was_kept(&session, days, moment.now_ms) {
            erase::shred_session(moment, id, ErasureReason::RetentionEnded, &mut change)?;
        }
        Ok((change, ()))
    };
    node.platform.act(erase).await
}

fn was_kept(session: &SessionRecord, days: u32, now_ms: i64) -> bool {
    let ended = session.ended_at.map(|at| at.as_millisecond());
    ended.is_some_and(|ended_ms| has_passed(ended_ms, days, now_ms))
}

fn has_passed(ended_ms: i64, days: u32, now_ms: i64) -> bool {
    now_ms.saturating_sub(ended_ms) >= i64::from(days).saturating_mul(DAY_MS)
}

/// Sessions to look after. That they cannot be looked for is told to the log: the next look comes.
async fn found(
    node: &Node,
    look: impl FnOnce(&Moment<'_>) -> Result<Vec<SessionRecord>, StoreError> + Send + 'static,
) -> Vec<SessionRecord> {
    let found = node.platform.read(move |moment| Ok(look(moment)?)).await;
    found.unwrap_or_else(|problem| {
        tracing::warn!(cause = %problem, "sessions could not be looked for");
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_left_after_an_hour_and_a_clock_set_back_leaves_nothing() {
        assert!(!is_left(Some(0), IDLE_MS_MAX));
        assert!(is_left(Some(0), IDLE_MS_MAX + 1));
        assert!(!is_left(Some(IDLE_MS_MAX * 5), 0));
        assert!(!is_left(None, IDLE_MS_MAX + 1));
    }

    #[test]
    fn a_session_is_kept_for_its_days_and_not_longer() {
        assert!(!has_passed(0, 30, 30 * DAY_MS - 1));
        assert!(has_passed(0, 30, 30 * DAY_MS));
        assert!(has_passed(5, 0, 5));
        assert!(!has_passed(5, 0, 4));
    }
}
