//! Times that no clock should show, in every state.

use zenb::bug::PlantedBug;
use zenb::engine::Feeling;
use zenb::engine::Input;
use zenb::engine::LATEST_MS;
use zenb::engine::SessionOutcome;
use zenb::engine::StopBy;
use zenb::event::Code;
use zenb::protocol::Kind;
use zenb::screen::Answers;
use zenb::units::EngineMs;

use super::person::Person;
use super::session::Session;
use super::session::Strap;
use super::session::adaptive;
use super::session::opening;
use super::session::paced;

/// What every JSON reader keeps exact.
const JSON_MAX: i64 = (1 << 53) - 1;

fn answered(kind: Kind) -> Session {
    let mut session = Session::open(opening(kind, 10), Person::following(1), None);
    let (at, answers) = (EngineMs(0), Answers::all_no());
    session.send(Input::Screen { at, answers }).unwrap();
    session
}

fn running(kind: Kind, stretches: &[(u64, Strap)]) -> Session {
    let mut session = Session::started(kind, 10, Person::following(1), None);
    for (seconds, strap) in stretches {
        session.seconds(*seconds, *strap);
    }
    session
}

/// A session in every state that there is.
fn states() -> Vec<(&'static str, Session)> {
    let on = Strap::On;
    let mut ended = running(paced(6_000), &[(30, on)]);
    let (at, by) = (ended.now(), StopBy::Person);
    ended.send(Input::Stop { at, by }).unwrap();
    let unanswered = Session::open(opening(paced(6_000), 10), Person::following(1), None);
    vec![
        ("unanswered", unanswered),
        ("answered", answered(paced(6_000))),
        ("just started", running(paced(6_000), &[])),
        ("guiding", running(adaptive(6_500, 5_500), &[(100, on)])),
        (
            "holding",
            running(paced(6_000), &[(60, on), (8, Strap::Silent)]),
        ),
        (
            "fixed",
            running(paced(6_000), &[(60, on), (30, Strap::Silent)]),
        ),
        ("resting", running(Kind::AssessStepped, &[(130, on)])),
        ("sliding", running(Kind::AssessSliding, &[(130, on)])),
        ("ended", ended),
    ]
}

fn times(now: u64) -> Vec<u64> {
    let edges = [0, LATEST_MS, JSON_MAX as u64, i64::MAX as u64];
    let around = edges
        .into_iter()
        .chain([now, now + 2 * 3_600_000])
        .flat_map(|edge| [edge.saturating_sub(1), edge, edge + 1]);
    around.chain([u64::MAX]).collect()
}

fn inputs(at: EngineMs) -> Vec<Input> {
    let feeling = |feeling| Input::Feeling { at, feeling };
    vec![
        Input::Screen {
            at,
            answers: Answers::all_no(),
        },
        Input::Start { at },
        Input::Packet {
            at,
            rr: vec![900, 930],
            hr: Some(65),
            contact: Some(true),
        },
        Input::Tick { at },
        Input::Faster { at },
        Input::Slower { at },
        feeling(Feeling::Pleasant),
        feeling(Feeling::Unpleasant),
    ]
}

fn check_stops(name: &str, session: &Session, at: u64) {
    let mut stopped = session.engine.clone();
    let was = stopped.view();
    let by = StopBy::PersonUnwell;
    let at = EngineMs(at);
    stopped.step(&Input::Stop { at, by }).unwrap();
    assert!(!stopped.pacer().running, "{name} at {}", at.0);
    let summary = stopped.summary().unwrap();
    assert!(summary.breathed_ms <= was.planned_ms.max(was.elapsed_ms));
    assert!(summary.ended_ms <= LATEST_MS);
    if let Some(inhibition) = summary.inhibition {
        assert!(inhibition.until_wall_ms < JSON_MAX, "{name} at {}", at.0);
    }
    if at.0 > LATEST_MS && session.engine.summary().is_none() {
        assert_eq!(summary.ended_ms, was.at_ms, "{name} at {}", at.0);
    }
}

/// REQ-222, hazards H6 and H10: every state, every input, every time.
#[test]
fn a_time_that_cannot_be_is_refused_and_changes_nothing_and_a_stop_is_taken_at_any() {
    for (name, session) in states() {
        let now = session.engine.view().at_ms;
        for at in times(now) {
            check_stops(name, &session, at);
            for input in inputs(EngineMs(at)) {
                let mut after = session.engine.clone();
                let answer = after.step(&input);
                if at > LATEST_MS || at < now {
                    let expected = if at < now {
                        Code::Backstep
                    } else {
                        Code::TimeOutOfRange
                    };
                    let code = answer.map_err(|refused| refused.code);
                    assert_eq!(code, Err(expected), "{name}: {input:?}");
                }
                if after.digest() == session.engine.digest() {
                    continue;
                }
                let by = StopBy::Person;
                let at = EngineMs(u64::MAX);
                after.step(&Input::Stop { at, by }).unwrap();
                assert!(after.summary().is_some() && !after.pacer().running);
            }
        }
    }
}

/// How a session ends that hears nothing after a minute, told in steps of so many seconds.
fn after_silence(step_s: u64, bug: Option<PlantedBug>) -> (SessionOutcome, u64) {
    let mut session = Session::started(paced(6_000), 10, Person::following(1), bug);
    session.seconds(60, Strap::On);
    let mut at = session.now_ms;
    while session.engine.summary().is_none() {
        at += step_s * 1_000;
        session.send(Input::Tick { at: EngineMs(at) }).unwrap();
    }
    let summary = session.engine.summary().unwrap();
    (summary.outcome, summary.breathed_ms)
}

/// REQ-222, hazard H3: a leap over a silence ends as the silence would have.
#[test]
fn a_leap_ends_as_the_time_it_leaps_over_would_have_ended() {
    let told = after_silence(1, None);
    assert_eq!(told.0, SessionOutcome::Unmeasured);
    for step_s in [60, 301, 7_200] {
        assert_eq!(after_silence(step_s, None), told, "steps of {step_s} s");
    }
}

pub(super) fn leaps_complete(bug: Option<PlantedBug>) -> bool {
    after_silence(7_200, bug).0 == SessionOutcome::Completed
}

/// Whether the pacer of a session of two minutes runs on after them, with good data.
pub(super) fn outlives_its_dose(bug: Option<PlantedBug>) -> bool {
    let mut session = Session::started(paced(6_000), 2, Person::following(1), bug);
    session.seconds(121, Strap::On);
    session.engine.pacer().running
}

/// REQ-222, hazard H1: an end that is told late does not make the practice longer.
#[test]
fn nobody_is_said_to_have_breathed_longer_than_was_planned() {
    let mut session = running(paced(6_000), &[(60, Strap::On)]);
    let (at, by) = (EngineMs(20 * 3_600_000), StopBy::Host);
    session.send(Input::Stop { at, by }).unwrap();
    let summary = session.engine.summary().unwrap();
    assert_eq!(summary.outcome, SessionOutcome::StoppedByHost);
    assert_eq!(summary.breathed_ms, 10 * 60_000);
}

/// REQ-222, hazard H11: what feels bad closes the practice, also after a leap that would have
/// ended the session otherwise.
#[test]
fn an_unpleasant_feeling_counts_after_a_leap() {
    let mut session = running(paced(6_000), &[(60, Strap::On)]);
    let (at, feeling) = (EngineMs(3_600_000), Feeling::Unpleasant);
    session.send(Input::Feeling { at, feeling }).unwrap();
    let summary = session.engine.summary().unwrap();
    assert_eq!(summary.outcome, SessionOutcome::Unpleasant);
    assert!(summary.inhibition.is_some());
}
