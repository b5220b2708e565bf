//! The lattice of compliance states.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a subject stands in one domain. The derived order is the lattice order:
/// `non_compliant < pending < not_applicable < exempt < compliant`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// A rule is broken.
    NonCompliant,
    /// Evidence or a decision is missing.
    Pending,
    /// A rule says that the domain does not concern the subject.
    NotApplicable,
    /// A rule excuses the subject.
    Exempt,
    /// The rules are kept, on verified evidence.
    Compliant,
}

impl State {
    /// All states, lowest first.
    pub const ALL: [Self; 5] = [
        Self::NonCompliant,
        Self::Pending,
        Self::NotApplicable,
        Self::Exempt,
        Self::Compliant,
    ];

    /// The greatest lower bound.
    #[must_use]
    pub fn meet(self, other: Self) -> Self {
        self.min(other)
    }

    /// The least upper bound.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        self.max(other)
    }

    /// Whether nothing stands in the way.
    pub const fn is_passing(self) -> bool {
        matches!(self, Self::Compliant | Self::Exempt | Self::NotApplicable)
    }

    /// Whether the state is a final judgement, which `pending` and `not_applicable` are not.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Compliant | Self::NonCompliant | Self::Exempt)
    }

    /// The meet of many states. Nothing judged is `pending`: an empty set proves nothing.
    pub fn aggregate(states: impl IntoIterator<Item = Self>) -> Self {
        states
            .into_iter()
            .reduce(Self::meet)
            .unwrap_or(Self::Pending)
    }

    /// Whether there is at least one state and all of them pass.
    pub fn all_passing(states: impl IntoIterator<Item = Self>) -> bool {
        Self::aggregate(states).is_passing()
    }

    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NonCompliant => "non_compliant",
            Self::Pending => "pending",
            Self::NotApplicable => "not_applicable",
            Self::Exempt => "exempt",
            Self::Compliant => "compliant",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
