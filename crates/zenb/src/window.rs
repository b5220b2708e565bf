//! Sliding windows with exact sums.
//!
//! Every sum is an integer, so taking a beat in and out leaves no trace: the sums of a window
//! that slid over a day equal those of its beats added afresh (property
//! `a_sliding_window_equals_its_beats_added_afresh`).

use alloc::collections::VecDeque;

use crate::canon::Canon;
use crate::canon::Sink;

/// The length of a unit of time in which intervals are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// How many of them make a second.
    pub per_second: u64,
}

impl Unit {
    /// 1/1024 s, the unit of the Bluetooth heart-rate profile.
    pub const TICKS: Self = Self { per_second: 1024 };

    /// Whether a difference is strictly above 50 ms.
    fn above_50_ms(self, difference: u64) -> bool {
        u128::from(difference) * 20 > u128::from(self.per_second)
    }
}

/// What a window's beats add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// How many intervals.
    pub count: u64,
    /// Their sum.
    pub sum: u128,
    /// The sum of their squares.
    pub squares: u128,
    /// The sum of the squares of their successive differences; there are `count - 1`.
    pub difference_squares: u128,
    /// How many of those differences are strictly above 50 ms.
    pub above_50_ms: u64,
}

/// The newest intervals whose sum is at most a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    unit: Unit,
    span: u64,
    most: usize,
    intervals: VecDeque<u64>,
    sums: Sums,
}

impl Window {
    /// A window of `seconds`, holding at most `most` intervals. It allocates here and then no
    /// more.
    pub fn new(unit: Unit, seconds: u32, most: usize) -> Self {
        Self {
            unit,
            span: unit.per_second.saturating_mul(u64::from(seconds)),
            most,
            intervals: VecDeque::with_capacity(most + 1),
            sums: Sums::default(),
        }
    }

    /// Takes the next interval in and lets those beyond the span out.
    pub fn push(&mut self, interval: u64) {
        if let Some(last) = self.intervals.back() {
            self.sums.join(self.unit, *last, interval);
        }
        self.sums.add(interval);
        self.intervals.push_back(interval);
        while self.sums.sum > u128::from(self.span) || self.intervals.len() > self.most {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let Some(oldest) = self.intervals.pop_front() else {
            return;
        };
        self.sums.remove(oldest);
        if let Some(next) = self.intervals.front() {
            self.sums.part(self.unit, oldest, *next);
        }
    }

    /// Forgets everything, keeping the memory.
    pub fn clear(&mut self) {
        self.intervals.clear();
        self.sums = Sums::default();
    }

    /// What the beats add up to.
    pub fn sums(&self) -> &Sums {
        &self.sums
    }

    /// The unit of the intervals.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// The intervals, oldest first.
    pub fn intervals(&self) -> impl DoubleEndedIterator<Item = u64> + ExactSizeIterator + '_ {
        self.intervals.iter().copied()
    }
}

impl Sums {
    /// The sums of a whole series.
    pub fn of(unit: Unit, intervals: impl IntoIterator<Item = u64>) -> Self {
        let mut sums = Self::default();
        let mut last = None;
        for interval in intervals {
            if let Some(last) = last {
                sums.join(unit, last, interval);
            }
            sums.add(interval);
            last = Some(interval);
        }
        sums
    }

    /// Adds the sums of a stretch that does not follow this one: nothing joins the two.
    pub fn pool(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.squares += other.squares;
        self.difference_squares += other.difference_squares;
        self.above_50_ms += other.above_50_ms;
    }

    fn add(&mut self, interval: u64) {
        self.count += 1;
        self.sum += u128::from(interval);
        self.squares += square(interval);
    }

    fn remove(&mut self, interval: u64) {
        self.count -= 1;
        self.sum -= u128::from(interval);
        self.squares -= square(interval);
    }

    fn join(&mut self, unit: Unit, earlier: u64, later: u64) {
        let difference = earlier.abs_diff(later);
        self.difference_squares += square(difference);
        self.above_50_ms += u64::from(unit.above_50_ms(difference));
    }

    fn part(&mut self, unit: Unit, earlier: u64, later: u64) {
        let difference = earlier.abs_diff(later);
        self.difference_squares -= square(difference);
        self.above_50_ms -= u64::from(unit.above_50_ms(difference));
    }
}

fn square(value: u64) -> u128 {
    u128::from(value) * u128::from(value)
}

impl Canon for Window {
    fn canon(&self, sink: &mut dyn Sink) {
        self.unit.per_second.canon(sink);
        self.span.canon(sink);
        (self.most as u64).canon(sink);
        (self.intervals.len() as u64).canon(sink);
        for interval in &self.intervals {
            interval.canon(sink);
        }
        // The sums follow from the intervals; a fault in them must show all the same.
        self.sums.sum.canon(sink);
        self.sums.squares.canon(sink);
        self.sums.difference_squares.canon(sink);
        self.sums.above_50_ms.canon(sink);
    }
}
