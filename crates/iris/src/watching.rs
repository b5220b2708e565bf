//! Which personal events (XEP-0163) a device of this node gets, as they become durable. While it is being asked what it wants
//! (XEP-0115), events wait for the answer, and then come in their order.
//!
//! Invariants (guard):
//! 1. an event that is wanted comes once: while the answer is waited for it is not lost, and is not sent as the newest of its
//!    node as well                                        (`tests/it/services_pep.rs`, and `iris-server`'s `tests/it/watching.rs`)
//! 2. what waits is at most `HELD_COUNT` events and `HELD_BYTES`, and begins at most `HELD_TIME` after the question   (tests below)

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use jid::BareJid;

/// Events that wait for an answer; the oldest make place.
const HELD_COUNT: usize = 256;
/// Their bytes.
const HELD_BYTES: usize = 64 << 10;
/// Who does not answer for so long gets no more held.
const HELD_TIME: Duration = Duration::from_secs(30);

/// An event of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Whose node.
    pub publisher: BareJid,
    /// Which.
    pub node: String,
    /// What it tells.
    pub tells: Tells,
}

/// What an event tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tells {
    /// An item was published.
    Item,
    /// Items were taken back, or the node ended.
    Gone,
    /// What is the newest, told to a device that has just said what it wants.
    Newest,
}

/// What one device waits for.
#[derive(Clone, Debug, Default)]
pub struct Watching {
    /// Since when it is asked, as a time since any one moment.
    asked_at: Option<Duration>,
    held: VecDeque<(Event, Bytes)>,
    held_bytes: usize,
    /// The nodes whose newest item it got out of what was held.
    has_newest: BTreeSet<(BareJid, String)>,
}

impl Watching {
    /// It is asked what it wants.
    pub fn asked(&mut self, now: Duration) {
        self.asked_at = Some(now);
        self.has_newest.clear();
    }

    /// An event for a device that wants `notify`, as far as is known: returned if it is to be sent now.
    pub fn event(
        &mut self,
        notify: &[String],
        event: Event,
        stanza: Bytes,
        now: Duration,
    ) -> Option<Bytes> {
        if notify.contains(&event.node) {
            let is_again = event.tells == Tells::Newest
                && self.has_newest.contains(&(event.publisher, event.node));
            return Some(stanza).filter(|_| !is_again);
        }
        let asked_at = self.asked_at?;
        if now > asked_at + HELD_TIME {
            self.forget();
            return None;
        }
        self.held_bytes += stanza.len();
        self.held.push_back((event, stanza));
        while self.held.len() > HELD_COUNT || self.held_bytes > HELD_BYTES {
            let Some((_, oldest)) = self.held.pop_front() else {
                break;
            };
            self.held_bytes -= oldest.len();
        }
        None
    }

    /// It wants `notify`: what was held of that, in order.
    pub fn learned(&mut self, notify: &[String]) -> Vec<Bytes> {
        let mut given = Vec::new();
        for (event, stanza) in std::mem::take(&mut self.held) {
            if !notify.contains(&event.node) {
                continue;
            }
            given.push(stanza);
            let node = (event.publisher, event.node);
            match event.tells {
                Tells::Item => drop(self.has_newest.insert(node)),
                // Something older is the newest then.
                Tells::Gone | Tells::Newest => drop(self.has_newest.remove(&node)),
            }
        }
        self.forget();
        given
    }

    fn forget(&mut self) {
        self.asked_at = None;
        self.held.clear();
        self.held_bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1_000);

    fn event(node: &str) -> Event {
        Event {
            publisher: BareJid::new("a@x").unwrap(),
            node: node.to_owned(),
            tells: Tells::Item,
        }
    }

    fn stanza(number: usize, bytes: usize) -> Bytes {
        format!("{number:<4}{}", "x".repeat(bytes - 4)).into()
    }

    fn hold(watching: &mut Watching, number: usize, bytes: usize, now: Duration) {
        let held = watching.event(&[], event("n"), stanza(number, bytes), now);
        assert_eq!(held, None);
    }

    #[test]
    fn of_too_many_events_the_newest_are_held() {
        let mut watching = Watching::default();
        watching.asked(START);
        for number in 0..HELD_COUNT + 10 {
            hold(&mut watching, number, 8, START);
        }
        let given = watching.learned(&["n".to_owned()]);
        assert_eq!(given.len(), HELD_COUNT);
        assert_eq!(given.last(), Some(&stanza(HELD_COUNT + 9, 8)));
    }

    #[test]
    fn of_too_large_events_those_that_fit_are_held() {
        let mut watching = Watching::default();
        watching.asked(START);
        for number in 0..5 {
            hold(&mut watching, number, HELD_BYTES / 2, START);
        }
        hold(&mut watching, 9, HELD_BYTES + 1, START);
        assert_eq!(watching.learned(&["n".to_owned()]).len(), 0);
        assert_eq!(watching.held_bytes, 0);
    }

    #[test]
    fn who_does_not_answer_gets_nothing_held_for_long() {
        let mut watching = Watching::default();
        watching.asked(START);
        hold(&mut watching, 0, 8, START + HELD_TIME);
        assert_eq!(watching.held.len(), 1);
        let late = START + HELD_TIME + Duration::from_millis(1);
        hold(&mut watching, 1, 8, late);
        assert_eq!(watching.held.len(), 0);
        // Nor does it wait for a question that nobody answered.
        hold(&mut watching, 2, 8, START);
        assert_eq!(watching.held.len(), 0);
    }
}
