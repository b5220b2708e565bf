//! A session as lines of JSON, an opening and then inputs: nothing panics, a refused input leaves the digest as it
//! was, a stop is never refused, no pacer leaves its limits or outlives the session, and the record replays.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zenb::digest::NUMERIC_VERSION;
use zenb::engine::{Engine, Input};
use zenb::event::{Decided, Opened, SessionEvent};
use zenb::protocol::{PACE_MILLI_MAX, PACE_MILLI_MIN};
use zenb::replay::{ended, replay};

/// The digest is taken over the whole state with each input, so more lines make slow cases, not other ones.
const MOST_LINES: usize = 200;

fuzz_target!(|text: &str| {
    let mut lines = text.lines().take(MOST_LINES);
    let Some(Ok(opening)) = lines.next().map(serde_json::from_str) else {
        return;
    };
    let (mut engine, step) = Engine::open(&opening);
    assert_eq!(step.digest, engine.digest());
    let mut record = vec![
        SessionEvent::Opened(Opened {
            numeric_version: NUMERIC_VERSION,
            opening,
        }),
        SessionEvent::Decided(Decided::from(step)),
    ];
    for line in lines {
        let Ok(input) = serde_json::from_str::<Input>(line) else {
            continue;
        };
        let before = engine.digest();
        match engine.step(&input) {
            Ok(step) => {
                assert_eq!(step.digest, engine.digest());
                record.push(SessionEvent::Input(input));
                record.push(SessionEvent::Decided(Decided::from(step)));
            }
            Err(refused) => {
                assert!(
                    !matches!(input, Input::Stop { .. }),
                    "a stop was refused: {refused}"
                );
                assert_eq!(before, engine.digest(), "a refused input changed the state");
            }
        }
        let pacer = engine.pacer();
        assert!(!pacer.running || (PACE_MILLI_MIN..=PACE_MILLI_MAX).contains(&pacer.milli_breaths));
        assert!(
            !pacer.running || engine.summary().is_none(),
            "a pacer runs after the end"
        );
        let _shown = serde_json::to_string(&engine.view()).expect("a view is always JSON");
    }
    record.extend(ended(&engine).map(SessionEvent::Ended));
    let replayed = replay(&record).expect("a record of what happened replays");
    assert_eq!(replayed.digests.last(), Some(&engine.digest()));
});
