//! What the engine believes about the session, in terms of what can be observed.
//!
//! Five modes: *settling* (too early to say), *following* (at least half of the heart's swing is
//! at the pace), *resonant* (nearly all of it is, it is large, and the heart rate rises and falls
//! with the breath), *drifting* (measured, but the swing is elsewhere) and *unmeasured*. A mode is
//! entered at one threshold and left at a lower one.

use serde::Deserialize;
use serde::Serialize;

use crate::features::Features;
use crate::features::PacedFollow;
use crate::units::Measured;
use crate::units::Reason;

/// How long a pacer runs before anything but settling is believed: one shortest epoch for slow
/// breathing.
pub const SETTLE_MS: u64 = 64_000;
/// Following begins at this share of the swing at the pace (hazard H5).
pub const FOLLOW_ENTER_PERMILLE: u16 = 500;
/// Following ends below this share.
pub const FOLLOW_LEAVE_PERMILLE: u16 = 400;
/// Resonance begins at this share.
pub const RESONANT_ENTER_PERMILLE: u16 = 750;
/// Resonance ends below this share.
pub const RESONANT_LEAVE_PERMILLE: u16 = 650;
/// Resonance begins at this swing, peak to trough.
pub const RESONANT_ENTER_MILLI_BPM: u32 = 6_000;
/// Resonance ends below this swing.
pub const RESONANT_LEAVE_MILLI_BPM: u32 = 5_000;
/// Resonance begins within this of being in phase: 45 degrees.
pub const PHASE_ENTER_PERMILLE: u16 = 125;
/// Resonance ends beyond this: 60 degrees.
pub const PHASE_LEAVE_PERMILLE: u16 = 167;

/// What is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Too early to say.
    Settling,
    /// The heart swings with the pacer.
    Following,
    /// The heart swings with the pacer, widely, nearly only there, and in phase with the breath.
    Resonant,
    /// The heart is measured and does not swing with the pacer.
    Drifting,
    /// Nothing is known.
    Unmeasured,
}

impl Mode {
    /// Whether the person follows; `None` if that is not known.
    pub fn follows(self) -> Option<bool> {
        match self {
            Self::Following | Self::Resonant => Some(true),
            Self::Drifting => Some(false),
            Self::Settling | Self::Unmeasured => None,
        }
    }
}

/// How far the heart's peak is from being in phase with the breath, thousandths of a turn, 0 to
/// 500.
///
/// The fundamental of a lung volume that rises for a share `s` of the breath and falls for the rest
/// peaks `s / 2` behind the quarter turn from which lags are counted.
pub fn phase_distance_permille(lag_permille: i16, inhale_permille: u16) -> u16 {
    let in_phase = i32::from(inhale_permille / 2);
    let apart = (i32::from(lag_permille) - in_phase).rem_euclid(1000);
    apart.min(1000 - apart) as u16
}

/// How the session is paced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paced {
    /// How long the pacer has been running without a break.
    pub for_ms: u64,
    /// The inhale's share of the breath, thousandths.
    pub inhale_permille: u16,
}

/// The next mode, from the last one and what is measured.
///
/// `usable` is whether the data may be adapted to at all.
pub fn next_mode(last: Mode, features: &Features, usable: bool, paced: Paced) -> Mode {
    if !usable {
        return Mode::Unmeasured;
    }
    if paced.for_ms < SETTLE_MS {
        return Mode::Settling;
    }
    match features.following {
        Measured::Known { value, .. } => read(last, value, paced.inhale_permille),
        Measured::NotMeasured(Reason::WeakRespiration | Reason::Ambiguous) => Mode::Drifting,
        Measured::NotMeasured(Reason::TooFewBeats | Reason::NotPaced) => Mode::Settling,
        Measured::NotMeasured(_) => Mode::Unmeasured,
    }
}

fn read(last: Mode, follow: PacedFollow, inhale_permille: u16) -> Mode {
    let (share, swing, apart) = if last == Mode::Resonant {
        (
            RESONANT_LEAVE_PERMILLE,
            RESONANT_LEAVE_MILLI_BPM,
            PHASE_LEAVE_PERMILLE,
        )
    } else {
        (
            RESONANT_ENTER_PERMILLE,
            RESONANT_ENTER_MILLI_BPM,
            PHASE_ENTER_PERMILLE,
        )
    };
    let resonant = follow.share_permille >= share
        && follow.amplitude_milli_bpm >= swing
        && phase_distance_permille(follow.lag_permille, inhale_permille) <= apart;
    let followed = matches!(last, Mode::Following | Mode::Resonant);
    let needed = if followed {
        FOLLOW_LEAVE_PERMILLE
    } else {
        FOLLOW_ENTER_PERMILLE
    };
    match (resonant, follow.share_permille >= needed) {
        (true, _) => Mode::Resonant,
        (false, true) => Mode::Following,
        (false, false) => Mode::Drifting,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Quality;

    fn known<T>(value: T) -> Measured<T> {
        Measured::Known {
            value,
            quality: Quality::FULL,
        }
    }

    const SETTLED: Paced = Paced {
        for_ms: SETTLE_MS,
        inhale_permille: 400,
    };

    fn features(share: u16) -> Features {
        Features {
            following: known(PacedFollow {
                share_permille: share,
                amplitude_milli_bpm: 8_000,
                lag_permille: 200,
            }),
            ..Features::unmeasured(Reason::TooFewBeats)
        }
    }

    #[test]
    fn what_is_not_measured_is_unmeasured() {
        let nothing = Features::unmeasured(Reason::Stale);
        assert_eq!(
            next_mode(Mode::Resonant, &nothing, true, SETTLED),
            Mode::Unmeasured
        );
        let good = features(900);
        assert_eq!(
            next_mode(Mode::Resonant, &good, false, SETTLED),
            Mode::Unmeasured
        );
    }

    #[test]
    fn a_mode_is_left_at_a_lower_threshold_than_it_is_entered() {
        let at = |last, share| next_mode(last, &features(share), true, SETTLED);
        assert_eq!(at(Mode::Drifting, 499), Mode::Drifting);
        assert_eq!(at(Mode::Drifting, 500), Mode::Following);
        assert_eq!(at(Mode::Following, 400), Mode::Following);
        assert_eq!(at(Mode::Following, 399), Mode::Drifting);
        assert_eq!(at(Mode::Following, 749), Mode::Following);
        assert_eq!(at(Mode::Following, 750), Mode::Resonant);
        assert_eq!(at(Mode::Resonant, 650), Mode::Resonant);
        assert_eq!(at(Mode::Resonant, 649), Mode::Following);
    }

    #[test]
    fn phase_distance_wraps_around_the_turn() {
        assert_eq!(phase_distance_permille(200, 400), 0);
        assert_eq!(phase_distance_permille(-300, 400), 500);
        assert_eq!(phase_distance_permille(499, 400), 299);
        assert_eq!(phase_distance_permille(-500, 400), 300);
        assert_eq!(phase_distance_permille(250, 500), 0);
    }
}
