//! Where the next token ends, found without looking at any byte twice.

use crate::xml::Malformed;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// From `<` to `>`.
    Tag,
    /// Up to the next `<`.
    Text,
    /// A CDATA section.
    Verbatim,
}

/// How far the search for the end of the current token got.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Search {
    /// Bytes of the token that were looked at.
    seen: usize,
    /// The quote that a tag is inside.
    quote: Option<u8>,
}

const CDATA: &[u8] = b"<![CDATA[";

impl Search {
    /// The token that starts at `at`, and where it ends; `None` until more bytes come.
    pub(super) fn next(
        &mut self,
        buffer: &[u8],
        at: usize,
    ) -> Result<Option<(Token, usize)>, Malformed> {
        let rest = &buffer[at..];
        let found = match rest {
            [] => None,
            [b'<', b'!', ..] => self.verbatim(rest)?,
            [b'<', b'?', ..] => return Err(Malformed::Restricted),
            [b'<'] => None,
            [b'<', ..] => self.tag(rest),
            _ => self.text(rest),
        };
        Ok(found.map(|(token, length)| {
            *self = Self::default();
            (token, at + length)
        }))
    }

    fn tag(&mut self, rest: &[u8]) -> Option<(Token, usize)> {
        loop {
            let unseen = &rest[self.seen..];
            let Some(quote) = self.quote else {
                let Some(offset) = memchr::memchr3(b'>', b'\'', b'"', unseen) else {
                    self.seen = rest.len();
                    return None;
                };
                self.seen += offset + 1;
                if unseen[offset] == b'>' {
                    return Some((Token::Tag, self.seen));
                }
                self.quote = Some(unseen[offset]);
                continue;
            };
            let Some(offset) = memchr::memchr(quote, unseen) else {
                self.seen = rest.len();
                return None;
            };
            self.seen += offset + 1;
            self.quote = None;
        }
    }

    fn text(&mut self, rest: &[u8]) -> Option<(Token, usize)> {
        match memchr::memchr(b'<', &rest[self.seen..]) {
            Some(offset) => Some((Token::Text, self.seen + offset)),
            None => {
                self.seen = rest.len();
                None
            }
        }
    }

    /// A CDATA section; everything else that starts with `<!` is a comment or a document type.
    fn verbatim(&mut self, rest: &[u8]) -> Result<Option<(Token, usize)>, Malformed> {
        let start = &rest[..rest.len().min(CDATA.len())];
        if !CDATA.starts_with(start) {
            return Err(Malformed::Restricted);
        }
        if start.len() < CDATA.len() {
            return Ok(None);
        }
        let from = self.seen.saturating_sub(2).max(CDATA.len());
        match memchr::memmem::find(&rest[from..], b"]]>") {
            Some(offset) => Ok(Some((Token::Verbatim, from + offset + 3))),
            None => {
                self.seen = rest.len();
                Ok(None)
            }
        }
    }
}
