//! Slices of work, and two contestants measured in alternation.
//!
//! A machine that other work shares changes its speed within seconds, most of all its disk. So nothing here is measured alone:
//! one slice of ours, one slice of the rival, and again, and the result is the ratio within each pair, with its range.

use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// Pairs behind every row; the first, which warms caches and files up, is measured and thrown away.
pub const PAIRS: usize = 12;

/// What one contestant did in one slice.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    /// Work done, in the row's unit.
    pub units: f64,
    /// Time on the wall.
    pub wall: Duration,
    /// CPU time used.
    pub cpu: Duration,
}

/// Which clock a row's rates and ratios are by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// CPU seconds: work that never waits.
    Cpu,
    /// Seconds on the wall: work that waits for the disk or for a peer.
    Wall,
}

/// Median and range.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Spread {
    /// Middle value.
    pub median: f64,
    /// Least value.
    pub min: f64,
    /// Greatest value.
    pub max: f64,
}

/// One line of the results.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Group of rows, such as `canonical`.
    pub topic: String,
    /// What was done.
    pub case: String,
    /// Rival and its version.
    pub rival: String,
    /// Unit of the rates, per second of `clock`.
    pub unit: String,
    /// Clock of the rates and of the ratio.
    pub clock: Clock,
    /// Our rate.
    pub ours: Spread,
    /// The rival's rate.
    pub theirs: Spread,
    /// Our rate divided by the rival's, pair by pair.
    pub ratio: Spread,
    /// Our CPU microseconds per unit.
    pub ours_cpu_us: f64,
    /// The rival's CPU microseconds per unit.
    pub theirs_cpu_us: f64,
    /// Number of pairs.
    pub pairs: usize,
}

/// What a row is about.
#[derive(Clone, Copy, Debug)]
pub struct Title<'a> {
    /// Group of rows.
    pub topic: &'a str,
    /// What is done.
    pub case: &'a str,
    /// Rival and its version.
    pub rival: &'a str,
    /// Unit of the work.
    pub unit: &'a str,
    /// Clock to compare by.
    pub clock: Clock,
}

/// Runs ours and theirs in alternation and compares them pair by pair.
pub fn compare(
    title: Title<'_>,
    mut ours: impl FnMut() -> Result<Slice>,
    mut theirs: impl FnMut() -> Result<Slice>,
) -> Result<Row> {
    let mut pairs = Vec::with_capacity(PAIRS);
    for pair in 0..=PAIRS {
        let slices = (ours()?, theirs()?);
        if pair > 0 {
            pairs.push(slices);
        }
    }
    let rate = |slice: Slice| slice.units / time(title.clock, slice).as_secs_f64();
    let cpu_us = |slice: Slice| slice.cpu.as_secs_f64() * 1e6 / slice.units;
    let row = Row {
        topic: title.topic.to_owned(),
        case: title.case.to_owned(),
        rival: title.rival.to_owned(),
        unit: title.unit.to_owned(),
        clock: title.clock,
        ours: spread(pairs.iter().map(|pair| rate(pair.0))),
        theirs: spread(pairs.iter().map(|pair| rate(pair.1))),
        ratio: spread(pairs.iter().map(|pair| rate(pair.0) / rate(pair.1))),
        ours_cpu_us: spread(pairs.iter().map(|pair| cpu_us(pair.0))).median,
        theirs_cpu_us: spread(pairs.iter().map(|pair| cpu_us(pair.1))).median,
        pairs: pairs.len(),
    };
    eprintln!("{}", crate::report::line(&row));
    Ok(row)
}

/// Repeats `work`, which returns the units it did, for at least `slice` on this thread.
pub fn repeat(slice: Duration, mut work: impl FnMut() -> Result<f64>) -> Result<Slice> {
    let (started, cpu) = (Instant::now(), cpu_time(ClockId::ThreadCPUTime));
    let mut units = 0.0;
    while started.elapsed() < slice {
        units += work()?;
    }
    let cpu = cpu_time(ClockId::ThreadCPUTime) - cpu;
    Ok(Slice {
        units,
        wall: started.elapsed(),
        cpu,
    })
}

/// Like [`repeat`], counting the CPU time of every thread of this process.
pub fn repeat_all_threads(slice: Duration, work: impl FnMut() -> Result<f64>) -> Result<Slice> {
    let cpu = cpu_time(ClockId::ProcessCPUTime);
    let done = repeat(slice, work)?;
    Ok(Slice {
        cpu: cpu_time(ClockId::ProcessCPUTime) - cpu,
        ..done
    })
}

/// Runs `callers` threads until `until`, each with work of its own; the units of all.
pub fn from_all_callers<W: FnMut() -> Result<f64>>(
    callers: usize,
    until: Instant,
    work_of_one: impl Fn() -> W + Sync,
) -> Result<f64> {
    let caller = || -> Result<f64> {
        let (mut work, mut units) = (work_of_one(), 0.0);
        while Instant::now() < until {
            units += work()?;
        }
        Ok(units)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..callers).map(|_| scope.spawn(caller)).collect();
        threads
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .sum()
    })
}

/// CPU time so far, by `clock`.
pub fn cpu_time(clock: ClockId) -> Duration {
    let now = clock_gettime(clock);
    Duration::new(
        now.tv_sec.unsigned_abs(),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}

fn time(clock: Clock, slice: Slice) -> Duration {
    match clock {
        Clock::Cpu => slice.cpu,
        Clock::Wall => slice.wall,
    }
}

/// Median and range of at least one value.
pub fn spread(values: impl Iterator<Item = f64>) -> Spread {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let median = if sorted.len().is_multiple_of(2) {
        f64::midpoint(sorted[middle - 1], sorted[middle])
    } else {
        sorted[middle]
    };
    Spread {
        median,
        min: sorted[0],
        max: sorted[sorted.len() - 1],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(units: f64, ms: u64) -> Result<Slice> {
        let time = Duration::from_millis(ms);
        Ok(Slice {
            units,
            wall: time,
            cpu: time,
        })
    }

    #[test]
    fn the_ratio_is_taken_within_pairs_and_the_first_pair_is_dropped() {
        let title = Title {
            topic: "t",
            case: "c",
            rival: "r",
            unit: "u",
            clock: Clock::Wall,
        };
        let mut calls = 0;
        let ours = || {
            calls += 1;
            // The first pair is a thousand times slower for both, then speed drifts for both alike.
            slice(20.0, if calls == 1 { 100_000 } else { 100 * calls })
        };
        let mut theirs_calls = 0;
        let theirs = || {
            theirs_calls += 1;
            slice(
                10.0,
                if theirs_calls == 1 {
                    1
                } else {
                    100 * theirs_calls
                },
            )
        };
        let row = compare(title, ours, theirs).unwrap();
        assert_eq!(row.pairs, PAIRS);
        assert!((row.ratio.min - 2.0).abs() < 1e-9 && (row.ratio.max - 2.0).abs() < 1e-9);
    }

    #[test]
    fn the_median_of_an_even_number_is_the_mean_of_the_middle_two() {
        let spread = spread([4.0, 1.0, 3.0, 2.0].into_iter());
        assert!((spread.median - 2.5).abs() < 1e-9);
    }
}
