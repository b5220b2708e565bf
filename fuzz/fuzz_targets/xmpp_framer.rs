//! A stream cut at any place gives the same elements; what the framer lets through, another strict reader
//! lets through too, and it is a tree.
#![no_main]

use iris::framer::{Frame, FrameError, Framer, Limits};
use libfuzzer_sys::fuzz_target;
use rxml::Parse as _;

const HEADER: &[u8] =
    b"<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams'>";

fn frames<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Frame>, Option<FrameError>) {
    let mut framer = Framer::new(Limits::AFTER);
    let mut frames = Vec::new();
    for piece in pieces {
        framer.push(piece);
        loop {
            match framer.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

fn is_xml(element: &[u8]) -> bool {
    let mut parser = rxml::Parser::new();
    let mut rest = element;
    loop {
        match parser.parse(&mut rest, true) {
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    let whole = frames([HEADER, bytes]);
    let pieces = bytes.chunks(usize::from(size).max(1));
    assert_eq!(whole, frames(std::iter::once(HEADER).chain(pieces)));
    for frame in whole.0 {
        if let Frame::Element(element) = frame {
            assert!(is_xml(&element), "{}", String::from_utf8_lossy(&element));
        }
    }
});
