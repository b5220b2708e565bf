//! The framer against `rxml`, and against itself under every split of the input.

use iris::framer::{Frame, FrameError, Framer, Limits};
use iris::xml::Malformed;
use proptest::prelude::*;
use rxml::Parse;

const HEADER: &str =
    "<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams' xmlns:db='urn:db'>";
const END: &str = "</s:stream>";
const WIDE: Limits = Limits {
    bytes: 1 << 20,
    depth: 1000,
};

/// All frames of the bytes, given in these pieces, and how it ended.
fn frames<'a>(
    limits: Limits,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Frame>, Option<FrameError>) {
    let mut framer = Framer::new(limits);
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

fn rxml_accepts(document: &[u8]) -> bool {
    let mut parser = rxml::Parser::new();
    let mut rest = document;
    loop {
        match parser.parse(&mut rest, true) {
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

/// Nearly well-formed XML: what is wrong with it is wrong in few places.
fn content() -> impl Strategy<Value = String> {
    let attribute = prop::sample::select(vec![
        "",
        "",
        "",
        " a='1'",
        " a='1' a='2'",
        " db:a='1'",
        " q:a='1'",
        " xmlns='urn:x'",
        " xml:lang='en'",
        " xmlns:p='urn:p' p:a='1'",
        " xmlns:p='urn:p' xmlns:r='urn:p' p:a='' r:a=''",
        " a='<'",
        " a = \"&lt;>\"",
        " a='&amp;&#10;'",
        " a='&bad;'",
        " a",
        " a='1'b='2'",
        " xmlns:p=''",
        " xmlns:xml='urn:x'",
        " xmlns:xmlns='urn:x'",
        " xmlns=''",
        "\n\ta='\u{85}\u{fffd}'",
    ]);
    let name = prop::sample::select(vec![
        "a", "b", "db:c", "p:d", "é", "_x.-1", "1a", "xmlns:a", "a:b:c", "",
    ]);
    let text = prop_oneof![
        4 => "[a-z \u{e9}\u{1F600}]{0,6}",
        1 => prop::sample::select(vec![
            "&lt;&gt;&amp;&apos;&quot;", "&#65;", "&#x41;", "&#0;", "&#xD800;", "&nbsp;", "&", ">", "]]>", "\u{1}",
            "\u{fffe}", "<!-- c -->", "<?pi?>", "<![CDATA[<a>]] >]]>", "<![CDATA[", "<!DOCTYPE a>", "\r\n", "<", "\u{7f}",
        ]).prop_map(str::to_owned),
    ];
    let leaf = text.boxed();
    leaf.prop_recursive(5, 24, 4, move |inner| {
        let children = prop::collection::vec(inner, 0..4);
        (name.clone(), attribute.clone(), children, 0..20_u8).prop_map(
            |(name, attribute, children, slip)| {
                let children = children.concat();
                match slip {
                    0 => format!("<{name}{attribute}>{children}"),
                    1 => format!("<{name}{attribute}>{children}</{name}x>"),
                    2 => format!("<{name}{attribute}>{children}</{name} >"),
                    3..6 => format!("<{name}{attribute}/>"),
                    6 => format!("<{name}{attribute} / >"),
                    _ => format!("<{name}{attribute}>{children}</{name}>"),
                }
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// `rxml` is another strict reader of XMPP's XML. Text between stanzas is all that only we refuse.
    #[test]
    fn what_is_let_through_is_what_rxml_reads(content in content()) {
        let document = format!("{HEADER}<w>{content}</w>{END}");
        let (frames, error) = frames(WIDE, [document.as_bytes()]);
        prop_assume!(error != Some(FrameError::TextBetweenElements));
        let is_whole = error.is_none() && frames.last() == Some(&Frame::Close);
        prop_assert_eq!(is_whole, rxml_accepts(document.as_bytes()), "{} {:?}", document, error);
    }

    #[test]
    fn each_frame_is_a_document_of_its_own(content in content()) {
        let document = format!("{HEADER}<w>{content}</w>");
        for frame in frames(WIDE, [document.as_bytes()]).0 {
            if let Frame::Element(bytes) = frame {
                prop_assert!(rxml_accepts(&bytes), "{:?}", bytes);
            }
        }
    }

    #[test]
    fn splitting_changes_nothing(content in content(), size in 1..9_usize, damage in any::<(u16, u8)>()) {
        let mut document = format!("<?xml version='1.0'?>\n{HEADER} \n{content}<m>{content}</m>{END}").into_bytes();
        if damage.1 < 64 {
            let at = usize::from(damage.0) % document.len();
            document[at] ^= damage.1;
        }
        prop_assert_eq!(frames(WIDE, document.chunks(size)), frames(WIDE, [&document[..]]));
    }

    #[test]
    fn nothing_larger_than_the_cap_is_kept(content in content(), size in 1..40_usize) {
        let limits = Limits { bytes: 120, depth: 3 };
        let document = format!("{HEADER}{content}<m>{content}</m>");
        let mut framer = Framer::new(limits);
        for piece in document.as_bytes().chunks(size) {
            framer.push(piece);
            loop {
                match framer.next_frame() {
                    Ok(Some(Frame::Element(bytes))) => prop_assert!(bytes.len() <= 120 + " xmlns:db='urn:db'".len()),
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => return Ok(()),
                }
            }
            prop_assert!(framer.pending() <= 120);
        }
    }
}

#[test]
fn prefixes_of_the_header_are_carried_into_the_element() {
    let document = format!(
        "{HEADER}<db:result from='a'>key</db:result><a><db:b/></a><a xmlns:db='urn:own'><db:b/></a>"
    );
    let elements: Vec<_> = frames(WIDE, [document.as_bytes()])
        .0
        .into_iter()
        .filter_map(|frame| match frame {
            Frame::Element(bytes) => Some(String::from_utf8(bytes.to_vec()).unwrap()),
            _ => None,
        })
        .collect();
    assert_eq!(
        elements,
        [
            "<db:result xmlns:db='urn:db' from='a'>key</db:result>",
            "<a xmlns:db='urn:db'><db:b/></a>",
            "<a xmlns:db='urn:own'><db:b/></a>",
        ]
    );
}

#[test]
fn white_space_between_stanzas_costs_nothing() {
    let mut framer = Framer::new(Limits {
        bytes: 200,
        depth: 3,
    });
    framer.push(HEADER.as_bytes());
    assert!(matches!(framer.next_frame(), Ok(Some(Frame::Open(_)))));
    for _ in 0..1000 {
        framer.push(b" \n ");
        assert_eq!(framer.next_frame(), Ok(None));
        assert_eq!(framer.pending(), 0);
    }
}

#[test]
fn hostile_nesting_ends_one_stream_and_nothing_else() {
    let deep = format!("{HEADER}{}", "<a>".repeat(1_000_000));
    let error = frames(Limits::AFTER, [deep.as_bytes()]).1;
    assert_eq!(error, Some(FrameError::TooDeep { cap: 64 }));
    let wide = format!("{HEADER}<a b='{}", "x".repeat(1 << 20));
    let error = frames(Limits::AFTER, wide.as_bytes().chunks(4096)).1;
    assert_eq!(error, Some(FrameError::TooLarge { cap: 256 * 1024 }));
}

#[test]
fn only_utf_8_is_read() {
    for declaration in [
        "<?xml version='1.0' encoding='latin-1'?>",
        "<?xml version='1.1'?>",
        "<?xml encoding='utf-8'?>",
    ] {
        let document = format!("{declaration}{HEADER}");
        assert!(
            frames(WIDE, [document.as_bytes()]).1.is_some(),
            "{declaration}"
        );
    }
    for declaration in [
        "<?xml version=\"1.0\" encoding=\"utf-8\" standalone='yes'?>",
        "\n",
        "",
    ] {
        let document = format!("{declaration}{HEADER}");
        assert_eq!(frames(WIDE, [document.as_bytes()]).1, None, "{declaration}");
    }
    let bytes = [HEADER.as_bytes(), b"<a>\xff</a>"].concat();
    assert!(frames(WIDE, [&bytes[..]]).1.is_some());
}

#[test]
fn who_speaks_another_protocol_is_told_at_once() {
    let (frames, error) = frames(WIDE, [&b"\r\nGET / HTTP/1.1\r\n"[..]]);
    assert!(frames.is_empty());
    assert_eq!(error, Some(Malformed::NotWellFormed.into()));
}
