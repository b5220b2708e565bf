//! A session's record as JSON: replayed or refused with its place; never a panic, whatever it says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zenb::event::SessionEvent;
use zenb::replay::{Diverged, replay};

fuzz_target!(|bytes: &[u8]| {
    let Ok(record) = serde_json::from_slice::<Vec<SessionEvent>>(bytes) else {
        return;
    };
    match replay(&record) {
        Ok(replayed) => assert!(replayed.steps_count as usize <= record.len()),
        Err(Diverged::OutOfOrder { seq } | Diverged::Differs { seq, .. }) => {
            assert!(
                seq >= 1 && seq as usize <= record.len() + 1,
                "event {seq} of {}",
                record.len()
            );
        }
        Err(Diverged::NotOpened | Diverged::OtherNumericVersion { .. }) => {}
    }
});
