//! What waits for an account reaches it, whatever else a device of it gets meanwhile.

use std::collections::BTreeSet;

use crate::bed::Bed;
use crate::client::Client;
use crate::device::Device;
use crate::faults::{Draw, seeds};

const NEGATIVE: &str = "<presence><priority>-1</priority></presence>";

async fn acknowledges(device: &mut Device, presence: &str) {
    device.send(presence.to_owned()).await;
    device.catch_up().await;
    device.acknowledge().await;
    device.catch_up().await;
}

/// Three messages wait. Then bob's device gets one that names it, or a copy, and acknowledges that.
async fn what_waits_is_not_skipped(before: &[&str], is_note: bool) {
    let bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut alice = Device::online(&bed, "alice").await;
    for number in 0..3 {
        alice.say("bob", number).await;
    }
    assert!(alice.settle().await);
    let mut bob = Device::bound(&bed, "bob").await;
    for presence in before {
        bob.send((*presence).to_owned()).await;
    }
    bob.catch_up().await;
    if is_note {
        bob.say_to_device("bob", 3).await;
        assert!(bob.settle().await);
    } else {
        alice.say_to_device("bob", 3).await;
        assert!(alice.settle().await);
    }
    assert!(bob.receive(1).await);
    assert_eq!(bob.numbers, [3]);
    acknowledges(&mut bob, "<presence type='unavailable'/>").await;
    acknowledges(&mut bob, "<presence/>").await;
    assert!(bob.receive(4).await);
    bob.catch_up().await;
    assert_eq!(
        bob.numbers,
        [3, 0, 1, 2],
        "what waited, and the other not again"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_to_a_device_before_it_said_that_it_is_there_skips_nothing_that_waits() {
    what_waits_is_not_skipped(&[], false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_note_to_the_own_device_skips_nothing_that_waits() {
    what_waits_is_not_skipped(&[], true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_to_a_device_of_negative_priority_skips_nothing_that_waits() {
    what_waits_is_not_skipped(&[NEGATIVE], false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_not_skipped_by_a_device_that_was_only_named_and_was_killed() {
    let mut bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut alice = Device::online(&bed, "alice").await;
    for number in 0..3 {
        alice.say("bob", number).await;
    }
    assert!(alice.settle().await);
    let mut bob = Device::bound(&bed, "bob").await;
    alice.say_to_device("bob", 3).await;
    assert!(alice.settle().await && bob.receive(1).await);
    acknowledges(&mut bob, NEGATIVE).await;
    bed.kill().await;
    bed.start().await;
    bob.resume(&bed).await;
    bob.send("<presence/>".to_owned()).await;
    assert!(bob.receive(4).await);
    bob.catch_up().await;
    assert_eq!(bob.numbers, [3, 0, 1, 2]);
}

/// What is sent to bob while his device comes, goes, turns its priority and is cut reaches some device of his, and each of
/// his sessions gets it once.
async fn history(seed: u64) {
    let mut draw = Draw(seed);
    let mut bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut alice = Device::online(&bed, "alice").await;
    let mut bob = Device::bound(&bed, "bob").await;
    let (mut sent, mut got) = (0, BTreeSet::new());
    let check = |bob: &Device, got: &mut BTreeSet<usize>| {
        let once: BTreeSet<_> = bob.numbers.iter().copied().collect();
        assert_eq!(
            once.len(),
            bob.numbers.len(),
            "seed {seed}: {:?}",
            bob.numbers
        );
        got.extend(once);
    };
    for _ in 0..60 {
        match draw.below(12) {
            0..=2 => {
                alice.say("bob", sent).await;
                sent += 1;
            }
            3 | 4 => {
                alice.say_to_device("bob", sent).await;
                sent += 1;
            }
            5 => bob.send("<presence/>".to_owned()).await,
            6 => bob.send(NEGATIVE.to_owned()).await,
            7 => bob.send("<presence type='unavailable'/>".to_owned()).await,
            8 => {
                bob.cut();
                bob.resume(&bed).await;
            }
            9 => {
                bob.catch_up().await;
                bob.acknowledge().await;
            }
            10 => {
                // What comes before stream management is on is not counted here.
                assert!(alice.settle().await, "seed {seed}");
                bob.resume(&bed).await;
                bob.leave().await;
                check(&bob, &mut got);
                bob = Device::bound(&bed, "bob").await;
            }
            _ if draw.below(3) == 0 => {
                assert!(alice.settle().await, "seed {seed}");
                bed.kill().await;
                bed.start().await;
                alice.resume(&bed).await;
                bob.resume(&bed).await;
            }
            _ => bob.step_if_connected().await,
        }
    }
    assert!(alice.settle().await, "seed {seed}");
    bob.resume(&bed).await;
    bob.send("<presence/>".to_owned()).await;
    bob.catch_up().await;
    // What waits is read after presence is answered, in one go.
    bob.send("<presence type='unavailable'/>".to_owned()).await;
    bob.send("<presence/>".to_owned()).await;
    bob.catch_up().await;
    check(&bob, &mut got);
    while got.len() < sent {
        assert!(bob.step().await, "seed {seed}: {sent} sent, got {got:?}");
        check(&bob, &mut got);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_device_does_with_its_presence_nothing_that_waits_is_skipped_or_comes_twice() {
    for seed in 0..seeds() {
        println!("seed {seed}");
        history(seed).await;
    }
}

/// Without stream management, at the very moment of signing in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_while_a_device_arrives_comes_once() {
    let bed = Bed::with_accounts(&["alice", "bob"]).await;
    let mut alice = Device::online(&bed, "alice").await;
    let mut next = 0;
    for round in 0..30 {
        let mut bob = Client::bound(&bed, "bob", &format!("b{round}")).await;
        let from = next;
        for _ in 0..8 {
            alice.say("bob", next).await;
            next += 1;
            if next - from == 3 {
                bob.send("<presence/>").await;
            }
        }
        assert!(alice.settle().await);
        let mut got = String::new();
        while got.matches("</message>").count() < 8 {
            got.push_str(&bob.until("</message>").await);
        }
        got.push_str(&bob.all_before_pong("p").await);
        for number in from..next {
            assert_eq!(
                got.matches(&format!("<body>n{number}.</body>")).count(),
                1,
                "{number}"
            );
        }
        bob.send("</stream:stream>").await;
        bob.rest().await;
        crate::bed::until("bob's end", || bed.running().server.sessions().len() == 1).await;
    }
}
