//! Unpleasant episodes keep their practice closed: over restarts, chargers and clocks.

use proptest::prelude::*;
use zenb::bug::PlantedBug;
use zenb::bug::Rules;
use zenb::engine::Engine;
use zenb::engine::Feeling;
use zenb::engine::Input;
use zenb::engine::Opening;
use zenb::engine::StopBy;
use zenb::event::Code;
use zenb::inhibition::ContextKey;
use zenb::inhibition::Inhibitions;
use zenb::inhibition::LoadedInhibitions;
use zenb::screen::Answers;
use zenb::units::EngineMs;

use super::session::adaptive;
use super::session::opening;
use super::session::paced;

const HOUR_MS: i64 = 3_600_000;

fn opened(inhibitions: Inhibitions, wall_ms: i64) -> Opening {
    Opening {
        inhibitions: LoadedInhibitions::Loaded(inhibitions),
        wall_ms,
        ..opening(adaptive(6_500, 5_500), 10)
    }
}

/// Opens, screens and starts; answers what held it, or what an unpleasant minute leaves behind.
fn unpleasant_session(
    inhibitions: Inhibitions,
    wall_ms: i64,
    bug: Option<PlantedBug>,
) -> Result<Inhibitions, Code> {
    let opening = opened(inhibitions, wall_ms);
    let mut engine = match bug {
        Some(bug) => Engine::open_without(&opening, bug).0,
        None => Engine::open(&opening).0,
    };
    let at = EngineMs(0);
    let answers = Answers::all_no();
    engine.step(&Input::Screen { at, answers }).unwrap();
    engine.step(&Input::Start { at }).map_err(|r| r.code)?;
    let feeling = Feeling::Unpleasant;
    engine.step(&Input::Feeling { at, feeling }).unwrap();
    Ok(engine.summary().unwrap().inhibitions.clone().unwrap())
}

/// What fails with a rule broken or none.
pub(super) fn failures(bug: Option<PlantedBug>) -> Vec<&'static str> {
    let mut failures = Vec::new();
    let wall = 1_000 * HOUR_MS;
    let first = unpleasant_session(Inhibitions::none(), wall, bug).unwrap();
    if unpleasant_session(first.clone(), wall + HOUR_MS - 1, bug) != Err(Code::Inhibited) {
        failures.push("open again within the hour");
    }
    // The second episode counts for two hours.
    match unpleasant_session(first.clone(), wall + HOUR_MS, bug) {
        Ok(second) => {
            let early = wall + 3 * HOUR_MS - 1;
            if unpleasant_session(second.clone(), early, bug) != Err(Code::Inhibited) {
                failures.push("the second backoff is not two hours");
            }
            if unpleasant_session(second, early + 1, bug).is_err() {
                failures.push("never free again");
            }
        }
        Err(_) => failures.push("not free after the hour"),
    }
    // With the clock a day back, a second episode must not end before it would at the true time.
    let mut back = Inhibitions::none();
    back.seen(wall);
    let rules = bug.map_or(Rules::whole(), Rules::without);
    back.record(ContextKey::Adaptive, wall - 24 * HOUR_MS, rules);
    if back.inhibited(ContextKey::Adaptive, wall).is_none() {
        failures.push("a clock set back frees");
    }
    failures
}

/// REQ-211.
#[test]
fn an_unpleasant_episode_closes_its_practice_for_1_then_2_hours() {
    assert_eq!(failures(None), Vec::<&str>::new());
}

/// REQ-212: what failed to load is not empty.
#[test]
fn inhibitions_that_did_not_load_hold_the_session() {
    let opening = Opening {
        inhibitions: LoadedInhibitions::LoadFailed,
        ..opening(paced(6_000), 10)
    };
    let (mut engine, step) = Engine::open(&opening);
    assert_eq!(step.events[0].code, Code::InhibitionsNotLoaded);
    let at = EngineMs(0);
    let answers = Answers::all_no();
    engine.step(&Input::Screen { at, answers }).unwrap();
    let refused = engine.step(&Input::Start { at }).unwrap_err();
    assert_eq!(refused.code, Code::InhibitionsNotLoaded);
    let by = StopBy::Person;
    engine.step(&Input::Stop { at, by }).unwrap();
    assert_eq!(engine.summary().unwrap().inhibitions, None);
}

/// REQ-211: a stored list reads back as it was.
#[test]
fn inhibitions_survive_being_stored() {
    let after = unpleasant_session(Inhibitions::none(), 5 * HOUR_MS, None).unwrap();
    let text = serde_json::to_string(&after).unwrap();
    assert_eq!(serde_json::from_str::<Inhibitions>(&text).unwrap(), after);
    let emptied = r#"{"contexts":{}}"#;
    assert!(serde_json::from_str::<Inhibitions>(emptied).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// REQ-211: whatever the clock does, and however often the person tries, no session starts
    /// before the latest time ever seen has passed the end of the inhibition.
    #[test]
    fn no_clock_and_no_retry_escapes(
        walls in prop::collection::vec(-40_i64..80, 1..40),
    ) {
        let mut stored = Inhibitions::none();
        let mut latest = 0;
        let mut free_at = i64::MIN;
        for wall in walls {
            let wall_ms = (1_000 + wall) * HOUR_MS;
            latest = latest.max(wall_ms);
            match unpleasant_session(stored.clone(), wall_ms, None) {
                Ok(after) => {
                    prop_assert!(latest >= free_at, "escaped");
                    stored = after;
                    let until = stored.of(ContextKey::Adaptive).unwrap().until_wall_ms;
                    prop_assert!(until >= latest + HOUR_MS && until <= latest + 24 * HOUR_MS);
                    prop_assert!(until > free_at, "an inhibition got shorter");
                    free_at = until;
                }
                Err(code) => {
                    prop_assert_eq!(code, Code::Inhibited);
                    prop_assert!(latest < free_at);
                    // The host notes each attempt's time.
                    stored.seen(wall_ms);
                }
            }
        }
    }
}
