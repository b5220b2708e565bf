//! Cuts a stream of bytes into a stream header and whole elements, and lets nothing through that XMPP
//! forbids (RFC 6120 11).
//!
//! Invariants (guard):
//! 1. a frame is well-formed, UTF-8, free of what is restricted, and every prefix in it is bound in it
//!    (differential property against `rxml`)
//! 2. how the bytes are split over reads changes nothing (property `splitting_changes_nothing`)
//! 3. no frame is larger or deeper than the limits, and no more than one limit plus one read is kept
//!    (property `nothing_larger_than_the_cap_is_kept`); nothing here recurses

use bytes::{Buf, Bytes, BytesMut};

use crate::xml::Malformed;
use crate::xml::chars::check_text;
use crate::xml::tag::{Shape, Tag, is_space};
use names::Names;
use token::{Search, Token};

mod names;
mod token;

/// Namespace of the stream element (RFC 6120 4.8.1).
pub const STREAMS: &str = "http://etherx.jabber.org/streams";

/// Caps on one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one element or stream header.
    pub bytes: usize,
    /// Nesting; a stanza without children has depth 1.
    pub depth: usize,
}

impl Limits {
    /// Before sign-in: 8 KiB, 16 deep.
    pub const BEFORE: Self = Self {
        bytes: 8 * 1024,
        depth: 16,
    };
    /// After sign-in: 256 KiB, 64 deep.
    pub const AFTER: Self = Self {
        bytes: 256 * 1024,
        depth: 64,
    };
}

/// What was cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The stream header.
    Open(Header),
    /// One element: a stanza or a part of negotiation. Prefixes that only the header declared are declared in it.
    Element(Bytes),
    /// `</stream:stream>`.
    Close,
}

/// The stream header (RFC 6120 4.7).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// `from`, as written.
    pub from: Option<String>,
    /// `to`, as written.
    pub to: Option<String>,
    /// `id`, as written.
    pub id: Option<String>,
    /// `version`, as written.
    pub version: Option<String>,
    /// `xml:lang`, as written.
    pub lang: Option<String>,
    /// The default namespace.
    pub namespace: Option<String>,
    /// Prefixes it declares, `stream` included.
    pub prefixes: Vec<(String, String)>,
}

/// Why the stream must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Not the XML that XMPP allows.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// One element is larger than allowed.
    #[error("an element is larger than {cap} bytes")]
    TooLarge {
        /// The cap.
        cap: usize,
    },
    /// One element is nested deeper than allowed.
    #[error("an element is nested deeper than {cap}")]
    TooDeep {
        /// The cap.
        cap: usize,
    },
    /// The document is no stream.
    #[error("the document element is no stream")]
    NoStream,
    /// Text stands between stanzas.
    #[error("text stands between stanzas")]
    TextBetweenElements,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Nothing but an XML declaration and white space so far.
    Prolog { declaration_allowed: bool },
    /// Inside the stream element.
    Stream,
    /// After its end.
    Over,
}

/// The framer of one direction of one connection.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    is_document: bool,
    place: Place,
    header: Vec<(String, String)>,
    stream_name: String,
    /// What is not framed yet; the element being read starts at 0.
    buffer: BytesMut,
    /// Tokens before this are checked.
    at: usize,
    search: Search,
    names: Names,
}

impl Framer {
    /// For one XML document that is a stream (RFC 6120).
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            is_document: true,
            place: Place::Prolog {
                declaration_allowed: true,
            },
            header: Vec::new(),
            stream_name: String::new(),
            buffer: BytesMut::new(),
            at: 0,
            search: Search::default(),
            names: Names::default(),
        }
    }

    /// For messages of one element each (RFC 7395).
    pub fn of_messages(limits: Limits) -> Self {
        Self {
            is_document: false,
            place: Place::Stream,
            ..Self::new(limits)
        }
    }

    /// Other caps, from the next element on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Expects a header anew; what was received and not framed is kept (RFC 6120 6.4.6).
    pub fn restart(&mut self) {
        let fresh = if self.is_document {
            Self::new(self.limits)
        } else {
            Self::of_messages(self.limits)
        };
        let buffer = std::mem::take(&mut self.buffer);
        *self = Self { buffer, ..fresh };
    }

    /// How many bytes wait to be framed. After `<starttls/>` there must be none: they came without protection.
    pub fn pending(&self) -> usize {
        self.buffer.len()
    }

    /// Takes in what was read. Call [`Framer::next_frame`] until it has nothing more.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame, or `None` until more bytes come.
    ///
    /// # Errors
    /// The stream must end with this error.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.place == Place::Over {
            return Ok(None);
        }
        if self.at == 0 {
            self.skip_space();
        }
        let frame = match self.place {
            Place::Prolog {
                declaration_allowed,
            } => self.prolog(declaration_allowed)?,
            Place::Stream => self.element()?,
            Place::Over => None,
        };
        if frame.is_none() && self.buffer.len() > self.limits.bytes {
            return Err(self.too_large());
        }
        Ok(frame)
    }

    fn too_large(&self) -> FrameError {
        FrameError::TooLarge {
            cap: self.limits.bytes,
        }
    }

    /// White space between stanzas keeps connections alive and means nothing (RFC 6120 4.6.1).
    fn skip_space(&mut self) {
        let space = |b: &u8| is_space(char::from(*b));
        let count = self.buffer.iter().take_while(|b| space(b)).count();
        if count > 0 {
            self.buffer.advance(count);
            if let Place::Prolog {
                declaration_allowed,
            } = &mut self.place
            {
                *declaration_allowed = false;
            }
        }
        if self.buffer.is_empty() {
            // An idle connection shall not hold memory.
            self.buffer = BytesMut::new();
        }
    }

    fn prolog(&mut self, declaration_allowed: bool) -> Result<Option<Frame>, FrameError> {
        const START: &[u8] = b"<?xml ";
        let seen = &self.buffer[..self.buffer.len().min(START.len())];
        if declaration_allowed && seen == START {
            let Some(end) = memchr::memchr(b'>', &self.buffer) else {
                return Ok(None);
            };
            check_declaration(&self.buffer[..=end])?;
            self.buffer.advance(end + 1);
            self.place = Place::Prolog {
                declaration_allowed: false,
            };
            return self.next_frame();
        }
        if declaration_allowed && START.starts_with(seen) {
            return Ok(None);
        }
        self.open()
    }

    fn open(&mut self) -> Result<Option<Frame>, FrameError> {
        // Who speaks another protocol is told at once, not when a `<` comes.
        if self.buffer.first().is_some_and(|byte| *byte != b'<') {
            return Err(Malformed::NotWellFormed.into());
        }
        let Some((token, end)) = self.token()? else {
            return Ok(None);
        };
        if end > self.limits.bytes {
            return Err(self.too_large());
        }
        if token != Token::Tag {
            return Err(Malformed::NotWellFormed.into());
        }
        let bytes = self.buffer.split_to(end).freeze();
        self.at = 0;
        let tag = Tag::parse(utf8(&bytes)?)?;
        if tag.shape == Shape::Close {
            return Err(Malformed::NotWellFormed.into());
        }
        let header = header(&tag)?;
        tag.name.clone_into(&mut self.stream_name);
        self.header.clone_from(&header.prefixes);
        self.place = match tag.shape {
            Shape::Open => Place::Stream,
            Shape::Empty | Shape::Close => Place::Over,
        };
        Ok(Some(Frame::Open(header)))
    }

    fn token(&mut self) -> Result<Option<(Token, usize)>, FrameError> {
        Ok(self.search.next(&self.buffer, self.at)?)
    }

    fn element(&mut self) -> Result<Option<Frame>, FrameError> {
        while let Some((token, end)) = self.token()? {
            if end > self.limits.bytes {
                return Err(self.too_large());
            }
            let range = self.at..end;
            self.at = end;
            match token {
                Token::Text | Token::Verbatim if self.names.depth() == 0 => {
                    return Err(FrameError::TextBetweenElements);
                }
                Token::Text => {
                    let text = utf8(&self.buffer[range])?;
                    if text.contains("]]>") {
                        return Err(Malformed::NotWellFormed.into());
                    }
                    check_text(text)?;
                }
                Token::Verbatim => {
                    let text = utf8(&self.buffer[range])?;
                    if !text.chars().all(crate::xml::chars::is_char) {
                        return Err(Malformed::NotWellFormed.into());
                    }
                }
                Token::Tag => {
                    if let Some(frame) = self.tag(range)? {
                        return Ok(Some(frame));
                    }
                }
            }
        }
        Ok(None)
    }

    fn tag(&mut self, range: std::ops::Range<usize>) -> Result<Option<Frame>, FrameError> {
        let tag = Tag::parse(utf8(&self.buffer[range.clone()])?)?;
        if tag.shape == Shape::Close && self.names.depth() == 0 {
            if !self.is_document || tag.name != self.stream_name {
                return Err(Malformed::NotWellFormed.into());
            }
            self.place = Place::Over;
            self.buffer.clear();
            return Ok(Some(Frame::Close));
        }
        if tag.shape == Shape::Close {
            self.names.close(tag.name)?;
        } else {
            if self.names.depth() == self.limits.depth {
                return Err(FrameError::TooDeep {
                    cap: self.limits.depth,
                });
            }
            self.names.open(&tag, &self.header)?;
        }
        if self.names.depth() > 0 {
            return Ok(None);
        }
        let frame = self.buffer.split_to(self.at).freeze();
        self.at = 0;
        Ok(Some(Frame::Element(self.declare(frame))))
    }

    /// Declares in the element the prefixes that it uses and only the header declares.
    fn declare(&mut self, frame: Bytes) -> Bytes {
        let used = self.names.take_inherited();
        if used.is_empty() {
            return frame;
        }
        let is_end = |b: &u8| is_space(char::from(*b)) || matches!(b, b'/' | b'>');
        let name_end = 1 + frame[1..].iter().take_while(|b| !is_end(b)).count();
        let mut declarations = String::new();
        for (prefix, namespace) in used.iter().filter_map(|index| self.header.get(*index)) {
            declarations.push_str(" xmlns:");
            declarations.push_str(prefix);
            declarations.push_str("='");
            crate::xml::escape_attribute(namespace, &mut declarations);
            declarations.push('\'');
        }
        [
            &frame[..name_end],
            declarations.as_bytes(),
            &frame[name_end..],
        ]
        .concat()
        .into()
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed::Encoding)
}

/// `<?xml version='1.0' encoding='UTF-8' standalone='yes'?>`, the last two optional.
fn check_declaration(bytes: &[u8]) -> Result<(), Malformed> {
    let text = utf8(bytes)?;
    let inner = text
        .strip_prefix("<?")
        .and_then(|t| t.strip_suffix("?>"))
        .ok_or(Malformed::NotWellFormed)?;
    let as_tag = format!("<{inner}>");
    let tag = Tag::parse(&as_tag)?;
    let mut attributes = tag.attributes.iter().peekable();
    if !attributes
        .next()
        .is_some_and(|a| a.name == "version" && a.raw == "1.0")
    {
        return Err(Malformed::NotWellFormed);
    }
    if let Some(encoding) = attributes.next_if(|a| a.name == "encoding")
        && !encoding.raw.eq_ignore_ascii_case("utf-8")
    {
        return Err(Malformed::Encoding);
    }
    attributes.next_if(|a| a.name == "standalone" && matches!(a.raw, "yes" | "no"));
    match attributes.next() {
        Some(_) => Err(Malformed::NotWellFormed),
        None => Ok(()),
    }
}

fn header(tag: &Tag<'_>) -> Result<Header, FrameError> {
    let mut names = Names::default();
    names.open(tag, &[])?;
    let declared: Vec<_> = tag
        .attributes
        .iter()
        .filter_map(|a| Some((a.declares()?.to_owned(), a.value().into_owned())))
        .collect();
    let of = |prefix: &str| declared.iter().find(|(p, _)| p == prefix).map(|(_, ns)| ns);
    if tag.local != "stream" || of(tag.prefix.unwrap_or("")).map(String::as_str) != Some(STREAMS) {
        return Err(FrameError::NoStream);
    }
    let text = |name| tag.value(name).map(std::borrow::Cow::into_owned);
    Ok(Header {
        from: text("from"),
        to: text("to"),
        id: text("id"),
        version: text("version"),
        lang: text("xml:lang"),
        namespace: of("").cloned(),
        prefixes: declared
            .into_iter()
            .filter(|(p, _)| !p.is_empty())
            .collect(),
    })
}
