//! Which version of a sanctions list is in force. A version that may free somebody waits for a second person.
//!
//! Invariants (guard):
//! 1. nobody brings a version into force alone that lacks or alters an entry, that is older, or that opens a gate which is
//!    closed because there is no list  (`concerns`; property `nobody_frees_anybody_alone`)
//! 2. while a version waits nothing else comes into force in its place  (`Refusal::Waits`), and both are searched
//!    (`sanctions::Lists::propose`)

use std::fmt;

use evidence::digest::Digest;
use ids::ActorId;
use jiff::Timestamp;
use sanctions::ListHeader;
use serde::{Deserialize, Serialize};

use ids::aggregate::{Aggregate, CommonRefusal, Decision, Misfit};

/// The longest reason, in bytes of UTF-8.
pub const REASON_BYTES_MAX: usize = 2_000;

/// A version of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Version {
    /// Which list, in which version.
    pub header: ListHeader,
    /// Commits to every entry.
    pub digest: Digest,
}

/// How a version differs from the one in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// Entries that only the new version has.
    pub added: u64,
    /// Entries that only the version in force has.
    pub removed: u64,
    /// Entries that differ.
    pub changed: u64,
}

/// Why a second person has to look at a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Concern {
    /// It is the first version of a required list: until it is in force everybody is blocked.
    First,
    /// It was published earlier than the version in force.
    Older,
    /// It lacks entries.
    Shrunken,
    /// It has entries that say something else.
    Altered,
    /// The version in force cannot be read, so nobody knows what differs.
    NotCompared,
}

impl Concern {
    /// The text form for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Older => "older",
            Self::Shrunken => "shrunken",
            Self::Altered => "altered",
            Self::NotCompared => "not_compared",
        }
    }
}

/// A version that waits for a second person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// The version.
    pub version: Version,
    /// How it differs from the version in force, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
    /// Why it waits.
    pub concerns: Vec<Concern>,
    /// Who proposed it.
    pub by: ActorId,
    /// When.
    pub at: Timestamp,
}

/// A version was turned down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rejection {
    /// The version.
    pub version: Version,
    /// Why.
    pub reason: String,
    /// Who turned it down.
    pub by: ActorId,
    /// When.
    pub at: Timestamp,
}

/// A list of the zone: what is in force, and what waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneList {
    /// The version in force.
    pub in_force: Option<Version>,
    /// The version that waits.
    pub proposed: Option<Proposal>,
}

/// What can be asked of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Bring a version into force.
    Import {
        /// The version.
        version: Version,
        /// How it differs from the one in force; nothing where there is none, or it cannot be read.
        comparison: Option<Comparison>,
    },
    /// Bring the version that waits into force.
    Confirm {
        /// Commits to the version that the second person looked at.
        digest: Digest,
    },
    /// Turn the version that waits down.
    Reject {
        /// Commits to the version that was looked at.
        digest: Digest,
        /// Why.
        reason: String,
    },
}

/// What happened to a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListEvent {
    /// A version waits for a second person.
    Proposed(Proposal),
    /// A version came into force.
    Imported(Version),
    /// The version that waited was turned down.
    Rejected(Rejection),
}

/// What has to be done because of it: screen everybody again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rescreen {
    /// Commits to the version because of which.
    pub digest: Digest,
}

/// What a decision depends on besides.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Who acts.
    pub actor: &'a ActorId,
    /// When.
    pub at: Timestamp,
    /// Whether the zone clears nobody without this list.
    pub is_required: bool,
    /// Whether the node itself sets the zone up, before anybody can act in it.
    pub sets_up: bool,
}

/// Why a command to a list is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing waits, or a text is blank or too long.
    #[error(transparent)]
    Common(#[from] CommonRefusal),
    /// One version at a time.
    #[error("version {version} waits for a second person; confirm or reject it first")]
    Waits {
        /// Which.
        version: String,
    },
    /// What waits is not what the person looked at.
    #[error("another version waits than the one that was looked at")]
    AnotherVersion,
    /// Four eyes.
    #[error("who imported a version does not confirm it")]
    SamePerson,
}

impl Concern {
    /// The same in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::First => "it is the first version of a required list",
            Self::Older => "it is older than the version in force",
            Self::Shrunken => "it lacks entries of the version in force",
            Self::Altered => "it alters entries of the version in force",
            Self::NotCompared => "the version in force cannot be read",
        }
    }
}

impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ZoneList {
    /// Why a version needs a second person; nothing if it frees nobody.
    fn concerns(
        &self,
        version: &Version,
        comparison: Option<Comparison>,
        context: &Context<'_>,
    ) -> Vec<Concern> {
        let Some(in_force) = &self.in_force else {
            let first = (context.is_required && !context.sets_up).then_some(Concern::First);
            return first.into_iter().collect();
        };
        if in_force.digest == version.digest {
            return Vec::new();
        }
        let is_older = version.header.published < in_force.header.published;
        let is_so = |holds: fn(Comparison) -> bool| comparison.is_some_and(holds);
        [
            (is_older, Concern::Older),
            (is_so(|it| it.removed > 0), Concern::Shrunken),
            (is_so(|it| it.changed > 0), Concern::Altered),
            (comparison.is_none(), Concern::NotCompared),
        ]
        .into_iter()
        .filter_map(|(holds, concern)| holds.then_some(concern))
        .collect()
    }

    /// What waits, if it is what was looked at.
    fn waiting(&self, digest: Digest) -> Result<&Proposal, Refusal> {
        let what = "proposed version";
        let proposed = self.proposed.as_ref();
        let proposed = proposed.ok_or(CommonRefusal::Unknown { what })?;
        match proposed.version.digest == digest {
            true => Ok(proposed),
            false => Err(Refusal::AnotherVersion),
        }
    }

    fn import(
        &self,
        version: Version,
        comparison: Option<Comparison>,
        context: &Context<'_>,
    ) -> Result<ListEvent, Refusal> {
        if let Some(proposed) = &self.proposed {
            let version = proposed.version.header.version.clone();
            return Err(Refusal::Waits { version });
        }
        let concerns = self.concerns(&version, comparison, context);
        if concerns.is_empty() {
            return Ok(ListEvent::Imported(version));
        }
        Ok(ListEvent::Proposed(Proposal {
            version,
            comparison,
            concerns,
            by: context.actor.clone(),
            at: context.at,
        }))
    }
}

impl Aggregate for ZoneList {
    type State = Self;
    type Command = Command;
    type Event = ListEvent;
    type Effect = Rescreen;
    type Refusal = Refusal;
    type Context<'a> = Context<'a>;

    fn decide(
        list: Option<&Self>,
        command: Command,
        context: &Context<'_>,
    ) -> Result<Decision<ListEvent, Rescreen>, Refusal> {
        let none = Self::default();
        let list = list.unwrap_or(&none);
        let event = match command {
            Command::Import {
                version,
                comparison,
            } => list.import(version, comparison, context)?,
            Command::Confirm { digest } => {
                let proposed = list.waiting(digest)?;
                if proposed.by == *context.actor {
                    return Err(Refusal::SamePerson);
                }
                ListEvent::Imported(proposed.version.clone())
            }
            Command::Reject { digest, reason } => {
                let proposed = list.waiting(digest)?;
                CommonRefusal::check_text("reason", &reason, REASON_BYTES_MAX)?;
                ListEvent::Rejected(Rejection {
                    version: proposed.version.clone(),
                    reason,
                    by: context.actor.clone(),
                    at: context.at,
                })
            }
        };
        let digest = event.version().digest;
        Ok(Decision::event(event).with_effect(Rescreen { digest }))
    }

    fn apply(list: Option<Self>, event: &ListEvent) -> Result<Self, Misfit> {
        let list = list.unwrap_or_default();
        let misfit = |event, state| Err(Misfit { event, state });
        match (event, &list.proposed) {
            (ListEvent::Proposed(_), Some(_)) => misfit("proposed", "waiting for a second person"),
            (ListEvent::Rejected(_), None) => misfit("rejected", "not waiting"),
            (ListEvent::Proposed(proposal), None) => Ok(Self {
                proposed: Some(proposal.clone()),
                ..list
            }),
            (ListEvent::Rejected(_), Some(_)) => Ok(Self {
                proposed: None,
                ..list
            }),
            (ListEvent::Imported(version), _) => Ok(Self {
                in_force: Some(version.clone()),
                proposed: None,
            }),
        }
    }
}

impl ListEvent {
    /// The version that it is about.
    pub fn version(&self) -> &Version {
        match self {
            Self::Proposed(proposal) => &proposal.version,
            Self::Imported(version) => version,
            Self::Rejected(rejection) => &rejection.version,
        }
    }
}
