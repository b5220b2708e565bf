//! The disk loses power, fails or is full at a point drawn from a seed, at any write or sync: what was acknowledged is in
//! both archives, once, in order, and is delivered; after a failure nothing more is acknowledged.

use iris::archive::{Archives as _, Query};
use jid::BareJid;
use journal::Journal;
use journal::sim::{Disk, DiskFault, SimEngine};

use crate::bed::{Bed, options, until};
use crate::client::Client;
use crate::device::Device;

const SEEDS: u64 = 20;
const MESSAGES: usize = 60;

fn numbers(bed: &Bed, owner: &str) -> Vec<usize> {
    let query = Query {
        limit: 10_000,
        ..Query::default()
    };
    let owner = BareJid::new(&format!("{owner}@localhost")).unwrap();
    let page = bed.running().server.store().page(&owner, &query).unwrap();
    let number = |stanza: &[u8]| {
        let text = std::str::from_utf8(stanza).unwrap();
        let start = text.find("<body>n").unwrap() + 7;
        text[start..text.find(".</body>").unwrap()].parse().unwrap()
    };
    page.entries
        .iter()
        .map(|archived| number(&archived.entry.stanza))
        .collect()
}

async fn start(bed: &mut Bed, disk: &Disk) {
    let engine = SimEngine::open(disk.clone()).unwrap();
    let journal = Journal::open(Box::new(engine), options(bed.folder.path())).unwrap();
    bed.start_on(journal).await;
}

async fn acknowledged_until_the_end(client: &mut Client) -> usize {
    let rest = client.rest().await;
    let acks = rest.split("<a xmlns='urn:xmpp:sm:3' h='").skip(1);
    acks.filter_map(|part| part.split('\'').next()?.parse().ok())
        .max()
        .unwrap_or(0)
}

async fn crash(seed: u64, fault: DiskFault) {
    let disk = Disk::new(seed);
    let mut bed = Bed::prepare(iris_server::Limits::STANDARD);
    start(&mut bed, &disk).await;
    bed.add_accounts(&["alice", "bob"]).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    let mut bob = Client::online(&bed, "bob", "b").await;
    let id = alice.manage().await;
    alice.settled().await;
    disk.plan(1 + seed * 7 % 60, fault);
    let mut burst = String::new();
    for n in 0..MESSAGES {
        burst.push_str(&format!(
            "<message to='bob@localhost' type='chat'><body>n{n}.</body></message>"
        ));
        if n % 4 == 3 {
            burst.push_str("<r xmlns='urn:xmpp:sm:3'/>");
        }
    }
    // The stream may end before all is written.
    let _ = alice.try_send(&burst).await;
    let acked = if disk.fired() || acks_all(&mut alice).await.is_none() {
        acknowledged_until_the_end(&mut alice).await
    } else {
        MESSAGES
    };
    let seen = bob.drain_messages().await;
    bed.kill().await;
    disk.calm();
    disk.power_cycle();
    start(&mut bed, &disk).await;

    let sent = numbers(&bed, "alice");
    let received = numbers(&bed, "bob");
    let whole: Vec<usize> = (0..sent.len()).collect();
    assert_eq!(
        sent, whole,
        "seed {seed}: the sender's archive has a gap, a duplicate or another order"
    );
    assert_eq!(received, sent, "seed {seed}: one commit, two archives");
    assert!(
        sent.len() >= acked,
        "seed {seed}: {acked} were acknowledged, {} are there",
        sent.len()
    );
    assert!(
        seen <= sent.len(),
        "seed {seed}: {seen} were visible, {} are durable",
        sent.len()
    );
    let (mut alice, handled) = Client::resumed(&bed, "alice", &id, 0).await;
    assert_eq!(
        handled as usize,
        sent.len(),
        "seed {seed}: h is what is durable"
    );
    for n in sent.len()..MESSAGES {
        alice
            .send(&format!(
                "<message to='bob@localhost' type='chat'><body>n{n}.</body></message>"
            ))
            .await;
    }
    assert_eq!(alice.settled().await as usize, MESSAGES);
    assert_eq!(
        numbers(&bed, "bob"),
        (0..MESSAGES).collect::<Vec<_>>(),
        "seed {seed}"
    );
    bed.kill().await;
}

/// Asks once more; `None` when the stream ends instead.
async fn acks_all(client: &mut Client) -> Option<()> {
    client.try_send("<r xmlns='urn:xmpp:sm:3'/>").await.ok()?;
    client
        .try_until(&format!("<a xmlns='urn:xmpp:sm:3' h='{MESSAGES}'/>"))
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_acknowledged_survives_a_power_loss_between_any_two_writes() {
    for seed in 0..SEEDS {
        crash(seed, DiskFault::PowerLoss).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_or_sync_that_fails_ends_acknowledgements_and_delivery_at_what_is_durable() {
    for seed in 0..SEEDS / 2 {
        crash(seed, DiskFault::Io).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_ends_acknowledgements_and_delivery_at_what_is_durable() {
    for seed in 0..SEEDS / 2 {
        crash(seed, DiskFault::Full).await;
    }
}

/// The disk is full for a while. Whether the server went on in the same process, which it cannot after a failed sync.
async fn full_for_a_while(seed: u64) -> bool {
    let disk = Disk::new(seed);
    let mut bed = Bed::prepare(iris_server::Limits::STANDARD);
    start(&mut bed, &disk).await;
    bed.add_accounts(&["alice", "bob", "carol"]).await;
    let mut alice = Device::online(&bed, "alice").await;
    let mut bob = Device::online(&bed, "bob").await;
    let mut carol = Client::online(&bed, "carol", "c").await;
    // A write or a sync, early enough to be met.
    disk.plan(1 + seed % 8, DiskFault::Full);
    for n in 0..MESSAGES {
        alice.say("bob", n).await;
    }
    let server = bed.running().server.clone();
    if alice.settle().await {
        // Nothing is under way that could meet the fault later.
        assert!(!server.status().is_halted, "seed {seed}");
    }
    until("a server that stopped, or did all", || {
        server.status().is_halted || alice.open() == 0
    })
    .await;
    let was_halted = server.status().is_halted;
    disk.calm();
    let goes_on = bed.running().journal.recover().is_ok();
    assert_eq!(server.restart().await.is_ok(), goes_on, "seed {seed}");
    assert_eq!(server.status().is_halted, !goes_on, "seed {seed}");
    if !goes_on {
        bed.kill().await;
        start(&mut bed, &disk).await;
    }
    let server = bed.running().server.clone();
    alice.resume(&bed).await;
    bob.resume(&bed).await;
    assert!(alice.settle().await, "seed {seed}");
    assert!(bob.receive(MESSAGES).await, "seed {seed}");
    bob.catch_up().await;
    let whole: Vec<_> = (0..MESSAGES).collect();
    assert_eq!(bob.numbers, whole, "seed {seed}");
    assert_eq!(numbers(&bed, "alice"), whole, "seed {seed}");
    assert_eq!(numbers(&bed, "bob"), whole, "seed {seed}");
    if was_halted {
        // Who cannot resume was closed, and is seen to leave.
        carol.rest().await;
        until("the end of her session", || server.sessions().len() == 2).await;
    }
    bed.kill().await;
    was_halted && goes_on
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_full_disk_gets_room_goes_on_and_loses_and_doubles_nothing() {
    let mut went_on = 0;
    for seed in 0..10 * SEEDS {
        went_on += u64::from(full_for_a_while(seed).await);
        if went_on >= SEEDS / 4 {
            return;
        }
    }
    panic!("only {went_on} went on");
}
