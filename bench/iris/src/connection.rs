//! One client connection: bytes out, and bytes in up to what is waited for.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::Options;
use crate::account::Account;
use crate::scram::{Cache, Exchange, Hash};

const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";

/// A connection with TLS.
pub(crate) type Tls = TlsStream<tokio::net::TcpStream>;

/// What all connections to one server share.
pub(crate) struct Server {
    address: SocketAddr,
    pub(crate) domain: String,
    name: ServerName<'static>,
    connector: TlsConnector,
    scram: Hash,
    keys: Cache,
}

impl Server {
    /// As the options say.
    pub(crate) fn of(options: &Options) -> Result<Arc<Self>> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(&options.ca)? {
            roots.add(certificate?)?;
        }
        let provider = Arc::new(crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        // Every handshake is a whole one.
        config.resumption = Resumption::disabled();
        Ok(Arc::new(Self {
            address: options.address,
            domain: options.domain.clone(),
            name: ServerName::try_from(options.domain.clone())?,
            connector: TlsConnector::from(Arc::new(config)),
            scram: options.scram,
            keys: Cache::default(),
        }))
    }
}

/// A client's connection.
pub(crate) struct Connection {
    pub(crate) stream: Tls,
    pub(crate) read: Vec<u8>,
}

impl Connection {
    /// Connects, signs in and binds `resource`. `from` chooses one of the loopback addresses, so that no run is short of ports.
    pub(crate) async fn bound(
        server: &Server,
        account: &Account,
        resource: &str,
        from: u8,
    ) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 1, from.max(1)), 0)))?;
        let stream = socket.connect(server.address).await.context("connect")?;
        stream.set_nodelay(true)?;
        let stream = server
            .connector
            .connect(server.name.clone(), stream)
            .await
            .context("start TLS")?;
        let mut connection = Self {
            stream,
            read: Vec::new(),
        };
        connection.open(server).await?;
        connection.sign_in(server, account).await?;
        connection.open(server).await?;
        let bind = format!(
            "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{resource}</resource></bind></iq>"
        );
        connection.send(&bind).await?;
        let answer = connection.until(&["</iq>"]).await?;
        ensure!(answer.contains("<jid>"), "bind was refused: {answer}");
        Ok(connection)
    }

    /// Bound, available, and known to be.
    pub(crate) async fn online(
        server: &Server,
        account: &Account,
        resource: &str,
        from: u8,
    ) -> Result<Self> {
        let mut connection = Self::bound(server, account, resource, from).await?;
        connection.send("<presence/>").await?;
        connection.settled(server).await?;
        Ok(connection)
    }

    /// Waits until the server has handled what was sent.
    pub(crate) async fn settled(&mut self, server: &Server) -> Result<()> {
        let ping = format!(
            "<iq type='get' id='settled' to='{}'><ping xmlns='urn:xmpp:ping'/></iq>",
            server.domain
        );
        self.send(&ping).await?;
        self.until(&["settled"]).await?;
        self.until(&[">"]).await?;
        Ok(())
    }

    async fn open(&mut self, server: &Server) -> Result<()> {
        let header = format!(
            "<?xml version='1.0'?><stream:stream to='{}' version='1.0' xmlns='jabber:client' \
             xmlns:stream='http://etherx.jabber.org/streams'>",
            server.domain
        );
        self.send(&header).await?;
        self.until(&["</stream:features>"]).await?;
        Ok(())
    }

    async fn sign_in(&mut self, server: &Server, account: &Account) -> Result<()> {
        let (exchange, first) = Exchange::start(server.scram, &account.name);
        let mechanism = server.scram.mechanism();
        self.send(&format!(
            "<auth xmlns='{SASL}' mechanism='{mechanism}'>{first}</auth>"
        ))
        .await?;
        let challenge = self.until(&["</challenge>", "</failure>"]).await?;
        let Some(challenge) = text_of(&challenge, "challenge") else {
            bail!("{mechanism} was refused: {challenge}");
        };
        let (answer, proof) =
            exchange.answer(&server.keys, &account.name, &account.password, challenge)?;
        self.send(&format!("<response xmlns='{SASL}'>{answer}</response>"))
            .await?;
        let success = self.until(&["</success>", "</failure>"]).await?;
        ensure!(success.contains(&proof), "the sign-in failed: {success}");
        Ok(())
    }

    /// Sends text.
    pub(crate) async fn send(&mut self, text: &str) -> Result<()> {
        self.stream.write_all(text.as_bytes()).await?;
        self.stream.flush().await?;
        Ok(())
    }

    /// Everything up to the first of `ends`.
    pub(crate) async fn until(&mut self, ends: &[&str]) -> Result<String> {
        loop {
            let found = ends
                .iter()
                .filter_map(|end| Some(memmem::find(&self.read, end.as_bytes())? + end.len()))
                .min();
            if let Some(end) = found {
                let text = self.read.drain(..end).collect();
                return Ok(String::from_utf8(text)?);
            }
            let mut space = [0; 4096];
            let count = self.stream.read(&mut space).await?;
            ensure!(
                count > 0,
                "the stream ended after {:?}",
                String::from_utf8_lossy(&self.read)
            );
            self.read.extend_from_slice(&space[..count]);
        }
    }
}

fn text_of<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}"))?;
    let (_, rest) = rest.split_once('>')?;
    Some(rest.split_once("</")?.0)
}
