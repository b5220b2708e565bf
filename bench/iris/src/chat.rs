//! One-to-one messages between pairs of clients, from the moment they are due to the moment they are received.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use memchr::memmem;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::account::Account;
use crate::connection::{Connection, Server, Tls};
use crate::process::Meter;
use crate::{Case, Options};

/// What is not measured, while caches and queues fill.
const WARM_UP: Duration = Duration::from_secs(1);
/// How long the last messages may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Where a message says when it was due, in nanoseconds since the run began.
const MARK: &[u8] = b"<body>T:";
const DIGITS: usize = 20;
/// Makes a message about 250 bytes long.
const WORDS: &str = "the quick brown fox jumps over it";

/// What all clients of a run share.
struct Run {
    began: Instant,
    name: String,
    is_over: AtomicBool,
    is_measured: AtomicBool,
    sent: AtomicU64,
    received: AtomicU64,
    errors: AtomicU64,
    /// In microseconds.
    latencies: Mutex<Vec<u64>>,
    no_store: bool,
}

impl Run {
    fn message(&self, out: &mut String, to: &str, due: Duration) {
        use std::fmt::Write as _;
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        let hint = if self.no_store {
            "<no-store xmlns='urn:xmpp:hints'/>"
        } else {
            ""
        };
        let (name, nanos) = (&self.name, due.as_nanos());
        let written = write!(
            out,
            "<message to='{to}' type='chat' id='{name}-{number}'><body>T:{nanos:020} {WORDS}</body>\
             <origin-id xmlns='urn:xmpp:sid:0' id='{name}-{number}'/><request xmlns='urn:xmpp:receipts'/>{hint}</message>"
        );
        written.expect("writing to a string does not fail");
    }
}

/// Connects the pairs, runs the loop, and tells what came of it.
pub(crate) async fn run(options: &Options) -> Result<Value> {
    let server = Server::of(options)?;
    let pairs = connect(options, &server).await?;
    let run = Arc::new(Run {
        began: Instant::now(),
        name: format!(
            "{:x}",
            std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)?
                .as_micros()
        ),
        is_over: AtomicBool::new(false),
        is_measured: AtomicBool::new(false),
        sent: AtomicU64::new(0),
        received: AtomicU64::new(0),
        errors: AtomicU64::new(0),
        latencies: Mutex::default(),
        no_store: options.no_store,
    });
    let (mut senders, mut receivers) = (Vec::new(), Vec::new());
    for (number, (sender, receiver)) in pairs.into_iter().enumerate() {
        let to = format!("u{}@{}", 2 * number + 1, server.domain);
        let room = Arc::new(Semaphore::new(options.in_flight));
        let (ours, writer) = tokio::io::split(sender.stream);
        let (reader, theirs) = tokio::io::split(receiver.stream);
        tokio::spawn(watch(run.clone(), ours));
        receivers.push(tokio::spawn(receive(
            run.clone(),
            reader,
            theirs,
            room.clone(),
        )));
        senders.push(match options.case {
            Case::Open => {
                let every = Duration::from_secs(1) * u32::try_from(options.pairs)? / options.rate;
                let first = every * u32::try_from(number)? / u32::try_from(options.pairs)?;
                tokio::spawn(send_at(run.clone(), writer, to, first, every))
            }
            _ => tokio::spawn(send(run.clone(), writer, to, room)),
        });
    }
    measure(options, &run, senders, receivers).await
}

type Pair = (Connection, Connection);

async fn connect(options: &Options, server: &Arc<Server>) -> Result<Vec<Pair>> {
    let mut tasks: Vec<JoinHandle<Result<Pair>>> = Vec::new();
    for pair in 0..options.pairs {
        let server = server.clone();
        tasks.push(tokio::spawn(async move {
            let from = u8::try_from(pair % 250)? + 1;
            let receiver =
                Connection::online(&server, &Account::number(2 * pair + 1), "in", from).await?;
            let sender =
                Connection::online(&server, &Account::number(2 * pair), "out", from).await?;
            Ok((sender, receiver))
        }));
    }
    let mut pairs = Vec::new();
    for task in tasks {
        pairs.push(task.await??);
    }
    Ok(pairs)
}

async fn measure(
    options: &Options,
    run: &Run,
    senders: Vec<JoinHandle<Result<()>>>,
    receivers: Vec<JoinHandle<()>>,
) -> Result<Value> {
    tokio::time::sleep(WARM_UP).await;
    let before = run.received.load(Ordering::Relaxed);
    run.is_measured.store(true, Ordering::Relaxed);
    let meter = Meter::start(options.pid)?;
    tokio::time::sleep(options.time()).await;
    run.is_measured.store(false, Ordering::Relaxed);
    let received = run.received.load(Ordering::Relaxed) - before;
    let cost = meter.stop()?;
    run.is_over.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await??;
    }
    let until = Instant::now() + PATIENCE;
    while run.received.load(Ordering::Relaxed) < run.sent.load(Ordering::Relaxed)
        && Instant::now() < until
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let missing = run.sent.load(Ordering::Relaxed) - run.received.load(Ordering::Relaxed);
    for receiver in receivers {
        receiver.abort();
    }
    let mut latencies =
        std::mem::take(&mut *run.latencies.lock().unwrap_or_else(PoisonError::into_inner));
    latencies.sort_unstable();
    let at = |share: f64| {
        let place = (share * latencies.len() as f64) as usize;
        latencies
            .get(place.min(latencies.len().saturating_sub(1)))
            .map(|&micros| micros as f64 / 1e3)
    };
    let count = received as f64;
    Ok(json!({
        "rate": count / cost.seconds,
        "p50_ms": at(0.5), "p99_ms": at(0.99),
        "server_cpu_us": cost.server * 1e6 / count, "generator_cpu_us": cost.own * 1e6 / count,
        "other_cpu": cost.other, "missing": missing, "errors": run.errors.load(Ordering::Relaxed),
    }))
}

/// Sends whenever fewer than the allowed number are in flight.
async fn send(
    run: Arc<Run>,
    mut writer: WriteHalf<Tls>,
    to: String,
    room: Arc<Semaphore>,
) -> Result<()> {
    let mut text = String::new();
    while !run.is_over.load(Ordering::Relaxed) {
        let Ok(first) = tokio::time::timeout(Duration::from_millis(200), room.acquire()).await
        else {
            continue;
        };
        first?.forget();
        text.clear();
        run.message(&mut text, &to, run.began.elapsed());
        while let Ok(more) = room.try_acquire() {
            more.forget();
            run.message(&mut text, &to, run.began.elapsed());
        }
        write(&mut writer, &text).await?;
    }
    Ok(())
}

/// Sends at a fixed rate. A message is due when it is due, even if the sender is late.
async fn send_at(
    run: Arc<Run>,
    mut writer: WriteHalf<Tls>,
    to: String,
    first: Duration,
    every: Duration,
) -> Result<()> {
    let (mut due, mut text) = (run.began.elapsed() + first, String::new());
    while !run.is_over.load(Ordering::Relaxed) {
        tokio::time::sleep_until((run.began + due).into()).await;
        text.clear();
        let now = run.began.elapsed();
        while due <= now {
            run.message(&mut text, &to, due);
            due += every;
        }
        write(&mut writer, &text).await?;
    }
    Ok(())
}

async fn write(writer: &mut WriteHalf<Tls>, text: &str) -> Result<()> {
    writer
        .write_all(text.as_bytes())
        .await
        .context("send messages")?;
    writer.flush().await.context("send messages")
}

/// Counts errors that come back to a sender.
async fn watch(run: Arc<Run>, mut reader: ReadHalf<Tls>) {
    let mut space = vec![0; 4096];
    while let Ok(count @ 1..) = reader.read(&mut space).await {
        let errors = memmem::find_iter(&space[..count], b"<error").count();
        run.errors.fetch_add(errors as u64, Ordering::Relaxed);
    }
}

/// Reads messages and makes room for as many.
async fn receive(
    run: Arc<Run>,
    mut reader: ReadHalf<Tls>,
    keep: WriteHalf<Tls>,
    room: Arc<Semaphore>,
) {
    let mut buffer = Vec::new();
    let mut space = vec![0; 32 << 10];
    while let Ok(count @ 1..) = reader.read(&mut space).await {
        buffer.extend_from_slice(&space[..count]);
        let now = run.began.elapsed();
        let is_measured = run.is_measured.load(Ordering::Relaxed);
        let (mut at, mut found, mut latencies) = (0, 0, Vec::new());
        while let Some(place) = memmem::find(&buffer[at..], MARK) {
            let start = at + place + MARK.len();
            let Some(digits) = buffer.get(start..start + DIGITS) else {
                break;
            };
            let due = std::str::from_utf8(digits)
                .ok()
                .and_then(|text| text.parse().ok())
                .map(Duration::from_nanos);
            if let Some(due) = due.filter(|_| is_measured) {
                latencies.push(now.saturating_sub(due).as_micros() as u64);
            }
            (at, found) = (start + DIGITS, found + 1);
        }
        let kept = (buffer.len() - at).min(MARK.len() + DIGITS);
        buffer.drain(..buffer.len() - kept);
        run.received.fetch_add(found as u64, Ordering::Relaxed);
        room.add_permits(found);
        run.latencies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .append(&mut latencies);
    }
    drop(keep);
}
