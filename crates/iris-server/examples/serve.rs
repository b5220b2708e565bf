//! A server on a journal in a temporary folder, for a load generator in another process. It ends with its input.
//!
//! `cargo run --release -p iris-server --example serve -- ACCOUNTS`

#![expect(clippy::print_stdout, reason = "it says where it is")]
#![expect(clippy::unwrap_used, reason = "it serves nobody but a measurement")]

#[expect(dead_code, reason = "tests use the rest")]
#[path = "../tests/it/bed.rs"]
mod bed;

use bed::Bed;
use jid::BareJid;

fn main() {
    let accounts = std::env::args()
        .nth(1)
        .map_or(100, |text| text.parse::<usize>().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async move {
        let bed = Bed::new().await;
        let names = (0..accounts).map(|n| format!("u{n}"));
        for name in names.chain((0..3).map(|n| format!("away{n}"))) {
            let account = BareJid::new(&format!("{name}@localhost")).unwrap();
            let password = format!("pw-{name}-8Jq");
            let made = bed.running().server.accounts();
            made.add(&account, Some(&password)).await.unwrap();
        }
        println!(
            "{} {} {}",
            bed.running().address,
            bed.folder.path().join("cert.pem").display(),
            std::process::id()
        );
        tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()))
            .await
            .unwrap()
            .unwrap();
    });
}
