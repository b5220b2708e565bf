//! Scripts of what a client sends and what it gets, over the pure machine.

use bytes::Bytes;
use iris::framer::Limits;
use iris::sasl::{Credentials, Mechanism};
use iris::stream::{Action, ClientStream, Config, Event, ResourceWish};
use jid::{BareJid, DomainPart, FullJid, Jid};
use proptest::prelude::*;

const HEADER: &str = "<?xml version='1.0'?><stream:stream to='zone.example' version='1.0' \
                      xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
const PLAIN: &str =
    "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHVzZXIAcGVuY2ls</auth>";
const PASSWORD: &str = "pencil";

fn config() -> Config {
    Config {
        domain: DomainPart::new("zone.example").unwrap().into_owned(),
        is_websocket: false,
        is_encrypted: true,
        exporter: None,
        before: Limits::BEFORE,
        after: Limits::AFTER,
        tries: 3,
        takes_tokens: true,
        features: String::new(),
        random: [3; 32],
        salt_key: [4; 32],
    }
}

fn account() -> BareJid {
    BareJid::new("user@zone.example").unwrap()
}

fn full() -> FullJid {
    FullJid::new("user@zone.example/phone").unwrap()
}

fn credentials() -> Option<Credentials> {
    Some(Credentials::derive(PASSWORD, &[1; 16], 2).unwrap())
}

/// A shell that answers every question at once and remembers what was written.
struct Shell {
    stream: ClientStream,
    written: String,
    others: Vec<Action>,
}

impl Shell {
    fn new(config: Config) -> Self {
        Self {
            stream: ClientStream::new(config),
            written: String::new(),
            others: Vec::new(),
        }
    }

    fn signed_in() -> Self {
        let mut shell = Self::new(config());
        shell.say(HEADER);
        shell.say(PLAIN);
        shell.say(HEADER);
        shell
    }

    fn bound() -> Self {
        let mut shell = Self::signed_in();
        shell.say("<iq id='b' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
        shell.others.clear();
        shell
    }

    /// What the client gets for this.
    fn say(&mut self, text: &str) -> String {
        self.written.clear();
        let actions = self.stream.on(Event::Received(text.as_bytes()));
        self.carry_out(actions);
        self.written.clone()
    }

    fn event(&mut self, event: Event<'_>) -> String {
        self.written.clear();
        let actions = self.stream.on(event);
        self.carry_out(actions);
        self.written.clone()
    }

    fn carry_out(&mut self, actions: Vec<Action>) {
        for action in actions {
            let answer = match &action {
                Action::Write(bytes) => {
                    self.written.push_str(std::str::from_utf8(bytes).unwrap());
                    continue;
                }
                Action::StartTls => Some(Event::TlsEstablished { exporter: None }),
                Action::LookUp { .. } => Some(Event::Credentials(credentials())),
                Action::CheckToken { token } => {
                    Some(Event::TokenChecked((token == "good").then(account)))
                }
                Action::Bind { .. } => Some(Event::Bound(full())),
                Action::EnableSm { resume, .. } => Some(Event::SmEnabled {
                    id: resume.then(|| "s1".to_owned()),
                    max_secs: 300,
                }),
                Action::Resume { previd, .. } if previd == "s1" => Some(Event::Resumed {
                    jid: full(),
                    handled: 7,
                }),
                Action::Resume { .. } => Some(Event::ResumeFailed { handled: Some(5) }),
                _ => None,
            };
            self.others.push(action);
            if let Some(answer) = answer {
                let actions = self.stream.on(answer);
                self.carry_out(actions);
            }
        }
    }

    fn stanzas(&self) -> Vec<(Bytes, Option<u32>)> {
        let stanza = |action: &Action| match action {
            Action::Stanza { stanza, count } => Some((stanza.bytes.clone(), *count)),
            _ => None,
        };
        self.others.iter().filter_map(stanza).collect()
    }
}

#[test]
fn a_client_starts_tls_signs_in_binds_and_speaks() {
    let mut shell = Shell::new(Config {
        is_encrypted: false,
        ..config()
    });
    let features = shell.say(HEADER);
    assert!(features.contains("<required/>") && !features.contains("mechanism"));
    let proceed = shell.say("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    assert_eq!(
        proceed,
        "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
    );
    let features = shell.say(HEADER);
    assert!(features.contains("<mechanism>SCRAM-SHA-256</mechanism>"));
    assert!(!features.contains("-PLUS"));
    assert_eq!(
        shell.say(PLAIN),
        "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
    );
    assert!(
        shell
            .say(HEADER)
            .contains("urn:ietf:params:xml:ns:xmpp-bind")
    );
    let bound = shell.say(
        "<iq id='b' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>phone</resource></bind></iq>",
    );
    assert!(bound.contains("<jid>user@zone.example/phone</jid>"));
    let wish = ResourceWish::Asked(Some("phone".to_owned()));
    assert!(shell.others.contains(&Action::Bind {
        account: account(),
        resource: wish
    }));
    shell.say("<message to='bob@zone.example'><body>hi</body></message>");
    let expect =
        "<message from='user@zone.example/phone' to='bob@zone.example'><body>hi</body></message>";
    assert_eq!(shell.stanzas(), [(Bytes::from(expect), None)]);
    assert_eq!(shell.say("</stream:stream>"), "</stream:stream>");
    assert_eq!(shell.others.last(), Some(&Action::Close));
}

#[test]
fn what_came_before_tls_is_not_read_after_it() {
    let mut shell = Shell::new(Config {
        is_encrypted: false,
        ..config()
    });
    shell.say(HEADER);
    let refused = shell.say(&format!(
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>{HEADER}{PLAIN}"
    ));
    assert!(refused.contains("<policy-violation"));
    assert!(!shell.others.contains(&Action::StartTls));

    let mut shell = Shell::new(Config {
        is_encrypted: false,
        ..config()
    });
    shell.say(HEADER);
    assert!(shell.say(PLAIN).contains("<policy-violation"));
}

#[test]
fn nothing_is_passed_on_before_bind() {
    let mut secured = Shell::new(config());
    secured.say(HEADER);
    for mut shell in [secured, Shell::signed_in()] {
        let refused = shell.say("<message to='bob@zone.example'><body>hi</body></message>");
        assert!(refused.contains("<stream:error"), "{refused}");
        assert_eq!(shell.stanzas(), []);
    }
}

#[test]
fn the_header_must_be_for_this_domain_and_version() {
    for (from, to, condition) in [
        ("zone.example", "other.example", "host-unknown"),
        ("version='1.0' ", "", "unsupported-version"),
        ("jabber:client", "jabber:server", "invalid-namespace"),
        (
            "etherx.jabber.org/streams",
            "etherx.jabber.org/stream",
            "invalid-namespace",
        ),
        ("<?xml version='1.0'?>", "<!DOCTYPE a>", "restricted-xml"),
    ] {
        let refused = Shell::new(config()).say(&HEADER.replace(from, to));
        assert!(
            refused.starts_with("<?xml version='1.0'?><stream:stream"),
            "{refused}"
        );
        assert!(
            refused.contains(&format!("<{condition} ")),
            "{condition}: {refused}"
        );
        assert!(refused.ends_with("</stream:stream>"));
    }
}

#[test]
fn sign_in_may_fail_only_so_often() {
    let wrong = PLAIN.replace("AHVzZXIAcGVuY2ls", "AHVzZXIAd3Jvbmc=");
    let mut shell = Shell::new(config());
    shell.say(HEADER);
    for _ in 0..2 {
        let failure = shell.say(&wrong);
        assert!(failure.contains("<not-authorized/>") && !failure.contains("stream:error"));
    }
    assert!(shell.say(&wrong).contains("<policy-violation"));
    assert_eq!(shell.others.last(), Some(&Action::Close));
    let failed = Action::SignInFailed {
        account: Some(account()),
        mechanism: Mechanism::Plain,
    };
    assert_eq!(shell.others.iter().filter(|a| **a == failed).count(), 3);
}

#[test]
fn h_waits_for_the_disk_but_not_forever() {
    let mut shell = Shell::bound();
    let enabled = shell.say("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    assert_eq!(
        enabled,
        "<enabled xmlns='urn:xmpp:sm:3' id='s1' resume='true' max='300'/>"
    );
    let nothing = shell.say("<message/><presence/><r xmlns='urn:xmpp:sm:3'/>");
    assert_eq!(nothing, "");
    let counts: Vec<_> = shell
        .stanzas()
        .into_iter()
        .map(|(_, count)| count)
        .collect();
    assert_eq!(counts, [Some(1), Some(2)]);
    assert_eq!(shell.event(Event::Handled(1)), "");
    assert_eq!(shell.event(Event::Tick), "<a xmlns='urn:xmpp:sm:3' h='1'/>");
    assert_eq!(
        shell.event(Event::Handled(2)),
        "<a xmlns='urn:xmpp:sm:3' h='2'/>"
    );
    assert_eq!(
        shell.say("<r xmlns='urn:xmpp:sm:3'/>"),
        "<a xmlns='urn:xmpp:sm:3' h='2'/>"
    );
    shell.say("<a xmlns='urn:xmpp:sm:3' h='9'/>");
    assert_eq!(shell.others.last(), Some(&Action::Acked(9)));
}

#[test]
fn a_session_is_resumed_where_it_was() {
    let mut shell = Shell::signed_in();
    let failed = shell.say("<resume xmlns='urn:xmpp:sm:3' previd='gone' h='1'/>");
    assert!(failed.starts_with("<failed xmlns='urn:xmpp:sm:3' h='5'><item-not-found"));
    let resumed = shell.say("<resume xmlns='urn:xmpp:sm:3' previd='s1' h='2'/>");
    assert_eq!(
        resumed,
        "<resumed xmlns='urn:xmpp:sm:3' h='7' previd='s1'/>"
    );
    shell.say("<message/>");
    assert_eq!(shell.stanzas()[0].1, Some(8));
    assert!(shell.others.contains(&Action::Resume {
        account: account(),
        previd: "s1".to_owned(),
        h: 2
    }));
}

#[test]
fn one_round_trip_signs_in_binds_and_enables_everything() {
    let mut shell = Shell::new(config());
    let features = shell.say(HEADER);
    assert!(features.contains("<authentication xmlns='urn:xmpp:sasl:2'>"));
    let success = shell.say(
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>\
         <initial-response>AHVzZXIAcGVuY2ls</initial-response>\
         <user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/>\
         <bind xmlns='urn:xmpp:bind:0'><tag>Chat</tag><enable xmlns='urn:xmpp:carbons:2'/>\
         <enable xmlns='urn:xmpp:sm:3' resume='true'/></bind></authenticate>",
    );
    assert!(success.starts_with(
        "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>user@zone.example/phone</authorization-identifier>\
         <bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='s1'"
    ), "{success}");
    assert!(shell.others.contains(&Action::Carbons));
    shell.say("<message/>");
    assert_eq!(shell.stanzas()[0].1, Some(1));

    let mut shell = Shell::new(config());
    shell.say(HEADER);
    let resumed = shell.say(
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>\
         <initial-response>AHVzZXIAcGVuY2ls</initial-response>\
         <resume xmlns='urn:xmpp:sm:3' previd='s1' h='2'/></authenticate>",
    );
    assert!(resumed.contains("<resumed xmlns='urn:xmpp:sm:3' h='7' previd='s1'/></success>"));
}

#[test]
fn a_bearer_token_signs_in() {
    let auth = |token: &str| {
        let data = format!("n,,\x01auth=Bearer {token}\x01\x01");
        let data = data_encoding::BASE64.encode(data.as_bytes());
        format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='OAUTHBEARER'>{data}</auth>"
        )
    };
    let mut shell = Shell::new(config());
    shell.say(HEADER);
    assert!(shell.say(&auth("bad")).starts_with("<challenge"));
    let response = "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AQ==</response>";
    assert!(shell.say(response).contains("<not-authorized/>"));
    assert!(shell.say(&auth("good")).starts_with("<success"));
}

#[test]
fn a_websocket_carries_one_element_a_message() {
    let mut shell = Shell::new(Config {
        is_websocket: true,
        ..config()
    });
    let open =
        "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='zone.example' version='1.0'/>";
    let answer = shell.say(open);
    assert!(answer.starts_with("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'"));
    assert!(answer.contains("<stream:features xmlns:stream='http://etherx.jabber.org/streams'>"));
    shell.say(PLAIN);
    shell.say(open);
    let bound = shell.say(
        "<iq xmlns='jabber:client' id='b' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    );
    assert!(bound.starts_with("<iq xmlns='jabber:client' "), "{bound}");
    shell.say("<message xmlns='jabber:client'/>");
    let (carried, _) = shell.stanzas()[0].clone();
    assert_eq!(carried, "<message from='user@zone.example/phone'/>");
    let sent = shell.stream.encode(&carried);
    assert_eq!(
        sent,
        "<message xmlns='jabber:client' from='user@zone.example/phone'/>"
    );
    let close = "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";
    assert_eq!(shell.say(close), close);
}

#[test]
fn a_stanza_that_cannot_be_addressed_is_answered_and_counted() {
    let mut shell = Shell::bound();
    shell.say("<enable xmlns='urn:xmpp:sm:3'/>");
    shell.say("<iq id='1' type='get' to='@'/><iq id='2' type='nonsense'/><message/>");
    let refused: Vec<_> = shell
        .others
        .iter()
        .filter_map(|action| match action {
            Action::Refused { reply, count } => Some((reply.clone().unwrap(), *count)),
            _ => None,
        })
        .collect();
    assert_eq!((refused[0].1, refused[1].1), (Some(1), Some(2)));
    assert!(
        std::str::from_utf8(&refused[0].0)
            .unwrap()
            .contains("<jid-malformed")
    );
    assert!(
        std::str::from_utf8(&refused[1].0)
            .unwrap()
            .contains("<bad-request")
    );
    assert_eq!(shell.stanzas()[0].1, Some(3));
    assert!(shell.say("<auth/>").contains("<unsupported-stanza-type"));
}

#[test]
fn sizes_and_depths_are_capped_before_and_after_sign_in() {
    let nested = |depth: usize| "<a>".repeat(depth);
    let mut shell = Shell::new(config());
    shell.say(HEADER);
    assert!(shell.say(&nested(17)).contains("<policy-violation"));
    let mut shell = Shell::new(config());
    assert!(
        shell
            .say(&format!("{HEADER}<auth>{}", "x".repeat(9000)))
            .contains("<policy-violation")
    );
    let mut shell = Shell::bound();
    assert_eq!(
        shell.say(&format!(
            "<message>{}{}</message>",
            nested(63),
            "</a>".repeat(63)
        )),
        ""
    );
    assert!(shell.say(&nested(65)).contains("<policy-violation"));
}

fn pieces() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        HEADER,
        PLAIN,
        "<message>",
        "</message>",
        "<iq id='1' type='set'>",
        "</iq>",
        "<a/>",
        "]]>",
        "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>",
        "</stream:stream>",
        "<![CDATA[",
        "&amp;",
        "<enable xmlns='urn:xmpp:sm:3'/>",
        "<r xmlns='urn:xmpp:sm:3'/>",
        "<abort",
        ">",
        "'",
        "\u{0}",
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        "<authenticate xmlns='urn:xmpp:sasl:2'/>",
    ]);
    prop_oneof![4 => known.prop_map(str::to_owned), 1 => "\\PC{0,8}"]
}

proptest! {
    #[test]
    fn any_bytes_are_survived(texts in prop::collection::vec(pieces(), 0..20), encrypted in any::<bool>()) {
        let mut shell = Shell::new(Config { is_encrypted: encrypted, ..config() });
        for text in texts {
            shell.say(&text);
        }
        if shell.others.contains(&Action::Close) {
            prop_assert_eq!(shell.say(HEADER), "");
        }
        for (bytes, _) in shell.stanzas() {
            prop_assert_eq!(iris::stanza::Stanza::from_peer(&bytes).unwrap().from, Jid::from(full()));
        }
    }
}
