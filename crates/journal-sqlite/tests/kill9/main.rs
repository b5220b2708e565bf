//! `kill -9` of a real process that writes a journal, again and again.
//!
//! This program is both sides: started by Cargo it is the parent, which starts itself as the child,
//! reads the child's acknowledgements from a pipe, kills it between any two of them, and starts it
//! anew on the same file. It has its own `main` because a test harness cannot be started as a child.
//!
//! `HANSE_KILLS` and `HANSE_SEED` choose how often and which history; a failure prints the seed.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot unwrap has failed, and it reports like a test harness"
)]

mod child;
mod parent;
mod workload;

use std::path::Path;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("child") => child::run(Path::new(&arguments[2]), &arguments[3..]),
        // Cargo asks every test program for its list.
        Some("--list") => println!("nothing_acknowledged_is_lost_or_doubled_by_kill_9: test"),
        _ => {
            parent::run();
            // As the test harness says it, for whoever counts.
            println!("test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out");
        }
    }
}
