//! What the node does about sessions by itself, so that none stays between running and ended: after a restart it goes on
//! with those whose clock it is, it ends those that nobody fed for an hour, and it erases those that were kept long enough.

use std::time::Duration;

use journal::Seq;
use tokio::sync::watch;

use super::ids::SessionId;
use super::live::Live;
use super::record::{SessionClock, SessionRecord, SessionStatus};
use super::{drive, erase};
use crate::http::problem::{Chain, Problem};
use crate::institutions::Node;
use crate::store::{self, StoreError, Stored, kind};
use crate::streams;

/// How often to look.
const LOOK: Duration = Duration::from_secs(60);
/// How long a session may go without an input before the node ends it.
const IDLE_MS_MAX: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Runs until `stop` says so. Sessions that ended `retention_days` ago are erased; without a number, none is.
pub async fn run(node: Node, retention_days: Option<u32>, mut stop: watch::Receiver<bool>) {
    go_on(&node).await;
    while !*stop.borrow() {
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

/// Lets time pass again for sessions that the last stop of the node interrupted. If their strap does not come back, their
/// own rules fall back and end them.
async fn go_on(node: &Node) {
    let running = sessions(node, SessionStatus::Running);
    let hosted = running
        .iter()
        .filter(|it| it.body.clock == SessionClock::Host);
    for session in hosted {
        let id = session.body.id;
        if let Err(problem) = interrupted(node, id).await {
            tracing::warn!(cause = %problem, session = %id, "interrupted session does not go on");
        }
    }
}

async fn interrupted(node: &Node, id: SessionId) -> Result<(), Problem> {
    let place = node.breath.place(id);
    let mut held = place.held.lock().await;
    let now_ms = node.platform.clock.now_ms();
    Live::refresh(&mut held, &node.platform.reader, id, now_ms)?;
    drop(held);
    drive::keep_time_if_due(node, &place, id).await;
    Ok(())
}

async fn end_left(node: &Node) {
    for status in [SessionStatus::Open, SessionStatus::Running] {
        for session in sessions(node, status) {
            let id = session.body.id;
            if let Err(problem) = end_if_left(node, id).await {
                tracing::warn!(cause = %problem, session = %id, "session left behind was not ended");
            }
        }
    }
}

async fn end_if_left(node: &Node, id: SessionId) -> Result<(), Problem> {
    let now_ms = node.platform.clock.now_ms();
    match fed_at(node, id)? {
        Some(fed_ms) if is_left(fed_ms, now_ms) => {
            let place = node.breath.place(id);
            drive::advance(node, &place, id, "node", drive::stop_where_it_is).await
        }
        _ => Ok(()),
    }
}

/// When the last event of a session was written.
fn fed_at(node: &Node, id: SessionId) -> Result<Option<i64>, Problem> {
    let reader = &node.platform.reader;
    let stream = streams::breath_session(&id);
    let head = reader.stream_head(&stream).map_err(StoreError::from)?;
    let newest: Seq = match head {
        Some(head) if !head.shredded => head.head,
        _ => return Ok(None),
    };
    let last = reader.stream(&stream, newest, 1);
    let last = last.map_err(StoreError::from)?;
    Ok(last.first().map(|event| event.header.at_ms))
}

fn is_left(fed_ms: i64, now_ms: i64) -> bool {
    now_ms.saturating_sub(fed_ms) > IDLE_MS_MAX
}

async fn erase_kept(node: &Node, days: u32) {
    let now_ms = node.platform.clock.now_ms();
    for session in sessions(node, SessionStatus::Ended) {
        let ended = session.body.ended_at.map(|at| at.as_millisecond());
        if !ended.is_some_and(|ended_ms| was_kept(ended_ms, days, now_ms)) {
            continue;
        }
        let id = session.body.id;
        if let Err(problem) = erase::retention_ended(node, id).await {
            tracing::warn!(cause = %problem, session = %id, "session was not erased after its time");
        }
    }
}

fn was_kept(ended_ms: i64, days: u32, now_ms: i64) -> bool {
    now_ms.saturating_sub(ended_ms) >= i64::from(days).saturating_mul(DAY_MS)
}

fn sessions(node: &Node, status: SessionStatus) -> Vec<Stored<SessionRecord>> {
    let filter = [("status", status.as_str())];
    let found = store::all(&node.platform.reader, kind::BREATH_SESSION, &filter);
    found.unwrap_or_else(|error| {
        tracing::warn!(cause = %Chain(&error), "sessions could not be looked for");
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_left_after_an_hour_and_a_clock_set_back_leaves_nothing() {
        assert!(!is_left(0, IDLE_MS_MAX));
        assert!(is_left(0, IDLE_MS_MAX + 1));
        assert!(!is_left(IDLE_MS_MAX * 5, 0));
    }

    #[test]
    fn a_session_is_kept_for_its_days_and_not_longer() {
        assert!(!was_kept(0, 30, 30 * DAY_MS - 1));
        assert!(was_kept(0, 30, 30 * DAY_MS));
        assert!(was_kept(5, 0, 5));
        assert!(!was_kept(5, 0, 4));
    }
}
