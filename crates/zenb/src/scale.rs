//! Whether intervals are in the unit that they are said to be in, told by the host's clock.
//!
//! The heart-rate profile counts 1/1024 s; some straps and programs put milliseconds there, or take
//! one for the other in a file. No interval shows that, being 2.4 % too short or too long, but their
//! sum does: it falls behind the clock, or runs ahead of it, by so much of every second, which no
//! clock does. The lead of the sum over the clock is read at its greatest in each [`STEP_US`],
//! because beats are told late, never early. Over [`STEPS`] steps it must lie on one line: lost beats
//! fall in leaps. Nothing is corrected; it is said.

use serde::Deserialize;
use serde::Serialize;

use crate::canon::Canon;
use crate::canon::Sink;
use crate::units::EngineMs;

/// The lead is read once in so long.
const STEP_US: i64 = 15_000_000;
/// So many steps are judged together: two minutes.
const STEPS: usize = 8;
/// How fast the lead of the wrong unit moves, in parts per million: by 23,437 or 24,000, beside what
/// clocks drift.
const PPM: core::ops::RangeInclusive<i64> = 18_500..=29_000;
/// How far a reading may be from the line through the first and the last.
const OFF_LINE_US: i64 = 200_000;

/// Which unit stands where the other should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum OtherUnit {
    /// Milliseconds where 1/1024 s are said to be: intervals are read as 2.3 % too short.
    Millis = 1,
    /// 1/1024 s where milliseconds were said to be: intervals are read as 2.4 % too long.
    Ticks = 2,
}

/// The lead of the intervals' sum, step by step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scale {
    since: Option<EngineMs>,
    ticks: u64,
    /// The greatest reading of the step that is under way.
    under_way: Option<Reading>,
    /// The greatest of each of the last steps before it, oldest first.
    done: [Option<Reading>; STEPS + 1],
    found: Option<OtherUnit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reading {
    /// Since the first packet.
    at_us: i64,
    lead_us: i64,
}

impl Scale {
    /// Takes intervals, whether they fit the clock or not, on their arrival.
    pub fn push(&mut self, at: EngineMs, ticks: u64) {
        let Some(since) = self.since else {
            self.since = Some(at);
            return;
        };
        self.ticks = self.ticks.saturating_add(ticks);
        let at_us = i64::try_from(at.since(since).saturating_mul(1_000)).unwrap_or(i64::MAX);
        let sum_us = i64::try_from(u128::from(self.ticks) * 15_625 / 16).unwrap_or(i64::MAX);
        let lead_us = sum_us.saturating_sub(at_us);
        let reading = Reading { at_us, lead_us };
        match self.under_way {
            Some(best) if best.at_us / STEP_US == at_us / STEP_US => {
                if lead_us > best.lead_us {
                    self.under_way = Some(reading);
                }
            }
            Some(best) => {
                self.done.rotate_left(1);
                self.done[STEPS] = Some(best);
                self.under_way = Some(reading);
                self.found = self.found.or_else(|| self.on_a_line());
            }
            None => self.under_way = Some(reading),
        }
    }

    /// The sum begins again: intervals are missing. What was found stays found.
    pub fn restart(&mut self) {
        *self = Self {
            found: self.found,
            ..Self::default()
        };
    }

    /// The unit that stands where the other should, if that was seen.
    pub fn found(&self) -> Option<OtherUnit> {
        self.found
    }

    fn on_a_line(&self) -> Option<OtherUnit> {
        let (first, last) = (self.done[0]?, self.done[STEPS]?);
        let (over_us, moved_us) = (last.at_us - first.at_us, last.lead_us - first.lead_us);
        let steady = self.done.iter().flatten().all(|reading| {
            let part = i128::from(moved_us) * i128::from(reading.at_us - first.at_us);
            let line = part / i128::from(over_us.max(1));
            (i128::from(reading.lead_us - first.lead_us) - line).abs() <= i128::from(OFF_LINE_US)
        });
        let ppm = i128::from(moved_us) * 1_000_000 / i128::from(over_us.max(1));
        let ppm = i64::try_from(ppm).ok()?;
        if !steady || !PPM.contains(&ppm.abs()) {
            return None;
        }
        Some(if ppm < 0 {
            OtherUnit::Millis
        } else {
            OtherUnit::Ticks
        })
    }
}

impl Canon for Reading {
    fn canon(&self, sink: &mut dyn Sink) {
        self.at_us.canon(sink);
        self.lead_us.canon(sink);
    }
}

impl Canon for OtherUnit {
    fn canon(&self, sink: &mut dyn Sink) {
        sink.put(&[*self as u8]);
    }
}

impl Canon for Scale {
    fn canon(&self, sink: &mut dyn Sink) {
        self.since.canon(sink);
        self.ticks.canon(sink);
        self.under_way.canon(sink);
        for reading in &self.done {
            reading.canon(sink);
        }
        self.found.canon(sink);
    }
}
