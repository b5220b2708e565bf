//! Whose turn it is to be sent: messages of the archive, or what no archive keeps.
//!
//! After a crash, the client's count (XEP-0198 `h`) may be ahead of what was stored of its session. What it was sent
//! since must follow from the store alone, or it gets something twice, or never. So everything that is sent after
//! one store and before the next is of one kind, and the store names it: as many messages of the archive as the
//! count is ahead, or none. A change of kind waits for its own store.
//!
//! When a store takes longer than `PATIENCE`, what no archive keeps is sent nevertheless: a slow disk must not look
//! like a dead server. If the node is killed before that store ends, a device that resumes may have to ask its
//! archive for the messages that the disk took at that moment.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// How long a store may take before what no archive keeps is sent without it.
pub(crate) const PATIENCE: Duration = Duration::from_millis(500);

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Turn {
    /// Messages of the archive, in its order.
    Archive,
    /// What no archive keeps.
    Passing,
}

/// The turns of one resumable session.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Turns {
    /// What the newest durable store allows.
    current: Option<Turn>,
    wanted: Option<Turn>,
    storing: Option<(Turn, Instant)>,
    /// Something was sent without a store.
    is_impatient: bool,
    /// The store under way says what no longer holds.
    is_stale: bool,
}

impl Turns {
    /// Whether something of this kind may be sent; if not, a store is needed first.
    pub(crate) fn may(&mut self, turn: Turn, now: Instant) -> bool {
        if self.current == Some(turn) {
            return true;
        }
        match self.storing {
            Some((_, since)) if turn == Turn::Passing && now >= since + PATIENCE => {
                self.is_impatient = true;
                self.current = None;
                self.is_stale |= self.storing.is_some_and(|(storing, _)| storing != turn);
                return true;
            }
            Some((storing, _)) if storing == turn => {}
            _ => self.wanted = Some(turn),
        }
        false
    }

    /// A store is needed now.
    pub(crate) fn needs_store(&self) -> bool {
        self.wanted.is_some() && self.storing.is_none()
    }

    /// The session is being stored: what this store allows.
    pub(crate) fn store(&mut self, now: Instant) -> Turn {
        let turn = self.wanted.take().or(self.current).unwrap_or(Turn::Passing);
        if self.current != Some(turn) {
            self.current = None;
        }
        self.storing = Some((turn, now));
        turn
    }

    /// What was stored of the place in the archive no longer holds: nothing is sent before the next store.
    pub(crate) fn moved(&mut self) {
        self.current = None;
        self.is_stale |= self.storing.is_some();
    }

    /// The store is durable.
    pub(crate) fn stored(&mut self) {
        let Some((turn, _)) = self.storing.take() else {
            return;
        };
        self.is_impatient = false;
        if std::mem::take(&mut self.is_stale) {
            self.wanted.get_or_insert(turn);
        } else {
            self.current = Some(turn);
        }
    }

    /// When the store under way has taken too long, if something waits for it.
    pub(crate) fn patience_ends(&self) -> Option<Instant> {
        let (_, since) = self.storing?;
        (self.current != Some(Turn::Passing) && !self.is_impatient).then(|| since + PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug)]
    enum Step {
        Send(Turn),
        Store,
        Stored,
        Moved,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            3 => Just(Step::Send(Turn::Archive)),
            3 => Just(Step::Send(Turn::Passing)),
            1 => Just(Step::Store),
            2 => Just(Step::Stored),
            1 => Just(Step::Moved),
        ];
        proptest::collection::vec(step, 0..200)
    }

    proptest! {
        /// Killed after any step, all that was sent since the newest durable store is what that store allows, and
        /// the place in the archive is the stored one.
        #[test]
        fn what_is_sent_between_two_stores_is_of_the_kind_the_first_names(steps in steps()) {
            let now = Instant::now();
            let mut turns = Turns::default();
            let (mut durable, mut under_way) = (None, None);
            let (mut sent, mut place) = (Vec::new(), 0);
            for step in steps {
                match step {
                    Step::Send(turn) => if turns.may(turn, now) { sent.push((turn, place)) },
                    Step::Store => if under_way.is_none() {
                        under_way = Some((turns.store(now), place, sent.len()));
                    },
                    Step::Stored => if let Some(stored) = under_way.take() {
                        durable = Some(stored);
                        turns.stored();
                    },
                    Step::Moved => {
                        place += 1;
                        turns.moved();
                    }
                }
                if under_way.is_none() && turns.needs_store() {
                    under_way = Some((turns.store(now), place, sent.len()));
                }
                let (turn, place, since) = durable.unwrap_or((Turn::Passing, 0, sent.len()));
                prop_assert!(sent[since..].iter().all(|one| *one == (turn, place)));
            }
        }
    }

    #[test]
    fn both_kinds_get_their_turn() {
        let now = Instant::now();
        let mut turns = Turns::default();
        for turn in [Turn::Archive, Turn::Passing, Turn::Archive] {
            assert!(!turns.may(turn, now));
            assert!(turns.needs_store());
            turns.store(now);
            assert!(!turns.may(turn, now), "not before it is durable");
            turns.stored();
            assert!(turns.may(turn, now));
        }
    }

    #[test]
    fn a_slow_store_delays_what_no_archive_keeps_only_so_long() {
        let start = Instant::now();
        let mut turns = Turns::default();
        assert!(!turns.may(Turn::Archive, start));
        turns.store(start);
        assert!(!turns.may(Turn::Passing, start));
        assert_eq!(turns.patience_ends(), Some(start + PATIENCE));
        assert!(turns.may(Turn::Passing, start + PATIENCE));
        assert!(!turns.may(Turn::Archive, start + PATIENCE));
        turns.stored();
        assert!(
            !turns.may(Turn::Archive, start + PATIENCE),
            "it was stored for less than was sent"
        );
        assert!(turns.needs_store());
    }
}
