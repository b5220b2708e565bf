//! Whether beats follow each other without an order: then nothing that rests on their order is
//! measured, whatever the artefacts' share says.
//!
//! A heart in rhythm swings: with the breath, with the blood pressure. What comes after an interval
//! is then near to what came after a like one before, or the swing comes back after a few beats.
//! Of the newest [`MOST_BEATS`] intervals, as they came and not mended, four readings must agree:
//!
//! - half of the steps from beat to beat are large ([`LEAST_STEP`]);
//! - the series turns often ([`LEAST_TURNS`]): a slow breath turns twice in its many beats, chance
//!   at two beats of three (Dash and others 2009, doi 10.1007/s10439-009-9740-z);
//! - steps two, three and four beats apart go neither together nor against each other
//!   ([`MOST_ORDER`]): a breath of a few beats, which turns often too, has them do either;
//! - after like intervals come unlike ones ([`LEAST_WIDTH`]): how wide, from the shares of pairs
//!   that are alike once and twice, which is sample entropy of order one without its logarithm
//!   (Lake and Moorman 2011, doi 10.1152/ajpheart.00561.2010).
//!
//! All of it is in integers, and single beats out of place move it little.

use alloc::collections::VecDeque;

use crate::canon::Canon;
use crate::canon::Sink;
use crate::timeline::Beat;
use crate::units::EngineMs;

/// Beats that are judged.
pub const MOST_BEATS: usize = 96;
/// The fewest that can be judged.
pub const LEAST_BEATS: usize = 64;
/// A rhythm is called irregular for so long after the last beat at which it was.
pub const LINGER_MS: u64 = 20_000;
/// The least median step between successive intervals, in thousandths of the median interval.
const LEAST_STEP: u64 = 55;
/// The least share of beats at which the series turns, in thousandths; chance turns at 667.
const LEAST_TURNS: u64 = 480;
/// How far the share of steps against each other may be from one half, in thousandths.
const MOST_ORDER: u64 = 180;
/// How many beats apart steps are compared.
const APART: [usize; 3] = [2, 3, 4];
/// Intervals are alike within this share of the median interval, in thousandths.
const ALIKE: u64 = 30;
/// The least width of what follows a like interval, in thousandths of the median interval.
const LEAST_WIDTH: u64 = 285;

/// The newest intervals, and since when they have had no order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rhythm {
    intervals: VecDeque<u16>,
    irregular: Option<Irregular>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Irregular {
    since: EngineMs,
    last: EngineMs,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self {
            intervals: VecDeque::with_capacity(MOST_BEATS + 1),
            irregular: None,
        }
    }
}

impl Rhythm {
    /// Takes the next beat; answers since when the rhythm has been irregular, if it is.
    pub fn push(&mut self, beat: Beat) -> Option<EngineMs> {
        let ticks = beat.rr.get().min(u32::from(u16::MAX)) as u16;
        self.intervals.push_back(ticks);
        if self.intervals.len() > MOST_BEATS {
            self.intervals.pop_front();
        }
        if self.intervals.len() >= LEAST_BEATS {
            self.judge(beat.at);
        }
        self.irregular_since()
    }

    /// Since when the rhythm has been irregular, if it is.
    pub fn irregular_since(&self) -> Option<EngineMs> {
        self.irregular.map(|irregular| irregular.since)
    }

    /// The next beat does not follow the last. What was irregular is so until it can be judged
    /// again: a lost packet puts no heart in order.
    pub fn clear(&mut self) {
        self.intervals.clear();
    }

    fn judge(&mut self, at: EngineMs) {
        let mut intervals = [0; MOST_BEATS];
        let intervals = &mut intervals[..self.intervals.len()];
        for (slot, ticks) in intervals.iter_mut().zip(&self.intervals) {
            *slot = *ticks;
        }
        if is_irregular(intervals) {
            let since = self.irregular_since().unwrap_or(at);
            self.irregular = Some(Irregular { since, last: at });
        } else {
            self.irregular = self
                .irregular
                .filter(|irregular| at.since(irregular.last) <= LINGER_MS);
        }
    }
}

/// Whether a series of at most [`MOST_BEATS`] intervals has no order. The readings that cost least
/// come first.
fn is_irregular(intervals: &[u16]) -> bool {
    let mut steps = [0_i32; MOST_BEATS];
    let steps = &mut steps[..intervals.len() - 1];
    for (slot, pair) in steps.iter_mut().zip(intervals.windows(2)) {
        *slot = i32::from(pair[1]) - i32::from(pair[0]);
    }
    let median = median(intervals.iter().map(|ticks| u32::from(*ticks)));
    let step = self::median(steps.iter().map(|step| step.unsigned_abs()));
    let (turns, pairs) = opposite(steps, 1);
    step * 1000 >= LEAST_STEP * median
        && turns * 1000 >= LEAST_TURNS * pairs
        && APART.iter().all(|apart| {
            let (against, pairs) = opposite(steps, *apart);
            (2 * against).abs_diff(pairs) * 500 <= MOST_ORDER * pairs
        })
        && is_wide(intervals, median)
}

/// How many steps so many beats apart go against each other, and of how many.
fn opposite(steps: &[i32], apart: usize) -> (u64, u64) {
    let pairs = steps.iter().zip(&steps[apart..]);
    let against = pairs.filter(|(a, b)| a.signum() * b.signum() < 0).count();
    (against as u64, (steps.len() - apart) as u64)
}

/// Whether intervals after like ones are far apart: of the pairs of like intervals so few are
/// followed by a like pair that what follows is at least [`LEAST_WIDTH`] wide.
fn is_wide(intervals: &[u16], median: u64) -> bool {
    let alike = |a: u16, b: u16| u64::from(a.abs_diff(b)) * 1000 <= ALIKE * median;
    let (mut once, mut twice) = (0_u64, 0_u64);
    for i in 0..intervals.len() - 1 {
        for j in 0..i {
            let here = alike(intervals[i], intervals[j]);
            let next = alike(intervals[i + 1], intervals[j + 1]);
            once += u64::from(here);
            twice += u64::from(here && next);
        }
    }
    2 * ALIKE * once >= LEAST_WIDTH * twice
}

/// The upper median of at most [`MOST_BEATS`] values.
fn median(values: impl ExactSizeIterator<Item = u32>) -> u64 {
    let mut sorted = [0; MOST_BEATS];
    let sorted = &mut sorted[..values.len()];
    for (slot, value) in sorted.iter_mut().zip(values) {
        *slot = value;
    }
    let (_, middle, _) = sorted.select_nth_unstable(sorted.len() / 2);
    u64::from(*middle)
}

impl Canon for Rhythm {
    fn canon(&self, sink: &mut dyn Sink) {
        (self.intervals.len() as u64).canon(sink);
        let mut bytes = [0; 2 * MOST_BEATS];
        for (slot, ticks) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(&self.intervals) {
            *slot = ticks.to_be_bytes();
        }
        sink.put(&bytes[..2 * self.intervals.len()]);
        self.irregular.is_some().canon(sink);
        if let Some(irregular) = &self.irregular {
            irregular.since.canon(sink);
            irregular.last.canon(sink);
        }
    }
}
