//! Sessions that are resumed, in the same process and after it was killed.

use iris::archive::{Archives as _, Query};
use jid::BareJid;

use crate::bed::Bed;
use crate::client::Client;

fn chat(to: &str, n: usize) -> String {
    format!(
        "<message to='{to}@localhost' type='chat'><body>n{n}.</body>\
         <origin-id xmlns='urn:xmpp:sid:0' id='o{n}'/></message>"
    )
}

fn bodies(bed: &Bed, owner: &str) -> Vec<String> {
    let query = Query {
        limit: 10_000,
        ..Query::default()
    };
    let owner = BareJid::new(&format!("{owner}@localhost")).unwrap();
    let page = bed.running().server.store().page(&owner, &query).unwrap();
    let text = |stanza: &[u8]| {
        let text = std::str::from_utf8(stanza).unwrap();
        let start = text.find("<body>").unwrap() + 6;
        text[start..text.find("</body>").unwrap()].to_owned()
    };
    page.entries
        .iter()
        .map(|archived| text(&archived.entry.stanza))
        .collect()
}

fn expected(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("n{n}.")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_connection_is_resumed_and_gets_what_came_meanwhile_once() {
    let bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    let mut bob = Client::online(&bed, "bob", "b").await;
    let id = bob.manage().await;
    alice.manage().await;
    alice.send(&chat("bob", 0)).await;
    bob.until("</message>").await;
    bob.cut();
    for n in 1..4 {
        alice.send(&chat("bob", n)).await;
    }
    assert_eq!(alice.settled().await, 4);
    let (mut bob, handled) = Client::resumed(&bed, "bob", &id, 1).await;
    assert_eq!(handled, 0);
    for n in 1..4 {
        let got = bob.until("</message>").await;
        assert!(got.contains(&format!("<body>n{n}.</body>")), "{got}");
    }
    assert!(bob.messages_before_pong("p").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_sent_again_is_acknowledged_and_neither_stored_nor_delivered_again() {
    let mut bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    let mut bob = Client::online(&bed, "bob", "b").await;
    alice.manage().await;
    alice.send(&chat("bob", 0)).await;
    alice.send(&chat("bob", 0)).await;
    alice.send(&chat("bob", 1)).await;
    assert_eq!(alice.settled().await, 3);
    for n in 0..2 {
        assert!(bob.until("</message>").await.contains(&format!("n{n}.")));
    }
    bed.kill().await;
    bed.start().await;
    let mut alice = Client::online(&bed, "alice", "a2").await;
    alice.manage().await;
    alice.send(&chat("bob", 1)).await;
    alice.send(&chat("bob", 2)).await;
    assert_eq!(alice.settled().await, 2);
    assert_eq!(bodies(&bed, "bob"), expected(3));
    assert_eq!(bodies(&bed, "alice"), expected(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_kill_a_resumed_client_hears_what_is_durable_and_gets_what_it_lacks() {
    let mut bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    let mut bob = Client::online(&bed, "bob", "b").await;
    let alices = alice.manage().await;
    let bobs = bob.manage().await;
    // What is not archived counts too, and h must not go back over it.
    alice
        .send("<iq type='get' id='v'><query xmlns='jabber:iq:roster'/></iq>")
        .await;
    for n in 0..5 {
        alice.send(&chat("bob", n)).await;
    }
    alice
        .send("<presence><status>busy</status></presence>")
        .await;
    assert_eq!(alice.settled().await, 7);
    for _ in 0..5 {
        bob.until("</message>").await;
    }
    // Bob acknowledges two. What he then sends is acknowledged with his session stored.
    bob.send("<a xmlns='urn:xmpp:sm:3' h='2'/><presence><status>here</status></presence>")
        .await;
    assert_eq!(bob.settled().await, 1);
    bed.kill().await;
    bed.start().await;
    let (_alice, handled) = Client::resumed(&bed, "alice", &alices, 3).await;
    assert_eq!(handled, 7);
    // He has three of five: the others come again, with the ids they had.
    let (mut bob, _) = Client::resumed(&bed, "bob", &bobs, 3).await;
    for n in 3..5 {
        let got = bob.until("</message>").await;
        assert!(got.contains(&format!("<body>n{n}.</body>")), "{got}");
        assert!(got.contains(&format!("id='{:020}'", n + 1)), "{got}");
    }
    assert!(bob.messages_before_pong("p").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_of_another_account_cannot_be_resumed() {
    let bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    let id = alice.manage().await;
    let mut bob = Client::signed_in(&bed, "bob").await;
    bob.send(&format!(
        "<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='0'/>"
    ))
    .await;
    bob.until("<failed xmlns='urn:xmpp:sm:3'").await;
    assert_eq!(alice.settled().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_claims_to_have_handled_too_much_is_told_and_closed() {
    let bed = Bed::with_accounts(&["bob"]).await;
    let mut bob = Client::online(&bed, "bob", "b").await;
    bob.manage().await;
    bob.send("<a xmlns='urn:xmpp:sm:3' h='9'/>").await;
    let rest = bob.rest().await;
    assert!(
        rest.contains("handled-count-too-high") && rest.contains("undefined-condition"),
        "{rest}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_signs_in_with_a_taken_name_ends_the_session_that_had_it() {
    let bed = Bed::with_accounts(&["bob"]).await;
    let mut first = Client::online(&bed, "bob", "b").await;
    let mut second = Client::online(&bed, "bob", "b").await;
    assert!(first.rest().await.contains("<conflict"));
    second.all_before_pong("p").await;
}
