//! Guards that can be broken on purpose, to show that the tests notice.
//!
//! A release has no way to break one: without the feature `planted-bugs`, [`Rules`] is empty and
//! only [`Rules::whole`] makes it.

/// A guard to break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlantedBug {
    /// The guided range ends one step of 0.001 /min later.
    GuidanceRangeOffByOne,
    /// A breath may change the pace by 0.001 /min more.
    BreathStepOffByOne,
    /// A breath may change the pace more than once.
    SecondChangeInBreath,
    /// Two minutes may change the pace by 0.001 /min more.
    BudgetOffByOne,
    /// Two minutes may change the pace by any amount.
    BudgetIgnored,
    /// Data of 5 s may be 1 ms older.
    StaleHoldOffByOne,
    /// Old data do not hold the pace.
    StaleHoldIgnored,
    /// Old data do not end guidance.
    StaleFixedIgnored,
    /// Many artefacts do not hold the pace.
    ArtefactHoldIgnored,
    /// Very many artefacts do not end guidance.
    ArtefactFixedIgnored,
    /// Beats without an order do not hold the pace.
    IrregularHoldIgnored,
    /// Beats without an order do not end guidance.
    IrregularFixedIgnored,
    /// A strap off the skin counts as on it.
    ContactIgnored,
    /// The pace is led although nothing is measured.
    UnmeasuredLeads,
    /// The pace is led although the person does not follow.
    LeadsUnfollowed,
    /// A session starts without a screen.
    ScreenSkipped,
    /// Answers hold for ever.
    ScreenNeverExpires,
    /// A failed load counts as no inhibitions.
    LoadFailedOpens,
    /// An episode is counted from the clock as it is, not from the latest time seen.
    ClockBackEscapes,
    /// A second episode inhibits no longer than the first.
    BackoffNotDoubled,
    /// The session's end is not enforced.
    DoseIgnored,
    /// The day's dose is not enforced.
    DayDoseIgnored,
    /// The pacer runs on after a stop.
    StopIgnored,
    /// A change of rate starts the breath again.
    PhaseRestarts,
    /// An older moment is taken as now.
    BackstepTaken,
    /// A moment after the session's last day is taken as now.
    LateTaken,
    /// A silence that one input leaps over is not lived through.
    LeapTaken,
    /// An unmeasured session goes on for ever.
    UnmeasuredNeverStops,
    /// An unpleasant episode leaves no inhibition.
    UnpleasantForgotten,
    /// An inhibition does not hold the session.
    InhibitionIgnored,
    /// Answers that forbid the session clear it.
    ScreenRefusalIgnored,
    /// The fallback may move away from its pace.
    FallbackAnywhere,
    /// A session that leads nobody goes on for ever.
    UnfollowedNeverStops,
    /// A swing that is not at the pace counts as following.
    DriftingFollows,
    /// A value that never changes is taken for beats.
    StuckTaken,
    /// A packet that repeats the last one is taken.
    DuplicateTaken,
    /// Beats faster than time are taken.
    AheadTaken,
    /// Beats that the last packet ended with are taken again.
    OverlapTaken,
    /// Beats that were fenced do not count against quality.
    FencedForgotten,
}

impl PlantedBug {
    /// Every bug.
    pub const ALL: [PlantedBug; 39] = [
        PlantedBug::GuidanceRangeOffByOne,
        PlantedBug::BreathStepOffByOne,
        PlantedBug::SecondChangeInBreath,
        PlantedBug::BudgetOffByOne,
        PlantedBug::BudgetIgnored,
        PlantedBug::StaleHoldOffByOne,
        PlantedBug::StaleHoldIgnored,
        PlantedBug::StaleFixedIgnored,
        PlantedBug::ArtefactHoldIgnored,
        PlantedBug::ArtefactFixedIgnored,
        PlantedBug::IrregularHoldIgnored,
        PlantedBug::IrregularFixedIgnored,
        PlantedBug::ContactIgnored,
        PlantedBug::UnmeasuredLeads,
        PlantedBug::LeadsUnfollowed,
        PlantedBug::ScreenSkipped,
        PlantedBug::ScreenNeverExpires,
        PlantedBug::LoadFailedOpens,
        PlantedBug::ClockBackEscapes,
        PlantedBug::BackoffNotDoubled,
        PlantedBug::DoseIgnored,
        PlantedBug::DayDoseIgnored,
        PlantedBug::StopIgnored,
        PlantedBug::PhaseRestarts,
        PlantedBug::BackstepTaken,
        PlantedBug::LateTaken,
        PlantedBug::LeapTaken,
        PlantedBug::UnmeasuredNeverStops,
        PlantedBug::UnpleasantForgotten,
        PlantedBug::InhibitionIgnored,
        PlantedBug::ScreenRefusalIgnored,
        PlantedBug::FallbackAnywhere,
        PlantedBug::UnfollowedNeverStops,
        PlantedBug::DriftingFollows,
        PlantedBug::StuckTaken,
        PlantedBug::DuplicateTaken,
        PlantedBug::AheadTaken,
        PlantedBug::OverlapTaken,
        PlantedBug::FencedForgotten,
    ];
}

/// The rules in force: all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    #[cfg(feature = "planted-bugs")]
    broken: Option<PlantedBug>,
}

impl Rules {
    /// Every rule holds.
    pub const fn whole() -> Self {
        Self {
            #[cfg(feature = "planted-bugs")]
            broken: None,
        }
    }

    /// Every rule but one holds.
    #[cfg(feature = "planted-bugs")]
    pub const fn without(bug: PlantedBug) -> Self {
        Self { broken: Some(bug) }
    }

    /// Whether this rule is broken on purpose.
    #[cfg(feature = "planted-bugs")]
    pub(crate) fn broken(self, bug: PlantedBug) -> bool {
        self.broken == Some(bug)
    }

    /// No rule is broken on purpose.
    #[cfg(not(feature = "planted-bugs"))]
    pub(crate) const fn broken(self, _: PlantedBug) -> bool {
        false
    }
}
