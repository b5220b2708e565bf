//! Where in the breath the pacer is at any moment.
//!
//! The phase is a pure function of an anchor (a moment and the breaths done by then) and a rate. A
//! change of rate sets a new anchor where the pacer stands, so the phase never jumps; the pacer
//! takes its rate only from a [`Permitted`] change.

use serde::Deserialize;
use serde::Serialize;

use crate::bug::PlantedBug;
use crate::bug::Rules;
use crate::features::PaceAt;
use crate::guard::Permitted;
use crate::protocol::Pace;
use crate::units::EngineMs;

/// 2^32 units are one breath; a minute at one milli-breath is 60,000,000 ms.
const MILLI_BREATH_MS: u128 = 60_000_000;

/// A running pacer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Pacer {
    anchor_at: EngineMs,
    anchor_q32: u64,
    pace: Pace,
    changed_in_breath: Option<u32>,
    /// The anchor and rate before the last change: beats reach the host later than they happen.
    before: Option<(EngineMs, u64, u32)>,
}

/// What a client needs to draw the pacer without asking again.
///
/// The breaths done at a moment `t` are `anchor_phase_q32 / 2^32 + (t - anchor_ms) * milli_breaths
/// / 60,000,000`; their fraction below `inhale_permille / 1000` is the inhale, from its start, and
/// the rest the exhale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PacerView {
    /// Whether a pacer runs. If not, nothing is drawn and the rest is the last or planned pace.
    pub running: bool,
    /// The moment of the anchor, host milliseconds.
    pub anchor_ms: u64,
    /// Where in the breath the pacer is at the anchor, in 2^-32 breaths.
    pub anchor_phase_q32: u32,
    /// The rate, thousandths of a breath per minute.
    pub milli_breaths: u32,
    /// The inhale's share of the breath, thousandths.
    pub inhale_permille: u16,
    /// Whether the pace rests on a measured heart.
    pub measured: bool,
    /// Until when this may be drawn without hearing from the engine, host milliseconds.
    pub valid_until_ms: u64,
}

impl Pacer {
    /// Starts at the beginning of an inhale.
    pub fn start(at: EngineMs, permitted: Permitted) -> Self {
        Self {
            anchor_at: at,
            anchor_q32: 0,
            pace: permitted.pace(),
            changed_in_breath: None,
            before: None,
        }
    }

    /// Takes a permitted pace from `at` on, with the breath where it is.
    pub fn change(&mut self, at: EngineMs, permitted: Permitted, rules: Rules) {
        let done = self.done_q32(at);
        self.before = Some((self.anchor_at, self.anchor_q32, self.pace.milli_breaths()));
        self.changed_in_breath = Some((done >> 32) as u32);
        self.anchor_q32 = if rules.broken(PlantedBug::PhaseRestarts) {
            done >> 32 << 32
        } else {
            done
        };
        self.anchor_at = at;
        self.pace = permitted.pace();
    }

    /// The pace.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// Breaths done since the start, in 2^-32 breaths; stays at the greatest when full.
    pub fn done_q32(&self, at: EngineMs) -> u64 {
        match self.before {
            Some((anchor_at, anchor, milli)) if at < self.anchor_at => {
                advance(anchor, at.since(anchor_at), milli)
            }
            _ => advance(
                self.anchor_q32,
                at.since(self.anchor_at),
                self.pace.milli_breaths(),
            ),
        }
    }

    /// Whole breaths done since the start.
    pub fn breaths(&self, at: EngineMs) -> u32 {
        (self.done_q32(at) >> 32) as u32
    }

    /// Whether the rate changed in the breath of this moment.
    pub fn changed_in_this_breath(&self, at: EngineMs) -> bool {
        self.changed_in_breath == Some(self.breaths(at))
    }

    /// Where the pacer is at a moment, for the measuring half.
    pub fn pace_at(&self, at: EngineMs) -> PaceAt {
        PaceAt {
            at,
            rate: self.pace.rate(),
            phase_q32: self.done_q32(at) as u32,
        }
    }

    /// What a client draws.
    pub fn view(&self, measured: bool, valid_until: EngineMs) -> PacerView {
        PacerView {
            running: true,
            anchor_ms: self.anchor_at.0,
            anchor_phase_q32: self.anchor_q32 as u32,
            milli_breaths: self.pace.milli_breaths(),
            inhale_permille: self.pace.inhale_permille(),
            measured,
            valid_until_ms: valid_until.0,
        }
    }
}

fn advance(anchor_q32: u64, elapsed_ms: u64, milli_breaths: u32) -> u64 {
    let breaths = u128::from(elapsed_ms) * u128::from(milli_breaths);
    u64::try_from((breaths << 32) / MILLI_BREATH_MS)
        .unwrap_or(u64::MAX)
        .saturating_add(anchor_q32)
}
