//! The only way to a pace that the pacer takes.
//!
//! [`guard`] is a pure function of a proposal and its context. It answers a [`Permitted`] pace, or
//! a denial with its code and numbers; a [`Permitted`] cannot be made elsewhere. Rules (source:
//! hazards H1 to H4):
//!
//! - the rate lies in the range of its purpose, always within 4.0 to 12.0 /min;
//! - an inhale or exhale lasts 2.5 to 10 s;
//! - the pace changes once a breath, by at most 0.1 /min;
//! - in two minutes it changes by at most 0.5 /min altogether, save that the person may always go
//!   faster, and that the sliding assessment's schedule takes up to 0.7 /min;
//! - nothing is led on data older than 5 s, without contact, with more than 5 % of the beats of the
//!   last minute mended, or on beats without an order, and nowhere that the person does not follow;
//! - a fallback moves only towards 6.0 /min.

use serde::Deserialize;
use serde::Serialize;

use crate::bug::PlantedBug;
use crate::bug::Rules;
use crate::event::Code;
use crate::event::Numbers;
use crate::event::Quantity;
use crate::event::numbers;
use crate::protocol::ASSESSMENT_MILLI_MAX;
use crate::protocol::ASSESSMENT_MILLI_MIN;
use crate::protocol::FALLBACK_MILLI;
use crate::protocol::GUIDANCE_MILLI_MAX;
use crate::protocol::GUIDANCE_MILLI_MIN;
use crate::protocol::PACE_MILLI_MAX;
use crate::protocol::PACE_MILLI_MIN;
use crate::protocol::Pace;
use crate::protocol::ProtocolError;

/// The most that one breath changes the pace, thousandths of a breath per minute.
pub const BREATH_STEP_MILLI: u32 = 100;
/// The most that two minutes change the pace.
pub const BUDGET_MILLI: u32 = 500;
/// The most that two minutes of a sliding assessment change the pace: its published schedule
/// takes 0.67 /min in its first two minutes.
pub const SLIDING_BUDGET_MILLI: u32 = 700;
/// The time of the budget.
pub const BUDGET_WINDOW_MS: u64 = 120_000;
/// Data older than this are not adapted to.
pub const STALE_MS: u64 = 5_000;
/// Data older than this are lost: the pace becomes the fallback's.
pub const LOST_MS: u64 = 15_000;
/// More mended beats than this in a minute are not adapted to.
pub const ARTEFACT_HOLD_PERMILLE: u16 = 50;
/// More mended beats than this in a minute end guidance.
pub const ARTEFACT_LOST_PERMILLE: u16 = 200;

/// Beats without an order for longer than this end guidance.
pub const IRREGULAR_LOST_MS: u64 = 60_000;

/// What the pace is for; each purpose has its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// One pace that the person chose.
    Paced,
    /// Leading.
    Guidance,
    /// Looking for a rate.
    Assessment,
}

impl Purpose {
    /// The slowest and the fastest rate, thousandths of a breath per minute.
    pub fn range(self) -> (u32, u32) {
        match self {
            Self::Paced => (PACE_MILLI_MIN, PACE_MILLI_MAX),
            Self::Guidance => (GUIDANCE_MILLI_MIN, GUIDANCE_MILLI_MAX),
            Self::Assessment => (ASSESSMENT_MILLI_MIN, ASSESSMENT_MILLI_MAX),
        }
    }
}

/// Who proposes, which decides the rules that hold beside the range and the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The pacer starts from rest.
    Start,
    /// Guidance leads towards the target.
    Lead,
    /// Guidance goes back, to the last pace that was followed or to the protocol's.
    Return,
    /// The schedule of an assessment.
    Schedule,
    /// The person wishes for faster.
    Faster,
    /// The person wishes for slower.
    Slower,
    /// The fallback to 6.0 /min.
    Fallback,
}

/// A pace that somebody wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// Who wants it.
    pub origin: Origin,
    /// Thousandths of a breath per minute.
    pub milli_breaths: u32,
    /// The inhale's share, thousandths.
    pub inhale_permille: u16,
}

/// What the guard must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// What the pace is for.
    pub purpose: Purpose,
    /// The pace at this moment; `None` while no pacer runs.
    pub current: Option<Pace>,
    /// Whether the pace changed in this breath.
    pub changed_in_this_breath: bool,
    /// The sum of all changes of the last two minutes, thousandths of a breath per minute.
    pub changed_milli: u32,
    /// The age of the newest beat; `None` if there was none.
    pub age_ms: Option<u64>,
    /// Mended beats of the last minute, thousandths.
    pub artefact_permille: u16,
    /// Whether the beats have no order.
    pub irregular: bool,
    /// Whether the strap says it touches the skin.
    pub contact: Option<bool>,
    /// Whether the person follows the pacer; `None` if that is not measured.
    pub follows: Option<bool>,
}

/// A pace that passed the guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permitted(Pace);

impl Permitted {
    /// The pace.
    pub fn pace(self) -> Pace {
        self.0
    }
}

/// What the guard says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The pace may be taken.
    Permitted(Permitted),
    /// It may not.
    Denied(Denial),
}

/// Why a pace may not be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Denial {
    /// The rule.
    pub code: Code,
    /// The numbers it was judged by, the limit last.
    pub numbers: Numbers,
}

/// Judges a proposal.
pub fn guard(proposal: &Proposal, context: &Context, rules: Rules) -> Verdict {
    let judged = in_range(proposal, context.purpose, rules).and_then(|pace| {
        in_step(proposal, context, rules)?;
        rests_on_data(proposal.origin, context, rules)?;
        Ok(pace)
    });
    match judged {
        Ok(pace) => Verdict::Permitted(Permitted(pace)),
        Err(denial) => Verdict::Denied(denial),
    }
}

fn deny<const N: usize>(code: Code, pairs: [(Quantity, u64); N]) -> Result<(), Denial> {
    Err(Denial {
        code,
        numbers: numbers(pairs),
    })
}

fn in_range(proposal: &Proposal, purpose: Purpose, rules: Rules) -> Result<Pace, Denial> {
    let (least, mut most) = match (proposal.origin, purpose) {
        // A fallback begins wherever the pace is; it moves only towards 6.0 /min.
        (Origin::Fallback, _) => (PACE_MILLI_MIN, PACE_MILLI_MAX),
        // Who wishes for faster has ended the assessment.
        (Origin::Faster, Purpose::Assessment) => (ASSESSMENT_MILLI_MIN, GUIDANCE_MILLI_MAX),
        _ => purpose.range(),
    };
    if purpose == Purpose::Guidance && rules.broken(PlantedBug::GuidanceRangeOffByOne) {
        most += 1;
    }
    let milli = proposal.milli_breaths;
    if !(least..=most).contains(&milli) {
        let limit = if milli < least { least } else { most };
        deny(
            Code::RateOutOfRange,
            [
                (Quantity::ToMilli, milli.into()),
                (Quantity::Limit, limit.into()),
            ],
        )?;
    }
    Pace::new(milli, proposal.inhale_permille).map_err(|error| not_a_pace(proposal, error))
}

fn not_a_pace(proposal: &Proposal, error: ProtocolError) -> Denial {
    let (code, pairs) = match error {
        ProtocolError::PhaseOutOfRange {
            phase_ms,
            least_ms,
            most_ms,
        } => {
            let limit = if phase_ms < least_ms {
                least_ms
            } else {
                most_ms
            };
            (
                Code::PhaseOutOfRange,
                [(Quantity::PhaseMs, phase_ms), (Quantity::Limit, limit)],
            )
        }
        ProtocolError::InhaleShareOutOfRange {
            permille,
            least,
            most,
        } => {
            let limit = if permille < least { least } else { most };
            (
                Code::InhaleShareOutOfRange,
                [
                    (Quantity::InhalePermille, permille.into()),
                    (Quantity::Limit, limit.into()),
                ],
            )
        }
        ProtocolError::RateOutOfRange { .. }
        | ProtocolError::InhaleShareDiffers { .. }
        | ProtocolError::DoseOutOfRange { .. } => (
            Code::RateOutOfRange,
            [
                (Quantity::ToMilli, proposal.milli_breaths.into()),
                (Quantity::Limit, PACE_MILLI_MAX.into()),
            ],
        ),
    };
    Denial {
        code,
        numbers: numbers(pairs),
    }
}

fn in_step(proposal: &Proposal, context: &Context, rules: Rules) -> Result<(), Denial> {
    let Some(current) = context.current else {
        return match proposal.origin {
            Origin::Start => Ok(()),
            _ => deny(Code::NotRunning, []),
        };
    };
    let (from, to) = (current.milli_breaths(), proposal.milli_breaths);
    let change = from.abs_diff(to);
    let spare = u32::from(rules.broken(PlantedBug::BreathStepOffByOne));
    if change > BREATH_STEP_MILLI + spare || proposal.origin == Origin::Start {
        deny(
            Code::BreathStepTooLarge,
            [
                (Quantity::FromMilli, from.into()),
                (Quantity::ToMilli, to.into()),
                (Quantity::Limit, BREATH_STEP_MILLI.into()),
            ],
        )?;
    }
    if context.changed_in_this_breath && !rules.broken(PlantedBug::SecondChangeInBreath) {
        deny(
            Code::ChangedInThisBreath,
            [
                (Quantity::FromMilli, from.into()),
                (Quantity::ToMilli, to.into()),
            ],
        )?;
    }
    in_budget(proposal.origin, context.changed_milli, change, rules)?;
    direction(proposal.origin, from, to, rules)
}

fn in_budget(origin: Origin, changed: u32, change: u32, rules: Rules) -> Result<(), Denial> {
    let limit = match origin {
        Origin::Faster | Origin::Start => return Ok(()),
        Origin::Schedule => SLIDING_BUDGET_MILLI,
        Origin::Lead | Origin::Return | Origin::Slower | Origin::Fallback => BUDGET_MILLI,
    };
    let spare = u32::from(rules.broken(PlantedBug::BudgetOffByOne));
    if changed.saturating_add(change) > limit + spare && !rules.broken(PlantedBug::BudgetIgnored) {
        deny(
            Code::BudgetSpent,
            [
                (Quantity::ChangedMilli, changed.into()),
                (Quantity::ToMilli, change.into()),
                (Quantity::Limit, limit.into()),
            ],
        )?;
    }
    Ok(())
}

fn direction(origin: Origin, from: u32, to: u32, rules: Rules) -> Result<(), Denial> {
    let wrong = match origin {
        Origin::Faster => to < from,
        Origin::Slower => to > from,
        Origin::Fallback if rules.broken(PlantedBug::FallbackAnywhere) => false,
        Origin::Fallback => {
            to.abs_diff(FALLBACK_MILLI) > from.abs_diff(FALLBACK_MILLI)
                || (from > FALLBACK_MILLI) != (to > FALLBACK_MILLI) && to != FALLBACK_MILLI
        }
        Origin::Start | Origin::Lead | Origin::Return | Origin::Schedule => false,
    };
    if wrong {
        deny(
            Code::AwayFromFallback,
            [
                (Quantity::FromMilli, from.into()),
                (Quantity::ToMilli, to.into()),
                (Quantity::Limit, FALLBACK_MILLI.into()),
            ],
        )?;
    }
    Ok(())
}

fn rests_on_data(origin: Origin, context: &Context, rules: Rules) -> Result<(), Denial> {
    match origin {
        // A start, the person's own wish for faster and the fallback rest on nothing measured.
        Origin::Start | Origin::Faster | Origin::Fallback => Ok(()),
        Origin::Lead => {
            if !rules.broken(PlantedBug::UnmeasuredLeads) {
                is_measured(context, rules)?;
            }
            match context.follows {
                Some(true) => Ok(()),
                Some(false) if rules.broken(PlantedBug::LeadsUnfollowed) => Ok(()),
                None if rules.broken(PlantedBug::UnmeasuredLeads) => Ok(()),
                Some(false) => deny(Code::NotFollowed, []),
                None => deny(Code::NotMeasured, []),
            }
        }
        Origin::Return | Origin::Schedule | Origin::Slower => is_measured(context, rules),
    }
}

fn is_measured(context: &Context, rules: Rules) -> Result<(), Denial> {
    if context.contact == Some(false) && !rules.broken(PlantedBug::ContactIgnored) {
        deny(Code::NoContact, [])?;
    }
    let stale = STALE_MS + u64::from(rules.broken(PlantedBug::StaleHoldOffByOne));
    match context.age_ms {
        None => deny(Code::NotMeasured, [])?,
        Some(age) if age > stale && !rules.broken(PlantedBug::StaleHoldIgnored) => deny(
            Code::Stale,
            [(Quantity::AgeMs, age), (Quantity::Limit, STALE_MS)],
        )?,
        Some(_) => {}
    }
    if context.artefact_permille > ARTEFACT_HOLD_PERMILLE
        && !rules.broken(PlantedBug::ArtefactHoldIgnored)
    {
        deny(
            Code::ManyArtefacts,
            [
                (Quantity::ArtefactPermille, context.artefact_permille.into()),
                (Quantity::Limit, ARTEFACT_HOLD_PERMILLE.into()),
            ],
        )?;
    }
    if context.irregular && !rules.broken(PlantedBug::IrregularHoldIgnored) {
        deny(Code::BeatsIrregular, [])?;
    }
    Ok(())
}
