//! Two pure streams talk to each other: what one opens, the other takes.

use iris::s2s::{
    Broken, IncomingAction, IncomingConfig, IncomingEvent, IncomingStream, OutgoingAction,
    OutgoingConfig, OutgoingEvent, OutgoingStream, Purpose,
};
use iris::stanza::Stanza;
use jid::DomainPart;
use proptest::prelude::*;

const SECRET_A: [u8; 32] = [1; 32];
const SECRET_B: [u8; 32] = [2; 32];

fn domain(text: &str) -> DomainPart {
    DomainPart::new(text).unwrap().into_owned()
}

/// What certificates prove, and what both sides take.
#[derive(Clone, Copy)]
struct World {
    a_is_proven: bool,
    b_is_proven: bool,
    a_takes_dialback: bool,
    b_takes_dialback: bool,
}

const TRUSTED: World = World {
    a_is_proven: true,
    b_is_proven: true,
    a_takes_dialback: false,
    b_takes_dialback: false,
};

struct Link {
    world: World,
    a: OutgoingStream,
    b: IncomingStream,
    from_a: Vec<OutgoingAction>,
    from_b: Vec<IncomingAction>,
    /// All that went over the wire.
    wire: String,
}

fn receiver(world: World) -> IncomingStream {
    IncomingStream::new(IncomingConfig {
        domains: vec![domain("b.example"), domain("conference.b.example")],
        dialback: world.b_takes_dialback,
        secret: SECRET_B,
        random: [7; 32],
    })
}

fn sender(
    world: World,
    local: &str,
    remote: &str,
    purpose: Purpose,
    secret: [u8; 32],
) -> OutgoingStream {
    OutgoingStream::new(OutgoingConfig {
        local: domain(local),
        remote: domain(remote),
        purpose,
        dialback: world.a_takes_dialback,
        secret,
    })
}

impl Link {
    fn open(world: World) -> Self {
        let mut link = Self {
            world,
            a: sender(world, "a.example", "b.example", Purpose::Send, SECRET_A),
            b: receiver(world),
            from_a: Vec::new(),
            from_b: Vec::new(),
            wire: String::new(),
        };
        let actions = link.a.on(OutgoingEvent::Connected);
        link.carry_a(actions);
        link
    }

    fn carry_a(&mut self, actions: Vec<OutgoingAction>) {
        for action in actions {
            match &action {
                OutgoingAction::Write(bytes) => self.tell_b(std::str::from_utf8(bytes).unwrap()),
                OutgoingAction::StartTls => {
                    let is_proven = self.world.b_is_proven;
                    let actions = self.a.on(OutgoingEvent::TlsEstablished { is_proven });
                    self.carry_a(actions);
                }
                _ => self.from_a.push(action),
            }
        }
    }

    fn tell_b(&mut self, text: &str) {
        self.wire.push_str(text);
        let actions = self.b.on(IncomingEvent::Received(text.as_bytes()));
        self.carry_b(actions);
    }

    fn carry_b(&mut self, actions: Vec<IncomingAction>) {
        // TLS stands on our side before the peer hears of it.
        let starts_tls = actions.contains(&IncomingAction::StartTls);
        if starts_tls {
            self.b.on(IncomingEvent::TlsEstablished);
        }
        for action in actions {
            match action.clone() {
                IncomingAction::Write(bytes) => {
                    self.wire.push_str(std::str::from_utf8(&bytes).unwrap());
                    let actions = self.a.on(OutgoingEvent::Received(&bytes));
                    self.carry_a(actions);
                }
                IncomingAction::StartTls => {}
                IncomingAction::CheckCertificate(name) => {
                    let is_proven = self.world.a_is_proven && name == "a.example";
                    let actions = self.b.on(IncomingEvent::CertificateChecked(is_proven));
                    self.carry_b(actions);
                }
                IncomingAction::Verify(assertion) => {
                    let is_true = verify_with_a(&assertion);
                    let actions = self.b.on(IncomingEvent::Verified { assertion, is_true });
                    self.carry_b(actions);
                }
                _ => self.from_b.push(action),
            }
        }
    }

    fn is_established(&self) -> bool {
        self.from_a
            .contains(&OutgoingAction::Established { has_acks: true })
    }

    fn stanzas(&self) -> Vec<Stanza> {
        let stanza = |action: &IncomingAction| match action {
            IncomingAction::Stanza { stanza, .. } => Some(stanza.clone()),
            _ => None,
        };
        self.from_b.iter().filter_map(stanza).collect()
    }
}

/// The authoritative server of a.example answers over a stream that b.example opens to it.
fn verify_with_a(assertion: &iris::s2s::dialback::Assertion) -> bool {
    let world = World {
        a_takes_dialback: true,
        b_takes_dialback: true,
        a_is_proven: false,
        b_is_proven: false,
    };
    let mut link = Link {
        world,
        a: sender(
            world,
            "b.example",
            "a.example",
            Purpose::Verify(assertion.clone()),
            SECRET_B,
        ),
        b: IncomingStream::new(IncomingConfig {
            domains: vec![domain("a.example")],
            dialback: true,
            secret: SECRET_A,
            random: [8; 32],
        }),
        from_a: Vec::new(),
        from_b: Vec::new(),
        wire: String::new(),
    };
    let actions = link.a.on(OutgoingEvent::Connected);
    link.carry_a(actions);
    link.from_a.contains(&OutgoingAction::Verified(true))
}

#[test]
fn certificates_prove_both_sides_and_stanzas_are_acknowledged() {
    let mut link = Link::open(TRUSTED);
    assert!(link.is_established(), "{}", link.wire);
    assert!(link.wire.contains("mechanism='EXTERNAL'") && !link.wire.contains("db:result"));
    link.tell_b("<message from='x@a.example/r' to='y@b.example'><body>hi</body></message>");
    assert_eq!(link.stanzas().len(), 1);
    link.tell_b("<r xmlns='urn:xmpp:sm:3'/>");
    assert!(!link.from_a.contains(&OutgoingAction::Acked(1)));
    let actions = link.b.on(IncomingEvent::Handled(1));
    link.carry_b(actions);
    assert!(link.from_a.contains(&OutgoingAction::Acked(1)));
}

#[test]
fn dialback_proves_who_has_no_trusted_certificate_where_policy_allows() {
    let world = World {
        a_is_proven: false,
        b_is_proven: false,
        a_takes_dialback: true,
        b_takes_dialback: true,
    };
    let link = Link::open(world);
    assert!(link.is_established(), "{}", link.wire);
    assert!(link.wire.contains("db:result") && !link.wire.contains("EXTERNAL"));

    let strict = Link::open(World {
        a_takes_dialback: false,
        ..world
    });
    assert_eq!(
        strict.from_a,
        [OutgoingAction::Close(Some(Broken::NotProven))]
    );
    let refused = Link::open(World {
        b_takes_dialback: false,
        ..world
    });
    assert_eq!(refused.from_a, [OutgoingAction::Close(Some(Broken::NoWay))]);
    assert!(!refused.b.is_authenticated());
}

#[test]
fn a_key_that_is_not_the_domains_own_proves_nothing() {
    let world = World {
        a_is_proven: false,
        a_takes_dialback: true,
        b_takes_dialback: true,
        b_is_proven: true,
    };
    let mut link = Link::open(world);
    link.a = sender(world, "a.example", "b.example", Purpose::Send, [66; 32]);
    link.b = receiver(world);
    link.from_a.clear();
    link.from_b.clear();
    let actions = link.a.on(OutgoingEvent::Connected);
    link.carry_a(actions);
    assert_eq!(link.from_a, [OutgoingAction::Close(Some(Broken::Refused))]);
    assert_eq!(link.from_b, [IncomingAction::Close]);
}

#[test]
fn nothing_is_said_in_the_clear() {
    for text in [
        "<db:result from='a.example' to='b.example'>key</db:result>",
        "<message from='x@a.example' to='y@b.example'/>",
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><message/>",
    ] {
        let mut b = receiver(TRUSTED);
        let header = "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' \
                      xmlns:db='jabber:server:dialback' from='a.example' to='b.example' version='1.0'>";
        let actions = b.on(IncomingEvent::Received(
            format!("{header}{text}").as_bytes(),
        ));
        assert_eq!(actions.last(), Some(&IncomingAction::Close), "{text}");
        assert!(!actions.contains(&IncomingAction::StartTls));
    }
}

proptest! {
    #[test]
    fn only_authenticated_pairs_speak(
        from in prop::sample::select(vec!["x@a.example", "a.example", "x@b.example", "x@evil.example", "conference.a.example"]),
        to in prop::sample::select(vec!["y@b.example", "b.example", "room@conference.b.example", "y@a.example", "y@c.example"]),
    ) {
        let mut link = Link::open(TRUSTED);
        link.tell_b(&format!("<message from='{from}' to='{to}'/>"));
        let is_pair = from.ends_with("a.example") && !from.starts_with("conference")
            && to.ends_with("b.example") && !to.contains("conference");
        prop_assert_eq!(link.stanzas().len() == 1, is_pair);
        prop_assert_eq!(link.from_b.contains(&IncomingAction::Close), !is_pair);
    }

    #[test]
    fn any_bytes_are_survived(text in "(<a|<db:result|>|/>|'|\\PC){0,30}") {
        let mut link = Link::open(TRUSTED);
        link.tell_b(&text);
        let mut a = sender(TRUSTED, "a.example", "b.example", Purpose::Send, SECRET_A);
        a.on(OutgoingEvent::Connected);
        a.on(OutgoingEvent::Received(text.as_bytes()));
        prop_assert!(link.stanzas().is_empty());
    }
}
