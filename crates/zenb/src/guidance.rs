//! Which pace comes next, and how far to fall back when the data fail.
//!
//! The levels go down in order: guiding, holding the pace, fixed at 6.0 /min and marked
//! unmeasured, stopped. They go up one at a time, after a stretch of good data. Every arrow is a
//! critical decision of the engine.

use alloc::collections::VecDeque;

use serde::Deserialize;
use serde::Serialize;

use crate::belief::Mode;
use crate::bug::PlantedBug;
use crate::bug::Rules;
use crate::event::Code;
use crate::guard::ARTEFACT_HOLD_PERMILLE;
use crate::guard::ARTEFACT_LOST_PERMILLE;
use crate::guard::BREATH_STEP_MILLI;
use crate::guard::BUDGET_MILLI;
use crate::guard::BUDGET_WINDOW_MS;
use crate::guard::IRREGULAR_LOST_MS;
use crate::guard::LOST_MS;
use crate::guard::Origin;
use crate::guard::STALE_MS;
use crate::protocol::FALLBACK_MILLI;
use crate::protocol::Kind;
use crate::protocol::Protocol;
use crate::units::EngineMs;

/// The share of mended beats ends guidance only after so long: of three beats, one is a third.
pub const ARTEFACT_WARM_UP_MS: u64 = 20_000;
/// Good data for so long end a hold.
pub const RECOVER_MS: u64 = 10_000;
/// Good data for so long lead from the fixed pace to a hold.
pub const RECOVER_FIXED_MS: u64 = 30_000;
/// A session at the fixed pace ends after so long.
pub const UNMEASURED_STOP_MS: u64 = 300_000;
/// Guidance moves by so much a breath, thousandths of a breath per minute.
pub const LEAD_STEP_MILLI: u32 = 40;
/// Guidance goes back after so long without being followed.
pub const RETREAT_AFTER_MS: u64 = 60_000;
/// A session that leads ends after so long without being followed.
pub const NOT_FOLLOWED_STOP_MS: u64 = 300_000;
/// One wish moves the pace by so much.
pub const WISH_MILLI: u32 = 200;

/// How far the engine has fallen back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The pace follows the protocol.
    Guiding = 0,
    /// The pace stays.
    Holding = 1,
    /// The pace goes to 6.0 /min, marked unmeasured.
    Fixed = 2,
    /// No pacer.
    Stopped = 3,
}

/// What the fallback is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// The age of the newest beat; `None` if there was none.
    pub age_ms: Option<u64>,
    /// How long the pacer has waited for the first beat.
    pub waited_ms: u64,
    /// Mended beats of the last minute, thousandths.
    pub artefact_permille: u16,
    /// How long the beats have had no order; `None` if they have one.
    pub irregular_ms: Option<u64>,
    /// How long ago the first beat was.
    pub heard_ms: u64,
    /// How long the strap has said that it is off the skin; `None` if it does not say so.
    pub off_skin_ms: Option<u64>,
}

impl Conditions {
    fn silent_ms(&self) -> u64 {
        self.age_ms.unwrap_or(self.waited_ms)
    }

    /// Why nothing may be adapted to.
    pub fn hold(&self, rules: Rules) -> Option<Code> {
        let stale = STALE_MS + u64::from(rules.broken(PlantedBug::StaleHoldOffByOne));
        if self.off_skin_ms.is_some() && !rules.broken(PlantedBug::ContactIgnored) {
            Some(Code::NoContact)
        } else if self.age_ms.is_none() {
            Some(Code::AwaitingData)
        } else if self.silent_ms() > stale && !rules.broken(PlantedBug::StaleHoldIgnored) {
            Some(Code::Stale)
        } else if self.artefact_permille > ARTEFACT_HOLD_PERMILLE
            && !rules.broken(PlantedBug::ArtefactHoldIgnored)
        {
            Some(Code::ManyArtefacts)
        } else if self.irregular_ms.is_some() && !rules.broken(PlantedBug::IrregularHoldIgnored) {
            Some(Code::BeatsIrregular)
        } else {
            None
        }
    }

    /// Why nothing may be guided by.
    pub fn lost(&self, rules: Rules) -> Option<Code> {
        let off_skin = self.off_skin_ms.is_some_and(|ms| ms > LOST_MS);
        if off_skin && !rules.broken(PlantedBug::ContactIgnored) {
            Some(Code::NoContact)
        } else if self.silent_ms() > LOST_MS && !rules.broken(PlantedBug::StaleFixedIgnored) {
            Some(Code::DataLost)
        } else if self.artefact_permille > ARTEFACT_LOST_PERMILLE
            && self.heard_ms > ARTEFACT_WARM_UP_MS
            && !rules.broken(PlantedBug::ArtefactFixedIgnored)
        {
            Some(Code::TooManyArtefacts)
        } else if self.irregular_ms.is_some_and(|ms| ms > IRREGULAR_LOST_MS)
            && !rules.broken(PlantedBug::IrregularFixedIgnored)
        {
            Some(Code::BeatsIrregular)
        } else {
            None
        }
    }
}

/// The level, and how long the data have been good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Ladder {
    level: Level,
    code: Code,
    since: EngineMs,
    good_since: Option<EngineMs>,
}

/// One arrow between two levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrow {
    /// The level before.
    pub from: Level,
    /// The level after.
    pub to: Level,
    /// Why.
    pub code: Code,
}

impl Ladder {
    /// A session begins by holding its first pace until there are data.
    pub fn start(at: EngineMs) -> Self {
        Self {
            level: Level::Holding,
            code: Code::AwaitingData,
            since: at,
            good_since: None,
        }
    }

    /// The level.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Why the engine is at this level.
    pub fn code(&self) -> Code {
        self.code
    }

    /// Moves by at most one arrow; call it until it answers `None`.
    pub fn advance(&mut self, now: EngineMs, seen: &Conditions, rules: Rules) -> Option<Arrow> {
        let hold = seen.hold(rules);
        let lost = seen.lost(rules);
        if hold.or(lost).is_some() {
            self.good_since = None;
        }
        let good_ms = match (hold.or(lost), self.good_since) {
            (Some(_), _) => None,
            (None, since) => Some(now.since(*self.good_since.insert(since.unwrap_or(now)))),
        };
        let unmeasured_ms = now.since(self.since);
        let (to, code) = match (self.level, lost, hold, good_ms) {
            (Level::Guiding, Some(code), _, _) | (Level::Guiding, None, Some(code), _) => {
                (Level::Holding, code)
            }
            (Level::Holding, Some(code), _, _) => (Level::Fixed, code),
            (Level::Holding, None, None, Some(good)) if good >= RECOVER_MS => {
                (Level::Guiding, Code::DataGood)
            }
            (Level::Fixed, None, None, Some(good)) if good >= RECOVER_FIXED_MS => {
                (Level::Holding, Code::DataGood)
            }
            (Level::Fixed, _, _, _)
                if unmeasured_ms > UNMEASURED_STOP_MS
                    && !rules.broken(PlantedBug::UnmeasuredNeverStops) =>
            {
                (Level::Stopped, Code::UnmeasuredTooLong)
            }
            _ => return None,
        };
        Some(self.go(now, to, code))
    }

    /// Goes to a level.
    pub fn go(&mut self, now: EngineMs, to: Level, code: Code) -> Arrow {
        let from = self.level;
        self.level = to;
        self.code = code;
        self.since = now;
        // The stretch that ended one level counts again for the next.
        self.good_since = self.good_since.map(|_| now);
        Arrow { from, to, code }
    }
}

/// The changes of the last two minutes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Changes(VecDeque<(EngineMs, u32)>);

impl Changes {
    /// Notes a change.
    pub fn note(&mut self, at: EngineMs, change_milli: u32) {
        self.0
            .retain(|(then, _)| at.since(*then) <= BUDGET_WINDOW_MS);
        self.0.push_back((at, change_milli));
    }

    /// The sum of the changes of the two minutes before `now`.
    pub fn sum_milli(&self, now: EngineMs) -> u32 {
        self.0
            .iter()
            .filter(|(at, _)| now.since(*at) <= BUDGET_WINDOW_MS)
            .fold(0, |sum, (_, change)| sum.saturating_add(*change))
    }
}

/// What the person wished for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Wish {
    origin: Origin,
    milli: u32,
}

/// Where guidance is going.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Guidance {
    kind: Kind,
    aim_milli: u32,
    wish: Option<Wish>,
    wished_faster: Option<u32>,
    last_followed: Option<u32>,
    unfollowed_since: Option<EngineMs>,
}

/// What guidance must know to propose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation {
    /// The moment.
    pub now: EngineMs,
    /// The fallback level.
    pub level: Level,
    /// The belief.
    pub mode: Mode,
    /// The rate, thousandths of a breath per minute.
    pub current: u32,
    /// The changes of the last two minutes, thousandths of a breath per minute.
    pub changed_milli: u32,
}

impl Guidance {
    /// Guidance for a protocol.
    pub fn new(protocol: &Protocol) -> Self {
        let aim_milli = match protocol.kind() {
            Kind::Paced { pace } => pace.milli_breaths(),
            Kind::Adaptive { target, .. } => target.pace().milli_breaths(),
            Kind::AssessStepped | Kind::AssessSliding => FALLBACK_MILLI,
        };
        Self {
            kind: protocol.kind(),
            aim_milli,
            wish: None,
            wished_faster: None,
            last_followed: None,
            unfollowed_since: None,
        }
    }

    /// Takes a wish for a rate. It replaces the aim for the rest of the session.
    pub fn wish(&mut self, origin: Origin, milli: u32) {
        self.wish = Some(Wish { origin, milli });
        self.aim_milli = milli;
        self.wished_faster = (origin == Origin::Faster).then_some(milli);
    }

    /// The rate that is wished for and not yet reached.
    pub fn wished(&self) -> Option<u32> {
        self.wish.map(|wish| wish.milli)
    }

    /// Whether the person wished for a rate that still stands.
    pub fn was_wished(&self) -> bool {
        self.wish.is_some() || self.wished_faster.is_some()
    }

    /// Drops a wish that cannot be had.
    pub fn drop_wish(&mut self, current: u32) {
        self.wish = None;
        self.aim_milli = current;
    }

    /// Notes whether the person follows; answers for how long they have not.
    pub fn observe(&mut self, seen: &Situation) -> u64 {
        match (seen.level, seen.mode.follows()) {
            (Level::Guiding, Some(true)) => {
                self.last_followed = Some(seen.current);
                self.unfollowed_since = None;
            }
            (Level::Guiding, Some(false)) => {
                self.unfollowed_since.get_or_insert(seen.now);
            }
            _ => self.unfollowed_since = None,
        }
        self.unfollowed_since
            .map_or(0, |since| seen.now.since(since))
    }

    /// The next change, if any: who wants it, and the rate.
    pub fn propose(&mut self, seen: &Situation) -> Option<(Origin, u32)> {
        if self.wish.is_some_and(|wish| wish.milli == seen.current) {
            self.wish = None;
        }
        let towards = |aim: u32, step: u32| step_towards(seen.current, aim, step);
        let left = BUDGET_MILLI.saturating_sub(seen.changed_milli);
        let (origin, next) = match (seen.level, self.wish) {
            (Level::Stopped, _) => return None,
            (_, Some(wish)) if wish.origin == Origin::Faster => {
                (wish.origin, towards(wish.milli, BREATH_STEP_MILLI))
            }
            (Level::Fixed, _) => {
                let aim = self.wished_faster.map_or(FALLBACK_MILLI, |wished| {
                    wished
                        .max(FALLBACK_MILLI)
                        .min(seen.current.max(FALLBACK_MILLI))
                });
                (Origin::Fallback, towards(aim, BREATH_STEP_MILLI.min(left)))
            }
            (Level::Holding, _) => return None,
            (Level::Guiding, Some(wish)) => (
                wish.origin,
                towards(wish.milli, BREATH_STEP_MILLI.min(left)),
            ),
            (Level::Guiding, None) => self.protocol_step(seen, left)?,
        };
        (next != seen.current).then_some((origin, next))
    }

    fn protocol_step(&self, seen: &Situation, left: u32) -> Option<(Origin, u32)> {
        let step = LEAD_STEP_MILLI.min(left);
        match (self.kind, seen.mode.follows()) {
            (Kind::Paced { .. }, _) => {
                let step = BREATH_STEP_MILLI.min(left);
                Some((
                    Origin::Return,
                    step_towards(seen.current, self.aim_milli, step),
                ))
            }
            (Kind::Adaptive { .. }, Some(true)) => Some((
                Origin::Lead,
                step_towards(seen.current, self.aim_milli, step),
            )),
            (Kind::Adaptive { start, .. }, Some(false)) => {
                let since = self.unfollowed_since?;
                if seen.now.since(since) < RETREAT_AFTER_MS {
                    return None;
                }
                let back = self.last_followed.unwrap_or(start.pace().milli_breaths());
                Some((Origin::Return, step_towards(seen.current, back, step)))
            }
            (Kind::Adaptive { .. }, None) | (Kind::AssessStepped | Kind::AssessSliding, _) => None,
        }
    }
}

fn step_towards(from: u32, to: u32, step: u32) -> u32 {
    if to > from {
        from + step.min(to - from)
    } else {
        from - step.min(from - to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules::whole();

    fn conditions(age_ms: Option<u64>) -> Conditions {
        Conditions {
            age_ms,
            waited_ms: 0,
            artefact_permille: 0,
            irregular_ms: None,
            heard_ms: 0,
            off_skin_ms: None,
        }
    }

    #[test]
    fn levels_go_down_in_order_and_up_one_by_one() {
        let mut ladder = Ladder::start(EngineMs(0));
        let mut go = |now, age| {
            let mut path = alloc::vec::Vec::new();
            while let Some(arrow) = ladder.advance(EngineMs(now), &conditions(Some(age)), RULES) {
                path.push((arrow.to, arrow.code));
            }
            path
        };
        assert_eq!(go(0, 0), []);
        assert_eq!(go(RECOVER_MS, 0), [(Level::Guiding, Code::DataGood)]);
        assert_eq!(go(11_000, STALE_MS), []);
        assert_eq!(go(11_001, STALE_MS + 1), [(Level::Holding, Code::Stale)]);
        assert_eq!(go(12_000, LOST_MS + 1), [(Level::Fixed, Code::DataLost)]);
        assert_eq!(go(20_000, 0), []);
        assert_eq!(go(49_999, 0), []);
        assert_eq!(go(50_000, 0), [(Level::Holding, Code::DataGood)]);
        assert_eq!(go(60_000, 0), [(Level::Guiding, Code::DataGood)]);
        assert_eq!(
            go(70_000, LOST_MS + 1),
            [
                (Level::Holding, Code::DataLost),
                (Level::Fixed, Code::DataLost)
            ]
        );
        assert_eq!(go(70_000 + UNMEASURED_STOP_MS, LOST_MS + 1), []);
        assert_eq!(
            go(70_001 + UNMEASURED_STOP_MS, LOST_MS + 1),
            [(Level::Stopped, Code::UnmeasuredTooLong)]
        );
        assert_eq!(go(u64::MAX, 0), []);
    }

    #[test]
    fn the_budget_forgets_after_two_minutes() {
        let mut changes = Changes::default();
        changes.note(EngineMs(0), 300);
        changes.note(EngineMs(1), 200);
        assert_eq!(changes.sum_milli(EngineMs(BUDGET_WINDOW_MS)), 500);
        assert_eq!(changes.sum_milli(EngineMs(BUDGET_WINDOW_MS + 1)), 200);
    }
}
