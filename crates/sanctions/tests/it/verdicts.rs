use jiff::Timestamp;
use sanctions::{
    BirthDate, Decision, Entry, Finding, Hit, Identifier, IndexedList, List, Lists, PartyKind,
    Policy, Reason, Screening, Subject, Verdict, rescreen, screen,
};

use super::{header, policy};

fn now() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

fn petrov() -> Entry {
    Entry {
        births: vec![BirthDate::parse("1970-03-02").unwrap()],
        identifiers: vec![Identifier {
            kind: "Passport".into(),
            value: "RU 123456789".into(),
        }],
        ..Entry::named("1", PartyKind::Person, "PETROVSKY, Ivan Arkadyevich")
    }
}

fn list(version: &str, entries: Vec<Entry>) -> IndexedList {
    IndexedList::new(List::new(header("sdn", version), entries).unwrap())
}

fn lists(entries: Vec<Entry>) -> Lists {
    let mut lists = Lists::default();
    lists.insert(list("1", entries));
    lists
}

fn check(subject: &Subject, lists: &Lists) -> Screening {
    screen(subject, lists, now(), &policy(&["sdn"]))
}

fn person(name: &str) -> Subject {
    Subject::named(name, PartyKind::Person)
}

#[test]
fn strangers_are_clear_lookalikes_are_reviewed_and_the_listed_are_blocked() {
    let lists = lists(vec![petrov()]);
    let verdict = |name: &str| check(&person(name), &lists).verdict;
    assert_eq!(verdict("Anna Lindqvist"), Verdict::Clear);
    assert_eq!(verdict("Ivan Petrowskij"), Verdict::Review);
    assert_eq!(verdict("Ivan Arkadyevich Petrovsky"), Verdict::Block);
}

#[test]
fn every_answer_names_list_version_digest_and_age() {
    let lists = lists(vec![petrov()]);
    let screening = check(&person("Anna Lindqvist"), &lists);
    let used = &screening.lists[0];
    assert_eq!(
        (used.name.as_str(), used.version.as_str(), used.age_days),
        ("sdn", "1", 20)
    );
    assert_eq!(used.digest, lists.find("sdn").unwrap().list().digest());
}

#[test]
fn without_a_trustworthy_list_everybody_is_blocked() {
    let subject = person("Anna Lindqvist");
    let reason = |lists: &Lists, at: &str, policy: &Policy| {
        let screening = screen(&subject, lists, at.parse().unwrap(), policy);
        assert_eq!(screening.verdict, Verdict::Block);
        screening.reasons[0].clone()
    };
    let (good, required) = (lists(vec![petrov()]), policy(&["sdn"]));
    let at = "2026-11-21T10:00:00Z";
    let list = "sdn".to_owned();
    assert_eq!(
        reason(&Lists::default(), at, &required),
        Reason::ListMissing { list: list.clone() }
    );
    let mut failed = good.clone();
    failed.mark_failed("sdn");
    assert_eq!(
        reason(&failed, at, &required),
        Reason::ListFailed { list: list.clone() }
    );
    let stale = reason(&good, "2026-12-02T00:00:00Z", &required);
    assert_eq!(
        stale,
        Reason::ListStale {
            list: list.clone(),
            age_days: 31,
            age_days_max: 30
        }
    );
    let early = reason(&good, "2026-10-31T23:59:59Z", &required);
    assert_eq!(early, Reason::ListFromTheFuture { list });
    assert_eq!(reason(&good, at, &policy(&[])), Reason::NoListRequired {});
    assert!(
        List::new(header("sdn", "1"), Vec::new()).is_err(),
        "no list is empty"
    );
    failed.insert(super::OFAC.clone());
    assert_eq!(
        check(&person(" \u{200b}"), &good).reasons[0],
        Reason::NoLegibleName {}
    );
    let mut numbered = person("");
    numbered.names.clear();
    numbered.identifiers = vec![Identifier {
        kind: "passport".to_owned(),
        value: " - ".to_owned(),
    }];
    assert_eq!(check(&numbered, &good).reasons[0], Reason::NoLegibleName {});
}

#[test]
fn a_failed_import_blocks_until_the_list_is_imported() {
    let mut lists = lists(vec![petrov()]);
    lists.mark_failed("sdn");
    assert_eq!(
        check(&person("Anna Lindqvist"), &lists).verdict,
        Verdict::Block
    );
    lists.insert(list("2", vec![petrov()]));
    assert_eq!(
        check(&person("Anna Lindqvist"), &lists).verdict,
        Verdict::Clear
    );
}

#[test]
fn a_wrong_birth_date_never_vetoes_and_a_right_one_confirms() {
    let lists = lists(vec![petrov()]);
    let with = |name: &str, birth: &str| {
        let mut subject = person(name);
        subject.births = BirthDate::parse(birth).into_iter().collect();
        check(&subject, &lists)
    };
    let plain = check(&person("Ivan Petrowskij"), &lists).hits[0].score_bp;
    assert_eq!(
        with("Ivan Petrowskij", "1999-09-09").hits[0].score_bp,
        plain
    );
    assert_eq!(
        with("Ivan Arkadyevich Petrovsky", "1999-09-09").verdict,
        Verdict::Block
    );
    assert!(with("Ivan Petrowskij", "1970-03-02").hits[0].score_bp > plain);
}

#[test]
fn the_same_document_number_blocks_under_any_name() {
    let mut subject = person("Anna Lindqvist");
    subject.identifiers = vec![Identifier {
        kind: "any".into(),
        value: "ru-123456789".into(),
    }];
    assert_eq!(
        check(&subject, &lists(vec![petrov()])).verdict,
        Verdict::Block
    );
}

#[test]
fn a_screening_is_the_same_bytes_every_time() {
    let lists = lists(vec![
        petrov(),
        Entry::named("2", PartyKind::Person, "PETROVSKY, Ivan"),
    ]);
    let bytes = || {
        let screening = check(&person("Ivan Petrowskij"), &lists);
        evidence::canonical::to_vec_of(&screening).unwrap()
    };
    let once = bytes();
    assert_eq!(once, bytes());
    let read: Screening = serde_json::from_slice(&once).unwrap();
    assert_eq!(read, check(&person("Ivan Petrowskij"), &lists));
}

fn decide(screening: &Screening, hit: &Hit, finding: Finding, at: Timestamp) -> Decision {
    Decision {
        subject: screening.subject,
        list: hit.list.clone(),
        entry_id: hit.entry_id.clone(),
        entry: hit.entry,
        finding,
        by: "reviewer".to_owned(),
        reason: "seen the passport".to_owned(),
        at,
    }
}

#[test]
fn a_decision_holds_until_either_side_changes() {
    let lists = lists(vec![petrov()]);
    let subject = person("Ivan Petrowskij");
    let screening = check(&subject, &lists);
    let dismissed = decide(
        &screening,
        &screening.hits[0],
        Finding::FalsePositive,
        now(),
    );
    let reviewed = |subject: &Subject, lists: &Lists| {
        check(subject, lists)
            .reviewed(std::slice::from_ref(&dismissed))
            .verdict
    };
    assert_eq!(reviewed(&subject, &lists), Verdict::Clear);
    let mut moved = subject.clone();
    moved.countries = vec!["Sweden".to_owned()];
    assert_eq!(reviewed(&moved, &lists), Verdict::Review);
    let mut changed = petrov();
    changed.programs = vec!["CYBER".to_owned()];
    let mut newer = lists.clone();
    newer.insert(list("2", vec![changed]));
    assert_eq!(reviewed(&subject, &newer), Verdict::Review);
}

#[test]
fn the_latest_decision_counts_and_a_true_match_blocks() {
    let lists = lists(vec![petrov()]);
    let screening = check(&person("Ivan Petrowskij"), &lists);
    let later = now() + jiff::SignedDuration::from_secs(1);
    let hit = &screening.hits[0];
    let decisions = [
        decide(&screening, hit, Finding::TrueMatch, later),
        decide(&screening, hit, Finding::FalsePositive, now()),
    ];
    assert_eq!(
        screening.clone().reviewed(&decisions).verdict,
        Verdict::Block
    );
    assert_eq!(screening.reviewed(&decisions[1..]).verdict, Verdict::Clear);
}

#[test]
fn a_later_list_reports_what_changed_for_whom_and_which_decisions_ended() {
    let before = lists(vec![
        petrov(),
        Entry::named("3", PartyKind::Person, "OLDHAM, Greta"),
    ]);
    let mut renamed = petrov();
    renamed.programs = vec!["CYBER".to_owned()];
    let mut after = before.clone();
    let added = Entry::named("2", PartyKind::Person, "LINDQVIST, Anna");
    after.insert(list("2", vec![renamed, added]));
    let ivan = person("Ivan Petrowskij");
    let screening = check(&ivan, &before);
    let dismissed = decide(
        &screening,
        &screening.hits[0],
        Finding::FalsePositive,
        now(),
    );
    let (anna, greta, other) = (
        person("Anna Lindqvist"),
        person("Greta Oldham"),
        person("Tove Jansdotter"),
    );
    let report = rescreen(
        &before,
        &after,
        [
            ("ivan", &ivan),
            ("anna", &anna),
            ("greta", &greta),
            ("other", &other),
        ],
        &[dismissed],
        now(),
        &policy(&["sdn"]),
    );
    let delta = &report.lists[0].entries;
    assert_eq!(
        (&delta.added[..], &delta.removed[..], &delta.changed[..]),
        (
            &["2".to_owned()][..],
            &["3".to_owned()][..],
            &["1".to_owned()][..]
        )
    );
    let changes: Vec<_> = report
        .changes
        .iter()
        .map(|c| (c.id.as_str(), c.before, c.after))
        .collect();
    assert_eq!(
        changes,
        [
            ("ivan", Verdict::Clear, Verdict::Review),
            ("anna", Verdict::Clear, Verdict::Block),
            ("greta", Verdict::Block, Verdict::Clear),
        ]
    );
    assert_eq!(
        report.changes[0].expired,
        [("sdn".to_owned(), "1".to_owned())]
    );
    assert_eq!(report.screened, 4);
}

#[test]
fn every_list_at_hand_is_searched_also_one_that_is_not_required() {
    let mut lists = lists(vec![Entry::named("9", PartyKind::Person, "SOMEBODY, Else")]);
    let other = List::new(header("extra", "7"), vec![petrov()]).unwrap();
    lists.insert(IndexedList::new(other));
    let screening = check(&person("Ivan Arkadyevich Petrovsky"), &lists);
    assert_eq!(screening.verdict, Verdict::Block);
    assert_eq!(screening.hits[0].list, "extra");
    let names: Vec<&str> = screening.lists.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["sdn", "extra"]);
    // Its age is nobody's rule; that it cannot be read is everybody's.
    assert_eq!(
        check(&person("Anna Lindqvist"), &lists).verdict,
        Verdict::Clear
    );
    lists.mark_failed("extra");
    let failed = check(&person("Anna Lindqvist"), &lists);
    assert_eq!(failed.verdict, Verdict::Block);
    let list = "extra".to_owned();
    assert_eq!(failed.reasons, [Reason::ListFailed { list }]);
}

#[test]
fn while_a_version_is_only_proposed_whoever_is_on_either_is_found_once() {
    let doe = Entry::named("2", PartyKind::Person, "DOE, Jonathan Quincy");
    let mut lists = lists(vec![petrov()]);
    lists.propose(list("2", vec![doe.clone()]));
    for name in ["Ivan Arkadyevich Petrovsky", "Jonathan Quincy Doe"] {
        assert_eq!(
            check(&person(name), &lists).verdict,
            Verdict::Block,
            "{name}"
        );
    }
    assert_eq!(
        check(&person("Anna Lindqvist"), &lists).verdict,
        Verdict::Clear
    );
    lists.propose(list("3", vec![petrov(), doe]));
    let both = check(&person("Ivan Arkadyevich Petrovsky"), &lists);
    assert_eq!(both.hits.len(), 1, "{both:?}");
    let versions: Vec<&str> = both.lists.iter().map(|it| it.version.as_str()).collect();
    assert_eq!(versions, ["1", "3"]);
    assert_eq!(lists.iter().count(), 1);
}
