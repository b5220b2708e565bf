//! One-to-one messages: durable, in order, delivered once.

use crate::bed::Bed;
use crate::client::Client;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_clients_chat_in_both_directions() {
    let bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    let mut bob = Client::online(&bed, "bob", "b").await;
    alice
        .send("<message to='bob@localhost' type='chat' id='1'><body>to bob</body></message>")
        .await;
    let got = bob.until("</message>").await;
    assert!(
        got.contains("from='alice@localhost/a'") && got.contains("<body>to bob</body>"),
        "{got}"
    );
    assert!(
        got.contains("by='bob@localhost' id='00000000000000000001'"),
        "{got}"
    );
    bob.send("<message to='alice@localhost/a' type='chat' id='2'><body>back</body></message>")
        .await;
    let got = alice.until("</message>").await;
    assert!(got.contains("<body>back</body>"), "{got}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_arrive_in_the_order_they_were_sent() {
    let bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    let mut bob = Client::online(&bed, "bob", "b").await;
    let burst: String = (0..500)
        .map(|n| format!("<message to='bob@localhost' type='chat'><body>n{n}.</body></message>"))
        .collect();
    alice.send(&burst).await;
    for n in 0..500 {
        let got = bob.until("</message>").await;
        assert!(got.contains(&format!("<body>n{n}.</body>")), "{n}: {got}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_away_gets_what_waited_once_and_with_its_time() {
    let bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    alice.manage().await;
    for n in 0..3 {
        alice
            .send(&format!(
                "<message to='bob@localhost' type='chat'><body>w{n}</body></message>"
            ))
            .await;
    }
    assert_eq!(alice.settled().await, 3);
    let mut bob = Client::online(&bed, "bob", "b").await;
    for n in 0..3 {
        let got = bob.until("</message>").await;
        assert!(got.contains(&format!("<body>w{n}</body>")), "{got}");
        assert!(got.contains("<delay xmlns='urn:xmpp:delay'"), "{got}");
    }
    let rest = bob.all_before_pong("p2").await;
    assert!(!rest.contains("<message"), "{rest}");
    let mut second = Client::online(&bed, "bob", "c").await;
    let rest = second.all_before_pong("p3").await;
    assert!(!rest.contains("<message"), "{rest}");
}
