//! A record replays to its own digests, and a changed one names where it differs.

use zenb::digest::NUMERIC_VERSION;
use zenb::engine::Input;
use zenb::engine::StopBy;
use zenb::event::SessionEvent;
use zenb::replay::Diverged;
use zenb::replay::Replay;
use zenb::replay::replay;
use zenb::replay::to_be_ended;
use zenb::units::EngineMs;

use super::person::Person;
use super::session::Session;
use super::session::Strap;
use super::session::adaptive;

fn recorded() -> Session {
    let mut session = Session::started(adaptive(6_500, 5_500), 10, Person::following(2), None);
    session.seconds(200, Strap::On);
    session.seconds(20, Strap::Silent);
    let at = session.now();
    let by = StopBy::Person;
    session.send(Input::Stop { at, by }).unwrap();
    session
}

/// REQ-217.
#[test]
fn a_record_replays_to_the_digests_it_holds_also_as_json() {
    let session = recorded();
    let record = session.record();
    let text = serde_json::to_string(&record).unwrap();
    let read: Vec<SessionEvent> = serde_json::from_str(&text).unwrap();
    assert_eq!(read, record);
    let replayed = replay(&read).unwrap();
    let digests: Vec<_> = session.steps.iter().map(|(_, step)| step.digest).collect();
    assert_eq!(replayed.digests, digests);
    assert_eq!(replayed.summary.as_ref(), session.engine.summary());
}

/// REQ-217.
#[test]
fn a_record_changed_anywhere_names_the_event_that_differs() {
    let record = recorded().record();
    for index in (0..record.len()).step_by(7).chain([record.len() - 1]) {
        let mut changed = record.clone();
        let seq = index as u64 + 1;
        let least = match &mut changed[index] {
            SessionEvent::Opened(opened) => {
                opened.opening.seed ^= 1;
                2
            }
            SessionEvent::Input(Input::Packet { rr, .. }) if !rr.is_empty() => {
                rr[0] ^= 1;
                seq
            }
            SessionEvent::Decided(decided) => {
                decided.digest.0[31] ^= 1;
                seq
            }
            SessionEvent::Ended(ended) => {
                ended.summary.breathed_ms += 1;
                seq
            }
            SessionEvent::Input(_) => continue,
        };
        match replay(&changed) {
            Err(Diverged::Differs { seq: found, .. }) => {
                // A changed input shows in the decisions that follow it, or is refused itself.
                assert!((least..=least + 1).contains(&found), "{seq} {found}");
            }
            other => panic!("event {seq} was changed: {other:?}"),
        }
    }
}

/// REQ-217.
#[test]
fn events_missing_doubled_or_of_another_engine_are_refused() {
    let record = recorded().record();
    assert_eq!(replay(&record[1..]), Err(Diverged::NotOpened));
    let mut missing = record.clone();
    missing.remove(4);
    assert!(replay(&missing).is_err());
    let mut doubled = record.clone();
    doubled.insert(4, record[4].clone());
    assert!(replay(&doubled).is_err());
    let mut other = record.clone();
    if let SessionEvent::Opened(opened) = &mut other[0] {
        opened.numeric_version += 1;
    }
    assert_eq!(
        replay(&other),
        Err(Diverged::OtherNumericVersion {
            recorded: NUMERIC_VERSION + 1,
            own: NUMERIC_VERSION,
        })
    );
}

/// REQ-217: what another engine recorded can be ended, by when it began and was last heard of.
#[test]
fn a_record_of_another_engine_can_be_ended_and_no_more() {
    let session = recorded();
    let record = session.record();
    assert!(to_be_ended(&record[1..]).is_none(), "no opening");
    for cut in [2, 4, 50, record.len() - 4] {
        let now = record[..cut].iter().rev().find_map(|event| match event {
            SessionEvent::Input(input) => Some(input.at()),
            _ => None,
        });
        let mut engine = to_be_ended(&record[..cut]).unwrap();
        let (at, by) = (EngineMs(u64::MAX), StopBy::Host);
        engine.step(&Input::Stop { at, by }).unwrap();
        let summary = engine.summary().unwrap();
        assert_eq!(summary.ended_ms, now.map_or(0, |now| now.0));
        let started = session.engine.summary().unwrap().started_ms;
        let runs = cut > 6;
        assert_eq!(summary.started_ms, started.filter(|_| runs), "{cut}");
    }
    assert!(to_be_ended(&record).is_none(), "it has ended");
}

/// REQ-218: a session is restored from any prefix of its record and goes on as if never broken.
#[test]
fn a_restored_session_goes_on_to_the_same_digests() {
    let session = recorded();
    let record = session.record();
    for cut in [2, 3, 50, 51, record.len() - 4] {
        let mut restoring = Replay::new();
        for event in &record[..cut] {
            restoring.take(event).unwrap();
        }
        let (mut engine, _) = restoring.resume().unwrap();
        for event in &record[cut..] {
            match event {
                SessionEvent::Input(input) => drop(engine.step(input).unwrap()),
                SessionEvent::Decided(decided) => assert_eq!(engine.digest(), decided.digest),
                SessionEvent::Opened(_) | SessionEvent::Ended(_) => {}
            }
        }
        assert_eq!(engine.digest(), session.engine.digest());
    }
}
