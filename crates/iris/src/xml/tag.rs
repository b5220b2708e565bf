//! One tag, checked and taken apart.

use std::borrow::Cow;
use std::ops::Range;

use super::Malformed;
use super::chars::{check_text, split_name, unescape};

/// How a tag stands in the nesting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `<a>`
    Open,
    /// `<a/>`
    Empty,
    /// `</a>`
    Close,
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    /// Opening, empty or closing.
    pub shape: Shape,
    /// Prefix as written.
    pub prefix: Option<&'a str>,
    /// Local name.
    pub local: &'a str,
    /// Name with prefix, as written.
    pub name: &'a str,
    /// In the order written.
    pub attributes: Vec<Attribute<'a>>,
}

/// An attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Prefix as written.
    pub prefix: Option<&'a str>,
    /// Local name.
    pub local: &'a str,
    /// Name with prefix, as written.
    pub name: &'a str,
    /// Value as written, without quotes, references unresolved.
    pub raw: &'a str,
    /// Where it stands in the tag, with the white space before it.
    pub span: Range<usize>,
}

impl<'a> Attribute<'a> {
    /// The value, references resolved.
    pub fn value(&self) -> Cow<'a, str> {
        unescape(self.raw).unwrap_or(Cow::Borrowed(self.raw))
    }

    /// The prefix it declares, if it is a declaration: `""` for the default namespace.
    pub fn declares(&self) -> Option<&'a str> {
        match (self.prefix, self.local) {
            (None, "xmlns") => Some(""),
            (Some("xmlns"), prefix) => Some(prefix),
            _ => None,
        }
    }
}

impl<'a> Tag<'a> {
    /// Reads a tag from `<` to `>`.
    ///
    /// # Errors
    /// It is no tag that XMPP allows.
    pub fn parse(text: &'a str) -> Result<Self, Malformed> {
        let inner = text
            .strip_prefix('<')
            .and_then(|t| t.strip_suffix('>'))
            .ok_or(Malformed::NotWellFormed)?;
        let (shape, inner, at) = match (inner.strip_prefix('/'), inner.strip_suffix('/')) {
            (Some(rest), _) => (Shape::Close, rest, 2),
            (None, Some(rest)) => (Shape::Empty, rest, 1),
            (None, None) => (Shape::Open, inner, 1),
        };
        let end = inner.find(is_space).unwrap_or(inner.len());
        let name = &inner[..end];
        let (prefix, local) = split_name(name)?;
        let attributes = attributes(inner, end, at)?;
        if shape == Shape::Close && !attributes.is_empty() || prefix == Some("xmlns") {
            return Err(Malformed::NotWellFormed);
        }
        Ok(Self {
            shape,
            prefix,
            local,
            name,
            attributes,
        })
    }

    /// The attribute of this name as written.
    pub fn attribute(&self, name: &str) -> Option<&Attribute<'a>> {
        self.attributes.iter().find(|a| a.name == name)
    }

    /// The value of the attribute of this name, references resolved.
    pub fn value(&self, name: &str) -> Option<Cow<'a, str>> {
        self.attribute(name).map(Attribute::value)
    }
}

/// White space as XML means it.
pub fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

fn attributes(inner: &str, mut at: usize, base: usize) -> Result<Vec<Attribute<'_>>, Malformed> {
    let mut found: Vec<Attribute<'_>> = Vec::new();
    loop {
        let rest = &inner[at..];
        let trimmed = rest.trim_start_matches(is_space);
        if trimmed.is_empty() {
            return Ok(found);
        }
        if trimmed.len() == rest.len() {
            return Err(Malformed::NotWellFormed);
        }
        let (attribute, length) = attribute(trimmed)?;
        if found.iter().any(|a| a.name == attribute.name) {
            return Err(Malformed::NotWellFormed);
        }
        let start = at;
        at += rest.len() - trimmed.len() + length;
        found.push(Attribute {
            span: base + start..base + at,
            ..attribute
        });
    }
}

fn attribute(text: &str) -> Result<(Attribute<'_>, usize), Malformed> {
    let (name, value) = text.split_once('=').ok_or(Malformed::NotWellFormed)?;
    let name = name.trim_end_matches(is_space);
    let (prefix, local) = split_name(name)?;
    let value = value.trim_start_matches(is_space);
    let quote = value.chars().next().filter(|q| matches!(q, '\'' | '"'));
    let quote = quote.ok_or(Malformed::NotWellFormed)?;
    let (raw, after) = value[1..]
        .split_once(quote)
        .ok_or(Malformed::NotWellFormed)?;
    if raw.contains('<') {
        return Err(Malformed::NotWellFormed);
    }
    check_text(raw)?;
    let attribute = Attribute {
        prefix,
        local,
        name,
        raw,
        span: 0..0,
    };
    Ok((attribute, text.len() - after.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_taken_apart_with_its_spans() {
        let text = "<a:b  c = 'd>'\n e=\"&lt;\"/>";
        let tag = Tag::parse(text).unwrap();
        assert_eq!(
            (tag.shape, tag.prefix, tag.local),
            (Shape::Empty, Some("a"), "b")
        );
        assert_eq!(tag.value("e").unwrap(), "<");
        let spans: Vec<_> = tag
            .attributes
            .iter()
            .map(|a| &text[a.span.clone()])
            .collect();
        assert_eq!(spans, ["  c = 'd>'", "\n e=\"&lt;\""]);
    }

    #[test]
    fn what_is_no_tag_is_refused() {
        for text in [
            "<>",
            "</>",
            "<a b>",
            "<a b='1'c='2'>",
            "<a b='1' b='2'>",
            "<a b='<'>",
            "<a b=1>",
            "</a b='1'>",
            "<a:b:c>",
            "<:a>",
            "<1>",
            "< a>",
            "</a/>",
            "<xmlns:a>",
            "<a b='&x;'>",
        ] {
            assert!(Tag::parse(text).is_err(), "{text}");
        }
    }
}
