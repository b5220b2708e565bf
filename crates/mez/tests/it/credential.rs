use evidence::credential::{Issuers, Policy, verify};
use evidence::key::SigningKey;
use evidence::status_list::{Bitstring, StatusList, StatusPurpose};
use ids::aggregate::{Aggregate, CommonRefusal};
use jiff::Timestamp;
use mez::credential::{
    BITS, Command, Context, Credential, CredentialEvent, CredentialStanding, IndexAssigned,
    IndexStanding, Issue, Issuer, ListCommand, ListEvent, PURPOSES, Refusal, StatusLists,
};
use proptest::prelude::*;
use serde_json::json;

use super::law_support::{DAY_MS, NOW_MS, id};
use super::support::{active, applied};

use CredentialStanding::{InForce, Revoked, Suspended};

const URL: &str = "https://zone.example.org";

/// Runs `test` as the zone's issuer at `now_ms`.
fn as_issuer<T>(now_ms: i64, test: impl FnOnce(&Context<'_>) -> T) -> T {
    let (zone, key) = (id("org.example.demo"), SigningKey::from_seed([3; 32]));
    let issuer = Issuer {
        zone: &zone,
        key: &key,
        url: URL,
    };
    test(&Context { now_ms, issuer })
}

fn issue(index: u64) -> Command {
    Command::Issue(Box::new(Issue {
        id: "0198c0de-0000-7000-8000-000000000001".to_owned(),
        index,
        company: active(),
        rules: vec![],
    }))
}

fn ask(lists: &mut StatusLists, now_ms: i64, command: ListCommand) -> Vec<ListEvent> {
    let decision = as_issuer(now_ms, |context| {
        StatusLists::decide(Some(&*lists), command, context)
    });
    let events = decision.unwrap().events;
    *lists = StatusLists::replay(Some(lists.clone()), &events)
        .unwrap()
        .unwrap();
    events
}

fn purposes(events: &[ListEvent]) -> Vec<String> {
    let purpose = |event: &ListEvent| match event {
        ListEvent::Published(list) => list.purpose.clone(),
        ListEvent::IndexAssigned(_) => panic!("an index was taken"),
    };
    events.iter().map(purpose).collect()
}

/// The lists with `count` indexes taken, published at `NOW_MS`.
fn lists(count: usize) -> StatusLists {
    let mut lists = StatusLists::default();
    for _ in 0..count {
        ask(&mut lists, NOW_MS, ListCommand::TakeIndex);
    }
    let first = ask(&mut lists, NOW_MS, ListCommand::Publish(vec![]));
    assert_eq!(purposes(&first), ["revocation", "suspension"]);
    lists
}

fn bits(lists: &StatusLists, purpose: StatusPurpose) -> Bitstring {
    let list = &lists.published[purpose.as_str()];
    let encoded = list["credentialSubject"]["encodedList"].as_str();
    Bitstring::decode(encoded.unwrap()).unwrap()
}

#[test]
fn what_was_issued_verifies_and_names_its_index_on_both_lists() {
    let mut lists = lists(1);
    let decision = as_issuer(NOW_MS, |context| {
        Credential::decide(None, issue(0), context).unwrap()
    });
    let credential = Credential::replay(None, &decision.events).unwrap().unwrap();
    assert_eq!((credential.standing, credential.index), (InForce, 0));
    assert_eq!(
        credential.credential["credentialStatus"][1],
        json!({
            "id": format!("{URL}/v1/status-lists/suspension#0"),
            "type": "BitstringStatusListEntry",
            "statusPurpose": "suspension",
            "statusListIndex": "0",
            "statusListCredential": format!("{URL}/v1/status-lists/suspension"),
        })
    );
    let holds = |lists: &StatusLists| {
        let policy = Policy::at(Timestamp::from_millisecond(NOW_MS).unwrap());
        let read = |list| StatusList::verify(list, &policy).unwrap();
        let lists: Vec<StatusList> = lists.published.values().map(read).collect();
        let issuers = [SigningKey::from_seed([3; 32]).did().to_string()].into();
        let issuers = Issuers::Only(&issuers);
        let policy = Policy {
            issuers,
            status_lists: &lists,
            ..Policy::at(Timestamp::from_millisecond(NOW_MS).unwrap())
        };
        verify(&credential.credential, &policy).is_ok()
    };
    assert!(holds(&lists));
    for standing in [Suspended, InForce, Revoked] {
        let change = IndexStanding { index: 0, standing };
        ask(&mut lists, NOW_MS, ListCommand::Publish(vec![change]));
        assert_eq!(holds(&lists), standing == InForce, "{standing:?}");
    }
}

#[test]
fn only_a_registered_company_is_certified_and_only_once() {
    as_issuer(NOW_MS, |context| {
        let Command::Issue(mut premature) = issue(0) else {
            panic!("not an issue")
        };
        premature.company = applied();
        let refusal = Credential::decide(None, Command::Issue(premature), context).unwrap_err();
        assert_eq!(refusal, Refusal::NotRegistered(id("indus-trading")));
        let issued = Credential::decide(None, issue(0), context).unwrap();
        let credential = Credential::replay(None, &issued.events).unwrap().unwrap();
        let refusal = Credential::decide(Some(&credential), issue(1), context).unwrap_err();
        assert_eq!(refusal.code(), "wrong_state");
        let refusal = Credential::decide(None, Command::ChangeStanding(Revoked), context);
        let unknown = CommonRefusal::Unknown { what: "credential" };
        assert_eq!(refusal.unwrap_err(), Refusal::Common(unknown));
        assert!(Credential::apply(Some(credential), &issued.events[0]).is_err());
    });
}

#[test]
fn a_credential_changes_until_it_is_revoked() {
    let table = [
        (InForce, Suspended, true),
        (InForce, Revoked, true),
        (InForce, InForce, false),
        (Suspended, InForce, true),
        (Suspended, Revoked, true),
        (Suspended, Suspended, false),
        (Revoked, InForce, false),
        (Revoked, Suspended, false),
        (Revoked, Revoked, false),
    ];
    for (from, to, allowed) in table {
        let credential = Credential {
            entity: id("indus-trading"),
            index: 0,
            standing: from,
            credential: json!({}),
        };
        let decided = as_issuer(NOW_MS, |context| {
            Credential::decide(Some(&credential), Command::ChangeStanding(to), context)
        });
        assert_eq!(decided.is_ok(), allowed, "{from:?} to {to:?}");
        if from == to {
            assert_eq!(decided.as_ref().unwrap_err(), &Refusal::StandsAlready(to));
        }
        if let Ok(decision) = decided {
            let after = Credential::apply(Some(credential), &decision.events[0]).unwrap();
            assert_eq!(after.standing, to);
        }
    }
}

#[test]
fn events_keep_their_stored_form() {
    let events = as_issuer(NOW_MS, |context| {
        let issued = Credential::decide(None, issue(0), context).unwrap().events;
        let credential = Credential::replay(None, &issued).unwrap();
        let suspend = Command::ChangeStanding(Suspended);
        let suspended = Credential::decide(credential.as_ref(), suspend, context);
        [issued, suspended.unwrap().events].concat()
    });
    let kinds: Vec<&str> = events.iter().map(CredentialEvent::kind).collect();
    assert_eq!(
        kinds,
        ["credential.issued.v1", "credential.standing_changed.v1"]
    );
    let issued = serde_json::to_value(&events[0]).unwrap();
    let members: Vec<&String> = issued.as_object().unwrap().keys().collect();
    assert_eq!(members, ["id", "entity", "index", "credential"]);
    assert_eq!(
        serde_json::to_value(&events[1]).unwrap(),
        json!({ "standing": "suspended", "at_ms": NOW_MS })
    );
    let mut taken = StatusLists::default();
    let taken = ask(&mut taken, NOW_MS, ListCommand::TakeIndex);
    assert_eq!(taken[0].kind(), "status_list.index_assigned.v1");
    assert_eq!(
        serde_json::to_value(&taken[0]).unwrap(),
        json!({ "index": 0 })
    );
    let record = serde_json::to_value(lists(1)).unwrap();
    let members: Vec<&String> = record.as_object().unwrap().keys().collect();
    assert_eq!(
        (members, &record["assigned"]),
        (
            vec![&"assigned".to_owned(), &"published".to_owned()],
            &json!(1)
        )
    );
}

#[test]
fn indexes_are_given_in_order_and_none_beyond_the_last() {
    let mut lists = StatusLists::default();
    for index in 0..3 {
        let events = ask(&mut lists, NOW_MS, ListCommand::TakeIndex);
        assert_eq!(events, [ListEvent::IndexAssigned(IndexAssigned { index })]);
    }
    let again = ListEvent::IndexAssigned(IndexAssigned { index: 1 });
    assert!(StatusLists::apply(Some(lists.clone()), &again).is_err());
    lists.assigned = BITS as u64;
    assert_eq!(lists.free_index(), Err(Refusal::ListsFull));
    let free = IndexStanding {
        index: BITS as u64,
        standing: Revoked,
    };
    let refusal = as_issuer(NOW_MS, |context| {
        StatusLists::decide(Some(&lists), ListCommand::Publish(vec![free]), context)
    });
    assert_eq!(refusal.unwrap_err().code(), "index_free");
}

#[test]
fn a_list_is_published_again_when_half_of_its_time_is_over() {
    let mut lists = lists(1);
    let publish = || ListCommand::Publish(vec![]);
    assert_eq!(ask(&mut lists, NOW_MS + 15 * DAY_MS - 1_000, publish()), []);
    let change = IndexStanding {
        index: 0,
        standing: Suspended,
    };
    let changed = ask(
        &mut lists,
        NOW_MS + DAY_MS,
        ListCommand::Publish(vec![change]),
    );
    assert_eq!(purposes(&changed), ["suspension"]);
    let at_half = ask(&mut lists, NOW_MS + 15 * DAY_MS, publish());
    assert_eq!(purposes(&at_half), ["revocation"]);
    assert!(bits(&lists, StatusPurpose::Suspension).get(0).unwrap());
}

fn any_standing() -> impl Strategy<Value = CredentialStanding> {
    prop::sample::select(vec![InForce, Suspended, Revoked])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is asked of several credentials in whatever order: the lists say how each stands, nothing that was revoked
    /// comes back, and only lists of which a bit changed are published.
    #[test]
    fn lists_say_how_credentials_stand(
        steps in prop::collection::vec(prop::collection::vec((0_u64..4, any_standing()), 0..4), 1..8),
    ) {
        let mut lists = lists(4);
        let mut credentials = [0, 1, 2, 3].map(|index| Credential {
            entity: id("indus-trading"),
            index,
            standing: InForce,
            credential: json!({}),
        });
        for step in steps {
            let before = PURPOSES.map(|purpose| bits(&lists, purpose));
            let mut changes = vec![];
            for (index, standing) in step {
                let credential = &mut credentials[usize::try_from(index).unwrap()];
                let was_revoked = credential.standing == Revoked;
                let command = Command::ChangeStanding(standing);
                let decided = as_issuer(NOW_MS, |context| {
                    Credential::decide(Some(&*credential), command, context)
                });
                prop_assert!(decided.is_err() || !was_revoked);
                if let Ok(decision) = decided {
                    *credential = Credential::apply(Some(credential.clone()), &decision.events[0]).unwrap();
                    changes.push(IndexStanding { index, standing });
                }
            }
            let events = ask(&mut lists, NOW_MS, ListCommand::Publish(changes.clone()));
            for (purpose, before) in PURPOSES.into_iter().zip(before) {
                let now = bits(&lists, purpose);
                let is_published = purposes(&events).contains(&purpose.to_string());
                prop_assert_eq!(is_published, now != before, "{}", purpose);
                for credential in &credentials {
                    let says = match purpose {
                        StatusPurpose::Revocation => Revoked,
                        StatusPurpose::Suspension => Suspended,
                    };
                    let bit = now.get(usize::try_from(credential.index).unwrap()).unwrap();
                    prop_assert_eq!(bit, credential.standing == says);
                }
            }
            prop_assert_eq!(ask(&mut lists, NOW_MS, ListCommand::Publish(changes)), []);
        }
    }
}
