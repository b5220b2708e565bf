//! Subscriptions: the tables of RFC 6121, appendix A, against the function, and two accounts against each other.

use iris::services::subscription::{Request, Standing, inbound, outbound};
use jid::FullJid;
use proptest::prelude::*;

use crate::model::{World, payload};

/// The nine states of appendix A.1 by their names there.
const STATES: [(&str, [bool; 4]); 9] = [
    // to, from, asked (pending out), is_asked (pending in)
    ("None", [false, false, false, false]),
    ("None+Out", [false, false, true, false]),
    ("None+In", [false, false, false, true]),
    ("None+Out+In", [false, false, true, true]),
    ("To", [true, false, false, false]),
    ("To+In", [true, false, false, true]),
    ("From", [false, true, false, false]),
    ("From+Out", [false, true, true, false]),
    ("Both", [true, true, false, false]),
];

/// One table: for each state whether the stanza passes and the next state, `-` for no change.
type Table = [(bool, &'static str); 9];

const NO: bool = false;
const YES: bool = true;

const OUT_SUBSCRIBE: Table = [
    (YES, "None+Out"),
    (YES, "-"),
    (YES, "None+Out+In"),
    (YES, "-"),
    (YES, "-"),
    (YES, "-"),
    (YES, "From+Out"),
    (YES, "-"),
    (YES, "-"),
];
const OUT_UNSUBSCRIBE: Table = [
    (YES, "-"),
    (YES, "None"),
    (YES, "-"),
    (YES, "None+In"),
    (YES, "None"),
    (YES, "None+In"),
    (YES, "-"),
    (YES, "From"),
    (YES, "From"),
];
const OUT_SUBSCRIBED: Table = [
    (NO, "-"),
    (NO, "-"),
    (YES, "From"),
    (YES, "From+Out"),
    (NO, "-"),
    (YES, "Both"),
    (NO, "-"),
    (NO, "-"),
    (NO, "-"),
];
const OUT_UNSUBSCRIBED: Table = [
    (NO, "-"),
    (NO, "-"),
    (YES, "None"),
    (YES, "None+Out"),
    (NO, "-"),
    (YES, "To"),
    (YES, "None"),
    (YES, "None+Out"),
    (YES, "To"),
];
const IN_SUBSCRIBE: Table = [
    (YES, "None+In"),
    (YES, "None+Out+In"),
    (NO, "-"),
    (NO, "-"),
    (YES, "To+In"),
    (NO, "-"),
    (NO, "-"),
    (NO, "-"),
    (NO, "-"),
];
const IN_UNSUBSCRIBE: Table = [
    (NO, "-"),
    (NO, "-"),
    (YES, "None"),
    (YES, "None+Out"),
    (NO, "-"),
    (YES, "To"),
    (YES, "None"),
    (YES, "None+Out"),
    (YES, "To"),
];
const IN_SUBSCRIBED: Table = [
    (NO, "-"),
    (YES, "To"),
    (NO, "-"),
    (YES, "To+In"),
    (NO, "-"),
    (NO, "-"),
    (NO, "-"),
    (YES, "Both"),
    (NO, "-"),
];
const IN_UNSUBSCRIBED: Table = [
    (NO, "-"),
    (YES, "None"),
    (NO, "-"),
    (YES, "None+In"),
    (YES, "None"),
    (YES, "None+In"),
    (NO, "-"),
    (YES, "From"),
    (YES, "From"),
];

fn standing([to, from, asked, is_asked]: [bool; 4]) -> Standing {
    Standing {
        to,
        from,
        asked,
        is_asked,
        approved: false,
    }
}

#[track_caller]
fn check(step: impl Fn(Standing) -> iris::services::subscription::Step, table: &Table) {
    for ((name, facts), (passes, next)) in STATES.iter().zip(table) {
        let next = if *next == "-" { name } else { next };
        let expected = STATES.iter().find(|(name, _)| name == next).unwrap().1;
        let got = step(standing(*facts));
        assert_eq!(got.passes, *passes, "{name}");
        assert_eq!(
            Standing {
                approved: false,
                ..got.standing
            },
            standing(expected),
            "{name}"
        );
    }
}

#[test]
fn outbound_requests_follow_appendix_a_2() {
    check(
        |before| outbound(before, Request::Subscribe),
        &OUT_SUBSCRIBE,
    );
    check(
        |before| outbound(before, Request::Unsubscribe),
        &OUT_UNSUBSCRIBE,
    );
    check(
        |before| outbound(before, Request::Subscribed),
        &OUT_SUBSCRIBED,
    );
    check(
        |before| outbound(before, Request::Unsubscribed),
        &OUT_UNSUBSCRIBED,
    );
}

#[test]
fn inbound_requests_follow_appendix_a_3() {
    check(|before| inbound(before, Request::Subscribe), &IN_SUBSCRIBE);
    check(
        |before| inbound(before, Request::Unsubscribe),
        &IN_UNSUBSCRIBE,
    );
    check(
        |before| inbound(before, Request::Subscribed),
        &IN_SUBSCRIBED,
    );
    check(
        |before| inbound(before, Request::Unsubscribed),
        &IN_UNSUBSCRIBED,
    );
}

#[test]
fn a_promise_answers_the_request_that_comes_later() {
    let before = Standing::default();
    let promised = outbound(before, Request::Subscribed);
    assert!(promised.standing.approved && !promised.passes);
    let asked = inbound(promised.standing, Request::Subscribe);
    assert_eq!(asked.answer, Some(Request::Subscribed));
    assert!(asked.standing.from && !asked.standing.approved && !asked.passes);
}

fn requests() -> impl Strategy<Value = Vec<(bool, Request)>> {
    let request = prop_oneof![
        Just(Request::Subscribe),
        Just(Request::Subscribed),
        Just(Request::Unsubscribe),
        Just(Request::Unsubscribed)
    ];
    proptest::collection::vec((any::<bool>(), request), 0..24)
}

/// The subscription that a roster shows of the one contact: `subscription` and `ask`.
fn shown(world: &mut World, jid: &FullJid) -> (String, bool) {
    let roster = payload(&world.ask(jid, "get", None, "<query xmlns='jabber:iq:roster'/>"));
    let item = roster.children().next();
    let subscription = item
        .and_then(|item| item.attr("subscription"))
        .unwrap_or("none");
    (
        subscription.to_owned(),
        item.is_some_and(|item| item.attr("ask").is_some()),
    )
}

proptest! {
    #[test]
    fn both_rosters_agree_whatever_two_accounts_ask_of_each_other(requests in requests()) {
        let mut world = World::with(&["alice", "bob"]);
        let alice = world.online("alice/a");
        let bob = world.online("bob/b");
        for (is_alice, request) in requests {
            let (from, to) = if is_alice { (&alice, &bob) } else { (&bob, &alice) };
            world.send(from, &format!("<presence type='{}' to='{}'/>", request.name(), to.to_bare()));
        }
        let (of_alice, alice_asks) = shown(&mut world, &alice);
        let (of_bob, bob_asks) = shown(&mut world, &bob);
        let mirrored = match of_alice.as_str() {
            "to" => "from",
            "from" => "to",
            same => same,
        };
        prop_assert_eq!(mirrored, of_bob.as_str());
        // Who asks is waited for by the other side.
        for (asks, other, asker) in [(alice_asks, &bob, &alice), (bob_asks, &alice, &bob)] {
            let pending = world.document(iris::documents::Collection::Pending, &other.to_bare(), asker.to_bare().as_str());
            prop_assert_eq!(asks, pending.is_some());
        }
    }
}
