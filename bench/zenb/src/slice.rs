//! What a slice of work took.

use std::time::Instant;

use anyhow::Result;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

/// Work done, and what it took.
#[derive(Serialize)]
pub struct Slice {
    /// How much, in the slice's unit.
    pub units: f64,
    /// Seconds on a processor.
    pub cpu_s: f64,
    /// Seconds on the wall.
    pub wall_s: f64,
    /// The median of one item on a processor, µs.
    pub p50_us: f64,
    /// What 99 % of the items stay under, on a processor, µs.
    pub p99_us: f64,
}

/// Of this thread, which is the only one: other programs' time is not in it.
fn cpu_s() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// Does the work for each item, and times each and all.
pub fn each<T>(items: &[T], mut work: impl FnMut(&T) -> Result<()>) -> Result<Slice> {
    let mut times = Vec::with_capacity(items.len());
    let (wall, cpu) = (Instant::now(), cpu_s());
    for item in items {
        let begun = cpu_s();
        work(item)?;
        times.push(cpu_s() - begun);
    }
    let (cpu_s, wall_s) = (cpu_s() - cpu, wall.elapsed().as_secs_f64());
    times.sort_unstable_by(f64::total_cmp);
    let at = |permille: usize| {
        let index = times.len().saturating_sub(1) * permille / 1000;
        times.get(index).map_or(0.0, |time| time * 1e6)
    };
    Ok(Slice {
        units: items.len() as f64,
        cpu_s,
        wall_s,
        p50_us: at(500),
        p99_us: at(990),
    })
}
