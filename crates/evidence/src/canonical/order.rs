//! The order of object members: UTF-16 code units (RFC 8785 section 3.2.3), read from UTF-8.

use std::cmp::Ordering;

/// Compares two UTF-8 texts by their UTF-16 code units.
///
/// The two orders differ only between characters above U+FFFF, whose first unit is a surrogate
/// (U+D800..), and characters from U+E000 to U+FFFF. In UTF-8 these begin with F0..F4 and with
/// EE or EF, and a first difference between such bytes is always between two leading bytes.
pub(super) fn utf16_order(left: &[u8], right: &[u8]) -> Ordering {
    match left.iter().zip(right).find(|(a, b)| a != b) {
        Some((&a, &b)) => rank(a).cmp(&rank(b)),
        None => left.len().cmp(&right.len()),
    }
}

/// The first eight bytes as a number that sorts as the text does; shorter texts sort first.
pub(super) fn order_prefix(text: &[u8]) -> u64 {
    let mut head = [0; 8];
    let len = text.len().min(8);
    head[..len].copy_from_slice(&text[..len]);
    if !head.is_ascii() {
        head = head.map(rank);
    }
    u64::from_be_bytes(head)
}

fn rank(byte: u8) -> u8 {
    match byte {
        0xee | 0xef => byte + 0x10,
        0xf0.. => byte - 2,
        _ => byte,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn order_is_that_of_utf16_units(left: String, right: String) {
            let expected = left.encode_utf16().cmp(right.encode_utf16());
            prop_assert_eq!(utf16_order(left.as_bytes(), right.as_bytes()), expected);
        }

        #[test]
        fn order_holds_around_surrogates(left in "[a\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}]{0,4}",
                                         right in "[a\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}]{0,4}") {
            let expected = left.encode_utf16().cmp(right.encode_utf16());
            prop_assert_eq!(utf16_order(left.as_bytes(), right.as_bytes()), expected);
            let prefixes = order_prefix(left.as_bytes()).cmp(&order_prefix(right.as_bytes()));
            prop_assert!(prefixes == expected || prefixes == Ordering::Equal);
        }
    }
}
