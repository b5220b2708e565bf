//! doubleentry 0.8.0 on SQLite (WAL, `synchronous=FULL`, the store's own settings), driven by the benchmark through pipes.
//!
//! Argument: the directory for the database files. Each input line `single|tasks|batch SIZE MILLISECONDS` records two-posting
//! entries for that long and answers `ENTRIES WALL_NS CPU_NS`. Every kind and size has its own ledger, kept between lines.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use doubleentry::store::{SqlStore, Sqlite};
use doubleentry::{AccountKind, Amount, Entry, Ledger, LedgerId, currency::EUR, date};
use rustix::time::{ClockId, clock_gettime};

type Books = Ledger<SqlStore<Sqlite>>;

/// An open ledger and the number of the next entry.
struct Book {
    books: Books,
    next: u64,
}

fn main() -> Result<()> {
    let folder = std::env::args()
        .nth(1)
        .context("usage: rival-doubleentry DIRECTORY")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let mut open: BTreeMap<(String, u64), Book> = BTreeMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let [kind, size, slice_ms] = line.split(' ').collect::<Vec<_>>()[..] else {
            bail!("bad line: {line}")
        };
        let (size, slice_ms): (u64, u64) = (size.parse()?, slice_ms.parse()?);
        let key = (kind.to_owned(), size);
        if !open.contains_key(&key) {
            let file = Path::new(&folder).join(format!("doubleentry-{kind}-{size}.db"));
            open.insert(
                key.clone(),
                Book {
                    books: runtime.block_on(create(&file))?,
                    next: 0,
                },
            );
        }
        let book = open.get_mut(&key).context("open the ledger")?;
        let (started, cpu) = (Instant::now(), cpu_time());
        let until = started + Duration::from_millis(slice_ms);
        let entries = runtime.block_on(async {
            match kind {
                "single" => single(book, until).await,
                "tasks" => tasks(book, size, until).await,
                "batch" => batches(book, size, until).await,
                other => bail!("unknown kind {other}"),
            }
        })?;
        println!(
            "{entries} {} {}",
            started.elapsed().as_nanos(),
            (cpu_time() - cpu).as_nanos()
        );
        std::io::stdout().flush()?;
    }
    Ok(())
}

async fn create(file: &Path) -> Result<Books> {
    let store = SqlStore::sqlite(&format!("sqlite://{}?mode=rwc", file.display())).await?;
    let books = Ledger::new(store, LedgerId::new("example.com/bench")?).await?;
    let on = date!("2026-01-01");
    books.declare_currency(EUR, 2, on).await?;
    books.open("Assets:Cash", AccountKind::Asset, on).await?;
    books.open("Income:Sales", AccountKind::Income, on).await?;
    books.define_months(2026, 1..=12).await?;
    Ok(books)
}

async fn single(book: &mut Book, until: Instant) -> Result<u64> {
    let first = book.next;
    while Instant::now() < until {
        book.books.record(entry(book.next)?).await?;
        book.next += 1;
    }
    Ok(book.next - first)
}

/// `count` tasks record into the same ledger, one call each; a call that met a busy file is repeated, as the library advises.
async fn tasks(book: &mut Book, count: u64, until: Instant) -> Result<u64> {
    let mut running = Vec::new();
    for task in 0..count {
        let (books, first) = (book.books.clone(), book.next + task);
        running.push(tokio::spawn(async move {
            let mut done = 0;
            while Instant::now() < until {
                let entry = entry(first + done * count)?;
                while let Err(error) = books.record(entry.clone()).await {
                    if !error.is_transient() {
                        return Err(anyhow::Error::from(error));
                    }
                    tokio::task::yield_now().await;
                }
                done += 1;
            }
            anyhow::Ok(done)
        }));
    }
    let (mut total, mut most) = (0, 0);
    for task in running {
        let done = task.await??;
        total += done;
        most = most.max(done);
    }
    book.next += most * count;
    Ok(total)
}

async fn batches(book: &mut Book, size: u64, until: Instant) -> Result<u64> {
    let first = book.next;
    while Instant::now() < until {
        let entries = (book.next..book.next + size)
            .map(entry)
            .collect::<Result<Vec<_>>>()?;
        book.books.record_batch(entries).await?;
        book.next += size;
    }
    Ok(book.next - first)
}

fn entry(number: u64) -> Result<Entry> {
    let one = Amount::from_minor(1_00)?;
    Ok(Entry::new(format!("invoice-{number}"), date!("2026-06-15"))
        .debit("Assets:Cash", one, EUR)
        .credit("Income:Sales", one, EUR))
}

/// CPU time of the whole process, all threads.
fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}
