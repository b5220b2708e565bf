//! A client on the wire: it sends bytes and reads elements, so a test sees exactly what a client sees.

use std::io;
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

use crate::bed::Place;

/// Far above what anything here takes; it only ends a test that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Client {
    stream: TlsStream<TcpStream>,
    read: String,
    pub(crate) jid: String,
}

fn connector(anchors: &Path) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    for certificate in iris_server::tls::certificates(anchors).unwrap() {
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
        Self::try_connect(address, folder).await.unwrap()
    }

    /// Connected, unless the server closes before TLS is there.
    pub(crate) async fn try_connect(address: SocketAddr, folder: &Path) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        let name = "localhost".try_into().unwrap();
        let connector = connector(&folder.join("cert.pem"));
        Ok(Self {
            stream: connector.connect(name, stream).await?,
            read: String::new(),
            jid: String::new(),
        })
    }

    pub(crate) async fn signed_in(bed: &impl Place, name: &str) -> Self {
        let mut client = Self::connect(bed.address(), bed.folder()).await;
        client.features_after_sign_in(name).await;
        client
    }

    /// What the stream offers once the account is proven.
    pub(crate) async fn features_after_sign_in(&mut self, name: &str) -> String {
        assert!(self.try_password(name, "pencil").await);
        self.open().await;
        self.until("</stream:features>").await
    }

    /// Whether this is the account's password.
    pub(crate) async fn try_password(&mut self, name: &str, password: &str) -> bool {
        self.open().await;
        self.until("</stream:features>").await;
        let plain = BASE64.encode(format!("\0{name}\0{password}").as_bytes());
        self.send(&format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>"
        ))
        .await;
        let answer = self.until("urn:ietf:params:xml:ns:xmpp-sasl'").await;
        self.until(">").await;
        answer.contains("<success")
    }

    pub(crate) async fn bound(bed: &impl Place, name: &str, resource: &str) -> Self {
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
    pub(crate) async fn online(bed: &impl Place, name: &str, resource: &str) -> Self {
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
                assert!(
                    count > 0,
                    "the stream ended before {end:?}: {:?}",
                    self.read
                );
                self.read
                    .push_str(std::str::from_utf8(&buffer[..count]).unwrap());
            }
        };
        match timeout(PATIENCE, reading).await {
            Ok(read) => read,
            Err(_) => panic!("{end:?} did not come, only {:?}", self.read),
        }
    }

    /// Everything up to the answer of a ping: what the server had to say before it.
    pub(crate) async fn all_before_pong(&mut self, id: &str) -> String {
        self.send(&format!(
            "<iq type='get' id='{id}'><ping xmlns='urn:xmpp:ping'/></iq>"
        ))
        .await;
        self.until(&format!("id='{id}'")).await
    }
}

/// Stream management.
impl Client {
    /// Makes the session resumable and returns its name.
    pub(crate) async fn manage(&mut self) -> String {
        self.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
            .await;
        self.until("<enabled").await;
        attribute(&self.until("/>").await, "id")
    }

    /// Waits until everything sent is durable, and returns how much that is.
    pub(crate) async fn settled(&mut self) -> u32 {
        self.send("<r xmlns='urn:xmpp:sm:3'/>").await;
        self.until("<a xmlns='urn:xmpp:sm:3'").await;
        attribute(&self.until("/>").await, "h").parse().unwrap()
    }

    /// Waits until `count` stanzas are acknowledged. Those that came meanwhile are still to be read.
    pub(crate) async fn settled_through(&mut self, count: usize) -> usize {
        self.send("<r xmlns='urn:xmpp:sm:3'/>").await;
        let last = format!("<a xmlns='urn:xmpp:sm:3' h='{count}'/>");
        self.try_until(&last).await.map_or(0, |()| count)
    }

    /// Resumes a session, and returns how much of what it sent is durable.
    pub(crate) async fn resumed(bed: &impl Place, name: &str, id: &str, h: u32) -> (Self, u32) {
        let mut client = Self::signed_in(bed, name).await;
        client
            .send(&format!(
                "<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='{h}'/>"
            ))
            .await;
        client.until("<resumed").await;
        let handled = attribute(&client.until("/>").await, "h").parse().unwrap();
        (client, handled)
    }

    /// Whole messages until the answer of a ping, with the number of stanzas in all.
    pub(crate) async fn messages_before_pong(&mut self, id: &str) -> Vec<String> {
        let all = self.all_before_pong(id).await;
        let parts = all.split("<message").skip(1);
        parts
            .map(|part| part.split("</message>").next().unwrap().to_owned())
            .collect()
    }

    /// The connection goes without a word.
    pub(crate) fn cut(self) {
        drop(self);
    }

    /// Reads until the stream or the connection ends.
    pub(crate) async fn rest(&mut self) -> String {
        let mut buffer = [0; 4_096];
        let reading = async {
            loop {
                match self.stream.read(&mut buffer).await {
                    Ok(count) if count > 0 => {
                        self.read
                            .push_str(std::str::from_utf8(&buffer[..count]).unwrap());
                    }
                    _ => return std::mem::take(&mut self.read),
                }
            }
        };
        timeout(PATIENCE, reading).await.unwrap()
    }
}

/// The value of an attribute in the text of a tag.
pub(crate) fn attribute(tag: &str, name: &str) -> String {
    let start = tag
        .find(&format!("{name}='"))
        .unwrap_or_else(|| panic!("no {name} in {tag:?}"));
    let value = &tag[start + name.len() + 2..];
    value[..value.find('\'').unwrap()].to_owned()
}

/// For streams that may end.
impl Client {
    /// What comes next: the text that is there, or that the connection has. `None` at its end.
    pub(crate) async fn some(&mut self) -> Option<String> {
        if !self.read.is_empty() {
            return Some(std::mem::take(&mut self.read));
        }
        let mut buffer = [0; 16_384];
        match timeout(PATIENCE, self.stream.read(&mut buffer)).await {
            Ok(Ok(count)) if count > 0 => {
                Some(std::str::from_utf8(&buffer[..count]).unwrap().to_owned())
            }
            Ok(_) => None,
            Err(_) => panic!("nothing came to {}", self.jid),
        }
    }

    pub(crate) async fn try_send(&mut self, text: &str) -> std::io::Result<()> {
        self.stream.write_all(text.as_bytes()).await?;
        self.stream.flush().await
    }

    /// Whether `text` comes before the stream ends. What was read stays.
    pub(crate) async fn try_until(&mut self, text: &str) -> Option<()> {
        let mut buffer = [0; 4_096];
        loop {
            if self.read.contains(text) {
                return Some(());
            }
            match timeout(PATIENCE, self.stream.read(&mut buffer))
                .await
                .unwrap()
            {
                Ok(count) if count > 0 => {
                    self.read
                        .push_str(std::str::from_utf8(&buffer[..count]).unwrap());
                }
                _ => return None,
            }
        }
    }

    /// How many messages came before the stream ended or a ping was answered.
    pub(crate) async fn drain_messages(&mut self) -> usize {
        let _ = self
            .try_send("<iq type='get' id='last'><ping xmlns='urn:xmpp:ping'/></iq>")
            .await;
        let _ = self.try_until("id='last'").await;
        self.read.matches("</message>").count()
    }
}

/// Other domains than `localhost`.
impl Client {
    /// Signed in and available at a node that serves `domain` and whose certificate leads to `anchors`.
    pub(crate) async fn online_at(
        address: SocketAddr,
        anchors: &Path,
        domain: &str,
        name: &str,
        resource: &str,
    ) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let server = "localhost".try_into().unwrap();
        let mut client = Self {
            stream: connector(anchors).connect(server, stream).await.unwrap(),
            read: String::new(),
            jid: format!("{name}@{domain}/{resource}"),
        };
        let header = format!(
            "<stream:stream to='{domain}' version='1.0' xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams'>"
        );
        client.send(&header).await;
        client.until("</stream:features>").await;
        let plain = BASE64.encode(format!("\0{name}\0pencil").as_bytes());
        let sasl = "urn:ietf:params:xml:ns:xmpp-sasl";
        client
            .send(&format!(
                "<auth xmlns='{sasl}' mechanism='PLAIN'>{plain}</auth>"
            ))
            .await;
        client.until("<success").await;
        client.send(&header).await;
        client.until("</stream:features>").await;
        let bind = "urn:ietf:params:xml:ns:xmpp-bind";
        let resource = format!("<resource>{resource}</resource>");
        client
            .send(&format!(
                "<iq type='set' id='b'><bind xmlns='{bind}'>{resource}</bind></iq>"
            ))
            .await;
        client.until("</bind></iq>").await;
        client.send("<presence/>").await;
        // What waited for it may come at once, and is the test's to read.
        let own = format!("from='{}'", client.jid);
        client.until(&own).await;
        client
    }
}
