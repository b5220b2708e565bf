//! The session in the words of an older vocabulary: five states, and three factors.
//!
//! They are read off the same observables as [`crate::belief`], decide nothing, and are not part
//! of the state. Each is the share of cases like this one in which the defined condition holds,
//! not a statement about how a person feels, which nothing here measures.
//!
//! Definitions, over the five minutes around a moment:
//!
//! | word | holds when |
//! |---|---|
//! | aroused | the mean heart rate is 90 /min or more |
//! | drowsy | the mean heart rate is below 60 /min |
//! | variable | RMSSD is 30 ms or more |
//! | on the pacer | the person breathes with it |
//! | in flow | on the pacer, and the heart swings at least 6 /min with each breath |
//!
//! | state | definition | share |
//! |---|---|---|
//! | stress | aroused and not variable | `a (1 - v)` |
//! | energize | aroused and variable | `a v` |
//! | focus | neither of them, on the pacer | `(1 - a) p` |
//! | sleepy | none of them, drowsy | `(1 - a) (1 - p) d` |
//! | calm | none of them | the rest |
//!
//! with ramps over what a session has at hand: `a` from 82 to 101 /min of the heart rate of ten
//! beats, `v` from 24 to 36 ms of RMSSD, `d` from 62 down to 51 /min, `p` from 300 to 600
//! thousandths of the heart's swing being at the pace, and `f`, the flow, from 5 to 7 /min of swing.
//! The ramps were fitted to recordings and simulated people; how well a share agrees with the
//! frequency of its condition is measured by
//! `deciding::projections::a_share_is_the_frequency_of_its_state` and stated in `docs/zenb/belief.md`.

use serde::Deserialize;
use serde::Serialize;

use crate::features::Features;
use crate::units::Measured;
use crate::units::Quality;
use crate::units::Reason;

/// The mean heart rate, thousandths of a beat per minute, from which five minutes count as aroused.
pub const AROUSED_MILLI_BPM: u32 = 90_000;
/// The mean heart rate below which five minutes count as drowsy.
pub const DROWSY_MILLI_BPM: u32 = 60_000;
/// The RMSSD, µs, from which five minutes count as variable.
pub const VARIABLE_US: u32 = 30_000;
/// The swing of the heart with each breath from which somebody on the pacer is in flow.
pub const FLOW_MILLI_BPM: u32 = 6_000;

/// The whole of a distribution.
pub const WHOLE_PPM: u32 = 1_000_000;

/// Five states as shares that add up to [`WHOLE_PPM`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FiveStates {
    /// Not aroused, not on the pacer, not drowsy.
    pub calm_ppm: u32,
    /// Aroused with little variability.
    pub stress_ppm: u32,
    /// Not aroused, on the pacer.
    pub focus_ppm: u32,
    /// Drowsy, not on the pacer.
    pub sleepy_ppm: u32,
    /// Aroused with variability.
    pub energize_ppm: u32,
}

/// Three shares that add up to [`WHOLE_PPM`].
pub type Triple = [u32; 3];

/// The three-factor view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThreeFactors {
    /// Calm, aroused, fatigued: calm and focus, stress and energize, sleepy.
    pub bodily_ppm: Measured<Triple>,
    /// Focused, distracted, in flow: on the pacer, not on it, on it with a wide swing.
    pub cognitive_ppm: Measured<Triple>,
    /// Solitary, interactive, overwhelmed: nothing here observes it.
    pub social_ppm: Measured<Triple>,
}

/// Where `value` lies between `from` (0) and `to` (1000).
fn ramp(value: u32, from: u32, to: u32) -> u64 {
    u64::from(value.clamp(from, to) - from) * 1000 / u64::from(to - from)
}

/// The share of people with such a swing at the pace who breathe with it, thousandths.
fn on_pacer(share_permille: u16) -> u64 {
    ramp(u32::from(share_permille), 300, 600)
}

/// Reads the five states off the features. Without a pacer, or where the swing is not at the pace,
/// nobody is on it.
pub fn five_states(features: &Features) -> Measured<FiveStates> {
    let (heart_rate, rmssd, quality) = match (features.heart_rate_milli_bpm, features.rmssd_us) {
        (
            Measured::Known {
                value: heart,
                quality: a,
            },
            Measured::Known {
                value: rmssd,
                quality: b,
            },
        ) => (heart, rmssd, a.and(b)),
        (Measured::NotMeasured(reason), _) | (_, Measured::NotMeasured(reason)) => {
            return Measured::NotMeasured(reason);
        }
    };
    let aroused = ramp(heart_rate, 82_000, 101_000);
    let variable = ramp(rmssd, 24_000, 36_000);
    let follow = features.following.value();
    let on_pacer = follow.map_or(0, |follow| on_pacer(follow.share_permille));
    let drowsy = 1000 - ramp(heart_rate, 51_000, 62_000);
    let energize = aroused * variable;
    let stress = aroused * (1000 - variable);
    let focus = (1000 - aroused) * on_pacer;
    let elsewhere = (1000 - aroused) * (1000 - on_pacer);
    let sleepy = elsewhere * drowsy / 1000;
    Measured::Known {
        value: FiveStates {
            calm_ppm: ppm(elsewhere - sleepy),
            stress_ppm: ppm(stress),
            focus_ppm: ppm(focus),
            sleepy_ppm: ppm(sleepy),
            energize_ppm: ppm(energize),
        },
        quality,
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
    ThreeFactors {
        bodily_ppm,
        cognitive_ppm: cognitive(features),
        social_ppm: Measured::NotMeasured(Reason::NotObserved),
    }
}

fn cognitive(features: &Features) -> Measured<Triple> {
    match features.following {
        Measured::Known { value, quality } => {
            let on = on_pacer(value.share_permille);
            let wide = ramp(value.amplitude_milli_bpm, 5_000, 7_000);
            Measured::Known {
                value: [
                    ppm(on * (1000 - wide)),
                    ppm((1000 - on) * 1000),
                    ppm(on * wide),
                ],
                quality,
            }
        }
        // The heart is measured, and it does not swing with the pacer.
        Measured::NotMeasured(Reason::WeakRespiration | Reason::Ambiguous) => Measured::Known {
            value: [0, WHOLE_PPM, 0],
            quality: Quality::FULL,
        },
        Measured::NotMeasured(reason) => Measured::NotMeasured(reason),
    }
}

fn ppm(share: u64) -> u32 {
    u32::try_from(share).expect("a product of two shares is at most 10^6")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::PacedFollow;

    fn known<T>(value: T) -> Measured<T> {
        Measured::Known {
            value,
            quality: Quality::FULL,
        }
    }

    fn features(heart_bpm: u32, rmssd_ms: u32, share: u16, swing_bpm: u32) -> Features {
        Features {
            heart_rate_milli_bpm: known(heart_bpm * 1000),
            rmssd_us: known(rmssd_ms * 1000),
            following: known(PacedFollow {
                share_permille: share,
                amplitude_milli_bpm: swing_bpm * 1000,
                lag_permille: 200,
            }),
            ..Features::unmeasured(Reason::TooFewBeats)
        }
    }

    fn shares(states: FiveStates) -> [u32; 5] {
        [
            states.calm_ppm,
            states.stress_ppm,
            states.focus_ppm,
            states.sleepy_ppm,
            states.energize_ppm,
        ]
    }

    /// REQ-230, REQ-231.
    #[test]
    fn every_state_and_factor_is_reached_and_shares_add_up() {
        let mut states_reached = [false; 5];
        let mut factors_reached = [[false; 3]; 2];
        for heart in (40..150).step_by(5) {
            for rmssd in (3..120).step_by(9) {
                for share in (0..=1000).step_by(100) {
                    for swing in [1, 6, 12] {
                        let features = features(heart, rmssd, share, swing);
                        let states = shares(five_states(&features).value().unwrap());
                        assert_eq!(states.iter().sum::<u32>(), WHOLE_PPM);
                        for (seen, share) in states_reached.iter_mut().zip(states) {
                            *seen |= share > WHOLE_PPM / 2;
                        }
                        let factors = three_factors(&features);
                        let triples = [factors.bodily_ppm, factors.cognitive_ppm];
                        for (reached, triple) in factors_reached.iter_mut().zip(triples) {
                            let triple = triple.value().unwrap();
                            assert_eq!(triple.iter().sum::<u32>(), WHOLE_PPM);
                            for (seen, share) in reached.iter_mut().zip(triple) {
                                *seen |= share > WHOLE_PPM / 2;
                            }
                        }
                    }
                }
            }
        }
        assert_eq!(states_reached, [true; 5]);
        assert_eq!(factors_reached, [[true; 3]; 2]);
    }

    /// REQ-230.
    #[test]
    fn a_fast_heart_without_variability_reads_as_stress_not_calm() {
        let states = five_states(&features(135, 8, 0, 1)).value().unwrap();
        assert_eq!(states.stress_ppm, WHOLE_PPM);
    }

    /// REQ-230, REQ-231: what is not measured has no states, and what nothing observes never has.
    #[test]
    fn what_is_not_measured_has_no_states() {
        let nothing = Features::unmeasured(Reason::Stale);
        assert_eq!(five_states(&nothing), Measured::NotMeasured(Reason::Stale));
        let factors = three_factors(&nothing);
        assert_eq!(factors.bodily_ppm.reason(), Some(Reason::Stale));
        assert_eq!(factors.cognitive_ppm.reason(), Some(Reason::Stale));
        let all = three_factors(&features(70, 40, 900, 12));
        assert_eq!(all.social_ppm, Measured::NotMeasured(Reason::NotObserved));
    }

    /// REQ-231: a heart that is measured and swings elsewhere is not on the pacer; without a pacer
    /// nobody can say.
    #[test]
    fn a_swing_elsewhere_is_distraction_and_no_pacer_is_not() {
        let without = |reason| Features {
            following: Measured::NotMeasured(reason),
            ..features(70, 40, 0, 1)
        };
        let weak = three_factors(&without(Reason::WeakRespiration));
        assert_eq!(weak.cognitive_ppm.value(), Some([0, WHOLE_PPM, 0]));
        let unpaced = three_factors(&without(Reason::NotPaced));
        assert_eq!(unpaced.cognitive_ppm.reason(), Some(Reason::NotPaced));
    }
}
