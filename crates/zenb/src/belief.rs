//! What the engine believes about the session, in terms of what can be observed.
//!
//! Five modes: *settling* (too early to say), *following* (at least half of the heart's swing is
//! at the pace), *resonant* (nearly all of it is, it is large, and the heart rate rises and falls
//! with the breath), *drifting* (measured, but the swing is elsewhere) and *unmeasured*. A mode is
//! entered at one threshold and left at a lower one.
//!
//! [`FiveStates`] and [`ThreeFactors`] are read off the same observables for programs that know
//! the older vocabulary. They are orderings of arousal and attention by stated ramps. No recording
//! here is labelled with such states, so they are not calibrated, and what nothing observes is
//! marked as not measured.

use serde::Deserialize;
use serde::Serialize;

use crate::features::Features;
use crate::features::PacedFollow;
use crate::units::Measured;
use crate::units::Quality;
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

/// The whole of a distribution.
pub const WHOLE_PPM: u32 = 1_000_000;

/// Five states as shares that add up to [`WHOLE_PPM`].
///
/// A tree of ramps: aroused from 80 to 110 beats a minute, and then stressed or energised by RMSSD
/// from 15 to 50 ms; else focused by the share of the swing at the pace; else sleepy from 65 down
/// to 50 beats a minute; else calm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FiveStates {
    /// Low arousal, not on the pacer.
    pub calm_ppm: u32,
    /// High arousal with little variability.
    pub stress_ppm: u32,
    /// Low arousal, on the pacer.
    pub focus_ppm: u32,
    /// Very low arousal, not on the pacer.
    pub sleepy_ppm: u32,
    /// High arousal with variability.
    pub energize_ppm: u32,
}

/// Three shares that add up to [`WHOLE_PPM`].
pub type Triple = [u32; 3];

/// The three-factor view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThreeFactors {
    /// Calm, aroused, fatigued.
    pub bodily_ppm: Measured<Triple>,
    /// Focused, distracted, in flow: by the share of the swing at the pace.
    pub cognitive_ppm: Measured<Triple>,
    /// Solitary, interactive, overwhelmed: nothing here observes it.
    pub social_ppm: Measured<Triple>,
}

/// Where `value` lies between `from` (0) and `to` (1000).
fn ramp(value: u32, from: u32, to: u32) -> u64 {
    u64::from(value.clamp(from, to) - from) * 1000 / u64::from(to - from)
}

/// Reads the five states off the features.
pub fn five_states(features: &Features) -> Measured<FiveStates> {
    let (heart_rate, rmssd) = match (features.heart_rate_milli_bpm, features.rmssd_us) {
        (Measured::Known { value: heart, .. }, Measured::Known { value: rmssd, .. }) => {
            (heart, rmssd)
        }
        (Measured::NotMeasured(reason), _) | (_, Measured::NotMeasured(reason)) => {
            return Measured::NotMeasured(reason);
        }
    };
    let aroused = ramp(heart_rate, 80_000, 110_000);
    let variable = ramp(rmssd, 15_000, 50_000);
    let on_pacer = features
        .following
        .value()
        .map_or(0, |follow| u64::from(follow.share_permille.min(1000)));
    let drowsy = 1000 - ramp(heart_rate, 50_000, 65_000);
    let energize = aroused * variable;
    let stress = aroused * (1000 - variable);
    let focus = (1000 - aroused) * on_pacer;
    let elsewhere = (1000 - aroused) * (1000 - on_pacer);
    let sleepy = elsewhere * drowsy / 1000;
    let ppm = |share: u64| u32::try_from(share).expect("a product of two shares is at most 10^6");
    Measured::Known {
        value: FiveStates {
            calm_ppm: ppm(elsewhere - sleepy),
            stress_ppm: ppm(stress),
            focus_ppm: ppm(focus),
            sleepy_ppm: ppm(sleepy),
            energize_ppm: ppm(energize),
        },
        quality: features_quality(features),
    }
}

/// Reads the three factors off the features.
pub fn three_factors(features: &Features) -> ThreeFactors {
    let bodily_ppm = match five_states(features) {
        Measured::Known { value, quality } => Measured::Known {
            value: [
                value.calm_ppm + value.focus_ppm,
                value.stress_ppm + value.energize_ppm,
                value.sleepy_ppm,
            ],
            quality,
        },
        Measured::NotMeasured(reason) => Measured::NotMeasured(reason),
    };
    let cognitive_ppm = match features.following {
        Measured::Known { value, quality } => {
            let share = u32::from(value.share_permille.min(1000));
            let flow = share * u32::from(value.share_permille.saturating_sub(500).min(500)) * 2;
            Measured::Known {
                value: [share * 1000 - flow, WHOLE_PPM - share * 1000, flow],
                quality,
            }
        }
        Measured::NotMeasured(reason) => Measured::NotMeasured(reason),
    };
    ThreeFactors {
        bodily_ppm,
        cognitive_ppm,
        social_ppm: Measured::NotMeasured(Reason::Ambiguous),
    }
}

fn features_quality(features: &Features) -> Quality {
    match (features.heart_rate_milli_bpm, features.rmssd_us) {
        (Measured::Known { quality: a, .. }, Measured::Known { quality: b, .. }) => a.and(b),
        _ => Quality::share(0, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn features(heart_bpm: u32, rmssd_ms: u32, share: u16) -> Features {
        Features {
            heart_rate_milli_bpm: known(heart_bpm * 1000),
            rmssd_us: known(rmssd_ms * 1000),
            following: known(PacedFollow {
                share_permille: share,
                amplitude_milli_bpm: 8_000,
                lag_permille: 200,
            }),
            ..Features::unmeasured(Reason::TooFewBeats)
        }
    }

    #[test]
    fn every_one_of_the_five_states_is_reached_and_shares_add_up() {
        let mut reached = [false; 5];
        for heart in (40..150).step_by(5) {
            for rmssd in (3..120).step_by(9) {
                for share in (0..=1000).step_by(100) {
                    let features = features(heart, rmssd, share);
                    let states = five_states(&features).value().unwrap();
                    let shares = [
                        states.calm_ppm,
                        states.stress_ppm,
                        states.focus_ppm,
                        states.sleepy_ppm,
                        states.energize_ppm,
                    ];
                    assert_eq!(shares.iter().sum::<u32>(), WHOLE_PPM);
                    let factors = three_factors(&features);
                    for triple in [factors.bodily_ppm, factors.cognitive_ppm] {
                        assert_eq!(triple.value().unwrap().iter().sum::<u32>(), WHOLE_PPM);
                    }
                    assert_eq!(factors.social_ppm.value(), None);
                    for (seen, share) in reached.iter_mut().zip(shares) {
                        *seen |= share > WHOLE_PPM / 2;
                    }
                }
            }
        }
        assert_eq!(reached, [true; 5]);
    }

    #[test]
    fn a_fast_heart_without_variability_reads_as_stress_not_calm() {
        let states = five_states(&features(135, 8, 0)).value().unwrap();
        assert_eq!(states.stress_ppm, WHOLE_PPM);
    }

    #[test]
    fn what_is_not_measured_has_no_states() {
        let nothing = Features::unmeasured(Reason::Stale);
        assert_eq!(five_states(&nothing), Measured::NotMeasured(Reason::Stale));
        assert_eq!(
            next_mode(Mode::Resonant, &nothing, true, SETTLED),
            Mode::Unmeasured
        );
        let good = features(60, 40, 900);
        assert_eq!(
            next_mode(Mode::Resonant, &good, false, SETTLED),
            Mode::Unmeasured
        );
    }

    #[test]
    fn a_mode_is_left_at_a_lower_threshold_than_it_is_entered() {
        let at = |last, share| next_mode(last, &features(60, 40, share), true, SETTLED);
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
