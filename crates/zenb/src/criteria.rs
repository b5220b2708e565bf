//! The six criteria of a resonance assessment, and the verdict.
//!
//! After Lehrer 2013 and Shaffer & Meehan 2020: heart rate in phase with the breath, swing from
//! peak to trough, power at 0.04 to 0.15 Hz, height of the highest peak there, smoothness, a
//! single peak. The sources give no weights, so each criterion stands alone with its best rate and
//! its contrast, the share by which the worst rate falls short of the best. Two trials of one
//! person at one rate differed by 18 % in power and 21 % in swing: a criterion whose contrast does
//! not beat that says nothing. Power is the heart rate's, not the intervals': an interval's swing
//! grows with the square of its mean, so a pulse that drifts by 4 % between two steps would look
//! like 17 % of power. Power grows as breathing slows, so where the slowest rate wins on
//! power, that says nothing either.

use alloc::vec::Vec;

use serde::Deserialize;
use serde::Serialize;

use crate::artefact::classify;
use crate::artefact::correct;
use crate::belief::FOLLOW_ENTER_PERMILLE;
use crate::belief::phase_distance_permille;
use crate::protocol::Pace;
use crate::units::EngineMs;
use crate::units::Quality;
use crate::units::Ticks;
use crate::units::round_to_i64;

/// Contrast that power and height of its peak must beat, thousandths.
pub const POWER_NOISE_PERMILLE: u16 = 180;
/// Contrast that the swing must beat, thousandths. No repeated trials are known for the phase, the
/// smoothness and the single peak: they must beat the larger floor too.
pub const SWING_NOISE_PERMILLE: u16 = 210;
/// Criteria agree when their best rates lie within this, thousandths of a breath per minute.
pub const AGREE_MILLI: u32 = 400;
/// How many criteria must speak for a rate.
pub const SPEAKING_MIN: usize = 2;
/// How many stretches must have been followed.
pub const STRETCHES_MIN: usize = 4;
/// A stretch of which more was mended is not relied on, thousandths.
pub const MENDED_PERMILLE_MAX: u16 = 100;
/// The fewest beats that are read.
pub const BEATS_MIN: usize = 30;

const BAND_FROM_HZ: f64 = 0.04;
const BAND_TO_HZ: f64 = 0.15;
const GRID_HZ: f64 = 1.0 / 512.0;

/// A beat with the pacer's place at the middle of its interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PacedBeat {
    /// When the beat was.
    pub at: EngineMs,
    /// The interval that ends with it.
    pub rr: Ticks,
    /// Breaths done by the middle of the interval, in 2^-32 breaths.
    pub done_q32: u64,
}

/// What one stretch at one rate shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measures {
    /// The rate, thousandths of a breath per minute.
    pub milli_breaths: u32,
    /// Whether the data were whole and at least half of the swing was at the pace.
    pub followed: bool,
    /// How far the heart rate is in phase with the breath: 1000 in phase, 0 against it.
    pub synchrony_permille: u32,
    /// The middle breath's swing from peak to trough, thousandths of a beat per minute.
    pub swing_milli_bpm: u32,
    /// The heart rate's power at 0.04 to 0.15 Hz, thousandths of (beats a minute)².
    pub power_milli_bpm2: u64,
    /// Height of the highest peak there, thousandths of (beats a minute)²/Hz.
    pub peak_milli_bpm2_hz: u64,
    /// The share of the heart rate's variance that is at the pace, thousandths.
    pub smoothness_permille: u32,
    /// How far the highest peak stands above the second, thousandths of its height.
    pub single_peak_permille: u32,
    /// The share of the beats that had to be mended, thousandths.
    #[serde(default)]
    pub mended_permille: u16,
}

impl Measures {
    fn nothing(milli_breaths: u32) -> Self {
        Self {
            milli_breaths,
            followed: false,
            synchrony_permille: 0,
            swing_milli_bpm: 0,
            power_milli_bpm2: 0,
            peak_milli_bpm2_hz: 0,
            smoothness_permille: 0,
            single_peak_permille: 0,
            mended_permille: 0,
        }
    }

    /// The same, not to be relied on.
    pub fn spoiled(self) -> Self {
        Self {
            followed: false,
            ..self
        }
    }

    fn value(&self, criterion: Criterion) -> u64 {
        match criterion {
            Criterion::Synchrony => self.synchrony_permille.into(),
            Criterion::Swing => self.swing_milli_bpm.into(),
            Criterion::Power => self.power_milli_bpm2,
            Criterion::PeakHeight => self.peak_milli_bpm2_hz,
            Criterion::Smoothness => self.smoothness_permille.into(),
            Criterion::SinglePeak => self.single_peak_permille.into(),
        }
    }
}

/// A criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// Heart rate in phase with the breath.
    Synchrony,
    /// Swing from peak to trough.
    Swing,
    /// Power at 0.04 to 0.15 Hz.
    Power,
    /// Height of the highest peak there.
    PeakHeight,
    /// Share of the variance at the pace.
    Smoothness,
    /// How far the highest peak stands alone.
    SinglePeak,
}

impl Criterion {
    /// All six.
    pub const ALL: [Criterion; 6] = [
        Criterion::Synchrony,
        Criterion::Swing,
        Criterion::Power,
        Criterion::PeakHeight,
        Criterion::Smoothness,
        Criterion::SinglePeak,
    ];

    fn noise_permille(self) -> u16 {
        match self {
            Self::Power | Self::PeakHeight => POWER_NOISE_PERMILLE,
            Self::Synchrony | Self::Swing | Self::Smoothness | Self::SinglePeak => {
                SWING_NOISE_PERMILLE
            }
        }
    }

    fn grows_as_breath_slows(self) -> bool {
        matches!(self, Self::Power | Self::PeakHeight)
    }
}

/// What one criterion says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opinion {
    /// The criterion.
    pub criterion: Criterion,
    /// Its best rate, between the offered ones, thousandths of a breath per minute.
    pub best_milli: u32,
    /// Its greatest value.
    pub best_value: u64,
    /// By how much the worst rate falls short of the best, thousandths.
    pub contrast_permille: u16,
    /// The contrast that it must beat.
    pub noise_permille: u16,
    /// Whether it beats the noise, says more than "slower", and stands between rates that were read.
    pub speaks: bool,
}

/// Why there is no rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// Too few stretches were followed with whole data.
    NotFollowed,
    /// Too much of the stretches had to be mended.
    Mended,
    /// Too few criteria beat the noise.
    WithinNoise,
    /// The assessment did not run to its end.
    Interrupted,
}

/// What the assessment came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// A rate, thousandths of a breath per minute.
    Rate {
        /// The mean of the best rates of the criteria that speak.
        milli_breaths: u32,
    },
    /// The criteria that speak have different best rates.
    CriteriaDisagree {
        /// The slowest best rate.
        least_milli: u32,
        /// The fastest best rate.
        most_milli: u32,
    },
    /// Nothing stands out.
    Inconclusive {
        /// Why.
        doubt: Doubt,
    },
}

/// The finding with all that it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// What was found.
    pub finding: Finding,
    /// What each criterion says.
    pub opinions: Vec<Opinion>,
    /// What each stretch showed, in the order offered.
    pub stretches: Vec<Measures>,
}

impl Verdict {
    /// The verdict of an assessment that did not run to its end.
    pub fn interrupted(read: &[Measures]) -> Self {
        Self {
            finding: Finding::Inconclusive {
                doubt: Doubt::Interrupted,
            },
            opinions: Vec::new(),
            stretches: read.to_vec(),
        }
    }
}

/// How the best rate is found between the offered ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// By the parabola through the best step and its neighbours.
    BetweenSteps,
    /// By the least-squares parabola through the stretches within 0.8 /min of the best.
    AlongTheSlide,
}

impl Found {
    fn reach_milli(self) -> u32 {
        match self {
            Self::BetweenSteps => 500,
            Self::AlongTheSlide => 800,
        }
    }
}

/// The beats of one stretch without artefacts, each with the pacer's place at the middle of its
/// interval, and the share that had to be mended, thousandths.
///
/// They are judged and mended as the live figures are, but with all of the stretch around them.
fn mended(beats: &[PacedBeat]) -> (Vec<PacedBeat>, u16) {
    let rr: Vec<Ticks> = beats.iter().map(|beat| beat.rr).collect();
    let normal = correct(&rr, &classify(&rr));
    let mended = normal.iter().filter(|beat| beat.mended).count() as u64;
    let share = Quality::share(mended, normal.len().max(1) as u64).permille();
    let places = Places::of(beats);
    let beats = normal.iter().map(|beat| PacedBeat {
        at: beat.at,
        rr: beat.rr,
        done_q32: places.at(middle_ms(beat.at, beat.rr)),
    });
    (beats.collect(), share)
}

/// The middle of an interval, in ms since the stretch began.
fn middle_ms(end: EngineMs, rr: Ticks) -> i64 {
    let half_ms = i64::from(rr.get()) * 500 / 1024;
    i64::try_from(end.0).unwrap_or(i64::MAX) - half_ms
}

/// Where the pacer was in the middle of each interval, over the sum of the intervals.
struct Places(Vec<(i64, u64)>);

impl Places {
    fn of(beats: &[PacedBeat]) -> Self {
        let mut ticks = 0;
        let places = beats.iter().map(|beat| {
            ticks += u64::from(beat.rr.get());
            let end = EngineMs(ticks * 125 / 128);
            (middle_ms(end, beat.rr), beat.done_q32)
        });
        Self(places.collect())
    }

    /// On the line through the two places around a moment, or through the nearest two.
    fn at(&self, ms: i64) -> u64 {
        let after = self.0.partition_point(|(then, _)| *then < ms);
        let after = after.clamp(1, self.0.len().max(2) - 1);
        match self.0.get(after - 1..=after) {
            Some(&[(from, earlier), (to, later)]) if to > from => {
                let turned = i128::from(later) - i128::from(earlier);
                let place =
                    i128::from(earlier) + turned * i128::from(ms - from) / i128::from(to - from);
                u64::try_from(place).unwrap_or(0)
            }
            _ => self.0.first().map_or(0, |(_, done)| *done),
        }
    }
}

/// Reads one stretch, mended.
pub fn measure(milli_breaths: u32, beats: &[PacedBeat]) -> Measures {
    if beats.len() < BEATS_MIN {
        return Measures::nothing(milli_breaths);
    }
    let (beats, mended_permille) = mended(beats);
    let beats = &beats[..];
    let (share, lag) = at_the_pace(beats);
    let (power, peak, second) = low_band(beats);
    let whole = |value: f64| {
        round_to_i64(value)
            .and_then(|v| u64::try_from(v).ok())
            .unwrap_or(0)
    };
    let permille = |value: f64| whole(value * 1000.0).min(1000) as u32;
    let lag = round_to_i64(lag * 1000.0).unwrap_or(0) as i16;
    let apart = phase_distance_permille(lag, Pace::SIX.inhale_permille());
    Measures {
        milli_breaths,
        followed: permille(share) >= u32::from(FOLLOW_ENTER_PERMILLE)
            && mended_permille <= MENDED_PERMILLE_MAX,
        synchrony_permille: 1000 - 2 * u32::from(apart.min(500)),
        swing_milli_bpm: middle_swing(beats),
        power_milli_bpm2: whole(power * 1000.0),
        peak_milli_bpm2_hz: whole(peak * 1000.0),
        smoothness_permille: permille(share),
        single_peak_permille: permille(if peak > 0.0 { 1.0 - second / peak } else { 0.0 }),
        mended_permille,
    }
}

fn heart_milli_bpm(rr: Ticks) -> u32 {
    60_000 * Ticks::PER_SECOND / rr.get()
}

/// The share of the heart rate's variance at the pace, and the lag of its peak behind a quarter
/// turn, in turns.
fn at_the_pace(beats: &[PacedBeat]) -> (f64, f64) {
    let weight = |beat: &PacedBeat| f64::from(beat.rr.get());
    let heart = |beat: &PacedBeat| f64::from(heart_milli_bpm(beat.rr));
    let total: f64 = beats.iter().map(weight).sum();
    let mean = beats.iter().map(|b| weight(b) * heart(b)).sum::<f64>() / total;
    let (mut along, mut across, mut variance) = (0.0, 0.0, 0.0);
    for beat in beats {
        let turn = f64::from(beat.done_q32 as u32) / 4_294_967_296.0;
        let angle = core::f64::consts::TAU * turn;
        let swing = weight(beat) * (heart(beat) - mean);
        along += swing * libm::cos(angle);
        across += swing * libm::sin(angle);
        variance += swing * (heart(beat) - mean);
    }
    let squared = 2.0 * (along * along + across * across) / total;
    let share = if variance > 0.0 {
        squared / variance
    } else {
        0.0
    };
    let peak = libm::atan2(across, along) / core::f64::consts::TAU;
    (share, peak - 0.25)
}

/// The median over whole breaths of the greatest less the least heart rate.
fn middle_swing(beats: &[PacedBeat]) -> u32 {
    let mut swings = Vec::new();
    for breath in beats.chunk_by(|a, b| a.done_q32 >> 32 == b.done_q32 >> 32) {
        let hearts = breath.iter().map(|beat| heart_milli_bpm(beat.rr));
        if let (Some(least), Some(most)) = (hearts.clone().min(), hearts.max()) {
            swings.push(most - least);
        }
    }
    // The first and the last breath of a stretch are cut.
    if swings.len() > 3 {
        swings.remove(0);
        swings.pop();
    }
    swings.sort_unstable();
    swings.get(swings.len() / 2).copied().unwrap_or(0)
}

/// Power, height of the highest peak and height of the second at 0.04 to 0.15 Hz, by projection
/// of the heart rate (mean removed, Hann window, each beat weighted by its length) on a fine grid
/// of frequencies.
fn low_band(beats: &[PacedBeat]) -> (f64, f64, f64) {
    let seconds = |beat: &PacedBeat| f64::from(beat.rr.get()) / 1024.0;
    let heart = |beat: &PacedBeat| f64::from(heart_milli_bpm(beat.rr)) / 1000.0;
    let total: f64 = beats.iter().map(seconds).sum();
    let mean = beats.iter().map(|b| seconds(b) * heart(b)).sum::<f64>() / total;
    let mut time = 0.0;
    let mut samples = Vec::with_capacity(beats.len());
    let mut window_power = 0.0;
    for beat in beats {
        let middle = time + seconds(beat) / 2.0;
        let hann = 0.5 - 0.5 * libm::cos(core::f64::consts::TAU * middle / total);
        window_power += seconds(beat) * hann * hann;
        samples.push((middle, seconds(beat) * hann * (heart(beat) - mean)));
        time += seconds(beat);
    }
    let mut densities = Vec::new();
    let mut frequency = BAND_FROM_HZ;
    while frequency < BAND_TO_HZ {
        let (mut along, mut across) = (0.0, 0.0);
        for (middle, swing) in &samples {
            let angle = core::f64::consts::TAU * frequency * middle;
            along += swing * libm::cos(angle);
            across += swing * libm::sin(angle);
        }
        densities.push(2.0 * (along * along + across * across) / window_power);
        frequency += GRID_HZ;
    }
    let power = densities.iter().sum::<f64>() * GRID_HZ;
    let (peak, second) = two_peaks(&densities);
    (power, peak, second)
}

/// The two greatest local maxima; 0 where there is none.
fn two_peaks(densities: &[f64]) -> (f64, f64) {
    let (mut first, mut second) = (0.0, 0.0);
    for (index, height) in densities.iter().copied().enumerate() {
        let before = index.checked_sub(1).map_or(0.0, |i| densities[i]);
        let after = densities.get(index + 1).copied().unwrap_or(0.0);
        if height <= before || height < after {
            continue;
        }
        if height > first {
            (first, second) = (height, first);
        } else if height > second {
            second = height;
        }
    }
    (first, second)
}

/// Judges all stretches together.
pub fn judge(stretches: &[Measures], found: Found) -> Verdict {
    let mut followed: Vec<Measures> = stretches.iter().filter(|m| m.followed).copied().collect();
    followed.sort_by_key(|measures| measures.milli_breaths);
    let opinions: Vec<Opinion> = Criterion::ALL
        .into_iter()
        .filter_map(|criterion| opinion(criterion, stretches, &followed, found))
        .collect();
    Verdict {
        finding: conclude(stretches, followed.len(), &opinions),
        opinions,
        stretches: stretches.to_vec(),
    }
}

fn opinion(
    criterion: Criterion,
    stretches: &[Measures],
    followed: &[Measures],
    found: Found,
) -> Option<Opinion> {
    let best = followed.iter().max_by_key(|m| m.value(criterion))?;
    let worst = followed.iter().map(|m| m.value(criterion)).min()?;
    let best_value = best.value(criterion);
    let short = u128::from(best_value - worst) * 1000;
    let contrast_permille = short.checked_div(u128::from(best_value)).unwrap_or(0) as u16;
    let noise_permille = criterion.noise_permille();
    let slowest = followed.first().map(|m| m.milli_breaths);
    let says_slower = criterion.grows_as_breath_slows() && slowest == Some(best.milli_breaths);
    Some(Opinion {
        criterion,
        best_milli: between(criterion, followed, best.milli_breaths, found),
        best_value,
        contrast_permille,
        noise_permille,
        speaks: contrast_permille > noise_permille
            && !says_slower
            && stands_among_read(stretches, best.milli_breaths),
    })
}

/// Whether the stretches beside the best were read: a better one may hide in one that was not.
fn stands_among_read(stretches: &[Measures], best_milli: u32) -> bool {
    let slower = stretches.iter().filter(|it| it.milli_breaths < best_milli);
    let faster = stretches.iter().filter(|it| it.milli_breaths > best_milli);
    let beside = [
        slower.max_by_key(|it| it.milli_breaths),
        faster.min_by_key(|it| it.milli_breaths),
    ];
    beside.into_iter().flatten().all(|it| it.followed)
}

/// The summit of a parabola fitted to the stretches near the best, kept within them.
fn between(criterion: Criterion, followed: &[Measures], best: u32, found: Found) -> u32 {
    let near = followed
        .iter()
        .filter(|m| m.milli_breaths.abs_diff(best) <= found.reach_milli());
    // Distances from the best rate in breaths a minute, and values, summed for the normal
    // equations of y = a + b x + c x².
    let (mut s, mut t) = ([0.0; 5], [0.0; 3]);
    let (mut least, mut most) = (best, best);
    for measures in near {
        let x = (f64::from(measures.milli_breaths) - f64::from(best)) / 1000.0;
        let y = measures.value(criterion) as f64;
        let mut power = 1.0;
        for (index, sum) in s.iter_mut().enumerate() {
            *sum += power;
            if let Some(moment) = t.get_mut(index) {
                *moment += power * y;
            }
            power *= x;
        }
        least = least.min(measures.milli_breaths);
        most = most.max(measures.milli_breaths);
    }
    // Cramer's rule.
    let determinant = s[0] * (s[2] * s[4] - s[3] * s[3]) - s[1] * (s[1] * s[4] - s[3] * s[2])
        + s[2] * (s[1] * s[3] - s[2] * s[2]);
    let slope = s[0] * (t[1] * s[4] - s[3] * t[2]) - t[0] * (s[1] * s[4] - s[3] * s[2])
        + s[2] * (s[1] * t[2] - t[1] * s[2]);
    let bend = s[0] * (s[2] * t[2] - t[1] * s[3]) - s[1] * (s[1] * t[2] - t[1] * s[2])
        + t[0] * (s[1] * s[3] - s[2] * s[2]);
    if libm::fabs(determinant) < 1e-9 || bend * determinant >= 0.0 {
        return best;
    }
    let summit = f64::from(best) - 500.0 * slope / bend;
    round_to_i64(summit).map_or(best, |milli| milli.clamp(least.into(), most.into()) as u32)
}

fn conclude(stretches: &[Measures], followed: usize, opinions: &[Opinion]) -> Finding {
    let speaking: Vec<u32> = opinions
        .iter()
        .filter(|opinion| opinion.speaks)
        .map(|opinion| opinion.best_milli)
        .collect();
    let mended = stretches.iter().map(|stretch| stretch.mended_permille);
    let mended = mended.filter(|share| *share > MENDED_PERMILLE_MAX).count();
    let is_loud = |opinion: &&Opinion| opinion.contrast_permille > opinion.noise_permille;
    let loud = opinions.iter().filter(is_loud).count();
    // What stands out, but not between rates that were read, is not within the noise.
    let unread = followed < STRETCHES_MIN
        || followed < stretches.len() && speaking.len() < SPEAKING_MIN && loud >= SPEAKING_MIN;
    let doubt = if unread && (mended == 0 || followed + mended < STRETCHES_MIN) {
        Some(Doubt::NotFollowed)
    } else if unread {
        Some(Doubt::Mended)
    } else if speaking.len() < SPEAKING_MIN {
        Some(Doubt::WithinNoise)
    } else {
        None
    };
    if let Some(doubt) = doubt {
        return Finding::Inconclusive { doubt };
    }
    let least_milli = speaking.iter().copied().min().unwrap_or(0);
    let most_milli = speaking.iter().copied().max().unwrap_or(0);
    if most_milli - least_milli > AGREE_MILLI {
        return Finding::CriteriaDisagree {
            least_milli,
            most_milli,
        };
    }
    let sum: u64 = speaking.iter().map(|milli| u64::from(*milli)).sum();
    Finding::Rate {
        milli_breaths: (sum / speaking.len() as u64) as u32,
    }
}
