//! Our side of `bench/zenb/run.sh`: one slice of work for each line on standard input, one line of JSON for each answer.

mod session;
mod slice;

use std::io::{BufRead, Write};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use zenb::event::SessionEvent;
use zenb::features::{Extractor, PaceAt, WindowConfig};
use zenb::replay::replay;
use zenb::timeline::{Packet, Timeline};
use zenb::units::{BreathsPerMinute, EngineMs};

use slice::Slice;

#[derive(Deserialize)]
struct Recording {
    rr_ms: Vec<f64>,
}

fn main() -> Result<()> {
    let path = std::env::args()
        .nth(1)
        .context("usage: bench-zenb RECORDING.json")?;
    let recording: Recording =
        serde_json::from_slice(&std::fs::read(&path).context("read the recording")?)?;
    let ticks: Vec<u16> = recording
        .rr_ms
        .iter()
        .map(|ms| (ms * 1.024).round() as u16)
        .collect();
    let record = session::record(&ticks)?;
    for line in std::io::stdin().lock().lines() {
        let slice = match line?.as_str() {
            "features" => features(&ticks)?,
            "steps" => session::steps(&ticks)?,
            "ticks" => session::ticks(&ticks)?,
            "replay" => replayed(&record)?,
            other => bail!("no slice is called {other}"),
        };
        println!("{}", serde_json::to_string(&slice)?);
        std::io::stdout().flush()?;
    }
    Ok(())
}

/// Every figure after each beat of the whole recording, one beat a packet.
fn features(ticks: &[u16]) -> Result<Slice> {
    let rate = BreathsPerMinute::from_milli(6_000)?;
    let (mut timeline, mut extractor) = (Timeline::new(), Extractor::new(WindowConfig::SESSION));
    let mut elapsed = 0;
    slice::each(ticks, |rr| {
        elapsed += u64::from(*rr);
        let at = EngineMs(elapsed * 1000 / 1024);
        let packet = Packet {
            at,
            rr: std::slice::from_ref(rr),
            contact: None,
        };
        let phase_q32 = ((u128::from(at.0) << 32) / 10_000) as u32;
        let pace = PaceAt {
            at,
            rate,
            phase_q32,
        };
        // A packet that the fence refuses costs what it costs.
        if let Ok(accepted) = timeline.accept(packet) {
            extractor.push(&accepted, Some(pace));
        }
        Ok(())
    })
}

/// Recomputes the day's sessions from their inputs and compares each decision and digest.
fn replayed(sessions: &[Vec<SessionEvent>]) -> Result<Slice> {
    let mut slice = slice::each(sessions, |record| {
        replay(record).map(drop).context("a session replays")
    })?;
    slice.units = sessions.iter().map(|record| record.len() as f64).sum();
    Ok(slice)
}
