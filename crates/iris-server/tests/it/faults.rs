//! Faults of processes, connections, clocks and disks. Each test counts what was lost, doubled or out of order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use iris::archive::{Archives as _, Query};
use iris::documents::{Collection, Documents as _, Write};
use iris_server::store::write_event;
use jid::BareJid;
use journal::{Append, Expected, Privacy, Transaction};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::bed::{Bed, Place, until};
use crate::client::Client;
use crate::device::Device;
use crate::own_process::{Node, folder_with};

/// Far above what anything here takes; it only ends a test that hangs.
const PATIENCE: Duration = Duration::from_secs(60);
const HOUR_MS: i64 = 3_600_000;

/// How many runs a test makes, each with its number as seed.
pub(crate) fn seeds() -> u64 {
    let seeds = std::env::var("IRIS_SEEDS").ok();
    seeds.map_or(6, |seeds| seeds.parse().unwrap())
}

/// A sequence that a seed determines (Steele, Lea, Flood: SplitMix, 2014).
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// The numbers in an account's archive, and that its ids grow.
fn archived(bed: &Bed, owner: &str) -> Vec<usize> {
    let owner = BareJid::new(&format!("{owner}@localhost")).unwrap();
    let query = Query {
        limit: 100_000,
        ..Query::default()
    };
    let page = bed.running().server.store().page(&owner, &query).unwrap();
    assert!(page.entries.windows(2).all(|pair| pair[0].id < pair[1].id));
    let number = |stanza: &[u8]| crate::line::number_of(std::str::from_utf8(stanza).unwrap());
    page.entries
        .iter()
        .map(|archived| number(&archived.entry.stanza).unwrap())
        .collect()
}

fn whole(count: usize) -> Vec<usize> {
    (0..count).collect()
}

/// What both archives hold, after nobody runs on them any more.
async fn archives_after(bed: &Bed) -> (Vec<usize>, Vec<usize>) {
    let mut bed = Bed::at(bed.folder.path().to_owned());
    bed.start().await;
    let both = (archived(&bed, "alice"), archived(&bed, "bob"));
    bed.kill().await;
    both
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_killed_between_commit_acknowledgement_and_delivery_loses_and_doubles_nothing() {
    const BURST: usize = 40;
    let bed = folder_with(&["alice", "bob"]).await;
    let mut node = Node::start(bed.folder.path(), 0, "");
    let mut alice = Device::online(&node, "alice").await;
    let mut bob = Device::online(&node, "bob").await;
    let mut said = 0;
    for seed in 0..seeds() {
        let mut draw = Draw(seed);
        // The kill comes when so much is acknowledged, or delivered: in between, the rest is at any step.
        let acknowledged = draw.below(BURST as u64) as usize;
        let delivered = draw.below(BURST as u64) as usize;
        let by_delivery = draw.below(2) == 0;
        for _ in 0..BURST {
            alice.say("bob", said).await;
            said += 1;
        }
        if by_delivery {
            bob.receive(said - BURST + delivered).await;
        } else {
            while BURST - alice.open().min(BURST) < acknowledged && alice.step().await {}
        }
        node.kill();
        alice.cut();
        bob.cut();
        node = Node::start(bed.folder.path(), 0, "");
        alice.resume(&node).await;
        bob.resume(&node).await;
        assert!(alice.settle().await, "seed {seed}");
        assert!(bob.receive(said).await, "seed {seed}");
        bob.catch_up().await;
        assert_eq!(bob.numbers, whole(said), "seed {seed}");
    }
    node.kill();
    let (sent, received) = archives_after(&bed).await;
    assert_eq!((sent, received), (whole(said), whole(said)));
    println!(
        "kill -9 mid-burst: seeds 0..{}, sent {said}, delivered {}, lost 0, twice 0, resumed {} and {}",
        seeds(),
        bob.numbers.len(),
        alice.resumed,
        bob.resumed
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_sleeps_and_wakes_keeps_its_connections_and_loses_nothing() {
    const MESSAGES: usize = 200;
    /// The fault itself: nothing is waited for.
    const ASLEEP: Duration = Duration::from_secs(2);
    let bed = folder_with(&["alice", "bob"]).await;
    let node = Node::start(bed.folder.path(), 0, "");
    let mut alice = Device::online(&node, "alice").await;
    let mut bob = Device::online(&node, "bob").await;
    for number in 0..MESSAGES / 2 {
        alice.say("bob", number).await;
    }
    node.signal("STOP");
    until("a node that is stopped", || node.is_stopped()).await;
    for number in MESSAGES / 2..MESSAGES {
        alice.say("bob", number).await;
    }
    tokio::time::sleep(ASLEEP).await;
    node.signal("CONT");
    assert!(alice.settle().await);
    assert!(bob.receive(MESSAGES).await);
    bob.catch_up().await;
    assert_eq!(bob.numbers, whole(MESSAGES));
    assert_eq!((alice.resumed, bob.resumed), (0, 0));
    node.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_under_load_loses_and_doubles_nothing_and_every_session_goes_on() {
    const ROUNDS: usize = 3;
    const BURST: usize = 100;
    let bed = folder_with(&["alice", "bob"]).await;
    let mut node = Node::start(bed.folder.path(), 0, "");
    let mut alice = Device::online(&node, "alice").await;
    let mut bob = Device::online(&node, "bob").await;
    let mut said = 0;
    let mut gap = Duration::ZERO;
    for round in 0..ROUNDS {
        for _ in 0..BURST {
            alice.say("bob", said).await;
            said += 1;
        }
        let began = Instant::now();
        node.stop();
        node = Node::start(bed.folder.path(), 0, "");
        // What the old node still said is read first, as a client would.
        while alice.step().await {}
        while bob.step().await {}
        alice.resume(&node).await;
        bob.resume(&node).await;
        gap = gap.max(began.elapsed());
        assert!(alice.settle().await, "round {round}");
        assert!(bob.receive(said).await, "round {round}");
    }
    bob.catch_up().await;
    assert_eq!(bob.numbers, whole(said));
    node.kill();
    assert_eq!(archives_after(&bed).await, (whole(said), whole(said)));
    println!("{ROUNDS} upgrades: sent {said}, lost 0, twice 0, longest gap of a client {gap:?}");
}

/// A relay that can stop carrying bytes while both its connections stay open: what a network does that drops packets.
struct Relay {
    at: std::net::SocketAddr,
    frozen: watch::Sender<bool>,
    folder: std::path::PathBuf,
}

impl Place for Relay {
    fn address(&self) -> std::net::SocketAddr {
        self.at
    }

    fn folder(&self) -> &std::path::Path {
        &self.folder
    }
}

impl Relay {
    async fn to(bed: &Bed) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let (frozen, watched) = watch::channel(false);
        let server = bed.address();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut watched = watched.clone();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(server).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        _ = watched.wait_for(|frozen| *frozen) => {}
                    }
                    // Both connections stay open and carry nothing.
                    let _ = watched.wait_for(|frozen| !*frozen).await;
                });
            }
        });
        Self {
            at,
            frozen,
            folder: bed.folder.path().to_owned(),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_whose_connection_carries_nothing_any_more_is_resumed_by_another() {
    const EACH: usize = 50;
    let bed = Bed::with_accounts(&["alice", "bob"]).await;
    let relay = Relay::to(&bed).await;
    let mut alice = Device::online(&relay, "alice").await;
    let mut bob = Device::online(&relay, "bob").await;
    for number in 0..EACH {
        alice.say("bob", number).await;
    }
    bob.receive(EACH / 2).await;
    relay.frozen.send(true).unwrap();
    // Into a hole, as far as the socket takes it.
    for number in EACH..2 * EACH {
        alice.say("bob", number).await;
    }
    alice.resume(&bed).await;
    bob.resume(&bed).await;
    assert!(alice.settle().await);
    assert!(bob.receive(2 * EACH).await);
    bob.catch_up().await;
    assert_eq!(bob.numbers, whole(2 * EACH));
    assert_eq!(archived(&bed, "bob"), whole(2 * EACH));
    assert_eq!(bed.running().server.status().resumed, 2);
}

/// Changes what is stored of an account's resumable session.
async fn rewrite(bed: &Bed, owner: &str, change: impl Fn(&mut serde_json::Value)) {
    let account = BareJid::new(&format!("{owner}@localhost")).unwrap();
    let store = bed.running().server.store();
    let rows = store
        .list(Collection::Resume, &account, "", None, 10)
        .unwrap();
    let [(name, body)] = rows.as_slice() else {
        panic!("{owner} has {} sessions", rows.len());
    };
    let mut stored: serde_json::Value = serde_json::from_slice(body).unwrap();
    change(&mut stored);
    let write = Write::Put {
        collection: Collection::Resume,
        owner: account,
        name: name.clone(),
        body: serde_json::to_vec(&stored).unwrap(),
    };
    let (stream, event) = write_event(&write).unwrap();
    let mut transaction = Transaction::new(1_800_000_000_000, "test");
    transaction.appends.push(Append {
        stream,
        privacy: Privacy::Personal,
        expected: Expected::Any,
        events: vec![event],
    });
    bed.running().journal.commit(transaction).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_go_on_over_their_overflow_on_both_sides() {
    const NEAR: u32 = u32::MAX - 5;
    let mut bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    let id = alice.manage().await;
    alice.settled().await;
    // As if four thousand million stanzas had gone in both directions.
    rewrite(&bed, "alice", |stored| {
        stored["handled"] = NEAR.into();
        stored["outbound"] = serde_json::json!({"acknowledged": NEAR, "queue": []});
    })
    .await;
    bed.kill().await;
    bed.start().await;
    let (mut alice, handled) = Client::resumed(&bed, "alice", &id, NEAR).await;
    assert_eq!(handled, NEAR);
    let mut bob = Client::online(&bed, "bob", "b").await;
    for n in 0..10 {
        alice
            .send(&format!(
                "<message to='bob@localhost' type='chat'><body>n{n}.</body></message>"
            ))
            .await;
        bob.send(&format!(
            "<message to='alice@localhost' type='chat'><body>n{n}.</body></message>"
        ))
        .await;
        alice.until("</message>").await;
        bob.until("</message>").await;
    }
    assert_eq!(alice.settled().await, NEAR.wrapping_add(10));
    alice.cut();
    // Half of what came is acknowledged: the other half comes again.
    let (mut alice, handled) = Client::resumed(&bed, "alice", &id, NEAR.wrapping_add(7)).await;
    assert_eq!(handled, NEAR.wrapping_add(10));
    for n in 7..10 {
        assert!(alice.until("</message>").await.contains(&format!("n{n}.")));
    }
    assert!(alice.messages_before_pong("p").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_resumes_with_a_count_that_was_never_sent_is_told_and_may_still_count_right() {
    let bed = Bed::with_accounts(&["bob"]).await;
    let mut bob = Client::online(&bed, "bob", "b").await;
    let id = bob.manage().await;
    bob.cut();
    let mut wrong = Client::signed_in(&bed, "bob").await;
    wrong
        .send(&format!(
            "<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='7'/>"
        ))
        .await;
    let told = wrong.rest().await;
    assert!(told.contains("<handled-count-too-high"), "{told}");
    let (mut bob, _) = Client::resumed(&bed, "bob", &id, 0).await;
    bob.all_before_pong("p").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn archive_ids_grow_and_pages_tile_whatever_the_clock_does() {
    let mut bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut said = 0;
    for step in [0, -HOUR_MS, 2 * HOUR_MS, -3 * HOUR_MS] {
        bed.clock_ms.fetch_add(step, Ordering::Relaxed);
        let mut alice = Client::online(&bed, "alice", "a").await;
        alice.manage().await;
        for _ in 0..5 {
            alice
                .send(&format!(
                    "<message to='bob@localhost' type='chat'><body>n{said}.</body></message>"
                ))
                .await;
            said += 1;
        }
        assert_eq!(alice.settled().await, 5);
        // The step after a restart meets a node that does not remember the time.
        if step > 0 {
            bed.kill().await;
            bed.start().await;
        }
    }
    assert_eq!(archived(&bed, "bob"), whole(said));
    let mut bob = Client::online(&bed, "bob", "b").await;
    let mut after = String::new();
    let mut paged = Vec::new();
    while paged.len() < said {
        bob.send(&format!(
            "<iq type='set' id='m{}'><query xmlns='urn:xmpp:mam:2'>\
             <set xmlns='http://jabber.org/protocol/rsm'><max>3</max>{after}</set></query></iq>",
            paged.len()
        ))
        .await;
        let page = bob.until("</iq>").await;
        let results: Vec<_> = page.split("<result ").skip(1).collect();
        assert!(!results.is_empty(), "{page}");
        paged.extend(results.iter().filter_map(|one| crate::line::number_of(one)));
        let last = page
            .split("<last>")
            .nth(1)
            .unwrap()
            .split('<')
            .next()
            .unwrap();
        after = format!("<after>{last}</after>");
    }
    assert_eq!(paged, whole(said));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_resumed_while_messages_pour_in_gets_each_once() {
    const MESSAGES: usize = 300;
    let bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut alice = Device::online(&bed, "alice").await;
    let mut bob = Device::online(&bed, "bob").await;
    let is_done = Arc::new(AtomicBool::new(false));
    let talking = {
        let is_done = is_done.clone();
        tokio::spawn(async move {
            for number in 0..MESSAGES {
                alice.say("bob", number).await;
            }
            assert!(alice.settle().await);
            is_done.store(true, Ordering::Relaxed);
            alice
        })
    };
    let mut draw = Draw(7);
    while !is_done.load(Ordering::Relaxed) {
        bob.receive(bob.numbers.len() + 1 + draw.below(20) as usize)
            .await;
        if draw.below(2) == 0 {
            bob.cut();
        }
        bob.resume(&bed).await;
        if bob.numbers.len() >= MESSAGES {
            break;
        }
    }
    let alice = timeout(PATIENCE, talking).await.unwrap().unwrap();
    assert!(bob.receive(MESSAGES).await);
    bob.catch_up().await;
    assert_eq!(bob.numbers, whole(MESSAGES));
    println!(
        "resumed {} times in {MESSAGES} messages: lost 0, twice 0",
        bob.resumed
    );
    drop(alice);
}
