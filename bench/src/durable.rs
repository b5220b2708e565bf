//! Durable appends: our journal on SQLite, with a read-model row for every event and an idempotency key for every commit,
//! against doubleentry on SQLite and against the disk itself.
//!
//! All write to the same folder in alternating slices. Every case has files of its own, which grow over its slices.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use evidence::canonical;
use evidence::digest::{Digest, Purpose};
use evidence::key::SigningKey;
use journal::{
    Append, DumpDirectory, Event, EventKind, Expected, Idempotency, Journal, Limits, NewEvent,
    Options, Privacy, Projection, ProjectionError, Record, Records, SealingKey, StreamName,
    Transaction,
};
use journal_sqlite::SqliteEngine;

use crate::measure::{
    Clock, Row, Slice, Title, compare, from_all_callers, repeat, repeat_all_threads,
};
use crate::rival::Rival;
use crate::sample::{self, Numbers};

const SLICE: Duration = Duration::from_millis(400);
/// Clients at the same time, where there are many.
pub const CALLERS: usize = 16;
const AT_MS: i64 = 1_773_565_613_000;
const DOUBLEENTRY: &str = "doubleentry 0.8.0, SQLite WAL FULL";
const DISK: &str = "write 512 B + fdatasync";

/// How a slice appends.
#[derive(Clone, Copy, Debug)]
enum Load {
    /// One caller, one event in each commit.
    Single,
    /// Sixteen callers, one event in each commit.
    Callers,
    /// One caller, this many events in each commit.
    Batch(usize),
}

impl Load {
    fn name(self) -> String {
        match self {
            Self::Single => "one caller, 1 event a commit".to_owned(),
            Self::Callers => format!("{CALLERS} callers, 1 event a commit"),
            Self::Batch(size) => format!("one caller, {size} events a commit"),
        }
    }

    fn question(self) -> String {
        let slice = SLICE.as_millis();
        match self {
            Self::Single => format!("single 1 {slice}"),
            Self::Callers => format!("tasks {CALLERS} {slice}"),
            Self::Batch(size) => format!("batch {size} {slice}"),
        }
    }
}

/// Measures every load against the rival `doubleentry` and against the disk under `work`.
pub fn run(doubleentry: &Path, work: &Path) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(work).context("make a folder for the databases")?;
    let mut rival = Rival::start(Command::new(doubleentry).arg(folder.path()))?;
    let mut disk = Disk::create(&folder.path().join("raw"))?;
    let mut rows = Vec::new();
    for (number, load) in [
        Load::Single,
        Load::Callers,
        Load::Batch(100),
        Load::Batch(1000),
    ]
    .into_iter()
    .enumerate()
    {
        let ours = Journalled::open(&folder.path().join(format!("ours-{number}")))?;
        rows.push(compare(
            title(&load.name(), DOUBLEENTRY, "events"),
            || ours.slice(load),
            || rival.ask(&load.question()),
        )?);
        // A batch shares one flush among all its events, so only single commits are held against the flush.
        if !matches!(load, Load::Batch(_)) {
            let name = load.name();
            let title = title(&name, DISK, "commits");
            rows.push(compare(title, || ours.slice(load), || disk.slice())?);
        }
        ours.journal.shutdown();
    }
    Ok(rows)
}

fn title<'a>(case: &'a str, rival: &'a str, unit: &'a str) -> Title<'a> {
    Title {
        topic: "durable",
        case,
        rival,
        unit,
        clock: Clock::Wall,
    }
}

/// An open journal and events to put into it.
pub struct Journalled {
    journal: Journal,
    payloads: Vec<Vec<u8>>,
    next: AtomicU64,
}

impl Journalled {
    /// A journal in a folder that does not exist yet.
    pub fn open(folder: &Path) -> Result<Self> {
        std::fs::create_dir(folder)?;
        // Repeatable bytes serve a benchmark; a node takes them from the operating system.
        let mut random = Numbers::new(1);
        let options = Options {
            origin: "bench.example/log".to_owned(),
            log_key: SigningKey::from_seed([1; 32]),
            node_key: SealingKey::from_bytes([2; 32]),
            projection: Arc::new(Invoices),
            entropy: Box::new(move |bytes| bytes.fill_with(|| random.next() as u8)),
            dumps: Box::new(DumpDirectory::create(folder.join("dumps"))?),
            limits: Limits::STANDARD,
        };
        let engine = SqliteEngine::open(folder.join("journal.db"))?;
        let journal = Journal::open(Box::new(engine), options)?;
        let mut numbers = Numbers::new(3);
        let payloads = (0..256)
            .map(|_| canonical::to_vec(&sample::receipt(&mut numbers)))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            journal,
            payloads,
            next: AtomicU64::new(0),
        })
    }

    fn slice(&self, load: Load) -> Result<Slice> {
        match load {
            Load::Single => repeat_all_threads(SLICE, || self.commit(1)),
            Load::Batch(size) => repeat_all_threads(SLICE, || self.commit(size)),
            Load::Callers => self.slice_from_all_callers(SLICE),
        }
    }

    /// Commits of one event each from [`CALLERS`] threads.
    pub fn slice_from_all_callers(&self, slice: Duration) -> Result<Slice> {
        let until = Instant::now() + slice;
        repeat_all_threads(slice, || {
            from_all_callers(CALLERS, until, || || self.commit(1))
        })
    }

    /// Commits one transaction and waits until it is durable; the number of its events.
    fn commit(&self, events: usize) -> Result<f64> {
        let number = self.next.fetch_add(events as u64, Ordering::Relaxed);
        let mut transaction = Transaction::new(AT_MS, "did:key:bench");
        let new_event = |at: u64| -> Result<NewEvent> {
            let payload = self.payloads[(at % self.payloads.len() as u64) as usize].clone();
            Ok(NewEvent {
                kind: "invoice.settled.v1".parse::<EventKind>()?,
                payload,
            })
        };
        transaction.appends.push(Append {
            stream: "mez/ledger/bench".parse::<StreamName>()?,
            privacy: Privacy::Public,
            expected: Expected::Any,
            events: (number..number + events as u64)
                .map(new_event)
                .collect::<Result<_>>()?,
        });
        transaction.idempotency = Some(Idempotency {
            scope: "bench".to_owned(),
            key: format!("invoice-{number}"),
            request: Digest::of(Purpose::Payload, &number.to_be_bytes()),
            owner: None,
            response: b"{}".to_vec(),
            expires_ms: AT_MS + 86_400_000,
        });
        self.journal.commit_blocking(transaction)?;
        Ok(events as f64)
    }
}

/// A read model with one row for each event, found by its stream.
struct Invoices;

impl Projection for Invoices {
    fn project(&self, event: &Event, records: &mut dyn Records) -> Result<(), ProjectionError> {
        records.put(Record {
            kind: "invoice".to_owned(),
            id: event.index.0.to_string(),
            stream: Some(event.stream.clone()),
            fields: BTreeMap::from([("stream".to_owned(), event.stream.to_string())]),
            body: b"{\"status\":\"settled\"}".to_vec(),
            version: 0,
        })
    }
}

/// The least a durable write can cost: append a sector to a file and wait for the disk.
struct Disk(File);

impl Disk {
    fn create(path: &Path) -> Result<Self> {
        Ok(Self(File::create(path).context("create the raw file")?))
    }

    fn slice(&mut self) -> Result<Slice> {
        repeat(SLICE, || {
            self.0.write_all(&[0x5a; 512])?;
            self.0.sync_data()?;
            Ok(1.0)
        })
    }
}
