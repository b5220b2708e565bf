//! Personal eventing, and what is built on it: OMEMO's keys, private data, bookmarks, avatars.

use jid::FullJid;
use minidom::Element;
use proptest::prelude::*;

use crate::model::{World, error, payload};

const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
const OWNER: &str = "http://jabber.org/protocol/pubsub#owner";
const EVENT: &str = "http://jabber.org/protocol/pubsub#event";

fn publish(node: &str, id: &str, payload: &str) -> String {
    format!(
        "<pubsub xmlns='{PUBSUB}'><publish node='{node}'><item id='{id}'>{payload}</item></publish></pubsub>"
    )
}

fn publish_with(node: &str, id: &str, payload: &str, options: &[(&str, &str)]) -> String {
    let fields: String = options
        .iter()
        .map(|(var, value)| format!("<field var='pubsub#{var}'><value>{value}</value></field>"))
        .collect();
    let options = format!(
        "<publish-options><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'>\
         <value>{PUBSUB}#publish-options</value></field>{fields}</x></publish-options>"
    );
    publish(node, id, payload).replace("</pubsub>", &format!("{options}</pubsub>"))
}

fn items(node: &str) -> String {
    format!("<pubsub xmlns='{PUBSUB}'><items node='{node}'/></pubsub>")
}

/// The ids of a node's items as the answer lists them.
#[track_caller]
fn ids(answer: &Element) -> Vec<String> {
    let items = payload(answer).children().next().unwrap().clone();
    items
        .children()
        .map(|item| item.attr("id").unwrap().to_owned())
        .collect()
}

/// The session announces that it wants events of `nodes`, and answers the server's question.
fn wants(world: &mut World, jid: &FullJid, nodes: &[&str]) -> Vec<Element> {
    let question = announces(world, jid, nodes);
    says(world, jid, nodes, &question)
}

/// The id of the question that follows when a session announces capabilities.
fn announces(world: &mut World, jid: &FullJid, nodes: &[&str]) -> String {
    let ver: String = nodes.concat();
    world.send(jid, &format!(
        "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:client' ver='{ver}'/></presence>"
    ));
    let asked = world
        .take(jid)
        .into_iter()
        .find(|stanza| stanza.attr("type") == Some("get"))
        .expect("the server asks");
    asked.attr("id").unwrap().to_owned()
}

/// The events that come when a session answers what it wants.
fn says(world: &mut World, jid: &FullJid, nodes: &[&str], question: &str) -> Vec<Element> {
    let features: String = nodes
        .iter()
        .map(|node| format!("<feature var='{node}+notify'/>"))
        .collect();
    world.send(jid, &format!(
        "<iq type='result' id='{question}' to='zone.test'><query xmlns='http://jabber.org/protocol/disco#info'>{features}</query></iq>"
    ));
    events(world, jid)
}

fn events(world: &mut World, jid: &FullJid) -> Vec<Element> {
    world
        .take(jid)
        .into_iter()
        .filter(|stanza| stanza.has_child("event", EVENT))
        .collect()
}

#[test]
fn events_come_once_and_in_order_when_they_are_published_while_a_device_is_asked_what_it_wants() {
    let mut world = World::with(&["alice"]);
    let alice = world.online("alice/a");
    let phone = world.online("alice/phone");
    let publish_one = |world: &mut World, node: &str, n: usize| {
        let item = publish(node, &format!("i{n}"), "<a xmlns='urn:a'/>");
        payload(&world.ask(&alice, "set", None, &item));
    };
    publish_one(&mut world, "urn:test:mood", 0);
    let question = announces(&mut world, &phone, &["urn:test:mood"]);
    for n in 1..=40 {
        publish_one(&mut world, "urn:test:mood", n);
        publish_one(&mut world, "urn:test:tune", n);
    }
    assert_eq!(events(&mut world, &phone), [], "it did not say yet");
    let got = says(&mut world, &phone, &["urn:test:mood"], &question);
    let ids: Vec<_> = got.iter().map(item_of).collect();
    let expected: Vec<_> = (1..=40).map(|n| format!("i{n}")).collect();
    assert_eq!(ids, expected);
    publish_one(&mut world, "urn:test:mood", 41);
    let got = events(&mut world, &phone);
    assert_eq!(got.iter().map(item_of).collect::<Vec<_>>(), ["i41"]);
}

#[test]
fn the_newest_item_comes_although_a_newer_one_was_taken_back_while_a_device_was_asked() {
    let mut world = World::with(&["alice"]);
    let alice = world.online("alice/a");
    let phone = world.online("alice/phone");
    let node = "urn:test:many";
    let many = [("max_items", "9")];
    for id in ["1", "2"] {
        if id == "2" {
            announces(&mut world, &phone, &[node]);
        }
        let item = publish_with(node, id, "<a xmlns='urn:a'/>", &many);
        payload(&world.ask(&alice, "set", None, &item));
    }
    let retract = format!(
        "<pubsub xmlns='{PUBSUB}'><retract node='{node}'><item id='2'/></retract></pubsub>"
    );
    world.ask(&alice, "set", None, &retract);
    let got = says(&mut world, &phone, &[node], "caps");
    assert_eq!(
        got.len(),
        3,
        "published, taken back, and what is the newest now"
    );
    assert_eq!(item_of(&got[2]), "1");
}

/// The id of the item that an event tells.
fn item_of(event: &Element) -> String {
    let items = event.get_child("event", EVENT).unwrap().children().next();
    let item = items.unwrap().children().next().unwrap();
    item.attr("id").unwrap().to_owned()
}

const OMEMO: &str = "eu.siacs.conversations.axolotl.devicelist";

#[test]
fn omemo_keys_can_be_published_without_options_and_read_by_strangers() {
    let mut world = World::with(&["alice", "bob"]);
    let alice = world.online("alice/a");
    let bob = world.online("bob/b");
    for (node, id) in [
        (OMEMO, "current"),
        ("eu.siacs.conversations.axolotl.bundles:7", "current"),
        ("urn:xmpp:omemo:2:devices", "current"),
        ("urn:xmpp:omemo:2:bundles", "7"),
        ("urn:xmpp:omemo:2:bundles", "8"),
    ] {
        payload(&world.ask(
            &alice,
            "set",
            None,
            &publish(node, id, "<keys xmlns='urn:keys'/>"),
        ));
    }
    assert_eq!(
        ids(&world.ask(&bob, "get", Some("alice@zone.test"), &items(OMEMO))),
        ["current"]
    );
    let bundles = ids(&world.ask(
        &bob,
        "get",
        Some("alice@zone.test"),
        &items("urn:xmpp:omemo:2:bundles"),
    ));
    assert_eq!(bundles, ["8", "7"]);
}

#[test]
fn publish_options_make_the_node_and_afterwards_must_fit_it() {
    let mut world = World::with(&["alice", "bob"]);
    let alice = world.online("alice/a");
    let bob = world.online("bob/b");
    let node = "urn:test:any";
    let open = publish_with(
        node,
        "1",
        "<a xmlns='urn:a'/>",
        &[
            ("access_model", "open"),
            ("max_items", "max"),
            ("persist_items", "true"),
        ],
    );
    payload(&world.ask(&alice, "set", None, &open));
    payload(&world.ask(&alice, "set", None, &open.replace("id='1'", "id='2'")));
    assert_eq!(
        ids(&world.ask(&bob, "get", Some("alice@zone.test"), &items(node))),
        ["2", "1"]
    );
    for options in [
        [("access_model", "whitelist")],
        [("max_items", "1")],
        [("no_such_thing", "1")],
    ] {
        let answer = world.ask(
            &alice,
            "set",
            None,
            &publish_with(node, "3", "<a xmlns='urn:a'/>", &options),
        );
        assert_eq!(
            error(&answer),
            "conflict precondition-not-met",
            "{options:?}"
        );
    }
    assert_eq!(
        ids(&world.ask(&alice, "get", None, &items(node))),
        ["2", "1"]
    );
}

#[test]
fn each_access_model_lets_its_readers_in_and_nobody_else() {
    let mut world = World::with(&["alice", "friend", "stranger", "named"]);
    let alice = world.online("alice/a");
    let friend = world.online("friend/f");
    let stranger = world.online("stranger/s");
    let named = world.online("named/n");
    world.befriend(&alice, &friend);
    let in_group = "<query xmlns='jabber:iq:roster'><item jid='named@zone.test'><group>Work</group></item></query>";
    world.ask(&alice, "set", None, in_group);
    for (model, readers) in [
        ("open", [true, true, true]),
        ("presence", [true, false, false]),
        ("whitelist", [false, false, true]),
        ("roster", [false, false, true]),
    ] {
        let node = format!("urn:test:{model}");
        let options = [("access_model", model), ("roster_groups_allowed", "Work")];
        payload(&world.ask(
            &alice,
            "set",
            None,
            &publish_with(&node, "1", "<a xmlns='urn:a'/>", &options),
        ));
        let member = format!(
            "<pubsub xmlns='{OWNER}'><affiliations node='{node}'><affiliation jid='named@zone.test' affiliation='member'/></affiliations></pubsub>"
        );
        world.ask(&alice, "set", None, &member);
        for (reader, may) in [&friend, &stranger, &named].into_iter().zip(readers) {
            let answer = world.ask(reader, "get", Some("alice@zone.test"), &items(&node));
            assert_eq!(
                answer.attr("type"),
                Some(if may { "result" } else { "error" }),
                "{reader} {model}"
            );
            if !may {
                assert_eq!(error(&answer), "item-not-found");
            }
        }
        assert_eq!(ids(&world.ask(&alice, "get", None, &items(&node))), ["1"]);
    }
}

#[test]
fn events_reach_who_may_read_and_announced_interest() {
    let mut world = World::with(&["alice", "friend", "stranger"]);
    let alice = world.online("alice/a");
    let second = world.online("alice/b");
    let friend = world.online("friend/f");
    let stranger = world.online("stranger/s");
    let idle = world.online("friend/idle");
    world.befriend(&alice, &friend);
    for device in [&second, &friend, &stranger] {
        wants(&mut world, device, &["urn:test:mood"]);
    }
    world.take(&idle);
    payload(&world.ask(
        &alice,
        "set",
        None,
        &publish("urn:test:mood", "1", "<a xmlns='urn:a'/>"),
    ));
    for device in [&second, &friend] {
        let got = events(&mut world, device);
        assert_eq!(got.len(), 1, "{device}");
        assert_eq!(
            (got[0].attr("from"), got[0].attr("type")),
            (Some("alice@zone.test"), Some("headline"))
        );
    }
    assert!(events(&mut world, &stranger).is_empty());
    assert!(events(&mut world, &idle).is_empty());
    let retract = format!(
        "<pubsub xmlns='{PUBSUB}'><retract node='urn:test:mood'><item id='1'/></retract></pubsub>"
    );
    world.ask(&alice, "set", None, &retract);
    assert!(String::from(&events(&mut world, &friend)[0]).contains("retract"));
    assert_eq!(
        error(&world.ask(&alice, "set", None, &retract)),
        "item-not-found"
    );
}

#[test]
fn a_device_that_arrives_gets_the_newest_item_of_what_it_wants() {
    let mut world = World::with(&["alice", "friend"]);
    let alice = world.online("alice/a");
    let friend = world.online("friend/f");
    world.befriend(&alice, &friend);
    for id in ["1", "2"] {
        payload(&world.ask(
            &alice,
            "set",
            None,
            &publish("urn:test:mood", id, "<a xmlns='urn:a'/>"),
        ));
    }
    let late = world.bind("friend/late");
    let got = wants(&mut world, &late, &["urn:test:mood", "urn:test:other"]);
    assert_eq!(got.len(), 1);
    assert!(got[0].has_child("delay", "urn:xmpp:delay"));
    assert!(String::from(&got[0]).contains("id=\"2\"") || String::from(&got[0]).contains("id='2'"));
}

#[test]
fn contacts_on_other_servers_get_events_while_they_are_there_and_may_read() {
    let mut world = World::with(&["alice"]);
    let alice = world.online("alice/a");
    let node = "urn:test:mood";
    let here = "<presence from='romeo@far.test/x' to='alice@zone.test'><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:c' ver='v'/></presence>";
    let wants = "<iq type='result' id='caps' from='romeo@far.test/x' to='alice@zone.test'><query xmlns='http://jabber.org/protocol/disco#info' node='urn:c#v'><feature var='urn:test:mood+notify'/></query></iq>";
    world.receive(here);
    world.receive(wants);
    payload(&world.ask(
        &alice,
        "set",
        None,
        &publish(node, "1", "<a xmlns='urn:a'/>"),
    ));
    assert!(
        world.remote.is_empty(),
        "a stranger is neither asked nor told"
    );

    world.receive("<presence type='subscribe' from='romeo@far.test' to='alice@zone.test'/>");
    world.send(&alice, "<presence type='subscribed' to='romeo@far.test'/>");
    world.remote.clear();
    world.receive(here);
    let (to, question) = world.remote.pop().unwrap();
    assert!(to.as_str() == "romeo@far.test/x" && question.contains("from='alice@zone.test'"));
    world.receive(wants);
    assert!(
        world.remote.pop().unwrap().1.contains("<delay"),
        "the newest item at once"
    );
    world.receive(here);
    assert!(
        world.remote.is_empty(),
        "known capabilities are not asked for again"
    );
    payload(&world.ask(
        &alice,
        "set",
        None,
        &publish(node, "2", "<a xmlns='urn:a'/>"),
    ));
    assert!(world.remote.pop().unwrap().1.contains("id='2'"));
    let closed = [("access_model", "whitelist")];
    payload(&world.ask(
        &alice,
        "set",
        None,
        &publish_with("urn:test:closed", "1", "<a xmlns='urn:a'/>", &closed),
    ));
    world.receive("<presence type='unavailable' from='romeo@far.test/x' to='alice@zone.test'/>");
    payload(&world.ask(
        &alice,
        "set",
        None,
        &publish(node, "3", "<a xmlns='urn:a'/>"),
    ));
    assert!(world.remote.is_empty());
}

#[test]
fn the_server_asks_once_for_the_same_capabilities() {
    let mut world = World::with(&["alice"]);
    let alice = world.online("alice/a");
    wants(&mut world, &alice, &["urn:test:mood"]);
    assert_eq!(world.session(&alice).notify, ["urn:test:mood"]);
    world.send(&alice, "<presence><show>away</show><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:client' ver='urn:test:mood'/></presence>");
    assert!(
        world
            .take(&alice)
            .iter()
            .all(|stanza| stanza.name() != "iq")
    );
}

#[test]
fn nodes_are_created_configured_emptied_and_ended() {
    let mut world = World::with(&["alice"]);
    let alice = world.online("alice/a");
    let node = "urn:test:node";
    let create = format!("<pubsub xmlns='{PUBSUB}'><create node='{node}'/></pubsub>");
    world.ask(&alice, "set", None, &create);
    assert_eq!(error(&world.ask(&alice, "set", None, &create)), "conflict");
    let configure = format!("<pubsub xmlns='{OWNER}'><configure node='{node}'/></pubsub>");
    let form = payload(&world.ask(&alice, "get", None, &configure));
    assert!(String::from(&form).contains("pubsub#access_model"));
    let more = format!(
        "<pubsub xmlns='{OWNER}'><configure node='{node}'><x xmlns='jabber:x:data' type='submit'>\
         <field var='pubsub#max_items'><value>3</value></field></x></configure></pubsub>"
    );
    world.ask(&alice, "set", None, &more);
    for id in ["1", "2", "3", "4"] {
        payload(&world.ask(
            &alice,
            "set",
            None,
            &publish(node, id, "<a xmlns='urn:a'/>"),
        ));
    }
    assert_eq!(
        ids(&world.ask(&alice, "get", None, &items(node))),
        ["4", "3", "2"]
    );
    world.ask(
        &alice,
        "set",
        None,
        &format!("<pubsub xmlns='{OWNER}'><purge node='{node}'/></pubsub>"),
    );
    assert_eq!(ids(&world.ask(&alice, "get", None, &items(node))), [""; 0]);
    world.ask(
        &alice,
        "set",
        None,
        &format!("<pubsub xmlns='{OWNER}'><delete node='{node}'/></pubsub>"),
    );
    assert_eq!(
        error(&world.ask(&alice, "get", None, &items(node))),
        "item-not-found"
    );
}

#[test]
fn wrong_publications_are_refused() {
    let mut world = World::with(&["alice"]);
    let alice = world.online("alice/a");
    for (inner, condition) in [
        (
            "<publish><item id='1'><a xmlns='urn:a'/></item></publish>",
            "bad-request nodeid-required",
        ),
        ("<publish node='n'/>", "bad-request item-required"),
        (
            "<publish node='n'><item id='1'/></publish>",
            "bad-request payload-required",
        ),
        (
            "<publish node='n'><item><a xmlns='urn:a'/><b xmlns='urn:b'/></item></publish>",
            "bad-request invalid-payload",
        ),
        (
            "<publish node='a&#10;b'><item><a xmlns='urn:a'/></item></publish>",
            "not-acceptable",
        ),
        ("<subscriptions/>", "feature-not-implemented unsupported"),
    ] {
        let answer = world.ask(
            &alice,
            "set",
            None,
            &format!("<pubsub xmlns='{PUBSUB}'>{inner}</pubsub>"),
        );
        assert_eq!(error(&answer), condition, "{inner}");
    }
    let big = publish(
        "n",
        "1",
        &format!("<a xmlns='urn:a'>{}</a>", "x".repeat(130 * 1024)),
    );
    assert_eq!(
        error(&world.ask(&alice, "set", None, &big)),
        "not-acceptable payload-too-big"
    );
}

#[test]
fn private_data_is_the_owners_alone() {
    let mut world = World::with(&["alice", "friend"]);
    let alice = world.online("alice/a");
    let friend = world.online("friend/f");
    world.befriend(&alice, &friend);
    wants(&mut world, &friend, &["urn:test:secret"]);
    let options = [("access_model", "whitelist"), ("persist_items", "true")];
    payload(&world.ask(
        &alice,
        "set",
        None,
        &publish_with("urn:test:secret", "1", "<a xmlns='urn:a'/>", &options),
    ));
    assert!(events(&mut world, &friend).is_empty());
    let answer = world.ask(
        &friend,
        "get",
        Some("alice@zone.test"),
        &items("urn:test:secret"),
    );
    assert_eq!(error(&answer), "item-not-found");
}

#[test]
fn old_and_current_bookmarks_are_one() {
    let mut world = World::with(&["alice"]);
    let alice = world.online("alice/a");
    wants(&mut world, &alice, &["urn:xmpp:bookmarks:1"]);
    let old = |inner: &str| {
        format!(
            "<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'>{inner}</storage></query>"
        )
    };
    let room = "<conference jid='r@rooms.test' name='R' autojoin='1'><nick>al</nick></conference>";
    world.ask(&alice, "set", None, &old(room));
    assert_eq!(
        ids(&world.ask(&alice, "get", None, &items("urn:xmpp:bookmarks:1"))),
        ["r@rooms.test"]
    );
    assert_eq!(events(&mut world, &alice).len(), 1);
    world.ask(&alice, "set", None, &old(room));
    assert!(events(&mut world, &alice).is_empty(), "nothing changed");
    let current = "<conference xmlns='urn:xmpp:bookmarks:1' name='S' autojoin='true'><nick>al</nick><extensions><x xmlns='urn:x'/></extensions></conference>";
    payload(&world.ask(
        &alice,
        "set",
        None,
        &publish("urn:xmpp:bookmarks:1", "s@rooms.test", current),
    ));
    let storage = payload(&world.ask(&alice, "get", None, &old("")))
        .children()
        .next()
        .unwrap()
        .clone();
    let rooms: Vec<_> = storage
        .children()
        .map(|room| room.attr("jid").unwrap())
        .collect();
    assert_eq!(rooms, ["s@rooms.test", "r@rooms.test"]);
    let renamed =
        "<conference jid='s@rooms.test' name='T' autojoin='1'><nick>al</nick></conference>";
    world.ask(&alice, "set", None, &old(renamed));
    let kept = payload(&world.ask(&alice, "get", None, &items("urn:xmpp:bookmarks:1")));
    let text = String::from(&kept);
    assert!(
        text.contains("urn:x") && !text.contains("r@rooms.test"),
        "{text}"
    );
}

#[test]
fn private_elements_are_kept_by_name_and_namespace() {
    let mut world = World::with(&["alice"]);
    let alice = world.online("alice/a");
    let query = |inner: &str| format!("<query xmlns='jabber:iq:private'>{inner}</query>");
    let empty = payload(&world.ask(&alice, "get", None, &query("<notes xmlns='urn:notes'/>")));
    assert!(empty.children().next().unwrap().is("notes", "urn:notes"));
    world.ask(
        &alice,
        "set",
        None,
        &query("<notes xmlns='urn:notes'><n>1</n></notes>"),
    );
    let kept = payload(&world.ask(&alice, "get", None, &query("<notes xmlns='urn:notes'/>")));
    assert_eq!(kept.children().next().unwrap().children().count(), 1);
    assert_eq!(
        error(&world.ask(&alice, "get", None, &query(""))),
        "bad-request"
    );
}

#[test]
fn avatars_vcards_and_presence_show_the_same_picture() {
    let mut world = World::with(&["alice", "friend"]);
    let alice = world.online("alice/a");
    let friend = world.online("friend/f");
    world.befriend(&alice, &friend);
    let data = "<data xmlns='urn:xmpp:avatar:data'>aGVsbG8=</data>";
    let hash = "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d";
    let metadata = format!(
        "<metadata xmlns='urn:xmpp:avatar:metadata'><info id='{hash}' bytes='5' type='image/png'/></metadata>"
    );
    payload(&world.ask(
        &alice,
        "set",
        None,
        &publish("urn:xmpp:avatar:data", hash, data),
    ));
    payload(&world.ask(
        &alice,
        "set",
        None,
        &publish("urn:xmpp:avatar:metadata", hash, &metadata),
    ));
    assert!(
        world
            .take_raw(&friend)
            .iter()
            .any(|xml| xml.starts_with("<presence") && xml.contains(hash))
    );
    let card = payload(&world.ask(
        &friend,
        "get",
        Some("alice@zone.test"),
        "<vCard xmlns='vcard-temp'/>",
    ));
    assert!(String::from(&card).contains("aGVsbG8="));
    let late = world.bind("friend/late");
    world.send(&late, "<presence/>");
    assert!(world.take_raw(&late).iter().any(|xml| xml.contains(hash)));

    let set = "<vCard xmlns='vcard-temp'><FN>Alice</FN><PHOTO><TYPE>image/gif</TYPE><BINVAL>d29y\nbGQ=</BINVAL></PHOTO></vCard>";
    world.ask(&alice, "set", None, set);
    let newest = payload(&world.ask(
        &friend,
        "get",
        Some("alice@zone.test"),
        &items("urn:xmpp:avatar:metadata"),
    ));
    assert!(String::from(&newest).contains("7c211433f02071597741e6ff5a8ea34789abbf43"));
    let card = String::from(&payload(&world.ask(
        &alice,
        "get",
        None,
        "<vCard xmlns='vcard-temp'/>",
    )));
    assert!(
        card.contains("Alice") && card.contains("d29ybGQ="),
        "{card}"
    );
    world.ask(
        &alice,
        "set",
        None,
        "<vCard xmlns='vcard-temp'><FN>Alice</FN></vCard>",
    );
    let card = String::from(&payload(&world.ask(
        &alice,
        "get",
        None,
        "<vCard xmlns='vcard-temp'/>",
    )));
    assert!(!card.contains("PHOTO"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_node_keeps_the_newest_items_up_to_its_limit(published in proptest::collection::vec(0u8..12, 1..40), max in 1usize..6) {
        let mut world = World::with(&["alice"]);
        let alice = world.online("alice/a");
        let max_text = max.to_string();
        let mut model: Vec<String> = Vec::new();
        for number in published {
            let id = number.to_string();
            payload(&world.ask(&alice, "set", None, &publish_with("n", &id, "<a xmlns='urn:a'/>", &[("max_items", &max_text)])));
            model.retain(|known| *known != id);
            model.insert(0, id);
            model.truncate(max);
        }
        prop_assert_eq!(ids(&world.ask(&alice, "get", None, &items("n"))), model);
    }
}

/// profanity 0.13 publishes its first device list (XEP-0384) only when the error names the node it asked for.
#[test]
fn who_asks_for_a_node_that_is_not_there_gets_the_question_back() {
    let mut world = World::with(&["alice"]);
    let alice = world.online("alice/a");
    let question = items("eu.siacs.conversations.axolotl.devicelist");
    let answer = world.ask(&alice, "get", None, &question);
    assert_eq!(error(&answer), "item-not-found");
    let returned = answer.get_child("pubsub", PUBSUB).unwrap();
    let items = returned.get_child("items", PUBSUB).unwrap();
    assert_eq!(
        items.attr("node"),
        Some("eu.siacs.conversations.axolotl.devicelist")
    );
}
