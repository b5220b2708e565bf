//! Bytes to a value, strictly.

use serde_json::Map;
use serde_json::Value;

use super::CanonicalError;
use super::lex::Lexer;
use super::number::Number;

/// Reads one value and nothing after it.
pub(super) fn parse(input: &[u8]) -> Result<Value, CanonicalError> {
    let mut lexer = Lexer::new(input)?;
    lexer.skip_whitespace();
    let value = value(&mut lexer)?;
    lexer.skip_whitespace();
    lexer.expect_end()?;
    Ok(value)
}

fn value(lexer: &mut Lexer<'_>) -> Result<Value, CanonicalError> {
    match lexer.peek() {
        Some(b'{') => object(lexer),
        Some(b'[') => array(lexer),
        Some(b'"') => Ok(Value::String(string(lexer)?)),
        Some(b'-' | b'0'..=b'9') => number(lexer),
        Some(b't') => lexer.literal(b"true").map(|()| Value::Bool(true)),
        Some(b'f') => lexer.literal(b"false").map(|()| Value::Bool(false)),
        Some(b'n') => lexer.literal(b"null").map(|()| Value::Null),
        _ => Err(lexer.unexpected()),
    }
}

fn object(lexer: &mut Lexer<'_>) -> Result<Value, CanonicalError> {
    let mut members = Map::new();
    lexer.enter()?;
    lexer.skip_whitespace();
    if lexer.peek() != Some(b'}') {
        loop {
            let at = lexer.at;
            let name = string(lexer)?;
            lexer.skip_whitespace();
            lexer.expect(b':')?;
            lexer.skip_whitespace();
            let member = value(lexer)?;
            if members.insert(name, member).is_some() {
                return Err(CanonicalError::DuplicateKey { at });
            }
            lexer.skip_whitespace();
            if lexer.peek() != Some(b',') {
                break;
            }
            lexer.at += 1;
            lexer.skip_whitespace();
        }
    }
    if lexer.peek() != Some(b'}') {
        return Err(lexer.unexpected());
    }
    lexer.leave();
    Ok(Value::Object(members))
}

fn array(lexer: &mut Lexer<'_>) -> Result<Value, CanonicalError> {
    let mut items = Vec::new();
    lexer.enter()?;
    lexer.skip_whitespace();
    if lexer.peek() != Some(b']') {
        loop {
            items.push(value(lexer)?);
            lexer.skip_whitespace();
            if lexer.peek() != Some(b',') {
                break;
            }
            lexer.at += 1;
            lexer.skip_whitespace();
        }
    }
    if lexer.peek() != Some(b']') {
        return Err(lexer.unexpected());
    }
    lexer.leave();
    Ok(Value::Array(items))
}

fn string(lexer: &mut Lexer<'_>) -> Result<String, CanonicalError> {
    lexer.expect(b'"')?;
    let mut bytes = Vec::new();
    loop {
        let start = lexer.at;
        let end = lexer.plain_run()?;
        bytes.extend_from_slice(&lexer.input[start..lexer.at]);
        if end == b'"' {
            lexer.at += 1;
            return Ok(
                String::from_utf8(bytes).expect("runs of UTF-8 cut at ASCII, and characters")
            );
        }
        let char = lexer.escape()?;
        bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

fn number(lexer: &mut Lexer<'_>) -> Result<Value, CanonicalError> {
    let at = lexer.at;
    match lexer.number()?.0 {
        Number::Integer(value) => Ok(Value::from(value)),
        Number::Double(value) => serde_json::Number::from_f64(value)
            .map(Value::Number)
            .ok_or(CanonicalError::NumberNotFinite { at }),
    }
}
