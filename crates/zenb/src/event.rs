//! Decisions, and the form in which a session is journalled.

use alloc::vec::Vec;

use serde::Deserialize;
use serde::Serialize;

use crate::digest::StateDigest;
use crate::engine::Input;
use crate::engine::Opening;
use crate::engine::Summary;

/// The type name of [`Opened`] in the journal.
pub const OPENED_TYPE: &str = "breath.opened.v1";
/// The type name of an [`Input`] in the journal.
pub const INPUT_TYPE: &str = "breath.input.v1";
/// The type name of [`Decided`] in the journal.
pub const DECIDED_TYPE: &str = "breath.decided.v1";
/// The type name of [`Ended`] in the journal.
pub const ENDED_TYPE: &str = "breath.ended.v1";

/// How much depends on a decision's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Acknowledged only after the disk.
    Critical,
    /// May be dropped under pressure, with a gap record.
    Telemetry,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionKind {
    /// The session is open, or open and held.
    Opened,
    /// The screen's answers were judged.
    Screened,
    /// The pacer runs.
    Started,
    /// The pace changed.
    PaceChanged,
    /// A change of pace was denied.
    PaceDenied,
    /// The fallback level changed.
    LevelChanged,
    /// The mode of the belief changed.
    ModeChanged,
    /// A breath ended.
    Breath,
    /// A step of an assessment began, paused, or was judged.
    AssessmentStep,
    /// The assessment ended with a verdict.
    AssessmentEnded,
    /// The person said how it feels.
    Felt,
    /// A context was inhibited.
    Inhibited,
    /// Beats that came from no one heart were left out.
    Fenced,
    /// The intervals are in another unit than they are said to be in.
    UnitDoubted,
    /// The session ended.
    Ended,
}

/// Why it was decided. Stable words, never a diagnosis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Nothing stands in the way.
    Ready,
    /// The person began.
    PersonBegan,
    /// The person's wish for faster.
    WishedFaster,
    /// The person's wish for slower.
    WishedSlower,
    /// The person asked to stop.
    PersonStopped,
    /// The person asked to stop because they feel unwell.
    PersonUnwell,
    /// A supervisor asked to stop.
    SupervisorStopped,
    /// The program asked to stop.
    HostStopped,
    /// The person found it pleasant.
    Pleasant,
    /// The person found it neither pleasant nor unpleasant.
    Neutral,
    /// The person found it unpleasant.
    Unpleasant,
    /// The answers clear the session.
    ScreenCleared,
    /// Cautions were confirmed.
    ScreenCautionAcknowledged,
    /// The answers forbid the session.
    ScreenRefused,
    /// No answers were given.
    ScreenMissing,
    /// The answers are too old.
    ScreenExpired,
    /// An earlier episode inhibits this context.
    Inhibited,
    /// The inhibitions could not be loaded.
    InhibitionsNotLoaded,
    /// The day's dose is used up.
    DayDoseSpent,
    /// The rate is outside the range.
    RateOutOfRange,
    /// The inhale's share is outside the range.
    InhaleShareOutOfRange,
    /// An inhale or exhale is outside the range.
    PhaseOutOfRange,
    /// More than one breath may change the pace.
    BreathStepTooLarge,
    /// The pace changed in this breath already.
    ChangedInThisBreath,
    /// More than two minutes may change the pace.
    BudgetSpent,
    /// Nothing is measured that guidance could rest on.
    NotMeasured,
    /// The person does not follow the pacer.
    NotFollowed,
    /// The change leads away from the fallback pace.
    AwayFromFallback,
    /// No pacer runs.
    NotRunning,
    /// The heart's data have not begun.
    AwaitingData,
    /// The newest beat is too old to adapt.
    Stale,
    /// The newest beat is too old to guide.
    DataLost,
    /// Too many mended beats to adapt.
    ManyArtefacts,
    /// Too many mended beats to guide.
    TooManyArtefacts,
    /// The beats follow each other without an order that a breath could have made.
    BeatsIrregular,
    /// The strap is off the skin.
    NoContact,
    /// The data are good again.
    DataGood,
    /// The person follows.
    Follows,
    /// The person drifts away from the pacer.
    Drifts,
    /// The pace follows the protocol.
    Scheduled,
    /// The pace returns to the protocol's after a fallback.
    Returning,
    /// The pace goes to the fallback pace.
    FallingBack,
    /// Unmeasured for too long.
    UnmeasuredTooLong,
    /// Not followed for too long.
    NotFollowedTooLong,
    /// The planned time is over.
    Completed,
    /// The assessment was interrupted.
    Interrupted,
    /// A step or pause of the assessment began.
    StepBegan,
    /// The pause between two steps began.
    PauseBegan,
    /// The criteria agree on a rate.
    RateFound,
    /// The criteria disagree.
    CriteriaDisagree,
    /// Nothing stands out of the noise.
    Inconclusive,
    /// The belief settles.
    Settling,
    /// The belief follows.
    Following,
    /// The belief is resonant.
    Resonant,
    /// The belief drifts.
    Drifting,
    /// The belief is unmeasured.
    Unmeasured,
    /// The input's moment is before the last one's.
    Backstep,
    /// The input's moment is later than a session can last.
    TimeOutOfRange,
    /// The input does not belong in this state.
    OutOfPlace,
    /// The packet was fenced.
    PacketFenced,
    /// The packet repeats one before it, so that its beats are not taken.
    BeatsRepeated,
    /// Beats came faster than time, so that they are not taken.
    BeatsAhead,
    /// The packet's first beats were the last ones of the packet before, and are not taken.
    BeatsOverlap,
    /// The intervals fall behind the clock as milliseconds do where 1/1024 s should be.
    MillisForTicks,
    /// The intervals run ahead of the clock as 1/1024 s do where milliseconds should be.
    TicksForMillis,
}

/// What a number of a decision is, with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// The moment, host milliseconds.
    AtMs,
    /// The rate before, thousandths of a breath per minute.
    FromMilli,
    /// The rate after or asked for, thousandths of a breath per minute.
    ToMilli,
    /// The limit that decides, in the unit of the quantity before it.
    Limit,
    /// The age of the newest beat, ms.
    AgeMs,
    /// Mended beats in the last 60 s, thousandths.
    ArtefactPermille,
    /// How long the beats have had no order, ms.
    IrregularMs,
    /// The share of the heart's swing at the pace, thousandths.
    FollowPermille,
    /// The swing at the pace, peak to trough, thousandths of a beat per minute.
    AmplitudeMilliBpm,
    /// The lag of the heart's peak, thousandths of a turn.
    LagPermille,
    /// The heart rate, thousandths of a beat per minute.
    HeartRateMilliBpm,
    /// How much the pace changed in the last two minutes, thousandths of a breath per minute.
    ChangedMilli,
    /// The inhale's share, thousandths.
    InhalePermille,
    /// The length of an inhale or exhale, ms.
    PhaseMs,
    /// A duration, ms.
    DurationMs,
    /// The fallback level before: 0 guiding, 1 holding, 2 fixed, 3 stopped.
    FromLevel,
    /// The fallback level after.
    ToLevel,
    /// The number of a step, from 0.
    StepIndex,
    /// How many.
    Count,
    /// Wall time, ms since 1970.
    WallMs,
    /// A question's place in the screen, from 0.
    QuestionIndex,
}

/// One number that a decision rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// What it is.
    pub name: Quantity,
    /// Its value, in the unit of its name.
    pub value: i64,
}

/// The numbers that a decision rests on.
pub type Numbers = Vec<Number>;

/// Builds the numbers of a decision.
pub(crate) fn numbers<const N: usize>(pairs: [(Quantity, u64); N]) -> Numbers {
    pairs
        .into_iter()
        .map(|(name, value)| Number {
            name,
            value: i64::try_from(value).unwrap_or(i64::MAX),
        })
        .collect()
}

/// One decision with its reason and the numbers it rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// How much depends on its record.
    pub class: Class,
    /// What was decided.
    pub kind: DecisionKind,
    /// Why.
    pub code: Code,
    /// The numbers it rests on.
    pub numbers: Numbers,
}

impl Decision {
    pub(crate) fn critical(kind: DecisionKind, code: Code, numbers: Numbers) -> Self {
        Self {
            class: Class::Critical,
            kind,
            code,
            numbers,
        }
    }

    pub(crate) fn telemetry(kind: DecisionKind, code: Code, numbers: Numbers) -> Self {
        Self {
            class: Class::Telemetry,
            kind,
            code,
            numbers,
        }
    }
}

/// The intervals of a packet that were taken, from what was decided on it: those of a strap off the
/// skin are none, and those that were fenced are the first ones.
pub fn beats_taken<'a>(input: &'a Input, decisions: &[Decision]) -> &'a [u16] {
    let Input::Packet { rr, contact, .. } = input else {
        return &[];
    };
    if *contact == Some(false) {
        return &[];
    }
    let fenced = decisions.iter().find(|it| it.kind == DecisionKind::Fenced);
    let count = fenced
        .and_then(|it| {
            it.numbers
                .iter()
                .find(|number| number.name == Quantity::Count)
        })
        .and_then(|number| usize::try_from(number.value).ok());
    rr.get(count.unwrap_or(0)..).unwrap_or(&[])
}

/// `breath.opened.v1`: the first event of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opened {
    /// The engine's [`crate::digest::NUMERIC_VERSION`].
    pub numeric_version: u32,
    /// What the session was opened with.
    pub opening: Opening,
}

/// `breath.decided.v1`: what followed from the opening or from the input before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decided {
    /// The decisions, in order.
    pub decisions: Vec<Decision>,
    /// The digest of the whole state after them.
    pub digest: StateDigest,
}

/// `breath.ended.v1`: the last event of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    /// What the session came to.
    pub summary: Summary,
    /// How many inputs were taken.
    pub inputs_count: u64,
    /// The digest of the whole state at the end.
    pub digest: StateDigest,
}

/// An event of a session, as journalled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum SessionEvent {
    /// The session was opened.
    #[serde(rename = "breath.opened.v1")]
    Opened(Opened),
    /// An input was taken.
    #[serde(rename = "breath.input.v1")]
    Input(Input),
    /// What followed.
    #[serde(rename = "breath.decided.v1")]
    Decided(Decided),
    /// The session ended.
    #[serde(rename = "breath.ended.v1")]
    Ended(Ended),
}

impl SessionEvent {
    /// The event's type name in the journal.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Opened(_) => OPENED_TYPE,
            Self::Input(_) => INPUT_TYPE,
            Self::Decided(_) => DECIDED_TYPE,
            Self::Ended(_) => ENDED_TYPE,
        }
    }
}
