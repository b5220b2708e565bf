//! Durable events per second on this disk, single and in groups.
//!
//! `cargo run --release -p journal-sqlite --example append_rate -- DIRECTORY [SECONDS]`

#![expect(clippy::print_stdout, reason = "an example prints its figures")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use evidence::key::SigningKey;
use journal::{
    Append, DumpDirectory, Expected, Journal, Limits, NewEvent, NoProjection, Options, Privacy,
    SealingKey, Transaction,
};
use journal_sqlite::SqliteEngine;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Fallible<()> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments
        .next()
        .ok_or("usage: append_rate DIRECTORY [SECONDS]")?;
    let seconds = arguments.next().map_or(Ok(3), |text| text.parse())?;
    for (writers, events) in [(1, 1), (16, 1), (64, 1), (1, 100), (8, 100)] {
        for privacy in [Privacy::Public, Privacy::Personal] {
            let rate = measure(&directory, writers, events, privacy, seconds)?;
            println!("{writers:3} writers x {events:3} events, {privacy:?}: {rate}");
        }
    }
    Ok(())
}

fn measure(
    directory: &str,
    writers: usize,
    events: usize,
    privacy: Privacy,
    seconds: u64,
) -> Fallible<String> {
    let name = format!(
        "append-rate-{}-{writers}-{events}-{privacy:?}",
        std::process::id()
    );
    let directory = std::path::Path::new(directory).join(name);
    std::fs::create_dir_all(&directory)?;
    let journal = Journal::open(
        Box::new(SqliteEngine::open(directory.join("journal.db"))?),
        Options {
            origin: "bench.example/log".to_owned(),
            log_key: SigningKey::from_seed([1; 32]),
            node_key: SealingKey::from_bytes([2; 32]),
            projection: Arc::new(NoProjection),
            entropy: counting_entropy(),
            dumps: Box::new(DumpDirectory::create(directory.join("dumps"))?),
            limits: Limits::STANDARD,
        },
    )?;
    let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let cpu_before = cpu_seconds();
    let started = Instant::now();
    thread::scope(|scope| {
        for writer in 0..writers {
            let (journal, stop, done) = (&journal, &stop, &done);
            scope.spawn(move || {
                while !stop.load(Relaxed) {
                    if journal
                        .commit_blocking(transaction(writer, events, privacy))
                        .is_err()
                    {
                        return;
                    }
                    done.fetch_add(events as u64, Relaxed);
                }
            });
        }
        thread::sleep(Duration::from_secs(seconds));
        stop.store(true, Relaxed);
    });
    let elapsed = started.elapsed().as_secs_f64();
    let (stats, cpu) = (journal.stats(), cpu_seconds() - cpu_before);
    drop(journal);
    std::fs::remove_dir_all(&directory)?;
    let done = done.load(Relaxed);
    Ok(format!(
        "{:.0} events/s, {:.0} commits/s, {:.1} us CPU/event",
        done as f64 / elapsed,
        stats.groups as f64 / elapsed,
        cpu * 1e6 / done as f64
    ))
}

fn transaction(writer: usize, events: usize, privacy: Privacy) -> Transaction {
    let mut transaction = Transaction::new(1_767_225_600_000, "did:example:bench");
    let event = NewEvent {
        kind: "bench.event.v1".parse().expect("the kind is valid"),
        payload: vec![b'x'; 300],
    };
    transaction.appends.push(Append {
        stream: format!("bench/{writer}")
            .parse()
            .expect("the name is valid"),
        privacy,
        expected: Expected::Any,
        events: vec![event; events],
    });
    transaction
}

/// Not random: good enough to measure speed, never to keep secrets.
fn counting_entropy() -> journal::Entropy {
    let mut counter = 0_u64;
    Box::new(move |bytes| {
        for chunk in bytes.chunks_mut(8) {
            counter += 1;
            chunk.copy_from_slice(&counter.to_be_bytes()[..chunk.len()]);
        }
    })
}

/// CPU time of this process from `/proc/self/stat`, 0 where there is none.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<_> = stat
        .rsplit(')')
        .next()
        .unwrap_or("")
        .split_whitespace()
        .collect();
    let ticks = |at: usize| {
        fields
            .get(at)
            .and_then(|text| text.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / 100.0
}
