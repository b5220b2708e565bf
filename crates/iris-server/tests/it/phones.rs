//! Phones: nobody looks at them, or they have no connection.

use iris_server::{Component, Limits};

use crate::bed::Bed;
use crate::client::Client;
use crate::component::Gate;

const ROOM: &str = "r@conference.localhost";
const OMEMO: &str =
    "<encrypted xmlns='eu.siacs.conversations.axolotl'><payload>canary</payload></encrypted>";

/// What wakes a phone, as alice's client sends it.
fn reasons() -> Vec<(&'static str, String)> {
    let message = |to: &str, type_: &str, inner: &str| {
        format!("<message to='{to}' type='{type_}'>{inner}</message>")
    };
    vec![
        (
            "a room names it",
            message(ROOM, "groupchat", "<body>bo: canary</body>"),
        ),
        ("a room, encrypted", message(ROOM, "groupchat", OMEMO)),
        (
            "in private in a room",
            message(&format!("{ROOM}/bo"), "chat", "<body>canary</body>"),
        ),
        (
            "a message",
            message("bob@localhost", "chat", "<body>canary</body>"),
        ),
        (
            "a call",
            message(
                "bob@localhost",
                "chat",
                "<propose xmlns='urn:xmpp:jingle-message:0' id='canary'/>",
            ),
        ),
        (
            "a contact request",
            "<presence to='bob@localhost' type='subscribe'/>".to_owned(),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inactive_phone_gets_at_once_what_its_owner_wants_to_know() {
    let bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    let mut bob = Client::online(&bed, "bob", "b").await;
    alice.enters(ROOM, "al").await;
    bob.enters(ROOM, "bo").await;
    bob.send("<inactive xmlns='urn:xmpp:csi:0'/>").await;
    bob.all_before_pong("p").await;
    for (what, stanza) in reasons() {
        // It waits for nothing, neither for the next stanza nor for a ping.
        alice.send(&stanza).await;
        let end = match what {
            "a contact request" => "type='subscribe'",
            _ => "canary",
        };
        bob.until(end).await;
    }
}

/// A node with bob's phone registered for push, and the app server.
async fn with_push() -> (Bed, Gate, Client, Client) {
    let mut bed = Bed::prepare(Limits::STANDARD);
    bed.components = vec![Component {
        domain: "push.localhost".to_owned(),
        secret: "s3cret".to_owned(),
    }];
    bed.start().await;
    bed.add_accounts(&["alice", "bob"]).await;
    let at = bed.running().server.addresses().component.unwrap();
    let app = Gate::proven_as(at, "push.localhost").await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    alice.enters(ROOM, "al").await;
    let mut bob = Client::online(&bed, "bob", "b").await;
    bob.send(
        "<iq type='set' id='e'><enable xmlns='urn:xmpp:push:0' jid='push.localhost' node='n1'/></iq>",
    )
    .await;
    bob.until("id='e'").await;
    (bed, app, alice, bob)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_without_a_connection_is_woken_by_what_its_owner_wants_to_know_and_by_nothing_else()
{
    let (bed, mut app, mut alice, mut bob) = with_push().await;
    bob.manage().await;
    bob.enters(ROOM, "bo").await;
    bob.settled().await;
    bob.cut();
    crate::bed::until("bob's phone has lost its connection", || {
        let sessions = bed.running().server.sessions();
        sessions
            .iter()
            .any(|one| one.jid.as_str() == "bob@localhost/b" && !one.is_connected)
    })
    .await;
    let idle = [
        format!("<message to='{ROOM}' type='groupchat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>"),
        "<message to='bob@localhost' type='chat'><received xmlns='urn:xmpp:receipts' id='1'/></message>".to_owned(),
        format!("<message to='{ROOM}' type='groupchat'><subject>tea</subject></message>"),
    ];
    for (what, stanza) in reasons() {
        for stanza in &idle {
            alice.send(stanza).await;
        }
        alice.send(&stanza).await;
        let woken = app
            .until("</iq>")
            .await
            .unwrap_or_else(|_| panic!("{what} wakes nobody"));
        assert_eq!(woken.matches("<notification").count(), 1, "{what}: {woken}");
        assert!(!woken.contains("canary"), "{what}: {woken}");
    }
    alice.all_before_pong("p").await;
    app.send(
        "<iq type='get' id='echo' from='push.localhost' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>",
    )
    .await;
    let rest = app.until("id='echo'").await.unwrap();
    assert!(!rest.contains("<notification"), "{rest}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_is_offline_is_woken_by_a_message_a_call_and_a_contact_request() {
    let (bed, mut app, mut alice, mut bob) = with_push().await;
    bob.send("</stream:stream>").await;
    bob.rest().await;
    crate::bed::until("bob's phone is offline", || {
        bed.running().server.sessions().len() == 1
    })
    .await;
    for (what, stanza) in &reasons()[3..] {
        alice.send(stanza).await;
        let woken = app
            .until("</iq>")
            .await
            .unwrap_or_else(|_| panic!("{what} wakes nobody"));
        assert_eq!(woken.matches("<notification").count(), 1, "{what}: {woken}");
    }
}
