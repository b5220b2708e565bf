//! Four eyes on sanctions lists, against a model that knows entries.

use std::collections::BTreeMap;

use evidence::digest::{Digest, Purpose};
use ids::ActorId;
use ids::aggregate::Aggregate as _;
use jiff::Timestamp;
use mez::screening::list::{
    Command, Comparison, Concern, Context, ListEvent, Refusal, Version, ZoneList,
};
use proptest::prelude::*;
use sanctions::ListHeader;

/// A version as the model has it: its entries, and the day.
#[derive(Clone, Debug, PartialEq)]
struct Entries {
    texts: BTreeMap<u8, u8>,
    day: i8,
}

impl Entries {
    fn version(&self) -> Version {
        let published = jiff::civil::date(2026, 1, self.day);
        let header = ListHeader {
            name: "sdn".to_owned(),
            version: format!("{:?}", self.texts),
            published,
        };
        let all = format!("{self:?}");
        Version {
            header,
            digest: Digest::of(Purpose::SanctionsList, all.as_bytes()),
        }
    }

    fn compared_with(&self, in_force: &Self) -> Comparison {
        let (new, old) = (&self.texts, &in_force.texts);
        let count = |differs: &dyn Fn(&u8) -> bool, of: &BTreeMap<u8, u8>| {
            of.keys().filter(|id| differs(id)).count() as u64
        };
        Comparison {
            added: count(&|id| !old.contains_key(id), new),
            removed: count(&|id| !new.contains_key(id), old),
            changed: count(&|id| old.contains_key(id) && old[id] != new[id], new),
        }
    }
}

fn entries() -> impl Strategy<Value = Entries> {
    (prop::collection::btree_map(0..4_u8, 0..2_u8, 0..4), 1..4_i8)
        .prop_map(|(texts, day)| Entries { texts, day })
}

#[derive(Clone, Debug)]
enum Step {
    Import(usize, Entries, bool),
    Confirm(usize),
    Reject(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..3_usize, entries(), prop::bool::weighted(0.9))
            .prop_map(|(who, entries, read)| Step::Import(who, entries, read)),
        (0..3_usize).prop_map(Step::Confirm),
        (0..3_usize).prop_map(Step::Reject),
    ];
    prop::collection::vec(step, 1..30)
}

fn actors() -> [ActorId; 3] {
    ["ann", "ben", "eve"].map(|it| it.parse().unwrap())
}

fn context(actor: &ActorId) -> Context<'_> {
    Context {
        actor,
        at: Timestamp::UNIX_EPOCH,
        is_required: true,
        sets_up: false,
    }
}

proptest! {
    /// Whoever is on the list in force is on the next, or two people have agreed; and the list opens no gate alone.
    #[test]
    fn nobody_frees_anybody_alone(steps in steps()) {
        let actors = actors();
        let (mut list, mut in_force) = (ZoneList::default(), None::<Entries>);
        let mut waiting: Option<(usize, Entries)> = None;
        for step in steps {
            let (who, command) = match &step {
                Step::Import(who, entries, is_read) => {
                    let comparison = in_force.as_ref().filter(|_| *is_read);
                    let comparison = comparison.map(|it| entries.compared_with(it));
                    (*who, Command::Import { version: entries.version(), comparison })
                }
                Step::Confirm(who) | Step::Reject(who) => {
                    let Some((_, entries)) = &waiting else { continue };
                    let digest = entries.version().digest;
                    let command = match step {
                        Step::Confirm(_) => Command::Confirm { digest },
                        _ => Command::Reject { digest, reason: "no".to_owned() },
                    };
                    (*who, command)
                }
            };
            let Ok(decision) = ZoneList::decide(Some(&list), command, &context(&actors[who])) else {
                continue;
            };
            prop_assert_eq!(decision.effects.len(), 1, "everybody is screened again");
            for event in &decision.events {
                list = ZoneList::apply(Some(list), event).unwrap();
                match (event, &step) {
                    (ListEvent::Proposed(_), Step::Import(who, entries, _)) => {
                        prop_assert!(waiting.is_none());
                        waiting = Some((*who, entries.clone()));
                    }
                    (ListEvent::Imported(_), Step::Import(_, entries, _)) => {
                        prop_assert!(waiting.is_none(), "something waits");
                        let before = in_force.as_ref().expect("nobody opens the gate alone");
                        let kept = |(id, text)| entries.texts.get(id) == Some(text);
                        prop_assert!(before.texts.iter().all(kept), "somebody was freed");
                        prop_assert!(entries.day >= before.day);
                        in_force = Some(entries.clone());
                    }
                    (ListEvent::Imported(version), Step::Confirm(second)) => {
                        let (first, entries) = waiting.take().unwrap();
                        prop_assert_ne!(first, *second, "four eyes");
                        prop_assert_eq!(version, &entries.version());
                        in_force = Some(entries);
                    }
                    (ListEvent::Rejected(_), Step::Reject(_)) => waiting = None,
                    other => prop_assert!(false, "{:?}", other),
                }
            }
            prop_assert_eq!(list.in_force.clone(), in_force.as_ref().map(Entries::version));
            prop_assert_eq!(list.proposed.is_some(), waiting.is_some());
        }
    }
}

fn of(texts: &[(u8, u8)], day: i8) -> Entries {
    let texts = texts.iter().copied().collect();
    Entries { texts, day }
}

#[test]
fn a_version_that_only_adds_comes_into_force_and_each_other_says_why_it_waits() {
    let [ann, ben, _] = actors();
    let before = of(&[(1, 0), (2, 0)], 2);
    let list = ZoneList {
        in_force: Some(before.version()),
        proposed: None,
    };
    let import = |entries: &Entries, is_read: bool| {
        let comparison = is_read.then(|| entries.compared_with(&before));
        let version = entries.version();
        let command = Command::Import {
            version,
            comparison,
        };
        let decision = ZoneList::decide(Some(&list), command, &context(&ann));
        match decision.unwrap().events.remove(0) {
            ListEvent::Proposed(proposal) => proposal.concerns,
            _ => vec![],
        }
    };
    for (entries, concerns) in [
        (of(&[(1, 0), (2, 0), (3, 0)], 2), vec![]),
        (of(&[(1, 0), (2, 0)], 3), vec![]),
        (of(&[(1, 0), (2, 0), (3, 0)], 1), vec![Concern::Older]),
        (of(&[(1, 0), (3, 0)], 3), vec![Concern::Shrunken]),
        (of(&[(1, 0), (2, 1)], 2), vec![Concern::Altered]),
        (
            of(&[(1, 1)], 1),
            vec![Concern::Older, Concern::Shrunken, Concern::Altered],
        ),
    ] {
        assert_eq!(import(&entries, true), concerns, "{entries:?}");
    }
    assert_eq!(
        import(&of(&[(1, 0), (2, 0)], 3), false),
        [Concern::NotCompared]
    );
    // The same again mends its files.
    assert_eq!(import(&before, false), []);

    let small = of(&[(1, 0)], 3);
    let version = small.version();
    let digest = version.digest;
    let comparison = Some(small.compared_with(&before));
    let command = Command::Import {
        version,
        comparison,
    };
    let proposed = ZoneList::decide(Some(&list), command.clone(), &context(&ann)).unwrap();
    let waits = ZoneList::replay(Some(list.clone()), &proposed.events)
        .unwrap()
        .unwrap();
    let refused =
        |command, actor| ZoneList::decide(Some(&waits), command, &context(actor)).unwrap_err();
    let confirm = Command::Confirm { digest };
    assert_eq!(refused(confirm.clone(), &ann), Refusal::SamePerson);
    assert!(matches!(refused(command, &ben), Refusal::Waits { .. }));
    let other = Command::Confirm {
        digest: before.version().digest,
    };
    assert_eq!(refused(other, &ben), Refusal::AnotherVersion);
    let silent = Command::Reject {
        digest,
        reason: " ".to_owned(),
    };
    assert!(matches!(refused(silent, &ben), Refusal::Common(_)));
    let nothing = ZoneList::decide(Some(&list), confirm, &context(&ben)).unwrap_err();
    assert!(matches!(nothing, Refusal::Common(_)));
}

#[test]
fn the_first_version_of_a_required_list_waits_unless_the_node_sets_the_zone_up() {
    let [ann, ..] = actors();
    let first = |is_required, sets_up| {
        let version = of(&[(1, 0)], 1).version();
        let command = Command::Import {
            version,
            comparison: None,
        };
        let context = Context {
            is_required,
            sets_up,
            ..context(&ann)
        };
        ZoneList::decide(None, command, &context)
            .unwrap()
            .events
            .remove(0)
    };
    assert!(matches!(first(true, false), ListEvent::Proposed(_)));
    assert!(matches!(first(true, true), ListEvent::Imported(_)));
    assert!(matches!(first(false, false), ListEvent::Imported(_)));
}
