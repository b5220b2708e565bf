//! What was decided on documents that changed before it was durable is decided again.

use iris::account::{Account, Standing};
use iris::archive::{Archives as _, Query};
use iris::documents::{Collection, Write};
use jid::BareJid;

use crate::bed::{Bed, until};
use crate::client::Client;
use crate::{outside, stalling};

fn account(name: &str) -> BareJid {
    BareJid::new(&format!("{name}@localhost")).unwrap()
}

/// The messages in an archive.
fn archived(bed: &Bed, name: &str) -> String {
    let query = Query {
        limit: 1_000,
        ..Query::default()
    };
    let page = bed.running().server.store().page(&account(name), &query);
    let entries = page.unwrap().entries.into_iter();
    entries
        .map(|archived| String::from_utf8(archived.entry.stanza.to_vec()).unwrap())
        .collect()
}

fn message(to: &str, id: &str) -> String {
    format!("<message to='{to}@localhost' type='chat' id='{id}'><body>{id}.</body></message>")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_to_who_blocks_its_sender_before_it_is_durable_comes_back_and_others_go_on() {
    let (bed, gate) = stalling::bed(&["alice", "bob", "carol"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    let mut carol = Client::online(&bed, "carol", "c").await;
    for to in ["bob", "carol"] {
        alice.send(&message(to, "first")).await;
    }
    carol.until("<body>first.</body>").await;
    for name in ["alice", "carol"] {
        bed.until_seen_is_stored(name, "<presence").await;
    }
    gate.close();
    let blocks = Write::Put {
        collection: Collection::Block,
        owner: account("bob"),
        name: "alice@localhost".to_owned(),
        body: b"null".to_vec(),
    };
    let blocking = outside::write(&bed.running().journal, &blocks).await;
    let burst: String = (0..20)
        .map(|n| message("bob", &format!("b{n}")) + &message("carol", &format!("c{n}")))
        .collect();
    alice.send(&burst).await;
    // Each of them takes at least this of the queue, and is decided before the next is.
    until("forty messages that wait", || {
        bed.running().server.status().queued_bytes > 40 * 1_024
    })
    .await;
    gate.open();
    blocking.durable().await;
    // Each comes back, in any order: what stores nothing need not wait for what does.
    let mut refused = String::new();
    while (0..20).any(|n| !refused.contains(&format!("id='b{n}'"))) {
        refused.push_str(&alice.until("</message>").await);
    }
    let got = carol.until("<body>c19.</body>").await;
    let places = (0..20).map(|n| got.find(&format!("<body>c{n}.</body>")).unwrap());
    assert!(places.is_sorted_by(|before, after| before < after), "{got}");
    assert_eq!(
        archived(&bed, "bob").matches("<body>").count(),
        1,
        "only the first"
    );
    let sent = archived(&bed, "alice");
    assert!(
        !sent.contains("<body>b"),
        "the sender keeps what was sent alone: {sent}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_change_does_not_enable_again_who_was_disabled_before_it_was_durable() {
    let (bed, gate) = stalling::bed(&["alice"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    let accounts = bed.running().server.accounts();
    let before = accounts.find(&account("alice")).unwrap().unwrap();
    bed.until_seen_is_stored("alice", "<presence").await;
    gate.close();
    let disabled = Account {
        standing: Standing::Disabled,
        ..before.clone()
    };
    let disable = Write::Put {
        collection: Collection::Account,
        owner: account("alice"),
        name: String::new(),
        body: disabled.to_document(),
    };
    let disabling = outside::write(&bed.running().journal, &disable).await;
    alice
        .send(
            "<iq type='set' id='p' to='localhost'><query xmlns='jabber:iq:register'>\
             <username>alice</username><password>quill</password></query></iq>",
        )
        .await;
    until("a change that waits", || {
        bed.running().server.status().queued_bytes > 0
    })
    .await;
    gate.open();
    disabling.durable().await;
    alice.rest().await;
    until("the end of the session", || {
        bed.running().server.sessions().is_empty()
    })
    .await;
    let after = accounts.find(&account("alice")).unwrap().unwrap();
    assert_eq!(after.standing, Standing::Disabled);
}
