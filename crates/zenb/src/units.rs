//! Quantities with their units, and the difference between a value and no value.
//!
//! Everything is an integer. A float comes in through a `from_*` constructor that refuses what is
//! not a number or out of range, so a NaN cannot enter.

use core::fmt;

use serde::Deserialize;
use serde::Serialize;
use thiserror::Error;

/// Why a number is not a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum UnitError {
    /// The float is NaN or infinite.
    #[error("{quantity} is not a finite number")]
    NotFinite {
        /// What was to be built.
        quantity: &'static str,
    },
    /// The number lies outside the type's range.
    #[error("{quantity} must be {least} to {most}")]
    OutOfRange {
        /// What was to be built.
        quantity: &'static str,
        /// The least value, in the type's own unit.
        least: u64,
        /// The greatest value, in the type's own unit.
        most: u64,
    },
}

/// An RR interval in 1/1024 s, the unit of the Bluetooth heart-rate profile: 1 to 65535.
///
/// The type takes every interval a strap can send; whether a heart can beat so is
/// [`crate::artefact`]'s question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Ticks(u16);

impl Ticks {
    /// Ticks in a second.
    pub const PER_SECOND: u32 = 1024;

    /// Takes a raw count; refuses 0 and what does not fit 16 bits.
    pub fn new(raw: u32) -> Result<Self, UnitError> {
        match u16::try_from(raw) {
            Ok(ticks) if ticks > 0 => Ok(Self(ticks)),
            _ => Err(UnitError::OutOfRange {
                quantity: "an RR interval in ticks",
                least: 1,
                most: 65535,
            }),
        }
    }

    /// Rounds milliseconds to the nearest tick, half away from zero.
    pub fn from_millis(millis: f64) -> Result<Self, UnitError> {
        Self::from_scaled(millis, 1.024)
    }

    /// Rounds seconds to the nearest tick, half away from zero.
    pub fn from_seconds(seconds: f64) -> Result<Self, UnitError> {
        Self::from_scaled(seconds, 1024.0)
    }

    fn from_scaled(value: f64, ticks_per_unit: f64) -> Result<Self, UnitError> {
        if !value.is_finite() {
            return Err(UnitError::NotFinite {
                quantity: "an RR interval",
            });
        }
        let ticks = libm::round(value * ticks_per_unit);
        if (1.0..=65535.0).contains(&ticks) {
            Self::new(ticks as u32)
        } else {
            Self::new(0)
        }
    }

    /// The count of 1/1024 s.
    pub fn get(self) -> u32 {
        u32::from(self.0)
    }

    /// Milliseconds, exact in binary.
    pub fn to_millis(self) -> f64 {
        f64::from(self.0) * (1000.0 / 1024.0)
    }
}

impl TryFrom<u32> for Ticks {
    type Error = UnitError;
    fn try_from(raw: u32) -> Result<Self, UnitError> {
        Self::new(raw)
    }
}

impl From<Ticks> for u32 {
    fn from(ticks: Ticks) -> u32 {
        ticks.get()
    }
}

/// The host's monotonic time in milliseconds since the session started.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct EngineMs(pub u64);

impl EngineMs {
    /// Milliseconds from `earlier` to this moment; 0 if `earlier` is later.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A breathing rate in thousandths of a breath per minute: 1 to 100,000.
///
/// This is what is measured or shown. The rates a pacer may take are a narrower type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct BreathsPerMinute(u32);

impl BreathsPerMinute {
    /// Takes thousandths of a breath per minute.
    pub fn from_milli(milli: u32) -> Result<Self, UnitError> {
        if (1..=100_000).contains(&milli) {
            Ok(Self(milli))
        } else {
            Err(UnitError::OutOfRange {
                quantity: "a breathing rate in milli-breaths a minute",
                least: 1,
                most: 100_000,
            })
        }
    }

    /// Rounds breaths per minute to thousandths.
    pub fn from_f64(rate: f64) -> Result<Self, UnitError> {
        if !rate.is_finite() {
            return Err(UnitError::NotFinite {
                quantity: "a breathing rate",
            });
        }
        let milli = libm::round(rate * 1000.0);
        if (1.0..=100_000.0).contains(&milli) {
            Self::from_milli(milli as u32)
        } else {
            Self::from_milli(0)
        }
    }

    /// Thousandths of a breath per minute.
    pub fn milli(self) -> u32 {
        self.0
    }

    /// The rate as a frequency in Hz.
    pub fn hertz(self) -> f64 {
        f64::from(self.0) / 60_000.0
    }
}

impl TryFrom<u32> for BreathsPerMinute {
    type Error = UnitError;
    fn try_from(milli: u32) -> Result<Self, UnitError> {
        Self::from_milli(milli)
    }
}

impl From<BreathsPerMinute> for u32 {
    fn from(rate: BreathsPerMinute) -> u32 {
        rate.milli()
    }
}

/// Parts per million, signed: how far one clock runs from another.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Ppm(pub i32);

/// How far a measured value may be relied on, in thousandths: 0 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Quality(u16);

impl Quality {
    /// Nothing is known to be wrong.
    pub const FULL: Self = Self(1000);

    /// Takes thousandths; refuses more than 1000.
    pub fn new(permille: u16) -> Result<Self, UnitError> {
        if permille <= 1000 {
            Ok(Self(permille))
        } else {
            Err(UnitError::OutOfRange {
                quantity: "a quality in permille",
                least: 0,
                most: 1000,
            })
        }
    }

    /// The share `part / whole`, capped at 1.
    pub fn share(part: u64, whole: u64) -> Self {
        if part >= whole {
            return Self::FULL;
        }
        let permille = u128::from(part) * 1000 / u128::from(whole);
        Self(u16::try_from(permille).expect("a share below one is at most 1000 permille"))
    }

    /// Both must hold: the product of two qualities, rounded down.
    pub fn and(self, other: Self) -> Self {
        let product = u32::from(self.0) * u32::from(other.0) / 1000;
        Self(u16::try_from(product).expect("a product of shares is a share"))
    }

    /// Thousandths.
    pub fn permille(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for Quality {
    type Error = UnitError;
    fn try_from(permille: u16) -> Result<Self, UnitError> {
        Self::new(permille)
    }
}

impl From<Quality> for u16 {
    fn from(quality: Quality) -> u16 {
        quality.0
    }
}

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Reason {
    /// Fewer beats, or a shorter stretch, than the measure needs.
    TooFewBeats = 1,
    /// Beats are missing inside the window.
    Gap = 2,
    /// The newest beat is older than the limit.
    Stale = 3,
    /// Too many beats of the window had to be mended.
    Artefacts = 4,
    /// The strap says that it does not touch the skin.
    NoContact = 5,
    /// The measure needs a pacer, and none is running.
    NotPaced = 6,
    /// The heart does not swing enough at a breathing rate to be read.
    WeakRespiration = 7,
    /// Two readings are equally likely.
    Ambiguous = 8,
    /// The value lies outside what its type can hold.
    OutOfRange = 9,
    /// Nothing that the engine is given tells it.
    NotObserved = 10,
    /// The beats follow each other without an order.
    Irregular = 11,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooFewBeats => "too few beats",
            Self::Gap => "beats are missing",
            Self::Stale => "no beat for too long",
            Self::Artefacts => "too many artefacts",
            Self::NoContact => "the strap does not touch the skin",
            Self::NotPaced => "no pacer is running",
            Self::WeakRespiration => "the heart does not swing with the breath",
            Self::Ambiguous => "two readings are equally likely",
            Self::OutOfRange => "the value is out of range",
            Self::NotObserved => "nothing observes it",
            Self::Irregular => "the beats have no order",
        })
    }
}

/// A measured value with its quality, or the reason for its absence. Never a made-up value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measured<T> {
    /// The value, and how far to rely on it.
    Known {
        /// What was measured.
        value: T,
        /// How far to rely on it.
        quality: Quality,
    },
    /// Why there is no value.
    NotMeasured(Reason),
}

impl<T: Copy> Measured<T> {
    /// The value, if there is one.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Known { value, .. } => Some(value),
            Self::NotMeasured(_) => None,
        }
    }

    /// The reason for the absence, if there is no value.
    pub fn reason(self) -> Option<Reason> {
        match self {
            Self::Known { .. } => None,
            Self::NotMeasured(reason) => Some(reason),
        }
    }
}

/// Rounds to the nearest integer, half away from zero; `None` for what is not finite or does not
/// fit.
pub fn round_to_i64(value: f64) -> Option<i64> {
    let rounded = libm::round(value);
    // 2^63 is exact in binary; i64::MAX is not.
    (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0)
        .contains(&rounded)
        .then_some(rounded as i64)
}
