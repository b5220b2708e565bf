//! Base64 (RFC 4648 section 4), padded, with exactly one text for each byte string.

use data_encoding::BASE64;

pub(crate) fn encode(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// `None` unless the text is what [`encode`] gives for some bytes.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let bytes = BASE64.decode(text.as_bytes()).ok()?;
    // The decoder takes padding in the middle too: texts that were padded, then joined.
    (encode(&bytes) == text).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_string_has_one_text() {
        assert_eq!(decode("AQID"), Some(vec![1, 2, 3]));
        for text in ["AQ==AQID", "AR==", "AQ", "AQ=", "AQID\n", "A-ID"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
