//! What inhibits a person, driven by any clocks and episodes: nothing panics, an episode closes its practice and no other, no
//! clock that is set back opens one, an episode taken over is neither shortened nor endless, and what is stored is what is read.
#![no_main]

use libfuzzer_sys::arbitrary::{self, Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use zenb::bug::Rules;
use zenb::inhibition::{
    ContextKey, FIRST_BACKOFF_MS, Inhibition, Inhibitions, LONGEST_BACKOFF_MS, LoadedInhibitions,
};

const CONTEXTS: [ContextKey; 3] = [
    ContextKey::Paced,
    ContextKey::Adaptive,
    ContextKey::Assessment,
];

#[derive(Debug, Arbitrary)]
enum Step {
    Seen(i64),
    Record(u8, i64),
    TakeOver(u8, u32, i64, i64),
    Ask(i64),
    Store,
}

/// Until when each practice rests, at the latest time that was seen or `at`.
fn closed(inhibitions: &Inhibitions, at: i64) -> [Option<i64>; 3] {
    CONTEXTS.map(|context| inhibitions.inhibited(context, at))
}

fn context(of: u8) -> usize {
    usize::from(of) % CONTEXTS.len()
}

/// An episode was counted for one practice: it rests, and for each other one nothing changed.
fn check_episode(before: &Inhibitions, after: &Inhibitions, of: usize, now: i64, kept: Inhibition) {
    assert!(kept.episodes >= 1);
    assert_eq!(after.of(CONTEXTS[of]), Some(kept));
    let first = now.saturating_add(FIRST_BACKOFF_MS);
    assert!(kept.until_wall_ms >= first, "{kept:?} at {now}");
    for other in (0..CONTEXTS.len()).filter(|other| *other != of) {
        assert_eq!(before.of(CONTEXTS[other]), after.of(CONTEXTS[other]));
    }
    if let Some(earlier) = before.of(CONTEXTS[of]) {
        assert!(
            kept.until_wall_ms >= earlier.until_wall_ms,
            "an episode shortened a rest"
        );
    }
    assert!(
        after
            .over_wall_ms()
            .is_some_and(|over| over >= kept.until_wall_ms)
    );
}

fuzz_target!(|data: &[u8]| {
    // As somebody may have stored it: read or refused, and what is read can be driven.
    let stored = serde_json::from_slice::<LoadedInhibitions>(data);
    let mut inhibitions = match stored {
        Ok(LoadedInhibitions::Loaded(inhibitions)) => inhibitions,
        _ => Inhibitions::none(),
    };
    let mut unstructured = Unstructured::new(data);
    let mut seen = i64::MIN;
    // Of bytes that are used up it makes steps without end.
    while !unstructured.is_empty()
        && let Ok(step) = Step::arbitrary(&mut unstructured)
    {
        let before = inhibitions.clone();
        match step {
            Step::Seen(at) => {
                inhibitions.seen(at);
                seen = seen.max(at);
            }
            Step::Record(of, at) => {
                let of = context(of);
                let kept = inhibitions.record(CONTEXTS[of], at, Rules::whole());
                seen = seen.max(at);
                check_episode(&before, &inhibitions, of, seen, kept);
            }
            Step::TakeOver(of, episodes, until_wall_ms, at) => {
                let of = context(of);
                let counted = Inhibition {
                    episodes,
                    until_wall_ms,
                };
                let kept = inhibitions.take_over(CONTEXTS[of], counted, at);
                seen = seen.max(at);
                check_episode(&before, &inhibitions, of, seen, kept);
                // Nor does the clock of whoever counted it make it endless.
                let mut alone = before.clone();
                let own = alone.record(CONTEXTS[of], at, Rules::whole());
                // What was stored may have seen a later time than any of here.
                let latest = own.until_wall_ms.saturating_add(LONGEST_BACKOFF_MS);
                assert!(kept.until_wall_ms <= latest, "{kept:?} beside {own:?}");
            }
            Step::Ask(at) => {
                // A clock set back opens nothing that the latest time closes.
                let now = closed(&inhibitions, seen.max(at));
                for (then, now) in closed(&inhibitions, at).iter().zip(now) {
                    assert!(then.is_some() || now.is_none());
                }
            }
            Step::Store => {
                let text = serde_json::to_vec(&inhibitions).expect("it has string keys");
                let read: Inhibitions = serde_json::from_slice(&text).expect("it was written");
                assert_eq!(read, inhibitions);
            }
        }
    }
});
