//! Blocking, discovery, files, calls, registration, inactive devices.

use iris::documents::Collection;
use iris::host::{Contact, ExternalService};
use iris::services::disco::capabilities;
use iris::services::upload::Slot;
use minidom::Element;

use crate::model::{World, error, payload};

const INFO: &str = "<query xmlns='http://jabber.org/protocol/disco#info'/>";

fn features(info: &Element) -> Vec<String> {
    info.children()
        .filter_map(|child| child.attr("var").map(str::to_owned))
        .collect()
}

#[test]
fn blocking_hides_presence_refuses_messages_and_tells_other_devices() {
    let mut world = World::with(&["alice", "bob"]);
    let alice = world.online("alice/a");
    let bob = world.online("bob/b");
    let bob_list = world.online("bob/list");
    world.befriend(&alice, &bob);
    world.ask(
        &bob_list,
        "get",
        None,
        "<blocklist xmlns='urn:xmpp:blocking'/>",
    );
    world.take(&alice);
    world.take(&bob_list);
    world.ask(
        &bob,
        "set",
        None,
        "<block xmlns='urn:xmpp:blocking'><item jid='alice@zone.test'/></block>",
    );
    let mut seen = world.take_presences(&alice);
    seen.sort();
    assert_eq!(
        seen,
        [
            "bob@zone.test/b unavailable",
            "bob@zone.test/list unavailable"
        ]
    );
    assert!(
        world
            .take_raw(&bob_list)
            .iter()
            .any(|xml| xml.contains("<block xmlns='urn:xmpp:blocking'"))
    );

    world.send(&bob, "<presence><show>dnd</show></presence>");
    assert!(world.take(&alice).is_empty());
    world.take(&bob);
    world.send(&alice, "<presence><show>dnd</show></presence>");
    world.send(&alice, "<presence type='probe' to='bob@zone.test'/>");
    assert!(world.take_presences(&bob).is_empty());
    world.take(&alice);
    let answer = world.ask(
        &alice,
        "get",
        Some("bob@zone.test/b"),
        "<ping xmlns='urn:xmpp:ping'/>",
    );
    assert_eq!(error(&answer), "service-unavailable");

    world.send(
        &bob,
        "<message type='chat' to='alice@zone.test' id='m'><body>x</body></message>",
    );
    assert_eq!(error(&world.take(&bob)[0]), "not-acceptable blocked");
    let answer = world.ask(&bob, "get", Some("alice@zone.test"), INFO);
    assert_eq!(error(&answer), "not-acceptable blocked");

    world.ask(&bob, "set", None, "<unblock xmlns='urn:xmpp:blocking'/>");
    assert!(
        world
            .take_presences(&alice)
            .contains(&"bob@zone.test/b available".to_owned())
    );
    assert!(
        world
            .take_presences(&bob)
            .contains(&"alice@zone.test/a available".to_owned())
    );
    let list = payload(&world.ask(&bob, "get", None, "<blocklist xmlns='urn:xmpp:blocking'/>"));
    assert_eq!(list.children().count(), 0);
}

#[test]
fn a_whole_domain_can_be_blocked() {
    let mut world = World::with(&["alice"]);
    let alice = world.online("alice/a");
    world.ask(
        &alice,
        "set",
        None,
        "<block xmlns='urn:xmpp:blocking'><item jid='spam.test'/></block>",
    );
    world.receive(
        "<message type='chat' from='x@spam.test/y' to='alice@zone.test'><body>buy</body></message>",
    );
    world.receive("<presence type='subscribe' from='x@spam.test' to='alice@zone.test'/>");
    assert!(world.take(&alice).is_empty());
    assert!(world.archives.is_empty());
    world.ask(
        &alice,
        "set",
        None,
        "<block xmlns='urn:xmpp:blocking'><item jid='zone.test'/></block>",
    );
    let ping = world.ask(
        &alice,
        "get",
        Some("zone.test"),
        "<ping xmlns='urn:xmpp:ping'/>",
    );
    assert_eq!(
        ping.attr("type"),
        Some("result"),
        "the own server is not blocked with its accounts"
    );
}

#[test]
fn discovery_names_what_is_there() {
    let mut world = World::with(&["alice"]);
    world.host.offers.contacts = vec![Contact {
        role: "abuse".into(),
        address: "mailto:abuse@zone.test".into(),
    }];
    let alice = world.online("alice/a");
    let server = payload(&world.ask(&alice, "get", Some("zone.test"), INFO));
    let named = features(&server);
    for feature in [
        "urn:xmpp:carbons:2",
        "urn:xmpp:blocking",
        "urn:xmpp:ping",
        "urn:xmpp:extdisco:2",
    ] {
        assert!(named.iter().any(|known| known == feature), "{feature}");
    }
    assert!(String::from(&server).contains("mailto:abuse@zone.test"));
    let account = features(&payload(&world.ask(
        &alice,
        "get",
        Some("alice@zone.test"),
        INFO,
    )));
    for feature in [
        "urn:xmpp:mam:2",
        "urn:xmpp:mam:2#extended",
        "urn:xmpp:push:0",
        "urn:xmpp:bookmarks:1#compat",
        "http://jabber.org/protocol/pubsub#publish-options",
        "urn:xmpp:pep-vcard-conversion:0",
    ] {
        assert!(account.iter().any(|known| known == feature), "{feature}");
    }
    let items = payload(&world.ask(
        &alice,
        "get",
        Some("zone.test"),
        "<query xmlns='http://jabber.org/protocol/disco#items'/>",
    ));
    let jids: Vec<_> = items
        .children()
        .map(|item| item.attr("jid").unwrap())
        .collect();
    assert_eq!(jids, ["conference.zone.test", "upload.zone.test"]);
    let upload = payload(&world.ask(&alice, "get", Some("upload.zone.test"), INFO));
    assert!(features(&upload).contains(&"urn:xmpp:http:upload:0".to_owned()));
    assert!(String::from(&upload).contains("max-file-size"));
}

/// The hash as a client computes it from the answer (XEP-0115 5.1).
fn caps_hash(info: &Element) -> String {
    use sha1::{Digest, Sha1};
    let mut text = String::new();
    for identity in info.children().filter(|child| child.name() == "identity") {
        let attr = |name| identity.attr(name).unwrap_or_default();
        text += &format!("{}/{}//{}<", attr("category"), attr("type"), attr("name"));
    }
    let mut features = features(&info.clone());
    features.retain(|feature| feature != "FORM_TYPE");
    features.sort();
    for feature in features {
        text += &format!("{feature}<");
    }
    for form in info.children().filter(|child| child.name() == "x") {
        for field in form.children() {
            let values = field.children().map(Element::text).collect::<Vec<_>>();
            if field.attr("var") != Some("FORM_TYPE") {
                text += &format!("{}<", field.attr("var").unwrap());
            }
            text += &values
                .iter()
                .map(|value| format!("{value}<"))
                .collect::<String>();
        }
    }
    data_encoding::BASE64.encode(&Sha1::digest(text.as_bytes()))
}

#[test]
fn the_servers_capabilities_hash_what_it_answers() {
    let mut world = World::with(&["alice"]);
    world.host.offers.contacts = vec![Contact {
        role: "support".into(),
        address: "xmpp:help@zone.test".into(),
    }];
    let alice = world.online("alice/a");
    let (node, ver) = capabilities(&world.host);
    let asked =
        format!("<query xmlns='http://jabber.org/protocol/disco#info' node='{node}#{ver}'/>");
    let info = payload(&world.ask(&alice, "get", Some("zone.test"), &asked));
    assert_eq!(caps_hash(&info), ver);
    let other = "<query xmlns='http://jabber.org/protocol/disco#info' node='x#y'/>";
    assert_eq!(
        error(&world.ask(&alice, "get", Some("zone.test"), other)),
        "item-not-found"
    );
}

#[test]
fn the_server_answers_ping_version_time_and_the_old_session_request() {
    let mut world = World::with(&["alice"]);
    let alice = world.online("alice/a");
    for (type_, request) in [
        ("get", "<ping xmlns='urn:xmpp:ping'/>"),
        ("get", "<query xmlns='jabber:iq:version'/>"),
        ("get", "<time xmlns='urn:xmpp:time'/>"),
        (
            "set",
            "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>",
        ),
    ] {
        let answer = world.ask(&alice, type_, Some("zone.test"), request);
        assert_eq!(answer.attr("type"), Some("result"), "{request}");
    }
    let time = payload(&world.ask(
        &alice,
        "get",
        Some("zone.test"),
        "<time xmlns='urn:xmpp:time'/>",
    ));
    assert_eq!(
        time.get_child("utc", "urn:xmpp:time").unwrap().text().len(),
        "2025-11-21T14:38:01.007Z".len()
    );
}

#[test]
fn malformed_requests_are_refused() {
    let mut world = World::with(&["alice"]);
    let alice = world.online("alice/a");
    for payload in [
        "",
        "<ping xmlns='urn:xmpp:ping'/><ping xmlns='urn:xmpp:ping'/>",
    ] {
        assert_eq!(
            error(&world.ask(&alice, "get", None, payload)),
            "bad-request",
            "{payload}"
        );
    }
    assert_eq!(
        error(&world.ask(&alice, "get", None, "<x xmlns='urn:x'/>")),
        "service-unavailable"
    );
}

#[test]
fn a_request_to_a_device_reaches_it_and_its_answer_comes_back() {
    let mut world = World::with(&["alice", "bob"]);
    let alice = world.online("alice/a");
    let bob = world.online("bob/b");
    world.send(
        &alice,
        "<iq type='get' id='v' to='bob@zone.test/b'><query xmlns='jabber:iq:version'/></iq>",
    );
    let asked = world.take(&bob);
    assert_eq!(asked[0].attr("from"), Some("alice@zone.test/a"));
    world.send(&bob, "<iq type='result' id='v' to='alice@zone.test/a'/>");
    assert_eq!(world.take(&alice)[0].attr("id"), Some("v"));
}

#[test]
fn slots_are_given_by_size_and_only_to_local_accounts() {
    let mut world = World::with(&["alice"]);
    let alice = world.online("alice/a");
    let request = |name: &str, size: &str| {
        format!(
            "<request xmlns='urn:xmpp:http:upload:0' filename='{name}' size='{size}' content-type='image/png'/>"
        )
    };
    let slot = payload(&world.ask(
        &alice,
        "get",
        Some("upload.zone.test"),
        &request("ä b.png", "10"),
    ));
    let url = slot
        .get_child("put", "urn:xmpp:http:upload:0")
        .unwrap()
        .attr("url")
        .unwrap();
    let name = url
        .strip_prefix("https://zone.test/upload/")
        .unwrap()
        .strip_suffix("/%C3%A4%20b.png")
        .unwrap();
    let document = world
        .document(Collection::Upload, &alice.to_bare(), name)
        .unwrap();
    let stored = Slot::read(document.as_bytes()).unwrap();
    assert_eq!(
        (stored.size_bytes, stored.media_type.as_str()),
        (10, "image/png")
    );
    assert!(stored.expires_ms > world.now_ms);
    let too_large = request("a", "999999999999");
    assert_eq!(
        error(&world.ask(&alice, "get", Some("upload.zone.test"), &too_large)),
        "not-acceptable file-too-large"
    );
    for (name, size) in [("a/b", "1"), ("", "1"), ("a", "0"), ("a", "-1")] {
        let answer = world.ask(
            &alice,
            "get",
            Some("upload.zone.test"),
            &request(name, size),
        );
        assert_eq!(answer.attr("type"), Some("error"), "{name} {size}");
    }
    world.receive(&format!(
        "<iq type='get' id='u' from='x@far.test/y' to='upload.zone.test'>{}</iq>",
        request("a", "1")
    ));
    assert!(world.remote.pop().unwrap().1.contains("not-allowed"));
}

#[test]
fn turn_credentials_end_and_name_nobody() {
    let mut world = World::with(&["alice"]);
    world.host.offers.external = vec![
        ExternalService {
            type_: "stun".into(),
            host: "stun.zone.test".into(),
            port: 3478,
            transport: "udp".into(),
            secret: None,
        },
        ExternalService {
            type_: "turn".into(),
            host: "turn.zone.test".into(),
            port: 3478,
            transport: "udp".into(),
            secret: Some(b"north".to_vec()),
        },
    ];
    assert!(
        !format!("{:?}", world.host).contains("110"),
        "no byte of the secret is in logs"
    );
    let alice = world.online("alice/a");
    let services = payload(&world.ask(
        &alice,
        "get",
        Some("zone.test"),
        "<services xmlns='urn:xmpp:extdisco:2'/>",
    ));
    assert_eq!(services.children().count(), 2);
    let turn = services.children().nth(1).unwrap();
    assert!(turn.attr("password").is_some() && turn.attr("expires").is_some());
    assert!(
        !String::from(&services).contains("alice") && !String::from(&services).contains("north")
    );
    let only = payload(&world.ask(
        &alice,
        "get",
        Some("zone.test"),
        "<services xmlns='urn:xmpp:extdisco:2' type='stun'/>",
    ));
    assert_eq!(only.children().count(), 1);
    let credentials = |host: &str| {
        format!(
            "<credentials xmlns='urn:xmpp:extdisco:2'><service host='{host}' type='turn'/></credentials>"
        )
    };
    payload(&world.ask(
        &alice,
        "get",
        Some("zone.test"),
        &credentials("turn.zone.test"),
    ));
    assert_eq!(
        error(&world.ask(&alice, "get", Some("zone.test"), &credentials("evil.test"))),
        "item-not-found"
    );
}

#[test]
fn a_password_is_changed_by_its_owner() {
    let mut world = World::with(&["alice"]);
    let alice = world.online("alice/a");
    let change = |name: &str| {
        format!(
            "<query xmlns='jabber:iq:register'><username>{name}</username><password>north sea</password></query>"
        )
    };
    assert_eq!(
        error(&world.ask(&alice, "set", Some("zone.test"), &change("bob"))),
        "not-allowed"
    );
    world.ask(&alice, "set", Some("zone.test"), &change("alice"));
    let document = world
        .document(Collection::Account, &alice.to_bare(), "")
        .unwrap();
    let account = iris::account::Account::read(document.as_bytes()).unwrap();
    assert!(account.usable_credentials().unwrap().fits("north sea"));
    assert!(!document.contains("north"));
}

#[test]
fn who_leaves_for_good_is_gone_for_contacts_and_strangers() {
    let mut world = World::with(&["alice", "bob"]);
    let alice = world.online("alice/a");
    let bob = world.online("bob/b");
    world.befriend(&alice, &bob);
    let answer = world.ask(
        &alice,
        "set",
        Some("zone.test"),
        "<query xmlns='jabber:iq:register'><remove/></query>",
    );
    assert_eq!(answer.attr("type"), Some("result"));
    assert!(
        world
            .take_presences(&bob)
            .contains(&"alice@zone.test/a unavailable".to_owned())
    );
    let roster = payload(&world.ask(&bob, "get", None, "<query xmlns='jabber:iq:roster'/>"));
    assert_eq!(
        roster.children().next().unwrap().attr("subscription"),
        Some("none")
    );
    world.send(
        &bob,
        "<message type='chat' to='alice@zone.test' id='m'><body>x</body></message>",
    );
    assert!(
        world
            .take_raw(&bob)
            .pop()
            .unwrap()
            .contains("service-unavailable")
    );
}
