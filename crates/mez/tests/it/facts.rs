use law::compliance::{Facts, Operation, ScreeningCounts};
use mez::entity::{Command, Entity, FactsError, facts};
use mez::screening::{Party, ScreeningVerdict};

use super::law_support::{DAY_MS, NOW_MS, id};
use super::support::{act, applied, in_review, persons, screening};

fn facts_of(entity: &Entity, now_ms: i64) -> Facts {
    facts(
        entity,
        Operation::EntityFormation,
        &persons(),
        now_ms,
        DAY_MS,
    )
    .unwrap()
}

#[test]
fn the_rules_read_counts_and_shares_and_no_names_of_persons() {
    let expected = Facts {
        operation: Operation::EntityFormation,
        entity_type: id("private-limited"),
        legal_name: "Indus Trading (Private) Limited".to_owned(),
        activities: [id("general-trading")].into(),
        persons: [id("aisha"), id("bilal")].into(),
        directors: 2,
        owners: 2,
        disclosed_bps: 10_000,
        largest_unidentified_share_bps: 0,
        unidentified_directors: 0,
        youngest_director_age: Some(45),
        screening: ScreeningCounts {
            parties: 3,
            unscreened: 3,
            ..ScreeningCounts::default()
        },
    };
    assert_eq!(facts_of(&applied(), NOW_MS), expected);
}

#[test]
fn each_party_is_counted_as_it_stands_at_the_instant() {
    let cleared = facts_of(&in_review(), NOW_MS).screening;
    assert_eq!((cleared.parties, cleared.cleared), (3, 3));
    assert_eq!(cleared.lists, ["ofac-sdn@2021-07-01".to_owned()].into());
    let later = facts_of(&in_review(), NOW_MS + DAY_MS + 1).screening;
    assert_eq!((later.cleared, later.stale), (0, 3));
    let entity = applied();
    let block = screening(&entity, &Party::Company, ScreeningVerdict::Block);
    let command = Command::RecordScreenings(vec![block]);
    let (entity, _) = act(Some(entity), "screener", NOW_MS, command).unwrap();
    let blocked = facts_of(&entity, NOW_MS).screening;
    assert_eq!((blocked.blocked, blocked.unscreened), (1, 2));
}

#[test]
fn a_person_who_is_not_as_the_register_committed_to_gives_no_facts() {
    let refused = |persons: &_| {
        facts(
            &applied(),
            Operation::EntityFormation,
            persons,
            NOW_MS,
            DAY_MS,
        )
        .unwrap_err()
    };
    let mut changed = persons();
    changed.get_mut(&id("aisha")).unwrap().name.push('x');
    assert_eq!(
        refused(&changed),
        FactsError::PersonChanged {
            person: id("aisha")
        }
    );
    changed.remove(&id("aisha"));
    assert_eq!(
        refused(&changed),
        FactsError::PersonMissing {
            person: id("aisha")
        }
    );
}
