//! The guard alone, over random proposals and contexts.

use zenb::bug::PlantedBug;
use zenb::bug::Rules;
use zenb::guard::Context;
use zenb::guard::Origin;
use zenb::guard::Proposal;
use zenb::guard::Purpose;
use zenb::guard::Verdict;
use zenb::guard::guard;
use zenb::protocol::Pace;

use super::person::Dice;

/// What the limits say of a permitted pace, written again and apart from the guard.
fn breaks(proposal: &Proposal, context: &Context, pace: Pace) -> Option<&'static str> {
    let to = pace.milli_breaths();
    let share = u64::from(pace.inhale_permille());
    let phases = [share, 1000 - share].map(|part| part * 60_000);
    let (least, most) = match (proposal.origin, context.purpose) {
        (Origin::Fallback, _) | (_, Purpose::Paced) => (4_000, 12_000),
        (Origin::Faster, Purpose::Assessment) => (4_250, 7_000),
        (_, Purpose::Guidance) => (4_500, 7_000),
        (_, Purpose::Assessment) => (4_250, 6_750),
    };
    if to < least || to > most {
        return Some("range");
    }
    if phases
        .iter()
        .any(|time| *time < 2_500 * u64::from(to) || *time > 10_000 * u64::from(to))
    {
        return Some("phase");
    }
    if to != proposal.milli_breaths {
        return Some("another pace");
    }
    let leads = matches!(
        proposal.origin,
        Origin::Lead | Origin::Return | Origin::Schedule | Origin::Slower
    );
    if leads && context.age_ms.is_none_or(|age| age > 5_000) {
        return Some("stale");
    }
    let bad = context.contact == Some(false) || context.artefact_permille > 50 || context.irregular;
    if leads && bad {
        return Some("bad data");
    }
    if proposal.origin == Origin::Lead && context.follows != Some(true) {
        return Some("not followed");
    }
    let Some(current) = context.current else {
        return (proposal.origin != Origin::Start).then_some("not running");
    };
    let from = current.milli_breaths();
    let budget = match proposal.origin {
        Origin::Faster => u32::MAX,
        Origin::Schedule => 700,
        _ => 500,
    };
    if from.abs_diff(to) > 100 || context.changed_in_this_breath {
        return Some("too much in a breath");
    }
    if context.changed_milli + from.abs_diff(to) > budget {
        return Some("too much in two minutes");
    }
    match proposal.origin {
        Origin::Start => Some("a start while running"),
        Origin::Faster if to < from => Some("slower"),
        Origin::Slower if to > from => Some("faster"),
        Origin::Fallback if to.abs_diff(6_000) > from.abs_diff(6_000) => Some("away"),
        _ => None,
    }
}

fn near(dice: &mut Dice, marks: &[u64]) -> u64 {
    let mark = marks[dice.below(marks.len() as u64) as usize];
    (mark + dice.below(5)).saturating_sub(2)
}

fn draw(dice: &mut Dice) -> (Proposal, Context) {
    let origins = [
        Origin::Start,
        Origin::Lead,
        Origin::Return,
        Origin::Schedule,
        Origin::Faster,
        Origin::Slower,
        Origin::Fallback,
    ];
    let purposes = [Purpose::Paced, Purpose::Guidance, Purpose::Assessment];
    let purpose = purposes[dice.below(3) as usize];
    let current = (dice.below(8) > 0)
        .then(|| {
            let milli = near(dice, &[4_000, 4_250, 4_500, 6_000, 6_750, 7_000, 12_000]);
            Pace::new(milli as u32, [400, 500, 333][dice.below(3) as usize]).ok()
        })
        .flatten();
    let milli = match (current, dice.below(4)) {
        (Some(pace), 0..3) => {
            let by = near(dice, &[0, 40, 100]) as u32;
            if dice.below(2) == 0 {
                pace.milli_breaths() + by
            } else {
                pace.milli_breaths().saturating_sub(by)
            }
        }
        _ => near(
            dice,
            &[
                0,
                4_000,
                4_500,
                6_000,
                7_000,
                12_000,
                u64::from(u32::MAX) - 9,
            ],
        ) as u32,
    };
    let proposal = Proposal {
        origin: origins[dice.below(7) as usize],
        milli_breaths: milli,
        inhale_permille: near(dice, &[333, 400, 500]) as u16,
    };
    let context = Context {
        purpose,
        current,
        changed_in_this_breath: dice.below(4) == 0,
        changed_milli: near(dice, &[0, 400, 500, 600, 660]) as u32,
        age_ms: (dice.below(8) > 0).then(|| near(dice, &[0, 5_000, 15_000])),
        artefact_permille: near(dice, &[0, 50, 200]) as u16,
        irregular: dice.below(8) == 0,
        contact: [None, Some(true), Some(true), Some(false)][dice.below(4) as usize],
        follows: [None, Some(true), Some(true), Some(false)][dice.below(4) as usize],
    };
    (proposal, context)
}

pub(super) struct Tally {
    pub(super) permitted: u64,
    pub(super) denied: u64,
    pub(super) violations: u64,
    pub(super) first: Option<&'static str>,
}

/// Judges `count` random proposals with a rule broken or none.
pub(super) fn tally(count: u64, bug: Option<PlantedBug>) -> Tally {
    let rules = bug.map_or(Rules::whole(), Rules::without);
    let mut dice = Dice(11);
    let mut tally = Tally {
        permitted: 0,
        denied: 0,
        violations: 0,
        first: None,
    };
    for _ in 0..count {
        let (proposal, context) = draw(&mut dice);
        match guard(&proposal, &context, rules) {
            Verdict::Permitted(permitted) => {
                tally.permitted += 1;
                if let Some(rule) = breaks(&proposal, &context, permitted.pace()) {
                    tally.violations += 1;
                    tally.first.get_or_insert(rule);
                }
            }
            Verdict::Denied(_) => tally.denied += 1,
        }
    }
    tally
}

/// REQ-201, goal G7.
#[test]
fn of_a_million_random_decisions_none_leaves_the_limits() {
    let tally = tally(1_000_000, None);
    println!("permitted {} denied {}", tally.permitted, tally.denied);
    assert_eq!((tally.violations, tally.first), (0, None));
    assert!(tally.permitted > 20_000, "{}", tally.permitted);
}
