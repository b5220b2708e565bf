//! Rosters and presence between accounts of one node, and with other domains.

use crate::model::{World, error, payload};

const ROSTER: &str = "<query xmlns='jabber:iq:roster'/>";

fn set(item: &str) -> String {
    format!("<query xmlns='jabber:iq:roster'>{item}</query>")
}

#[test]
fn a_change_is_pushed_to_every_device_that_asked_and_has_a_new_version() {
    let mut world = World::with(&["alice"]);
    let phone = world.online("alice/phone");
    let laptop = world.online("alice/laptop");
    let uninterested = world.bind("alice/old");
    world.take(&phone);
    let before = payload(&world.ask(&phone, "get", None, ROSTER))
        .attr("ver")
        .unwrap()
        .to_owned();
    world.ask(
        &phone,
        "set",
        None,
        &set("<item jid='bob@zone.test' name='Bob'><group>Friends</group></item>"),
    );
    for device in [&phone, &laptop] {
        let got = world.take(device);
        let push = got
            .iter()
            .find(|stanza| stanza.attr("type") == Some("set"))
            .unwrap();
        let query = push.children().next().unwrap();
        assert_ne!(query.attr("ver"), Some(before.as_str()));
        let item = query.children().next().unwrap();
        assert_eq!(
            (item.attr("name"), item.attr("subscription")),
            (Some("Bob"), Some("none"))
        );
    }
    assert!(world.take(&uninterested).is_empty());
}

#[test]
fn who_names_the_newest_version_gets_no_roster() {
    let mut world = World::with(&["alice"]);
    let alice = world.online("alice/a");
    world.ask(&alice, "set", None, &set("<item jid='bob@zone.test'/>"));
    let roster = payload(&world.ask(&alice, "get", None, ROSTER));
    let version = roster.attr("ver").unwrap();
    let known = format!("<query xmlns='jabber:iq:roster' ver='{version}'/>");
    assert_eq!(world.ask(&alice, "get", None, &known).children().count(), 0);
    world.ask(
        &alice,
        "set",
        None,
        &set("<item jid='bob@zone.test' name='B'/>"),
    );
    assert_eq!(
        payload(&world.ask(&alice, "get", None, &known))
            .children()
            .count(),
        1
    );
}

#[test]
fn wrong_roster_requests_are_refused() {
    let mut world = World::with(&["alice"]);
    let alice = world.online("alice/a");
    for (item, condition) in [
        (
            "<item jid='bob@zone.test' subscription='remove'/>",
            "item-not-found",
        ),
        ("<item/>", "bad-request"),
        ("<item jid='@'/>", "jid-malformed"),
        (
            "<item jid='bob@zone.test'/><item jid='carol@zone.test'/>",
            "bad-request",
        ),
        (
            "<item jid='bob@zone.test'><group>a</group><group>a</group></item>",
            "bad-request",
        ),
        (
            "<item jid='bob@zone.test'><group/></item>",
            "not-acceptable",
        ),
    ] {
        assert_eq!(
            error(&world.ask(&alice, "set", None, &set(item))),
            condition,
            "{item}"
        );
    }
}

#[test]
fn contacts_see_each_other_come_change_and_go() {
    let mut world = World::with(&["alice", "bob"]);
    let alice = world.online("alice/a");
    let bob = world.online("bob/b");
    world.befriend(&alice, &bob);
    world.send(&alice, "<presence><show>away</show></presence>");
    let got = world.take_raw(&bob);
    assert!(got[0].contains("<show>away</show>") && got[0].contains("from='alice@zone.test/a'"));
    world.take(&alice);
    let second = world.bind("bob/c");
    world.send(&second, "<presence/>");
    assert_eq!(world.take_presences(&alice), ["bob@zone.test/c available"]);
    let mut seen = world.take_presences(&second);
    seen.sort();
    assert_eq!(
        seen,
        [
            "alice@zone.test/a available",
            "bob@zone.test/b available",
            "bob@zone.test/c available"
        ]
    );
    world.drop(&second);
    assert_eq!(
        world.take_presences(&alice),
        ["bob@zone.test/c unavailable"]
    );
    world.send(&bob, "<presence type='unavailable'/>");
    assert_eq!(
        world.take_presences(&alice),
        ["bob@zone.test/b unavailable"]
    );
    world.drop(&bob);
    assert!(world.take(&alice).is_empty(), "nobody leaves twice");
}

#[test]
fn strangers_see_nothing() {
    let mut world = World::with(&["alice", "bob"]);
    let alice = world.online("alice/a");
    let bob = world.online("bob/b");
    world.send(&alice, "<presence><show>away</show></presence>");
    world.send(&bob, "<presence type='probe' to='alice@zone.test'/>");
    world.send(&bob, "<presence type='probe' to='nobody@zone.test'/>");
    assert!(world.take(&bob).is_empty());
}

#[test]
fn a_request_waits_for_its_answer_over_sessions_and_is_not_shown_twice_to_one() {
    let mut world = World::with(&["alice", "bob"]);
    let alice = world.online("alice/a");
    world.send(
        &alice,
        "<presence type='subscribe' to='bob@zone.test'><status>Please</status></presence>",
    );
    for resource in ["bob/one", "bob/two"] {
        let bob = world.bind(resource);
        world.send(&bob, "<presence/>");
        let got = world.take_raw(&bob);
        let asked: Vec<_> = got
            .iter()
            .filter(|xml| xml.contains("type='subscribe'"))
            .collect();
        assert_eq!(asked.len(), 1);
        assert!(asked[0].contains("Please") && asked[0].contains("from='alice@zone.test'"));
        world.drop(&bob);
    }
    let bob = world.online("bob/three");
    world.send(&bob, "<presence type='subscribed' to='alice@zone.test'/>");
    assert!(
        world
            .take_presences(&alice)
            .contains(&"bob@zone.test/three available".to_owned())
    );
    let bob = world.bind("bob/four");
    world.send(&bob, "<presence/>");
    assert!(
        !world
            .take_raw(&bob)
            .iter()
            .any(|xml| xml.contains("subscribe"))
    );
}

#[test]
fn removing_a_contact_ends_both_subscriptions() {
    let mut world = World::with(&["alice", "bob"]);
    let alice = world.online("alice/a");
    let bob = world.online("bob/b");
    world.befriend(&alice, &bob);
    world.ask(
        &alice,
        "set",
        None,
        &set("<item jid='bob@zone.test' subscription='remove'/>"),
    );
    let seen = world.take_presences(&bob);
    assert!(seen.contains(&"alice@zone.test/a unavailable".to_owned()));
    let roster = payload(&world.ask(&bob, "get", None, ROSTER));
    assert_eq!(
        roster.children().next().unwrap().attr("subscription"),
        Some("none")
    );
    assert_eq!(
        payload(&world.ask(&alice, "get", None, ROSTER))
            .children()
            .count(),
        0
    );
}

#[test]
fn who_got_directed_presence_is_told_of_the_end() {
    let mut world = World::with(&["alice", "bob"]);
    let alice = world.online("alice/a");
    let bob = world.online("bob/b");
    world.send(&alice, "<presence to='bob@zone.test/b'/>");
    assert_eq!(world.take_presences(&bob), ["alice@zone.test/a available"]);
    world.send(&alice, "<presence to='room@far.test/nick'/>");
    world.remote.clear();
    world.drop(&alice);
    assert_eq!(
        world.take_presences(&bob),
        ["alice@zone.test/a unavailable"]
    );
    assert!(world.remote[0].1.contains("unavailable"));
}

#[test]
fn contacts_elsewhere_are_probed_told_and_answered() {
    let mut world = World::with(&["alice"]);
    let alice = world.online("alice/a");
    world.send(&alice, "<presence type='subscribe' to='romeo@far.test'/>");
    assert!(world.remote[0].1.contains("from='alice@zone.test'"));
    world.receive("<presence type='subscribed' from='romeo@far.test' to='alice@zone.test'/>");
    world.receive("<presence type='subscribe' from='romeo@far.test' to='alice@zone.test'/>");
    world.send(&alice, "<presence type='subscribed' to='romeo@far.test'/>");
    world.remote.clear();
    let second = world.bind("alice/b");
    world.send(&second, "<presence/>");
    let sent: Vec<&str> = world.remote.iter().map(|(_, xml)| xml.as_str()).collect();
    assert!(sent.iter().any(|xml| xml.contains("type='probe'")));
    assert!(
        sent.iter()
            .any(|xml| xml.contains("from='alice@zone.test/b'") && !xml.contains("type="))
    );
    world.remote.clear();
    world.receive("<presence type='probe' from='romeo@far.test/x' to='alice@zone.test'/>");
    assert_eq!(world.remote.len(), 2);
    world.remote.clear();
    world.receive("<presence type='probe' from='tybalt@far.test/x' to='alice@zone.test'/>");
    assert!(world.remote.is_empty());
    world.take(&alice);
    world.receive("<presence from='romeo@far.test/x' to='alice@zone.test'/>");
    assert_eq!(world.take_presences(&alice), ["romeo@far.test/x available"]);
}
