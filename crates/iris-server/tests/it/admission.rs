//! Who connects: at a rate, within limits, and in time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use iris_server::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::bed::{Bed, Place as _, until};
use crate::client::Client;
use crate::own_process::{Node, folder_with};

/// Far above what anything here takes; it only ends a test that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

async fn bed(limits: Limits) -> Bed {
    let mut bed = Bed::prepare(limits);
    bed.start().await;
    bed.add_accounts(&["alice"]).await;
    bed
}

/// Waits until the other side closes, sending a byte now and then if it is to.
async fn closed(mut stream: TcpStream, drip: bool) {
    let mut buffer = [0; 1_024];
    let closing = async {
        loop {
            let read = timeout(Duration::from_millis(20), stream.read(&mut buffer)).await;
            match read {
                Ok(Ok(0) | Err(_)) => return,
                Ok(Ok(_)) => {}
                // A record of TLS that never ends: type, version, and a length that is far.
                Err(_) if drip => {
                    if stream.write_all(&[22]).await.is_err() {
                        return;
                    }
                }
                Err(_) => {}
            }
        }
    };
    timeout(PATIENCE, closing).await.unwrap();
}

async fn connect(at: SocketAddr) -> TcpStream {
    TcpStream::connect(at).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_says_nothing_or_a_byte_at_a_time_is_closed_and_others_are_served() {
    let bed = bed(Limits {
        sign_in_time: Duration::from_secs(4),
        ..Limits::STANDARD
    })
    .await;
    let at = bed.address();
    let mut alice = Client::online(&bed, "alice", "a").await;
    let silent = tokio::spawn(closed(connect(at).await, false));
    let drip = tokio::spawn(closed(connect(at).await, true));
    let mut idle = Client::connect(at, bed.folder()).await;
    let told = idle.rest().await;
    assert!(told.contains("<connection-timeout"), "{told}");
    silent.await.unwrap();
    drip.await.unwrap();
    // Whoever signed in stays.
    alice.all_before_pong("p").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_holds_so_many_connections_that_did_not_sign_in() {
    let bed = bed(Limits {
        pending_per_address_max: 4,
        ..Limits::STANDARD
    })
    .await;
    let at = bed.address();
    let mut alice = Client::online(&bed, "alice", "a").await;
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(Client::connect(at, bed.folder()).await);
    }
    // The fifth is closed at once, without a word.
    closed(connect(at).await, false).await;
    alice.all_before_pong("p").await;
    held.pop();
    let again = async {
        loop {
            // A place is free as soon as the server sees the end of the other. Whoever has one is answered.
            if Client::try_connect(at, bed.folder()).await.is_ok() {
                return;
            }
        }
    };
    timeout(PATIENCE, again).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_connections_is_admitted_at_the_rate_and_loses_nobody() {
    const STORM: usize = 90;
    const RATE: u32 = 30;
    let bed = bed(Limits {
        logins_per_second: RATE,
        ..Limits::STANDARD
    })
    .await;
    let began = Instant::now();
    let bed = &bed;
    let arrive = |n| async move { Client::online(bed, "alice", &format!("r{}", n % 60)).await };
    let clients = join_all((0..60).map(arrive)).await;
    // Connections that sign in and go do not change the rate.
    let passing = (60..STORM).map(|_| Client::connect(bed.address(), bed.folder()));
    drop(join_all(passing).await);
    let took = began.elapsed();
    println!("storm of {STORM} at {RATE}/s: all admitted after {took:?}");
    // A second's worth passes at once.
    assert!(took >= Duration::from_secs(1), "{took:?}");
    assert_eq!(bed.running().server.status().sessions, 60);
    drop(clients);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_without_file_descriptors_pauses_accepting_serves_who_is_there_and_goes_on() {
    const FILES: usize = 64;
    let bed = folder_with(&["alice", "bob"]).await;
    let node = Node::start(bed.folder.path(), 0, &format!("ulimit -n {FILES};"));
    let mut alice = Client::online(&node, "alice", "a").await;
    let mut bob = Client::online(&node, "bob", "b").await;
    alice.manage().await;
    let mut crowd = Vec::new();
    for _ in 0..2 * FILES {
        crowd.push(connect(node.address()).await);
    }
    until("a node that is full", || node.open_files() >= FILES).await;
    for n in 0..10 {
        alice
            .send(&format!(
                "<message to='bob@localhost' type='chat'><body>n{n}.</body></message>"
            ))
            .await;
        let got = bob.until("</message>").await;
        assert!(got.contains(&format!("n{n}.")), "{got}");
    }
    assert_eq!(alice.settled().await, 10);
    // Somebody who comes now waits, and is served when the crowd has gone.
    let late = Client::online(&node, "alice", "late");
    let (mut late, ()) = tokio::join!(late, async { drop(crowd) });
    late.all_before_pong("p").await;
    node.stop();
}
