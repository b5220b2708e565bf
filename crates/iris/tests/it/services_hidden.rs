//! Who may not know whether an account exists gets the same answer either way.

use crate::model::{World, error, payload};

/// One request of each kind that a client can make of an account.
const REQUESTS: &[(&str, &str)] = &[
    ("get", "<query xmlns='jabber:iq:roster'/>"),
    (
        "set",
        "<query xmlns='jabber:iq:roster'><item jid='x@zone.test'/></query>",
    ),
    ("get", "<vCard xmlns='vcard-temp'/>"),
    ("set", "<vCard xmlns='vcard-temp'><FN>x</FN></vCard>"),
    (
        "get",
        "<query xmlns='jabber:iq:private'><a xmlns='urn:a'/></query>",
    ),
    (
        "set",
        "<query xmlns='jabber:iq:private'><a xmlns='urn:a'/></query>",
    ),
    ("get", "<blocklist xmlns='urn:xmpp:blocking'/>"),
    (
        "set",
        "<block xmlns='urn:xmpp:blocking'><item jid='x@zone.test'/></block>",
    ),
    ("get", "<query xmlns='urn:xmpp:mam:2'/>"),
    ("set", "<query xmlns='urn:xmpp:mam:2'/>"),
    ("get", "<metadata xmlns='urn:xmpp:mam:2'/>"),
    ("get", "<prefs xmlns='urn:xmpp:mam:2'/>"),
    ("set", "<enable xmlns='urn:xmpp:carbons:2'/>"),
    (
        "set",
        "<enable xmlns='urn:xmpp:push:0' jid='p.test' node='n'/>",
    ),
    (
        "get",
        "<query xmlns='http://jabber.org/protocol/disco#info'/>",
    ),
    (
        "get",
        "<query xmlns='http://jabber.org/protocol/disco#info' node='urn:test:closed'/>",
    ),
    (
        "get",
        "<query xmlns='http://jabber.org/protocol/disco#items'/>",
    ),
    (
        "get",
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:test:closed'/></pubsub>",
    ),
    (
        "get",
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:test:missing'/></pubsub>",
    ),
    (
        "get",
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items/></pubsub>",
    ),
    (
        "get",
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><subscriptions/></pubsub>",
    ),
    (
        "set",
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='n'><item/></publish></pubsub>",
    ),
    (
        "set",
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><subscribe node='n' jid='alice@zone.test'/></pubsub>",
    ),
    (
        "get",
        "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><configure node='urn:test:closed'/></pubsub>",
    ),
    (
        "set",
        "<pubsub xmlns='http://jabber.org/protocol/pubsub#owner'><delete node='urn:test:closed'/></pubsub>",
    ),
    ("get", "<query xmlns='jabber:iq:register'/>"),
    ("set", "<query xmlns='jabber:iq:register'><remove/></query>"),
    ("get", "<ping xmlns='urn:xmpp:ping'/>"),
    ("get", "<query xmlns='jabber:iq:version'/>"),
    ("get", "<time xmlns='urn:xmpp:time'/>"),
    ("get", "<query xmlns='jabber:iq:last'/>"),
    ("get", "<unknown xmlns='urn:unknown'/>"),
    ("set", "<unknown xmlns='urn:unknown'/>"),
];

#[test]
fn every_request_to_a_stranger_is_answered_as_if_nobody_were_there() {
    let mut world = World::with(&["alice", "bob", "blocker"]);
    let alice = world.online("alice/a");
    let bob = world.online("bob/b");
    let blocker = world.online("blocker/b");
    let closed = "<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:test:closed'><item id='1'><a xmlns='urn:a'/></item></publish></pubsub>";
    payload(&world.ask(&bob, "set", None, closed));
    let open = closed.replace("urn:test:closed", "urn:xmpp:omemo:2:devices");
    payload(&world.ask(&blocker, "set", None, &open));
    world.ask(
        &blocker,
        "set",
        None,
        "<vCard xmlns='vcard-temp'><FN>B</FN></vCard>",
    );
    world.ask(
        &blocker,
        "set",
        None,
        "<block xmlns='urn:xmpp:blocking'><item jid='alice@zone.test'/></block>",
    );
    let extra = [(
        "get",
        "<pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:omemo:2:devices'/></pubsub>",
    )];
    for (type_, request) in REQUESTS.iter().chain(&extra) {
        let answers = ["bob", "blocker", "nobody", "bob/gone", "nobody/gone"].map(|to| {
            let (node, rest) = to
                .split_once('/')
                .map_or((to, String::new()), |(node, rest)| {
                    (node, format!("/{rest}"))
                });
            let answer = world.ask(
                &alice,
                type_,
                Some(&format!("{node}@zone.test{rest}")),
                request,
            );
            assert_eq!(answer.attr("type"), Some("error"), "{to} {request}");
            error(&answer)
        });
        assert_eq!(answers[0], answers[2], "{request}");
        assert_eq!(answers[1], answers[2], "{request}");
        assert_eq!(answers[3], answers[4], "{request}");
    }
    let before = world.documents.clone();
    assert!(world.archives.is_empty());
    assert_eq!(world.documents, before);
}

#[test]
fn no_request_to_another_account_changes_anything() {
    let mut world = World::with(&["alice", "bob"]);
    let alice = world.online("alice/a");
    let bob = world.online("bob/b");
    world.befriend(&alice, &bob);
    let before = world.documents.clone();
    for (type_, request) in REQUESTS {
        world.ask(&alice, type_, Some("bob@zone.test"), request);
    }
    assert_eq!(world.documents, before);
    assert!(world.take(&bob).is_empty());
}

#[test]
fn what_is_published_for_everybody_is_what_others_can_read() {
    let mut world = World::with(&["alice", "bob"]);
    let alice = world.online("alice/a");
    let bob = world.online("bob/b");
    world.ask(
        &bob,
        "set",
        None,
        "<vCard xmlns='vcard-temp'><FN>Bob</FN></vCard>",
    );
    let card = payload(&world.ask(
        &alice,
        "get",
        Some("bob@zone.test"),
        "<vCard xmlns='vcard-temp'/>",
    ));
    assert!(String::from(&card).contains("Bob"));
    world.befriend(&alice, &bob);
    let info = payload(&world.ask(
        &alice,
        "get",
        Some("bob@zone.test"),
        "<query xmlns='http://jabber.org/protocol/disco#info'/>",
    ));
    assert!(String::from(&info).contains("pep"));
}
