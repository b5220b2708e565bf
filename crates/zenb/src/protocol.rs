//! What a session may be: paces that cannot leave their limits, kinds of session, and dose.
//!
//! Limits (source: the hazard log, H1 and H2; section 2 of the clinical literature cited there):
//! a pace lies in 4.0 to 12.0 breaths a minute, a guided one in 4.5 to 7.0; an inhale or exhale
//! lasts 2.5 to 10 s; the inhale takes a third to a half of the breath. Holding the breath cannot
//! be expressed.

use serde::Deserialize;
use serde::Serialize;
use thiserror::Error;

use crate::units::BreathsPerMinute;

/// The slowest pace, in thousandths of a breath per minute.
pub const PACE_MILLI_MIN: u32 = 4_000;
/// The fastest pace, in thousandths of a breath per minute.
pub const PACE_MILLI_MAX: u32 = 12_000;
/// The slowest guided pace.
pub const GUIDANCE_MILLI_MIN: u32 = 4_500;
/// The fastest guided pace.
pub const GUIDANCE_MILLI_MAX: u32 = 7_000;
/// The slowest pace of an assessment (Fisher & Lehrer 2021).
pub const ASSESSMENT_MILLI_MIN: u32 = 4_250;
/// The fastest pace of an assessment.
pub const ASSESSMENT_MILLI_MAX: u32 = 6_750;
/// The shortest inhale or exhale.
pub const PHASE_MS_MIN: u64 = 2_500;
/// The longest inhale or exhale.
pub const PHASE_MS_MAX: u64 = 10_000;
/// The least share of the breath that is inhale: 1 to 2.
pub const INHALE_PERMILLE_MIN: u16 = 333;
/// The greatest share of the breath that is inhale: 1 to 1.
pub const INHALE_PERMILLE_MAX: u16 = 500;
/// The pace that unmeasured sessions fall back to.
pub const FALLBACK_MILLI: u32 = 6_000;
/// The shortest session.
pub const SESSION_MINUTES_MIN: u8 = 2;
/// What a session lasts unless it is said: the middle of the usual 10 to 20 min.
pub const SESSION_MINUTES_DEFAULT: u8 = 15;
/// The longest session.
pub const SESSION_MINUTES_MAX: u8 = 30;
/// The most that one person breathes with the pacer in a day.
pub const DAY_MINUTES_MAX: u32 = 60;

/// Why a session cannot be so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProtocolError {
    /// The pace lies outside every limit.
    #[error("a pace of {milli} milli-breaths a minute is outside {least} to {most}")]
    RateOutOfRange {
        /// The pace asked for.
        milli: u32,
        /// The slowest allowed.
        least: u32,
        /// The fastest allowed.
        most: u32,
    },
    /// The inhale takes too little or too much of the breath.
    #[error("an inhale of {permille} permille is outside {least} to {most}")]
    InhaleShareOutOfRange {
        /// The share asked for.
        permille: u16,
        /// The least allowed.
        least: u16,
        /// The most allowed.
        most: u16,
    },
    /// An inhale or an exhale would be too short or too long.
    #[error("an inhale or exhale of {phase_ms} ms is outside {least_ms} to {most_ms}")]
    PhaseOutOfRange {
        /// How long it would last.
        phase_ms: u64,
        /// The shortest allowed.
        least_ms: u64,
        /// The longest allowed.
        most_ms: u64,
    },
    /// Start and target of an adaptive session differ in the inhale's share.
    #[error("start and target must share one inhale share, not {start} and {target} permille")]
    InhaleShareDiffers {
        /// The share at the start.
        start: u16,
        /// The share at the target.
        target: u16,
    },
    /// The session is too short or too long.
    #[error("a session of {minutes} min is outside {least} to {most}")]
    DoseOutOfRange {
        /// The length asked for.
        minutes: u8,
        /// The shortest allowed.
        least: u8,
        /// The longest allowed.
        most: u8,
    },
}

/// A pace within the hard limits. There is no other way to make one than [`Pace::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawPace", into = "RawPace")]
pub struct Pace {
    milli_breaths: u32,
    inhale_permille: u16,
}

/// A pace as it is written, before it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawPace {
    /// Thousandths of a breath per minute.
    pub milli_breaths: u32,
    /// The inhale's share of the breath, in thousandths.
    pub inhale_permille: u16,
}

impl Pace {
    /// Six breaths a minute, 40 % of each an inhale.
    pub const SIX: Self = Self {
        milli_breaths: FALLBACK_MILLI,
        inhale_permille: 400,
    };

    /// Takes a pace, or says which limit it breaks.
    pub fn new(milli_breaths: u32, inhale_permille: u16) -> Result<Self, ProtocolError> {
        check_rate(milli_breaths, PACE_MILLI_MIN, PACE_MILLI_MAX)?;
        if !(INHALE_PERMILLE_MIN..=INHALE_PERMILLE_MAX).contains(&inhale_permille) {
            return Err(ProtocolError::InhaleShareOutOfRange {
                permille: inhale_permille,
                least: INHALE_PERMILLE_MIN,
                most: INHALE_PERMILLE_MAX,
            });
        }
        for share in [inhale_permille, 1000 - inhale_permille] {
            // Compared as products, so that no rounding lets a phase slip past its limit.
            let share_ms = 60_000 * u64::from(share);
            let rate = u64::from(milli_breaths);
            if share_ms < PHASE_MS_MIN * rate || share_ms > PHASE_MS_MAX * rate {
                return Err(ProtocolError::PhaseOutOfRange {
                    phase_ms: share_ms / rate,
                    least_ms: PHASE_MS_MIN,
                    most_ms: PHASE_MS_MAX,
                });
            }
        }
        Ok(Self {
            milli_breaths,
            inhale_permille,
        })
    }

    /// Thousandths of a breath per minute.
    pub fn milli_breaths(self) -> u32 {
        self.milli_breaths
    }

    /// The inhale's share of the breath, in thousandths.
    pub fn inhale_permille(self) -> u16 {
        self.inhale_permille
    }

    /// The pace as a measured quantity.
    pub fn rate(self) -> BreathsPerMinute {
        BreathsPerMinute::from_milli(self.milli_breaths).expect("a pace is 4000 to 12000")
    }

    /// How long one breath takes, rounded down to a microsecond.
    pub fn cycle_us(self) -> u64 {
        60_000_000_000 / u64::from(self.milli_breaths)
    }
}

impl TryFrom<RawPace> for Pace {
    type Error = ProtocolError;
    fn try_from(raw: RawPace) -> Result<Self, ProtocolError> {
        Self::new(raw.milli_breaths, raw.inhale_permille)
    }
}

impl From<Pace> for RawPace {
    fn from(pace: Pace) -> Self {
        Self {
            milli_breaths: pace.milli_breaths,
            inhale_permille: pace.inhale_permille,
        }
    }
}

/// A pace within the limits of guidance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawPace", into = "RawPace")]
pub struct GuidancePace(Pace);

impl GuidancePace {
    /// Takes a pace of 4.5 to 7.0 breaths a minute.
    pub fn new(milli_breaths: u32, inhale_permille: u16) -> Result<Self, ProtocolError> {
        check_rate(milli_breaths, GUIDANCE_MILLI_MIN, GUIDANCE_MILLI_MAX)?;
        Pace::new(milli_breaths, inhale_permille).map(Self)
    }

    /// The pace.
    pub fn pace(self) -> Pace {
        self.0
    }
}

impl TryFrom<RawPace> for GuidancePace {
    type Error = ProtocolError;
    fn try_from(raw: RawPace) -> Result<Self, ProtocolError> {
        Self::new(raw.milli_breaths, raw.inhale_permille)
    }
}

impl From<GuidancePace> for RawPace {
    fn from(pace: GuidancePace) -> Self {
        pace.0.into()
    }
}

fn check_rate(milli: u32, least: u32, most: u32) -> Result<(), ProtocolError> {
    if (least..=most).contains(&milli) {
        Ok(())
    } else {
        Err(ProtocolError::RateOutOfRange { milli, least, most })
    }
}

/// What happens in a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Kind {
    /// One pace throughout.
    Paced {
        /// The pace.
        pace: Pace,
    },
    /// From a start towards a target, as slowly as the person follows.
    Adaptive {
        /// Where it begins.
        start: GuidancePace,
        /// Where it leads.
        target: GuidancePace,
    },
    /// Five rates, two minutes each, in random order, with pauses.
    AssessStepped,
    /// 78 breaths from 6.75 to 4.25 a minute, each 67.04 ms longer (Fisher & Lehrer 2021).
    AssessSliding,
}

/// A kind of session with its dose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawProtocol", into = "RawProtocol")]
pub struct Protocol {
    kind: Kind,
    minutes: u8,
}

/// A protocol as it is written, before it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawProtocol {
    /// What happens.
    pub kind: Kind,
    /// How long a paced or adaptive session lasts; an assessment's length is its own.
    #[serde(default = "default_minutes")]
    pub minutes: u8,
}

fn default_minutes() -> u8 {
    SESSION_MINUTES_DEFAULT
}

impl Protocol {
    /// Takes a kind and a dose, or says which rule they break.
    pub fn new(kind: Kind, minutes: u8) -> Result<Self, ProtocolError> {
        if !(SESSION_MINUTES_MIN..=SESSION_MINUTES_MAX).contains(&minutes) {
            return Err(ProtocolError::DoseOutOfRange {
                minutes,
                least: SESSION_MINUTES_MIN,
                most: SESSION_MINUTES_MAX,
            });
        }
        if let Kind::Adaptive { start, target } = kind {
            let (start, target) = (
                start.pace().inhale_permille(),
                target.pace().inhale_permille(),
            );
            if start != target {
                return Err(ProtocolError::InhaleShareDiffers { start, target });
            }
        }
        Ok(Self { kind, minutes })
    }

    /// What happens.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The most minutes that the session breathes with the pacer.
    pub fn minutes(&self) -> u8 {
        match self.kind {
            Kind::Paced { .. } | Kind::Adaptive { .. } => self.minutes,
            Kind::AssessStepped | Kind::AssessSliding => SESSION_MINUTES_MAX,
        }
    }

    /// The inhale's share of each breath, in thousandths.
    pub fn inhale_permille(&self) -> u16 {
        match self.kind {
            Kind::Paced { pace } => pace.inhale_permille(),
            Kind::Adaptive { start, .. } => start.pace().inhale_permille(),
            Kind::AssessStepped | Kind::AssessSliding => Pace::SIX.inhale_permille(),
        }
    }

    /// Whether the session looks for a rate instead of training one.
    pub fn is_assessment(&self) -> bool {
        matches!(self.kind, Kind::AssessStepped | Kind::AssessSliding)
    }
}

impl TryFrom<RawProtocol> for Protocol {
    type Error = ProtocolError;
    fn try_from(raw: RawProtocol) -> Result<Self, ProtocolError> {
        Self::new(raw.kind, raw.minutes)
    }
}

impl From<Protocol> for RawProtocol {
    fn from(protocol: Protocol) -> Self {
        Self {
            kind: protocol.kind,
            minutes: protocol.minutes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// REQ-200.
    #[test]
    fn a_pace_exists_exactly_within_its_limits() {
        // Every rate up to past the limit, with every inhale share.
        for milli in (0..14_000).step_by(25).chain([3_999, 4_001, 12_001]) {
            for share in 0..=1000_u16 {
                let phases = [share, 1000_u16.saturating_sub(share)]
                    .map(|part| (60_000 * u64::from(part), u64::from(milli)));
                let fits = (4_000..=12_000).contains(&milli)
                    && (333..=500).contains(&share)
                    && phases
                        .iter()
                        .all(|(time, rate)| *time >= 2_500 * rate && *time <= 10_000 * rate);
                assert_eq!(Pace::new(milli, share).is_ok(), fits, "{milli} {share}");
            }
        }
    }

    /// REQ-200.
    #[test]
    fn a_guided_pace_stops_at_4_5_and_7_0() {
        assert!(GuidancePace::new(4_499, 400).is_err());
        assert!(GuidancePace::new(4_500, 400).is_ok());
        assert!(GuidancePace::new(7_000, 400).is_ok());
        assert!(GuidancePace::new(7_001, 400).is_err());
    }

    /// REQ-200.
    #[test]
    fn a_written_protocol_outside_the_limits_is_not_read() {
        let fast = r#"{"kind":{"paced":{"pace":{"milli_breaths":12001,"inhale_permille":500}}}}"#;
        let hold = r#"{"kind":{"paced":{"pace":{"milli_breaths":6000,"inhale_permille":400,"hold_ms":1}}}}"#;
        let long = r#"{"kind":"assess_stepped","minutes":31}"#;
        for text in [fast, hold, long] {
            assert!(serde_json::from_str::<Protocol>(text).is_err(), "{text}");
        }
        let usual = r#"{"kind":"assess_stepped"}"#;
        assert!(serde_json::from_str::<Protocol>(usual).is_ok());
    }
}
