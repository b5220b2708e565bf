//! Who is there and who is in which room, after the node was killed.

use std::time::Duration;

use iris::documents::{Collection, Documents as _, Write};
use iris_server::Limits;
use jid::BareJid;

use crate::bed::{Bed, until};
use crate::client::Client;
use crate::outside;

const ROOM: &str = "r@conference.localhost";

/// Each of `viewers` sees the presence of `seen`.
async fn shows_itself(seen: &mut Client, name: &str, viewers: &mut [(&mut Client, &str)]) {
    for (viewer, of) in viewers {
        viewer
            .send(&format!(
                "<presence type='subscribe' to='{name}@localhost'/>"
            ))
            .await;
        seen.until("type='subscribe'").await;
        seen.send(&format!(
            "<presence type='subscribed' to='{of}@localhost'/>"
        ))
        .await;
        viewer.until(&format!("from='{}'", seen.jid)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_resumes_after_a_kill_is_told_that_it_is_out_of_its_rooms_and_enters_again() {
    let mut bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    let mut bob = Client::online(&bed, "bob", "b").await;
    let (alices, bobs) = (alice.manage().await, bob.manage().await);
    alice.enters(ROOM, "al").await;
    bob.enters(ROOM, "bo").await;
    // Who left is told nothing.
    bob.enters("left@conference.localhost", "bo").await;
    bob.send("<presence to='left@conference.localhost/bo' type='unavailable'/>")
        .await;
    assert_eq!(alice.settled().await, 1);
    assert_eq!(bob.settled().await, 3);
    bed.kill().await;
    bed.start().await;
    for (name, id, nick) in [("alice", &alices, "al"), ("bob", &bobs, "bo")] {
        let (mut client, _) = Client::resumed(&bed, name, id, 0).await;
        let told = client.all_before_pong("told").await;
        let out: Vec<_> = told
            .split("<presence")
            .filter(|presence| presence.contains("<status code='333'/>"))
            .collect();
        assert_eq!(out.len(), 1, "{told}");
        assert!(out[0].contains("type='unavailable'"), "{told}");
        assert!(out[0].contains(&format!("from='{ROOM}/{nick}'")), "{told}");
        assert!(out[0].contains("<status code='110'/>"), "{told}");
        client.enters(ROOM, nick).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_come_back_after_a_kill_is_seen_to_leave() {
    let mut bed = Bed::prepare(Limits {
        resume_time: Duration::from_secs(2),
        ..Limits::STANDARD
    });
    bed.start().await;
    bed.add_accounts(&["alice", "bob", "carol", "dave"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    let mut bob = Client::online(&bed, "bob", "b").await;
    let mut carol = Client::online(&bed, "carol", "c").await;
    let mut dave = Client::online(&bed, "dave", "d").await;
    shows_itself(&mut bob, "bob", &mut [(&mut alice, "alice")]).await;
    shows_itself(&mut carol, "carol", &mut [(&mut alice, "alice")]).await;
    // Dave is no contact: he wrote to her directly.
    dave.send("<presence to='alice@localhost/a'/>").await;
    alice.until("from='dave@localhost/d'").await;
    carol.manage().await;
    let id = alice.manage().await;
    alice
        .send("<presence><status>here</status></presence>")
        .await;
    alice.settled().await;
    for client in [&mut bob, &mut carol, &mut dave] {
        client.all_before_pong("p").await;
    }
    bed.until_seen_is_stored("bob", "<presence").await;
    bed.until_seen_is_stored("carol", "<presence").await;
    bed.until_seen_is_stored("dave", "alice@localhost/a").await;
    bed.kill().await;
    bed.start().await;
    let (mut alice, _) = Client::resumed(&bed, "alice", &id, 0).await;
    // Those who cannot resume leave at once, in any order; carol when her time is over.
    let mut seen = String::new();
    for name in ["bob@localhost/b", "dave@localhost/d", "carol@localhost/c"] {
        let gone = |seen: &str| {
            let mut presences = seen.split("<presence");
            presences.any(|it| it.contains(&format!("from='{name}'")) && it.contains("unavailable"))
        };
        while !gone(&seen) {
            seen.push_str(&alice.until(">").await);
        }
    }
    let mut contact = Client::online(&bed, "bob", "again").await;
    contact.all_before_pong("p").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_says_it_is_gone_is_out_of_every_room() {
    let bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    let mut bob = Client::online(&bed, "bob", "b").await;
    for room in ["r1", "r2"] {
        alice
            .enters(&format!("{room}@conference.localhost"), "al")
            .await;
        bob.enters(&format!("{room}@conference.localhost"), "bo")
            .await;
    }
    bob.all_before_pong("p").await;
    alice.send("<presence type='unavailable'/>").await;
    let mut left = bob.until("role='none'").await;
    left.push_str(&bob.until("role='none'").await);
    for room in ["r1", "r2"] {
        assert!(
            left.contains(&format!("from='{room}@conference.localhost/al'")),
            "{left}"
        );
    }
    alice
        .send("<message to='r1@conference.localhost' type='groupchat' id='m'><body>x</body></message>")
        .await;
    alice.until("<not-acceptable").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_waits_through_two_starts_gets_each_message_once() {
    let mut bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    let mut bob = Client::online(&bed, "bob", "b").await;
    let id = bob.manage().await;
    alice.manage().await;
    let chat =
        |n: usize| format!("<message to='bob@localhost' type='chat'><body>n{n}.</body></message>");
    alice.send(&(chat(0) + &chat(1))).await;
    assert_eq!(alice.settled().await, 2);
    bob.until("<body>n1.</body>").await;
    bed.kill().await;
    bed.start().await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    alice.manage().await;
    alice.send(&chat(2)).await;
    assert_eq!(alice.settled().await, 1);
    bed.stop().await;
    bed.start().await;
    // He has two, and acknowledged none.
    let (mut bob, _) = Client::resumed(&bed, "bob", &id, 2).await;
    let got = bob.all_before_pong("p").await;
    let numbers: Vec<_> = (0..3)
        .map(|n| got.matches(&format!("<body>n{n}.")).count())
        .collect();
    assert_eq!(numbers, [0, 0, 1], "{got}");
}

/// What is stored of the only session of an account, with its name.
fn stored(bed: &Bed, account: &BareJid) -> (String, Vec<u8>) {
    let store = bed.running().server.store();
    let mut sessions = store
        .list(Collection::Resume, account, "", None, 10)
        .unwrap();
    assert_eq!(sessions.len(), 1);
    sessions.remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_stored_sessions_with_one_address_the_one_that_was_bound_later_goes_on() {
    let mut bed = Bed::with_accounts(&["alice"]).await;
    let account = BareJid::new("alice@localhost").unwrap();
    let mut first = Client::online(&bed, "alice", "a").await;
    first.manage().await;
    let (_, before) = stored(&bed, &account);
    first.send("</stream:stream>").await;
    first.rest().await;
    until("the end of the first", || {
        bed.running().server.sessions().is_empty()
    })
    .await;
    let mut second = Client::online(&bed, "alice", "a").await;
    let id = second.manage().await;
    // As if the node had been killed before the first one ended, and whatever order the two are read in.
    for name in ["0", "z"] {
        let write = Write::Put {
            collection: Collection::Resume,
            owner: account.clone(),
            name: name.to_owned(),
            body: before.clone(),
        };
        let journal = &bed.running().journal;
        outside::write(journal, &write).await.durable().await;
    }
    // Once more, since what nobody took up is stored as it was.
    for _ in 0..2 {
        bed.kill().await;
        bed.start().await;
        until("the end of the first", || {
            bed.running().server.sessions().len() == 1
        })
        .await;
    }
    let (mut alice, _) = Client::resumed(&bed, "alice", &id, 0).await;
    alice.all_before_pong("p").await;
}
