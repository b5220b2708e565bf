//! The pacer's phase, seen from outside.

use zenb::engine::Input;
use zenb::pacer::PacerView;

use super::person::Dice;
use super::person::Person;
use super::session::Session;
use super::session::Strap;
use super::session::adaptive;

fn breath_q32(view: &PacerView, at_ms: u64) -> u64 {
    let since = u128::from(at_ms - view.anchor_ms) * u128::from(view.milli_breaths);
    u64::from(view.anchor_phase_q32) + ((since << 32) / 60_000_000) as u64
}

/// How far the phase that a client draws jumps at any change of the pacer, in 2^-32 breaths.
pub(super) fn greatest_jump(session: &mut Session, seconds: u64) -> u64 {
    let mut greatest = 0;
    let mut dice = Dice(3);
    for _ in 0..seconds {
        let at = session.now();
        let wish = match dice.below(8) {
            0 => Some(Input::Faster { at }),
            1 => Some(Input::Slower { at }),
            _ => None,
        };
        if let Some(wish) = wish {
            let before = session.engine.pacer();
            let _over = session.send(wish);
            greatest = greatest.max(jump(&before, &session.engine.pacer()));
        }
        let before = session.engine.pacer();
        session.second(Strap::On);
        greatest = greatest.max(jump(&before, &session.engine.pacer()));
    }
    greatest
}

fn jump(before: &PacerView, after: &PacerView) -> u64 {
    if !before.running || !after.running {
        return 0;
    }
    let old = breath_q32(before, after.anchor_ms) & 0xffff_ffff;
    old.abs_diff(u64::from(after.anchor_phase_q32))
}

/// REQ-210.
#[test]
fn a_change_of_rate_never_jumps_the_phase() {
    let mut session = Session::started(adaptive(6_500, 5_500), 15, Person::following(1), None);
    assert_eq!(greatest_jump(&mut session, 800), 0);
    let changes = session
        .decisions()
        .filter(|d| d.kind == zenb::event::DecisionKind::PaceChanged)
        .count();
    assert!(changes > 20, "{changes}");
}
