//! The cases. Each is a claim about a journal on the engine under test.

#![expect(missing_docs, reason = "each case's name is its claim")]
#![expect(
    clippy::missing_panics_doc,
    reason = "a case panics when its claim does not hold"
)]
#![expect(
    clippy::unwrap_used,
    reason = "these are tests, compiled for engines' test binaries"
)]

use evidence::{checkpoint::Checkpoint, event, merkle};

use super::{
    Subject,
    fixture::{Fixture, append, effect, event as new_event, idempotency, put, stream, transaction},
};
use crate::{
    BulkEvent, BulkOutcome, CommitError, EffectState, Expected, GAP_KIND, Journal, LeaseRequest,
    LeasedEffect, LogIndex, OpenError, Privacy, ProjectionError, RebuildMode, SHREDDED_KIND, Seq,
    Settlement,
    engine::{Read, RecordQuery, RecordRow},
    error::Limit,
    fsck,
    rebuild::{Difference, DifferenceKind},
    transaction::Committed,
};

pub use super::guards::{
    a_decision_holds_while_other_things_change, a_decision_on_what_has_moved_is_refused,
    a_writer_decision_refuses_and_reads_only_what_it_declares,
    an_observer_hears_of_a_commit_before_its_caller, concurrent_counters_lose_no_increment,
    guards_from_before_a_restart_are_read_again,
    the_writer_numbers_concurrent_transactions_without_a_gap_or_a_conflict,
};

pub(super) const NOTE: &str = "note.put.v1";

fn seq(n: u64) -> Seq {
    Seq::new(n).unwrap()
}

pub(super) fn check_fsck(fixture: &Fixture<'_>, journal: &Journal) {
    let verifier = fixture.verifier();
    let report = journal
        .reader()
        .with_rows(|rows| {
            Ok::<_, crate::ReadError>(fsck::check(&fsck::Rows(rows), &verifier, None, |_, _| {}))
        })
        .unwrap();
    assert_eq!(report.findings, Vec::new());
}

pub fn events_are_ordered_gapless_and_chained(subject: &dyn Subject) {
    let fixture = Fixture::new(subject);
    let journal = fixture.open();
    let mut receipts = Vec::new();
    for n in 0..10 {
        let (a, b) = (format!("a={n}"), format!("b={n}"));
        let both = vec![
            append("s/a", Expected::Any, &[(NOTE, &a), (NOTE, &a)]),
            append("s/b", Expected::Any, &[(NOTE, &b)]),
        ];
        receipts.extend(journal.commit_blocking(transaction(both)).unwrap().events);
    }
    for (index, receipt) in receipts.iter().enumerate() {
        assert_eq!(receipt.index, LogIndex(index as u64));
    }
    for (name, count) in [("s/a", 20), ("s/b", 10)] {
        let events = journal
            .reader()
            .stream(&stream(name), Seq::FIRST, 100)
            .unwrap();
        assert_eq!(events.len(), count);
        let mut prev = event::genesis(name);
        for (n, event) in (1..).zip(&events) {
            assert_eq!(event.seq, seq(n));
            assert_eq!(event.header.prev, prev);
            prev = event.digest;
            let receipt = &receipts[usize::try_from(event.index.0).unwrap()];
            assert_eq!((event.digest, event.seq), (receipt.digest, receipt.seq));
            assert_eq!(event.stream, receipt.stream);
        }
    }
    check_fsck(&fixture, &journal);
}

pub fn a_wrong_expectation_is_refused_and_changes_nothing(subject: &dyn Subject) {
    let fixture = Fixture::new(subject);
    let journal = fixture.open();
    put(&journal, "s/a", "a=1");
    for (expected, name, actual) in [
        (Expected::NoStream, "s/a", Some(seq(1))),
        (Expected::At(seq(2)), "s/a", Some(seq(1))),
        (Expected::At(seq(1)), "s/none", None),
    ] {
        let both = vec![
            append("s/other", Expected::Any, &[(NOTE, "o=1")]),
            append(name, expected, &[(NOTE, "a=2")]),
        ];
        match journal.commit_blocking(transaction(both)).unwrap_err() {
            CommitError::Conflict {
                stream: at,
                expected: believed,
                actual: found,
            } => {
                assert_eq!((at, believed, found), (stream(name), expected, actual));
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(journal.reader().size().unwrap(), 1);
    assert_eq!(
        journal.reader().stream_head(&stream("s/other")).unwrap(),
        None
    );
    let right = append("s/a", Expected::At(seq(1)), &[(NOTE, "a=2")]);
    journal.commit_blocking(transaction(vec![right])).unwrap();
    check_fsck(&fixture, &journal);
}

pub fn a_refused_transaction_leaves_no_trace(subject: &dyn Subject) {
    let fixture = Fixture::new(subject);
    let journal = fixture.open();
    put(&journal, "s/a", "a=1");
    let mut refused = transaction(vec![
        append(
            "s/a",
            Expected::Any,
            &[(NOTE, "a=changed"), (NOTE, "fresh=1")],
        ),
        append("s/fresh", Expected::NoStream, &[("note.refuse.v1", "")]),
    ]);
    refused.effects.push(effect("e1", None));
    refused.idempotency = Some(idempotency("k1", "r", i64::MAX));
    match journal.commit_blocking(refused).unwrap_err() {
        CommitError::Projection {
            stream: at,
            seq: at_seq,
            source,
        } => {
            assert_eq!((at, at_seq), (stream("s/fresh"), Seq::FIRST));
            assert!(matches!(source, ProjectionError::Rule { .. }));
        }
        other => panic!("{other}"),
    }
    let reader = journal.reader();
    assert_eq!(reader.size().unwrap(), 1);
    assert_eq!(reader.record("note", "a").unwrap().unwrap().body, b"1");
    assert_eq!(reader.record("note", "fresh").unwrap(), None);
    assert_eq!(reader.stream_head(&stream("s/fresh")).unwrap(), None);
    assert_eq!(reader.effect("e1").unwrap(), None);
    assert_eq!(reader.idempotency("suite POST /notes", "k1").unwrap(), None);
    let next = put(&journal, "s/a", "a=2");
    assert_eq!(next.events[0].index, LogIndex(1));
    assert_eq!(next.events[0].seq, seq(2));
    check_fsck(&fixture, &journal);
}

pub fn limits_and_reserved_kinds_are_refused(subject: &dyn Subject) {
    let mut fixture = Fixture::new(subject);
    fixture.limits.payload_bytes_max = 10;
    fixture.limits.transaction_events_max = 2;
    let journal = fixture.open();
    let refuse = |events: &[(&str, &str)]| {
        let append = append("s/a", Expected::Any, events);
        journal
            .commit_blocking(transaction(vec![append]))
            .unwrap_err()
    };
    assert!(matches!(
        refuse(&[(NOTE, "12345678901")]),
        CommitError::TooLarge {
            limit: Limit::PayloadBytes,
            actual: 11,
            max: 10
        }
    ));
    assert!(matches!(
        refuse(&[(NOTE, "1"), (NOTE, "2"), (NOTE, "3")]),
        CommitError::TooLarge {
            limit: Limit::Events,
            actual: 3,
            max: 2
        }
    ));
    assert!(matches!(refuse(&[]), CommitError::EmptyAppend { .. }));
    assert!(matches!(
        refuse(&[(GAP_KIND, "{}")]),
        CommitError::ReservedKind { .. }
    ));
    assert_eq!(journal.reader().size().unwrap(), 0);
}

pub fn an_idempotent_request_happens_once(subject: &dyn Subject) {
    let fixture = Fixture::new(subject);
    let request = || {
        let mut request = transaction(vec![append("s/a", Expected::NoStream, &[(NOTE, "a=1")])]);
        request.idempotency = Some(idempotency("k", "r", i64::MAX));
        request
    };
    let journal = fixture.open();
    let first = journal.commit_blocking(request()).unwrap();
    put(&journal, "s/a", "a=2");
    let check_replay = |journal: &Journal| match journal.commit_blocking(request()).unwrap_err() {
        CommitError::Replayed {
            response,
            committed,
        } => {
            assert_eq!(response, b"response to r");
            assert_eq!(committed.events, first.events);
            assert_eq!(committed.tree_size, 2);
        }
        other => panic!("{other}"),
    };
    check_replay(&journal);
    let mut other = request();
    other.idempotency = Some(idempotency("k", "another", i64::MAX));
    assert!(matches!(
        journal.commit_blocking(other).unwrap_err(),
        CommitError::KeyReused { .. }
    ));
    drop(journal);
    let journal = fixture.open();
    check_replay(&journal);
    assert_eq!(journal.reader().size().unwrap(), 2);
}

pub fn an_expired_key_is_forgotten(subject: &dyn Subject) {
    let fixture = Fixture::new(subject);
    let journal = fixture.open();
    for at_ms in [0, 99, 100] {
        let mut request = transaction(vec![append("s/a", Expected::Any, &[(NOTE, "a=1")])]);
        request.at_ms = at_ms;
        request.idempotency = Some(idempotency("k", "r", at_ms + 100));
        let outcome = journal.commit_blocking(request);
        assert_eq!(outcome.is_ok(), at_ms != 99, "at {at_ms}");
    }
    assert_eq!(journal.reader().size().unwrap(), 2);
}

fn lease(journal: &Journal, now_ms: i64, lease_ms: i64) -> Vec<LeasedEffect> {
    let request = LeaseRequest {
        now_ms,
        lease_ms,
        limit: 10,
        kinds: Vec::new(),
    };
    journal.lease_blocking(request).unwrap()
}

fn settle(journal: &Journal, settlement: Settlement) -> Result<Committed, CommitError> {
    let mut transaction = transaction(Vec::new());
    transaction.settlements.push(settlement);
    journal.commit_blocking(transaction)
}

fn with_effects(journal: &Journal, ids: &[&str]) {
    let mut transaction = transaction(vec![append("s/a", Expected::Any, &[(NOTE, "a=1")])]);
    transaction.effects = ids.iter().map(|id| effect(id, None)).collect();
    journal.commit_blocking(transaction).unwrap();
}

pub fn a_lease_is_exclusive_until_it_ends(subject: &dyn Subject) {
    let fixture = Fixture::new(subject);
    let journal = fixture.open();
    with_effects(&journal, &["e1", "e2"]);
    let first = lease(&journal, 100, 50);
    assert_eq!(
        first
            .iter()
            .map(|effect| effect.id.as_str())
            .collect::<Vec<_>>(),
        ["e1", "e2"]
    );
    assert_eq!(first[0].payload, b"payload of e1");
    assert_eq!(lease(&journal, 149, 50), Vec::new());
    drop(journal);
    let journal = fixture.open();
    assert_eq!(lease(&journal, 149, 50), Vec::new());
    let second = lease(&journal, 150, 50);
    assert_eq!(second.len(), 2);
    assert!(second.iter().all(|effect| effect.attempts == 2));
    let other = LeaseRequest {
        now_ms: 900,
        lease_ms: 1,
        limit: 9,
        kinds: vec!["x".to_owned()],
    };
    assert_eq!(journal.lease_blocking(other).unwrap(), Vec::new());
}

pub fn a_stale_lease_cannot_settle(subject: &dyn Subject) {
    let fixture = Fixture::new(subject);
    let journal = fixture.open();
    with_effects(&journal, &["e1"]);
    let stale = lease(&journal, 0, 10)[0].lease;
    let newest = lease(&journal, 10, 10)[0].lease;
    let done = |lease| Settlement::Done {
        id: "e1".to_owned(),
        lease,
    };
    for wrong in [0, stale, newest + 1] {
        let outcome = settle(&journal, done(wrong));
        assert!(
            matches!(outcome, Err(CommitError::LeaseLost { .. })),
            "lease {wrong}"
        );
    }
    settle(&journal, done(newest)).unwrap();
    assert!(matches!(
        settle(&journal, done(newest)),
        Err(CommitError::LeaseLost { .. })
    ));
    let unknown = Settlement::Done {
        id: "e9".to_owned(),
        lease: 1,
    };
    assert!(matches!(
        settle(&journal, unknown),
        Err(CommitError::EffectUnknown { .. })
    ));
}

pub fn settlements_end_retry_or_bury_an_effect(subject: &dyn Subject) {
    let fixture = Fixture::new(subject);
    let journal = fixture.open();
    with_effects(&journal, &["done", "dead", "retry"]);
    let leased = lease(&journal, 0, 1_000);
    let token = |id: &str| leased.iter().find(|effect| effect.id == id).unwrap().lease;
    let error = || "peer is gone".to_owned();
    let mut all = transaction(vec![append("s/a", Expected::Any, &[(NOTE, "a=2")])]);
    all.settlements = vec![
        Settlement::Done {
            id: "done".to_owned(),
            lease: token("done"),
        },
        Settlement::Dead {
            id: "dead".to_owned(),
            lease: token("dead"),
            error: error(),
        },
        Settlement::Retry {
            id: "retry".to_owned(),
            lease: token("retry"),
            not_before_ms: 500,
            error: error(),
        },
    ];
    journal.commit_blocking(all).unwrap();
    let again = Settlement::Done {
        id: "retry".to_owned(),
        lease: token("retry"),
    };
    assert!(matches!(
        settle(&journal, again),
        Err(CommitError::LeaseLost { .. })
    ));
    assert_eq!(lease(&journal, 499, 1), Vec::new());
    let retried = lease(&journal, 500, 1);
    assert_eq!((retried.len(), retried[0].attempts), (1, 2));
    let reader = journal.reader();
    for (state, id) in [
        (EffectState::Done, "done"),
        (EffectState::Dead, "dead"),
        (EffectState::Pending, "retry"),
    ] {
        let found = reader.effects(state, None, 10).unwrap();
        assert_eq!(
            found
                .iter()
                .map(|effect| effect.id.as_str())
                .collect::<Vec<_>>(),
            [id]
        );
        assert_eq!(reader.effects_count(state).unwrap(), 1);
    }
    let dead = reader.effect("dead").unwrap().unwrap();
    assert_eq!(dead.error.as_deref(), Some("peer is gone"));
    let mut twice = transaction(Vec::new());
    twice.effects.push(effect("done", None));
    assert!(matches!(
        journal.commit_blocking(twice),
        Err(CommitError::EffectExists { .. })
    ));
}

pub fn pages_are_complete_and_in_order(subject: &dyn Subject) {
    let fixture = Fixture::new(subject);
    let journal = fixture.open();
    for n in 0..25 {
        put(&journal, &format!("s/{n:02}"), &format!("{n:02}={n}"));
    }
    let reader = journal.reader();
    let mut ids = Vec::new();
    while let page = reader
        .records("note", &[], ids.last().map(String::as_str), 7)
        .unwrap()
        && !page.is_empty()
    {
        ids.extend(page.into_iter().map(|record| record.id));
    }
    assert_eq!(ids, (0..25).map(|n| format!("{n:02}")).collect::<Vec<_>>());
    let mut streams: Vec<crate::StreamName> = Vec::new();
    while let page = reader.streams(streams.last(), 7).unwrap()
        && !page.is_empty()
    {
        streams.extend(page.into_iter().map(|head| head.stream));
    }
    assert_eq!(
        streams,
        (0..25)
            .map(|n| stream(&format!("s/{n:02}")))
            .collect::<Vec<_>>()
    );
    let mut indexes: Vec<u64> = Vec::new();
    while let from = LogIndex(indexes.last().map_or(0, |last| last + 1))
        && let page = reader.events(from, 7).unwrap()
        && !page.is_empty()
    {
        indexes.extend(page.into_iter().map(|event| event.index.0));
    }
    assert_eq!(indexes, (0..25).collect::<Vec<_>>());
    assert_eq!(reader.checkpoints(24, 10).unwrap().len(), 2);
}

pub fn records_are_found_by_every_filter(subject: &dyn Subject) {
    let fixture = Fixture::new(subject);
    let journal = fixture.open();
    for payload in ["a=x", "b=xx", "c=y", "d=yy", "a=x"] {
        put(&journal, "s/a", payload);
    }
    let find = |filters: &[(&str, &str)], after: Option<&str>| {
        let found = journal
            .reader()
            .records("note", filters, after, 10)
            .unwrap();
        found
            .into_iter()
            .map(|record| record.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(find(&[("length", "1")], None), ["a", "c"]);
    assert_eq!(find(&[("length", "1")], Some("a")), ["c"]);
    assert_eq!(find(&[("length", "1"), ("writes", "2")], None), ["a"]);
    assert_eq!(find(&[("writes", "1"), ("length", "2")], None), ["b", "d"]);
    assert_eq!(find(&[("length", "3")], None), Vec::<String>::new());
    assert_eq!(find(&[("writes", "1")], None), ["b", "c", "d"]);
    put(&journal, "s/a", "c=long");
    assert_eq!(find(&[("length", "1")], None), ["a"]);
    let drop_a = append("s/a", Expected::Any, &[("note.drop.v1", "a")]);
    journal.commit_blocking(transaction(vec![drop_a])).unwrap();
    assert_eq!(find(&[("length", "1")], None), Vec::<String>::new());
    assert_eq!(journal.reader().record("note", "a").unwrap(), None);
    assert_eq!(
        journal
            .reader()
            .record("note", "c")
            .unwrap()
            .unwrap()
            .version,
        5
    );
}

const SECRET: &str = "Amina Yusuf";

/// A personal stream that owns an event, a record, an effect and a response with the secret.
fn store_secret(journal: &Journal) -> Committed {
    let payload = format!("p={SECRET}");
    let mut personal = transaction(vec![append(
        "personal/p",
        Expected::NoStream,
        &[(NOTE, &payload)],
    )]);
    let mut owned = effect("e-personal", Some("personal/p"));
    owned.payload = SECRET.as_bytes().to_vec();
    personal.effects.push(owned);
    let mut key = idempotency("k-personal", "r", i64::MAX);
    key.owner = Some(stream("personal/p"));
    key.response = SECRET.as_bytes().to_vec();
    personal.idempotency = Some(key);
    journal.commit_blocking(personal).unwrap()
}

pub fn personal_bytes_are_sealed_at_rest(subject: &dyn Subject) {
    let fixture = Fixture::new(subject);
    let journal = fixture.open();
    store_secret(&journal);
    let reader = journal.reader();
    let event = reader.event(LogIndex(0)).unwrap().unwrap();
    assert!(event.header.sealed);
    assert_eq!(event.payload.unwrap(), format!("p={SECRET}").into_bytes());
    assert_eq!(
        reader.record("note", "p").unwrap().unwrap().body,
        SECRET.as_bytes()
    );
    assert_eq!(
        reader.effect("e-personal").unwrap().unwrap().payload,
        SECRET.as_bytes()
    );
    let response = reader
        .idempotency("suite POST /notes", "k-personal")
        .unwrap();
    assert_eq!(response.unwrap(), SECRET.as_bytes());
    reader
        .with_rows(|rows| {
            let key = rows
                .idempotency("suite POST /notes", "k-personal")?
                .unwrap();
            for stored in [
                rows.events(LogIndex(0), 1)?.remove(0).payload,
                rows.record("note", "p")?.unwrap().body,
                rows.effect("e-personal")?.unwrap().payload,
                key.response,
            ] {
                let secret = SECRET.as_bytes();
                assert!(!stored.windows(secret.len()).any(|window| window == secret));
            }
            Ok::<_, crate::ReadError>(())
        })
        .unwrap();
    let other = append("personal/p", Expected::Any, &[(NOTE, "p=2")]);
    let other = crate::Append {
        privacy: Privacy::Public,
        ..other
    };
    assert!(matches!(
        journal.commit_blocking(transaction(vec![other])),
        Err(CommitError::PrivacyMismatch {
            actual: Privacy::Personal,
            ..
        })
    ));
    check_fsck(&fixture, &journal);
}

pub fn shredding_forgets_content_and_keeps_the_chain(subject: &dyn Subject) {
    let fixture = Fixture::new(subject);
    let journal = fixture.open();
    let stored = store_secret(&journal);
    put(&journal, "s/a", "a=1");
    let mut shred = transaction(Vec::new());
    shred.shred.push(stream("personal/p"));
    let shredded = journal.commit_blocking(shred.clone()).unwrap();
    assert_eq!(shredded.events[0].seq, seq(2));
    let reader = journal.reader();
    let events = reader
        .stream(&stream("personal/p"), Seq::FIRST, 10)
        .unwrap();
    assert_eq!(events[0].payload, None);
    assert_eq!(events[0].digest, stored.events[0].digest);
    assert_eq!(events[1].kind.as_str(), SHREDDED_KIND);
    assert_eq!(reader.record("note", "p").unwrap(), None);
    assert_eq!(reader.effect("e-personal").unwrap(), None);
    assert_eq!(
        reader
            .idempotency("suite POST /notes", "k-personal")
            .unwrap(),
        None
    );
    assert!(
        reader
            .stream_head(&stream("personal/p"))
            .unwrap()
            .unwrap()
            .shredded
    );
    let more = append("personal/p", Expected::Any, &[(NOTE, "p=3")]);
    let more = journal.commit_blocking(transaction(vec![more]));
    assert!(matches!(more, Err(CommitError::Shredded { .. })));
    assert!(matches!(
        journal.commit_blocking(shred),
        Err(CommitError::Shredded { .. })
    ));
    let mut public = transaction(Vec::new());
    public.shred.push(stream("s/a"));
    assert!(matches!(
        journal.commit_blocking(public),
        Err(CommitError::NotPersonal { .. })
    ));
    check_fsck(&fixture, &journal);
    let report = journal.rebuild(RebuildMode::Check).unwrap();
    assert_eq!((report.shredded, report.differences), (1, Vec::new()));
}

pub fn a_personal_event_cannot_write_what_its_stream_does_not_own(subject: &dyn Subject) {
    let fixture = Fixture::new(subject);
    let journal = fixture.open();
    put(&journal, "s/a", "public=1");
    for (kind, payload) in [
        ("note.share.v1", "shared=1"),
        (NOTE, "public=2"),
        ("note.drop.v1", "public"),
    ] {
        let leak = append("personal/p", Expected::Any, &[(kind, payload)]);
        match journal
            .commit_blocking(transaction(vec![leak]))
            .unwrap_err()
        {
            CommitError::Projection { source, .. } => {
                assert!(
                    matches!(source, ProjectionError::ForeignRecord { .. }),
                    "{source}"
                );
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(journal.reader().record("note", "shared").unwrap(), None);
    assert_eq!(
        journal
            .reader()
            .record("note", "public")
            .unwrap()
            .unwrap()
            .body,
        b"1"
    );
}

pub fn a_reader_keeps_its_snapshot(subject: &dyn Subject) {
    let fixture = Fixture::new(subject);
    let journal = fixture.open();
    put(&journal, "s/a", "a=1");
    journal
        .reader()
        .with_rows(|rows| {
            assert_eq!(rows.size()?, 1);
            put(&journal, "s/a", "a=2");
            assert_eq!(rows.size()?, 1);
            assert_eq!(rows.record("note", "a")?.unwrap().version, 0);
            Ok::<_, crate::ReadError>(())
        })
        .unwrap();
    assert_eq!(journal.reader().size().unwrap(), 2);
}

pub fn a_reopened_journal_goes_on_where_it_stopped(subject: &dyn Subject) {
    let fixture = Fixture::new(subject);
    for n in 0..9_u64 {
        let journal = fixture.open();
        let committed = put(&journal, "s/a", "a=1");
        assert_eq!(committed.events[0].index, LogIndex(n));
        assert_eq!(committed.events[0].seq, seq(n + 1));
        let head = journal.reader().head().unwrap();
        assert_eq!(
            (head.size, head.root),
            (committed.tree_size, committed.root)
        );
        check_fsck(&fixture, &journal);
    }
}

pub fn foreign_keys_and_origins_are_refused(subject: &dyn Subject) {
    let mut fixture = Fixture::new(subject);
    put(&fixture.open(), "s/a", "a=1");
    fixture.node_key = 9;
    assert!(matches!(fixture.try_open(), Err(OpenError::NodeKey)));
    fixture.node_key = 1;
    fixture.log_key = 9;
    assert!(matches!(
        fixture.try_open(),
        Err(OpenError::CheckpointSignature { .. })
    ));
    fixture.log_key = 2;
    fixture.origin = "other.example/log";
    assert!(matches!(fixture.try_open(), Err(OpenError::Origin { .. })));
}

pub fn proofs_verify_against_every_checkpoint(subject: &dyn Subject) {
    let fixture = Fixture::new(subject);
    let journal = fixture.open();
    for n in 0..20 {
        put(&journal, &format!("s/{}", n % 3), "a=1");
    }
    let reader = journal.reader();
    let checkpoints: Vec<Checkpoint> = reader
        .checkpoints(0, 100)
        .unwrap()
        .into_iter()
        .map(|signed| Checkpoint::open(&signed.note, &fixture.verifier()).unwrap())
        .collect();
    assert_eq!(checkpoints.len(), 20);
    for checkpoint in &checkpoints {
        for index in 0..checkpoint.size {
            let event = reader.event(LogIndex(index)).unwrap().unwrap();
            let leaf = merkle::leaf_hash(&event.header_bytes);
            let proof = reader.inclusion(LogIndex(index), checkpoint.size).unwrap();
            checkpoint.verify_inclusion(&leaf, index, &proof).unwrap();
        }
        let newest = checkpoints.last().unwrap();
        let proof = reader.consistency(checkpoint.size, newest.size).unwrap();
        checkpoint.verify_growth(newest, &proof).unwrap();
    }
    assert!(reader.inclusion(LogIndex(20), 20).is_err());
    assert!(reader.inclusion(LogIndex(0), 21).is_err());
    assert!(reader.consistency(1, 21).is_err());
}

pub fn a_rebuild_finds_and_repairs_differing_records(subject: &dyn Subject) {
    let fixture = Fixture::new(subject);
    let journal = fixture.open();
    for payload in ["a=1", "b=1", "c=1", "a=2"] {
        put(&journal, "s/a", payload);
    }
    put(&journal, "personal/p", "p=1");
    assert_eq!(
        journal.rebuild(RebuildMode::Check).unwrap().differences,
        Vec::new()
    );
    drop(journal);
    let mut engine = subject.open().unwrap();
    let mut rows = engine.begin().unwrap();
    let changed = rows.record("note", "a").unwrap().unwrap();
    rows.put_record(&RecordRow {
        body: b"tampered".to_vec(),
        ..changed.clone()
    })
    .unwrap();
    rows.delete_record("note", "b").unwrap();
    rows.put_record(&RecordRow {
        id: "x".to_owned(),
        ..changed
    })
    .unwrap();
    rows.commit().unwrap();
    drop(engine);
    let journal = fixture.open();
    let expected: Vec<Difference> = [
        ("a", DifferenceKind::Changed),
        ("b", DifferenceKind::Missing),
        ("x", DifferenceKind::Unexpected),
    ]
    .map(|(id, what)| Difference {
        kind: "note".to_owned(),
        id: id.to_owned(),
        what,
    })
    .into();
    assert_eq!(
        journal.rebuild(RebuildMode::Check).unwrap().differences,
        expected
    );
    let report = journal.rebuild(RebuildMode::Replace).unwrap();
    assert_eq!(
        (report.events, report.records, report.differences),
        (5, 4, expected)
    );
    assert_eq!(
        journal.rebuild(RebuildMode::Check).unwrap().differences,
        Vec::new()
    );
    let reader = journal.reader();
    assert_eq!(reader.record("note", "a").unwrap().unwrap().body, b"2");
    assert_eq!(reader.record("note", "p").unwrap().unwrap().body, b"1");
    assert_eq!(
        reader
            .records("note", &[("writes", "2")], None, 10)
            .unwrap()
            .len(),
        1
    );
}

fn row(id: &str) -> RecordRow {
    RecordRow {
        kind: "k".to_owned(),
        id: id.to_owned(),
        stream: None,
        fields: [("f".to_owned(), "v".to_owned())].into(),
        body: Vec::new(),
        version: 0,
    }
}

fn ids(rows: &dyn Read) -> Vec<String> {
    let query = RecordQuery {
        kind: "k",
        filters: &[("f", "v")],
        after: None,
        limit: 10,
    };
    rows.records(query)
        .unwrap()
        .into_iter()
        .map(|row| row.id)
        .collect()
}

pub fn a_dropped_engine_transaction_leaves_no_trace(subject: &dyn Subject) {
    let mut engine = subject.open().unwrap();
    let mut rows = engine.begin().unwrap();
    rows.put_record(&row("kept")).unwrap();
    rows.commit().unwrap();
    let mut rows = engine.begin().unwrap();
    rows.put_record(&row("lost")).unwrap();
    rows.delete_record("k", "kept").unwrap();
    assert_eq!(ids(&*rows), ["lost"]);
    let snapshots = rows_beside(&*rows);
    assert_eq!(snapshots, ["lost"]);
    drop(rows);
    assert_eq!(ids(&*engine.snapshots().snapshot().unwrap()), ["kept"]);
    drop(engine);
    assert_eq!(
        ids(&*subject.open().unwrap().snapshots().snapshot().unwrap()),
        ["kept"]
    );
}

/// A transaction reads its own writes through the read half of the trait too.
fn rows_beside(rows: &dyn crate::engine::Write) -> Vec<String> {
    ids(rows)
}

pub fn a_savepoint_undoes_exactly_its_writes(subject: &dyn Subject) {
    let mut engine = subject.open().unwrap();
    let mut rows = engine.begin().unwrap();
    rows.put_record(&row("a")).unwrap();
    rows.savepoint().unwrap();
    rows.put_record(&row("b")).unwrap();
    rows.rollback_to_savepoint().unwrap();
    rows.savepoint().unwrap();
    rows.put_record(&row("c")).unwrap();
    rows.release_savepoint().unwrap();
    assert_eq!(ids(&*rows), ["a", "c"]);
    rows.commit().unwrap();
    assert_eq!(ids(&*engine.snapshots().snapshot().unwrap()), ["a", "c"]);
}

pub fn concurrent_writers_share_commits_and_lose_nothing(subject: &dyn Subject) {
    let fixture = Fixture::new(subject);
    let journal = fixture.open();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let journal = journal.clone();
            scope.spawn(move || {
                for n in 1..=25 {
                    let committed = put(&journal, &format!("s/{writer}"), "a=1");
                    assert_eq!(committed.events[0].seq, seq(n));
                    assert!(committed.tree_size > committed.events[0].index.0);
                }
            });
        }
    });
    assert_eq!(journal.reader().size().unwrap(), 200);
    assert_eq!(journal.stats().transactions, 200);
    check_fsck(&fixture, &journal);
}

pub fn dropped_bulk_events_leave_a_gap_marker(subject: &dyn Subject) {
    let mut fixture = Fixture::new(subject);
    fixture.limits.bulk_count_max = 10;
    fixture.limits.payload_bytes_max = 100;
    let journal = fixture.open();
    let bulk = |payload: &str| BulkEvent {
        stream: stream("s/bulk"),
        privacy: Privacy::Public,
        at_ms: 1,
        actor: "sensor".to_owned(),
        event: new_event("sensor.read.v1", payload),
    };
    let mut accepted = 0;
    let mut dropped = 0;
    for n in 0..500 {
        // An oversized event is dropped whatever the writer's speed.
        let payload = if n % 100 == 7 {
            "x".repeat(101)
        } else {
            "x".to_owned()
        };
        match journal.append_bulk(bulk(&payload)) {
            BulkOutcome::Accepted => accepted += 1,
            BulkOutcome::Dropped => dropped += 1,
        }
    }
    journal.shutdown();
    assert_eq!(journal.stats().bulk_dropped, dropped);
    assert!(dropped >= 5);
    let events = journal
        .reader()
        .stream(&stream("s/bulk"), Seq::FIRST, 1_000)
        .unwrap();
    let (gaps, kept): (Vec<_>, Vec<_>) = events
        .iter()
        .partition(|event| event.kind.as_str() == GAP_KIND);
    let marked: u64 = gaps
        .iter()
        .map(|event| {
            let payload = event.payload.as_deref().unwrap();
            let marker: serde_json::Value = serde_json::from_slice(payload).unwrap();
            marker["dropped"].as_u64().unwrap()
        })
        .sum();
    assert_eq!((kept.len(), marked), (accepted, dropped));
}

pub fn fsck_finds_nothing_wrong_in_what_the_writer_wrote(subject: &dyn Subject) {
    let fixture = Fixture::new(subject);
    let journal = fixture.open();
    for n in 0..70 {
        put(
            &journal,
            ["s/a", "personal/p", "s/b"][n % 3],
            "a/b=1".split_at(n % 3).1,
        );
        check_fsck(&fixture, &journal);
    }
}
