//! Every path of inputs up to a depth, over the real engine.

use std::collections::BTreeSet;

use zenb::bug::PlantedBug;
use zenb::digest::StateDigest;
use zenb::engine::Engine;
use zenb::engine::Feeling;
use zenb::engine::Input;
use zenb::engine::LATEST_MS;
use zenb::engine::Opening;
use zenb::engine::SessionOutcome;
use zenb::engine::StageView;
use zenb::engine::StopBy;
use zenb::inhibition::Inhibitions;
use zenb::inhibition::LoadedInhibitions;
use zenb::protocol::Kind;
use zenb::screen::Answers;
use zenb::units::EngineMs;

use super::session::adaptive;
use super::session::opening;
use super::session::paced;

/// What one step may be: each at a moment after the last one's.
fn inputs(now: u64) -> Vec<Input> {
    let soon = EngineMs(now + 1_000);
    let mut refused = Answers::all_no();
    refused.answers[0].yes = true;
    vec![
        Input::Screen {
            at: soon,
            answers: Answers::all_no(),
        },
        Input::Screen {
            at: soon,
            answers: refused,
        },
        Input::Start { at: soon },
        Input::Packet {
            at: soon,
            rr: vec![900],
            hr: None,
            contact: Some(true),
        },
        Input::Tick { at: soon },
        Input::Tick {
            at: EngineMs(now + 16_000),
        },
        Input::Tick {
            at: EngineMs(now + 16 * 60_000),
        },
        Input::Tick {
            at: EngineMs(now.saturating_sub(1)),
        },
        Input::Tick {
            at: EngineMs(u64::MAX),
        },
        Input::Faster { at: soon },
        Input::Slower { at: soon },
        Input::Feeling {
            at: soon,
            feeling: Feeling::Unpleasant,
        },
        Input::Stop {
            at: EngineMs(now.saturating_sub(5)),
            by: StopBy::Person,
        },
    ]
}

/// What must be true on the way here.
#[derive(Clone)]
struct Path {
    engine: Engine,
    now: u64,
    screened: Option<u64>,
    started: Option<u64>,
    unpleasant: bool,
}

fn openings() -> Vec<(Opening, bool)> {
    let mut inhibited = Inhibitions::none();
    let rules = zenb::bug::Rules::whole();
    inhibited.record(
        zenb::inhibition::ContextKey::Paced,
        super::session::WALL_MS,
        rules,
    );
    let plain = opening(paced(6_000), 10);
    vec![
        (plain.clone(), true),
        (opening(adaptive(6_500, 5_500), 10), true),
        (opening(Kind::AssessStepped, 10), true),
        (
            Opening {
                inhibitions: LoadedInhibitions::LoadFailed,
                ..plain.clone()
            },
            false,
        ),
        (
            Opening {
                inhibitions: LoadedInhibitions::Loaded(inhibited),
                ..plain.clone()
            },
            false,
        ),
        (
            Opening {
                breathed_today_ms: 60 * 60_000,
                ..plain
            },
            false,
        ),
    ]
}

fn check(path: &Path, may_run: bool, protocol_minutes: u64) -> Option<&'static str> {
    let pacer = path.engine.pacer();
    let ended = path.engine.summary();
    if pacer.running && ended.is_some() {
        return Some("a pacer runs after the end");
    }
    if pacer.running && !may_run {
        return Some("held, and yet it runs");
    }
    if pacer.running {
        let Some(started) = path.started else {
            return Some("runs without a start");
        };
        let fresh = path
            .screened
            .is_some_and(|screened| started - screened <= 15 * 60_000);
        if !fresh {
            return Some("runs without a fresh screen");
        }
        if path.engine.view().at_ms - started >= protocol_minutes * 60_000 {
            return Some("runs past its dose");
        }
    }
    if path.unpleasant {
        let summary = ended?;
        let kept = summary.outcome != SessionOutcome::Unpleasant || summary.inhibition.is_some();
        return (!kept).then_some("an unpleasant episode is forgotten");
    }
    None
}

fn go(path: &Path, input: &Input) -> Result<Option<Path>, &'static str> {
    let mut next = path.clone();
    let before = next.engine.digest();
    let at = input.at().0;
    match next.engine.step(input) {
        Err(_) if matches!(input, Input::Stop { .. }) => Err("a stop is refused"),
        Err(_) if next.engine.digest() != before => Err("a refusal changes the state"),
        Err(_) => Ok(None),
        Ok(_) => {
            if at < path.now && !matches!(input, Input::Stop { .. }) {
                return Err("time runs back");
            }
            if at > LATEST_MS {
                return Err("a moment after the last day is taken");
            }
            next.now = next.now.max(at);
            match (input, next.engine.view().stage) {
                (Input::Stop { .. }, StageView::Ended(_)) => {}
                (Input::Stop { .. }, _) => return Err("a stop does not end"),
                (Input::Screen { answers, .. }, StageView::ExpectStart) => {
                    if answers.answers.iter().any(|answer| answer.yes) {
                        return Err("answers that forbid clear the session");
                    }
                    next.screened = Some(at);
                }
                (Input::Screen { .. }, StageView::ExpectScreen) => next.screened = None,
                (Input::Start { .. }, _) => next.started = Some(at),
                (Input::Feeling { .. }, _) => next.unpleasant = true,
                _ => {}
            }
            Ok(Some(next))
        }
    }
}

/// Walks every path of `depth` inputs; answers how many states there are, or what is broken.
pub(super) fn walk(depth: u32, bug: Option<PlantedBug>) -> Result<usize, &'static str> {
    let mut states = 0;
    for (opening, may_run) in openings() {
        let minutes = u64::from(opening.protocol.minutes());
        let engine = match bug {
            Some(bug) => Engine::open_without(&opening, bug).0,
            None => Engine::open(&opening).0,
        };
        let mut seen: BTreeSet<StateDigest> = BTreeSet::new();
        let mut edge = vec![Path {
            engine,
            now: 0,
            screened: None,
            started: None,
            unpleasant: false,
        }];
        for _ in 0..depth {
            let mut next_edge = Vec::new();
            for path in &edge {
                for input in inputs(path.now) {
                    let Some(next) = go(path, &input)? else {
                        continue;
                    };
                    if let Some(broken) = check(&next, may_run, minutes) {
                        return Err(broken);
                    }
                    if seen.insert(next.engine.digest()) {
                        next_edge.push(next);
                    }
                }
            }
            edge = next_edge;
        }
        states += seen.len();
    }
    Ok(states)
}

/// REQ-202, REQ-208, REQ-209, hazard H10.
#[test]
fn every_path_of_inputs_keeps_the_rules_and_a_stop_always_stops() {
    let states = walk(4, None).unwrap();
    println!("{states} states");
    assert!(states > 1_000, "{states}");
}
