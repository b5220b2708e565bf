//! A running node whose messenger is spoken to over HTTP: the WebSocket, BOSH, the API and the command line.

use std::collections::VecDeque;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use data_encoding::BASE64;
use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::client::IntoClientRequest as _;
use tungstenite::http::HeaderValue;
use tungstenite::{HandshakeError, Message};
use ureq::Agent;

use crate::kill9::{Node, administrator, agent, post};

const OPEN: &str =
    "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>";
const PATIENCE: Duration = Duration::from_secs(20);

/// A node and its operator.
pub(crate) struct Bed {
    pub(crate) node: Node,
    pub(crate) agent: Agent,
    pub(crate) operator: String,
    folder: TempDir,
    writes: u32,
}

impl Bed {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let node = Node::start_with(&folder.path().join("data"), arguments);
        let operator = administrator(&node);
        Self {
            node,
            agent: agent(),
            operator,
            folder,
            writes: 0,
        }
    }

    /// Where the node keeps everything.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A file of the test.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// kill -9, and the same folder again.
    pub(crate) fn crash(&mut self) {
        self.node.kill();
        self.node = Node::start(&self.data());
    }

    pub(crate) fn send(&mut self, token: &str, path: &str, body: &Value) -> (u16, Value) {
        self.writes += 1;
        let key = format!("w{}", self.writes);
        let (status, _, body) = post(&self.agent, &self.node.url(path), token, &key, body).unwrap();
        (status, body)
    }

    /// A write of the operator that succeeds.
    #[track_caller]
    pub(crate) fn done(&mut self, path: &str, body: &Value) -> Value {
        let token = self.operator.clone();
        let (status, body) = self.send(&token, path, body);
        assert!((200..300).contains(&status), "{path}: {status} {body}");
        body
    }

    /// Makes an account; its password is [`password`].
    pub(crate) fn account(&mut self, name: &str) {
        let body = json!({"jid": format!("{name}@localhost"), "password": password(name)});
        self.done("/v1/iris/accounts", &body);
    }

    /// Runs the command line as the operator: exit code, standard output, standard error.
    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hanse"))
            .args(arguments)
            .env("HANSE_URL", self.node.url(""))
            .env("HANSE_DATA", self.path("client"))
            .env("HANSE_TOKEN", &self.operator)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, input.as_bytes()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    }

    /// A command that succeeds, and what it printed as JSON.
    #[track_caller]
    pub(crate) fn does(&self, arguments: &[&str], input: &str) -> Value {
        let (exit, out, err) = self.run(&[arguments, &["--json"]].concat(), input);
        assert_eq!(exit, Some(0), "{arguments:?}\n{out}\n{err}");
        serde_json::from_str(&out).unwrap_or_else(|_| panic!("{arguments:?} printed {out}"))
    }

    /// A signed-in, bound session over the WebSocket, which said that it is there and saw itself.
    #[track_caller]
    pub(crate) fn session(&self, name: &str) -> WebSocket {
        let mut socket = self.socket();
        socket.sign_in(name);
        socket.say("<presence xmlns='jabber:client'/>");
        let own = format!("from='{name}@localhost/web'");
        socket.read_until(|next| next.starts_with("<presence ") && next.contains(&own));
        socket
    }

    /// A WebSocket whose stream is open.
    #[track_caller]
    pub(crate) fn socket(&self) -> WebSocket {
        let mut socket = WebSocket::connect(&self.node, Some("xmpp"), None).unwrap();
        socket.say(OPEN);
        socket.until("<stream:features");
        socket
    }
}

/// The password of an account that [`Bed::account`] made.
pub(crate) fn password(name: &str) -> String {
    format!("pw-{name}-8Jq")
}

/// The initial response of PLAIN.
pub(crate) fn plain(name: &str, password: &str) -> String {
    BASE64.encode(format!("\0{name}\0{password}").as_bytes())
}

/// One XMPP stream over a WebSocket (RFC 7395).
pub(crate) struct WebSocket {
    stream: tungstenite::WebSocket<TcpStream>,
    /// Stanzas that were said since [`WebSocket::write`] first asked to have them acknowledged.
    said: Option<u32>,
    /// What came while something else was waited for.
    waiting: VecDeque<String>,
}

impl WebSocket {
    /// Asks for a WebSocket; the status when it is refused.
    pub(crate) fn connect(
        node: &Node,
        protocol: Option<&'static str>,
        origin: Option<&'static str>,
    ) -> Result<Self, u16> {
        let url = node.url("/xmpp").replacen("http", "ws", 1);
        let mut request = url.as_str().into_client_request().unwrap();
        let headers = request.headers_mut();
        let named = [("sec-websocket-protocol", protocol), ("origin", origin)];
        for (name, value) in named {
            if let Some(value) = value {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        let socket = TcpStream::connect(request.uri().authority().unwrap().as_str()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        match tungstenite::client(request, socket) {
            Ok((socket, answer)) => {
                assert_eq!(answer.headers()["sec-websocket-protocol"], "xmpp");
                Ok(Self {
                    stream: socket,
                    said: None,
                    waiting: VecDeque::new(),
                })
            }
            Err(HandshakeError::Failure(tungstenite::Error::Http(answer))) => {
                Err(answer.status().as_u16())
            }
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) fn say(&mut self, text: &str) {
        let is_stanza = ["<message ", "<presence ", "<iq "]
            .iter()
            .any(|start| text.starts_with(start));
        if let Some(said) = &mut self.said {
            *said += u32::from(is_stanza);
        }
        self.stream.send(Message::text(text)).unwrap();
    }

    pub(crate) fn say_bytes(&mut self, bytes: &'static [u8]) {
        self.stream.send(Message::binary(bytes)).unwrap();
    }

    /// The next message, or nothing when the server closed.
    pub(crate) fn hear(&mut self) -> Option<String> {
        self.waiting.pop_front().or_else(|| self.read())
    }

    fn read(&mut self) -> Option<String> {
        loop {
            match self.stream.read() {
                Ok(Message::Text(text)) => return Some(text.to_string()),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// The next message that holds this; others are passed over.
    #[track_caller]
    pub(crate) fn until(&mut self, wanted: &str) -> String {
        let mut passed = Vec::new();
        while let Some(message) = self.hear() {
            if message.contains(wanted) {
                return message;
            }
            passed.push(message);
        }
        panic!("the stream ended without {wanted}; it said {passed:?}");
    }

    /// Every message up to the answer to a ping: what came meanwhile.
    #[track_caller]
    pub(crate) fn meanwhile(&mut self) -> Vec<String> {
        self.say(
            "<iq xmlns='jabber:client' type='get' id='ping'><ping xmlns='urn:xmpp:ping'/></iq>",
        );
        let mut found = Vec::new();
        while let Some(message) = self.hear() {
            if message.contains("id='ping'") {
                return found;
            }
            found.push(message);
        }
        panic!("the stream ended; it said {found:?}");
    }

    /// Authenticates with a password and binds the resource `web`.
    #[track_caller]
    pub(crate) fn sign_in(&mut self, name: &str) {
        self.authenticate("PLAIN", &plain(name, &password(name)));
        self.bind();
    }

    /// Authenticates and opens the stream again.
    #[track_caller]
    pub(crate) fn authenticate(&mut self, mechanism: &str, initial: &str) {
        let answer = self.try_authenticate(mechanism, initial);
        assert!(answer.starts_with("<success"), "{answer}");
        self.say(OPEN);
        self.until("<stream:features");
    }

    pub(crate) fn try_authenticate(&mut self, mechanism: &str, initial: &str) -> String {
        self.say(&format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{mechanism}'>{initial}</auth>"
        ));
        let answer = self.hear().unwrap();
        if answer.starts_with("<challenge") {
            // OAUTHBEARER tells why in a challenge, which the client answers (RFC 7628 3.2.2).
            self.say("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AQ==</response>");
            return self.hear().unwrap();
        }
        answer
    }

    #[track_caller]
    pub(crate) fn bind(&mut self) {
        self.say(
            "<iq xmlns='jabber:client' type='set' id='bind'>\
             <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>web</resource></bind></iq>",
        );
        let bound = self.until("id='bind'");
        assert!(bound.contains("/web</jid>"), "{bound}");
    }

    /// Sends a chat message and waits until it is durable, which its acknowledgement says (XEP-0198).
    #[track_caller]
    pub(crate) fn write(&mut self, to: &str, text: &str) {
        if self.said.is_none() {
            self.say("<enable xmlns='urn:xmpp:sm:3'/>");
            self.read_until(|next| next.starts_with("<enabled "));
            self.said = Some(0);
        }
        self.say(&format!(
            "<message xmlns='jabber:client' to='{to}' type='chat' id='{text}'><body>{text}</body></message>"
        ));
        let mut handled = None;
        while handled < self.said {
            self.say("<r xmlns='urn:xmpp:sm:3'/>");
            let told = self.read_until(|next| next.starts_with("<a "));
            handled = Some(attribute(&told, "h").parse().unwrap());
        }
    }

    /// Reads up to what is wanted, and keeps the rest for whoever hears next.
    #[track_caller]
    fn read_until(&mut self, is_wanted: impl Fn(&str) -> bool) -> String {
        loop {
            let next = self.read().expect("the stream goes on");
            if is_wanted(&next) {
                return next;
            }
            self.waiting.push_back(next);
        }
    }
}

/// The value of an attribute in a text.
#[track_caller]
pub(crate) fn attribute(text: &str, name: &str) -> String {
    let (_, rest) = text
        .split_once(&format!(" {name}='"))
        .unwrap_or_else(|| panic!("no {name} in {text}"));
    rest.split('\'').next().unwrap().to_owned()
}
