//! A client inside the process, over the channels of a WebSocket (RFC 7395): it costs no socket and no TLS, so a test
//! can have thousands, and what waits for it is exactly what it did not take.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use data_encoding::BASE64;
use iris_server::{Server, WebSocket};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Far above what anything here takes; it only ends a test that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Line {
    outgoing: mpsc::Sender<Bytes>,
    incoming: mpsc::Receiver<Bytes>,
    pub(crate) jid: String,
}

impl Line {
    /// Bound as `name@localhost/x`, by a token.
    pub(crate) async fn bound(server: &Arc<Server>, name: &str) -> Self {
        Self::named(server, name, "x").await
    }

    /// Bound as this resource, by a token.
    pub(crate) async fn named(server: &Arc<Server>, name: &str, resource: &str) -> Self {
        let (outgoing, from_client) = mpsc::channel(1);
        let (to_client, incoming) = mpsc::channel(1);
        let socket = WebSocket {
            incoming: from_client,
            outgoing: to_client,
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let server = server.clone();
        tokio::spawn(async move { server.websocket(socket).await });
        let mut line = Self {
            outgoing,
            incoming,
            jid: format!("{name}@localhost/{resource}"),
        };
        let open =
            "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>";
        line.send(open).await;
        line.until("<stream:features").await;
        let bearer = BASE64.encode(format!("n,,\x01auth=Bearer {name}\x01\x01").as_bytes());
        line.send(&format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='OAUTHBEARER'>{bearer}</auth>"
        ))
        .await;
        line.until("<success").await;
        line.send(open).await;
        line.until("<stream:features").await;
        line.send(&format!(
            "<iq xmlns='jabber:client' type='set' id='b'>\
             <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{resource}</resource></bind></iq>"
        ))
        .await;
        line.until("id='b'").await;
        line
    }

    /// Says that it is there, and waits until it sees itself.
    pub(crate) async fn arrive(&mut self) {
        self.send("<presence xmlns='jabber:client'/>").await;
        let own = format!("from='{}'", self.jid);
        self.until(&own).await;
    }

    pub(crate) async fn send(&self, element: &str) {
        let sending = self.outgoing.send(Bytes::from(element.to_owned()));
        timeout(PATIENCE, sending)
            .await
            .expect("the server reads")
            .expect("the stream goes on");
    }

    /// The next element; `None` when the stream ended.
    pub(crate) async fn next(&mut self) -> Option<String> {
        let next = timeout(PATIENCE, self.incoming.recv()).await;
        let next = next.unwrap_or_else(|_| panic!("nothing came to {}", self.jid));
        next.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// Reads up to the element that has this text.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        loop {
            let Some(element) = self.next().await else {
                panic!("the stream of {} ended before {text:?}", self.jid);
            };
            if element.contains(text) {
                return element;
            }
        }
    }

    pub(crate) async fn manage(&mut self) {
        self.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
            .await;
        self.until("<enabled").await;
    }

    pub(crate) async fn ping(&self, id: &str) {
        self.send(&format!(
            "<iq xmlns='jabber:client' type='get' id='{id}'><ping xmlns='urn:xmpp:ping'/></iq>"
        ))
        .await;
    }
}

/// A message with a number in it.
pub(crate) fn numbered(to: &str, number: usize, padding: usize) -> String {
    format!(
        "<message xmlns='jabber:client' to='{to}' type='chat'><body>n{number}.{}</body></message>",
        "x".repeat(padding)
    )
}

/// The number in a message.
pub(crate) fn number_of(element: &str) -> Option<usize> {
    let start = element.find("<body>n")? + 7;
    let end = element[start..].find('.')?;
    element[start..start + end].parse().ok()
}
