//! A session while its pacer runs: start, time, wishes, end.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Engine;
use super::Feeling;
use super::Opening;
use super::Refused;
use super::Running;
use super::SessionOutcome;
use super::Stage;
use super::StopBy;
use super::Summary;
use crate::assessment::Assessment;
use crate::belief::Mode;
use crate::bug::PlantedBug;
use crate::bug::Rules;
use crate::event::Code;
use crate::event::Decision;
use crate::event::DecisionKind;
use crate::event::Number;
use crate::event::Numbers;
use crate::event::Quantity;
use crate::event::numbers;
use crate::features::Features;
use crate::inhibition::Inhibition;
use crate::protocol::DAY_MINUTES_MAX;
use crate::protocol::FALLBACK_MILLI;
use crate::protocol::Kind;
use crate::units::EngineMs;

/// How far time passes at once while the pacer runs.
const STRIDE_MS: u64 = 1_000;

/// Why a session is over.
pub(super) type Over = (SessionOutcome, Code);

/// What a moment brings to a running session.
type Brings = fn(&mut Running, &Moment<'_>, &mut Mode, &mut Vec<Decision>) -> Option<Over>;

/// What a moment is judged by.
pub(super) struct Moment<'a> {
    pub(super) now: EngineMs,
    pub(super) features: &'a Features,
    pub(super) off_skin_ms: Option<u64>,
    pub(super) heard_ms: u64,
    pub(super) inhale_permille: u16,
    pub(super) rules: Rules,
}

impl Moment<'_> {
    pub(super) fn age_ms(&self) -> Option<u64> {
        self.features.last_beat_at.map(|last| self.now.since(last))
    }

    pub(super) fn irregular_ms(&self) -> Option<u64> {
        let since = self.features.irregular_since?;
        Some(self.now.since(since))
    }
}

impl Engine {
    pub(super) fn start(
        &mut self,
        at: EngineMs,
        events: &mut Vec<Decision>,
    ) -> Result<(), Refused> {
        self.may_start(at)?;
        self.advance(at, events);
        let kind = self.state.protocol.kind();
        let assessment = Assessment::new(kind, self.state.seed);
        let first = match (kind, &assessment) {
            (_, Some(assessment)) => assessment.first_milli(),
            (Kind::Paced { pace }, _) => pace.milli_breaths(),
            (Kind::Adaptive { start, .. }, _) => start.pace().milli_breaths(),
            (Kind::AssessStepped | Kind::AssessSliding, None) => FALLBACK_MILLI,
        };
        let mut running = Running::new(&self.state.protocol, assessment, at);
        events.push(Decision::critical(
            DecisionKind::Started,
            Code::PersonBegan,
            numbers([
                (Quantity::ToMilli, first.into()),
                (
                    Quantity::DurationMs,
                    u64::from(self.state.protocol.minutes()) * 60_000,
                ),
            ]),
        ));
        running.start_pacer(&self.moment(at), first, events);
        self.state.stage = Stage::Running(Box::new(running));
        Ok(())
    }

    /// A session of which only its opening and its times are known, so that it can be stopped: it
    /// began at `started`, and was last heard of at `now`.
    pub(crate) fn heard_of(opening: &Opening, started: Option<EngineMs>, now: EngineMs) -> Self {
        let (mut engine, _) = Self::open(opening);
        engine.state.now = now;
        if let Some(started) = started {
            let running = Running::new(&opening.protocol, None, started);
            engine.state.stage = Stage::Running(Box::new(running));
        }
        engine
    }

    /// Lets time pass up to `at`.
    pub(super) fn advance(&mut self, at: EngineMs, events: &mut Vec<Decision>) {
        self.catch_up(at, events);
        self.pass(at, events);
    }

    /// Lives through a silence while the pacer runs: a leap over minutes without data ends as those
    /// minutes would have ended. Nobody is led in a time that has passed.
    pub(super) fn catch_up(&mut self, at: EngineMs, events: &mut Vec<Decision>) {
        while matches!(self.state.stage, Stage::Running(_))
            && at.since(self.state.now) > STRIDE_MS
            && !self.rules.broken(PlantedBug::LeapTaken)
        {
            let next = EngineMs(self.state.now.0 + STRIDE_MS);
            self.pass_by(next, Running::fall_back, events);
        }
    }

    /// Brings the session to `at`.
    pub(super) fn pass(&mut self, at: EngineMs, events: &mut Vec<Decision>) {
        self.pass_by(at, Running::advance, events);
    }

    fn pass_by(&mut self, at: EngineMs, brings: Brings, events: &mut Vec<Decision>) {
        self.state.now = at;
        self.heart.pass(at);
        self.state.features = self.heart.features(at);
        let dose = self.dose_spent(at);
        let moment = Moment {
            now: at,
            features: &self.state.features,
            off_skin_ms: self.heart.off_skin_since().map(|since| at.since(since)),
            heard_ms: self
                .heart
                .first_beat_at()
                .map_or(0, |first| at.since(first)),
            inhale_permille: self.state.protocol.inhale_permille(),
            rules: self.rules,
        };
        let Stage::Running(running) = &mut self.state.stage else {
            return;
        };
        let over = dose.or_else(|| brings(running, &moment, &mut self.state.mode, events));
        if let Some((outcome, code)) = over {
            self.end(outcome, code, events);
        }
    }

    fn moment(&self, now: EngineMs) -> Moment<'_> {
        Moment {
            now,
            features: &self.state.features,
            off_skin_ms: self.heart.off_skin_since().map(|since| now.since(since)),
            heard_ms: self
                .heart
                .first_beat_at()
                .map_or(0, |first| now.since(first)),
            inhale_permille: self.state.protocol.inhale_permille(),
            rules: self.rules,
        }
    }

    /// Whether the session's planned time or the day's dose is over.
    fn dose_spent(&self, now: EngineMs) -> Option<Over> {
        let Stage::Running(running) = &self.state.stage else {
            return None;
        };
        let ran_ms = now.since(running.started);
        let planned_ms = u64::from(self.state.protocol.minutes()) * 60_000;
        let day_ms = u64::from(DAY_MINUTES_MAX) * 60_000;
        let today_ms = self.state.breathed_today_ms.saturating_add(ran_ms);
        if ran_ms >= planned_ms && !self.rules.broken(PlantedBug::DoseIgnored) {
            return Some(if running.assessment.is_some() {
                (SessionOutcome::Interrupted, Code::Interrupted)
            } else {
                (SessionOutcome::Completed, Code::Completed)
            });
        }
        let spent = today_ms >= day_ms && !self.rules.broken(PlantedBug::DayDoseIgnored);
        spent.then_some((SessionOutcome::DayDoseSpent, Code::DayDoseSpent))
    }

    pub(super) fn wish(&mut self, at: EngineMs, faster: bool, events: &mut Vec<Decision>) {
        self.advance(at, events);
        let rules = self.rules;
        let moment = Moment {
            now: at,
            features: &self.state.features,
            off_skin_ms: self.heart.off_skin_since().map(|since| at.since(since)),
            heard_ms: self
                .heart
                .first_beat_at()
                .map_or(0, |first| at.since(first)),
            inhale_permille: self.state.protocol.inhale_permille(),
            rules,
        };
        if let Stage::Running(running) = &mut self.state.stage {
            running.wish(&moment, faster, self.state.mode, events);
        }
    }

    pub(super) fn feel(&mut self, at: EngineMs, feeling: Feeling, events: &mut Vec<Decision>) {
        let code = match feeling {
            Feeling::Pleasant => Code::Pleasant,
            Feeling::Neutral => Code::Neutral,
            Feeling::Unpleasant => Code::Unpleasant,
        };
        let felt = Decision::critical(DecisionKind::Felt, code, Numbers::new());
        if feeling == Feeling::Unpleasant {
            // An episode is not undone by what would have ended the session meanwhile.
            self.state.now = at;
            events.push(felt);
            self.end(SessionOutcome::Unpleasant, code, events);
        } else {
            self.advance(at, events);
            events.push(felt);
        }
    }

    /// Stops at once, in every state, whatever the moment says.
    pub(super) fn stop(&mut self, at: EngineMs, by: StopBy, events: &mut Vec<Decision>) {
        if at.0 <= super::LATEST_MS {
            self.state.now = self.state.now.max(at);
        }
        if self.rules.broken(PlantedBug::StopIgnored) {
            return;
        }
        let (outcome, code) = match by {
            StopBy::Person => (SessionOutcome::Stopped, Code::PersonStopped),
            StopBy::PersonUnwell => (SessionOutcome::Unpleasant, Code::PersonUnwell),
            StopBy::Supervisor => (SessionOutcome::StoppedBySupervisor, Code::SupervisorStopped),
            StopBy::Host => (SessionOutcome::StoppedByHost, Code::HostStopped),
        };
        match self.state.stage {
            Stage::Ended(_) => {}
            Stage::Running(_) => self.end(outcome, code, events),
            // Who feels unwell before the start has had no episode with the pacer.
            Stage::ExpectScreen | Stage::ExpectStart { .. } => {
                self.end(SessionOutcome::NotStarted, code, events);
            }
        }
    }

    /// When the session ended: no pacer runs longer than was planned, whenever the end is told.
    fn ended_at(&self) -> EngineMs {
        let Stage::Running(running) = &self.state.stage else {
            return self.state.now;
        };
        let planned_ms = u64::from(self.state.protocol.minutes()) * 60_000;
        let latest = running.started.0.saturating_add(planned_ms);
        self.state.now.min(EngineMs(latest))
    }

    fn end(&mut self, outcome: SessionOutcome, code: Code, events: &mut Vec<Decision>) {
        let now = self.ended_at();
        let (started, verdict) = match &mut self.state.stage {
            Stage::Running(running) => {
                let verdict = running.assessment.as_mut().and_then(|assessment| {
                    assessment.interrupt();
                    assessment.verdict().cloned()
                });
                (Some(running.started), verdict)
            }
            _ => (None, None),
        };
        let wall = self.wall_at(now);
        let inhibition = self.inhibit(outcome, wall, events);
        if let Some(inhibitions) = &mut self.state.inhibitions {
            inhibitions.seen(wall);
        }
        let breathed_ms = started.map_or(0, |started| now.since(started));
        events.push(Decision::critical(
            DecisionKind::Ended,
            code,
            numbers([(Quantity::DurationMs, breathed_ms)]),
        ));
        self.state.mode = Mode::Unmeasured;
        self.state.stage = Stage::Ended(Box::new(Summary {
            outcome,
            code,
            started_ms: started.map(|started| started.0),
            ended_ms: now.0,
            breathed_ms,
            context: self.state.context,
            verdict,
            inhibition,
            inhibitions: self.state.inhibitions.clone(),
        }));
    }

    fn inhibit(
        &mut self,
        outcome: SessionOutcome,
        wall: i64,
        events: &mut Vec<Decision>,
    ) -> Option<Inhibition> {
        if !outcome.is_episode() || self.rules.broken(PlantedBug::UnpleasantForgotten) {
            return None;
        }
        let rules = self.rules;
        let inhibitions = self.state.inhibitions.as_mut()?;
        let inhibition = inhibitions.record(self.state.context, wall, rules);
        events.push(Decision::critical(
            DecisionKind::Inhibited,
            Code::Inhibited,
            [
                Number {
                    name: Quantity::Count,
                    value: inhibition.episodes.into(),
                },
                Number {
                    name: Quantity::WallMs,
                    value: inhibition.until_wall_ms,
                },
            ]
            .into(),
        ));
        Some(inhibition)
    }
}
