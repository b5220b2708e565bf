//! Momentum Canonical Form: the bytes that an earlier economic-zone stack hashed and signed.
//!
//! Kept so that its digests and signatures can still be checked; nothing of ours is written in it.
//! It rewrites every string that reads as an RFC 3339 date-time to whole seconds of UTC, whatever
//! the string was meant to be, so that several texts share one digest. That is why it is not
//! [`canonical`](crate::canonical).

use serde_json::Map;
use serde_json::Value;
use thiserror::Error;

use crate::canonical::DEPTH_MAX;
use crate::canonical::write_string;

/// Why a value has no bytes in this form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum McfError {
    /// A number is not stored as a 64-bit integer.
    #[error("number is not a 64-bit integer")]
    FloatRejected,
    /// More than [`DEPTH_MAX`] containers inside each other.
    #[error("nested too deeply")]
    TooDeep,
}

/// U+2212, which the reference takes for a minus.
const MINUS_SIGN: &[u8] = "\u{2212}".as_bytes();

/// The bytes of a value: names in UTF-8 order, 64-bit integers only, date-times coerced.
pub fn to_vec(value: &Value) -> Result<Vec<u8>, McfError> {
    let mut out = Vec::new();
    write(value, 0, &mut out)?;
    Ok(out)
}

fn write(value: &Value, depth: usize, out: &mut Vec<u8>) -> Result<(), McfError> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) if number.is_f64() => return Err(McfError::FloatRejected),
        Value::Number(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Value::String(text) => match whole_utc_seconds(text) {
            Some(coerced) => write_string(&coerced, out),
            None => write_string(text, out),
        },
        Value::Array(_) | Value::Object(_) if depth == DEPTH_MAX => return Err(McfError::TooDeep),
        Value::Array(items) => write_array(items, depth, out)?,
        Value::Object(members) => write_object(members, depth, out)?,
    }
    Ok(())
}

fn write_array(items: &[Value], depth: usize, out: &mut Vec<u8>) -> Result<(), McfError> {
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(item, depth + 1, out)?;
    }
    out.push(b']');
    Ok(())
}

fn write_object(
    members: &Map<String, Value>,
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<(), McfError> {
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    out.push(b'{');
    for (index, (name, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(name, out);
        out.push(b':');
        write(value, depth + 1, out)?;
    }
    out.push(b'}');
    Ok(())
}

/// The coerced form of a text that reads as RFC 3339. Its year may have a sign and five digits.
fn whole_utc_seconds(text: &str) -> Option<String> {
    let mut cursor = Cursor {
        rest: text.as_bytes(),
    };
    let mut date = cursor.date()?;
    cursor.one_of(b"Tt ")?;
    let hour = cursor.digits(2, 23)?;
    cursor.one_of(b":")?;
    let minute = cursor.digits(2, 59)?;
    cursor.one_of(b":")?;
    let second = cursor.digits(2, 60)?;
    cursor.fraction()?;
    let offset_minutes = cursor.offset()?;
    if !cursor.rest.is_empty() {
        return None;
    }
    let minutes = hour * 60 + minute - offset_minutes;
    date.shift(minutes.div_euclid(24 * 60));
    let minutes = minutes.rem_euclid(24 * 60);
    let (year, clock) = (date.year_text(), (minutes / 60, minutes % 60));
    let Date { month, day, .. } = date;
    Some(format!(
        "{year}-{month:02}-{day:02}T{:02}:{:02}:{second:02}Z",
        clock.0, clock.1
    ))
}

struct Date {
    year: i32,
    month: i32,
    day: i32,
}

impl Date {
    /// Moves by at most one day.
    fn shift(&mut self, days: i32) {
        self.day += days;
        if self.day == 0 {
            self.month -= 1;
            if self.month == 0 {
                (self.year, self.month) = (self.year - 1, 12);
            }
            self.day = month_length(self.year, self.month);
        } else if self.day > month_length(self.year, self.month) {
            (self.month, self.day) = (self.month + 1, 1);
            if self.month == 13 {
                (self.year, self.month) = (self.year + 1, 1);
            }
        }
    }

    fn year_text(&self) -> String {
        match self.year {
            0..=9999 => format!("{:04}", self.year),
            year => format!("{year:+05}"),
        }
    }
}

fn month_length(year: i32, month: i32) -> i32 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn date(&mut self) -> Option<Date> {
        let year = self.digits(4, 9999)?;
        self.one_of(b"-")?;
        let month = self.digits(2, 12)?;
        self.one_of(b"-")?;
        let day = self.digits(2, 31)?;
        let real = month >= 1 && day >= 1 && day <= month_length(year, month);
        real.then_some(Date { year, month, day })
    }

    fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        bytes.contains(first).then_some(*first)
    }

    fn digits(&mut self, count: usize, max: i32) -> Option<i32> {
        let (digits, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        let number = digits.iter().try_fold(0, |number, digit| match digit {
            b'0'..=b'9' => Some(number * 10 + i32::from(digit - b'0')),
            _ => None,
        })?;
        (number <= max).then_some(number)
    }

    /// Passes over a point and digits, if there is a point.
    fn fraction(&mut self) -> Option<()> {
        if let Some(rest) = self.rest.strip_prefix(b".") {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            self.rest = &rest[digits..];
            return (digits > 0).then_some(());
        }
        Some(())
    }

    fn offset(&mut self) -> Option<i32> {
        let sign = match self.rest.strip_prefix(MINUS_SIGN) {
            Some(rest) => {
                self.rest = rest;
                -1
            }
            None => match self.one_of(b"Zz+-")? {
                b'+' => 1,
                b'-' => -1,
                _ => return Some(0),
            },
        };
        let hours = self.digits(2, 23)?;
        self.one_of(b":")?;
        let minutes = self.digits(2, 59)?;
        Some(sign * (hours * 60 + minutes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_move_across_months_and_years() {
        let check = |text, expected: &str| assert_eq!(whole_utc_seconds(text).unwrap(), expected);
        check("2024-03-01T01:00:00+02:00", "2024-02-29T23:00:00Z");
        check("2025-12-31T23:30:00-01:00", "2026-01-01T00:30:00Z");
        check("1900-02-28T23:59:00-00:01", "1900-03-01T00:00:00Z");
        check("2026-01-15T12:00:00\u{2212}05:00", "2026-01-15T17:00:00Z");
    }
}
