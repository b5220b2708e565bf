//! Components (XEP-0114) over sockets.

use std::net::SocketAddr;
use std::time::Duration;

use iris_server::{Component, Limits, StartError};
use sha1::{Digest as _, Sha1};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::bed::Bed;
use crate::client::{Client, attribute};

const HOST: &str = "gate.localhost";
/// Far above what anything here takes; it only ends a test that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Gate {
    stream: TcpStream,
    read: String,
}

impl Gate {
    /// Asks for a stream.
    async fn asking(at: SocketAddr, host: &str) -> Self {
        let mut gate = Self {
            stream: TcpStream::connect(at).await.unwrap(),
            read: String::new(),
        };
        gate.send(&format!(
            "<stream:stream xmlns='jabber:component:accept' \
             xmlns:stream='http://etherx.jabber.org/streams' to='{host}'>"
        ))
        .await;
        gate
    }

    /// Opens a stream, and returns the id that the server gave it.
    async fn opened(at: SocketAddr, host: &str) -> (Self, String) {
        let mut gate = Self::asking(at, host).await;
        let header = gate.until("'>").await.unwrap();
        (gate, attribute(&header, "id"))
    }

    async fn there(at: SocketAddr, host: &str, secret: &str) -> Self {
        let (mut gate, id) = Self::opened(at, host).await;
        let digest = Sha1::digest(format!("{id}{secret}"));
        let proof = data_encoding::HEXLOWER.encode(&digest);
        gate.send(&format!("<handshake>{proof}</handshake>")).await;
        gate
    }

    /// A component that is let in.
    async fn proven(at: SocketAddr) -> Self {
        Self::proven_as(at, HOST).await
    }

    pub(crate) async fn proven_as(at: SocketAddr, host: &str) -> Self {
        let mut gate = Self::there(at, host, "s3cret").await;
        gate.until("<handshake/>").await.unwrap();
        gate
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads up to and with `end`; the rest when the stream ends before.
    pub(crate) async fn until(&mut self, end: &str) -> Result<String, String> {
        let mut buffer = [0; 4_096];
        loop {
            if let Some(at) = self.read.find(end) {
                let rest = self.read.split_off(at + end.len());
                return Ok(std::mem::replace(&mut self.read, rest));
            }
            let count = timeout(PATIENCE, self.stream.read(&mut buffer))
                .await
                .unwrap();
            match count {
                Ok(count) if count > 0 => self
                    .read
                    .push_str(std::str::from_utf8(&buffer[..count]).unwrap()),
                _ => return Err(std::mem::take(&mut self.read)),
            }
        }
    }

    async fn rest(&mut self) -> String {
        self.until("\0").await.unwrap_err()
    }
}

fn component(domain: &str) -> Component {
    Component {
        domain: domain.to_owned(),
        secret: "s3cret".to_owned(),
    }
}

async fn bed(limits: Limits) -> (Bed, SocketAddr) {
    let mut bed = Bed::prepare(limits);
    bed.components = vec![component(HOST)];
    bed.start().await;
    bed.add_accounts(&["alice", "bob"]).await;
    let at = bed.running().server.addresses().component.unwrap();
    (bed, at)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_and_a_client_speak_with_each_other_in_order() {
    let (bed, at) = bed(Limits::STANDARD).await;
    let mut gate = Gate::proven(at).await;
    let mut alice = Client::online(&bed, "alice", "a").await;
    for n in 0..50 {
        alice
            .send(&format!(
                "<message to='x@{HOST}/r' type='chat'><body>to {n}.</body></message>"
            ))
            .await;
        gate.send(&format!(
            "<message from='x@{HOST}/r' to='alice@localhost' type='chat'><body>back {n}.</body></message>"
        ))
        .await;
    }
    for n in 0..50 {
        let got = gate.until("</message>").await.unwrap();
        assert!(
            got.contains("from='alice@localhost/a'") && got.contains(&format!(">to {n}.<")),
            "{got}"
        );
        let got = alice.until("</message>").await;
        assert!(
            got.contains(&format!("from='x@{HOST}/r'")) && got.contains(&format!(">back {n}.<")),
            "{got}"
        );
    }
    alice
        .send(&format!(
            "<iq type='get' id='v' to='{HOST}'><query xmlns='jabber:iq:version'/></iq>"
        ))
        .await;
    let asked = gate.until("</iq>").await.unwrap();
    assert_eq!(attribute(&asked, "to"), HOST);
    gate.send(&format!(
        "<iq type='result' id='v' from='{HOST}' to='alice@localhost/a'><query xmlns='jabber:iq:version'/></iq>"
    ))
    .await;
    alice.until("</iq>").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_component_sends_waits_for_a_device_that_is_away() {
    let (bed, at) = bed(Limits::STANDARD).await;
    let mut gate = Gate::proven(at).await;
    gate.send(&format!(
        "<message from='{HOST}' to='bob@localhost' type='chat'><body>waits</body></message>\
         <iq type='get' id='p' from='{HOST}' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"
    ))
    .await;
    // What was sent before is durable when the ping is answered.
    gate.until("id='p'").await.unwrap();
    let mut bob = Client::online(&bed, "bob", "b").await;
    assert!(bob.until("</message>").await.contains("<body>waits</body>"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_know_the_secret_or_asks_for_another_host_is_refused() {
    let (bed, at) = bed(Limits::STANDARD).await;
    let seen = Gate::there(at, HOST, "guess").await.rest().await;
    assert!(seen.contains("<not-authorized"), "{seen}");
    for host in ["localhost", "other.localhost", ""] {
        let (mut gate, _) = Gate::opened(at, host).await;
        let seen = gate.rest().await;
        assert!(seen.contains("<host-unknown"), "{host}: {seen}");
    }
    // Neither got what is the component's.
    let mut alice = Client::online(&bed, "alice", "a").await;
    alice
        .send(&format!(
            "<message to='x@{HOST}' type='chat' id='m'><body>?</body></message>"
        ))
        .await;
    let got = alice.until("</message>").await;
    assert!(got.contains("<service-unavailable"), "{got}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_that_speaks_for_another_host_is_cut_off_and_not_heard() {
    let (bed, at) = bed(Limits::STANDARD).await;
    let mut bob = Client::online(&bed, "bob", "b").await;
    for from in ["alice@localhost/a", "localhost", "other.localhost"] {
        let mut gate = Gate::proven(at).await;
        gate.send(&format!(
            "<message from='{from}' to='bob@localhost' type='chat'><body>forged</body></message>"
        ))
        .await;
        let seen = gate.rest().await;
        assert!(seen.contains("<invalid-from"), "{from}: {seen}");
    }
    assert!(bob.messages_before_pong("p").await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newer_of_two_connections_is_the_component_and_a_gone_one_is_told_of() {
    let (bed, at) = bed(Limits::STANDARD).await;
    let mut first = Gate::proven(at).await;
    let mut second = Gate::proven(at).await;
    assert!(first.rest().await.contains("<conflict"));
    let mut alice = Client::online(&bed, "alice", "a").await;
    let message =
        |id: &str| format!("<message to='x@{HOST}' type='chat' id='{id}'><body/></message>");
    alice.send(&message("m1")).await;
    second.until("</message>").await.unwrap();
    drop(second);
    // The server learns of it when it reads the end.
    let told = async {
        for n in 0.. {
            alice.send(&message(&format!("n{n}"))).await;
            if alice
                .all_before_pong(&format!("p{n}"))
                .await
                .contains("<service-unavailable")
            {
                return;
            }
        }
    };
    timeout(PATIENCE, told).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_prove_itself_in_time_is_closed() {
    let limits = Limits {
        sign_in_time: Duration::from_secs(1),
        ..Limits::STANDARD
    };
    let mut bed = Bed::prepare(limits);
    bed.components = vec![component(HOST)];
    bed.start().await;
    let at = bed.running().server.addresses().component.unwrap();
    let mut gate = Gate::asking(at, HOST).await;
    assert!(gate.rest().await.contains("<connection-timeout"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_cannot_be_registered_for_the_nodes_own_hosts_or_twice() {
    for hosts in [
        &["localhost"][..],
        &["conference.localhost"],
        &["upload.localhost"],
        &[HOST, HOST],
        &["not a host"],
    ] {
        let mut bed = Bed::prepare(Limits::STANDARD);
        bed.components = hosts.iter().map(|host| component(host)).collect();
        let refused = bed.try_start().await;
        assert!(
            matches!(refused, Err(StartError::Component { .. })),
            "{hosts:?}"
        );
    }
}
