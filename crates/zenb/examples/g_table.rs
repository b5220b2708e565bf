//! Measures the goals G1 to G5, G9 and G13 of the measuring half and prints them as a table:
//! `cargo run --release -p zenb --example g_table`.

#![expect(
    clippy::print_stdout,
    reason = "a table on standard output is the purpose"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "what speed is, only a clock can tell"
)]
#![expect(clippy::unwrap_used, reason = "without its data there is no table")]

#[path = "../tests/it/data.rs"]
mod data;
#[path = "../tests/it/figures.rs"]
mod figures;
#[path = "../tests/it/session.rs"]
mod session;

use std::time::Duration;
use std::time::Instant;

use zenb::artefact::Class;
use zenb::features::Extractor;
use zenb::features::WindowConfig;
use zenb::timeline::Packet;
use zenb::timeline::Timeline;
use zenb::units::EngineMs;

use data::PHANTOMS;
use data::RECORDINGS;
use data::Recording;

fn row(goal: &str, what: &str, found: &str, aim: &str) {
    println!("| {goal} | {what} | {found} | {aim} |");
}

fn main() {
    println!("| goal | what | measured | aim |");
    println!("|---|---|---|---|");
    references();
    artefacts();
    breathing();
    drift();
    speed();
}

fn references() {
    let (error, windows) = figures::time_domain_error();
    let what = format!("SDNN, RMSSD, pNN50: greatest relative error, {windows} windows");
    row("G1", &what, &format!("{error:.1e}"), "1e-9");
    let (error, windows) = figures::spectrum_error();
    let what = format!("VLF, LF, HF against R1: greatest relative error, {windows} windows");
    row("G2", &what, &format!("{error:.1e}"), "1e-6");
}

fn artefacts() {
    let (rr, truth) = figures::known_artefacts();
    let judged = figures::judge_causally(&rr);
    let classes: Vec<Class> = judged.iter().map(|judged| judged.class).collect();
    let (found, false_alarms) = figures::score(&classes, &truth);
    let measured = format!("{found} of {}, {false_alarms} false", truth.len());
    row(
        "G3",
        "known artefacts found, causal",
        &measured,
        "all, 0.1 %",
    );
    for kind in [Class::Missed, Class::Extra, Class::Ectopic] {
        for (causal, name) in [(false, "whole series"), (true, "causal")] {
            let cost = figures::cost(kind, causal);
            let what = format!("{kind:?} beats put in, {name}: found, false, SDNN/RMSSD error");
            let measured = format!(
                "{} of {}, {} in {} beats, {:.2} %",
                cost.found,
                cost.put_in,
                cost.false_alarms,
                cost.beats,
                cost.error * 100.0
            );
            row("G3", &what, &measured, "97 %, 0.1 %, 2 %");
        }
    }
    for name in RECORDINGS {
        let (differ, marked) = figures::causal_disagreement(name);
        let what = format!("{name}: beats that the causal judgement classes differently, of all");
        let measured = format!("{:.2} % ({:.2} % marked)", differ * 100.0, marked * 100.0);
        row("G3", &what, &measured, "stated");
    }
}

fn breathing() {
    for name in figures::FOLLOWERS {
        let reading = figures::read(name, None);
        let what = format!("{name}: rate under its pacer, mean error, worst reading, coverage");
        let measured = format!(
            "{:.3}, {:.3} /min, {} of {}",
            reading.worst_mean, reading.worst, reading.known, reading.readings
        );
        row("G4", &what, &measured, "0.05 /min");
    }
    let reading = figures::read("phantom_step_mayer", None);
    let what = "phantom_step_mayer: worst reading, read, would not say";
    let measured = format!(
        "{:.3} /min, {} of {}, {}",
        reading.worst, reading.known, reading.readings, reading.ambiguous
    );
    row("G4", what, &measured, "no wrong lock");
    let (following, all) = figures::following_by_chance("apnea_a01", 6.0);
    let measured = format!("{following} of {all}");
    row(
        "G4",
        "apnea_a01 said to follow a pacer at 6 /min",
        &measured,
        "never",
    );
    for name in PHANTOMS
        .iter()
        .chain(&RECORDINGS)
        .filter(|name| **name != "heartpy_data2")
    {
        let (known, all, range) = figures::spontaneous(name);
        let range = range.map_or("none".to_owned(), |(least, most)| {
            format!(
                "{:.1} to {:.1} /min",
                f64::from(least) / 1000.0,
                f64::from(most) / 1000.0
            )
        });
        let what = format!("{name}: spontaneous rate read, range (no belt: error unknown)");
        row(
            "G5",
            &what,
            &format!("{known} of {all}, {range}"),
            "refuse rather than err",
        );
    }
}

fn drift() {
    let rr = Recording::load("phantom_drift").ticks();
    let mut timeline = Timeline::new();
    let mut ticks = 0u64;
    for rr in rr {
        ticks += u64::from(rr.get());
        let at = EngineMs((ticks as f64 * 1000.0 / 1024.0 / 1.002) as u64);
        timeline
            .accept(Packet {
                at,
                rr: &[rr.get() as u16],
                contact: None,
            })
            .expect("in order");
    }
    let shown = timeline
        .drift()
        .value()
        .map_or("none".to_owned(), |ppm| format!("{} ppm", ppm.0));
    row(
        "G9",
        "phantom_drift, strap 2000 ppm fast: drift shown",
        &shown,
        "shown",
    );
}

fn speed() {
    let rr = Recording::load("nsr2db_nsr001").ticks();
    let pacer = session::Paces(vec![(6.0, f64::MAX)]);
    let mut timeline = Timeline::new();
    let mut extractor = Extractor::new(WindowConfig::SESSION);
    let mut ticks = 0u64;
    let mut each: Vec<Duration> = Vec::with_capacity(rr.len());
    let start = (Instant::now(), on_cpu());
    for rr in &rr {
        ticks += u64::from(rr.get());
        let at = EngineMs(ticks * 1000 / 1024);
        let packet = [rr.get() as u16];
        let before = Instant::now();
        if let Ok(accepted) = timeline.accept(Packet {
            at,
            rr: &packet,
            contact: None,
        }) {
            extractor.push(&accepted, Some(pacer.pace_at(at)));
        }
        each.push(before.elapsed());
    }
    let whole = start.0.elapsed();
    let busy = on_cpu().zip(start.1).map(|(end, start)| end - start);
    each.sort_unstable();
    let at = |permille: usize| each[(each.len() - 1) * permille / 1000].as_secs_f64() * 1e6;
    let measured = format!("{:.0} us, {:.0} us", at(500), at(990));
    row(
        "G13",
        "every figure after each beat: median, 99 %",
        &measured,
        "100 us",
    );
    let what = format!("a day of {} beats, every figure after each", each.len());
    let busy = busy.map_or(String::new(), |busy| {
        format!(", {:.1} s of them on a processor", busy.as_secs_f64())
    });
    row(
        "G13",
        &what,
        &format!("{:.1} s{busy}", whole.as_secs_f64()),
        "5 s",
    );
}

/// How long this process has run on a processor, where Linux tells it.
fn on_cpu() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    text.split_whitespace()
        .next()?
        .parse()
        .ok()
        .map(Duration::from_nanos)
}
