//! Dates as XMPP writes them (XEP-0082 1.1.1): UTC, milliseconds.

use jiff::Timestamp;

/// Milliseconds since 1970 as text.
pub fn format(at_ms: i64) -> String {
    let clamped = at_ms.clamp(
        Timestamp::MIN.as_millisecond(),
        Timestamp::MAX.as_millisecond(),
    );
    let at = Timestamp::from_millisecond(clamped).expect("the number was clamped to the range");
    format!("{at:.3}")
}

/// The reverse of [`format`], for any offset and precision that XEP-0082 allows.
pub fn parse(text: &str) -> Option<i64> {
    text.parse::<Timestamp>()
        .ok()
        .map(Timestamp::as_millisecond)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_has_milliseconds_and_ends_in_z() {
        assert_eq!(format(1_763_735_881_007), "2025-11-21T14:38:01.007Z");
        assert_eq!(
            parse("2025-11-21T16:38:01.007+02:00"),
            Some(1_763_735_881_007)
        );
        assert_eq!(parse("2025-11-21"), None);
    }

    proptest! {
        #[test]
        fn format_and_parse_are_inverse(at_ms in -60_000_000_000_000i64..250_000_000_000_000) {
            prop_assert_eq!(parse(&format(at_ms)), Some(at_ms));
        }
    }
}
