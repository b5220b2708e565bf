//! Instants are milliseconds since 1970-01-01T00:00:00Z; days are those of UTC.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// An instant that no calendar day holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{at_ms} ms is outside the calendar")]
pub struct InstantOutOfRange {
    /// What was given.
    pub at_ms: i64,
}

/// The day of an instant in UTC.
///
/// # Errors
/// The instant is outside the calendar.
pub fn utc_day(at_ms: i64) -> Result<Date, InstantOutOfRange> {
    let instant = Timestamp::from_millisecond(at_ms).map_err(|_| InstantOutOfRange { at_ms })?;
    Ok(TimeZone::UTC.to_datetime(instant).date())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_midnight_and_the_calendar_at_its_last_day() {
        assert_eq!(utc_day(-1).unwrap().to_string(), "1969-12-31");
        assert_eq!(utc_day(0).unwrap().to_string(), "1970-01-01");
        assert_eq!(
            utc_day(i64::MAX),
            Err(InstantOutOfRange { at_ms: i64::MAX })
        );
    }
}
