//! Winding a company up: ten stages in order, each with its time rule and its document.
//!
//! | # | stage | nominal days | rule kept here |
//! |---|---|---|---|
//! | 1 | board resolution | 7 | |
//! | 2 | shareholder resolution | 21 | not before 21 days' notice; at least 75 % in favour |
//! | 3 | appoint liquidator | 7 | last stage at which it can be cancelled |
//! | 4 | notify creditors | 90 | gazetted within 14 days of the stage's beginning; claims open 90 days from the gazette |
//! | 5 | realise assets | 90 | |
//! | 6 | settle liabilities | 60 | |
//! | 7 | final distribution | 14 | |
//! | 8 | final meeting | 35 | not before 35 days' notice |
//! | 9 | file final documents | 14 | |
//! | 10 | dissolution | 30 | not before 30 days after filing |
//!
//! A period that the law grants to others (members called to a meeting, creditors, objectors) is a
//! minimum and is enforced. The other nominal times are what is usual: exceeding them is shown as
//! overdue and stops nothing, since no company is helped by never being wound up.

use std::fmt;

use evidence::digest::Digest;
use serde::{Deserialize, Serialize};

use super::StageProof;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const GAZETTE_WITHIN_DAYS: i64 = 14;
const CLAIMS_OPEN_DAYS: i64 = 90;
const MAJORITY_BPS_MIN: u16 = 7_500;

/// A stage of winding up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "the table in the module's documentation says what each is"
)]
pub enum Stage {
    BoardResolution,
    ShareholderResolution,
    AppointLiquidator,
    NotifyCreditors,
    RealizeAssets,
    SettleLiabilities,
    FinalDistribution,
    FinalMeeting,
    FileFinalDocuments,
    Dissolution,
}

/// The times of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StageRule {
    /// Days it usually takes; beyond them it is overdue.
    pub nominal_days: i64,
    /// Days that must have passed since it began.
    pub minimum_days: Option<i64>,
}

/// Where in winding up an entity is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dissolution {
    /// The stage to be completed next.
    pub stage: Stage,
    /// When that stage began, in milliseconds since 1970-01-01T00:00:00Z.
    pub stage_began_ms: i64,
    /// Whether the company was suspended when winding up began, and why: cancelling restores it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_for: Option<String>,
    /// The documents so far: of the request, then of each completed stage.
    pub evidence: Vec<Digest>,
}

/// Why a stage cannot be completed yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimeProblem {
    /// A period that the law grants to others has not passed.
    #[error("stage {stage} cannot be completed before {not_before_ms} ms")]
    TooEarly {
        /// Which stage.
        stage: Stage,
        /// From when it can, in milliseconds since 1970-01-01T00:00:00Z.
        not_before_ms: i64,
    },
    /// The stage demands something that was not given, or was given something it does not demand.
    #[error("stage {stage} demands {demands}")]
    WrongProof {
        /// Which stage.
        stage: Stage,
        /// What it demands.
        demands: &'static str,
    },
    /// Too few voted for it.
    #[error(
        "a winding up needs {MAJORITY_BPS_MIN} of 10000 votes cast; {in_favour_bps} were in favour"
    )]
    MajorityMissed {
        /// What was reached.
        in_favour_bps: u16,
    },
    /// A vote of more than everybody.
    #[error("{in_favour_bps} of 10000 votes is more than all")]
    VoteOutOfRange {
        /// What was given.
        in_favour_bps: u16,
    },
    /// The notice was published outside the time for it.
    #[error("the notice to creditors must be published from {from_ms} to {until_ms} ms")]
    GazetteOutOfTime {
        /// Not before, in milliseconds since 1970-01-01T00:00:00Z.
        from_ms: i64,
        /// Not after.
        until_ms: i64,
    },
}

impl Stage {
    /// All stages in order.
    pub const ALL: [Self; 10] = [
        Self::BoardResolution,
        Self::ShareholderResolution,
        Self::AppointLiquidator,
        Self::NotifyCreditors,
        Self::RealizeAssets,
        Self::SettleLiabilities,
        Self::FinalDistribution,
        Self::FinalMeeting,
        Self::FileFinalDocuments,
        Self::Dissolution,
    ];

    /// The stage after this one, if any.
    pub fn next(self) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| *stage > self)
    }

    /// The times of the stage.
    pub const fn rule(self) -> StageRule {
        let (nominal_days, minimum_days) = match self {
            Self::BoardResolution | Self::AppointLiquidator => (7, None),
            Self::ShareholderResolution => (21, Some(21)),
            Self::NotifyCreditors | Self::RealizeAssets => (90, None),
            Self::SettleLiabilities => (60, None),
            Self::FinalDistribution | Self::FileFinalDocuments => (14, None),
            Self::FinalMeeting => (35, Some(35)),
            Self::Dissolution => (30, Some(30)),
        };
        StageRule {
            nominal_days,
            minimum_days,
        }
    }

    /// Whether winding up can still be stopped: no liquidator is in office yet.
    pub fn is_cancellable(self) -> bool {
        self <= Self::AppointLiquidator
    }

    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BoardResolution => "board_resolution",
            Self::ShareholderResolution => "shareholder_resolution",
            Self::AppointLiquidator => "appoint_liquidator",
            Self::NotifyCreditors => "notify_creditors",
            Self::RealizeAssets => "realize_assets",
            Self::SettleLiabilities => "settle_liabilities",
            Self::FinalDistribution => "final_distribution",
            Self::FinalMeeting => "final_meeting",
            Self::FileFinalDocuments => "file_final_documents",
            Self::Dissolution => "dissolution",
        }
    }
}

impl Dissolution {
    /// When the stage in hand becomes overdue, in milliseconds since 1970-01-01T00:00:00Z.
    pub fn due_by_ms(&self) -> i64 {
        after_days(self.stage_began_ms, self.stage.rule().nominal_days)
    }

    /// Whether the stage in hand can be completed at `now_ms` with this proof.
    pub fn check(&self, proof: StageProof, now_ms: i64) -> Result<(), TimeProblem> {
        let minimum_days = self.stage.rule().minimum_days.unwrap_or(0);
        self.not_before(after_days(self.stage_began_ms, minimum_days), now_ms)?;
        match (self.stage, proof) {
            (Stage::ShareholderResolution, StageProof::Vote { in_favour_bps }) => {
                check_vote(in_favour_bps)
            }
            (Stage::ShareholderResolution, _) => Err(self.demands("the shareholders' vote")),
            (Stage::NotifyCreditors, StageProof::Gazette { published_at_ms }) => {
                self.check_gazette(published_at_ms, now_ms)
            }
            (Stage::NotifyCreditors, _) => Err(self.demands("the date of the gazette")),
            (_, StageProof::None) => Ok(()),
            (_, _) => Err(self.demands("a document alone")),
        }
    }

    fn check_gazette(&self, published_at_ms: i64, now_ms: i64) -> Result<(), TimeProblem> {
        let from_ms = self.stage_began_ms;
        let until_ms = after_days(from_ms, GAZETTE_WITHIN_DAYS);
        if !(from_ms..=until_ms).contains(&published_at_ms) {
            return Err(TimeProblem::GazetteOutOfTime { from_ms, until_ms });
        }
        self.not_before(after_days(published_at_ms, CLAIMS_OPEN_DAYS), now_ms)
    }

    fn not_before(&self, not_before_ms: i64, now_ms: i64) -> Result<(), TimeProblem> {
        if now_ms < not_before_ms {
            return Err(TimeProblem::TooEarly {
                stage: self.stage,
                not_before_ms,
            });
        }
        Ok(())
    }

    fn demands(&self, demands: &'static str) -> TimeProblem {
        TimeProblem::WrongProof {
            stage: self.stage,
            demands,
        }
    }
}

fn check_vote(in_favour_bps: u16) -> Result<(), TimeProblem> {
    match in_favour_bps {
        0..MAJORITY_BPS_MIN => Err(TimeProblem::MajorityMissed { in_favour_bps }),
        MAJORITY_BPS_MIN..=10_000 => Ok(()),
        _ => Err(TimeProblem::VoteOutOfRange { in_favour_bps }),
    }
}

fn after_days(from_ms: i64, days: i64) -> i64 {
    from_ms.saturating_add(days.saturating_mul(DAY_MS))
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
