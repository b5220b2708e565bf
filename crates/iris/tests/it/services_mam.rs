//! The archive as clients read it.

use jid::FullJid;
use minidom::Element;
use proptest::prelude::*;

use crate::model::{World, error, payload};

/// Alice writes `peers` in turn, and returns her session.
fn written(world: &mut World, peers: &[&str]) -> FullJid {
    let alice = world.online("alice/a");
    for (index, peer) in peers.iter().enumerate() {
        world.send(
            &alice,
            &format!("<message type='chat' to='{peer}'><body>{index}</body></message>"),
        );
    }
    world.take(&alice);
    alice
}

/// What one query returns: ids and bodies in the order they came, and the `fin`.
fn query(
    world: &mut World,
    jid: &FullJid,
    fields: &str,
    set: &str,
) -> (Vec<(String, String)>, Element) {
    let form = format!(
        "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field>{fields}</x>"
    );
    let fin = world.ask(
        jid,
        "set",
        None,
        &format!("<query xmlns='urn:xmpp:mam:2' queryid='q'>{form}{set}</query>"),
    );
    let fin = payload(&fin);
    let results = world.take(jid);
    let read = results
        .iter()
        .filter(|stanza| stanza.name() == "message")
        .map(|message| {
            let result = message.get_child("result", "urn:xmpp:mam:2").unwrap();
            assert_eq!(result.attr("queryid"), Some("q"));
            let forwarded = result.get_child("forwarded", "urn:xmpp:forward:0").unwrap();
            assert!(forwarded.has_child("delay", "urn:xmpp:delay"));
            let original = forwarded.get_child("message", "jabber:client").unwrap();
            let body = original.get_child("body", "jabber:client").unwrap().text();
            (result.attr("id").unwrap().to_owned(), body)
        });
    (read.collect(), fin)
}

fn field(var: &str, value: &str) -> String {
    format!("<field var='{var}'><value>{value}</value></field>")
}

fn rsm(inner: &str) -> String {
    format!("<set xmlns='http://jabber.org/protocol/rsm'>{inner}</set>")
}

fn bodies(read: &[(String, String)]) -> Vec<&str> {
    read.iter().map(|(_, body)| body.as_str()).collect()
}

const FOUR: [&str; 4] = [
    "bob@zone.test",
    "carol@zone.test/x",
    "bob@zone.test/y",
    "bob@zone.test",
];

#[test]
fn filters_narrow_what_is_read() {
    let mut world = World::with(&["alice", "bob", "carol"]);
    let alice = written(&mut world, &FOUR);
    let all = query(&mut world, &alice, "", "").0;
    assert_eq!(bodies(&all), ["0", "1", "2", "3"]);
    assert_eq!(
        bodies(&query(&mut world, &alice, &field("with", "bob@zone.test"), "").0),
        ["0", "2", "3"]
    );
    assert_eq!(
        bodies(&query(&mut world, &alice, &field("with", "bob@zone.test/y"), "").0),
        ["2"]
    );
    assert_eq!(
        bodies(&query(&mut world, &alice, &field("after-id", &all[1].0), "").0),
        ["2", "3"]
    );
    assert_eq!(
        bodies(&query(&mut world, &alice, &field("before-id", &all[1].0), "").0),
        ["0"]
    );
    let ids = format!(
        "<field var='ids'><value>{}</value><value>{}</value></field>",
        all[3].0, all[0].0
    );
    assert_eq!(bodies(&query(&mut world, &alice, &ids, "").0), ["0", "3"]);
    let metadata = payload(&world.ask(&alice, "get", None, "<metadata xmlns='urn:xmpp:mam:2'/>"));
    let ends: Vec<_> = metadata
        .children()
        .map(|end| (end.name(), end.attr("id").unwrap()))
        .collect();
    assert_eq!(
        ends,
        [("start", all[0].0.as_str()), ("end", all[3].0.as_str())]
    );
    let start = metadata
        .children()
        .last()
        .unwrap()
        .attr("timestamp")
        .unwrap()
        .to_owned();
    assert_eq!(
        bodies(&query(&mut world, &alice, &field("start", &start), "").0),
        ["3"]
    );
    assert_eq!(
        bodies(&query(&mut world, &alice, &field("end", &start), "").0),
        ["0", "1", "2", "3"]
    );
}

#[test]
fn a_flipped_page_is_the_same_page_backwards() {
    let mut world = World::with(&["alice", "bob", "carol"]);
    let alice = written(&mut world, &FOUR);
    let set = format!("{}<flip-page/>", rsm("<max>2</max><before/>"));
    let (read, fin) = query(&mut world, &alice, "", &set);
    assert_eq!(bodies(&read), ["3", "2"]);
    let page = fin
        .get_child("set", "http://jabber.org/protocol/rsm")
        .unwrap();
    assert_eq!(
        page.get_child("first", "http://jabber.org/protocol/rsm")
            .unwrap()
            .text(),
        read[1].0
    );
}

#[test]
fn what_is_not_there_is_said_so() {
    let mut world = World::with(&["alice", "bob", "carol"]);
    let alice = written(&mut world, &FOUR);
    let ask = |world: &mut World, inner: &str| {
        error(&world.ask(
            &alice,
            "set",
            None,
            &format!("<query xmlns='urn:xmpp:mam:2'>{inner}</query>"),
        ))
    };
    let form = |inner: &str| format!("<x xmlns='jabber:x:data' type='submit'>{inner}</x>");
    assert_eq!(
        ask(&mut world, &rsm("<after>00000000000000000099</after>")),
        "item-not-found"
    );
    assert_eq!(
        ask(&mut world, &rsm("<before>nonsense</before>")),
        "item-not-found"
    );
    assert_eq!(
        ask(&mut world, &form(&field("ids", "00000000000000000099"))),
        "item-not-found"
    );
    assert_eq!(
        ask(&mut world, &form(&field("start", "yesterday"))),
        "bad-request"
    );
    assert_eq!(ask(&mut world, &form(&field("with", "@"))), "jid-malformed");
}

#[test]
fn an_empty_archive_is_complete() {
    let mut world = World::with(&["alice"]);
    let alice = world.online("alice/a");
    let (read, fin) = query(&mut world, &alice, "", "");
    assert!(read.is_empty());
    assert_eq!(
        (fin.attr("complete"), fin.attr("stable")),
        (Some("true"), Some("true"))
    );
}

#[test]
fn preferences_are_kept_and_checked() {
    let mut world = World::with(&["alice"]);
    let alice = world.online("alice/a");
    let get = "<prefs xmlns='urn:xmpp:mam:2'/>";
    assert_eq!(
        payload(&world.ask(&alice, "get", None, get)).attr("default"),
        Some("always")
    );
    let set = "<prefs xmlns='urn:xmpp:mam:2' default='roster'><never><jid>eve@zone.test</jid></never></prefs>";
    world.ask(&alice, "set", None, set);
    let prefs = payload(&world.ask(&alice, "get", None, get));
    assert_eq!(prefs.attr("default"), Some("roster"));
    assert_eq!(
        prefs
            .get_child("never", "urn:xmpp:mam:2")
            .unwrap()
            .children()
            .count(),
        1
    );
    let wrong = "<prefs xmlns='urn:xmpp:mam:2' default='sometimes'/>";
    assert_eq!(error(&world.ask(&alice, "set", None, wrong)), "bad-request");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pages_tile_the_archive_in_both_directions(
        peers in proptest::collection::vec(prop_oneof![Just("bob@zone.test"), Just("carol@zone.test")], 0..30),
        max in 1usize..9,
        only_bob in any::<bool>(),
        backwards in any::<bool>(),
    ) {
        let mut world = World::with(&["alice", "bob", "carol"]);
        let alice = written(&mut world, &peers);
        let fields = if only_bob { field("with", "bob@zone.test") } else { String::new() };
        let (whole, _) = query(&mut world, &alice, &fields, "");
        let mut met: Vec<(String, String)> = Vec::new();
        let mut place = if backwards { "<before/>".to_owned() } else { String::new() };
        loop {
            let (page, fin) = query(&mut world, &alice, &fields, &rsm(&format!("<max>{max}</max>{place}")));
            prop_assert!(page.len() <= max);
            let is_complete = fin.attr("complete") == Some("true");
            prop_assert!(is_complete || !page.is_empty(), "an incomplete page leads on");
            if backwards {
                place = page.first().map(|(id, _)| format!("<before>{id}</before>")).unwrap_or_default();
                met.splice(0..0, page);
            } else {
                place = page.last().map(|(id, _)| format!("<after>{id}</after>")).unwrap_or_default();
                met.extend(page);
            }
            if is_complete {
                break;
            }
        }
        prop_assert_eq!(met, whole);
    }
}
