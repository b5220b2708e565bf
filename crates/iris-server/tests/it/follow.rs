//! What is in memory follows the journal, whoever writes to it and whether or not they wait for it.

use iris::account::{Account, Standing};
use iris::documents::{Collection, Write};
use iris::sasl::Credentials;
use jid::BareJid;

use crate::bed::{Bed, Place as _, until};
use crate::client::Client;
use crate::{outside, stalling};

fn account(name: &str) -> BareJid {
    BareJid::new(&format!("{name}@localhost")).unwrap()
}

async fn can_sign_in(bed: &Bed, name: &str, password: &str) -> bool {
    let mut client = Client::connect(bed.address(), bed.folder()).await;
    client.try_password(name, password).await
}

fn has_sessions(bed: &Bed, name: &str) -> bool {
    let sessions = bed.running().server.sessions();
    sessions
        .iter()
        .any(|one| one.jid.to_bare() == account(name))
}

/// The account's document with another password.
fn with_password(name: &str, password: &str) -> Write {
    let form = Account {
        credentials: Some(Credentials::derive(password, &[7; 16], 4_096).unwrap()),
        standing: Standing::Enabled,
        principal: None,
        created_ms: 1,
    };
    Write::Put {
        collection: Collection::Account,
        owner: account(name),
        name: String::new(),
        body: form.to_document(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_the_journal_erased_has_no_session_and_cannot_sign_in() {
    let bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut there = Client::online(&bed, "alice", "a").await;
    let mut waiting = Client::online(&bed, "alice", "b").await;
    waiting.manage().await;
    waiting.cut();
    let mut half = Client::signed_in(&bed, "alice").await;
    outside::erase(&bed.running().journal, &account("alice"))
        .await
        .durable()
        .await;
    assert!(there.rest().await.contains("<not-authorized"));
    until("the end of alice's sessions", || {
        !has_sessions(&bed, "alice")
    })
    .await;
    half.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
        .await;
    let told = half.rest().await;
    assert!(
        told.contains("<not-authorized") && !told.contains("<jid>"),
        "{told}"
    );
    assert!(!can_sign_in(&bed, "alice", "pencil").await);
    let mut bob = Client::online(&bed, "bob", "b").await;
    bob.send("<message to='alice@localhost' type='chat' id='m'><body>?</body></message>")
        .await;
    let answer = bob.until("</message>").await;
    assert!(answer.contains("<service-unavailable"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_who_is_gone_after_the_commit_leaves_no_session_and_no_old_password() {
    let bed = Bed::with_accounts(&["alice"]).await;
    let mut there = Client::online(&bed, "alice", "a").await;
    outside::write(&bed.running().journal, &with_password("alice", "quill"))
        .await
        .gone();
    assert!(there.rest().await.contains("<not-authorized"));
    assert!(!can_sign_in(&bed, "alice", "pencil").await);
    assert!(can_sign_in(&bed, "alice", "quill").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_disabled_by_a_caller_that_is_gone_has_no_session() {
    let (bed, gate) = stalling::bed(&["alice"]).await;
    let mut there = Client::online(&bed, "alice", "a").await;
    gate.close();
    let accounts = bed.running().server.accounts();
    let alice = account("alice");
    let disabling = accounts.set_standing(&alice, Standing::Disabled);
    let patience = std::time::Duration::from_millis(50);
    let cut_short = tokio::time::timeout(patience, disabling).await;
    assert!(cut_short.is_err(), "the disk stands still");
    gate.open();
    assert!(there.rest().await.contains("<not-authorized"));
    assert!(!can_sign_in(&bed, "alice", "pencil").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_whose_copy_was_refused_is_not_taken_for_one_that_was_sent() {
    let bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    let refused = format!(
        "<message to='bob@localhost' type='chat' id='m'><body>{}</body>\
         <origin-id xmlns='urn:xmpp:sid:0' id='o'/></message>",
        crate::bed::REFUSED
    );
    for round in 0..2 {
        alice.send(&refused).await;
        let answer = alice.until("</message>").await;
        assert!(answer.contains("type='error'"), "round {round}: {answer}");
    }
}
