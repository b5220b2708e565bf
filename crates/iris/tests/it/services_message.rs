//! Messages: who gets them, in which form, what the archives keep.

use iris::archive::Direction;
use iris::documents::Collection;
use iris::services::push::wake_detached;
use jid::{BareJid, FullJid};
use minidom::Element;

use crate::model::World;

const BODY: &str = "<body>hi</body>";

fn chat(to: &str) -> String {
    format!("<message type='chat' to='{to}' id='m'>{BODY}</message>")
}

/// `itself`, `sent`, `received` for each message that a session got.
fn forms(world: &mut World, jid: &FullJid) -> Vec<String> {
    let form = |message: &Element| {
        let carbon = message
            .children()
            .find(|child| child.ns() == "urn:xmpp:carbons:2" && child.name() != "private");
        carbon.map_or_else(|| "itself".to_owned(), |carbon| carbon.name().to_owned())
    };
    world
        .take(jid)
        .iter()
        .filter(|stanza| stanza.name() == "message")
        .map(form)
        .collect()
}

#[test]
fn a_message_is_in_both_archives_and_reaches_devices_of_both_sides() {
    let mut world = World::with(&["alice", "bob"]);
    let phone = world.online("alice/phone");
    let laptop = world.online("alice/laptop");
    let bob = world.online("bob/desk");
    let bob_car = world.online("bob/car");
    world.take(&phone);
    world.send(&phone, &chat("bob@zone.test"));
    assert_eq!(forms(&mut world, &bob), ["itself"]);
    assert_eq!(forms(&mut world, &bob_car), ["itself"]);
    assert_eq!(forms(&mut world, &laptop)[..], ["sent"]);
    assert_eq!(forms(&mut world, &phone), [""; 0]);
    for (owner, direction, deliver) in [
        ("alice", Direction::Sent, false),
        ("bob", Direction::Received, true),
    ] {
        let owner = BareJid::new(&format!("{owner}@zone.test")).unwrap();
        let entry = &world.archives[&owner][0].entry;
        assert_eq!((entry.direction, entry.deliver), (direction, deliver));
    }
}

#[test]
fn a_message_to_one_device_goes_there_and_is_copied_to_the_others() {
    let mut world = World::with(&["alice", "bob"]);
    let alice = world.online("alice/a");
    let desk = world.online("bob/desk");
    let car = world.online("bob/car");
    world.take(&desk);
    world.send(&alice, &chat("bob@zone.test/desk"));
    assert_eq!(forms(&mut world, &desk), ["itself"]);
    assert_eq!(forms(&mut world, &car), ["received"]);
    world.send(&alice, &chat("bob@zone.test/gone"));
    assert_eq!(
        forms(&mut world, &desk),
        ["itself"],
        "a device that left stands for all"
    );
    assert_eq!(forms(&mut world, &car), ["itself"]);
    world.send(
        &alice,
        "<message type='headline' to='bob@zone.test/gone'><body>x</body></message>",
    );
    assert_eq!(forms(&mut world, &desk), [""; 0]);
}

#[test]
fn negative_priority_gets_no_message_to_the_account_but_a_copy() {
    let mut world = World::with(&["alice", "bob"]);
    let alice = world.online("alice/a");
    let desk = world.online("bob/desk");
    world.send(&desk, "<presence><priority>-1</priority></presence>");
    world.take(&desk);
    world.send(&alice, &chat("bob@zone.test"));
    assert_eq!(forms(&mut world, &desk), ["received"]);
    world.send(
        &alice,
        "<message type='headline' to='bob@zone.test'><body>x</body></message>",
    );
    assert_eq!(forms(&mut world, &desk), [""; 0]);
}

#[test]
fn what_asks_not_to_be_copied_is_not() {
    let mut world = World::with(&["alice", "bob"]);
    let phone = world.online("alice/phone");
    let laptop = world.online("alice/laptop");
    let bob = world.online("bob/desk");
    for mark in [
        "<private xmlns='urn:xmpp:carbons:2'/>",
        "<no-copy xmlns='urn:xmpp:hints'/>",
    ] {
        world.take(&laptop);
        world.send(
            &phone,
            &format!("<message type='chat' to='{bob}'>{BODY}{mark}</message>"),
        );
        assert_eq!(forms(&mut world, &laptop), [""; 0]);
        assert_eq!(forms(&mut world, &bob), ["itself"]);
    }
}

#[test]
fn chat_states_pass_and_leave_nothing_behind() {
    let mut world = World::with(&["alice", "bob"]);
    let alice = world.online("alice/a");
    let bob = world.online("bob/desk");
    let typing = "<message type='chat' to='bob@zone.test'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>";
    world.send(&alice, typing);
    assert_eq!(forms(&mut world, &bob), ["itself"]);
    world.drop(&bob);
    world.send(&alice, typing);
    assert!(world.archives.is_empty());
}

#[test]
fn what_is_sent_while_nobody_is_there_waits_in_the_archive() {
    let mut world = World::with(&["alice", "bob"]);
    let alice = world.online("alice/a");
    world.send(&alice, &chat("bob@zone.test"));
    let bob = BareJid::new("bob@zone.test").unwrap();
    assert!(world.archives[&bob][0].entry.deliver);
    assert!(
        world.take(&alice).is_empty(),
        "the sender sees no difference"
    );
}

#[test]
fn every_delivered_copy_names_its_place_in_the_owners_archive_and_no_forged_one() {
    let mut world = World::with(&["alice", "bob"]);
    let alice = world.online("alice/a");
    let bob = world.online("bob/desk");
    let forged = "<stanza-id xmlns='urn:xmpp:sid:0' by='bob@zone.test' id='forged'/>";
    let foreign = "<stanza-id xmlns='urn:xmpp:sid:0' by='room@rooms.test' id='kept'/>";
    world.send(
        &alice,
        &format!("<message type='chat' to='bob@zone.test'>{BODY}{forged}{foreign}</message>"),
    );
    let got = world.take(&bob);
    let ids: Vec<(&str, &str)> = got[0]
        .children()
        .filter(|child| child.name() == "stanza-id")
        .map(|child| (child.attr("by").unwrap(), child.attr("id").unwrap()))
        .collect();
    assert_eq!(
        ids,
        [
            ("room@rooms.test", "kept"),
            ("bob@zone.test", "00000000000000000001")
        ]
    );
}

#[test]
fn payloads_arrive_byte_for_byte() {
    let mut world = World::with(&["alice", "bob"]);
    let alice = world.online("alice/a");
    let bob = world.online("bob/desk");
    let secret = "<encrypted  xmlns=\"eu.siacs.conversations.axolotl\"><header sid='7' /><payload>Q&#x41;==</payload></encrypted>";
    world.send(
        &alice,
        &format!("<message type='chat' to='bob@zone.test' unk=\"1\">{secret}</message>"),
    );
    assert!(world.take_raw(&bob)[0].contains(secret));
}

#[test]
fn a_message_to_nobody_comes_back_as_one_to_somebody_who_blocked_the_sender_does() {
    let mut world = World::with(&["alice", "bob"]);
    let alice = world.online("alice/a");
    let bob = world.online("bob/desk");
    world.ask(
        &bob,
        "set",
        None,
        "<block xmlns='urn:xmpp:blocking'><item jid='alice@zone.test'/></block>",
    );
    let mut answers = Vec::new();
    for to in ["bob@zone.test", "carol@zone.test"] {
        world.send(&alice, &chat(to));
        answers.push(world.take_raw(&alice).pop().unwrap().replace(to, "TO"));
    }
    assert_eq!(answers[0], answers[1]);
    assert!(answers[0].contains("service-unavailable"));
    assert!(world.take(&bob).is_empty());
}

#[test]
fn errors_are_never_answered_with_errors() {
    let mut world = World::with(&["alice"]);
    let alice = world.online("alice/a");
    world.send(
        &alice,
        "<message type='error' to='nobody@zone.test'><error type='cancel'/></message>",
    );
    world.send(&alice, "<iq type='result' id='x' to='nobody@zone.test/y'/>");
    assert!(world.take(&alice).is_empty());
}

#[test]
fn a_message_to_oneself_is_kept_once() {
    let mut world = World::with(&["alice"]);
    let phone = world.online("alice/phone");
    let laptop = world.online("alice/laptop");
    world.take(&phone);
    world.send(&phone, &chat("alice@zone.test"));
    assert_eq!(world.archives[&phone.to_bare()].len(), 1);
    assert_eq!(forms(&mut world, &laptop), ["itself"]);
}

#[test]
fn mail_for_other_domains_is_archived_and_leaves() {
    let mut world = World::with(&["alice"]);
    let alice = world.online("alice/a");
    world.send(&alice, &chat("romeo@far.test"));
    assert_eq!(
        world.archives[&alice.to_bare()][0].entry.direction,
        Direction::Sent
    );
    assert_eq!(world.remote[0].0.as_str(), "romeo@far.test");
    world.receive("<message type='chat' from='romeo@far.test/x' to='alice@zone.test'><body>yo</body></message>");
    assert_eq!(forms(&mut world, &alice), ["itself"]);
    assert_eq!(world.archives[&alice.to_bare()].len(), 2);
}

#[test]
fn who_wants_no_archive_still_gets_what_waited() {
    let mut world = World::with(&["alice", "bob"]);
    let alice = world.online("alice/a");
    let bob = world.online("bob/desk");
    let never = "<prefs xmlns='urn:xmpp:mam:2' default='never'><always/><never/></prefs>";
    world.ask(&bob, "set", None, never);
    world.send(&alice, &chat("bob@zone.test"));
    assert_eq!(forms(&mut world, &bob), ["itself"]);
    assert!(!world.archives.contains_key(&bob.to_bare()));
    world.drop(&bob);
    world.send(&alice, &chat("bob@zone.test"));
    assert!(world.archives[&bob.to_bare()][0].entry.deliver);
}

#[test]
fn an_absent_device_is_woken_through_its_app_server_which_learns_only_a_number() {
    let mut world = World::with(&["alice", "bob"]);
    let alice = world.online("alice/a");
    let phone = world.online("bob/phone");
    let enable = "<enable xmlns='urn:xmpp:push:0' jid='push.far.test' node='n1'><x xmlns='jabber:x:data' type='submit'>\
        <field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>\
        <field var='secret'><value>s3</value></field></x></enable>";
    world.ask(&phone, "set", None, enable);
    world.send(&alice, &chat("bob@zone.test"));
    assert!(
        world.remote.is_empty(),
        "a device that is there needs no push"
    );
    world.drop(&phone);
    world.send(&alice, "<message type='chat' to='bob@zone.test'><received xmlns='urn:xmpp:receipts' id='1'/></message>");
    assert!(world.remote.is_empty(), "a receipt wakes nobody");
    world.send(&alice, &chat("bob@zone.test"));
    let (to, push) = world.remote.pop().unwrap();
    assert_eq!(to.as_str(), "push.far.test");
    assert!(push.contains("node='n1'") && push.contains("s3") && push.contains("message-count"));
    assert!(!push.contains("alice") && !push.contains("hi<"));
    let detached = world.in_context(&[], |ctx| wake_detached(ctx, &phone, 3));
    assert_eq!(detached.send.len(), 1);
    let other = FullJid::new("bob@zone.test/laptop").unwrap();
    let detached = world.in_context(&[], |ctx| wake_detached(ctx, &other, 3));
    assert_eq!(detached.send, []);
    let phone = world.online("bob/phone");
    world.ask(
        &phone,
        "set",
        None,
        "<disable xmlns='urn:xmpp:push:0' jid='push.far.test'/>",
    );
    assert_eq!(
        world.document(Collection::Push, &phone.to_bare(), "push.far.test\nn1"),
        None
    );
}
