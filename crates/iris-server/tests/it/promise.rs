//! What is acknowledged is in an archive of who it is for, or its sender was told: for every type of message, every kind of
//! address, and whatever the recipient's device is doing, with the node killed right after the acknowledgement.

use iris::archive::{Archives as _, Query};
use jid::BareJid;

use crate::bed::Bed;
use crate::client::Client;

const ROOM: &str = "r@conference.localhost";
const TYPES: [&str; 6] = [
    "chat",
    "normal",
    "headline",
    "groupchat",
    "error",
    "unheard-of",
];
const PAYLOADS: [&str; 2] = [
    "<body>TOKEN</body>",
    "<encrypted xmlns='eu.siacs.conversations.axolotl'>TOKEN</encrypted>",
];

impl Client {
    pub(crate) async fn enters(&mut self, room: &str, nick: &str) {
        self.send(&format!(
            "<presence to='{room}/{nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
        ))
        .await;
        self.until("<subject").await;
    }
}

/// The bytes of everything in an archive.
fn archive(bed: &Bed, owner: &str) -> String {
    let query = Query {
        limit: 100_000,
        ..Query::default()
    };
    let owner = BareJid::new(owner).unwrap();
    let page = bed.running().server.store().page(&owner, &query).unwrap();
    let stanzas = page.entries.iter().map(|archived| &archived.entry.stanza);
    stanzas
        .map(|stanza| std::str::from_utf8(stanza).unwrap())
        .collect()
}

/// A person in each state that a device can be in, all of them in the room; the clients that keep them there.
async fn people(bed: &Bed) -> Vec<Client> {
    let mut online = Client::online(bed, "online", "d").await;
    online.enters(ROOM, "online").await;
    let mut bound = Client::bound(bed, "bound", "d").await;
    bound.enters(ROOM, "bound").await;
    let mut negative = Client::bound(bed, "negative", "d").await;
    negative
        .send("<presence><priority>-1</priority></presence>")
        .await;
    negative.until("<priority>-1</priority>").await;
    negative.enters(ROOM, "negative").await;
    let mut inactive = Client::online(bed, "inactive", "d").await;
    inactive.enters(ROOM, "inactive").await;
    inactive.send("<inactive xmlns='urn:xmpp:csi:0'/>").await;
    let mut cut = Client::online(bed, "cut", "d").await;
    cut.manage().await;
    cut.enters(ROOM, "cut").await;
    cut.settled().await;
    cut.cut();
    vec![online, bound, negative, inactive]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_acknowledged_is_in_an_archive_or_its_sender_is_told() {
    let states = ["online", "bound", "negative", "inactive", "cut", "offline"];
    let mut bed = Bed::with_accounts(&states).await;
    bed.add_accounts(&["alice"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    alice.enters(ROOM, "al").await;
    let _clients = people(&bed).await;
    let mut targets: Vec<(String, String)> = vec![
        (ROOM.to_owned(), ROOM.to_owned()),
        (format!("{ROOM}/al"), "alice@localhost".to_owned()),
        ("alice@localhost".to_owned(), "alice@localhost".to_owned()),
        ("alice@localhost/a".to_owned(), "alice@localhost".to_owned()),
        ("nobody@localhost".to_owned(), "nobody@localhost".to_owned()),
        ("localhost".to_owned(), "localhost".to_owned()),
        ("localhost/x".to_owned(), "localhost".to_owned()),
        (
            "conference.localhost".to_owned(),
            "conference.localhost".to_owned(),
        ),
        ("upload.localhost".to_owned(), "upload.localhost".to_owned()),
        (
            "x@upload.localhost".to_owned(),
            "upload.localhost".to_owned(),
        ),
    ];
    for name in states {
        let bare = format!("{name}@localhost");
        targets.push((bare.clone(), bare.clone()));
        targets.push((format!("{bare}/d"), bare.clone()));
        targets.push((format!("{bare}/gone"), bare.clone()));
        if name != "offline" {
            targets.push((format!("{ROOM}/{name}"), bare));
        }
    }
    alice.manage().await;
    let mut sent = Vec::new();
    for (to, owner) in &targets {
        for type_ in TYPES {
            for payload in PAYLOADS {
                let token = format!("token{}.", sent.len());
                let payload = payload.replace("TOKEN", &token);
                alice
                    .send(&format!(
                        "<message to='{to}' type='{type_}' id='{token}'>{payload}</message>"
                    ))
                    .await;
                sent.push((token, to, owner, type_));
            }
        }
    }
    assert_eq!(alice.settled_through(sent.len()).await, sent.len());
    let told = alice.all_before_pong("end").await;
    bed.kill().await;
    bed.start().await;
    for (token, to, owner, type_) in sent {
        // An error answers one device, and to answer it would go on for ever (RFC 6120 8.3.1).
        // What a room says is in the room's archive: a device gets its copy and nobody else does.
        let is_room_speech = type_ == "groupchat" && to.contains("@localhost/");
        if type_ == "error" || is_room_speech {
            continue;
        }
        let is_told = told.contains(&format!("type='error' id='{token}'"));
        let is_kept = BareJid::new(owner).is_ok() && archive(&bed, owner).contains(&token);
        assert!(is_told || is_kept, "{type_} to {to} is nowhere");
        assert!(!(is_told && is_kept), "{type_} to {to} is refused and kept");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_message_in_a_room_is_kept_copied_and_delivered_after_a_kill() {
    let mut bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    let mut other = Client::online(&bed, "alice", "other").await;
    other
        .send("<iq type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>")
        .await;
    other.until("id='c'").await;
    let mut bob = Client::online(&bed, "bob", "b").await;
    let mut second = Client::online(&bed, "bob", "second").await;
    for (client, nick) in [(&mut alice, "al"), (&mut bob, "bo"), (&mut second, "bo")] {
        client.enters(ROOM, nick).await;
    }
    alice.manage().await;
    let private =
        format!("<message to='{ROOM}/bo' type='chat' id='p1'><body>psst</body></message>");
    alice.send(&private).await;
    assert_eq!(alice.settled().await, 1);
    for device in [&mut bob, &mut second] {
        let got = device.until("<body>psst</body>").await;
        assert!(got.contains(&format!("from='{ROOM}/al'")), "{got}");
        assert!(
            !got.contains("urn:xmpp:carbons:2"),
            "each is in the room itself: {got}"
        );
    }
    let copy = other.until("</message></forwarded>").await;
    assert!(copy.contains("<sent xmlns='urn:xmpp:carbons:2'>"), "{copy}");
    drop((bob, second));
    bed.kill().await;
    bed.start().await;
    assert_eq!(archive(&bed, "alice@localhost").matches("psst").count(), 1);
    assert_eq!(archive(&bed, "bob@localhost").matches("psst").count(), 1);
    assert!(!archive(&bed, ROOM).contains("psst"), "it is nobody else's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_again_in_a_room_is_kept_once_also_after_a_kill() {
    let mut bed = Bed::with_accounts(&["alice", "bob"]).await;
    let speech = |n: usize| {
        format!(
            "<message to='{ROOM}' type='groupchat'><body>said {n}.</body>\
             <origin-id xmlns='urn:xmpp:sid:0' id='o{n}'/></message>"
        )
    };
    let mut alice = Client::online(&bed, "alice", "a").await;
    alice.enters(ROOM, "al").await;
    alice.manage().await;
    alice.send(&(speech(0) + &speech(1) + &speech(1))).await;
    assert_eq!(alice.settled_through(3).await, 3);
    bed.kill().await;
    bed.start().await;
    let mut alice = Client::online(&bed, "alice", "other").await;
    alice.enters(ROOM, "al").await;
    alice.manage().await;
    alice.send(&(speech(1) + &speech(2))).await;
    assert_eq!(alice.settled_through(2).await, 2);
    // What was refused is no first copy.
    let mut bob = Client::online(&bed, "bob", "b").await;
    bob.manage().await;
    bob.send(&speech(3)).await;
    bob.until("type='error'").await;
    bob.enters(ROOM, "bo").await;
    bob.send(&speech(3)).await;
    bob.until("<body>said 3.</body>").await;
    let said = archive(&bed, ROOM);
    for n in 0..4 {
        assert_eq!(said.matches(&format!("said {n}.")).count(), 1, "{n}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invitation_and_its_refusal_wait_for_who_is_away() {
    let mut bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    alice.enters(ROOM, "al").await;
    alice.manage().await;
    let user = "http://jabber.org/protocol/muc#user";
    alice
        .send(&format!(
            "<message to='{ROOM}'><x xmlns='{user}'><invite to='bob@localhost/gone'><reason>tea</reason></invite></x></message>"
        ))
        .await;
    assert_eq!(alice.settled().await, 1);
    bed.kill().await;
    bed.start().await;
    let mut bob = Client::bound(&bed, "bob", "b").await;
    bob.send("<presence/>").await;
    bob.until("<reason>tea</reason>").await;
    bob.manage().await;
    bob.send(&format!(
        "<message to='{ROOM}'><x xmlns='{user}'><decline to='alice@localhost'><reason>coffee</reason></decline></x></message>"
    ))
    .await;
    assert_eq!(bob.settled().await, 1);
    bed.kill().await;
    bed.start().await;
    let mut alice = Client::bound(&bed, "alice", "a").await;
    alice.send("<presence/>").await;
    alice.until("<reason>coffee</reason>").await;
}
