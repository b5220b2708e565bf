//! What programs show of a session.

use serde::Deserialize;
use serde::Serialize;

use super::Engine;
use super::SessionOutcome;
use super::Stage;
use crate::belief::Mode;
use crate::event::Code;
use crate::features::Features;
use crate::guard::LOST_MS;
use crate::guidance::Level;
use crate::pacer::PacerView;
use crate::projection::FiveStates;
use crate::projection::ThreeFactors;
use crate::projection::five_states;
use crate::projection::three_factors;
use crate::protocol::Kind;
use crate::protocol::Pace;
use crate::units::EngineMs;
use crate::units::Measured;

/// What the session waits for or came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageView {
    /// For the answers to the screen.
    ExpectScreen,
    /// For the person to begin.
    ExpectStart,
    /// The pacer runs.
    Running,
    /// A pause between two steps of an assessment.
    Resting,
    /// It has ended.
    Ended(SessionOutcome),
}

/// How far an assessment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssessmentProgress {
    /// How many stretches have been read.
    pub read_count: u32,
    /// How many there are.
    pub of_count: u32,
}

/// A session as programs show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionView {
    /// The moment of the view, host milliseconds.
    pub at_ms: u64,
    /// What the session waits for or came to.
    pub stage: StageView,
    /// The belief.
    pub mode: Mode,
    /// The fallback level.
    pub level: Level,
    /// Why the engine is at that level.
    pub level_code: Code,
    /// Why the last wanted change of pace was denied, if it was.
    pub denied: Option<Code>,
    /// What is measured.
    pub features: Features,
    /// The five states read off it.
    pub five_states: Measured<FiveStates>,
    /// The three factors read off it.
    pub three_factors: ThreeFactors,
    /// How long the session has run, ms.
    pub elapsed_ms: u64,
    /// How long it is to run at most, ms.
    pub planned_ms: u64,
    /// Breaths done since the pacer began.
    pub breaths: u32,
    /// How far the assessment is, if it is one.
    pub assessment: Option<AssessmentProgress>,
}

impl Engine {
    /// What a client needs to draw the pacer without asking again.
    pub fn pacer(&self) -> PacerView {
        let now = self.state.now;
        if let Stage::Running(running) = &self.state.stage
            && let Some(pacer) = &running.pacer
        {
            let measured = running.ladder.level() == Level::Guiding;
            let valid_until = EngineMs(now.0.saturating_add(LOST_MS));
            return pacer.view(measured, valid_until);
        }
        let planned = match self.state.protocol.kind() {
            Kind::Paced { pace } => pace,
            Kind::Adaptive { start, .. } => start.pace(),
            Kind::AssessStepped | Kind::AssessSliding => Pace::SIX,
        };
        PacerView {
            running: false,
            anchor_ms: now.0,
            anchor_phase_q32: 0,
            milli_breaths: planned.milli_breaths(),
            inhale_permille: planned.inhale_permille(),
            measured: false,
            valid_until_ms: now.0,
        }
    }

    /// What programs show.
    pub fn view(&self) -> SessionView {
        let state = &self.state;
        let running = match &state.stage {
            Stage::Running(running) => Some(running),
            Stage::ExpectScreen | Stage::ExpectStart { .. } | Stage::Ended(_) => None,
        };
        let stage = match &state.stage {
            Stage::ExpectScreen => StageView::ExpectScreen,
            Stage::ExpectStart { .. } => StageView::ExpectStart,
            Stage::Running(running) if running.pacer.is_none() => StageView::Resting,
            Stage::Running(_) => StageView::Running,
            Stage::Ended(summary) => StageView::Ended(summary.outcome),
        };
        let (level, level_code) = match (&state.stage, running) {
            (Stage::Ended(summary), _) => (Level::Stopped, summary.code),
            (_, Some(running)) => (running.ladder.level(), running.ladder.code()),
            (_, None) => (Level::Holding, Code::NotRunning),
        };
        let elapsed_ms = match &state.stage {
            Stage::Ended(summary) => summary.breathed_ms,
            _ => running.map_or(0, |running| state.now.since(running.started)),
        };
        let assessment = running.and_then(|running| running.assessment.as_ref());
        SessionView {
            at_ms: state.now.0,
            stage,
            mode: state.mode,
            level,
            level_code,
            denied: running.and_then(|running| running.denied),
            features: state.features,
            five_states: five_states(&state.features),
            three_factors: three_factors(&state.features),
            elapsed_ms,
            planned_ms: u64::from(state.protocol.minutes()) * 60_000,
            breaths: running
                .and_then(|running| running.pacer.as_ref())
                .map_or(0, |pacer| pacer.breaths(state.now)),
            assessment: assessment.map(|assessment| AssessmentProgress {
                read_count: assessment.read().len() as u32,
                of_count: assessment.stretches(),
            }),
        }
    }
}
