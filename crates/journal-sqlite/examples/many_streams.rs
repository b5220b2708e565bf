//! Durable events per second when one commit touches many personal streams, as the messages of many people do: wall and CPU.
//!
//! `cargo run --release -p journal-sqlite --example many_streams -- DIRECTORY [STREAMS] [EVENTS_PER_COMMIT] [SECONDS]`

#![expect(clippy::print_stdout, reason = "an example prints its figures")]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use evidence::key::SigningKey;
use journal::{
    Append, DumpDirectory, Expected, Journal, Limits, NewEvent, NoProjection, Options, Privacy,
    SealingKey, StreamName, Transaction,
};
use journal_sqlite::SqliteEngine;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

const PAYLOAD_BYTES: usize = 450;

fn main() -> Fallible<()> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments
        .next()
        .ok_or("usage: many_streams DIRECTORY [STREAMS] [EVENTS_PER_COMMIT] [SECONDS]")?;
    let mut number = |default: usize| arguments.next().map_or(Ok(default), |text| text.parse());
    let (streams, events, seconds) = (number(100)?, number(400)?, number(5)?);
    let directory = Path::new(&directory).join(format!("many-streams-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let journal = open(&directory)?;
    let streams: Vec<StreamName> = (0..streams)
        .map(|number| format!("iris/archive/user{number}@bench.example").parse())
        .collect::<Result<_, _>>()?;
    let (began, cpu) = (Instant::now(), cpu_time()?);
    let (mut done, mut slowest, mut next) = (0, Duration::ZERO, 0);
    while began.elapsed() < Duration::from_secs(seconds as u64) {
        let started = Instant::now();
        journal.commit_blocking(transaction(&streams, events, &mut next)?)?;
        slowest = slowest.max(started.elapsed());
        done += events;
    }
    let (wall, cpu) = (began.elapsed(), cpu_time()? - cpu);
    println!(
        "{:.0} events/s, {:.1} CPU us each, slowest commit {slowest:?}, {} streams, {events} events a commit",
        done as f64 / wall.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / done as f64,
        streams.len(),
    );
    journal.shutdown();
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}

/// One append for each stream, the events dealt out in turn.
fn transaction(streams: &[StreamName], events: usize, next: &mut usize) -> Fallible<Transaction> {
    let mut transaction = Transaction::new(1_773_565_613_000, "iris");
    let taken = streams.len().min(events);
    for place in 0..taken {
        let count = events / taken + usize::from(place < events % taken);
        let event = NewEvent {
            kind: "iris.archived.v1".parse()?,
            payload: vec![b'x'; PAYLOAD_BYTES],
        };
        transaction.appends.push(Append {
            stream: streams[*next % streams.len()].clone(),
            privacy: Privacy::Personal,
            expected: Expected::Any,
            events: vec![event; count],
        });
        *next += 1;
    }
    Ok(transaction)
}

fn open(directory: &Path) -> Fallible<Journal> {
    Ok(Journal::open(
        Box::new(SqliteEngine::open(directory.join("journal.db"))?),
        Options {
            origin: "bench.example/log".to_owned(),
            log_key: SigningKey::from_seed([1; 32]),
            node_key: SealingKey::from_bytes([2; 32]),
            projection: Arc::new(NoProjection),
            entropy: Box::new(|bytes| getrandom::fill(bytes).expect("the system has random bytes")),
            dumps: Box::new(DumpDirectory::create(directory.join("dumps"))?),
            limits: Limits::STANDARD,
        },
    )?)
}

/// CPU time of all threads, in the kernel's ticks of 10 ms.
fn cpu_time() -> Fallible<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(") ").ok_or("no fields")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(Duration::from_millis(ticks * 10))
}
