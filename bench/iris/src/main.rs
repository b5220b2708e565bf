//! One measurement of one XMPP server: `iris-load --case CASE --address ADDRESS --ca FILE --pid PID`. It prints one line of
//! JSON. Everything runs over direct TLS; no XMPP library is used.

mod account;
mod cases;
mod chat;
mod connection;
mod process;
mod scram;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};

use crate::scram::Hash;

/// What is measured.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Case {
    /// Pairs of clients with so many messages in flight as `--in-flight` says.
    Closed,
    /// Messages at `--rate` over all pairs, whether they arrive or not.
    Open,
    /// Sign-ins one after the other in each of `--pairs` tasks: TCP, TLS, SCRAM, bind.
    Logins,
    /// Memory of the server with idle sessions.
    Idle,
    /// Messages for somebody who is away, until the server has acknowledged them, and their delivery on return.
    Offline,
}

/// How one measurement is made.
#[derive(Clone, Debug, Parser)]
struct Options {
    /// What is measured.
    #[arg(long)]
    case: Case,
    /// Where clients connect with TLS.
    #[arg(long)]
    address: SocketAddr,
    /// The server's domain.
    #[arg(long, default_value = "localhost")]
    domain: String,
    /// The certificate authority of the server's certificate.
    #[arg(long)]
    ca: PathBuf,
    /// The server's process.
    #[arg(long)]
    pid: u32,
    /// How accounts sign in.
    #[arg(long, value_enum, default_value = "sha1")]
    scram: Hash,
    /// Accounts `u0`, `u1`, … that exist.
    #[arg(long, default_value_t = 100)]
    accounts: usize,
    /// Pairs of clients that chat, or tasks that sign in.
    #[arg(long, default_value_t = 50)]
    pairs: usize,
    /// Messages of one pair that have been sent and not received.
    #[arg(long, default_value_t = 4)]
    in_flight: usize,
    /// Messages a second in the open loop.
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// How long is measured, after one second that is not.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Says with each message that it is not to be stored (XEP-0334).
    #[arg(long)]
    no_store: bool,
    /// Idle sessions, in rising numbers.
    #[arg(long, value_delimiter = ',', default_value = "1000")]
    idle: Vec<usize>,
    /// The account that is away.
    #[arg(long, default_value = "away")]
    away: String,
    /// Messages for whom is away.
    #[arg(long, default_value_t = 1_000)]
    messages: usize,
    /// Threads of the generator.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

impl Options {
    fn time(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

fn main() -> Result<()> {
    let options = Options::parse();
    process::raise_file_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.threads)
        .enable_all()
        .build()
        .context("start the generator")?;
    let found = runtime.block_on(async {
        match options.case {
            Case::Closed | Case::Open => chat::run(&options).await,
            Case::Logins => cases::logins(&options).await,
            Case::Idle => cases::idle(&options).await,
            Case::Offline => cases::offline(&options).await,
        }
    })?;
    println!("{found}");
    Ok(())
}
