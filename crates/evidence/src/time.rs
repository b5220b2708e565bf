//! The one text of an instant: `YYYY-MM-DDTHH:MM:SS[.mmm]Z`.
//!
//! Nothing is normalised. A text in another form is an error, because a signature over it would
//! cover other bytes than the reader sees.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use thiserror::Error;

/// How much of an instant its text shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Precision {
    Seconds,
    Milliseconds,
}

/// A text is not a canonical instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "timestamp is not of the form YYYY-MM-DDTHH:MM:SS[.mmm]Z, a real instant of the years 0000 to 9999"
)]
pub struct TimestampNotCanonical;

/// The instant as `YYYY-MM-DDTHH:MM:SSZ`; what is below a second is cut.
pub fn canonical_seconds(instant: Timestamp) -> Result<String, TimestampNotCanonical> {
    text(instant, Precision::Seconds)
}

/// The instant as `YYYY-MM-DDTHH:MM:SS.mmmZ`; what is below a millisecond is cut.
pub fn canonical_millis(instant: Timestamp) -> Result<String, TimestampNotCanonical> {
    text(instant, Precision::Milliseconds)
}

/// Reads either canonical text, and nothing else: upper-case letters, `Z`, no or three decimals.
pub fn parse(canonical: &str) -> Result<Timestamp, TimestampNotCanonical> {
    let precision = match canonical.len() {
        20 => Precision::Seconds,
        24 => Precision::Milliseconds,
        _ => return Err(TimestampNotCanonical),
    };
    let instant: Timestamp = canonical.parse().map_err(|_| TimestampNotCanonical)?;
    match text(instant, precision)? == canonical {
        true => Ok(instant),
        false => Err(TimestampNotCanonical),
    }
}

fn text(instant: Timestamp, precision: Precision) -> Result<String, TimestampNotCanonical> {
    let civil = TimeZone::UTC.to_datetime(instant);
    if civil.year() < 0 {
        return Err(TimestampNotCanonical);
    }
    let (date, time) = (civil.date(), civil.time());
    let seconds = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        date.year(),
        date.month(),
        date.day(),
        time.hour(),
        time.minute(),
        time.second()
    );
    Ok(match precision {
        Precision::Seconds => format!("{seconds}Z"),
        Precision::Milliseconds => format!("{seconds}.{:03}Z", time.millisecond()),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_canonical_text_is_read() {
        assert!(parse("2026-01-15T12:00:00Z").is_ok());
        assert!(parse("2026-01-15T12:00:00.120Z").is_ok());
        for text in [
            "2026-01-15t12:00:00z",
            "2026-01-15 12:00:00Z",
            "2026-01-15T12:00:00.12Z",
            "2026-01-15T12:00:00+00:00",
            "2026-01-15T17:00:00+05:00",
            "2026-01-15T12:00:60Z",
            "2026-02-30T12:00:00Z",
            "2026-01-15T24:00:00Z",
            "2026-01-15T12:00:00,120Z",
            "20260115T120000.0000000Z",
            "",
        ] {
            assert_eq!(parse(text), Err(TimestampNotCanonical), "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_round_trips(millis in -62_167_219_200_000i64..253_402_207_200_000) {
            let instant = Timestamp::from_millisecond(millis).unwrap();
            prop_assert_eq!(parse(&canonical_millis(instant).unwrap()), Ok(instant));
            let seconds = parse(&canonical_seconds(instant).unwrap()).unwrap();
            prop_assert_eq!(seconds.as_millisecond(), millis.div_euclid(1000) * 1000);
        }
    }
}
