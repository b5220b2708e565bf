//! Characters: which are legal, and how text is escaped and read back.

use std::borrow::Cow;

use super::Malformed;

/// Whether XML 1.0 allows the character at all.
pub fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn starts_name(c: char) -> bool {
    matches!(c, 'a'..='z' | 'A'..='Z' | '_' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}'
        | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}'
        | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}'
        | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
        | '\u{10000}'..='\u{effff}')
}

fn continues_name(c: char) -> bool {
    starts_name(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

fn is_ncname(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(starts_name) && chars.all(continues_name)
}

/// Splits a name into prefix and local part (Namespaces in XML 1.0, 4).
///
/// # Errors
/// It is no qualified name.
pub fn split_name(name: &str) -> Result<(Option<&str>, &str), Malformed> {
    let (prefix, local) = match name.split_once(':') {
        Some((prefix, local)) => (Some(prefix), local),
        None => (None, name),
    };
    if is_ncname(local) && prefix.is_none_or(is_ncname) {
        return Ok((prefix, local));
    }
    Err(Malformed::NotWellFormed)
}

/// Checks the characters and references of text or of an attribute's value.
///
/// # Errors
/// An illegal character, a reference to one, or an entity that is not predefined.
pub fn check_text(text: &str) -> Result<(), Malformed> {
    let bytes = text.as_bytes();
    let is_plain = bytes.iter().all(|b| (0x20..0x80).contains(b) && *b != b'&');
    if is_plain || (text.chars().all(is_char) && memchr::memchr(b'&', bytes).is_none()) {
        return Ok(());
    }
    if !text.chars().all(is_char) {
        return Err(Malformed::NotWellFormed);
    }
    unescape(text).map(drop)
}

/// Text with its references resolved.
///
/// # Errors
/// A reference that is not allowed.
pub fn unescape(text: &str) -> Result<Cow<'_, str>, Malformed> {
    if memchr::memchr(b'&', text.as_bytes()).is_none() {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (reference, remaining) = after.split_once(';').ok_or(Malformed::NotWellFormed)?;
        out.push(resolve(reference)?);
        rest = remaining;
    }
    out.push_str(rest);
    Ok(Cow::Owned(out))
}

fn resolve(reference: &str) -> Result<char, Malformed> {
    let (digits, radix) = match reference {
        "amp" => return Ok('&'),
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "apos" => return Ok('\''),
        "quot" => return Ok('"'),
        _ => match (reference.strip_prefix("#x"), reference.strip_prefix('#')) {
            (Some(hex), _) => (hex, 16),
            (None, Some(decimal)) => (decimal, 10),
            (None, None) => return Err(Malformed::Restricted),
        },
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Malformed::NotWellFormed);
    }
    u32::from_str_radix(digits, radix)
        .ok()
        .and_then(char::from_u32)
        .filter(|c| is_char(*c))
        .ok_or(Malformed::NotWellFormed)
}

/// Appends text for element content. Characters that XML cannot carry are left out.
pub fn escape_text(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            c if is_char(c) => out.push(c),
            _ => {}
        }
    }
}

/// Appends text for an attribute's value, whichever quote surrounds it.
pub fn escape_attribute(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&apos;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            c if is_char(c) => out.push(c),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_escaped_reads_back(text in "\\PC*[<>&'\"\t\n\r]*\\PC*") {
            let legal: String = text.chars().filter(|c| is_char(*c)).collect();
            for escape in [escape_text, escape_attribute] {
                let mut out = String::new();
                escape(&text, &mut out);
                prop_assert!(!out.contains('<'));
                prop_assert_eq!(check_text(&out), Ok(()));
                prop_assert_eq!(unescape(&out).unwrap(), legal.as_str());
            }
        }
    }

    #[test]
    fn only_the_five_entities_and_legal_characters_are_allowed() {
        for (text, expect) in [
            ("&lt;&#x41;&#66;", Ok("<AB")),
            ("&nbsp;", Err(Malformed::Restricted)),
            ("&#0;", Err(Malformed::NotWellFormed)),
            ("&#xd800;", Err(Malformed::NotWellFormed)),
            ("&#+65;", Err(Malformed::NotWellFormed)),
            ("&#;", Err(Malformed::NotWellFormed)),
            ("a & b", Err(Malformed::NotWellFormed)),
        ] {
            assert_eq!(unescape(text).as_deref().map_err(|e| *e), expect, "{text}");
        }
        assert_eq!(check_text("\u{1}"), Err(Malformed::NotWellFormed));
        assert_eq!(check_text("\u{ffff}"), Err(Malformed::NotWellFormed));
    }
}
