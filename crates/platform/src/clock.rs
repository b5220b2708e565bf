//! The one place where the node reads the time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// When the process first asked for monotonic time.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Unix time in milliseconds, from the machine or from a test.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Set(Arc<AtomicI64>),
}

impl Clock {
    /// The clock of the machine.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until it is told otherwise, with the handle that moves it.
    pub fn standing_at(now_ms: i64) -> (Self, Arc<AtomicI64>) {
        let hand = Arc::new(AtomicI64::new(now_ms));
        (Self(Source::Set(Arc::clone(&hand))), hand)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn now_ms(&self) -> i64 {
        match &self.0 {
            Source::System => jiff::Timestamp::now().as_millisecond(),
            Source::Set(hand) => hand.load(Ordering::SeqCst),
        }
    }

    /// Time that only passes, whatever people do to the clock of the machine: from an instant that is the process's own.
    /// Where a test sets the clock, it is the test's time.
    pub fn monotonic(&self) -> Duration {
        match &self.0 {
            Source::System => START.elapsed(),
            Source::Set(hand) => {
                let ms = hand.load(Ordering::SeqCst);
                Duration::from_millis(u64::try_from(ms).unwrap_or(0))
            }
        }
    }
}
