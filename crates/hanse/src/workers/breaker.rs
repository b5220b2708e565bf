//! When to try again, and when to stop trying for a while: pure.

use std::collections::BTreeMap;

/// Attempts before an effect is given up and a person is told.
pub const ATTEMPTS_MAX: u64 = 8;
/// Failures in a row that open a breaker.
const FAILURES_TO_OPEN: u32 = 4;
/// How long an open breaker keeps its kind of work away, in milliseconds.
const OPEN_FOR_MS: i64 = 30_000;
const BACKOFF_FIRST_MS: i64 = 500;
const BACKOFF_MAX_MS: i64 = 10 * 60_000;

/// How long to wait after failed attempt number `attempt`, counted from 1: doubling, capped, and
/// spread over its second half by `jitter`, so that what failed together is not tried together.
pub fn backoff_ms(attempt: u64, jitter: u16) -> i64 {
    let doublings = u32::try_from(attempt.saturating_sub(1))
        .unwrap_or(u32::MAX)
        .min(30);
    let whole = BACKOFF_FIRST_MS
        .saturating_mul(1 << doublings)
        .min(BACKOFF_MAX_MS);
    whole / 2 + whole / 2 * i64::from(jitter) / i64::from(u16::MAX)
}

/// One breaker for each kind of work.
#[derive(Clone, Debug, Default)]
pub struct Breakers {
    kinds: BTreeMap<String, Breaker>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Breaker {
    failures: u32,
    open_until_ms: i64,
}

impl Breakers {
    /// Until when this kind of work has to wait, if it has to.
    pub fn wait_until_ms(&self, kind: &str, now_ms: i64) -> Option<i64> {
        let until = self.kinds.get(kind)?.open_until_ms;
        (until > now_ms).then_some(until)
    }

    /// Notes that work succeeded.
    pub fn succeeded(&mut self, kind: &str) {
        self.kinds.remove(kind);
    }

    /// Notes that work failed; the breaker opens after a row of failures. The first attempt after it
    /// closes opens it again at once if it fails.
    pub fn failed(&mut self, kind: &str, now_ms: i64) {
        let breaker = self.kinds.entry(kind.to_owned()).or_default();
        breaker.failures = breaker.failures.saturating_add(1);
        if breaker.failures >= FAILURES_TO_OPEN {
            breaker.open_until_ms = now_ms.saturating_add(OPEN_FOR_MS);
        }
    }

    /// The kinds whose breaker is open.
    pub fn open(&self, now_ms: i64) -> impl Iterator<Item = &str> {
        self.kinds
            .iter()
            .filter(move |(_, breaker)| breaker.open_until_ms > now_ms)
            .map(|(kind, _)| kind.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_doubles_and_is_capped_and_spread() {
        for (attempt, whole) in [
            (1, 500),
            (2, 1_000),
            (3, 2_000),
            (8, 64_000),
            (200, 600_000),
        ] {
            assert_eq!(backoff_ms(attempt, 0), whole / 2);
            assert_eq!(backoff_ms(attempt, u16::MAX), whole);
        }
    }

    #[test]
    fn a_breaker_opens_after_a_row_of_failures_and_closes_on_success() {
        let mut breakers = Breakers::default();
        for _ in 0..3 {
            breakers.failed("x", 0);
        }
        breakers.succeeded("x");
        for _ in 0..3 {
            breakers.failed("x", 0);
        }
        assert_eq!(breakers.wait_until_ms("x", 0), None);
        breakers.failed("x", 0);
        assert_eq!(breakers.wait_until_ms("x", 0), Some(30_000));
        assert_eq!(breakers.wait_until_ms("y", 0), None);
        assert_eq!(breakers.wait_until_ms("x", 30_000), None);
        breakers.failed("x", 30_000);
        assert_eq!(breakers.open(30_001).collect::<Vec<_>>(), ["x"]);
        breakers.succeeded("x");
        assert_eq!(breakers.open(30_001).count(), 0);
    }
}
