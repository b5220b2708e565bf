//! What a decision read is guarded, and caches hear of commits.

#![expect(missing_docs, reason = "each case's name is its claim")]
#![expect(
    clippy::missing_panics_doc,
    reason = "a case panics when its claim does not hold"
)]
#![expect(
    clippy::unwrap_used,
    reason = "these are tests, compiled for engines' test binaries"
)]

use std::sync::{Arc, Mutex};

use super::{
    Subject,
    cases::{NOTE, check_fsck},
    fixture::{Fixture, append, put, stream, transaction},
};
use crate::{
    CommitError, Expected, Guards, Journal, LogIndex, Seq, Snapshot, WriterDecision, WriterRefusal,
    transaction::Transaction,
};

/// One thing that a decision may read.
type Look = fn(&Snapshot<'_>);

/// An event: stream, kind, payload.
type Happening = (&'static str, &'static str, &'static str);

fn record_of(snapshot: &Snapshot<'_>, id: &str) {
    snapshot.record("note", id).unwrap();
}

fn notes(snapshot: &Snapshot<'_>, filters: &[(&str, &str)]) {
    snapshot.records("note", filters, None, 10).unwrap();
}

fn notes_under(snapshot: &Snapshot<'_>, prefix: &str) {
    snapshot.records_under("note", prefix, None, 10).unwrap();
}

/// What is read, what changes then, and whether the decision still holds.
const READS: [(&str, Look, &[Happening]); 11] = [
    (
        "a record that changes",
        |s| record_of(s, "a"),
        &[("s/a", NOTE, "a=2")],
    ),
    (
        "a record that appears",
        |s| record_of(s, "new"),
        &[("s/b", NOTE, "new=1")],
    ),
    (
        "a record that is deleted",
        |s| record_of(s, "a"),
        &[("s/a", "note.drop.v1", "a")],
    ),
    (
        "a kind that gains a record",
        |s| notes(s, &[]),
        &[("s/b", NOTE, "new=1")],
    ),
    (
        "a prefix that gains a record",
        |s| notes_under(s, "ne"),
        &[("s/b", NOTE, "new=1")],
    ),
    (
        "a prefix that becomes an id",
        |s| notes_under(s, "new"),
        &[("s/b", NOTE, "new=1")],
    ),
    (
        "a filter that a record comes to match",
        |s| notes(s, &[("length", "3"), ("writes", "2")]),
        &[("s/a", NOTE, "a=abc")],
    ),
    (
        "a filter that a record no longer matches",
        |s| notes(s, &[("length", "1")]),
        &[("s/a", NOTE, "a=abc")],
    ),
    (
        "a stream's head",
        |s| drop(s.stream_head(&stream("s/a")).unwrap()),
        &[("s/a", "note.seen.v1", "")],
    ),
    (
        "a stream that does not exist",
        |s| drop(s.stream(&stream("s/new"), Seq::FIRST, 9).unwrap()),
        &[("s/new", "note.seen.v1", "")],
    ),
    (
        "the newest event",
        |s| drop(s.events(LogIndex(0), 99).unwrap()),
        &[("s/z", "note.seen.v1", "")],
    ),
];

fn guards_of(journal: &Journal, look: Look) -> Guards {
    let reader = journal.reader();
    let snapshot = reader.snapshot().unwrap();
    look(&snapshot);
    snapshot.guards()
}

fn change(journal: &Journal, changes: &[Happening]) {
    for (name, kind, payload) in changes {
        let append = append(name, Expected::Any, &[(kind, payload)]);
        journal.commit_blocking(transaction(vec![append])).unwrap();
    }
}

/// A transaction decided on `guards` that appends to a stream nobody reads.
fn decided(guards: Guards) -> Transaction {
    let mut decided = transaction(vec![append("s/decided", Expected::Any, &[(NOTE, "d=1")])]);
    decided.guards = guards;
    decided
}

#[track_caller]
fn assert_moved(journal: &Journal, guards: Guards, what: &str) {
    let size = journal.reader().size().unwrap();
    match journal.commit_blocking(decided(guards)) {
        Err(CommitError::Moved { .. }) => {}
        other => panic!("{what}: {other:?}"),
    }
    assert_eq!(journal.reader().size().unwrap(), size, "{what}");
}

pub fn a_decision_on_what_has_moved_is_refused(subject: &dyn Subject) {
    let fixture = Fixture::new(subject);
    let journal = fixture.open();
    for (what, look, changes) in READS {
        put(&journal, "s/a", "a=1");
        let guards = guards_of(&journal, look);
        journal.commit_blocking(decided(guards)).unwrap();
        let guards = guards_of(&journal, look);
        change(&journal, changes);
        assert_moved(&journal, guards, what);
        change(
            &journal,
            &[("s/b", "note.drop.v1", "new"), ("s/a", "note.drop.v1", "a")],
        );
    }
    check_fsck(&fixture, &journal);
}

pub fn a_decision_holds_while_other_things_change(subject: &dyn Subject) {
    let fixture = Fixture::new(subject);
    let journal = fixture.open();
    put(&journal, "s/a", "a=1");
    let looks: [Look; 5] = [
        |s| record_of(s, "a"),
        |s| notes(s, &[("length", "7")]),
        |s| notes_under(s, "a"),
        |s| drop(s.stream_head(&stream("s/a")).unwrap()),
        |s| drop(s.event(LogIndex(0)).unwrap()),
    ];
    let guards = looks.map(|look| guards_of(&journal, look));
    put(&journal, "s/b", "b=1");
    for guards in guards {
        journal.commit_blocking(decided(guards)).unwrap();
    }
}

/// Nothing is remembered of what changed before: every guard is read again, with the same outcome.
pub fn guards_from_before_a_restart_are_read_again(subject: &dyn Subject) {
    let fixture = Fixture::new(subject);
    let (mut moved, mut held) = (Vec::new(), Vec::new());
    {
        let journal = fixture.open();
        put(&journal, "s/a", "a=1");
        for (what, look, _) in READS {
            moved.push((what, guards_of(&journal, look)));
        }
        held.push(guards_of(&journal, |s| record_of(s, "b")));
        held.push(guards_of(&journal, |s| notes(s, &[("length", "9")])));
        for (_, _, changes) in READS {
            change(&journal, changes);
        }
    }
    let journal = fixture.open();
    for (what, guards) in moved {
        // Two of the changes undo each other for this one: nothing of that length is there, as before.
        if !what.starts_with("a filter that a record comes to match") {
            assert_moved(&journal, guards, what);
        }
    }
    for guards in held {
        journal.commit_blocking(decided(guards)).unwrap();
    }
}

/// Read, add one, write, decide again when it moved: the law that a snapshot with guards is for.
pub fn concurrent_counters_lose_no_increment(subject: &dyn Subject) {
    const CALLERS: u64 = 8;
    const INCREMENTS: u64 = 12;
    let fixture = Fixture::new(subject);
    let journal = fixture.open();
    std::thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| (0..INCREMENTS).for_each(|_| increment(&journal)));
        }
    });
    let count = journal.reader().record("note", "count").unwrap().unwrap();
    assert_eq!(count.body, (CALLERS * INCREMENTS).to_string().into_bytes());
}

fn increment(journal: &Journal) {
    loop {
        let reader = journal.reader();
        let snapshot = reader.snapshot().unwrap();
        let count = snapshot.record("note", "count").unwrap();
        let count: u64 = count.map_or(0, |record| {
            String::from_utf8(record.body).unwrap().parse().unwrap()
        });
        let next = format!("count={}", count + 1);
        let mut transaction = transaction(vec![append("s/n", Expected::Any, &[(NOTE, &next)])]);
        transaction.guards = snapshot.guards();
        drop(snapshot);
        match journal.commit_blocking(transaction) {
            Ok(_) => return,
            Err(CommitError::Moved { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

pub fn an_observer_hears_of_a_commit_before_its_caller(subject: &dyn Subject) {
    let fixture = Fixture::new(subject);
    let journal = fixture.open();
    let heard = Arc::new(Mutex::new(Vec::new()));
    journal.observe(Box::new({
        let heard = heard.clone();
        move |transaction, events| {
            let stream = transaction.appends[0].stream.clone();
            heard.lock().unwrap().push((stream, events.to_vec()));
        }
    }));
    let refused = append("s/a", Expected::Any, &[("note.refuse.v1", "")]);
    journal
        .commit_blocking(transaction(vec![refused]))
        .unwrap_err();
    assert_eq!(*heard.lock().unwrap(), []);
    let committed = put(&journal, "s/a", "a=1");
    assert_eq!(*heard.lock().unwrap(), [(stream("s/a"), committed.events)]);
}

fn numbered(rule: &str) -> Transaction {
    let mut numbered = transaction(vec![append("s/n", Expected::Any, &[(NOTE, "n=#")])]);
    numbered.decisions.push(WriterDecision {
        rule: rule.to_owned(),
        parameters: b"n".to_vec(),
        keys: vec![("note".to_owned(), "n".to_owned())],
    });
    numbered
}

pub fn the_writer_numbers_concurrent_transactions_without_a_gap_or_a_conflict(
    subject: &dyn Subject,
) {
    const CALLERS: u64 = 8;
    const EACH: u64 = 10;
    let fixture = Fixture::new(subject);
    let journal = fixture.open();
    std::thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                for _ in 0..EACH {
                    journal.commit_blocking(numbered("next")).unwrap();
                }
            });
        }
    });
    let events = journal
        .reader()
        .stream(&stream("s/n"), Seq::FIRST, 200)
        .unwrap();
    let payloads: Vec<_> = events
        .into_iter()
        .map(|event| event.payload.unwrap())
        .collect();
    let expected: Vec<_> = (1..=CALLERS * EACH)
        .map(|n| format!("n={n}").into_bytes())
        .collect();
    assert_eq!(payloads, expected);
    check_fsck(&fixture, &journal);
}

pub fn a_writer_decision_refuses_and_reads_only_what_it_declares(subject: &dyn Subject) {
    let fixture = Fixture::new(subject);
    let journal = fixture.open();
    let refusal = |transaction| match journal.commit_blocking(transaction).unwrap_err() {
        CommitError::Decided { refusal, .. } => refusal,
        other => panic!("{other}"),
    };
    for _ in 0..3 {
        journal.commit_blocking(numbered("limited")).unwrap();
    }
    assert!(matches!(
        refusal(numbered("limited")),
        WriterRefusal::Refused { code: "limit", .. }
    ));
    let mut undeclared = numbered("next");
    undeclared.decisions[0].keys.clear();
    assert!(matches!(
        refusal(undeclared),
        WriterRefusal::Undeclared { .. }
    ));
    assert_eq!(journal.reader().size().unwrap(), 3);
}
