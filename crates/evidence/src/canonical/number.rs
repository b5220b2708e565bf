//! Numbers as ECMAScript writes them (RFC 8785 section 3.2.2.3), limited to what all readers agree on.

use super::CanonicalError;

/// The largest integer that every reader keeps exact: 2^53−1 (RFC 7493 section 2.2).
pub const INTEGER_MAX: i64 = (1 << 53) - 1;

/// From here on ECMAScript writes an exponent, so that the text is no longer an integer.
const EXPONENT_FROM: f64 = 1e21;

/// A number with a canonical text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    /// Within ±[`INTEGER_MAX`].
    Integer(i64),
    /// Finite, and either not whole or so large that its text has an exponent.
    Double(f64),
}

impl Number {
    /// Checks a double that stands at byte `at`.
    pub(super) fn from_double(value: f64, at: usize) -> Result<Self, CanonicalError> {
        if !value.is_finite() {
            return Err(CanonicalError::NumberNotFinite { at });
        }
        let magnitude = value.abs();
        if magnitude >= EXPONENT_FROM {
            return Ok(Self::Double(value));
        }
        if magnitude > INTEGER_MAX as f64 {
            return Err(CanonicalError::IntegerOutOfRange { at });
        }
        if value.fract() == 0.0 {
            return Ok(Self::Integer(value as i64));
        }
        Ok(Self::Double(value))
    }

    /// Checks an integer that stands at byte `at`.
    pub(super) fn from_integer(value: i128, at: usize) -> Result<Self, CanonicalError> {
        match i64::try_from(value) {
            Ok(value) if value.abs_diff(0) <= INTEGER_MAX as u64 => Ok(Self::Integer(value)),
            _ => Err(CanonicalError::IntegerOutOfRange { at }),
        }
    }

    /// Appends the canonical text.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Integer(value) => write_integer(value, out),
            Self::Double(value) => {
                let mut digits = ryu_js::Buffer::new();
                out.extend_from_slice(digits.format_finite(value).as_bytes());
            }
        }
    }
}

fn write_integer(value: i64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[start..]);
}

/// The text ECMAScript's `Number::toString` gives a finite double; `None` for the others.
///
/// This is the whole of RFC 8785's number form. [`parse`](super::parse) and its siblings refuse
/// the part of it that reads as an integer outside ±(2^53−1).
pub fn double_text(value: f64) -> Option<String> {
    let mut digits = ryu_js::Buffer::new();
    value
        .is_finite()
        .then(|| digits.format_finite(value).to_owned())
}
