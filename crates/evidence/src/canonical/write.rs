//! Values to canonical bytes.

use serde_json::Map;
use serde_json::Value;

use super::CanonicalError;
use super::DEPTH_MAX;
use super::lex::plain_len;
use super::number::Number;
use super::order::utf16_order;

/// Appends the canonical bytes of `value`, which stands inside `depth` containers.
pub(super) fn write(value: &Value, depth: usize, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => number_of(number, out.len())?.write(out),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => write_array(items, depth, out)?,
        Value::Object(members) => write_object(members, depth, out)?,
    }
    Ok(())
}

fn number_of(number: &serde_json::Number, at: usize) -> Result<Number, CanonicalError> {
    if let Some(value) = number.as_i128() {
        return Number::from_integer(value, at);
    }
    let value = number
        .as_f64()
        .ok_or(CanonicalError::NumberNotFinite { at })?;
    Number::from_double(value, at)
}

fn write_array(items: &[Value], depth: usize, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    check_depth(depth, out)?;
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
) -> Result<(), CanonicalError> {
    check_depth(depth, out)?;
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_unstable_by(|(a, _), (b, _)| utf16_order(a.as_bytes(), b.as_bytes()));
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

fn check_depth(depth: usize, out: &[u8]) -> Result<(), CanonicalError> {
    if depth >= DEPTH_MAX {
        return Err(CanonicalError::TooDeep { at: out.len() });
    }
    Ok(())
}

/// Appends `text` quoted, escaping only what RFC 8785 section 3.2.2.2 escapes.
pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    out.push(b'"');
    loop {
        let len = plain_len(rest);
        out.extend_from_slice(&rest[..len]);
        let Some(&special) = rest.get(len) else { break };
        write_escape(special, out);
        rest = &rest[len + 1..];
    }
    out.push(b'"');
}

/// Appends a character of a string; true when it had to be escaped.
pub(super) fn write_char(char: char, out: &mut Vec<u8>) -> bool {
    let special = char < ' ' || char == '"' || char == '\\';
    if special {
        write_escape(char as u8, out);
    } else {
        out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
    }
    special
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        0x08 => b'b',
        0x09 => b't',
        0x0a => b'n',
        0x0c => b'f',
        0x0d => b'r',
        _ => {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}
