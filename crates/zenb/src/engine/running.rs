//! What each moment brings while the pacer runs: fallback, belief, assessment, guidance.

use alloc::vec::Vec;

use super::Running;
use super::SessionOutcome;
use super::run::Moment;
use super::run::Over;
use crate::assessment::Assessment;
use crate::assessment::Move;
use crate::belief::Mode;
use crate::belief::Paced;
use crate::belief::next_mode;
use crate::bug::PlantedBug;
use crate::criteria::Finding;
use crate::event::Code;
use crate::event::Decision;
use crate::event::DecisionKind;
use crate::event::Number;
use crate::event::Numbers;
use crate::event::Quantity;
use crate::event::numbers;
use crate::guard::Context;
use crate::guard::Origin;
use crate::guard::Permitted;
use crate::guard::Proposal;
use crate::guard::Purpose;
use crate::guard::Verdict;
use crate::guard::guard;
use crate::guidance::Arrow;
use crate::guidance::Changes;
use crate::guidance::Conditions;
use crate::guidance::Guidance;
use crate::guidance::Ladder;
use crate::guidance::Level;
use crate::guidance::NOT_FOLLOWED_STOP_MS;
use crate::guidance::Situation;
use crate::guidance::WISH_MILLI;
use crate::heart::Taken;
use crate::pacer::Pacer;
use crate::protocol::FALLBACK_MILLI;
use crate::protocol::GUIDANCE_MILLI_MAX;
use crate::protocol::Protocol;
use crate::units::EngineMs;

impl Running {
    /// A session that begins at `at`, before its pacer does.
    pub(super) fn new(protocol: &Protocol, assessment: Option<Assessment>, at: EngineMs) -> Self {
        Self {
            started: at,
            pacer: None,
            paced_since: at,
            breath: 0,
            purpose: protocol.kind().purpose(),
            ladder: Ladder::start(at),
            guidance: Guidance::new(protocol),
            changes: Changes::default(),
            assessment,
            denied: None,
        }
    }

    /// Beats that happened since the pacer began are the assessment's.
    pub(super) fn take_beats(&mut self, taken: Taken) {
        if let Some(assessment) = &mut self.assessment {
            if taken.breaks {
                assessment.broken();
            }
            for beat in taken.beats {
                if beat.at >= self.paced_since {
                    assessment.take(beat);
                }
            }
        }
    }

    pub(super) fn advance(
        &mut self,
        moment: &Moment<'_>,
        mode: &mut Mode,
        events: &mut Vec<Decision>,
    ) -> Option<Over> {
        if let Some(over) = self.fall_back(moment, mode, events) {
            return Some(over);
        }
        self.believe(moment, mode, events);
        self.tell_breath(moment, *mode, events);
        let unfollowed_ms = self.guidance.observe(&self.situation(moment, *mode)?);
        let never = moment.rules.broken(PlantedBug::UnfollowedNeverStops);
        if unfollowed_ms > NOT_FOLLOWED_STOP_MS && self.purpose == Purpose::Guidance && !never {
            return Some((SessionOutcome::NotFollowed, Code::NotFollowedTooLong));
        }
        if let Some(over) = self.assess(moment, *mode, events) {
            return Some(over);
        }
        self.guide(moment, *mode, events);
        None
    }

    /// What of a moment counts also when it is told late: how far the data have failed.
    pub(super) fn fall_back(
        &mut self,
        moment: &Moment<'_>,
        _: &mut Mode,
        events: &mut Vec<Decision>,
    ) -> Option<Over> {
        self.fall_back_or_recover(moment, events);
        let stopped = self.ladder.level() == Level::Stopped;
        stopped.then_some((SessionOutcome::Unmeasured, Code::UnmeasuredTooLong))
    }

    /// The pacer takes its first rate, at the beginning of an inhale.
    pub(super) fn start_pacer(
        &mut self,
        moment: &Moment<'_>,
        milli: u32,
        events: &mut Vec<Decision>,
    ) {
        if let Some(permitted) = self.ask(moment, Origin::Start, milli, Mode::Settling, events) {
            self.pacer = Some(Pacer::start(moment.now, permitted));
            self.paced_since = moment.now;
            self.breath = 0;
            if let Some(assessment) = &mut self.assessment {
                assessment.begin(moment.now);
            }
        }
    }

    fn fall_back_or_recover(&mut self, moment: &Moment<'_>, events: &mut Vec<Decision>) {
        let seen = self.conditions(moment);
        while let Some(arrow) = self.ladder.advance(moment.now, &seen, moment.rules) {
            events.push(level_changed(&arrow, &seen));
            let Some(assessment) = &mut self.assessment else {
                continue;
            };
            match arrow.to {
                Level::Guiding => {}
                // How much of a stretch was mended is judged when it is read.
                Level::Holding if arrow.code == Code::ManyArtefacts => {}
                Level::Holding => assessment.spoil(),
                Level::Fixed | Level::Stopped => assessment.interrupt(),
            }
        }
    }

    fn conditions(&self, moment: &Moment<'_>) -> Conditions {
        Conditions {
            age_ms: moment.age_ms(),
            waited_ms: moment.now.since(self.started),
            artefact_permille: moment.features.artefact_permille_60s,
            irregular_ms: moment.irregular_ms(),
            heard_ms: moment.heard_ms,
            off_skin_ms: moment.off_skin_ms,
        }
    }

    fn believe(&self, moment: &Moment<'_>, mode: &mut Mode, events: &mut Vec<Decision>) {
        // The hold that opens a session waits for data, and is not a failure of what there is.
        let usable = self.conditions(moment).hold(moment.rules).is_none()
            && self.ladder.level() != Level::Fixed;
        let paced = Paced {
            for_ms: self.pacer.map_or(0, |_| moment.now.since(self.paced_since)),
            inhale_permille: moment.inhale_permille,
        };
        let next = match next_mode(*mode, moment.features, usable, paced) {
            Mode::Drifting if moment.rules.broken(PlantedBug::DriftingFollows) => Mode::Following,
            next => next,
        };
        if next == *mode {
            return;
        }
        *mode = next;
        let code = match next {
            Mode::Settling => Code::Settling,
            Mode::Following => Code::Following,
            Mode::Resonant => Code::Resonant,
            Mode::Drifting => Code::Drifting,
            Mode::Unmeasured => Code::Unmeasured,
        };
        events.push(Decision::telemetry(
            DecisionKind::ModeChanged,
            code,
            follow_numbers(moment, Numbers::new()),
        ));
    }

    fn tell_breath(&mut self, moment: &Moment<'_>, mode: Mode, events: &mut Vec<Decision>) {
        let Some(pacer) = &self.pacer else {
            return;
        };
        let breath = pacer.breaths(moment.now);
        if breath == self.breath {
            return;
        }
        self.breath = breath;
        let code = match mode.follows() {
            Some(true) => Code::Follows,
            Some(false) => Code::Drifts,
            None => Code::NotMeasured,
        };
        let mut told = follow_numbers(moment, Numbers::with_capacity(6));
        told.extend(numbers([
            (Quantity::ToMilli, pacer.pace().milli_breaths().into()),
            (Quantity::Count, breath.into()),
        ]));
        events.push(Decision::telemetry(DecisionKind::Breath, code, told));
    }

    fn situation(&self, moment: &Moment<'_>, mode: Mode) -> Option<Situation> {
        Some(Situation {
            now: moment.now,
            level: self.ladder.level(),
            mode,
            current: self
                .pacer
                .map_or(FALLBACK_MILLI, |pacer| pacer.pace().milli_breaths()),
            changed_milli: self.changes.sum_milli(moment.now),
        })
    }

    fn assess(
        &mut self,
        moment: &Moment<'_>,
        mode: Mode,
        events: &mut Vec<Decision>,
    ) -> Option<Over> {
        let level = self.ladder.level();
        let breaths = self.pacer.map_or(0, |pacer| pacer.breaths(moment.now));
        let assessment = self.assessment.as_mut()?;
        let finished_before = assessment.verdict().is_some();
        let done = assessment.read().len() as u64;
        match assessment.advance(moment.now, breaths, level == Level::Guiding) {
            Move::Stay => None,
            Move::Change(milli) => {
                self.change(moment, Origin::Schedule, milli, mode, events);
                None
            }
            Move::Rest => {
                self.pacer = None;
                events.push(assessment_step(Code::PauseBegan, done, 0));
                None
            }
            Move::Start(milli) => {
                events.push(assessment_step(Code::StepBegan, done, milli));
                self.start_pacer(moment, milli, events);
                None
            }
            Move::Finished if finished_before => self.after_interruption(moment, level, events),
            Move::Finished => {
                let verdict = assessment.verdict()?;
                events.push(assessment_ended(&verdict.finding));
                Some((SessionOutcome::Completed, Code::Completed))
            }
        }
    }

    /// An interrupted assessment runs on only at the fixed pace, or at the one the person wished
    /// for.
    fn after_interruption(
        &mut self,
        moment: &Moment<'_>,
        level: Level,
        events: &mut Vec<Decision>,
    ) -> Option<Over> {
        if level == Level::Fixed {
            if self.pacer.is_none() {
                self.start_pacer(moment, FALLBACK_MILLI, events);
            }
            return None;
        }
        if self.guidance.was_wished() {
            return None;
        }
        Some((SessionOutcome::Interrupted, Code::Interrupted))
    }

    fn guide(&mut self, moment: &Moment<'_>, mode: Mode, events: &mut Vec<Decision>) {
        let changed = self
            .pacer
            .is_none_or(|pacer| pacer.changed_in_this_breath(moment.now));
        if changed {
            return;
        }
        let Some(situation) = self.situation(moment, mode) else {
            return;
        };
        if let Some((origin, milli)) = self.guidance.propose(&situation) {
            self.change(moment, origin, milli, mode, events);
        }
    }

    pub(super) fn wish(
        &mut self,
        moment: &Moment<'_>,
        faster: bool,
        mode: Mode,
        events: &mut Vec<Decision>,
    ) {
        let Some(current) = self.pacer.map(|pacer| pacer.pace().milli_breaths()) else {
            self.deny(Code::NotRunning, Numbers::new(), events);
            return;
        };
        let (origin, milli) = self.wished_rate(faster, current);
        if milli == current {
            self.deny(
                Code::RateOutOfRange,
                numbers([
                    (Quantity::FromMilli, current.into()),
                    (Quantity::Limit, milli.into()),
                ]),
                events,
            );
            return;
        }
        if let Some(assessment) = &mut self.assessment {
            assessment.interrupt();
        }
        self.guidance.wish(origin, milli);
        if self.ladder.level() != Level::Guiding && origin == Origin::Slower {
            // The guard says why; it would say so again with every breath.
            self.change(moment, origin, milli.max(current - 1), mode, events);
            self.guidance.drop_wish(current);
            return;
        }
        self.guide(moment, mode, events);
    }

    fn wished_rate(&self, faster: bool, current: u32) -> (Origin, u32) {
        let (least, most) = self.purpose.range();
        let most = most.max(GUIDANCE_MILLI_MAX);
        let from = self.guidance.wished().unwrap_or(current);
        if faster {
            let wished = from.max(current).saturating_add(WISH_MILLI);
            (Origin::Faster, wished.min(most).max(current))
        } else {
            let wished = from.min(current).saturating_sub(WISH_MILLI);
            (Origin::Slower, wished.max(least).min(current))
        }
    }

    fn change(
        &mut self,
        moment: &Moment<'_>,
        origin: Origin,
        milli: u32,
        mode: Mode,
        events: &mut Vec<Decision>,
    ) {
        let Some(permitted) = self.ask(moment, origin, milli, mode, events) else {
            if self.guidance.wished().is_some() && origin == Origin::Slower {
                let current = self.pacer.map_or(milli, |p| p.pace().milli_breaths());
                self.guidance.drop_wish(current);
            }
            return;
        };
        let Some(pacer) = &mut self.pacer else {
            return;
        };
        let from = pacer.pace().milli_breaths();
        pacer.change(moment.now, permitted, moment.rules);
        self.changes.note(moment.now, from.abs_diff(milli));
        self.denied = None;
        let told = numbers([
            (Quantity::FromMilli, from.into()),
            (Quantity::ToMilli, milli.into()),
        ]);
        let told = follow_numbers(moment, told);
        events.push(Decision::critical(
            DecisionKind::PaceChanged,
            origin_code(origin),
            told,
        ));
    }

    /// Asks the guard; a denial is a decision.
    fn ask(
        &mut self,
        moment: &Moment<'_>,
        origin: Origin,
        milli: u32,
        mode: Mode,
        events: &mut Vec<Decision>,
    ) -> Option<Permitted> {
        let proposal = Proposal {
            origin,
            milli_breaths: milli,
            inhale_permille: moment.inhale_permille,
        };
        let pacer = self.pacer.as_ref();
        let context = Context {
            purpose: self.purpose,
            current: pacer.map(|pacer| pacer.pace()),
            changed_in_this_breath: pacer
                .is_some_and(|pacer| pacer.changed_in_this_breath(moment.now)),
            changed_milli: self.changes.sum_milli(moment.now),
            age_ms: moment.age_ms(),
            artefact_permille: moment.features.artefact_permille_60s,
            irregular: moment.features.irregular_since.is_some(),
            contact: moment.off_skin_ms.map(|_| false),
            follows: mode.follows(),
        };
        match guard(&proposal, &context, moment.rules) {
            Verdict::Permitted(permitted) => Some(permitted),
            Verdict::Denied(denial) => {
                self.deny(denial.code, denial.numbers, events);
                None
            }
        }
    }

    fn deny(&mut self, code: Code, numbers: Numbers, events: &mut Vec<Decision>) {
        self.denied = Some(code);
        events.push(Decision::critical(DecisionKind::PaceDenied, code, numbers));
    }
}

fn origin_code(origin: Origin) -> Code {
    match origin {
        Origin::Start => Code::PersonBegan,
        Origin::Lead => Code::Follows,
        Origin::Return => Code::Returning,
        Origin::Schedule => Code::Scheduled,
        Origin::Faster => Code::WishedFaster,
        Origin::Slower => Code::WishedSlower,
        Origin::Fallback => Code::FallingBack,
    }
}

fn level_changed(arrow: &Arrow, seen: &Conditions) -> Decision {
    let mut told = numbers([
        (Quantity::FromLevel, arrow.from as u64),
        (Quantity::ToLevel, arrow.to as u64),
        (Quantity::AgeMs, seen.age_ms.unwrap_or(seen.waited_ms)),
        (Quantity::ArtefactPermille, seen.artefact_permille.into()),
    ]);
    if let Some(off_skin_ms) = seen.off_skin_ms {
        told.extend(numbers([(Quantity::DurationMs, off_skin_ms)]));
    }
    if let Some(irregular_ms) = seen.irregular_ms {
        told.extend(numbers([(Quantity::IrregularMs, irregular_ms)]));
    }
    Decision::critical(DecisionKind::LevelChanged, arrow.code, told)
}

fn assessment_step(code: Code, index: u64, milli: u32) -> Decision {
    Decision::critical(
        DecisionKind::AssessmentStep,
        code,
        numbers([
            (Quantity::StepIndex, index),
            (Quantity::ToMilli, milli.into()),
        ]),
    )
}

fn assessment_ended(finding: &Finding) -> Decision {
    let (code, told) = match *finding {
        Finding::Rate { milli_breaths } => (
            Code::RateFound,
            numbers([(Quantity::ToMilli, milli_breaths.into())]),
        ),
        Finding::CriteriaDisagree {
            least_milli,
            most_milli,
        } => (
            Code::CriteriaDisagree,
            numbers([
                (Quantity::FromMilli, least_milli.into()),
                (Quantity::ToMilli, most_milli.into()),
            ]),
        ),
        Finding::Inconclusive { .. } => (Code::Inconclusive, Numbers::new()),
    };
    Decision::critical(DecisionKind::AssessmentEnded, code, told)
}

/// Adds what is measured of the heart and of how it follows; nothing where it is not.
fn follow_numbers(moment: &Moment<'_>, mut told: Numbers) -> Numbers {
    told.reserve(4);
    let mut tell = |name, value| told.push(Number { name, value });
    if let Some(heart) = moment.features.heart_rate_milli_bpm.value() {
        tell(Quantity::HeartRateMilliBpm, heart.into());
    }
    if let Some(follow) = moment.features.following.value() {
        tell(Quantity::FollowPermille, follow.share_permille.into());
        tell(
            Quantity::AmplitudeMilliBpm,
            follow.amplitude_milli_bpm.into(),
        );
        tell(Quantity::LagPermille, follow.lag_permille.into());
    }
    told
}
