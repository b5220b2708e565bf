//! Looking into a complete element that was already framed: its children, without building a tree.

use std::borrow::Cow;
use std::ops::Range;

use super::tag::{Shape, Tag};
use super::{Malformed, unescape};

/// A piece of an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A tag.
    Tag(Tag<'a>),
    /// Text between tags, references unresolved.
    Text(&'a str),
    /// The content of a CDATA section.
    Verbatim(&'a str),
}

/// The pieces of an element in order, with their places.
#[derive(Clone, Debug)]
pub struct Pieces<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Pieces<'a> {
    /// Over a whole element.
    ///
    /// # Errors
    /// The bytes are not UTF-8.
    pub fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed::Encoding)?;
        Ok(Self { text, at: 0 })
    }

    fn piece(&self) -> Result<(Piece<'a>, usize), Malformed> {
        let rest = &self.text[self.at..];
        if let Some(data) = rest.strip_prefix("<![CDATA[") {
            let end = data.find("]]>").ok_or(Malformed::NotWellFormed)?;
            return Ok((Piece::Verbatim(&data[..end]), end + 12));
        }
        if rest.starts_with('<') {
            let end = tag_end(rest.as_bytes()).ok_or(Malformed::NotWellFormed)?;
            return Ok((Piece::Tag(Tag::parse(&rest[..end])?), end));
        }
        let end = memchr::memchr(b'<', rest.as_bytes()).unwrap_or(rest.len());
        Ok((Piece::Text(&rest[..end]), end))
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Result<(Piece<'a>, Range<usize>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at == self.text.len() {
            return None;
        }
        let start = self.at;
        match self.piece() {
            Ok((piece, length)) => {
                self.at += length;
                Some(Ok((piece, start..self.at)))
            }
            Err(error) => {
                self.at = self.text.len();
                Some(Err(error))
            }
        }
    }
}

/// Length of the tag that `bytes` starts with, quotes respected.
pub(crate) fn tag_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr3(b'>', b'\'', b'"', &bytes[at..])?;
        let found = bytes[at];
        at += 1;
        if found == b'>' {
            return Some(at);
        }
        at += memchr::memchr(found, &bytes[at..])? + 1;
    }
}

/// A child element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child<'a> {
    /// Its opening tag.
    pub tag: Tag<'a>,
    /// Its namespace; `None` is that of the stream.
    pub namespace: Option<Cow<'a, str>>,
    /// The whole element as written.
    pub bytes: &'a [u8],
    /// Where it stands in the parent.
    pub span: Range<usize>,
}

impl<'a> Child<'a> {
    /// A whole element as if it were the child of the stream.
    pub fn root(bytes: &'a [u8]) -> Option<Self> {
        let Some(Ok((Piece::Tag(tag), _))) = Pieces::new(bytes).ok()?.next() else {
            return None;
        };
        let prefix = tag.prefix.unwrap_or("");
        let declared = tag.attributes.iter().find(|a| a.declares() == Some(prefix));
        Some(Self {
            namespace: declared.map(super::tag::Attribute::value),
            tag,
            bytes,
            span: 0..bytes.len(),
        })
    }

    /// Local name and namespace fit; `None` is the namespace of the stream.
    pub fn is(&self, name: &str, namespace: Option<&str>) -> bool {
        self.tag.local == name && self.namespace.as_deref() == namespace
    }

    /// All text directly inside, references resolved.
    pub fn text(&self) -> String {
        text(self.bytes)
    }
}

/// The text directly inside an element, references resolved.
pub fn text(element: &[u8]) -> String {
    let mut out = String::new();
    let mut depth = 0_usize;
    for piece in Pieces::new(element).into_iter().flatten().flatten() {
        match piece.0 {
            Piece::Tag(tag) => depth = step(depth, tag.shape),
            Piece::Text(text) if depth == 1 => out.push_str(&unescape(text).unwrap_or_default()),
            Piece::Verbatim(text) if depth == 1 => out.push_str(text),
            Piece::Text(_) | Piece::Verbatim(_) => {}
        }
    }
    out
}

fn step(depth: usize, shape: Shape) -> usize {
    match shape {
        Shape::Open => depth + 1,
        Shape::Empty => depth,
        Shape::Close => depth.saturating_sub(1),
    }
}

/// The direct children of an element, in order. Ends early where the element is malformed, which framed
/// bytes never are.
#[derive(Clone, Debug)]
pub struct Children<'a> {
    bytes: &'a [u8],
    pieces: Option<Pieces<'a>>,
    root: Option<Tag<'a>>,
}

impl<'a> Children<'a> {
    /// Of a whole element.
    pub fn of(bytes: &'a [u8]) -> Self {
        let mut pieces = Pieces::new(bytes).ok();
        let root = match pieces.as_mut().and_then(Iterator::next) {
            Some(Ok((Piece::Tag(tag), _))) if tag.shape == Shape::Open => Some(tag),
            _ => None,
        };
        Self {
            bytes,
            pieces,
            root,
        }
    }

    fn namespace(&self, tag: &Tag<'a>) -> Option<Cow<'a, str>> {
        let prefix = tag.prefix.unwrap_or("");
        if prefix == "xml" {
            return Some(Cow::Borrowed("http://www.w3.org/XML/1998/namespace"));
        }
        [Some(tag), self.root.as_ref()]
            .into_iter()
            .flatten()
            .flat_map(|tag| &tag.attributes)
            .find(|a| a.declares() == Some(prefix))
            .map(super::tag::Attribute::value)
    }
}

impl<'a> Iterator for Children<'a> {
    type Item = Child<'a>;

    fn next(&mut self) -> Option<Child<'a>> {
        self.root.as_ref()?;
        let mut depth = 0_usize;
        let mut first: Option<(Tag<'a>, usize)> = None;
        while let Some(Ok((piece, range))) = self.pieces.as_mut()?.next() {
            let Piece::Tag(tag) = piece else { continue };
            if depth == 0 && tag.shape == Shape::Close {
                self.root = None;
                return None;
            }
            depth = step(depth, tag.shape);
            let (tag, start) = first.get_or_insert((tag, range.start));
            if depth == 0 {
                let (tag, span) = (tag.clone(), *start..range.end);
                return Some(Child {
                    namespace: self.namespace(&tag),
                    tag,
                    bytes: &self.bytes[span.clone()],
                    span,
                });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_have_their_namespaces_and_bytes() {
        let element = b"<m xmlns:p='urn:p'> <body>a&lt;<b>x</b><![CDATA[<c>]]></body><p:x/><y xmlns=\"urn:y\" a='>'><y/></y></m>";
        let children: Vec<_> = Children::of(element).collect();
        let seen: Vec<_> = children
            .iter()
            .map(|c| (c.tag.local, c.namespace.as_deref(), c.bytes.len()))
            .collect();
        assert_eq!(
            seen,
            [
                ("body", None, 41),
                ("x", Some("urn:p"), 6),
                ("y", Some("urn:y"), 31)
            ]
        );
        assert_eq!(children[0].text(), "a<<c>");
    }

    #[test]
    fn an_empty_element_has_no_children() {
        assert_eq!(Children::of(b"<m/>").count(), 0);
        assert_eq!(Children::of(b"<m></m>").count(), 0);
    }
}
