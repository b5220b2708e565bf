//! From the disk to the sender's socket: what cannot be stored or sent now waits within bounds, and nobody is cut off.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use iris_server::{Limits, Server};
use jid::BareJid;
use journal::Journal;
use journal_sqlite::SqliteEngine;

use crate::bed::{Bed, options, until};
use crate::line::{Line, number_of, numbered};
use crate::own_process::{alone, resident};
use crate::stalling::{Gate, Stalling};

const CLIENTS: usize = 1_000;
/// Messages of each while the disk stalls.
const EACH: usize = 5;
/// Of the first few, which is more than a session may have on its way.
const HOGS: usize = 4;
const HOG: usize = 300;
const STALL: Duration = Duration::from_secs(5);
/// What a run may need beside what it needed before.
const GROWTH_MAX: usize = 64 << 20;

#[test]
fn a_disk_that_stalls_for_five_seconds_costs_no_connection_no_message_and_little_memory() {
    alone("backpressure::a_disk_stalls");
}

fn name(n: usize) -> String {
    format!("u{n}")
}

async fn add(server: &Arc<Server>, count: usize) {
    let add = |n| async move {
        let account = BareJid::new(&format!("{}@localhost", name(n))).unwrap();
        server.accounts().add(&account, None).await.unwrap();
    };
    join_all((0..count).map(add)).await;
}

/// How many the client `n` sends.
fn share(n: usize) -> usize {
    if n < HOGS { HOG } else { EACH }
}

/// Sends everything, then asks whether the server is there and how much is durable.
async fn send_all(mut line: Line, n: usize) -> (Line, bool) {
    let to = format!("{}@localhost", name((n + 1) % CLIENTS));
    for number in 0..EACH {
        line.send(&numbered(&to, number, 100)).await;
    }
    line.ping("alive").await;
    line.send("<r xmlns='urn:xmpp:sm:3'/>").await;
    let mut saw_message = false;
    loop {
        let element = line.next().await.expect("nobody is cut off");
        saw_message |= element.starts_with("<message");
        if element.contains("id='alive'") {
            return (line, saw_message);
        }
    }
}

/// Reads until all came and all that was sent is durable. Whether it came once and in order.
async fn receive_all(line: &mut Line, n: usize) -> Vec<usize> {
    let expected = share((n + CLIENTS - 1) % CLIENTS);
    // Its presence, its messages and its ping.
    let handled = 1 + share(n) + 1;
    let mut got = Vec::new();
    let mut acknowledged = 0;
    while got.len() < expected || acknowledged < handled {
        let element = line.next().await.expect("nobody is cut off");
        got.extend(number_of(&element));
        if let Some(at) = element.find("<a xmlns='urn:xmpp:sm:3' h='") {
            let h = element[at + 28..].split('\'').next().unwrap();
            acknowledged = h.parse().unwrap();
            if acknowledged < handled {
                line.send("<r xmlns='urn:xmpp:sm:3'/>").await;
            }
        }
    }
    got
}

#[ignore = "measures the memory of its process, so it is alone in one"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_stalls() {
    let mut bed = Bed::prepare(Limits {
        pending_per_address_max: 10 * CLIENTS,
        ..Limits::STANDARD
    });
    let gate = Gate::default();
    let engine = Stalling {
        engine: SqliteEngine::open(bed.folder.path().join("journal.db")).unwrap(),
        way: gate.way(),
    };
    let journal = Journal::open(Box::new(engine), options(bed.folder.path())).unwrap();
    bed.start_on(journal).await;
    let server = bed.running().server.clone();
    add(&server, CLIENTS).await;
    let arrive = |n| {
        let server = server.clone();
        async move {
            let mut line = Line::bound(&server, &name(n)).await;
            line.manage().await;
            line.arrive().await;
            line
        }
    };
    let lines = join_all((0..CLIENTS).map(arrive)).await;
    let before = resident();

    gate.close();
    let stalled = Instant::now();
    let sent = lines.into_iter().enumerate();
    let sent = join_all(sent.map(|(n, line)| tokio::spawn(send_all(line, n)))).await;
    let answered = stalled.elapsed();
    // The disk answers nobody yet, and still everybody had an answer to a ping and nobody a message.
    let mut lines = Vec::new();
    for done in sent {
        let (line, saw_message) = done.unwrap();
        assert!(!saw_message, "what is not durable was delivered");
        lines.push(line);
    }
    assert_eq!(server.status().archived, 0);
    let hogs = lines.drain(..HOGS).enumerate().map(|(n, line)| {
        tokio::spawn(async move {
            let to = format!("{}@localhost", name(n + 1));
            let mut line = line;
            for number in EACH..HOG {
                // Nobody else reads for this client, so it does while it waits for room.
                line.send(&numbered(&to, number, 100)).await;
            }
            line.send("<r xmlns='urn:xmpp:sm:3'/>").await;
            let got = receive_all(&mut line, n).await;
            (line, got)
        })
    });
    let hogs: Vec<_> = hogs.collect();
    let mut peak = resident();
    while stalled.elapsed() < STALL {
        tokio::time::sleep(Duration::from_millis(50)).await;
        peak = peak.max(resident());
    }
    gate.open();
    let opened = Instant::now();

    let others = lines.into_iter().enumerate().map(|(n, mut line)| {
        tokio::spawn(async move {
            let got = receive_all(&mut line, n + HOGS).await;
            (line, got)
        })
    });
    let all = join_all(hogs.into_iter().chain(others.collect::<Vec<_>>())).await;
    let recovery = opened.elapsed();
    peak = peak.max(resident());
    let (mut received, mut wrong) = (0, 0);
    for (n, done) in all.into_iter().enumerate() {
        let (line, got) = done.unwrap();
        let expected: Vec<_> = (0..share((n + CLIENTS - 1) % CLIENTS)).collect();
        received += got.len();
        wrong += usize::from(got != expected);
        drop(line);
    }
    let sent = (CLIENTS - HOGS) * EACH + HOGS * HOG;
    let growth = peak.saturating_sub(before);
    println!(
        "stall {STALL:?}: clients {CLIENTS}, disconnected 0, sent {sent}, received {received}, out of order or twice \
         {wrong}, all pings answered after {answered:?}, recovered after {recovery:?}, memory +{} KiB",
        growth >> 10
    );
    assert_eq!((received, wrong), (sent, 0));
    assert!(growth < GROWTH_MAX, "memory grew by {growth} bytes");
}

/// What may wait in memory for one session: its mailbox, and what is being written.
const WAITING_MAX: usize = 128 << 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_costs_bounded_memory_and_gets_all_from_the_archive_later() {
    const MESSAGES: usize = 2_000;
    let bed = Bed::with_accounts(&["alice", "bob"]).await;
    let server = &bed.running().server;
    let mut alice = Line::bound(server, "alice").await;
    let mut bob = Line::bound(server, "bob").await;
    bob.arrive().await;
    for number in 0..MESSAGES {
        alice.send(&numbered("bob@localhost", number, 1_000)).await;
    }
    alice.ping("sent").await;
    alice.until("id='sent'").await;
    until("all messages archived", || {
        server.status().archived >= 2 * MESSAGES as u64
    })
    .await;
    let status = server.sessions();
    let bobs = status
        .iter()
        .find(|one| one.jid.as_str() == bob.jid)
        .unwrap();
    assert!(bobs.is_behind, "{bobs:?}");
    assert!(bobs.queued_bytes < WAITING_MAX, "{bobs:?}");
    let mut got = Vec::new();
    while got.len() < MESSAGES {
        got.extend(number_of(&bob.next().await.unwrap()));
    }
    assert_eq!(got, (0..MESSAGES).collect::<Vec<_>>());
    bob.ping("last").await;
    assert_eq!(
        number_of(&bob.until("<").await),
        None,
        "nothing comes twice"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_and_acknowledges_nothing_gets_so_much_and_the_rest_when_it_does() {
    const MESSAGES: usize = 1_500;
    /// What is sent without an acknowledgement: a thousand, and what was read from the archive with the last of them.
    const UNACKNOWLEDGED_MAX: usize = 1_064;
    let bed = Bed::with_accounts(&["alice", "bob"]).await;
    let server = &bed.running().server;
    let mut alice = Line::bound(server, "alice").await;
    let mut bob = Line::bound(server, "bob").await;
    bob.manage().await;
    bob.arrive().await;
    let reading = tokio::spawn(async move {
        let mut got = Vec::new();
        while got.len() < 900 {
            got.extend(number_of(&bob.next().await.unwrap()));
        }
        (bob, got)
    });
    for number in 0..MESSAGES {
        alice.send(&numbered("bob@localhost", number, 10)).await;
    }
    alice.ping("sent").await;
    alice.until("id='sent'").await;
    let (mut bob, mut got) = reading.await.unwrap();
    until("all messages archived", || {
        server.status().archived >= 2 * MESSAGES as u64
    })
    .await;
    bob.ping("p").await;
    loop {
        let element = bob.next().await.unwrap();
        got.extend(number_of(&element));
        if element.contains("id='p'") {
            break;
        }
    }
    assert!(got.len() <= UNACKNOWLEDGED_MAX, "{}", got.len());
    // It has its own presence, too, and the answer to its ping.
    bob.send(&format!("<a xmlns='urn:xmpp:sm:3' h='{}'/>", got.len() + 2))
        .await;
    while got.len() < MESSAGES {
        got.extend(number_of(&bob.next().await.unwrap()));
    }
    assert_eq!(got, (0..MESSAGES).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_sent_again_is_acknowledged_only_when_its_first_copy_is_durable() {
    let mut bed = Bed::prepare(Limits::STANDARD);
    let gate = Gate::default();
    let engine = Stalling {
        engine: SqliteEngine::open(bed.folder.path().join("journal.db")).unwrap(),
        way: gate.way(),
    };
    let journal = Journal::open(Box::new(engine), options(bed.folder.path())).unwrap();
    bed.start_on(journal).await;
    bed.add_accounts(&["alice", "bob"]).await;
    let server = &bed.running().server;
    let message = "<message xmlns='jabber:client' to='bob@localhost' type='chat'><body>n1.</body>\
         <origin-id xmlns='urn:xmpp:sid:0' id='o1'/></message>";
    // Counts, but is not resumable, so that nothing of the session itself has to be stored.
    let mut first = Line::named(server, "alice", "first").await;
    first.send("<enable xmlns='urn:xmpp:sm:3'/>").await;
    first.until("<enabled").await;
    let mut second = Line::named(server, "alice", "second").await;
    second.send("<enable xmlns='urn:xmpp:sm:3'/>").await;
    second.until("<enabled").await;
    gate.close();
    for line in [&mut first, &mut second] {
        line.send(message).await;
        line.send("<r xmlns='urn:xmpp:sm:3'/>").await;
        line.ping("p").await;
        let answer = line.next().await.unwrap();
        assert!(
            answer.contains("id='p'"),
            "acknowledged before it is durable: {answer}"
        );
    }
    gate.open();
    for line in [&mut first, &mut second] {
        line.until("<a xmlns='urn:xmpp:sm:3'").await;
    }
    assert_eq!(server.status().archived, 2, "one message in two archives");
}
