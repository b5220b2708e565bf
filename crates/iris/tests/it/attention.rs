//! What reaches a phone at once, and what wakes it.

use iris::services::attention::{Matter, Push, While};
use iris::stanza::Stanza;

const PAGE: &str = include_str!("../../../../docs/iris/attention.md");

#[test]
fn the_table_of_what_reaches_a_phone_is_what_the_code_does() {
    let rows = PAGE.lines().filter(|line| line.starts_with("| "));
    let documented: Vec<&str> = rows.skip(1).collect();
    let decided: Vec<String> = Matter::ALL
        .iter()
        .map(|matter| {
            let (inactive, push) = matter.decided();
            let inactive = match inactive {
                While::Urgent => "at once",
                While::Replaceable => "the newest waits",
                While::Waits => "waits",
                While::Dropped => "never",
            };
            let push = match push {
                Push::Wakes => " wakes it |",
                Push::Sleeps => " |",
            };
            format!("| {matter:?} | {inactive} |{push}")
        })
        .collect();
    assert_eq!(documented, decided);
}

#[test]
fn each_stanza_is_what_it_is_to_a_person() {
    let omemo = "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/></encrypted>";
    let hint = "<store xmlns='urn:xmpp:hints'/>";
    let composing = "<composing xmlns='http://jabber.org/protocol/chatstates'/>";
    let user = "http://jabber.org/protocol/muc#user";
    let carbon = |name: &str, inner: &str| {
        format!(
            "<{name} xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>\
             <message xmlns='jabber:client' type='chat' from='a@b/c' to='d@b'>{inner}</message></forwarded></{name}>"
        )
    };
    let copy = carbon("received", "<body>x</body>");
    let copied_mark = carbon(
        "received",
        "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>",
    );
    let own = carbon("sent", "<body>x</body>");
    let cases: &[(&str, &str, Matter)] = &[
        ("message type='chat'", "<body>x</body>", Matter::Text),
        ("message", "<body>x</body>", Matter::Text),
        ("message type='chat'", omemo, Matter::Text),
        (
            "message type='groupchat'",
            "<body>you, bob</body>",
            Matter::Text,
        ),
        ("message type='groupchat'", omemo, Matter::Text),
        (
            "message type='chat'",
            &format!("<body>psst</body><x xmlns='{user}'/>"),
            Matter::Text,
        ),
        (
            "message",
            &format!("<x xmlns='{user}'><invite from='a@b'/></x>"),
            Matter::Invitation,
        ),
        (
            "message",
            &format!("<x xmlns='{user}'><decline from='a@b'/></x>"),
            Matter::Invitation,
        ),
        (
            "message",
            "<x xmlns='jabber:x:conference' jid='r@b'/>",
            Matter::Invitation,
        ),
        (
            "message type='chat'",
            "<propose xmlns='urn:xmpp:jingle-message:0' id='1'/>",
            Matter::Call,
        ),
        (
            "message type='chat'",
            &format!("<propose xmlns='urn:xmpp:jingle-message:0' id='1'/>{hint}"),
            Matter::Call,
        ),
        (
            "message type='chat'",
            "<retract xmlns='urn:xmpp:jingle-message:0' id='1'/>",
            Matter::CallProgress,
        ),
        (
            "message type='chat'",
            "<received xmlns='urn:xmpp:receipts' id='1'/>",
            Matter::Mark,
        ),
        (
            "message type='chat'",
            "<reactions xmlns='urn:xmpp:reactions:0' id='1'/>",
            Matter::Mark,
        ),
        (
            "message type='groupchat'",
            "<reactions xmlns='urn:xmpp:reactions:0' id='1'/>",
            Matter::Other,
        ),
        (
            "message type='groupchat'",
            "<subject>tea</subject>",
            Matter::Other,
        ),
        ("message type='chat'", composing, Matter::Typing),
        ("message type='groupchat'", composing, Matter::Typing),
        ("message type='chat'", &copy, Matter::Text),
        ("message type='chat'", &copied_mark, Matter::Mark),
        ("message type='chat'", &own, Matter::Own),
        ("message type='headline'", "<body>x</body>", Matter::Notice),
        (
            "message type='headline'",
            "<event xmlns='http://jabber.org/protocol/pubsub#event'/>",
            Matter::Event,
        ),
        ("message type='error'", "<body>x</body>", Matter::Failure),
        (
            "message",
            "<result xmlns='urn:xmpp:mam:2'/>",
            Matter::Question,
        ),
        ("iq type='get' id='1'", "", Matter::Question),
        ("presence", "", Matter::Presence),
        ("presence type='unavailable'", "", Matter::Presence),
        ("presence type='subscribe'", "", Matter::ContactRequest),
        ("presence type='subscribed'", "", Matter::ContactAnswer),
        ("presence type='error'", "", Matter::Failure),
        (
            "presence",
            &format!("<x xmlns='{user}'/>"),
            Matter::RoomPresence,
        ),
    ];
    for (start, inner, expected) in cases {
        let name = start.split(' ').next().unwrap();
        let xml = format!("<{start} from='a@b/c'>{inner}</{name}>");
        let stanza = Stanza::from_peer(xml.as_bytes()).unwrap();
        assert_eq!(Matter::of(&stanza), *expected, "{xml}");
    }
    for matter in Matter::ALL {
        assert!(
            cases.iter().any(|(_, _, expected)| *expected == matter),
            "{matter:?} has no case"
        );
    }
}
