//! Sign-ins, idle sessions, and messages for somebody who is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use memchr::memmem;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::Options;
use crate::account::Account;
use crate::connection::{Connection, Server};
use crate::process::{self, Meter};

/// Connections that are made at the same time.
const AT_ONCE: usize = 32;
/// For so long a server's memory must stand still before it counts as its own.
const STILL: Duration = Duration::from_secs(10);
/// After so long it counts even if it does not.
const STILL_AT_LAST: Duration = Duration::from_secs(60);
/// After the last sign-in, before memory is read.
const QUIET: Duration = Duration::from_secs(2);
/// Senders of messages for whom is away.
const SENDERS: usize = 10;

/// Sign-ins a second.
pub(crate) async fn logins(options: &Options) -> Result<Value> {
    let server = Server::of(options)?;
    // Once for each account, so that no client derives keys while it is measured.
    for number in 0..options.pairs {
        Connection::bound(&server, &Account::number(number), "first", 1).await?;
    }
    let (count, is_over) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let mut tasks: Vec<JoinHandle<Result<()>>> = Vec::new();
    for number in 0..options.pairs {
        let (server, count, is_over) = (server.clone(), count.clone(), is_over.clone());
        tasks.push(tokio::spawn(async move {
            let (account, from) = (Account::number(number), u8::try_from(number % 250)? + 1);
            while !is_over.load(Ordering::Relaxed) {
                let mut connection = Connection::bound(&server, &account, "login", from).await?;
                count.fetch_add(1, Ordering::Relaxed);
                connection.send("</stream:stream>").await?;
            }
            Ok(())
        }));
    }
    let meter = Meter::start(options.pid)?;
    tokio::time::sleep(options.time()).await;
    let (done, cost) = (count.load(Ordering::Relaxed) as f64, meter.stop()?);
    is_over.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await??;
    }
    Ok(json!({
        "rate": done / cost.seconds, "server_cpu_us": cost.server * 1e6 / done,
        "generator_cpu_us": cost.own * 1e6 / done, "other_cpu": cost.other,
    }))
}

/// Bytes of the server for each idle session, at each of the numbers asked for.
pub(crate) async fn idle(options: &Options) -> Result<Value> {
    let server = Server::of(options)?;
    let base = settled_memory(options.pid).await?;
    let at_once = Arc::new(Semaphore::new(AT_ONCE));
    let (mut sessions, mut found) = (Vec::new(), Vec::new());
    let meter = Meter::start(options.pid)?;
    for &count in &options.idle {
        let mut tasks: Vec<JoinHandle<Result<Connection>>> = Vec::new();
        for number in sessions.len()..count {
            let (server, at_once, accounts) = (server.clone(), at_once.clone(), options.accounts);
            tasks.push(tokio::spawn(async move {
                let _turn = at_once.acquire().await?;
                let (account, from) = (
                    Account::number(number % accounts),
                    u8::try_from(number % 250)? + 1,
                );
                Connection::online(&server, &account, &format!("idle{number}"), from).await
            }));
        }
        for task in tasks {
            sessions.push(task.await??);
        }
        tokio::time::sleep(QUIET).await;
        let each = (process::memory(options.pid)? - base) / count as f64;
        found.push(json!({ "sessions": count, "bytes": each }));
    }
    Ok(json!({ "base": base, "idle": found, "other_cpu": meter.stop()?.other }))
}

/// What a server has when nobody is connected, after what it needed to start is given back.
async fn settled_memory(pid: u32) -> Result<f64> {
    let (began, mut since, mut stood) = (Instant::now(), Instant::now(), process::memory(pid)?);
    while since.elapsed() < STILL && began.elapsed() < STILL_AT_LAST {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let found = process::memory(pid)?;
        if (found - stood).abs() > 0.01 * stood {
            (since, stood) = (Instant::now(), found);
        }
    }
    process::memory(pid)
}

/// Messages a second into the store of somebody who is away, and out of it when they return.
pub(crate) async fn offline(options: &Options) -> Result<Value> {
    let server = Server::of(options)?;
    let mut senders = Vec::new();
    for number in 0..SENDERS {
        let mut sender = Connection::online(&server, &Account::number(number), "out", 1).await?;
        sender.send("<enable xmlns='urn:xmpp:sm:3'/>").await?;
        sender.until(&["<enabled"]).await?;
        sender.until(&[">"]).await?;
        senders.push(sender);
    }
    let each = options.messages / SENDERS;
    let meter = Meter::start(options.pid)?;
    let mut tasks: Vec<JoinHandle<Result<()>>> = Vec::new();
    for (number, sender) in senders.into_iter().enumerate() {
        let to = format!("{}@{}", options.away, server.domain);
        tasks.push(tokio::spawn(store(sender, to, number, each)));
    }
    for task in tasks {
        task.await??;
    }
    let stored = meter.stop()?;
    let meter = Meter::start(options.pid)?;
    let began = Instant::now();
    let mut away = Connection::bound(&server, &Account::named(&options.away), "back", 1).await?;
    away.send("<presence/>").await?;
    let mut received = 0;
    let mut space = vec![0; 64 << 10];
    while received < each * SENDERS && began.elapsed() < Duration::from_secs(30) {
        let reading = tokio::time::timeout(Duration::from_secs(5), away.stream.read(&mut space));
        let Ok(count) = reading.await else { break };
        let count = count.context("read what waited")?;
        ensure!(count > 0, "the stream ended after {received} messages");
        away.read.extend_from_slice(&space[..count]);
        received = memmem::find_iter(&away.read, b"</message>").count();
    }
    let drained = meter.stop()?;
    let count = (each * SENDERS) as f64;
    Ok(json!({
        "store_rate": count / stored.seconds, "store_cpu_us": stored.server * 1e6 / count,
        "drain_rate": received as f64 / drained.seconds, "drain_cpu_us": drained.server * 1e6 / count,
        "other_cpu": stored.other.max(drained.other), "missing": each * SENDERS - received.min(each * SENDERS),
    }))
}

/// Sends messages and waits until the server has acknowledged all of them (XEP-0198).
async fn store(mut sender: Connection, to: String, number: usize, count: usize) -> Result<()> {
    let mut text = String::new();
    for message in 0..count {
        text.push_str(&format!(
            "<message to='{to}' type='chat' id='{number}-{message}'><body>{number} {message} the quick brown fox jumps over \
             the lazy dog and back</body><origin-id xmlns='urn:xmpp:sid:0' id='{number}-{message}'/>\
             <request xmlns='urn:xmpp:receipts'/></message>"
        ));
    }
    text.push_str("<r xmlns='urn:xmpp:sm:3'/>");
    sender.send(&text).await?;
    loop {
        let answer = sender.until(&["<a ", "<r ", "<message "]).await?;
        if answer.ends_with("<r ") {
            sender.send("<a xmlns='urn:xmpp:sm:3' h='0'/>").await?;
        }
        if !answer.ends_with("<a ") {
            continue;
        }
        let handled = sender.until(&[">"]).await?;
        let (_, rest) = handled
            .split_once("h=")
            .context("find what is acknowledged")?;
        let digits: String = rest
            .chars()
            .skip(1)
            .take_while(char::is_ascii_digit)
            .collect();
        if digits.parse::<usize>()? >= count {
            return Ok(());
        }
        sender.send("<r xmlns='urn:xmpp:sm:3'/>").await?;
    }
}
