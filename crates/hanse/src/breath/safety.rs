//! What protects a person across their sessions: one state for each, decided where it is committed. No clock and no I/O.
//!
//! A session comes to it twice: when its pacer begins and when it ends. What is kept is only what a later decision needs,
//! so it outlives the sessions and has an end of its own ([`Safety::over_ms`]).
//!
//! Invariants (guard):
//! 1. of a person's sessions one at most runs, whoever opened it               (`Refusal::AnotherRuns`)
//! 2. a session begins on the state that it was opened on, or not at all       (`Refusal::OpenedBefore`)
//! 3. what began counts whole until it is known how long it was                (`Practice::breathed_ms`)
//! 4. time is the node's, whatever the clock of a session says                 (`Context::now_ms`)

use std::convert::Infallible;

use ids::aggregate::{Aggregate, Decision, Misfit};
use serde::{Deserialize, Serialize};
use zenb::inhibition::{ContextKey, Inhibition, Inhibitions};
use zenb::protocol::{DAY_MINUTES_MAX, Protocol};

use super::ids::{BreathPerson, SessionId};

/// The kind of [`Began`].
pub const BEGAN_KIND: &str = "breath.practice_began.v1";
/// The kind of [`Ended`].
pub const ENDED_KIND: &str = "breath.practice_ended.v1";
/// The time over which the dose is summed, in milliseconds.
pub const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// The most that a person is paced in that time, in milliseconds.
pub const DAY_DOSE_MS: u64 = DAY_MINUTES_MAX as u64 * 60_000;

/// What protects a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Safety {
    /// Which practices rest, and how many episodes count.
    pub inhibitions: Inhibitions,
    /// The practices of the last day, oldest first. Before the last one ended no other begins.
    pub practices: Vec<Practice>,
}

/// Breathing with a pacer in one session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Practice {
    /// In which session.
    pub session: SessionId,
    /// When the pacer began, in ms since 1970.
    pub began_ms: i64,
    /// How long it was to be, in milliseconds.
    pub planned_ms: u64,
    /// How it ended, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<End>,
}

/// The end of a practice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// When, in ms since 1970.
    pub at_ms: i64,
    /// How long the pacer ran, in milliseconds.
    pub breathed_ms: u64,
}

/// A pacer began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Began {
    /// For whom.
    pub person: BreathPerson,
    /// In which session.
    pub session: SessionId,
    /// When, in ms since 1970.
    pub at_ms: i64,
    /// How long it is to be, in milliseconds.
    pub planned_ms: u64,
}

/// A pacer ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// For whom.
    pub person: BreathPerson,
    /// In which session.
    pub session: SessionId,
    /// When and after how long.
    pub end: End,
    /// Everything that inhibits the person from then on.
    pub inhibitions: Inhibitions,
}

/// What happens to a person's safety.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SafetyEvent {
    /// A pacer began.
    Began(Began),
    /// A pacer ended.
    Ended(Ended),
}

impl SafetyEvent {
    /// The kind under which the journal stores it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Began(_) => BEGAN_KIND,
            Self::Ended(_) => ENDED_KIND,
        }
    }
}

/// What a session asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// The pacer begins.
    Begin {
        /// Of what practice.
        protocol: Protocol,
        /// How many events the person's stream had when the session was opened, if that was kept.
        known: Option<u64>,
    },
    /// The pacer ended.
    End {
        /// How long it ran, in milliseconds.
        breathed_ms: u64,
        /// The episode that it was, as the session counted it.
        episode: Option<(ContextKey, Inhibition)>,
    },
}

/// What a decision depends on besides.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Whose safety it is.
    pub person: &'a BreathPerson,
    /// Which session asks.
    pub session: SessionId,
    /// The node's time, in ms since 1970.
    pub now_ms: i64,
    /// How many events the person's stream has.
    pub events: u64,
    /// Whether the session that began last still takes inputs. One that was erased does not.
    pub is_last_alive: bool,
}

/// Why no pacer may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody is paced twice at once.
    #[error("another session of this person runs; it has to end first")]
    AnotherRuns,
    /// What the session was opened on is not what holds.
    #[error("another session of this person ran since this one was opened; open a new one")]
    OpenedBefore,
    /// The practice rests.
    #[error("an earlier session did not go well, so this practice rests")]
    Inhibited {
        /// Until when, in ms since 1970.
        until_ms: i64,
    },
    /// What holds cannot be read.
    #[error("what protects this person cannot be read, so no pacer runs")]
    Unreadable,
    /// The day's dose is used up.
    #[error("the person breathed with a pacer for {DAY_MINUTES_MAX} minutes within a day")]
    DayDoseSpent,
}

impl Refusal {
    /// A stable code for programs; those that the engine has, too, are its own.
    pub const fn code(self) -> &'static str {
        match self {
            Self::AnotherRuns => "another_session_runs",
            Self::OpenedBefore => "opened_before",
            Self::Inhibited { .. } => "inhibited",
            Self::Unreadable => "inhibitions_not_loaded",
            Self::DayDoseSpent => "day_dose_spent",
        }
    }
}

impl Practice {
    /// How long it was, as far as that is known: what has not ended counts whole.
    pub fn breathed_ms(&self) -> u64 {
        self.ended.map_or(self.planned_ms, |end| end.breathed_ms)
    }

    /// Until when it counts towards the dose.
    fn counts_until_ms(&self) -> i64 {
        let planned_ms = i64::try_from(self.planned_ms).unwrap_or(i64::MAX);
        let planned_end_ms = self.began_ms.saturating_add(planned_ms);
        let ended_ms = self.ended.map_or(planned_end_ms, |end| end.at_ms);
        ended_ms.saturating_add(DAY_MS)
    }
}

impl Safety {
    /// Nothing happened so far.
    pub fn none() -> Self {
        Self::inhibited(Inhibitions::none())
    }

    /// These inhibitions, and nothing else.
    pub fn inhibited(inhibitions: Inhibitions) -> Self {
        Self {
            inhibitions,
            practices: Vec::new(),
        }
    }

    /// The practice that has begun and not ended.
    pub fn running(&self) -> Option<&Practice> {
        self.practices.last().filter(|last| last.ended.is_none())
    }

    /// How long the person was paced within the day before `now_ms`, in milliseconds, but for one session.
    pub fn breathed_ms(&self, now_ms: i64, but_for: Option<SessionId>) -> u64 {
        let counted = self
            .practices
            .iter()
            .filter(|it| it.counts_until_ms() > now_ms && Some(it.session) != but_for);
        counted
            .map(Practice::breathed_ms)
            .fold(0, u64::saturating_add)
    }

    /// From when on it protects nobody, in ms since 1970: no practice counts, nothing rests, no episode is remembered.
    pub fn over_ms(&self) -> i64 {
        let practices = self.practices.iter().map(Practice::counts_until_ms);
        practices
            .chain(self.inhibitions.over_wall_ms())
            .max()
            .unwrap_or(i64::MIN)
    }

    /// Whether a session may begin, or go on: `breathed_ms` is how long it ran.
    ///
    /// # Errors
    /// The rule that forbids it.
    pub fn check(
        &self,
        context: &Context<'_>,
        practice: ContextKey,
        breathed_ms: u64,
    ) -> Result<(), Refusal> {
        let running = self.running().filter(|_| context.is_last_alive);
        if running.is_some_and(|running| running.session != context.session) {
            return Err(Refusal::AnotherRuns);
        }
        if let Some(until_ms) = self.inhibitions.inhibited(practice, context.now_ms) {
            return Err(Refusal::Inhibited { until_ms });
        }
        let others_ms = self.breathed_ms(context.now_ms, Some(context.session));
        if others_ms.saturating_add(breathed_ms) >= DAY_DOSE_MS {
            return Err(Refusal::DayDoseSpent);
        }
        Ok(())
    }

    fn begin(
        &self,
        context: &Context<'_>,
        protocol: &Protocol,
        known: Option<u64>,
    ) -> Result<Began, Refusal> {
        self.check(context, ContextKey::of(protocol), 0)?;
        if known != Some(context.events) {
            return Err(Refusal::OpenedBefore);
        }
        Ok(Began {
            person: context.person.clone(),
            session: context.session,
            at_ms: context.now_ms,
            planned_ms: u64::from(protocol.minutes()) * 60_000,
        })
    }

    fn end(
        &self,
        context: &Context<'_>,
        breathed_ms: u64,
        episode: Option<(ContextKey, Inhibition)>,
    ) -> Ended {
        let mut inhibitions = self.inhibitions.clone();
        inhibitions.seen(context.now_ms);
        if let Some((practice, counted)) = episode {
            inhibitions.take_over(practice, counted, context.now_ms);
        }
        Ended {
            person: context.person.clone(),
            session: context.session,
            end: End {
                at_ms: context.now_ms,
                breathed_ms,
            },
            inhibitions,
        }
    }

    /// The state after an event. Every event fits every state: a session that ends is never refused.
    #[must_use]
    pub fn after(mut self, event: &SafetyEvent) -> Self {
        match event {
            SafetyEvent::Began(began) => {
                self.prune(began.at_ms);
                self.practices.push(Practice {
                    session: began.session,
                    began_ms: began.at_ms,
                    planned_ms: began.planned_ms,
                    ended: None,
                });
            }
            SafetyEvent::Ended(ended) => {
                self.inhibitions = ended.inhibitions.clone();
                let end = Some(ended.end);
                let mut practices = self.practices.iter_mut();
                match practices.find(|it| it.session == ended.session) {
                    Some(practice) => practice.ended = end,
                    // It began before beginnings were kept.
                    None => self.practices.push(Practice {
                        session: ended.session,
                        began_ms: ended.end.at_ms,
                        planned_ms: ended.end.breathed_ms,
                        ended: end,
                    }),
                }
            }
        }
        self
    }

    /// Forgets what no longer counts at `now_ms`. What has not ended stays.
    fn prune(&mut self, now_ms: i64) {
        self.practices.retain(|it| it.counts_until_ms() > now_ms);
    }
}

impl Aggregate for Safety {
    type State = Self;
    type Command = Command;
    type Event = SafetyEvent;
    type Effect = Infallible;
    type Refusal = Refusal;
    type Context<'a> = Context<'a>;

    fn decide(
        safety: Option<&Self>,
        command: Command,
        context: &Context<'_>,
    ) -> Result<Decision<SafetyEvent, Infallible>, Refusal> {
        let none = Self::none();
        let safety = safety.unwrap_or(&none);
        Ok(Decision::event(match command {
            Command::Begin { protocol, known } => {
                SafetyEvent::Began(safety.begin(context, &protocol, known)?)
            }
            Command::End {
                breathed_ms,
                episode,
            } => SafetyEvent::Ended(safety.end(context, breathed_ms, episode)),
        }))
    }

    fn apply(safety: Option<Self>, event: &SafetyEvent) -> Result<Self, Misfit> {
        Ok(safety.unwrap_or_else(Self::none).after(event))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zenb::engine::LATEST_MS;
    use zenb::inhibition::LONGEST_BACKOFF_MS;
    use zenb::protocol::{Kind, Pace};

    use super::*;

    const MINUTE_MS: i64 = 60_000;
    const SESSIONS: usize = 4;

    /// What a history does next.
    #[derive(Clone, Debug)]
    enum Step {
        /// Time passes.
        Wait(i64),
        /// A session is opened in the place of an earlier one.
        Open(usize),
        /// Its pacer begins, if it may.
        Begin(usize),
        /// It ends after so many of its thirty minutes, well or not.
        End(usize, u64, bool),
        /// It is erased, without anybody saying how long it was.
        Erase(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let which = 0..SESSIONS;
        let step = prop_oneof![
            (0..600_i64).prop_map(|minutes| Step::Wait(minutes * MINUTE_MS)),
            which.clone().prop_map(Step::Open),
            which.clone().prop_map(Step::Begin),
            which.clone().prop_map(Step::Begin),
            (which.clone(), 0..=30_u64, any::<bool>())
                .prop_map(|(session, minutes, well)| Step::End(session, minutes, well)),
            which.prop_map(Step::Erase),
        ];
        prop::collection::vec(step, 1..80)
    }

    /// The outside of one session.
    #[derive(Clone, Copy, Debug)]
    struct Outside {
        id: SessionId,
        known: u64,
        runs: bool,
        is_erased: bool,
    }

    /// A history, and beside it what happened, kept in the plainest way.
    struct History {
        person: BreathPerson,
        now_ms: i64,
        events: u64,
        safety: Safety,
        sessions: Vec<Outside>,
        /// When each practice ended and how long it was; of an erased one, when it was to end, and whole.
        practices: Vec<(i64, u64)>,
        /// When each episode was.
        episodes: Vec<i64>,
    }

    impl History {
        fn new() -> Self {
            let outside = |_| Outside {
                id: SessionId::fresh(),
                known: 0,
                runs: false,
                is_erased: false,
            };
            Self {
                person: "guest".parse().unwrap(),
                now_ms: 1_800_000_000_000,
                events: 0,
                safety: Safety::none(),
                sessions: (0..SESSIONS).map(outside).collect(),
                practices: Vec::new(),
                episodes: Vec::new(),
            }
        }

        fn decide(&mut self, session: usize, command: Command) -> Result<(), Refusal> {
            let last = self.safety.practices.last().map(|it| it.session);
            let alive = |it: &&Outside| Some(it.id) == last && it.runs && !it.is_erased;
            let person = self.person.clone();
            let context = Context {
                person: &person,
                session: self.sessions[session].id,
                now_ms: self.now_ms,
                events: self.events,
                is_last_alive: self.sessions.iter().any(|it| alive(&it)),
            };
            let decision = Safety::decide(Some(&self.safety), command, &context)?;
            for event in &decision.events {
                self.safety = self.safety.clone().after(event);
                self.events += 1;
            }
            Ok(())
        }

        fn begin(&mut self, session: usize) {
            let before = self.sessions[session];
            if before.runs || before.is_erased {
                return;
            }
            let protocol = Protocol::new(Kind::Paced { pace: Pace::SIX }, 30).unwrap();
            let known = Some(before.known);
            if self
                .decide(session, Command::Begin { protocol, known })
                .is_err()
            {
                return;
            }
            let runs = |it: &&Outside| it.runs && !it.is_erased;
            assert_eq!(
                self.sessions.iter().filter(runs).count(),
                0,
                "nobody is paced twice"
            );
            assert_eq!(before.known + 1, self.events, "what it was opened on holds");
            assert!(self.breathed_ms() < DAY_DOSE_MS, "the day's dose");
            let rested = |at_ms: &i64| self.now_ms - at_ms >= 60 * MINUTE_MS;
            assert!(
                self.episodes.iter().all(rested),
                "an episode rests for an hour at least"
            );
            self.sessions[session].runs = true;
        }

        fn end(&mut self, session: usize, minutes: u64, is_episode: bool) {
            let before = self.sessions[session];
            if !before.runs || before.is_erased {
                return;
            }
            let counted = Inhibition {
                episodes: 1,
                until_wall_ms: self.now_ms,
            };
            let end = Command::End {
                breathed_ms: minutes * 60_000,
                episode: is_episode.then_some((ContextKey::Paced, counted)),
            };
            self.decide(session, end).unwrap();
            self.sessions[session].runs = false;
            self.practices.push((self.now_ms, minutes * 60_000));
            if is_episode {
                self.episodes.push(self.now_ms);
            }
        }

        fn erase(&mut self, session: usize) {
            let before = self.sessions[session];
            if before.runs && !before.is_erased {
                let mut began = self.safety.practices.iter();
                let began = began.find(|it| it.session == before.id).unwrap();
                let planned_end_ms = began.began_ms + 30 * MINUTE_MS;
                self.practices.push((planned_end_ms, 1_800_000));
            }
            self.sessions[session].is_erased = true;
        }

        fn breathed_ms(&self) -> u64 {
            let of_the_day = |(ended_ms, _): &&(i64, u64)| *ended_ms > self.now_ms - DAY_MS;
            let counted = self.practices.iter().filter(of_the_day);
            counted.map(|(_, breathed_ms)| breathed_ms).sum()
        }

        fn take(&mut self, step: &Step) {
            match *step {
                Step::Wait(ms) => self.now_ms += ms,
                Step::Open(session) => {
                    // Whoever opens leaves what runs.
                    if !self.sessions[session].runs || self.sessions[session].is_erased {
                        self.sessions[session] = Outside {
                            id: SessionId::fresh(),
                            known: self.events,
                            runs: false,
                            is_erased: false,
                        };
                    }
                }
                Step::Begin(session) => self.begin(session),
                Step::End(session, minutes, is_episode) => self.end(session, minutes, is_episode),
                Step::Erase(session) => self.erase(session),
            }
        }
    }

    proptest! {
        /// REQ-310 REQ-350
        #[test]
        fn whatever_is_opened_begun_ended_and_erased_one_runs_within_the_dose_and_what_rests_rests(
            steps in steps()
        ) {
            let mut history = History::new();
            for step in &steps {
                history.take(step);
                let runs = history.sessions.iter().find(|it| it.runs && !it.is_erased);
                let kept_ms = history.safety.breathed_ms(history.now_ms, runs.map(|it| it.id));
                prop_assert_eq!(kept_ms, history.breathed_ms());
            }
        }

        /// REQ-351
        #[test]
        fn what_is_over_decides_nothing_any_more(steps in steps(), later in 0..DAY_MS) {
            let mut history = History::new();
            for step in &steps {
                history.take(step);
            }
            for session in 0..SESSIONS {
                history.end(session, 30, false);
                history.erase(session);
            }
            prop_assume!(history.events > 0);
            history.now_ms = history.safety.over_ms() + later;
            prop_assert_eq!(history.safety.breathed_ms(history.now_ms, None), 0);
            let counted = Inhibition { episodes: 1, until_wall_ms: 0 };
            let mut kept = history.safety.inhibitions.clone();
            let mut fresh = Inhibitions::none();
            prop_assert_eq!(kept.inhibited(ContextKey::Paced, history.now_ms), None);
            prop_assert_eq!(
                kept.take_over(ContextKey::Paced, counted, history.now_ms),
                fresh.take_over(ContextKey::Paced, counted, history.now_ms)
            );
        }
    }

    /// REQ-350
    #[test]
    fn two_episodes_count_as_two_whoever_opened_them_and_whatever_their_clocks_say() {
        let mut history = History::new();
        let hours = |history: &History| {
            let kept = history.safety.inhibitions.of(ContextKey::Paced).unwrap();
            (kept.until_wall_ms - history.now_ms) / (60 * MINUTE_MS)
        };
        let mut found = Vec::new();
        for session in 0..SESSIONS {
            history.take(&Step::Open(session));
            history.take(&Step::Begin(session));
            history.take(&Step::End(session, 1, true));
            found.push(hours(&history));
            history.now_ms += found[session] * 60 * MINUTE_MS;
        }
        assert_eq!(found, [1, 2, 4, 8]);
        // A sender whose clock ran to its end does not close the practice for ever.
        history.take(&Step::Open(0));
        history.take(&Step::Begin(0));
        let counted = Inhibition {
            episodes: 5,
            until_wall_ms: (1 << 53) - 1,
        };
        let end = Command::End {
            breathed_ms: LATEST_MS,
            episode: Some((ContextKey::Paced, counted)),
        };
        history.decide(0, end).unwrap();
        let kept = history.safety.inhibitions.of(ContextKey::Paced).unwrap();
        assert_eq!(kept.until_wall_ms - history.now_ms, LONGEST_BACKOFF_MS);
        assert_eq!(
            history.safety.over_ms(),
            kept.until_wall_ms + 5 * zenb::inhibition::DECAY_MS
        );
    }

    #[test]
    fn a_session_that_does_not_know_what_it_was_opened_on_does_not_begin() {
        let person = "guest".parse().unwrap();
        let context = Context {
            person: &person,
            session: SessionId::fresh(),
            now_ms: 0,
            events: 0,
            is_last_alive: false,
        };
        let protocol = Protocol::new(Kind::Paced { pace: Pace::SIX }, 30).unwrap();
        let begin = |known| Safety::decide(None, Command::Begin { protocol, known }, &context);
        assert_eq!(begin(None), Err(Refusal::OpenedBefore));
        assert!(begin(Some(0)).is_ok());
    }
}
