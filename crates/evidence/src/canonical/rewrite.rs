//! Bytes to canonical bytes without a tree between them.
//!
//! The output is written in input order; spans of input that are canonical as they stand are
//! copied whole. An object whose members turn out not to be in order has them moved once it closes.

use std::cmp::Ordering;

use super::CanonicalError;
use super::lex::Lexer;
use super::order::order_prefix;
use super::order::utf16_order;
use super::write::write_char;

/// Canonical bytes of the JSON text `input`.
pub(super) fn rewrite(input: &[u8]) -> Result<Vec<u8>, CanonicalError> {
    let mut rewriter = Rewriter {
        lexer: Lexer::new(input)?,
        kept: 0,
        out: Vec::with_capacity(input.len()),
        members: Vec::new(),
        scratch: Vec::new(),
    };
    rewriter.drop_whitespace();
    rewriter.value()?;
    rewriter.drop_whitespace();
    rewriter.lexer.expect_end()?;
    rewriter.keep();
    Ok(rewriter.out)
}

struct Rewriter<'a> {
    lexer: Lexer<'a>,
    /// Input from here to the cursor belongs at the end of `out` as it stands.
    kept: usize,
    out: Vec<u8>,
    /// Members of the objects that are open, outermost first.
    members: Vec<Member>,
    scratch: Vec<u8>,
}

/// A member of an open object, by offsets into the output.
#[derive(Clone, Copy)]
struct Member {
    /// Sorts as the name does as far as it goes; meaningless when `escaped`.
    prefix: u64,
    /// First byte of the name's text.
    name_start: usize,
    /// One past the last byte of the name's text.
    name_end: usize,
    /// One past the last byte of the value.
    end: usize,
    /// Where the name begins in the input.
    input_at: usize,
    /// The name's text holds escapes.
    escaped: bool,
}

impl Rewriter<'_> {
    fn value(&mut self) -> Result<(), CanonicalError> {
        match self.lexer.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => self.string().map(|_| ()),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.lexer.literal(b"true"),
            Some(b'f') => self.lexer.literal(b"false"),
            Some(b'n') => self.lexer.literal(b"null"),
            _ => Err(self.lexer.unexpected()),
        }
    }

    fn object(&mut self) -> Result<(), CanonicalError> {
        let first = self.members.len();
        let mut sorted = true;
        self.lexer.enter()?;
        let body = self.position();
        self.drop_whitespace();
        if self.lexer.peek() != Some(b'}') {
            loop {
                sorted &= self.member(first)?;
                if self.lexer.peek() != Some(b',') {
                    break;
                }
                self.lexer.at += 1;
                self.drop_whitespace();
            }
        }
        if self.lexer.peek() != Some(b'}') {
            return Err(self.lexer.unexpected());
        }
        if !sorted {
            self.sort(first, body)?;
        }
        self.members.truncate(first);
        self.lexer.leave();
        Ok(())
    }

    /// Takes `name : value`; true when the name comes after the one before it.
    fn member(&mut self, first: usize) -> Result<bool, CanonicalError> {
        let input_at = self.lexer.at;
        let name_start = self.position() + 1;
        let escaped = self.string()?;
        let name_end = self.position() - 1;
        let prefix = match escaped {
            true => 0,
            false => self.prefix(name_start, name_end),
        };
        let member = Member {
            prefix,
            name_start,
            name_end,
            end: 0,
            input_at,
            escaped,
        };
        let previous = self.members[first..].last().copied();
        let in_order = match previous {
            None => true,
            Some(previous) => self.compare(&previous, &member) == Ordering::Less,
        };
        self.drop_whitespace();
        self.lexer.expect(b':')?;
        self.drop_whitespace();
        let slot = self.members.len();
        self.members.push(member);
        self.value()?;
        self.members[slot].end = self.position();
        self.drop_whitespace();
        Ok(in_order)
    }

    /// The sorting prefix of a name that ends one byte before the cursor.
    fn prefix(&self, name_start: usize, name_end: usize) -> u64 {
        // The name has no canonical escape, but it may have had one in the input.
        match self.out.len() <= name_start {
            true => {
                let end = self.lexer.at - 1;
                order_prefix(&self.lexer.input[end - (name_end - name_start)..end])
            }
            false => {
                let mut name = self.out[name_start..].to_vec();
                name.extend_from_slice(&self.lexer.input[self.kept..self.lexer.at - 1]);
                order_prefix(&name)
            }
        }
    }

    fn compare(&mut self, left: &Member, right: &Member) -> Ordering {
        if !left.escaped && !right.escaped && left.prefix != right.prefix {
            return left.prefix.cmp(&right.prefix);
        }
        self.keep();
        compare_names(&self.out, left, right)
    }

    /// Moves the members from `first` on, whose text begins at `body`, into order.
    fn sort(&mut self, first: usize, body: usize) -> Result<(), CanonicalError> {
        self.keep();
        let members = &mut self.members[first..];
        members.sort_unstable_by(|a, b| compare_names(&self.out, a, b));
        for pair in members.windows(2) {
            if compare_names(&self.out, &pair[0], &pair[1]) == Ordering::Equal {
                let at = pair[0].input_at.max(pair[1].input_at);
                return Err(CanonicalError::DuplicateKey { at });
            }
        }
        self.scratch.clear();
        for member in members.iter() {
            self.scratch
                .extend_from_slice(&self.out[member.name_start - 1..member.end]);
            self.scratch.push(b',');
        }
        self.scratch.pop();
        self.out.truncate(body);
        self.out.extend_from_slice(&self.scratch);
        Ok(())
    }

    fn array(&mut self) -> Result<(), CanonicalError> {
        self.lexer.enter()?;
        self.drop_whitespace();
        if self.lexer.peek() != Some(b']') {
            loop {
                self.value()?;
                self.drop_whitespace();
                if self.lexer.peek() != Some(b',') {
                    break;
                }
                self.lexer.at += 1;
                self.drop_whitespace();
            }
        }
        if self.lexer.peek() != Some(b']') {
            return Err(self.lexer.unexpected());
        }
        self.lexer.leave();
        Ok(())
    }

    /// Takes a string; true when its canonical text holds an escape.
    fn string(&mut self) -> Result<bool, CanonicalError> {
        self.lexer.expect(b'"')?;
        let mut escaped = false;
        while self.lexer.plain_run()? == b'\\' {
            self.keep();
            let char = self.lexer.escape()?;
            escaped |= write_char(char, &mut self.out);
            self.kept = self.lexer.at;
        }
        self.lexer.at += 1;
        Ok(escaped)
    }

    fn number(&mut self) -> Result<(), CanonicalError> {
        let start = self.lexer.at;
        let (number, verbatim) = self.lexer.number()?;
        if !verbatim {
            self.out
                .extend_from_slice(&self.lexer.input[self.kept..start]);
            number.write(&mut self.out);
            self.kept = self.lexer.at;
        }
        Ok(())
    }

    fn drop_whitespace(&mut self) {
        if self.lexer.at_whitespace() {
            self.keep();
            self.lexer.skip_whitespace();
            self.kept = self.lexer.at;
        }
    }

    /// Copies the input up to the cursor.
    fn keep(&mut self) {
        self.out
            .extend_from_slice(&self.lexer.input[self.kept..self.lexer.at]);
        self.kept = self.lexer.at;
    }

    /// Where in the output the cursor stands.
    fn position(&self) -> usize {
        self.out.len() + (self.lexer.at - self.kept)
    }
}

fn compare_names(out: &[u8], left: &Member, right: &Member) -> Ordering {
    let name = |member: &Member| &out[member.name_start..member.name_end];
    if left.escaped || right.escaped {
        return utf16_order(&unescape(name(left)), &unescape(name(right)));
    }
    left.prefix
        .cmp(&right.prefix)
        .then_with(|| utf16_order(name(left), name(right)))
}

/// Undoes canonical escapes.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte != b'\\' {
            plain.push(*byte);
            continue;
        }
        let (char, length) = match tail {
            [b'u', b'0', b'0', high, low, ..] => (hex(*high) * 16 + hex(*low), 5),
            [b'b', ..] => (0x08, 1),
            [b't', ..] => (0x09, 1),
            [b'n', ..] => (0x0a, 1),
            [b'f', ..] => (0x0c, 1),
            [b'r', ..] => (0x0d, 1),
            [byte, ..] => (*byte, 1),
            [] => break,
        };
        plain.push(char);
        rest = &tail[length..];
    }
    plain
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => digit - b'a' + 10,
    }
}
