//! The R1 spectrum: LF, HF and VLF by a definition that two programs can share.
//!
//! R1: the beats' times are the cumulative sum of the intervals; a natural cubic spline of the
//! intervals (ms) is read at 4 Hz from the first beat on; the mean is taken off; Welch's method
//! with a periodic Hann window of 256 samples (or all, if fewer), half overlapping, the mean taken
//! off each segment, one-sided density, the mean over segments; a band's power is the sum of its
//! bins `low <= f < high` times the bin width. Bands (Task Force 1996): VLF 0.0033 to 0.04, LF 0.04
//! to 0.15, HF 0.15 to 0.40 Hz.
//!
//! Only + - * / in a fixed order and a cosine table from `libm`: the bits are the same everywhere.

use alloc::vec::Vec;

/// Samples a second.
const RATE: f64 = 4.0;
/// Samples in a segment.
const SEGMENT: usize = 256;
/// Bins below 0.40 Hz in the longest segment.
const BINS: usize = 26;
const _: () = assert!(BINS.is_multiple_of(2), "bins are summed in pairs");
const VLF: (f64, f64) = (0.0033, 0.04);
const LF: (f64, f64) = (0.04, 0.15);
const HF: (f64, f64) = (0.15, 0.40);

/// Power density up to 0.40 Hz.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    density: [f64; BINS],
    bins: usize,
    step_hz: f64,
}

/// The highest bin of the LF band.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peak {
    /// Where, in Hz, by the parabola through the bin and its neighbours.
    pub hz: f64,
    /// The bin's density in ms²/Hz.
    pub height: f64,
    /// How many bins of the band are higher than their neighbours and than half of this one.
    pub rivals: u8,
}

impl Spectrum {
    /// Densities in ms²/Hz, from 0 Hz upwards.
    pub fn density(&self) -> &[f64] {
        &self.density[..self.bins]
    }

    /// From one bin to the next, in Hz: 1/64 for a window of 64 s or more.
    pub fn step_hz(&self) -> f64 {
        self.step_hz
    }

    /// Power in 0.0033 to 0.04 Hz, ms².
    pub fn vlf(&self) -> f64 {
        self.power(VLF)
    }

    /// Power in 0.04 to 0.15 Hz, ms².
    pub fn lf(&self) -> f64 {
        self.power(LF)
    }

    /// Power in 0.15 to 0.40 Hz, ms².
    pub fn hf(&self) -> f64 {
        self.power(HF)
    }

    /// The highest bin of the LF band, if there is one that is not 0.
    pub fn lf_peak(&self) -> Option<Peak> {
        let at = |bin: usize| self.density().get(bin).copied().unwrap_or(0.0);
        let top = self.within(LF).max_by(|a, b| at(*a).total_cmp(&at(*b)))?;
        let height = at(top);
        if height <= 0.0 {
            return None;
        }
        let (below, above) = (at(top.saturating_sub(1)), at(top + 1));
        let bend = below - 2.0 * height + above;
        let shift = if bend < 0.0 {
            (0.5 * (below - above) / bend).clamp(-0.5, 0.5)
        } else {
            0.0
        };
        let rivals = self.within(LF).filter(|bin| {
            let here = at(*bin);
            *bin != top && here > height / 2.0 && here > at(bin - 1) && here > at(bin + 1)
        });
        let rivals = rivals.count() as u8;
        Some(Peak {
            hz: (top as f64 + shift) * self.step_hz,
            height,
            rivals,
        })
    }

    fn within(&self, (low, high): (f64, f64)) -> impl Iterator<Item = usize> + '_ {
        (0..self.bins).filter(move |bin| {
            let f = *bin as f64 * self.step_hz;
            low <= f && f < high
        })
    }

    fn power(&self, band: (f64, f64)) -> f64 {
        self.within(band).map(|bin| self.density[bin]).sum::<f64>() * self.step_hz
    }
}

/// Computes R1 spectra, keeping its tables and memory between them.
#[derive(Clone, Debug)]
pub struct R1 {
    tables: Tables,
    knots: Vec<Knot>,
    samples: Vec<f64>,
}

impl Default for R1 {
    fn default() -> Self {
        Self::with_capacity(2048, 8192)
    }
}

#[derive(Clone, Copy, Debug)]
struct Knot {
    /// Seconds since the first beat.
    t: f64,
    /// The interval in ms.
    y: f64,
    /// The spline's second derivative.
    bend: f64,
    /// Scratch of the elimination.
    ratio: f64,
}

/// The Hann window of a length, and row by row, for each sample of half a segment, the cosine and
/// sine of each bin.
#[derive(Clone, Debug)]
struct Tables {
    cosine: Vec<[f64; BINS]>,
    sine: Vec<[f64; BINS]>,
    hann: Vec<f64>,
    energy: f64,
}

impl Tables {
    fn new(length: usize) -> Self {
        let turn: Vec<(f64, f64)> = (0..length)
            .map(|n| libm::sincos(2.0 * core::f64::consts::PI * n as f64 / length as f64))
            .collect();
        let half = 0..length.div_ceil(2);
        let hann: Vec<f64> = turn.iter().map(|(_, cosine)| 0.5 - 0.5 * cosine).collect();
        let energy = hann.iter().map(|w| w * w).sum();
        let at = |n: usize, bin: usize| turn[n * bin % length];
        Self {
            cosine: half
                .clone()
                .map(|n| core::array::from_fn(|bin| at(n, bin).1))
                .collect(),
            sine: half
                .map(|n| core::array::from_fn(|bin| at(n, bin).0))
                .collect(),
            hann,
            energy,
        }
    }
}

impl R1 {
    /// Room for so many beats and samples without allocating again.
    pub fn with_capacity(beats: usize, samples: usize) -> Self {
        Self {
            tables: Tables::new(SEGMENT),
            knots: Vec::with_capacity(beats),
            samples: Vec::with_capacity(samples),
        }
    }

    /// The spectrum of a series of intervals in ms; `None` for fewer than four beats or eight
    /// samples, or for an interval that is not positive and finite.
    pub fn spectrum(&mut self, rr_ms: impl Iterator<Item = f64>) -> Option<Spectrum> {
        self.read_knots(rr_ms)?;
        self.bend();
        self.sample();
        let length = self.samples.len().min(SEGMENT);
        if length < 8 {
            return None;
        }
        if length == SEGMENT {
            return Some(welch(&self.samples, &self.tables));
        }
        Some(welch(&self.samples, &Tables::new(length)))
    }

    fn read_knots(&mut self, rr_ms: impl Iterator<Item = f64>) -> Option<()> {
        self.knots.clear();
        let mut t = 0.0;
        for y in rr_ms {
            if !(y.is_finite() && y > 0.0) {
                return None;
            }
            t += y / 1000.0;
            self.knots.push(Knot {
                t,
                y,
                bend: 0.0,
                ratio: 0.0,
            });
        }
        (self.knots.len() >= 4).then_some(())
    }

    /// Solves for the second derivatives, 0 at both ends (Thomas's elimination).
    fn bend(&mut self) {
        let knots = &mut self.knots;
        let last = knots.len() - 1;
        for i in 1..last {
            let (before, here, after) = (knots[i - 1], knots[i], knots[i + 1]);
            let (h0, h1) = (here.t - before.t, after.t - here.t);
            let slope = (after.y - here.y) / h1 - (here.y - before.y) / h0;
            let pivot = 2.0 * (h0 + h1) - h0 * before.ratio;
            knots[i].ratio = h1 / pivot;
            knots[i].bend = (6.0 * slope - h0 * before.bend) / pivot;
        }
        for i in (1..last).rev() {
            let after = knots[i + 1].bend;
            knots[i].bend -= knots[i].ratio * after;
        }
    }

    fn sample(&mut self) {
        self.samples.clear();
        let (first, last) = (self.knots[0].t, self.knots[self.knots.len() - 1].t);
        let mut piece = 0;
        for n in 0.. {
            let t = first + f64::from(n) / RATE;
            if t >= last {
                break;
            }
            while self.knots[piece + 1].t < t {
                piece += 1;
            }
            self.samples
                .push(between(&self.knots[piece], &self.knots[piece + 1], t));
        }
        subtract_mean(&mut self.samples);
    }
}

fn between(left: &Knot, right: &Knot, t: f64) -> f64 {
    let h = right.t - left.t;
    let a = (right.t - t) / h;
    let b = (t - left.t) / h;
    let curve = (a * a * a - a) * left.bend + (b * b * b - b) * right.bend;
    a * left.y + b * right.y + curve * h * h / 6.0
}

fn subtract_mean(samples: &mut [f64]) {
    let mean = samples.iter().sum::<f64>() / samples.len() as f64;
    samples.iter_mut().for_each(|sample| *sample -= mean);
}

fn welch(samples: &[f64], tables: &Tables) -> Spectrum {
    let length = tables.hann.len();
    let step_hz = RATE / length as f64;
    let bins = (0..BINS)
        .take_while(|bin| *bin as f64 * step_hz < HF.1)
        .count();
    let mut density = [0.0; BINS];
    let mut segments = 0;
    let mut start = 0;
    while start + length <= samples.len() {
        let mut segment = [0.0; SEGMENT];
        let segment = &mut segment[..length];
        segment.copy_from_slice(&samples[start..start + length]);
        subtract_mean(segment);
        segment
            .iter_mut()
            .zip(&tables.hann)
            .for_each(|(sample, w)| *sample *= w);
        add_power(segment, tables, &mut density);
        segments += 1;
        start += length / 2;
    }
    density[bins..].fill(0.0);
    for (bin, value) in density[..bins].iter_mut().enumerate() {
        let sides = if bin == 0 { 1.0 } else { 2.0 };
        *value *= sides / (RATE * tables.energy * f64::from(segments));
    }
    Spectrum {
        density,
        bins,
        step_hz,
    }
}

/// Adds a sample, one value for even bins and one for odd, times what each bin turns it by.
fn turn(sums: &mut [f64; BINS], [even, odd]: [f64; 2], by: &[f64; BINS]) {
    let (sums, _) = sums.as_chunks_mut::<2>();
    let (by, _) = by.as_chunks::<2>();
    for (sum, by) in sums.iter_mut().zip(by) {
        *sum = [sum[0] + even * by[0], sum[1] + odd * by[1]];
    }
}

/// Adds |Σ x e^(-2πi bin n / length)|² of each bin.
///
/// The samples n and length - n are taken together: they share a cosine, and their sines are
/// opposite. Where the length is a multiple of four, so are n and length / 2 - n: their cosines are
/// equal in even bins and opposite in odd ones, their sines the other way round. The bins lie side
/// by side, so that each is summed in the same order whatever the machine does at once.
fn add_power(segment: &[f64], tables: &Tables, density: &mut [f64; BINS]) {
    let length = segment.len();
    let fold = |n: usize| {
        let (early, late) = (segment[n], segment[length - n]);
        (early + late, early - late)
    };
    let mut real = [segment[0]; BINS];
    let mut imaginary = [0.0; BINS];
    let mut add = |n: usize, even: [f64; 2], odd: [f64; 2]| {
        turn(&mut real, even, &tables.cosine[n]);
        turn(&mut imaginary, odd, &tables.sine[n]);
    };
    if length.is_multiple_of(4) {
        for n in 1..length / 4 {
            let ((even, odd), (partner_even, partner_odd)) = (fold(n), fold(length / 2 - n));
            add(
                n,
                [even + partner_even, even - partner_even],
                [odd - partner_odd, odd + partner_odd],
            );
        }
        let (even, odd) = fold(length / 4);
        add(length / 4, [even; 2], [odd; 2]);
    } else {
        for n in 1..length.div_ceil(2) {
            let (even, odd) = fold(n);
            add(n, [even; 2], [odd; 2]);
        }
    }
    if length.is_multiple_of(2) {
        let middle = segment[length / 2];
        for (bin, real) in real.iter_mut().enumerate() {
            *real += if bin.is_multiple_of(2) {
                middle
            } else {
                -middle
            };
        }
    }
    for bin in 0..BINS {
        density[bin] += real[bin] * real[bin] + imaginary[bin] * imaginary[bin];
    }
}
