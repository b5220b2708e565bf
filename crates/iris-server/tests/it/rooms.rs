//! Rooms as they are stored, and as they are in memory.

use jid::BareJid;

use crate::bed::{Bed, REFUSED};
use crate::client::Client;
use crate::{outside, stalling};

const ROOM: &str = "r@conference.localhost";

fn account(name: &str) -> BareJid {
    BareJid::new(&format!("{name}@localhost")).unwrap()
}

fn entering(nick: &str) -> String {
    format!("<presence to='{ROOM}/{nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
}

impl Client {
    /// In the room, as the own nickname.
    async fn enter(&mut self, nick: &str) {
        self.send(&entering(nick)).await;
        self.until("<subject").await;
    }

    /// Asks for a members-only room of this name.
    async fn configure(&mut self, id: &str, name: &str) {
        self.send(&format!(
            "<iq type='set' id='{id}' to='{ROOM}'><query xmlns='http://jabber.org/protocol/muc#owner'>\
             <x xmlns='jabber:x:data' type='submit'>\
             <field var='muc#roomconfig_roomname'><value>{name}</value></field>\
             <field var='muc#roomconfig_membersonly'><value>1</value></field></x></query></iq>"
        ))
        .await;
    }

    /// What the room says of itself.
    async fn room_info(&mut self, id: &str) -> String {
        self.send(&format!(
            "<iq type='get' id='{id}' to='{ROOM}'>\
             <query xmlns='http://jabber.org/protocol/disco#info'/></iq>"
        ))
        .await;
        self.until(&format!("id='{id}'")).await;
        self.until("</iq>").await
    }

    async fn set_subject(&mut self, subject: &str) {
        self.send(&format!(
            "<message to='{ROOM}' type='groupchat' id='{subject}'><subject>{subject}</subject></message>"
        ))
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_configuration_that_was_refused_is_neither_in_memory_nor_in_the_next_one() {
    let mut bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    alice.enter("al").await;
    alice.configure("c", REFUSED).await;
    let answer = alice.until("</iq>").await;
    assert!(answer.contains("type='error'"), "{answer}");
    let info = alice.room_info("i1").await;
    assert!(
        !info.contains(REFUSED) && info.contains("'muc_open'"),
        "{info}"
    );
    let mut bob = Client::online(&bed, "bob", "b").await;
    bob.enter("bo").await;
    // The next write of the room's settings is of what is stored, or the journal would refuse it too.
    alice.set_subject("tea").await;
    bob.until("<subject>tea</subject>").await;
    bed.kill().await;
    bed.start().await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    alice.enter("al").await;
    let info = alice.room_info("i2").await;
    assert!(
        !info.contains(REFUSED) && info.contains("'muc_open'"),
        "{info}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_kept_out_by_a_configuration_that_is_not_durable() {
    let (bed, gate) = stalling::bed(&["alice", "bob"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    let mut bob = Client::online(&bed, "bob", "b").await;
    alice.enter("al").await;
    bed.until_seen_is_stored("alice", ROOM).await;
    bed.until_seen_is_stored("bob", "<presence").await;
    gate.close();
    alice.configure("c", REFUSED).await;
    crate::bed::until("alice's configuration at the disk", || {
        bed.running().server.status().queued_bytes > 0
    })
    .await;
    bob.send(&entering("bo")).await;
    // The server has read it, and answers it when it knows what the room is.
    let early = bob.all_before_pong("p").await;
    assert!(!early.contains("<presence"), "{early}");
    gate.open();
    bob.until("<subject").await;
    let answer = alice.until("id='c'").await;
    assert!(answer.contains("<iq"), "{answer}");
    alice.configure("d", "members").await;
    // Who is no member has to leave a room for members.
    bob.until("type='unavailable'").await;
    let info = alice.room_info("i").await;
    assert!(info.contains("'muc_membersonly'"), "{info}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_hears_who_enters_and_speaks_in_one_breath() {
    let bed = Bed::with_accounts(&["alice"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    for round in 0..20 {
        alice
            .send(&format!(
                "<presence to='r{round}@conference.localhost/al'><x xmlns='http://jabber.org/protocol/muc'/></presence>\
                 <message to='r{round}@conference.localhost' type='groupchat' id='m{round}'><body>hi</body></message>\
                 <presence to='r{round}@conference.localhost/al' type='unavailable'/>"
            ))
            .await;
        let heard = alice.until("type='unavailable'").await;
        assert!(heard.contains("<body>hi</body>"), "{heard}");
        assert!(!heard.contains("type='error'"), "{heard}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_that_the_journal_erased_is_gone_from_memory() {
    let bed = Bed::with_accounts(&["alice"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    alice.enter("al").await;
    outside::erase(&bed.running().journal, &BareJid::new(ROOM).unwrap())
        .await
        .durable()
        .await;
    let info = alice.room_info("i").await;
    assert!(info.contains("<item-not-found"), "{info}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_occupant_whose_account_the_journal_erased_is_seen_to_leave() {
    let bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    let mut bob = Client::online(&bed, "bob", "b").await;
    alice.enter("al").await;
    bob.enter("bo").await;
    let order = outside::erase(&bed.running().journal, &account("alice")).await;
    order.durable().await;
    let left = bob.until("type='unavailable'").await;
    bob.until("</presence>").await;
    assert!(left.contains(&format!("{ROOM}/al")), "{left}");
    bob.send(&entering("al")).await;
    let answer = bob.until("</presence>").await;
    assert!(
        !answer.contains("type='error'"),
        "the nickname is free: {answer}"
    );
}
