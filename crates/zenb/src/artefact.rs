//! Beats that are not what they seem, after Lipponen and Tarvainen (2019).
//!
//! "A robust algorithm for heart rate variability time series artefact correction using novel beat
//! classification", doi 10.1080/03091902.2019.1640306. A beat is judged by its difference from
//! the beat before (dRR) and from the median of the eleven around it (mRR), each measured against
//! 5.2 quartile deviations of the 91 around it.
//!
//! [`classify`] sees the whole series. [`Causal`] judges a beat when [`LOOK_AHEAD`] more have come:
//! then the median is the paper's own, and only the 91 beats lie behind instead of around. Both
//! hold the thresholds between bounds, which the paper does not: below, a rhythm that hardly
//! varies would have every breath called an artefact; above, a rhythm full of ectopic beats would
//! set thresholds that pass them.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use serde::Deserialize;
use serde::Serialize;

use crate::canon::Canon;
use crate::canon::Sink;
use crate::timeline::Beat;
use crate::units::EngineMs;
use crate::units::Ticks;

/// How many beats after a beat the causal judgement waits for.
pub const LOOK_AHEAD: usize = 5;
/// Quartile deviations to a threshold (the paper's alpha).
const ALPHA: f64 = 5.2;
/// Slope and offset of the line that parts ectopic beats from others (the paper's c1, c2).
const C1: f64 = 0.13;
const C2: f64 = 0.17;
/// Beats whose spread sets the thresholds.
const SPREAD_BEATS: usize = 91;
/// Beats on each side of the median.
const MEDIAN_SIDE: usize = 5;
/// The least threshold as a share of the local median interval: a beat in rhythm may be so far from
/// the one before however flat the rhythm was.
const LEAST_SHARE: f64 = 0.08;
/// The greatest threshold as a share of the local median interval.
const MOST_SHARE: f64 = 0.25;

/// What a beat is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Class {
    /// A beat in rhythm.
    #[default]
    Normal = 0,
    /// A beat before or after its time, the next making up for it.
    Ectopic = 1,
    /// Two beats, of which the detector saw one.
    Missed = 2,
    /// A detection without a beat.
    Extra = 3,
    /// An interval too long, for no other reason.
    Long = 4,
    /// An interval too short, for no other reason.
    Short = 5,
}

/// What the judgement of beat `i` looks at; differences are in thresholds.
struct Around {
    /// dRR of beats i-1 to i+3.
    drr: [f64; 5],
    /// mRR of beats i and i+1.
    mrr: [f64; 2],
    /// Intervals of beats i to i+2, in ticks.
    rr: [f64; 3],
    /// Medians around beats i and i+1, in ticks.
    median: [f64; 2],
    /// The mRR threshold, in ticks.
    threshold: f64,
}

impl Around {
    /// The class of beat i, and that of i+1 where the same disturbance was sought in it too.
    fn judge(&self) -> (Class, Option<Class>) {
        if self.drr[1].abs() <= 1.0 {
            return (Class::Normal, None);
        }
        if self.is_ectopic() {
            return (Class::Ectopic, None);
        }
        let here = self.displaced(0);
        let next_too = self.drr[2].abs() < self.drr[3].abs();
        (here, next_too.then(|| self.displaced(1)))
    }

    /// Long between shorts, or short between longs, and the second of the two intervals that the
    /// displaced beat parts: the paper may mark either, but [`Mender`] must know which.
    fn is_ectopic(&self) -> bool {
        let [before, here, after, ..] = self.drr;
        let second = after.abs() <= here.abs();
        if here > 1.0 {
            second && before.max(after) < -C1 * here - C2
        } else {
            second && before.min(after) > -C1 * here + C2
        }
    }

    fn displaced(&self, j: usize) -> Class {
        let here = self.drr[j + 1];
        let (next, second) = (self.drr[j + 2], self.drr[j + 3]);
        let long = here > 1.0 && next.min(second) < -1.0;
        let short = here < -1.0 && next.max(second) > 1.0;
        let far = self.mrr[j].abs() > 3.0;
        let rr = self.rr[j];
        if short && (rr + self.rr[j + 1] - self.median[j]).abs() < self.threshold {
            Class::Extra
        } else if (long || far) && (rr / 2.0 - self.median[j]).abs() < self.threshold {
            Class::Missed
        } else if long || short || far {
            if here > 0.0 {
                Class::Long
            } else {
                Class::Short
            }
        } else {
            Class::Normal
        }
    }
}

/// Judges a whole series.
pub fn classify(rr: &[Ticks]) -> Vec<Class> {
    let n = rr.len();
    let rr: Vec<f64> = rr.iter().map(|ticks| f64::from(ticks.get())).collect();
    let drr: Vec<f64> = (0..n)
        .map(|i| if i == 0 { 0.0 } else { rr[i] - rr[i - 1] })
        .collect();
    let medians: Vec<f64> = (0..n).map(|i| median_around(&rr, i)).collect();
    let mrr: Vec<f64> = (0..n).map(|i| from_median(rr[i], medians[i])).collect();
    let spread = |values: &[f64], i: usize| {
        let least = i.saturating_sub(SPREAD_BEATS / 2);
        let most = (i + SPREAD_BEATS / 2 + 1).min(n);
        threshold(values[least..most].iter().copied(), medians[i])
    };
    let first: Vec<f64> = (0..n).map(|i| spread(&drr, i)).collect();
    let second: Vec<f64> = (0..n).map(|i| spread(&mrr, i)).collect();
    let at = |values: &[f64], scale: &[f64], i: usize| {
        values.get(i).map_or(0.0, |value| value / scale[i])
    };

    let mut classes = alloc::vec![Class::Normal; n];
    let mut i = 1;
    while i < n {
        let near = |k: usize| (i + k).min(n - 1);
        let around = Around {
            drr: [0, 1, 2, 3, 4].map(|k| at(&drr, &first, i + k - 1)),
            mrr: [i, i + 1].map(|j| at(&mrr, &second, j)),
            rr: [0, 1, 2].map(|k| rr[near(k)]),
            median: [0, 1].map(|k| medians[near(k)]),
            threshold: second[i],
        };
        let (here, next) = around.judge();
        classes[i] = here;
        if let (Some(next), true) = (next, i + 1 < n) {
            classes[i + 1] = next;
            i += 1;
        }
        i += 1;
    }
    classes
}

fn median_around(rr: &[f64], i: usize) -> f64 {
    let least = i.saturating_sub(MEDIAN_SIDE);
    let most = (i + MEDIAN_SIDE + 1).min(rr.len());
    median(&rr[least..most])
}

/// The median of at most eleven values.
fn median(values: &[f64]) -> f64 {
    let mut sorted = [0.0; 2 * MEDIAN_SIDE + 1];
    let sorted = &mut sorted[..values.len()];
    sorted.copy_from_slice(values);
    sorted.sort_unstable_by(f64::total_cmp);
    quantile(sorted, 0.5)
}

/// How far an interval is from its median; a short one counts twice.
fn from_median(rr: f64, median: f64) -> f64 {
    let distance = rr - median;
    if distance < 0.0 {
        2.0 * distance
    } else {
        distance
    }
}

/// 5.2 quartile deviations of the magnitudes, between the bounds.
fn threshold(values: impl ExactSizeIterator<Item = f64>, median: f64) -> f64 {
    let mut sorted = [0.0; SPREAD_BEATS];
    let count = values.len().min(SPREAD_BEATS);
    for (slot, value) in sorted.iter_mut().zip(values) {
        *slot = value.abs();
    }
    let sorted = &mut sorted[..count];
    sorted.sort_unstable_by(f64::total_cmp);
    let deviation = (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / 2.0;
    (ALPHA * deviation).clamp(LEAST_SHARE * median, MOST_SHARE * median)
}

/// The quantile of sorted values, linear between ranks.
fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let place = q * last as f64;
    let below = place as usize;
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

/// A beat with its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The beat as it came.
    pub beat: Beat,
    /// What it is.
    pub class: Class,
}

/// Judges beats as they come, each when [`LOOK_AHEAD`] more have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Causal {
    /// The newest beats, judged and not.
    beats: VecDeque<Beat>,
    /// Half-ticks from the median, of the beats old enough to have one.
    from_medians: VecDeque<i32>,
    /// The class that the judgement of one beat gave the next.
    carried: Option<Class>,
}

impl Default for Causal {
    fn default() -> Self {
        Self {
            beats: VecDeque::with_capacity(SPREAD_BEATS + 1),
            from_medians: VecDeque::with_capacity(SPREAD_BEATS + 1),
            carried: None,
        }
    }
}

impl Causal {
    /// Takes a beat; gives the judgement of the one [`LOOK_AHEAD`] before it.
    pub fn push(&mut self, beat: Beat) -> Option<Judged> {
        self.beats.push_back(beat);
        if self.beats.len() > SPREAD_BEATS {
            self.beats.pop_front();
        }
        let i = self.beats.len().checked_sub(LOOK_AHEAD + 1)?;
        let distance = from_median(self.rr(i), self.median(i));
        // A median of eleven or fewer whole ticks is a multiple of a half.
        self.from_medians.push_back((distance * 2.0) as i32);
        if self.from_medians.len() > SPREAD_BEATS {
            self.from_medians.pop_front();
        }
        Some(Judged {
            beat: self.beats[i],
            class: self.judge(i),
        })
    }

    /// Forgets the rhythm: the next beat does not follow the last.
    pub fn clear(&mut self) {
        self.beats.clear();
        self.from_medians.clear();
        self.carried = None;
    }

    fn judge(&mut self, i: usize) -> Class {
        if let Some(class) = self.carried.take() {
            return class;
        }
        if i == 0 {
            return Class::Normal;
        }
        let medians = [self.median(i), self.median(i + 1)];
        let first = threshold((1..self.beats.len()).map(|j| self.drr(j)), medians[0]);
        let second = threshold(
            self.from_medians.iter().map(|half| f64::from(*half) / 2.0),
            medians[0],
        );
        let around = Around {
            drr: [0, 1, 2, 3, 4].map(|k| self.drr(i + k - 1) / first),
            mrr: [0, 1].map(|k| from_median(self.rr(i + k), medians[k]) / second),
            rr: [0, 1, 2].map(|k| self.rr(i + k)),
            median: medians,
            threshold: second,
        };
        let (here, next) = around.judge();
        self.carried = next;
        here
    }

    fn rr(&self, i: usize) -> f64 {
        f64::from(self.beats[i].rr.get())
    }

    fn drr(&self, i: usize) -> f64 {
        if i == 0 {
            0.0
        } else {
            self.rr(i) - self.rr(i - 1)
        }
    }

    fn median(&self, i: usize) -> f64 {
        let least = i.saturating_sub(MEDIAN_SIDE);
        let most = (i + MEDIAN_SIDE + 1).min(self.beats.len());
        let mut values = [0.0; 2 * MEDIAN_SIDE + 1];
        for (slot, j) in values.iter_mut().zip(least..most) {
            *slot = self.rr(j);
        }
        median(&values[..most - least])
    }
}

/// A beat of the mended series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Normal {
    /// The interval that ends with this beat.
    pub rr: Ticks,
    /// When it was, in host time.
    pub at: EngineMs,
    /// Whether it was mended, rather than measured.
    pub mended: bool,
}

/// Turns judged beats into a series without artefacts, one beat behind.
///
/// A missed beat is put in the middle of its interval; an extra one is taken out; an ectopic one
/// is moved to the middle between its neighbours; an interval otherwise too long or short becomes
/// the mean of its neighbours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mender {
    held: Option<Held>,
    last: Option<Ticks>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    rr: u32,
    at: EngineMs,
    class: Class,
    mended: bool,
}

impl Held {
    fn new(judged: Judged) -> Self {
        let Judged { beat, class } = judged;
        Self {
            rr: beat.rr.get(),
            at: beat.at,
            class,
            mended: class != Class::Normal,
        }
    }

    /// Both intervals halves of their sum; gives the first.
    fn share_with(&mut self, earlier: Self) -> Self {
        let sum = earlier.rr + self.rr;
        self.rr = sum / 2;
        self.class = Class::Normal;
        self.mended = true;
        let at = EngineMs(self.at.0.saturating_sub(u64::from(self.rr) * 1000 / 1024));
        Self {
            rr: sum - self.rr,
            at,
            class: Class::Normal,
            mended: true,
        }
    }
}

impl Mender {
    /// Takes a judged beat; gives the mended ones that it settles, at most two.
    pub fn push(&mut self, judged: Judged) -> [Option<Normal>; 2] {
        let mut next = Held::new(judged);
        let Some(held) = self.held.take() else {
            self.held = Some(next);
            return [None; 2];
        };
        if held.class == Class::Extra {
            next.rr += held.rr;
            next.class = Class::Normal;
            next.mended = true;
            self.held = Some(next);
            return [None; 2];
        }
        let settled = if next.class == Class::Ectopic {
            next.share_with(held)
        } else {
            held
        };
        self.held = Some(next);
        self.settle(settled, Some(next))
    }

    /// Gives what is still held.
    pub fn finish(&mut self) -> [Option<Normal>; 2] {
        match self.held.take() {
            Some(held) => self.settle(held, None),
            None => [None; 2],
        }
    }

    /// Forgets the rhythm.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    fn settle(&mut self, held: Held, next: Option<Held>) -> [Option<Normal>; 2] {
        match held.class {
            Class::Missed => {
                let mut second = held;
                let first = second.share_with(Held { rr: 0, ..held });
                [Some(self.give(first)), Some(self.give(second))]
            }
            Class::Long | Class::Short | Class::Ectopic => {
                let after = next
                    .filter(|next| next.class == Class::Normal)
                    .map(|next| next.rr);
                let before = self.last.map(Ticks::get);
                let rr = match (before, after) {
                    (Some(before), Some(after)) => before.midpoint(after),
                    (Some(one), None) | (None, Some(one)) => one,
                    (None, None) => held.rr,
                };
                [Some(self.give(Held { rr, ..held })), None]
            }
            Class::Normal | Class::Extra => [Some(self.give(held)), None],
        }
    }

    fn give(&mut self, held: Held) -> Normal {
        let rr = Ticks::new(held.rr.clamp(1, u32::from(u16::MAX))).expect("clamped to the range");
        self.last = Some(rr);
        Normal {
            rr,
            at: held.at,
            mended: held.mended,
        }
    }
}

/// Mends a whole series by its classes.
pub fn correct(rr: &[Ticks], classes: &[Class]) -> Vec<Normal> {
    let mut mender = Mender::default();
    let mut mended = Vec::with_capacity(rr.len());
    let mut ticks = 0u64;
    for (rr, class) in rr.iter().zip(classes) {
        ticks += u64::from(rr.get());
        let beat = Beat {
            rr: *rr,
            at: EngineMs(ticks * 125 / 128),
        };
        mended.extend(
            mender
                .push(Judged {
                    beat,
                    class: *class,
                })
                .into_iter()
                .flatten(),
        );
    }
    mended.extend(mender.finish().into_iter().flatten());
    mended
}

impl Canon for Causal {
    fn canon(&self, sink: &mut dyn Sink) {
        (self.beats.len() as u64).canon(sink);
        for beat in &self.beats {
            beat.rr.canon(sink);
            beat.at.canon(sink);
        }
        (self.from_medians.len() as u64).canon(sink);
        for half in &self.from_medians {
            half.canon(sink);
        }
        self.carried.map(|class| class as u8).canon(sink);
    }
}

impl Canon for Mender {
    fn canon(&self, sink: &mut dyn Sink) {
        self.last.canon(sink);
        self.held.is_some().canon(sink);
        if let Some(held) = &self.held {
            held.rr.canon(sink);
            held.at.canon(sink);
            (held.class as u8).canon(sink);
            held.mended.canon(sink);
        }
    }
}
