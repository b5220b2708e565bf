//! What the engine says, besides the screen's questions, names no disease and praises nothing.

use super::faults::play_recording;
use super::person::Person;
use super::session::Session;
use super::session::adaptive;
use super::session::opening;
use crate::data::Recording;

const FORBIDDEN: [&str; 14] = [
    "arrhythm",
    "fibrill",
    "disease",
    "disorder",
    "diagnos",
    "apnoea",
    "apnea",
    "anxiety",
    "depress",
    "therapy",
    "treat",
    "cure",
    "healthy",
    "excellent",
];

/// REQ-221, hazard H9.
#[test]
fn no_decision_and_no_view_names_a_disease() {
    for name in ["mitbih208", "apnea_a01", "pyhrv_long"] {
        let opening = opening(adaptive(6_500, 5_500), 10);
        let mut session = Session::open(opening, Person::following(1), None);
        play_recording(&mut session, &Recording::load(name), 0, 11);
        let steps: Vec<_> = session.steps.iter().map(|(_, step)| step).collect();
        let said = serde_json::to_string(&(steps, session.engine.view(), session.engine.summary()))
            .unwrap();
        assert!(said.len() > 10_000);
        for word in FORBIDDEN {
            assert!(!said.contains(word), "{name}: {word}");
        }
    }
}
