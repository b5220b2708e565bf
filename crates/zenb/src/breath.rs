//! Breathing told from heart beats: how the heart follows a known pace, and at what rate it
//! swings, or an honest refusal.
//!
//! The heart rate of the newest [`SPAN_S`] seconds, its line taken off, is fitted with one
//! sinusoid that turns with the pacer itself, so that a pace that changes is followed through its
//! change; then with sinusoids a little faster and slower than the pacer. The share of the swing
//! that a fit explains says whether it is there, and which of the neighbours explains most says
//! whether it is the pacer's: a Mayer wave near the pace, which is nobody's breath, explains more
//! somewhere beside it.
//!
//! Without a pacer, a rate below [`SLOWEST_SPONTANEOUS`] is refused: the heart swings there by
//! itself (Mayer waves near 6 /min, apnoea near 1 /min), and no method told the two apart.

use crate::units::BreathsPerMinute;
use crate::units::Measured;
use crate::units::Quality;
use crate::units::Reason;

/// Seconds of heart rate that are looked at.
pub const SPAN_S: u32 = 64;
/// The least stretch that can be judged, in seconds; three slow breaths need longer.
const LEAST_S: f64 = 30.0;
/// The fewest breaths under the pacer that can be judged.
const LEAST_BREATHS: f64 = 3.0;
/// The fewest beats that can be judged.
const LEAST_BEATS: usize = 16;
/// The most beats that are looked at: the newest.
pub const MOST_BEATS: usize = 256;
/// How far beside the pace rivals are sought, in breaths per minute, and in which steps.
const BESIDE: f64 = 2.0;
const STEP: f64 = 0.2;
const STEPS_BESIDE: usize = 10;
/// A swing this far from the pace, in breaths per minute, is not the pacer's.
pub const TOLERANCE: f64 = 0.25;
/// The share of the swing that a rhythm must explain to be read.
pub const LEAST_SHARE: f64 = 0.5;
/// The slowest rate that is believed without a pacer, in breaths per minute.
pub const SLOWEST_SPONTANEOUS: f64 = 9.0;
/// The fastest rate that is sought, in breaths per minute.
pub const FASTEST_SPONTANEOUS: f64 = 30.0;
const SPONTANEOUS_STEP: f64 = 0.4;

/// The heart rate over one interval.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// The interval's middle, in seconds since any moment.
    pub t: f64,
    /// Beats per minute.
    pub rate: f64,
    /// The pacer at the interval's middle, in turns; anything where no pacer is looked at.
    pub phase: f64,
}

/// How well sinusoids explain the heart's swing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Follow {
    /// The share of the swing explained at the pace.
    pub share: f64,
    /// Peak to trough at the pace, in beats per minute.
    pub amplitude: f64,
    /// The pacer's phase at which the heart rate is highest, in turns, 0 up to 1.
    pub peak_at: f64,
    /// How much faster than the pacer the best explanation turns, in breaths per minute.
    pub offset: f64,
    /// The share that it explains.
    pub best_share: f64,
}

impl Follow {
    /// Whether the swing is the pacer's, not something beside it.
    pub fn is_at_pace(&self) -> bool {
        self.offset.abs() <= TOLERANCE
    }
}

/// A least-squares fit of one sinusoid.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Fit {
    cosine: f64,
    sine: f64,
    share: f64,
}

/// The samples on their way through the fits.
struct Swing {
    count: usize,
    /// The heart rate with its line taken off.
    x: [f64; MOST_BEATS],
    /// Seconds from the middle of the stretch.
    t: [f64; MOST_BEATS],
    cosine: [f64; MOST_BEATS],
    sine: [f64; MOST_BEATS],
    total: f64,
    seconds: f64,
}

impl Swing {
    fn new(samples: &[Sample]) -> Result<Self, Reason> {
        let samples = &samples[samples.len().saturating_sub(MOST_BEATS)..];
        let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
            return Err(Reason::TooFewBeats);
        };
        let seconds = last.t - first.t;
        if samples.len() < LEAST_BEATS || seconds < LEAST_S {
            return Err(Reason::TooFewBeats);
        }
        let middle = first.t + seconds / 2.0;
        let mut swing = Self {
            count: samples.len(),
            x: [0.0; MOST_BEATS],
            t: [0.0; MOST_BEATS],
            cosine: [0.0; MOST_BEATS],
            sine: [0.0; MOST_BEATS],
            total: 0.0,
            seconds,
        };
        for (i, sample) in samples.iter().enumerate() {
            swing.x[i] = sample.rate;
            swing.t[i] = sample.t - middle;
        }
        swing.take_line_off();
        if swing.total <= 0.0 {
            return Err(Reason::WeakRespiration);
        }
        Ok(swing)
    }

    fn take_line_off(&mut self) {
        let n = self.count as f64;
        let (x, t) = (&mut self.x[..self.count], &self.t[..self.count]);
        let mean_x = x.iter().sum::<f64>() / n;
        let mean_t = t.iter().sum::<f64>() / n;
        let across: f64 = t
            .iter()
            .zip(x.iter())
            .map(|(t, x)| (t - mean_t) * (x - mean_x))
            .sum();
        let along: f64 = t.iter().map(|t| (t - mean_t) * (t - mean_t)).sum();
        let slope = across / along;
        for (x, t) in x.iter_mut().zip(t) {
            *x -= mean_x + slope * (t - mean_t);
        }
        self.total = x.iter().map(|x| x * x).sum();
    }

    /// Sets the sinusoid to the given phases, in turns.
    fn turn_to(&mut self, phases: impl Iterator<Item = f64>) {
        for (i, phase) in phases.take(self.count).enumerate() {
            (self.sine[i], self.cosine[i]) = libm::sincos(2.0 * core::f64::consts::PI * phase);
        }
    }

    /// Fits a constant and the sinusoid.
    fn fit(&self) -> Fit {
        let n = self.count as f64;
        let [mut c, mut s, mut cc, mut ss, mut cs, mut x, mut xc, mut xs] = [0.0; 8];
        for i in 0..self.count {
            let (cosine, sine, value) = (self.cosine[i], self.sine[i], self.x[i]);
            c += cosine;
            s += sine;
            cc += cosine * cosine;
            ss += sine * sine;
            cs += cosine * sine;
            x += value;
            xc += value * cosine;
            xs += value * sine;
        }
        let (cc, ss, cs) = (cc - c * c / n, ss - s * s / n, cs - c * s / n);
        let (xc, xs) = (xc - x * c / n, xs - x * s / n);
        let determinant = cc * ss - cs * cs;
        if determinant <= 1e-9 * n * n {
            return Fit {
                cosine: 0.0,
                sine: 0.0,
                share: 0.0,
            };
        }
        let cosine = (xc * ss - xs * cs) / determinant;
        let sine = (xs * cc - xc * cs) / determinant;
        let share = ((cosine * xc + sine * xs) / self.total).clamp(0.0, 1.0);
        Fit {
            cosine,
            sine,
            share,
        }
    }

    /// What turns each sample's sinusoid to one `step` breaths per minute faster.
    fn turn(&self, step: f64) -> Turn {
        let mut turn = Turn {
            cosine: [0.0; MOST_BEATS],
            sine: [0.0; MOST_BEATS],
        };
        for i in 0..self.count {
            let angle = 2.0 * core::f64::consts::PI * self.t[i] * step / 60.0;
            (turn.sine[i], turn.cosine[i]) = libm::sincos(angle);
        }
        turn
    }

    /// Makes the sinusoid one step faster, or with `way` -1 one slower.
    fn apply(&mut self, turn: &Turn, way: f64) {
        for i in 0..self.count {
            let (c, s) = (self.cosine[i], self.sine[i]);
            let (turn_c, turn_s) = (turn.cosine[i], way * turn.sine[i]);
            self.cosine[i] = c * turn_c - s * turn_s;
            self.sine[i] = s * turn_c + c * turn_s;
        }
    }

    /// The best share among `steps` sinusoids, each `step` breaths per minute faster than the one
    /// before, and how far from the first it is, refined by a parabola; `None` if it is the first
    /// or the last, which may be the foot of something outside.
    fn best(&mut self, turn: &Turn, step: f64, steps: usize) -> (Option<f64>, f64) {
        let mut shares = [0.0; MOST_STEPS];
        for share in &mut shares[..steps] {
            *share = self.fit().share;
            self.apply(turn, 1.0);
        }
        let mut top = 0;
        for i in 1..steps {
            if shares[i] > shares[top] {
                top = i;
            }
        }
        if top == 0 || top + 1 == steps {
            return (None, shares[top]);
        }
        let bend = shares[top - 1] - 2.0 * shares[top] + shares[top + 1];
        let lean = 0.5 * (shares[top - 1] - shares[top + 1]);
        let shift = if bend < 0.0 { lean / bend } else { 0.0 };
        (Some((top as f64 + shift) * step), shares[top])
    }
}

const MOST_STEPS: usize = 80;

/// A step from one sinusoid to the next, for each sample.
struct Turn {
    cosine: [f64; MOST_BEATS],
    sine: [f64; MOST_BEATS],
}

/// How the heart follows the pacer whose phase the samples carry.
///
/// `rate` is the pace in breaths per minute; it only decides how long a stretch is needed.
pub fn follow(samples: &[Sample], rate: f64) -> Result<Follow, Reason> {
    let mut swing = Swing::new(samples)?;
    if swing.seconds * rate / 60.0 < LEAST_BREATHS {
        return Err(Reason::TooFewBeats);
    }
    let phases = &samples[samples.len() - swing.count..];
    swing.turn_to(phases.iter().map(|sample| sample.phase));
    let fit = swing.fit();
    let size = libm::sqrt(fit.cosine * fit.cosine + fit.sine * fit.sine);
    let angle = libm::atan2(fit.sine, fit.cosine) / (2.0 * core::f64::consts::PI);
    let peak_at = if angle < 0.0 { angle + 1.0 } else { angle };

    let turn = swing.turn(STEP);
    for _ in 0..STEPS_BESIDE {
        swing.apply(&turn, -1.0);
    }
    let (best, best_share) = swing.best(&turn, STEP, 2 * STEPS_BESIDE + 1);
    // A best at the edge belongs to something further off: it is at least that far from the pace.
    let offset = best.map_or(BESIDE, |from_start| from_start - BESIDE);
    Ok(Follow {
        share: fit.share,
        amplitude: 2.0 * size,
        peak_at,
        offset,
        best_share,
    })
}

/// Mean over whole breaths under the pacer of the highest less the lowest heart rate, in beats per
/// minute; `None` before the second whole breath.
pub fn peak_to_trough(samples: &[Sample]) -> Option<f64> {
    let mut sum = 0.0;
    let mut breaths = 0u32;
    let mut open: Option<(f64, f64, u32)> = None;
    for pair in samples.windows(2) {
        let sample = pair[1];
        if pair[1].phase < pair[0].phase {
            if let Some((low, high, _)) = open.filter(|(_, _, beats)| *beats >= 3) {
                sum += high - low;
                breaths += 1;
            }
            open = Some((sample.rate, sample.rate, 1));
        } else if let Some((low, high, beats)) = &mut open {
            *low = low.min(sample.rate);
            *high = high.max(sample.rate);
            *beats += 1;
        }
    }
    (breaths >= 2).then(|| sum / f64::from(breaths))
}

/// The breathing rate under a pacer of `rate` breaths per minute: near the pace if the heart
/// swings there, else what [`spontaneous`] says.
pub fn paced(samples: &[Sample], rate: f64, follow: &Follow) -> Measured<BreathsPerMinute> {
    if follow.best_share >= LEAST_SHARE && follow.is_at_pace() {
        return known(rate + follow.offset, follow.best_share);
    }
    if follow.best_share >= LEAST_SHARE && follow.offset.abs() < BESIDE {
        return Measured::NotMeasured(Reason::Ambiguous);
    }
    spontaneous(samples)
}

/// The breathing rate where no pacer is known, between [`SLOWEST_SPONTANEOUS`] and
/// [`FASTEST_SPONTANEOUS`] and slow enough for the heart's beats to show it.
pub fn spontaneous(samples: &[Sample]) -> Measured<BreathsPerMinute> {
    let mut swing = match Swing::new(samples) {
        Ok(swing) => swing,
        Err(reason) => return Measured::NotMeasured(reason),
    };
    let mean = swing.count as f64 * 60.0 / swing.seconds;
    // Above half the heart rate a breath looks like a slower one.
    let fastest = FASTEST_SPONTANEOUS.min(mean * 0.45);
    let slowest = SLOWEST_SPONTANEOUS - 2.0 * SPONTANEOUS_STEP;
    if fastest <= SLOWEST_SPONTANEOUS {
        return Measured::NotMeasured(Reason::Ambiguous);
    }
    let times = swing.t;
    swing.turn_to(times.iter().map(|t| t * slowest / 60.0));
    let steps = ((fastest - slowest) / SPONTANEOUS_STEP) as usize + 1;
    let turn = swing.turn(SPONTANEOUS_STEP);
    match swing.best(&turn, SPONTANEOUS_STEP, steps.min(MOST_STEPS)) {
        (Some(from_slowest), share) if share >= LEAST_SHARE => {
            let rate = slowest + from_slowest;
            if rate < SLOWEST_SPONTANEOUS {
                return Measured::NotMeasured(Reason::Ambiguous);
            }
            known(rate, share)
        }
        (None, share) if share >= LEAST_SHARE => Measured::NotMeasured(Reason::Ambiguous),
        _ => Measured::NotMeasured(Reason::WeakRespiration),
    }
}

fn known(rate: f64, share: f64) -> Measured<BreathsPerMinute> {
    match BreathsPerMinute::from_f64(rate) {
        Ok(value) => Measured::Known {
            value,
            quality: quality(share),
        },
        Err(_) => Measured::NotMeasured(Reason::OutOfRange),
    }
}

fn quality(share: f64) -> Quality {
    Quality::share((share * 1000.0) as u64, 1000)
}
