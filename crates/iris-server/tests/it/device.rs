//! A device that keeps its session over cut connections: it counts, acknowledges, resumes, and sends again what it did
//! not hear of, as XEP-0198 asks of clients.

use std::collections::VecDeque;

use iris::framer::{Frame, Framer, Limits};

use crate::bed::Place;
use crate::client::{Client, attribute};

pub(crate) struct Device {
    name: String,
    client: Option<Client>,
    framer: Framer,
    session: String,
    /// Stanzas that came in this session.
    handled: u32,
    /// Stanzas sent in this session and not acknowledged.
    unacknowledged: VecDeque<String>,
    acknowledged: u32,
    /// Numbers of the messages that came.
    pub(crate) numbers: Vec<usize>,
    /// How often its session was resumed.
    pub(crate) resumed: usize,
}

fn fresh_framer() -> Framer {
    let mut framer = Framer::new(Limits::AFTER);
    framer.push(
        b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
    );
    framer.next_frame().unwrap();
    framer
}

impl Device {
    /// Signed in as `name@localhost/name`, resumable and available.
    pub(crate) async fn online(place: &impl Place, name: &str) -> Self {
        let mut device = Self::bound(place, name).await;
        device.send("<presence/>".to_owned()).await;
        device.settle().await;
        device
    }

    /// Signed in as `name@localhost/name`, and resumable.
    pub(crate) async fn bound(place: &impl Place, name: &str) -> Self {
        let mut client = Client::bound(place, name, name).await;
        let session = client.manage().await;
        Self {
            name: name.to_owned(),
            client: Some(client),
            framer: fresh_framer(),
            session,
            handled: 0,
            unacknowledged: VecDeque::new(),
            acknowledged: 0,
            numbers: Vec::new(),
            resumed: 0,
        }
    }

    /// Sends a stanza. If the connection is gone, it is sent when the session is resumed.
    pub(crate) async fn send(&mut self, stanza: String) {
        let with_question = format!("{stanza}<r xmlns='urn:xmpp:sm:3'/>");
        self.unacknowledged.push_back(stanza);
        self.write(&with_question).await;
    }

    /// Sends a message with a number to one device.
    pub(crate) async fn say_to_device(&mut self, to: &str, number: usize) {
        self.say_to(&format!("{to}@localhost/{to}"), number).await;
    }

    /// Sends a message with a number, and that number as its origin id.
    pub(crate) async fn say(&mut self, to: &str, number: usize) {
        self.say_to(&format!("{to}@localhost"), number).await;
    }

    async fn say_to(&mut self, to: &str, number: usize) {
        self.send(format!(
            "<message to='{to}' type='chat'><body>n{number}.</body>\
             <origin-id xmlns='urn:xmpp:sid:0' id='{number}'/></message>"
        ))
        .await;
    }

    async fn write(&mut self, text: &str) {
        if let Some(client) = &mut self.client
            && client.try_send(text).await.is_err()
        {
            self.client = None;
        }
    }

    /// What it sent and does not know to be durable.
    pub(crate) fn open(&self) -> usize {
        self.unacknowledged.len()
    }

    /// Acknowledges all it has.
    pub(crate) async fn acknowledge(&mut self) {
        let answer = format!("<a xmlns='urn:xmpp:sm:3' h='{}'/>", self.handled);
        self.write(&answer).await;
    }

    /// Takes what comes next. `false` when the connection is gone.
    pub(crate) async fn step(&mut self) -> bool {
        let Some(client) = &mut self.client else {
            return false;
        };
        let Some(text) = client.some().await else {
            self.client = None;
            return false;
        };
        self.framer.push(text.as_bytes());
        while let Some(frame) = self.framer.next_frame().unwrap() {
            match frame {
                Frame::Element(element) => {
                    self.element(std::str::from_utf8(&element).unwrap()).await;
                }
                Frame::Close => self.client = None,
                Frame::Open(_) => {}
            }
        }
        self.client.is_some()
    }

    async fn element(&mut self, element: &str) {
        if element.starts_with("<r ") {
            let answer = format!("<a xmlns='urn:xmpp:sm:3' h='{}'/>", self.handled);
            return self.write(&answer).await;
        }
        if element.starts_with("<a ") {
            return self.acknowledged_to(attribute(element, "h").parse().unwrap());
        }
        if ["<message", "<presence", "<iq"]
            .iter()
            .any(|start| element.starts_with(start))
        {
            self.handled = self.handled.wrapping_add(1);
            self.numbers.extend(crate::line::number_of(element));
        }
    }

    fn acknowledged_to(&mut self, h: u32) {
        let count = h.wrapping_sub(self.acknowledged) as usize;
        assert!(
            count <= self.unacknowledged.len(),
            "{}: h is {h} after {}, with {} open",
            self.name,
            self.acknowledged,
            self.unacknowledged.len()
        );
        self.unacknowledged.drain(..count);
        self.acknowledged = h;
    }

    /// Reads until all it sent is durable, or the connection is gone. Whether it is durable.
    pub(crate) async fn settle(&mut self) -> bool {
        while !self.unacknowledged.is_empty() {
            if !self.step().await {
                return false;
            }
        }
        true
    }

    /// Reads until it has `count` messages, or the connection is gone. Whether it has them.
    pub(crate) async fn receive(&mut self, count: usize) -> bool {
        while self.numbers.len() < count {
            if !self.step().await {
                return false;
            }
        }
        true
    }

    /// Reads until a ping is answered, so that everything the server had before is here.
    pub(crate) async fn catch_up(&mut self) {
        self.send("<iq type='get' id='catch-up'><ping xmlns='urn:xmpp:ping'/></iq>".to_owned())
            .await;
        assert!(self.settle().await, "{}: the connection is gone", self.name);
    }

    /// Acknowledges all it has, says that it goes, and goes.
    pub(crate) async fn leave(&mut self) {
        assert!(self.settle().await, "{}: the connection is gone", self.name);
        self.catch_up().await;
        let last = format!(
            "<a xmlns='urn:xmpp:sm:3' h='{}'/></stream:stream>",
            self.handled
        );
        self.write(&last).await;
        // What still comes is not acknowledged, so it comes again to the next session.
        let known = self.numbers.len();
        while self.step().await {}
        self.numbers.truncate(known);
    }

    /// Takes what comes next, which there is if it asks for it.
    pub(crate) async fn step_if_connected(&mut self) {
        if self.client.is_some() {
            self.write("<r xmlns='urn:xmpp:sm:3'/>").await;
            self.step().await;
        }
    }

    /// The connection goes without a word.
    pub(crate) fn cut(&mut self) {
        self.client = None;
    }

    /// Resumes its session on another connection, and sends again what the server does not have. The old connection
    /// stays as it is, until it is replaced.
    pub(crate) async fn resume(&mut self, place: &impl Place) {
        let (client, h) = Client::resumed(place, &self.name, &self.session, self.handled).await;
        self.client = Some(client);
        self.framer = fresh_framer();
        self.acknowledged_to(h);
        self.resumed += 1;
        let again: Vec<_> = self.unacknowledged.iter().cloned().collect();
        for stanza in again {
            self.write(&format!("{stanza}<r xmlns='urn:xmpp:sm:3'/>"))
                .await;
        }
    }
}
