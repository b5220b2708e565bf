//! Sanctions screening: who resembles whom on which list, and why.
//!
//! [`import`]s turn publishers' files into a [`List`]; [`screen`] compares a [`Subject`] with the
//! [`Lists`] that a [`Policy`] requires; reviewers record [`Decision`]s on hits; [`rescreen`] says
//! what a later version of a list changes.
//!
//! Invariants (guard):
//! 1. a missing, failed, stale or future-dated list blocks
//!    (test `without_a_trustworthy_list_everybody_is_blocked`)
//! 2. the same values give the same bytes: integers only, ordered collections only
//!    (`clippy.toml`, test `a_screening_is_the_same_bytes_every_time`)
//! 3. dates and countries never lower a score (test `a_wrong_birth_date_never_vetoes`)
//! 4. a decision counts only while both sides are what the reviewer saw
//!    (test `a_decision_holds_until_either_side_changes`)

use serde::{Deserialize, Serialize};

mod abjad;
mod assign;
mod compound;
mod fold;
pub mod import;
mod index;
mod lexicon;
mod list;
mod name;
pub mod pack;
mod rescreen;
mod review;
mod score;
mod screen;
mod token;

pub use list::{BirthDate, Entry, Identifier, List, ListHeader, ListedName, NameQuality};
pub use rescreen::{EntryDelta, ListDelta, RescreenReport, VerdictChange, entry_delta, rescreen};
pub use review::{Decision, Finding};
pub use score::{Comparison, Feature, FeatureKind, compare_names};
pub use screen::{
    Hit, IndexedList, ListUse, Lists, Policy, Reason, RequiredList, Screening, Subject, Verdict,
    screen,
};

/// Hundredths of a percent; 10,000 is certain.
pub type BasisPoints = u32;

/// The score from which a name suggests a listed party, fixed once for people and companies,
/// one list or many: every figure in `examples/screening_report.rs` is taken at this threshold.
pub const REVIEW_BP: BasisPoints = 8_000;

/// The score from which a hit blocks before anybody has looked at it.
pub const BLOCK_BP: BasisPoints = 9_500;

/// What kind of party a name belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartyKind {
    /// A natural person.
    Person,
    /// A company or any other organisation.
    Company,
    /// A ship.
    Vessel,
    /// An aircraft.
    Aircraft,
    /// Not known; compared with every kind.
    Unknown,
}
