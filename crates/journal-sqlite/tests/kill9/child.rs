//! The side that is killed: writes as fast as it can and says what was acknowledged.

use std::{
    io::{self, Write as _},
    path::Path,
    thread,
};

use journal::{CommitError, Committed, Journal};

use crate::workload::{self, THREADS};

/// Thread t does the operations that are t modulo [`THREADS`], from the given one on, for ever.
pub(crate) fn run(directory: &Path, starts: &[String]) {
    let journal = workload::open(directory);
    thread::scope(|scope| {
        for start in starts {
            let first: u64 = start.parse().unwrap();
            let journal = &journal;
            scope.spawn(move || {
                (first..)
                    .step_by(THREADS as usize)
                    .for_each(|n| acknowledge(journal, n));
            });
        }
    });
}

fn acknowledge(journal: &Journal, n: u64) {
    let (committed, replayed) = match journal.commit_blocking(workload::transaction(n)) {
        Ok(committed) => (committed, false),
        Err(CommitError::Replayed {
            response,
            committed,
        }) => {
            assert_eq!(response, workload::payload(n));
            (committed, true)
        }
        Err(error) => panic!("operation {n}: {error:?}"),
    };
    // One write of a short line: the pipe takes it whole or not at all.
    let line = line(n, &committed, replayed);
    io::stdout().lock().write_all(line.as_bytes()).unwrap();
}

fn line(n: u64, committed: &Committed, replayed: bool) -> String {
    let [event] = &committed.events[..] else {
        panic!("one event per operation")
    };
    format!(
        "{n} {} {} {} {replayed}\n",
        event.seq, event.index, event.digest
    )
}
