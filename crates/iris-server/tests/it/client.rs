//! A client on the wire: it sends bytes and reads elements, so a test sees exactly what a client sees.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::bed::Bed;

/// Far above what anything here takes; it only ends a test that hangs.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Client {
    stream: TlsStream<TcpStream>,
    read: String,
    pub(crate) jid: String,
}

fn connector(folder: &Path) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    for certificate in iris_server::tls::certificates(&folder.join("cert.pem")).unwrap() {
        roots.add(certificate).unwrap();
    }
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, folder: &Path) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let name = "localhost".try_into().unwrap();
        let stream = connector(folder).connect(name, stream).await.unwrap();
        Self {
            stream,
            read: String::new(),
            jid: String::new(),
        }
    }

    pub(crate) async fn signed_in(bed: &Bed, name: &str) -> Self {
        let mut client = Self::connect(bed.running().address, bed.folder.path()).await;
        client.open().await;
        client.until("</stream:features>").await;
        let plain = BASE64.encode(format!("\0{name}\0pencil").as_bytes());
        client
            .send(&format!(
                "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>"
            ))
            .await;
        client.until("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>").await;
        client.open().await;
        client.until("</stream:features>").await;
        client
    }

    pub(crate) async fn bound(bed: &Bed, name: &str, resource: &str) -> Self {
        let mut client = Self::signed_in(bed, name).await;
        client
            .send(&format!(
                "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
                 <resource>{resource}</resource></bind></iq>"
            ))
            .await;
        client.until("</bind></iq>").await;
        client.jid = format!("{name}@localhost/{resource}");
        client
    }

    /// Signed in and available.
    pub(crate) async fn online(bed: &Bed, name: &str, resource: &str) -> Self {
        let mut client = Self::bound(bed, name, resource).await;
        client.send("<presence/>").await;
        let own = format!("from='{}'/>", client.jid);
        client.until(&own).await;
        client
    }

    async fn open(&mut self) {
        self.send(
            "<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams'>",
        )
        .await;
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    /// Reads up to and with `end`, and returns all of it.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        let reading = async {
            loop {
                if let Some(at) = self.read.find(end) {
                    let rest = self.read.split_off(at + end.len());
                    return std::mem::replace(&mut self.read, rest);
                }
                let mut buffer = [0; 4_096];
                let count = self.stream.read(&mut buffer).await.unwrap_or(0);
                assert!(count > 0, "the stream ended before {end:?}: {:?}", self.read);
                self.read.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
            }
        };
        match timeout(PATIENCE, reading).await {
            Ok(read) => read,
            Err(_) => panic!("{end:?} did not come, only {:?}", self.read),
        }
    }

    /// Everything up to the answer of a ping: what the server had to say before it.
    pub(crate) async fn all_before_pong(&mut self, id: &str) -> String {
        self.send(&format!("<iq type='get' id='{id}'><ping xmlns='urn:xmpp:ping'/></iq>")).await;
        self.until(&format!("id='{id}'")).await
    }
}
