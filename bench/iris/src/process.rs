//! CPU time and memory from `/proc`.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;

/// Length of the kernel's ticks in these files.
const TICK: Duration = Duration::from_millis(10);

/// As many open files as the system lets us have.
pub(crate) fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, all) {
        eprintln!("the limit of open files stays {:?}: {error}", limit.current);
    }
}

/// CPU time so far: the server's, ours and that of the whole machine.
#[derive(Clone, Copy, Debug)]
struct Used {
    server: Duration,
    own: Duration,
    all: Duration,
}

/// A span of time on the wall, with the CPU time of everybody in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    pid: u32,
    since: Instant,
    before: Used,
}

/// What a span cost.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Cost {
    /// Seconds on the wall.
    pub(crate) seconds: f64,
    /// CPU seconds of the server.
    pub(crate) server: f64,
    /// CPU seconds of the generator.
    pub(crate) own: f64,
    /// CPU of all others, as a share of one core.
    pub(crate) other: f64,
}

impl Meter {
    /// Starts now.
    pub(crate) fn start(pid: u32) -> Result<Self> {
        Ok(Self {
            pid,
            since: Instant::now(),
            before: used(pid)?,
        })
    }

    /// Ends now.
    pub(crate) fn stop(self) -> Result<Cost> {
        let seconds = self.since.elapsed().as_secs_f64();
        let after = used(self.pid)?;
        let server = (after.server - self.before.server).as_secs_f64();
        let own = (after.own - self.before.own).as_secs_f64();
        let all = (after.all - self.before.all).as_secs_f64();
        Ok(Cost {
            seconds,
            server,
            own,
            other: ((all - server - own) / seconds).max(0.0),
        })
    }
}

fn used(pid: u32) -> Result<Used> {
    Ok(Used {
        server: of_process(&pid.to_string())?,
        own: of_process("self")?,
        all: of_machine()?,
    })
}

fn of_process(name: &str) -> Result<Duration> {
    let stat =
        fs::read_to_string(format!("/proc/{name}/stat")).context("read a process's CPU time")?;
    let (_, fields) = stat
        .rsplit_once(") ")
        .context("find the fields of a process")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks: u32 = fields[11].parse::<u32>()? + fields[12].parse::<u32>()?;
    Ok(TICK * ticks)
}

/// All that ran: user, nice, system, interrupts and what the hypervisor took; neither idle nor waiting for the disk.
fn of_machine() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/stat").context("read the machine's CPU time")?;
    let line = stat.lines().next().context("find the sum of all cores")?;
    let fields: Vec<u32> = line
        .split_whitespace()
        .skip(1)
        .map_while(|field| field.parse().ok())
        .collect();
    Ok(TICK
        * [0, 1, 2, 5, 6, 7]
            .iter()
            .filter_map(|&at| fields.get(at))
            .sum::<u32>())
}

/// Proportional set size in bytes.
pub(crate) fn memory(pid: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))
        .context("read a process's memory")?;
    let line = text
        .lines()
        .find(|line| line.starts_with("Pss:"))
        .context("find its share")?;
    let kilobytes = line.split_whitespace().nth(1).context("find its size")?;
    Ok(kilobytes.parse::<f64>()? * 1024.0)
}
