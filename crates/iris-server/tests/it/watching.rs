//! Personal events on the wire, published while a device is asked what it wants.

use crate::bed::Bed;
use crate::client::Client;

const BURST: usize = 40;

fn publish(node: &str, id: &str) -> String {
    format!(
        "<iq type='set' id='p{id}'><pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:test:{node}'>\
         <item id='{id}.'><a xmlns='urn:a'/></item></publish></pubsub></iq>"
    )
}

fn presence(ver: usize) -> String {
    format!(
        "<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:client' ver='{ver}'/></presence>"
    )
}

const ANSWER: &str = "<iq type='result' id='caps' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'>\
                      <feature var='urn:test:mood+notify'/></query></iq>";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_published_while_a_device_is_asked_what_it_wants_comes_once_in_order() {
    let bed = Bed::with_accounts(&["alice"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    for round in 0..10 {
        let mut phone = Client::bound(&bed, "alice", &format!("phone{round}")).await;
        phone.send(&presence(round)).await;
        phone.until("id='caps'").await;
        phone.until("</iq>").await;
        let name = |n: usize| format!("{round}-{n}");
        let mut burst: String = (0..BURST).map(|n| publish("mood", &name(n))).collect();
        burst.push_str(&publish("tune", &name(BURST)));
        alice.send(&burst).await;
        // Somewhere among them.
        alice.until(&format!("id='p{}'", name(4 * round))).await;
        phone.send(ANSWER).await;
        alice.until(&format!("id='p{}'", name(BURST))).await;
        alice.send(&publish("mood", &name(BURST + 1))).await;
        let got = phone.until(&format!("id='{}.'", name(BURST + 1))).await;
        let places = |n: usize| -> Vec<usize> {
            let item = format!("id='{}.'", name(n));
            got.match_indices(&item).map(|(at, _)| at).collect()
        };
        let firsts: Vec<_> = (0..BURST)
            .filter_map(|n| places(n).first().copied())
            .collect();
        let count: usize = (0..BURST).map(|n| places(n).len()).sum();
        assert_eq!(
            (firsts.len(), count),
            (BURST, BURST),
            "round {round}: {got}"
        );
        assert!(firsts.is_sorted(), "round {round}: {got}");
        assert_eq!(places(BURST).len(), 0, "nobody wants that: {got}");
        phone.send("</stream:stream>").await;
        phone.rest().await;
    }
}
