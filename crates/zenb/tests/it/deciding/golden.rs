//! Twenty sessions whose digests are committed: any other arithmetic shows.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use zenb::engine::Input;
use zenb::event::SessionEvent;
use zenb::protocol::Kind;
use zenb::replay::replay;

use super::faults::play_recording;
use super::person::Person;
use super::session::Session;
use super::session::Strap;
use super::session::adaptive;
use super::session::opening;
use super::session::paced;
use crate::data::Recording;

fn recorded(name: &str, kind: Kind) -> Session {
    let mut session = Session::open(opening(kind, 12), Person::following(1), None);
    play_recording(&mut session, &Recording::load(name), 0, 13);
    session
}

fn simulated(kind: Kind, person: Person, faults: &[(u64, Strap)]) -> Session {
    let mut session = Session::started(kind, 8, person, None);
    for (seconds, strap) in faults {
        session.seconds(*seconds, *strap);
        let at = session.now();
        let _ended = session.send(Input::Faster { at });
    }
    session
}

fn sessions() -> Vec<(String, Session)> {
    let mut sessions = Vec::new();
    let files = [
        ("pyhrv_long", paced(6_000)),
        ("pyhrv_long", adaptive(6_500, 5_500)),
        ("heartpy_data2", paced(6_000)),
        ("heartpy_data3", adaptive(6_500, 5_500)),
        ("mitbih208", adaptive(6_500, 5_500)),
        ("apnea_a01", paced(6_000)),
        ("nsr2db_nsr001", Kind::AssessSliding),
        ("phantom_art_20", paced(6_000)),
        ("phantom_drift", paced(6_000)),
        ("phantom_fast15", adaptive(6_500, 5_500)),
        ("phantom_slide_rf57", Kind::AssessSliding),
        ("phantom_step_flat", Kind::AssessStepped),
        ("phantom_step_mayer", paced(5_000)),
        ("phantom_step_rf48", Kind::AssessStepped),
    ];
    for (name, kind) in files {
        let label = match kind {
            Kind::Paced { .. } => "paced",
            Kind::Adaptive { .. } => "adaptive",
            Kind::AssessStepped => "stepped",
            Kind::AssessSliding => "sliding",
        };
        sessions.push((format!("{name} {label}"), recorded(name, kind)));
    }
    let on = [(400, Strap::On)];
    let faulty = [
        (150, Strap::On),
        (8, Strap::Silent),
        (40, Strap::On),
        (30, Strap::OffSkin),
        (60, Strap::On),
        (20, Strap::Doubled),
        (20, Strap::Burst),
    ];
    let mut people = [
        ("led", adaptive(6_500, 5_500), Person::following(1), &on[..]),
        ("alone", adaptive(6_500, 5_500), Person::alone(2), &on[..]),
        (
            "faults",
            adaptive(6_500, 5_000),
            Person::following(3),
            &faulty[..],
        ),
        ("fast", paced(9_000), Person::following(4), &faulty[..]),
        ("slide", Kind::AssessSliding, Person::following(5), &[][..]),
        ("steps", Kind::AssessStepped, Person::following(6), &[][..]),
    ];
    for (name, kind, person, faults) in &mut people {
        let mut session = simulated(*kind, person.clone(), faults);
        if faults.is_empty() {
            session.seconds(900, Strap::On);
        }
        sessions.push((format!("simulated {name}"), session));
    }
    sessions
}

/// The record of a file's opening and inputs, by this engine.
fn recorded_again(record: &[SessionEvent]) -> Vec<SessionEvent> {
    let Some(SessionEvent::Opened(opened)) = record.first() else {
        panic!("no opening");
    };
    let mut session = Session::open(opened.opening.clone(), Person::following(1), None);
    for event in record {
        if let SessionEvent::Input(input) = event {
            session.send(input.clone()).unwrap();
        }
    }
    session.record()
}

/// REQ-219: what the fuzzer begins with reaches the engine. `ZENB_WRITE_GOLDEN=1` writes it again.
#[test]
fn the_fuzzer_begins_with_records_of_this_engine() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/zenb_record");
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let mut record: Vec<SessionEvent> = serde_json::from_str(&text).unwrap();
        if std::env::var_os("ZENB_WRITE_GOLDEN").is_some() {
            record = recorded_again(&record);
            fs::write(&path, serde_json::to_string(&record).unwrap() + "\n").unwrap();
        }
        replay(&record).unwrap();
    }
}

/// REQ-219, goal G11. `ZENB_WRITE_GOLDEN=1` writes the file again after a change of
/// `NUMERIC_VERSION`.
#[test]
fn twenty_sessions_have_the_committed_digests_and_replay_to_them() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden.json");
    let mut digests = BTreeMap::new();
    for (name, session) in sessions() {
        replay(&session.record()).unwrap();
        let inputs = session.engine.inputs_count();
        digests.insert(name, format!("{inputs} {}", session.engine.digest()));
    }
    assert_eq!(digests.len(), 20);
    if std::env::var_os("ZENB_WRITE_GOLDEN").is_some() {
        let text = serde_json::to_string_pretty(&digests).unwrap();
        fs::write(&path, text + "\n").unwrap();
    }
    let golden: BTreeMap<String, String> =
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(digests, golden);
}
