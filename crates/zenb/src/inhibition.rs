//! An unpleasant or failed episode keeps its context closed for a while.
//!
//! The first episode inhibits for 1 h, each further one for twice as long, up to 24 h. A week of
//! quiet after an inhibition takes one episode off the count. The context is the practice itself:
//! nothing that the host or the person can vary (place, charger, hour, count of sessions) is part
//! of it. Time is the latest wall time ever seen, so that a clock set back neither shortens an
//! inhibition nor freezes it.
//!
//! A clock set forward cannot be told from time passing, here; the journal keeps every wall time
//! that was used.

use alloc::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::bug::PlantedBug;
use crate::bug::Rules;
use crate::protocol::Kind;
use crate::protocol::Protocol;

/// What the first episode inhibits for.
pub const FIRST_BACKOFF_MS: i64 = 3_600_000;
/// The longest inhibition.
pub const LONGEST_BACKOFF_MS: i64 = 24 * FIRST_BACKOFF_MS;
/// The quiet time that takes one episode off the count.
pub const DECAY_MS: i64 = 7 * 24 * FIRST_BACKOFF_MS;

/// What an episode inhibits: a practice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContextKey {
    /// Breathing at one pace.
    Paced,
    /// Being led to a pace.
    Adaptive,
    /// Looking for a pace.
    Assessment,
}

impl ContextKey {
    /// The context of a protocol.
    pub fn of(protocol: &Protocol) -> Self {
        match protocol.kind() {
            Kind::Paced { .. } => Self::Paced,
            Kind::Adaptive { .. } => Self::Adaptive,
            Kind::AssessStepped | Kind::AssessSliding => Self::Assessment,
        }
    }
}

/// How one context is inhibited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inhibition {
    /// Episodes counted when it was set.
    pub episodes: u32,
    /// Until when, ms since 1970.
    pub until_wall_ms: i64,
}

impl Inhibition {
    /// Episodes still counted at `now`: one less for each quiet week after the end.
    fn episodes_at(&self, now: i64) -> u32 {
        let quiet = now.saturating_sub(self.until_wall_ms).max(0) / DECAY_MS;
        self.episodes
            .saturating_sub(u32::try_from(quiet).unwrap_or(u32::MAX))
    }
}

/// All inhibitions of one person, and the latest wall time they were seen at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inhibitions {
    seen_wall_ms: i64,
    contexts: BTreeMap<ContextKey, Inhibition>,
}

/// What loading a person's inhibitions came to. A failure is not an empty list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadedInhibitions {
    /// They were read. A person without a record has [`Inhibitions::none`].
    Loaded(Inhibitions),
    /// They could not be read: nothing starts.
    LoadFailed,
}

impl Inhibitions {
    /// No episode so far.
    pub fn none() -> Self {
        Self {
            seen_wall_ms: 0,
            contexts: BTreeMap::new(),
        }
    }

    /// Notes that it is at least `wall_ms`.
    pub fn seen(&mut self, wall_ms: i64) {
        self.seen_wall_ms = self.seen_wall_ms.max(wall_ms);
    }

    /// Until when a context is inhibited, if it is, at `wall_ms` or the latest time seen.
    pub fn inhibited(&self, context: ContextKey, wall_ms: i64) -> Option<i64> {
        let now = wall_ms.max(self.seen_wall_ms);
        let until = self.contexts.get(&context)?.until_wall_ms;
        (now < until).then_some(until)
    }

    /// Counts an episode at `wall_ms`; answers the inhibition that follows.
    pub fn record(&mut self, context: ContextKey, wall_ms: i64, rules: Rules) -> Inhibition {
        self.seen(wall_ms);
        // An episode under a clock set back counts from the latest time seen: counted from the
        // clock, its inhibition would be over when the clock is set right.
        let now = if rules.broken(PlantedBug::ClockBackEscapes) {
            wall_ms
        } else {
            self.seen_wall_ms
        };
        let before = self.contexts.get(&context).copied();
        let counted = before.map_or(0, |inhibition| inhibition.episodes_at(now));
        let episodes = counted.saturating_add(1);
        let backoff = if rules.broken(PlantedBug::BackoffNotDoubled) {
            FIRST_BACKOFF_MS
        } else {
            backoff_ms(episodes)
        };
        let until = now.saturating_add(backoff);
        let inhibition = Inhibition {
            episodes,
            until_wall_ms: before.map_or(until, |earlier| earlier.until_wall_ms.max(until)),
        };
        self.contexts.insert(context, inhibition);
        inhibition
    }

    /// Takes over an episode that a session counted on its copy of these inhibitions, at `wall_ms` of the keeper's clock.
    ///
    /// The sender's clock may have said when in the session. So the inhibition ends when the session said, but not before
    /// it would by the keeper's clock, and not later than the longest one from then.
    pub fn take_over(
        &mut self,
        context: ContextKey,
        counted: Inhibition,
        wall_ms: i64,
    ) -> Inhibition {
        let mut kept = self.record(context, wall_ms, Rules::whole());
        let latest = self.seen_wall_ms.saturating_add(LONGEST_BACKOFF_MS);
        kept.until_wall_ms = counted
            .until_wall_ms
            .clamp(kept.until_wall_ms, latest.max(kept.until_wall_ms));
        self.contexts.insert(context, kept);
        kept
    }

    /// From when on nothing of this changes any decision: no context is inhibited and no episode counts. Nothing when there
    /// was no episode.
    pub fn over_wall_ms(&self) -> Option<i64> {
        let over = |inhibition: &Inhibition| {
            let counting = i64::from(inhibition.episodes).saturating_mul(DECAY_MS);
            inhibition.until_wall_ms.saturating_add(counting)
        };
        self.contexts.values().map(over).max()
    }

    /// Every context with its inhibition, past or present.
    pub fn all(&self) -> impl Iterator<Item = (ContextKey, Inhibition)> + '_ {
        self.contexts
            .iter()
            .map(|(context, inhibition)| (*context, *inhibition))
    }

    /// The context's inhibition, past or present.
    pub fn of(&self, context: ContextKey) -> Option<Inhibition> {
        self.contexts.get(&context).copied()
    }
}

/// How long the n-th episode inhibits for, n from 1: 1, 2, 4, 8, 16, 24, 24 … hours.
fn backoff_ms(episodes: u32) -> i64 {
    let doublings = episodes.saturating_sub(1).min(5);
    (FIRST_BACKOFF_MS << doublings).min(LONGEST_BACKOFF_MS)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    const RULES: Rules = Rules::whole();

    #[test]
    fn episodes_inhibit_for_1_2_4_8_16_24_24_hours() {
        let mut inhibitions = Inhibitions::none();
        let mut now = 0;
        let hours: Vec<i64> = (0..7)
            .map(|_| {
                let until = inhibitions
                    .record(ContextKey::Paced, now, RULES)
                    .until_wall_ms;
                let length = until - now;
                now = until;
                length / FIRST_BACKOFF_MS
            })
            .collect();
        assert_eq!(hours, [1, 2, 4, 8, 16, 24, 24]);
    }

    #[test]
    fn a_quiet_week_takes_one_episode_off_the_count() {
        let mut inhibitions = Inhibitions::none();
        for _ in 0..3 {
            inhibitions.record(ContextKey::Paced, 0, RULES);
        }
        let until = inhibitions.of(ContextKey::Paced).unwrap().until_wall_ms;
        let mut early = inhibitions.clone();
        let third = early.record(ContextKey::Paced, until + DECAY_MS - 1, RULES);
        assert_eq!(third.episodes, 4);
        let second = inhibitions.record(ContextKey::Paced, until + DECAY_MS, RULES);
        assert_eq!(second.episodes, 3);
    }

    #[test]
    fn one_practice_does_not_inhibit_another() {
        let mut inhibitions = Inhibitions::none();
        inhibitions.record(ContextKey::Paced, 0, RULES);
        assert!(inhibitions.inhibited(ContextKey::Paced, 1).is_some());
        assert!(inhibitions.inhibited(ContextKey::Adaptive, 1).is_none());
    }

    #[test]
    fn an_episode_taken_over_counts_once_and_no_clock_of_a_sender_shortens_it_or_makes_it_endless()
    {
        let hour = FIRST_BACKOFF_MS;
        for (said, kept) in [
            (i64::MIN, hour),
            (hour, hour),
            (2 * hour, 2 * hour),
            (i64::MAX, LONGEST_BACKOFF_MS),
        ] {
            let mut inhibitions = Inhibitions::none();
            let counted = Inhibition {
                episodes: 1,
                until_wall_ms: said,
            };
            let first = inhibitions.take_over(ContextKey::Paced, counted, 0);
            assert_eq!((first.episodes, first.until_wall_ms), (1, kept), "{said}");
            assert_eq!(inhibitions.of(ContextKey::Paced), Some(first));
            let second = inhibitions.take_over(ContextKey::Paced, counted, 1);
            assert_eq!(second.episodes, 2);
            assert!(second.until_wall_ms > 2 * hour);
        }
    }

    #[test]
    fn nothing_counts_any_more_when_it_is_over_and_something_does_until_then() {
        let mut inhibitions = Inhibitions::none();
        assert_eq!(inhibitions.over_wall_ms(), None);
        for _ in 0..3 {
            inhibitions.record(ContextKey::Paced, 0, RULES);
        }
        let over = inhibitions.over_wall_ms().unwrap();
        let mut early = inhibitions.clone();
        let counted = early.record(ContextKey::Paced, over - 1, RULES);
        assert_eq!(counted.episodes, 2);
        let fresh = inhibitions.record(ContextKey::Paced, over, RULES);
        assert_eq!(fresh.episodes, 1);
    }

    #[test]
    fn extreme_clocks_neither_panic_nor_free() {
        for wall in [i64::MIN, -1, 0, i64::MAX] {
            let mut inhibitions = Inhibitions::none();
            inhibitions.record(ContextKey::Paced, wall, RULES);
            inhibitions.record(ContextKey::Paced, i64::MIN, RULES);
            let free = inhibitions.inhibited(ContextKey::Paced, i64::MIN);
            // At the end of time there is no later moment to wait for.
            assert_eq!(free.is_some(), wall != i64::MAX);
        }
    }
}
