//! Cases: screened, decided on, screened again, in every order.

use std::collections::BTreeSet;

use ids::aggregate::{Aggregate as _, CommonRefusal};
use ids::{ActorId, Salt};
use jiff::Timestamp;
use mez::screening::case::{
    CaseEvent, Command, Context, DecideHits, HitName, PartyScreening, RecordScreening, Refusal,
    SeenHits,
};
use mez::screening::{Finding as PartyFinding, HitReview, Party, Standing};
use proptest::prelude::*;
use sanctions::{
    Entry, Finding, IndexedList, List, ListHeader, Lists, PartyKind, Policy, RequiredList, Subject,
    Verdict, screen,
};

use super::law_support::{DAY_MS, id};

const PETROVSKY: &str = "PETROVSKY, Ivan Arkadyevich";

fn at(second: i64) -> Timestamp {
    let start: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    start + jiff::SignedDuration::from_secs(second)
}

/// An entry of the list, in one of its states.
fn entry(id: &str, state: &str) -> Entry {
    Entry {
        programs: vec![state.to_owned()],
        ..Entry::named(id, PartyKind::Person, PETROVSKY)
    }
}

/// Somebody whose name is close to that of every entry.
fn found(entries: &[Entry], second: i64) -> Command {
    let header = ListHeader {
        name: "sdn".to_owned(),
        version: "1".to_owned(),
        published: "2026-11-01".parse().unwrap(),
    };
    // A list is never empty.
    let stranger = Entry::named("9", PartyKind::Company, "Unrelated Holdings");
    let list = List::new(header, [entries, &[stranger]].concat()).unwrap();
    let mut lists = Lists::default();
    lists.insert(IndexedList::new(list));
    let policy = Policy::standard(vec![RequiredList {
        name: "sdn".to_owned(),
        age_days_max: 365,
    }]);
    let subject = Subject::named("Ivan Petrowskij", PartyKind::Person);
    Command::RecordScreening(RecordScreening {
        entity: id("indus-trading"),
        party: Party::Person(id("ivan")),
        subject: subject.digest(),
        screening: screen(&subject, &lists, at(second), &policy),
    })
}

fn decision(finding: Finding, hits: Option<&[&str]>, seen: SeenHits) -> Command {
    let name = |id: &&str| HitName {
        list: "sdn".to_owned(),
        entry_id: (*id).to_owned(),
    };
    Command::DecideHits(DecideHits {
        finding,
        hits: hits.map(|hits| hits.iter().map(name).collect()),
        seen,
        reason: "another birth date".to_owned(),
    })
}

fn act_as(
    actor: &str,
    case: Option<PartyScreening>,
    command: Command,
    second: i64,
) -> Result<(PartyScreening, CaseEvent), Refusal> {
    let (actor, applicant): (ActorId, ActorId) = (id(actor), id("applicant"));
    let context = Context {
        at: at(second),
        actor: &actor,
        applicant: &applicant,
    };
    let mut decided = PartyScreening::decide(case.as_ref(), command, &context)?;
    assert_eq!((decided.events.len(), decided.effects.len()), (1, 0));
    let event = decided.events.remove(0);
    Ok((PartyScreening::apply(case, &event).unwrap(), event))
}

fn act(case: Option<PartyScreening>, command: Command, second: i64) -> PartyScreening {
    act_as("reviewer", case, command, second).unwrap().0
}

fn refusal(case: &PartyScreening, command: Command) -> Refusal {
    act_as("reviewer", Some(case.clone()), command, 9).unwrap_err()
}

fn standing(case: &PartyScreening, review: Option<HitReview>) -> Standing {
    let fact = case.fact(&Salt::new([1; 32]), review).unwrap();
    fact.standing(&case.subject, at(9).as_millisecond(), DAY_MS)
}

fn settled(event: &CaseEvent) -> Option<HitReview> {
    match event {
        CaseEvent::Performed(_) => None,
        CaseEvent::Reviewed(reviewed) => reviewed.settled_by(&id("reviewer")),
    }
}

#[test]
fn the_last_dismissal_clears_the_party_and_an_earlier_one_does_not() {
    let case = act(None, found(&[entry("1", "A"), entry("2", "A")], 0), 0);
    assert!(case.is_open());
    assert_eq!(standing(&case, None), Standing::UnderReview);

    let first = decision(Finding::FalsePositive, Some(&["1", "1"]), case.seen());
    let (case, event) = act_as("reviewer", Some(case), first, 1).unwrap();
    assert_eq!(case.decisions.len(), 1, "a hit named twice is decided once");
    assert_eq!(settled(&event), None);
    assert_eq!(standing(&case, settled(&event)), Standing::UnderReview);

    let rest = decision(Finding::FalsePositive, None, case.seen());
    let (case, event) = act_as("reviewer", Some(case), rest, 2).unwrap();
    assert!(!case.is_open());
    assert_eq!(case.decisions[1].entry_id, "2");
    let review = settled(&event).unwrap();
    assert_eq!(
        (review.finding, review.at_ms),
        (PartyFinding::FalsePositive, at(2).as_millisecond())
    );
    assert_eq!(standing(&case, Some(review)), Standing::Cleared);
}

#[test]
fn a_confirmed_match_blocks_whatever_is_dismissed_later() {
    let case = act(None, found(&[entry("1", "A"), entry("2", "A")], 0), 0);
    let confirm = decision(Finding::TrueMatch, Some(&["1"]), case.seen());
    let (case, event) = act_as("reviewer", Some(case), confirm, 1).unwrap();
    let review = settled(&event);
    assert_eq!(
        review.as_ref().map(|review| review.finding),
        Some(PartyFinding::TrueMatch)
    );
    assert_eq!(standing(&case, review), Standing::Blocked);

    let dismiss = decision(Finding::FalsePositive, None, case.seen());
    let (case, event) = act_as("reviewer", Some(case), dismiss, 2).unwrap();
    assert_eq!(settled(&event), None);
    assert_eq!(standing(&case, None), Standing::Blocked);
}

#[test]
fn screening_again_keeps_every_decision() {
    let case = act(None, found(&[entry("1", "A")], 0), 0);
    let dismiss = decision(Finding::FalsePositive, None, case.seen());
    let case = act(Some(case), dismiss, 1);
    let again = act(Some(case), found(&[entry("1", "A")], 2), 2);
    assert_eq!(again.screening.verdict, Verdict::Clear);
    // The entry changed, so the decision no longer holds. It is not forgotten.
    let changed = act(Some(again), found(&[entry("1", "B")], 3), 3);
    assert!(changed.is_open());
    let back = act(Some(changed), found(&[entry("1", "A")], 4), 4);
    assert_eq!(
        (back.screening.verdict, back.decisions.len()),
        (Verdict::Clear, 1)
    );
}

#[test]
fn a_hit_that_came_up_meanwhile_is_not_dismissed() {
    let case = act(None, found(&[entry("1", "A")], 0), 0);
    let seen = case.seen();
    let case = act(Some(case), found(&[entry("1", "A"), entry("2", "A")], 1), 1);
    let dismiss = decision(Finding::FalsePositive, None, seen.clone());
    let (case, event) = act_as("reviewer", Some(case), dismiss.clone(), 2).unwrap();
    assert_eq!((case.decisions.len(), settled(&event)), (1, None));
    assert!(case.is_open());
    assert_eq!(standing(&case, None), Standing::UnderReview);
    // What still waits was not seen.
    assert_eq!(refusal(&case, dismiss), Refusal::HitsChanged);
    let named = decision(Finding::FalsePositive, Some(&["2"]), seen);
    assert_eq!(refusal(&case, named), Refusal::UnknownHit { index: 0 });
}

#[test]
fn a_hit_that_changed_or_went_meanwhile_is_not_decided_on() {
    let case = act(None, found(&[entry("1", "A")], 0), 0);
    for meanwhile in [entry("1", "B"), entry("2", "A")] {
        let now = act(Some(case.clone()), found(&[meanwhile], 1), 1);
        for hits in [None, Some(&["1"][..])] {
            let late = decision(Finding::FalsePositive, hits, case.seen());
            assert_eq!(refusal(&now, late), Refusal::HitsChanged);
        }
    }
}

#[test]
fn the_applicant_cannot_decide() {
    let case = act(None, found(&[entry("1", "A")], 0), 0);
    let dismiss = decision(Finding::FalsePositive, None, case.seen());
    let refused = act_as("applicant", Some(case), dismiss, 1).unwrap_err();
    assert_eq!(refused, Refusal::ReviewerIsApplicant);
}

#[test]
fn a_decision_needs_a_case_a_reason_and_a_hit_that_waits() {
    let case = act(None, found(&[entry("1", "A")], 0), 0);
    let seen = case.seen();
    let dismiss = decision(Finding::FalsePositive, None, seen.clone());
    let unknown = CommonRefusal::Unknown { what: "review" };
    let refused = act_as("reviewer", None, dismiss.clone(), 1).unwrap_err();
    assert_eq!(refused, unknown.into());

    for reason in ["", " \n", &"x".repeat(4_001)] {
        let Command::DecideHits(decision) = dismiss.clone() else {
            unreachable!("it is a decision")
        };
        let blank = Command::DecideHits(DecideHits {
            reason: reason.to_owned(),
            ..decision
        });
        let bad = CommonRefusal::BadText {
            field: "reason",
            bytes_max: 4_000,
        };
        assert_eq!(refusal(&case, blank), bad.into());
    }
    let named = |hits| decision(Finding::FalsePositive, Some(hits), seen.clone());
    assert_eq!(
        refusal(&case, named(&["1", "7"])),
        Refusal::UnknownHit { index: 1 }
    );
    assert_eq!(refusal(&case, named(&[])), Refusal::NothingWaits);
    let many = vec!["1"; 1_001];
    let bad = CommonRefusal::BadCount {
        field: "hits",
        count_max: 1_000,
    };
    assert_eq!(refusal(&case, named(&many)), bad.into());

    let decided = act(Some(case), dismiss.clone(), 1);
    assert_eq!(refusal(&decided, dismiss), Refusal::NothingWaits);
    // A hit by its name is decided on as often as somebody finds out more.
    let confirmed = act(
        Some(decided),
        decision(Finding::TrueMatch, Some(&["1"]), seen),
        2,
    );
    assert_eq!(confirmed.screening.verdict, Verdict::Block);
}

#[test]
fn events_are_stored_without_a_tag_under_their_kinds() {
    let (case, performed) = act_as("reviewer", None, found(&[entry("1", "A")], 0), 0).unwrap();
    let dismiss = decision(Finding::FalsePositive, None, case.seen());
    let (_, reviewed) = act_as("reviewer", Some(case), dismiss, 1).unwrap();
    let keys = |event: &CaseEvent| {
        let stored = serde_json::to_value(event).unwrap();
        let members = stored.as_object().unwrap().keys().cloned();
        (event.kind(), members.collect::<BTreeSet<_>>())
    };
    let expected = ["entity", "party", "screening", "subject"].map(str::to_owned);
    assert_eq!(
        keys(&performed),
        ("screening.performed.v1", expected.into())
    );
    let expected = ["decisions", "entity", "party", "screening"].map(str::to_owned);
    assert_eq!(keys(&reviewed), ("screening.reviewed.v1", expected.into()));
}

/// What screening, looking and deciding do in some order.
#[derive(Clone, Debug)]
enum Move {
    Screen(Vec<Entry>),
    Look,
    Decide(Finding, bool),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let state = || prop::option::of(prop::sample::select(vec!["A", "B"]));
    let entries = (state(), state()).prop_map(|(first, second)| {
        let entries = [("1", first), ("2", second)].into_iter();
        entries
            .filter_map(|(id, state)| Some(entry(id, state?)))
            .collect()
    });
    let finding = prop::sample::select(vec![Finding::FalsePositive, Finding::TrueMatch]);
    let one = prop_oneof![
        entries.prop_map(Move::Screen),
        Just(Move::Look),
        (finding, any::<bool>()).prop_map(|(finding, by_name)| Move::Decide(finding, by_name)),
    ];
    prop::collection::vec(one, 1..12)
}

proptest! {
    #[test]
    fn nothing_is_decided_unseen_and_no_decision_is_lost(moves in moves()) {
        let mut case = act(None, found(&[entry("1", "A")], 0), 0);
        let mut seen = case.seen();
        for (second, step) in (1..).zip(moves) {
            let before = case.decisions.len();
            let command = match step {
                Move::Look => {
                    seen = case.seen();
                    continue;
                }
                Move::Screen(entries) => found(&entries, second),
                Move::Decide(finding, by_name) => {
                    decision(finding, by_name.then_some(&["1"][..]), seen.clone())
                }
            };
            let decided = act_as("reviewer", Some(case.clone()), command, second);
            case = decided.map_or(case, |(after, _)| after);
            for made in &case.decisions[before..] {
                let name = HitName { list: made.list.clone(), entry_id: made.entry_id.clone() };
                prop_assert_eq!(seen.get(&name), Some(&made.entry));
            }
            let dismissed = |hit: &sanctions::Hit| {
                let mut decisions = case.decisions.iter().rev();
                let last = decisions.find(|it| it.holds_for(case.screening.subject, hit));
                last.is_some_and(|it| it.finding == Finding::FalsePositive)
            };
            let is_clear = case.screening.verdict == Verdict::Clear;
            prop_assert_eq!(is_clear, case.screening.hits.iter().all(dismissed));
        }
    }
}
