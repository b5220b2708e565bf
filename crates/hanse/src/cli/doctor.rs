//! `hanse doctor`: can this machine and data folder carry a node?

use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use api::health::Readiness;
use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::client::Client;
use super::{Failure, Global};
use crate::config::{DataDir, HttpConfig};
use platform::clock::Clock;

/// 2026-01-01T00:00:00Z: a clock before this was never set.
const CLOCK_MS_MIN: i64 = 1_767_225_600_000;
/// A slower sync makes every write slow.
const SYNC_SLOW: Duration = Duration::from_millis(20);
/// Syncs to measure; the median counts.
const SYNCS: usize = 9;

/// Check whether this machine and data folder can carry a node, and say what to do.
#[derive(Debug, Args)]
pub struct Doctor {}

/// How one check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// As it must be.
    Ok,
    /// It works, and somebody should look.
    Warn,
    /// A node cannot work like this.
    Fail,
}

/// One check and what to do about it.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// What was checked.
    pub check: &'static str,
    /// How it came out.
    pub health: Health,
    /// What was seen.
    pub seen: String,
    /// What to do; empty when nothing.
    pub advice: String,
}

impl Checked {
    /// All is well.
    pub fn ok(check: &'static str, seen: impl Into<String>) -> Self {
        Self {
            check,
            health: Health::Ok,
            seen: seen.into(),
            advice: String::new(),
        }
    }

    /// Somebody should look.
    pub fn warn(check: &'static str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            check,
            health: Health::Warn,
            seen: seen.into(),
            advice: advice.into(),
        }
    }

    /// A node cannot work like this.
    pub fn fail(check: &'static str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            check,
            health: Health::Fail,
            seen: seen.into(),
            advice: advice.into(),
        }
    }
}

impl Doctor {
    /// Checks everything that does not need the journal, and asks the node if one runs.
    ///
    /// # Errors
    /// Some check failed.
    pub fn run(&self, global: &Global) -> Result<(), Failure> {
        let mut findings = examine(&global.data());
        let node = Client::without_token(global);
        findings.extend(running(node.url(), node.readiness()));
        let rows: Vec<_> = findings.iter().map(|finding| json!(finding)).collect();
        global
            .output()
            .table(&rows, &["check", "health", "seen", "advice"]);
        let failed = findings
            .iter()
            .filter(|finding| finding.health == Health::Fail)
            .count();
        if failed == 0 {
            Ok(())
        } else {
            Err(Failure::environment(format!("{failed} checks failed")))
        }
    }
}

/// Every check, in the order in which a person would fix them.
pub fn examine(data: &DataDir) -> Vec<Checked> {
    let http = HttpConfig::default();
    vec![
        clock(Clock::system().now_ms(), newest_file_ms(data.path())),
        folder(data.path()),
        sync(data.path()),
        keys(&data.keys()),
        manifest(data),
        port("http port", http.address),
        port("metrics port", http.metrics_address),
    ]
}

/// What the node that runs says of itself: one line for each of its checks that is not as it must be.
fn running(url: &str, said: Option<Readiness>) -> Vec<Checked> {
    let Some(said) = said else {
        return vec![Checked::ok("node", format!("none answers at {url}"))];
    };
    if said.ready {
        return vec![Checked::ok("node", format!("ready, at {url}"))];
    }
    let bad = said.checks.into_iter().filter(|check| !check.ok);
    let advice = "make room on the disk; restart the node if it says so";
    bad.map(|check| Checked::fail("node", format!("{}: {}", check.name, check.detail), advice))
        .collect()
}

/// A clock behind the newest file was turned back.
fn clock(now_ms: i64, newest_ms: Option<i64>) -> Checked {
    let advice = "set the clock, for example with NTP";
    if now_ms < CLOCK_MS_MIN {
        return Checked::fail("clock", "it was never set", advice);
    }
    match newest_ms {
        Some(newest) if newest > now_ms + 1000 => {
            let behind_s = (newest - now_ms) / 1000;
            Checked::fail(
                "clock",
                format!("{behind_s} s behind the newest file of the node"),
                advice,
            )
        }
        _ => Checked::ok("clock", "set, and not behind the newest file of the node"),
    }
}

fn newest_file_ms(folder: &Path) -> Option<i64> {
    let files = fs::read_dir(folder).ok()?.flatten();
    let times = files.filter_map(|file| file.metadata().ok()?.modified().ok());
    let since = |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).ok();
    times
        .filter_map(since)
        .filter_map(|time| i64::try_from(time.as_millis()).ok())
        .max()
}

fn folder(path: &Path) -> Checked {
    let Ok(metadata) = fs::metadata(path) else {
        return Checked::fail(
            "data folder",
            format!("{} does not exist", path.display()),
            "run hanse init",
        );
    };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        Checked::ok(
            "data folder",
            format!("{}, mode {mode:04o}", path.display()),
        )
    } else {
        let advice = format!("chmod 700 {}", path.display());
        Checked::warn(
            "data folder",
            format!("mode {mode:04o}: others may list it"),
            advice,
        )
    }
}

/// Writes and syncs a small file a few times.
fn sync(folder: &Path) -> Checked {
    let path = folder.join(format!(".doctor-{}", std::process::id()));
    let measured = measure_sync(&path);
    let removed = fs::remove_file(&path);
    match (measured, removed) {
        (Ok(median), Ok(())) if median <= SYNC_SLOW => Checked::ok(
            "durable writes",
            format!("fsync takes {median:.1?} (median of {SYNCS})"),
        ),
        (Ok(median), Ok(())) => Checked::warn(
            "durable writes",
            format!("fsync takes {median:.1?} (median of {SYNCS})"),
            "use a disk that syncs faster: every write waits for it",
        ),
        (Err(error), _) | (_, Err(error)) => Checked::fail(
            "durable writes",
            error.to_string(),
            "make the folder writable, free some space",
        ),
    }
}

fn measure_sync(path: &Path) -> std::io::Result<Duration> {
    let mut file = File::create(path)?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let started = Instant::now();
        file.write_all(&[0; 4096])?;
        file.sync_all()?;
        times.push(started.elapsed());
    }
    times.sort();
    Ok(times[SYNCS / 2])
}

fn keys(path: &Path) -> Checked {
    let Ok(metadata) = fs::metadata(path) else {
        return Checked::fail(
            "key store",
            format!("{} does not exist", path.display()),
            "run hanse init",
        );
    };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        Checked::ok("key store", format!("mode {mode:04o}"))
    } else {
        let advice = format!("chmod 600 {}, and consider its keys known", path.display());
        Checked::fail(
            "key store",
            format!("mode {mode:04o}: others may read it"),
            advice,
        )
    }
}

fn manifest(data: &DataDir) -> Checked {
    let path = data.manifest();
    let Ok(bytes) = fs::read(&path) else {
        return Checked::fail(
            "zone.yaml",
            format!("{} cannot be read", path.display()),
            "run hanse init",
        );
    };
    match super::init::check_manifest(&bytes) {
        Ok(manifest) => Checked::ok("zone.yaml", format!("valid, zone {}", manifest.zone_id)),
        Err(failure) => Checked::fail("zone.yaml", failure.message(), "correct the manifest"),
    }
}

fn port(check: &'static str, address: std::net::SocketAddr) -> Checked {
    match TcpListener::bind(address) {
        Ok(_) => Checked::ok(check, format!("{address} is free")),
        Err(error) => {
            let advice = "stop what uses it, or give hanse up another address";
            Checked::warn(check, format!("{address}: {error}"), advice)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_never_set_or_was_turned_back_fails() {
        let now = CLOCK_MS_MIN + 1_000_000;
        assert_eq!(clock(0, None).health, Health::Fail);
        assert_eq!(clock(now, Some(now + 60_000)).health, Health::Fail);
        assert_eq!(clock(now, Some(now - 60_000)).health, Health::Ok);
        assert_eq!(clock(now, None).health, Health::Ok);
    }

    #[test]
    fn an_empty_place_fails_where_a_node_needs_something() {
        let folder = tempfile::tempdir().unwrap();
        let findings = examine(&DataDir::new(folder.path().join("none")));
        let failed: Vec<_> = findings
            .iter()
            .filter(|f| f.health == Health::Fail)
            .map(|f| f.check)
            .collect();
        assert_eq!(
            failed,
            ["data folder", "durable writes", "key store", "zone.yaml"]
        );
        assert!(
            findings
                .iter()
                .all(|f| f.health == Health::Ok || !f.advice.is_empty())
        );
    }

    #[test]
    fn a_key_store_that_others_may_read_fails() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::new(folder.path());
        fs::write(data.keys(), "{}").unwrap();
        fs::set_permissions(data.keys(), fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(keys(&data.keys()).health, Health::Fail);
        fs::set_permissions(data.keys(), fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(keys(&data.keys()).health, Health::Ok);
    }
}
