//! What is measured after each beat, as integers.

use serde::Deserialize;
use serde::Serialize;

use crate::units::BreathsPerMinute;
use crate::units::EngineMs;
use crate::units::Measured;
use crate::units::Reason;

/// The pacer as it stands at a moment: where in the breath, and how fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaceAt {
    /// The moment.
    pub at: EngineMs,
    /// The pace.
    pub rate: BreathsPerMinute,
    /// Where in the breath, in 2^-32 turns; 0 is the start of the inhale.
    pub phase_q32: u32,
}

/// How the heart follows a known pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacedFollow {
    /// The share of the heart's swing (0.04 to 0.40 Hz) that is at the pace, in thousandths.
    pub share_permille: u16,
    /// Peak to trough of that swing in thousandths of a beat per minute.
    pub amplitude_milli_bpm: u32,
    /// How far the heart rate's peak lags the middle of the inhale, in thousandths of a turn,
    /// -500 to 499.
    pub lag_permille: i16,
}

/// What is known after the newest beat. Integers only, rounded once, half away from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    /// Mean heart rate in thousandths of a beat per minute.
    pub heart_rate_milli_bpm: Measured<u32>,
    /// Standard deviation (n - 1) of the intervals, in microseconds.
    pub sdnn_us: Measured<u32>,
    /// Root mean square of successive differences, in microseconds.
    pub rmssd_us: Measured<u32>,
    /// Share of successive differences above 50 ms, in thousandths.
    pub pnn50_permille: Measured<u16>,
    /// Power in 0.0033 to 0.04 Hz, in thousandths of ms².
    pub vlf_milli_ms2: Measured<u64>,
    /// Power in 0.04 to 0.15 Hz, in thousandths of ms².
    pub lf_milli_ms2: Measured<u64>,
    /// Power in 0.15 to 0.40 Hz, in thousandths of ms².
    pub hf_milli_ms2: Measured<u64>,
    /// Beats of the last 60 s that had to be mended, in thousandths of all.
    pub artefact_permille_60s: u16,
    /// Breathing rate.
    pub breath: Measured<BreathsPerMinute>,
    /// How the heart follows the pacer.
    pub following: Measured<PacedFollow>,
    /// Whether the strap says it touches the skin; `None` if it cannot tell.
    pub contact: Option<bool>,
    /// When the newest beat was, in host time.
    pub last_beat_at: Option<EngineMs>,
    /// Grows by one whenever beats were lost.
    pub segment: u32,
}

impl Features {
    /// Nothing is known, for one reason.
    pub const fn unmeasured(reason: Reason) -> Self {
        Self {
            heart_rate_milli_bpm: Measured::NotMeasured(reason),
            sdnn_us: Measured::NotMeasured(reason),
            rmssd_us: Measured::NotMeasured(reason),
            pnn50_permille: Measured::NotMeasured(reason),
            vlf_milli_ms2: Measured::NotMeasured(reason),
            lf_milli_ms2: Measured::NotMeasured(reason),
            hf_milli_ms2: Measured::NotMeasured(reason),
            artefact_permille_60s: 0,
            breath: Measured::NotMeasured(reason),
            following: Measured::NotMeasured(reason),
            contact: None,
            last_beat_at: None,
            segment: 0,
        }
    }
}
