//! Tokens of JSON (RFC 8259), read strictly from bytes known to be UTF-8.

use super::CanonicalError;
use super::DEPTH_MAX;
use super::number::Number;

/// An integer of 17 digits cannot be within ±(2^53−1), which has 16.
const INTEGER_DIGITS_MAX: usize = 16;

/// A cursor over the input.
pub(super) struct Lexer<'a> {
    pub(super) input: &'a [u8],
    pub(super) at: usize,
    depth: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(input: &'a [u8]) -> Result<Self, CanonicalError> {
        match std::str::from_utf8(input) {
            Ok(_) => Ok(Self {
                input,
                at: 0,
                depth: 0,
            }),
            Err(error) => Err(CanonicalError::InvalidUtf8 {
                at: error.valid_up_to(),
            }),
        }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }

    /// The error for what stands at the cursor.
    pub(super) fn unexpected(&self) -> CanonicalError {
        match self.peek() {
            Some(byte) => CanonicalError::UnexpectedByte { at: self.at, byte },
            None => CanonicalError::UnexpectedEnd { at: self.at },
        }
    }

    pub(super) fn at_whitespace(&self) -> bool {
        matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t'))
    }

    pub(super) fn skip_whitespace(&mut self) {
        while self.at_whitespace() {
            self.at += 1;
        }
    }

    pub(super) fn expect(&mut self, byte: u8) -> Result<(), CanonicalError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.unexpected())
    }

    pub(super) fn expect_end(&self) -> Result<(), CanonicalError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(CanonicalError::TrailingBytes { at: self.at }),
        }
    }

    pub(super) fn literal(&mut self, word: &'static [u8]) -> Result<(), CanonicalError> {
        for &byte in word {
            self.expect(byte)?;
        }
        Ok(())
    }

    /// Takes the opening byte of a container.
    pub(super) fn enter(&mut self) -> Result<(), CanonicalError> {
        if self.depth == DEPTH_MAX {
            return Err(CanonicalError::TooDeep { at: self.at });
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// Takes the closing byte of a container.
    pub(super) fn leave(&mut self) {
        self.depth -= 1;
        self.at += 1;
    }

    /// Passes the plain part of a string; the result is the byte that ended it, not yet taken.
    pub(super) fn plain_run(&mut self) -> Result<u8, CanonicalError> {
        self.at += plain_len(&self.input[self.at..]);
        match self.peek() {
            Some(byte @ (b'"' | b'\\')) => Ok(byte),
            Some(_) => Err(CanonicalError::ControlCharacter { at: self.at }),
            None => Err(CanonicalError::UnexpectedEnd { at: self.at }),
        }
    }

    /// Takes one escape, from its backslash on.
    pub(super) fn escape(&mut self) -> Result<char, CanonicalError> {
        let start = self.at;
        self.at += 1;
        let byte = self
            .peek()
            .ok_or(CanonicalError::UnexpectedEnd { at: self.at })?;
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(start),
            _ => return Err(CanonicalError::InvalidEscape { at: start }),
        })
    }

    fn unicode_escape(&mut self, start: usize) -> Result<char, CanonicalError> {
        let lone = CanonicalError::LoneSurrogate { at: start };
        let unit = self.hex_unit(start)?;
        match unit {
            0xd800..=0xdbff => {
                if !self.input[self.at..].starts_with(b"\\u") {
                    return Err(lone);
                }
                self.at += 2;
                match self.hex_unit(start)? {
                    low @ 0xdc00..=0xdfff => {
                        let scalar = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                        char::from_u32(scalar).ok_or(lone)
                    }
                    _ => Err(lone),
                }
            }
            _ => char::from_u32(unit).ok_or(lone),
        }
    }

    fn hex_unit(&mut self, start: usize) -> Result<u32, CanonicalError> {
        let digits = self
            .input
            .get(self.at..self.at + 4)
            .ok_or(CanonicalError::UnexpectedEnd {
                at: self.input.len(),
            })?;
        let mut unit = 0;
        for &digit in digits {
            let value = char::from(digit)
                .to_digit(16)
                .ok_or(CanonicalError::InvalidEscape { at: start })?;
            unit = unit * 16 + value;
        }
        self.at += 4;
        Ok(unit)
    }

    /// Takes a number. The flag tells whether its text is canonical as it stands.
    pub(super) fn number(&mut self) -> Result<(Number, bool), CanonicalError> {
        let start = self.at;
        let negative = self.peek() == Some(b'-');
        self.at += usize::from(negative);
        let whole = self.digits(start)?;
        if whole.len() > 1 && whole[0] == b'0' {
            return Err(CanonicalError::MalformedNumber { at: start });
        }
        if !matches!(self.peek(), Some(b'.' | b'e' | b'E')) {
            return integer(negative, whole, start);
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits(start)?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits(start)?;
        }
        let value = std::str::from_utf8(&self.input[start..self.at])
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or(CanonicalError::MalformedNumber { at: start })?;
        Ok((Number::from_double(value, start)?, false))
    }

    fn digits(&mut self, start: usize) -> Result<&'a [u8], CanonicalError> {
        let rest = &self.input[self.at..];
        let len = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if len == 0 {
            return Err(CanonicalError::MalformedNumber { at: start });
        }
        self.at += len;
        Ok(&rest[..len])
    }
}

fn integer(negative: bool, digits: &[u8], at: usize) -> Result<(Number, bool), CanonicalError> {
    if digits.len() > INTEGER_DIGITS_MAX {
        return Err(CanonicalError::IntegerOutOfRange { at });
    }
    let magnitude = digits
        .iter()
        .fold(0_i128, |sum, digit| sum * 10 + i128::from(digit - b'0'));
    let value = if negative { -magnitude } else { magnitude };
    let minus_zero = negative && magnitude == 0;
    Ok((Number::from_integer(value, at)?, !minus_zero))
}

/// How many bytes from the start are neither `"`, `\` nor a control character, eight at a time.
pub(super) fn plain_len(bytes: &[u8]) -> usize {
    let mut chunks = bytes.chunks_exact(8);
    let mut len = 0;
    for chunk in &mut chunks {
        let word = u64::from_le_bytes(chunk.try_into().expect("the chunk has eight bytes"));
        let special = special_bytes(word);
        if special != 0 {
            return len + (special.trailing_zeros() / 8) as usize;
        }
        len += 8;
    }
    let rest = chunks.remainder();
    len + rest.iter().take_while(|byte| !is_special(**byte)).count()
}

fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// The top bit of each special byte is set. Borrows may set bits above the lowest special byte,
/// never below it, so the lowest set bit is exact.
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const TOPS: u64 = ONES * 0x80;
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let below_space = word.wrapping_sub(ONES * 0x20) & !word;
    let is_quote = quote.wrapping_sub(ONES) & !quote;
    let is_backslash = backslash.wrapping_sub(ONES) & !backslash;
    (below_space | is_quote | is_backslash) & TOPS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn plain_run_ends_at_the_first_special_byte(bytes: Vec<u8>) {
            let expected = bytes.iter().take_while(|byte| !is_special(**byte)).count();
            prop_assert_eq!(plain_len(&bytes), expected);
        }
    }
}
