//! A stanza keeps every byte of its content, and what is added or taken away leaves a stanza.
#![no_main]

use iris::bosh;
use iris::framer::{Frame, Framer, Limits};
use iris::stanza::{Condition, Stanza, error_reply, with_child, with_to, without_children};
use jid::Jid;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    drop(bosh::Request::parse(bytes));
    let from = Jid::new("alice@zone.example/phone").expect("an address");
    // As the framer hands it over: only then is it promised to be whole.
    let mut framer = Framer::of_messages(Limits::AFTER);
    framer.push(bytes);
    let Ok(Some(Frame::Element(frame))) = framer.next_frame() else {
        return;
    };
    let Ok(stanza) = Stanza::parse(&frame, &from) else {
        return;
    };
    let again = Stanza::from_peer(&stanza.bytes).expect("a carried stanza is a stanza");
    assert_eq!(again.bytes, stanza.bytes);
    let with = with_child(&stanza.bytes, "<mark xmlns='urn:fuzz'/>");
    let marked = Stanza::from_peer(&with).expect("still a stanza");
    assert!(marked.child("mark", Some("urn:fuzz")).is_some());
    let without = without_children(&with, |child| child.is("mark", Some("urn:fuzz")));
    assert!(Stanza::from_peer(&without).is_ok());
    let to = Jid::new("bob@zone.example").expect("an address");
    let readdressed = with_to(&stanza.bytes, &to).expect("still a stanza");
    assert_eq!(
        Stanza::from_peer(&readdressed).expect("a stanza").to,
        Some(to)
    );
    if let Some(error) = error_reply(&stanza, Condition::BadRequest) {
        assert!(Stanza::from_peer(&error).is_ok());
    }
});
