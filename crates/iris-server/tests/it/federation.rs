//! Two nodes on loopback that speak as two domains.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use iris::host::Host;
use iris_server::{Clock, Config, Limits, Random, Server};
use jid::BareJid;
use journal::{EffectState, Journal};
use journal_sqlite::SqliteEngine;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::bed::{NoTokens, options, until};
use crate::client::Client;

/// A certificate authority for a test.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    fn certify(&self, domain: &str, folder: &Path) {
        let key = KeyPair::generate().unwrap();
        let names = vec![
            domain.to_owned(),
            format!("conference.{domain}"),
            "localhost".to_owned(),
        ];
        let certificate = CertificateParams::new(names)
            .unwrap()
            .signed_by(&key, &self.issuer)
            .unwrap();
        std::fs::write(folder.join("cert.pem"), certificate.pem()).unwrap();
        std::fs::write(folder.join("key.pem"), key.serialize_pem()).unwrap();
        std::fs::write(folder.join("anchors.pem"), &self.pem).unwrap();
    }
}

struct Site {
    domain: &'static str,
    folder: TempDir,
    has_anchors: bool,
    peers: BTreeMap<&'static str, SocketAddr>,
    s2s: SocketAddr,
    limits: Limits,
    clock_ms: Arc<AtomicI64>,
    running: Option<(Server, Journal)>,
}

impl Site {
    /// A place for a node, with a port of its own that stays the same over restarts.
    async fn new(domain: &'static str, authority: &Authority) -> Self {
        let folder = TempDir::new().unwrap();
        authority.certify(domain, folder.path());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self {
            domain,
            folder,
            has_anchors: true,
            peers: BTreeMap::new(),
            s2s: listener.local_addr().unwrap(),
            limits: Limits::STANDARD,
            clock_ms: Arc::new(AtomicI64::new(1_800_000_000_000)),
            running: None,
        }
    }

    async fn start(&mut self) {
        let engine = SqliteEngine::open(self.folder.path().join("journal.db")).unwrap();
        let journal = Journal::open(Box::new(engine), options(self.folder.path())).unwrap();
        let clock_ms = self.clock_ms.clone();
        let clock: Clock = Arc::new(move || clock_ms.load(Ordering::Relaxed));
        let random: Random = Arc::new(|bytes| getrandom::fill(bytes).unwrap());
        let file = |name: &str| self.folder.path().join(name);
        let config = Config {
            host: Host::new(self.domain, "http://localhost").unwrap(),
            c2s: None,
            c2s_tls: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            s2s: Some(self.s2s),
            component: None,
            components: Vec::new(),
            certificate: file("cert.pem"),
            key: file("key.pem"),
            anchors: self.has_anchors.then(|| file("anchors.pem")),
            peers: self
                .peers
                .iter()
                .map(|(domain, at)| ((*domain).to_owned(), *at))
                .collect(),
            salt_key: [3; 32],
            limits: self.limits,
        };
        let server = Server::start(config, journal.clone(), clock, random, Arc::new(NoTokens));
        self.running = Some((server.await.unwrap(), journal));
    }

    async fn add(&self, name: &str) {
        let (server, _) = self.running.as_ref().unwrap();
        let account = BareJid::new(&format!("{name}@{}", self.domain)).unwrap();
        server
            .accounts()
            .add(&account, Some("pencil"))
            .await
            .unwrap();
    }

    async fn client(&self, name: &str) -> Client {
        let (server, _) = self.running.as_ref().unwrap();
        let address = server.addresses().c2s_tls.unwrap();
        Client::online_at(
            address,
            &self.folder.path().join("anchors.pem"),
            self.domain,
            name,
            "x",
        )
        .await
    }

    async fn kill(&mut self) {
        let (server, journal) = self.running.take().unwrap();
        journal.shutdown();
        server.shutdown().await;
    }

    fn waiting(&self) -> usize {
        let (_, journal) = self.running.as_ref().unwrap();
        journal
            .reader()
            .effects(EffectState::Pending, None, 500)
            .unwrap()
            .len()
    }
}

/// Two sites that know each other's address.
async fn sites(has_anchors: bool) -> (Site, Site) {
    let authority = Authority::new();
    let mut a = Site::new("a.test", &authority).await;
    let mut b = Site::new("b.test", &authority).await;
    let (at_a, at_b) = (a.s2s, b.s2s);
    for (site, domains, address) in [
        (&mut a, ["b.test", "conference.b.test"], at_b),
        (&mut b, ["a.test", "conference.a.test"], at_a),
    ] {
        site.has_anchors = has_anchors;
        site.peers.extend(domains.map(|domain| (domain, address)));
    }
    (a, b)
}

fn message(to: &str, body: &str) -> String {
    format!("<message to='{to}' type='chat' id='{body}'><body>{body}</body></message>")
}

/// Waits until nothing is left in the outbox.
async fn settled(site: &Site) {
    outbox_has(site, 0).await;
}

async fn outbox_has(site: &Site, count: usize) {
    until("an outbox of this length", || site.waiting() == count).await;
}

async fn chat(has_anchors: bool) {
    let (mut a, mut b) = sites(has_anchors).await;
    a.start().await;
    b.start().await;
    a.add("alice").await;
    b.add("bob").await;
    let mut alice = a.client("alice").await;
    let mut bob = b.client("bob").await;
    for n in 0..100 {
        alice.send(&message("bob@b.test", &format!("n{n}"))).await;
    }
    for n in 0..100 {
        let got = bob.until("</message>").await;
        assert!(got.contains(&format!("<body>n{n}</body>")), "{n}: {got}");
        assert!(got.contains("from='alice@a.test/x'"), "{got}");
    }
    bob.send(&message("alice@a.test/x", "back")).await;
    let got = alice.until("</message>").await;
    assert!(got.contains("<body>back</body>"), "{got}");
    settled(&a).await;
    settled(&b).await;
    a.kill().await;
    b.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_let_two_domains_chat_in_order() {
    chat(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dialback_lets_two_domains_chat_where_no_certificates_are_trusted() {
    chat(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_for_a_dead_domain_arrives_once_after_both_restarted() {
    let (mut a, mut b) = sites(true).await;
    b.start().await;
    b.add("bob").await;
    b.kill().await;
    a.start().await;
    a.add("alice").await;
    let mut alice = a.client("alice").await;
    for n in 0..20 {
        alice.send(&message("bob@b.test", &format!("n{n}"))).await;
    }
    outbox_has(&a, 20).await;
    a.kill().await;
    b.start().await;
    a.start().await;
    settled(&a).await;
    let mut bob = b.client("bob").await;
    for n in 0..20 {
        let got = bob.until("</message>").await;
        assert!(got.contains(&format!("<body>n{n}</body>")), "{n}: {got}");
    }
    assert!(!bob.all_before_pong("p").await.contains("<message"));
    a.kill().await;
    b.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_is_told_when_a_domain_stays_unreachable() {
    let (mut a, b) = sites(true).await;
    a.limits.federation_time = Duration::ZERO;
    a.start().await;
    a.add("alice").await;
    let mut alice = a.client("alice").await;
    alice.send(&message("bob@b.test", "lost")).await;
    let got = alice.until("</message>").await;
    assert!(
        got.contains("<remote-server-timeout") && got.contains("type='error'"),
        "{got}"
    );
    settled(&a).await;
    alice
        .send("<iq type='get' id='q' to='b.test'><ping xmlns='urn:xmpp:ping'/></iq>")
        .await;
    let got = alice.until("</iq>").await;
    assert!(got.contains("<remote-server-timeout"), "{got}");
    a.kill().await;
    drop(b);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_does_not_name_the_domain_gets_nothing() {
    let (mut a, mut b) = sites(true).await;
    let other = Authority::new();
    other.certify("b.test", b.folder.path());
    a.limits.federation_time = Duration::ZERO;
    a.start().await;
    b.start().await;
    a.add("alice").await;
    b.add("bob").await;
    let mut alice = a.client("alice").await;
    let mut bob = b.client("bob").await;
    alice.send(&message("bob@b.test", "secret")).await;
    let got = alice.until("</message>").await;
    assert!(got.contains("<remote-server-timeout"), "{got}");
    assert!(!bob.all_before_pong("p").await.contains("secret"));
    a.kill().await;
    b.kill().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_is_entered_and_heard_across_domains() {
    let (mut a, mut b) = sites(true).await;
    a.start().await;
    b.start().await;
    a.add("alice").await;
    b.add("bob").await;
    let mut alice = a.client("alice").await;
    let mut bob = b.client("bob").await;
    let enter = |nick: &str| {
        format!(
            "<presence to='room@conference.b.test/{nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
        )
    };
    bob.send(&enter("bob")).await;
    bob.until("<subject").await;
    bob.send("<iq type='set' id='o' to='room@conference.b.test'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>").await;
    bob.until("id='o'").await;
    alice.send(&enter("alice")).await;
    alice.until("<subject").await;
    alice.send("<message to='room@conference.b.test' type='groupchat'><body>hello room</body></message>").await;
    bob.until("<body>hello room</body>").await;
    alice.until("<body>hello room</body>").await;
    a.kill().await;
    b.kill().await;
}
