//! What operators and owners do to accounts, seen by the devices that are signed in.

use futures_util::future::join_all;
use iris::account::Standing;
use iris_server::{Component, Limits};
use jid::BareJid;

use crate::bed::{Bed, Place as _, until};
use crate::client::Client;
use crate::line::Line;

fn account(name: &str) -> BareJid {
    BareJid::new(&format!("{name}@localhost")).unwrap()
}

/// Signs in with a password that may be wrong: whether it was right.
async fn can_sign_in(bed: &Bed, name: &str, password: &str) -> bool {
    let mut client = Client::connect(bed.address(), bed.folder()).await;
    client.try_password(name, password).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_session_of_a_removed_account_ends_after_it_was_told() {
    let bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut first = Client::online(&bed, "alice", "a").await;
    let mut second = Client::online(&bed, "alice", "b").await;
    let mut third = Client::online(&bed, "alice", "c").await;
    let mut bob = Client::online(&bed, "bob", "b").await;
    third.manage().await;
    third.cut();
    first
        .send("<iq type='set' id='gone'><query xmlns='jabber:iq:register'><remove/></query></iq>")
        .await;
    let told = first.rest().await;
    let (answer, end) = told.split_once("<stream:error").unwrap();
    assert!(
        answer.contains("id='gone'") && answer.contains("type='result'"),
        "{told}"
    );
    assert!(end.contains("<not-authorized"), "{told}");
    assert!(second.rest().await.contains("<not-authorized"));
    assert!(!can_sign_in(&bed, "alice", "pencil").await);
    // The one that waited to be resumed is gone, too.
    let server = &bed.running().server;
    until("an account without sessions", || {
        let sessions = server.sessions();
        let mut owners = sessions.iter().map(|one| one.jid.to_bare());
        !owners.any(|owner| owner == account("alice"))
    })
    .await;
    bob.all_before_pong("p").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabled_account_has_no_session_and_gets_none_whatever_it_had_begun() {
    let bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut there = Client::online(&bed, "alice", "a").await;
    let mut resumable = Client::online(&bed, "alice", "b").await;
    let id = resumable.manage().await;
    resumable.cut();
    let mut half = Client::signed_in(&bed, "alice").await;
    let mut returning = Client::signed_in(&bed, "alice").await;
    let accounts = bed.running().server.accounts();
    accounts
        .set_standing(&account("alice"), Standing::Disabled)
        .await
        .unwrap();
    assert!(there.rest().await.contains("<not-authorized"));
    // Its password had been right, and it was slow to bind.
    half.send("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
        .await;
    let told = half.rest().await;
    assert!(
        told.contains("<not-authorized") && !told.contains("<jid>"),
        "{told}"
    );
    returning
        .send(&format!(
            "<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='0'/>"
        ))
        .await;
    let told = returning.until("/>").await;
    assert!(
        told.contains("<failed") || told.contains("<stream:error"),
        "{told}"
    );
    assert!(!can_sign_in(&bed, "alice", "pencil").await);
    assert!(can_sign_in(&bed, "bob", "pencil").await);
    accounts
        .set_standing(&account("alice"), Standing::Enabled)
        .await
        .unwrap();
    Client::online(&bed, "alice", "c").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disabled_account_cannot_resume_what_was_stored_before_a_kill() {
    let mut bed = Bed::with_accounts(&["alice"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    let id = alice.manage().await;
    bed.kill().await;
    bed.start().await;
    let mut returning = Client::signed_in(&bed, "alice").await;
    let accounts = bed.running().server.accounts();
    accounts
        .set_standing(&account("alice"), Standing::Disabled)
        .await
        .unwrap();
    returning
        .send(&format!(
            "<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='0'/>"
        ))
        .await;
    let told = returning.rest().await;
    assert!(!told.contains("<resumed"), "{told}");
    assert!(told.contains("<not-authorized"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_change_by_its_owner_and_one_by_the_operator_do_not_undo_each_other() {
    let bed = Bed::with_accounts(&["alice"]).await;
    let accounts = bed.running().server.accounts();
    let mut alice = Client::online(&bed, "alice", "a").await;
    for round in 0..10 {
        let before = accounts
            .find(&account("alice"))
            .unwrap()
            .unwrap()
            .credentials;
        let change = async {
            alice
                .send(&format!(
                    "<iq type='set' id='c{round}' to='localhost'><query xmlns='jabber:iq:register'>\
                     <username>alice</username><password>word{round}</password></query></iq>"
                ))
                .await;
            alice.until(&format!("id='c{round}'")).await
        };
        let owner = account("alice");
        let operator = async {
            for _ in 0..3 {
                accounts
                    .set_standing(&owner, Standing::Enabled)
                    .await
                    .unwrap();
            }
        };
        let (answer, ()) = tokio::join!(change, operator);
        assert!(!answer.contains("type='error'"), "{answer}");
        let after = accounts
            .find(&account("alice"))
            .unwrap()
            .unwrap()
            .credentials;
        assert_ne!(before, after, "round {round}: the change is lost");
    }
    assert!(can_sign_in(&bed, "alice", "word9").await);
}

/// How a roster shows a contact.
async fn subscription(client: &mut Client, contact: &str, id: &str) -> String {
    client
        .send(&format!(
            "<iq type='get' id='{id}'><query xmlns='jabber:iq:roster'/></iq>"
        ))
        .await;
    client.until(&format!("id='{id}'")).await;
    let roster = client.until("</iq>").await;
    let item = roster.split("<item ").find(|item| item.contains(contact));
    let value = item.and_then(|item| item.split("subscription='").nth(1));
    value
        .map_or("absent", |value| value.split('\'').next().unwrap())
        .to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_rosters_agree_when_both_sides_change_them_at_once() {
    let bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    let mut bob = Client::online(&bed, "bob", "b").await;
    // The answer of one to a ping does not say that the other sees what it did; that it is durable does.
    tokio::join!(alice.manage(), bob.manage());
    let both = |to: &str| {
        format!(
            "<presence type='subscribe' to='{to}@localhost'/><presence type='subscribed' to='{to}@localhost'/>"
        )
    };
    let remove = |to: &str, id: &str| {
        format!(
            "<iq type='set' id='{id}'><query xmlns='jabber:iq:roster'>\
             <item jid='{to}@localhost' subscription='remove'/></query></iq>"
        )
    };
    for round in 0..10 {
        let (to_bob, to_alice) = (both("bob"), both("alice"));
        tokio::join!(alice.send(&to_bob), bob.send(&to_alice));
        tokio::join!(alice.settled(), bob.settled());
        let (alices, bobs) = if round % 2 == 0 {
            (remove("bob", "ra"), remove("alice", "rb"))
        } else {
            (remove("bob", "ra"), to_alice)
        };
        tokio::join!(alice.send(&alices), bob.send(&bobs));
        tokio::join!(alice.settled(), bob.settled());
        let alices = subscription(&mut alice, "bob@localhost", &format!("ga{round}")).await;
        let bobs = subscription(&mut bob, "alice@localhost", &format!("gb{round}")).await;
        // What one sees as `to`, the other sees as `from` (RFC 6121 A).
        let mirrored = match alices.as_str() {
            "to" => "from",
            "from" => "to",
            "absent" => "none",
            other => other,
        };
        let bobs = if bobs == "absent" { "none" } else { &bobs };
        assert_eq!(bobs, mirrored, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_sign_in_the_server_names_its_capabilities_and_each_feature_once() {
    let bed = Bed::with_accounts(&["alice"]).await;
    let mut alice = Client::connect(bed.address(), bed.folder()).await;
    let features = alice.features_after_sign_in("alice").await;
    for feature in [
        "<c xmlns='http://jabber.org/protocol/caps'",
        "<ver xmlns='urn:xmpp:features:rosterver'",
        "<sub xmlns='urn:xmpp:features:pre-approval'",
        "<sm xmlns='urn:xmpp:sm:3'",
        "<csi xmlns='urn:xmpp:csi:0'",
        "<bind xmlns=",
    ] {
        assert_eq!(
            features.matches(feature).count(),
            1,
            "{feature} in {features}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_nobody_looks_at_gets_messages_at_once_and_the_newest_presence_before_them() {
    let bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut bob = Client::online(&bed, "bob", "b").await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    bob.send("<inactive xmlns='urn:xmpp:csi:0'/>").await;
    bob.all_before_pong("p1").await;
    for n in 0..5 {
        alice
            .send(&format!(
                "<presence to='bob@localhost/b'><status>s{n}</status></presence>"
            ))
            .await;
    }
    alice
        .send(
            "<message to='bob@localhost' type='chat'>\
             <composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
        )
        .await;
    alice.all_before_pong("sent").await;
    alice
        .send("<message to='bob@localhost' type='chat'><body>now</body></message>")
        .await;
    let got = bob.until("</message>").await;
    assert!(
        got.contains("<body>now</body>") && !got.contains("<composing"),
        "{got}"
    );
    assert_eq!(got.matches("<status>").count(), 1, "{got}");
    assert!(got.contains("<status>s4</status>"), "{got}");
    bob.send("<active xmlns='urn:xmpp:csi:0'/>").await;
    let rest = bob.all_before_pong("p2").await;
    assert!(!rest.contains("<status>"), "{rest}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_waits_to_be_resumed_is_woken_through_its_app_server() {
    let mut bed = Bed::prepare(Limits::STANDARD);
    bed.components = vec![Component {
        domain: "push.localhost".to_owned(),
        secret: "s3cret".to_owned(),
    }];
    bed.start().await;
    bed.add_accounts(&["alice", "bob"]).await;
    let at = bed.running().server.addresses().component.unwrap();
    let mut app = crate::component::Gate::proven_as(at, "push.localhost").await;
    let mut bob = Client::online(&bed, "bob", "b").await;
    bob.manage().await;
    bob.send(
        "<iq type='set' id='e'><enable xmlns='urn:xmpp:push:0' jid='push.localhost' node='n1'/></iq>",
    )
    .await;
    bob.until("id='e'").await;
    bob.all_before_pong("p").await;
    bob.cut();
    let mut alice = Client::online(&bed, "alice", "a").await;
    for n in 0.. {
        // Until the server noticed that the connection is gone, the message goes into it.
        alice
            .send(&format!(
                "<message to='bob@localhost' type='chat'><body>canary {n}</body></message>"
            ))
            .await;
        alice.all_before_pong(&format!("p{n}")).await;
        if bed
            .running()
            .server
            .sessions()
            .iter()
            .any(|one| one.is_behind)
        {
            break;
        }
    }
    let woken = app.until("</iq>").await.unwrap();
    assert!(
        woken.contains("node='n1'") && !woken.contains("canary"),
        "{woken}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_has_so_many_sessions_and_the_next_is_refused() {
    let mut bed = Bed::prepare(Limits {
        sessions_per_account_max: 3,
        ..Limits::STANDARD
    });
    bed.start().await;
    bed.add_accounts(&["alice", "bob"]).await;
    let names = ["a", "b", "c"];
    let held = join_all(names.map(|name| Client::online(&bed, "alice", name))).await;
    let mut fourth = Client::signed_in(&bed, "alice").await;
    fourth
        .send(
            "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <resource>d</resource></bind></iq>",
        )
        .await;
    assert!(fourth.until("</iq>").await.contains("<resource-constraint"));
    // Others are not affected, nor is a channel of the same account that takes over a name.
    Line::bound(&bed.running().server, "bob").await;
    Client::online(&bed, "alice", "c").await;
    drop(held);
}
