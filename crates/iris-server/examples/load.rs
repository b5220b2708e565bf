//! Durable one-to-one messages a second, in one process on a SQLite journal in a temporary folder: clients over TLS
//! send as fast as the server takes it, with acknowledgements (XEP-0198), to clients that read.
//!
//! `cargo run --release -p iris-server --example load -- [PAIRS] [MESSAGES]`

#![expect(clippy::print_stdout, reason = "it prints its figures")]
#![expect(
    clippy::unwrap_used,
    reason = "a measurement that fails has no figures"
)]

use std::time::Instant;

#[expect(dead_code, reason = "tests use the rest")]
#[path = "../tests/it/bed.rs"]
mod bed;
#[expect(dead_code, reason = "tests use the rest")]
#[path = "../tests/it/client.rs"]
mod client;

use bed::Bed;
use client::Client;

/// Messages between two questions for an acknowledgement.
const WINDOW: usize = 50;

async fn send(mut sender: Client, to: String, count: usize) {
    sender.manage().await;
    let body = "x".repeat(200);
    for _ in 0..count / WINDOW {
        let burst: String = (0..WINDOW)
            .map(|_| format!("<message to='{to}' type='chat'><body>{body}</body></message>"))
            .collect();
        sender.send(&burst).await;
        sender.settled().await;
    }
}

async fn receive(mut receiver: Client, count: usize) {
    for _ in 0..count {
        receiver.until("</message>").await;
    }
}

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|text| text.parse::<usize>().unwrap());
    let pairs = arguments.next().unwrap_or(50);
    let messages = arguments.next().unwrap_or(50_000);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async move {
        let bed = Bed::new().await;
        let names: Vec<String> = (0..pairs * 2).map(|n| format!("u{n}")).collect();
        let borrowed: Vec<&str> = names.iter().map(String::as_str).collect();
        bed.add_accounts(&borrowed).await;
        let started = Instant::now();
        let mut clients = Vec::new();
        for name in &names {
            clients.push(Client::online(&bed, name, "r").await);
        }
        println!(
            "{:.0} logins/s, one after the other",
            clients.len() as f64 / started.elapsed().as_secs_f64()
        );
        let each = messages / pairs / WINDOW * WINDOW;
        let started = Instant::now();
        let mut tasks = Vec::new();
        let mut clients = clients.into_iter();
        let mut n = 0;
        while let (Some(sender), Some(receiver)) = (clients.next(), clients.next()) {
            let to = format!("u{}@localhost", n + 1);
            n += 2;
            tasks.push(tokio::spawn(send(sender, to, each)));
            tasks.push(tokio::spawn(receive(receiver, each)));
        }
        for task in tasks {
            task.await.unwrap();
        }
        let rate = (each * pairs) as f64 / started.elapsed().as_secs_f64();
        println!(
            "{rate:.0} durable messages/s, {pairs} pairs, {} messages",
            each * pairs
        );
        println!("{:?}", bed.running().server.status());
    });
}
