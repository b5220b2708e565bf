//! What the register keeps of a screening: who was screened, on which lists, with which outcome. The whole of it, with the
//! reviewers' decisions, is a [`case`]; a name screened by itself is an [`inquiry`]; which version of
//! a list is in force is decided in [`list`].

pub mod case;
pub mod inquiry;
pub mod list;

use std::fmt;
use std::str::FromStr;

use evidence::canonical::{CanonicalError, to_vec_of};
use evidence::digest::{Digest, Purpose};
use ids::{ActorId, InvalidId, PackItemId, PersonId, Salt};
use law::zone::ScreeningPolicy;
use sanctions::{ListUse, RequiredList, Screening, Verdict};
use serde::{Deserialize, Serialize};

/// Somebody who must be screened before a company can be formed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Party {
    /// The company under its legal name, written `company`.
    Company,
    /// A director or owner, written `person:<id>`.
    Person(PersonId),
}

/// The outcome of comparing a party with the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScreeningVerdict {
    /// No listed name is close.
    Clear,
    /// A person has to look at the hits.
    Review,
    /// A listed name matches, or no list could be trusted.
    Block,
}

impl ScreeningVerdict {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Review => "review",
            Self::Block => "block",
        }
    }
}

/// What a reviewer found after looking at the hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The party is somebody else.
    FalsePositive,
    /// The party is the listed one.
    TrueMatch,
}

/// A reviewer's finding on the hits of one screening.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HitReview {
    /// What was found.
    pub finding: Finding,
    /// By whom.
    pub by: ActorId,
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub at_ms: i64,
}

/// One list that was searched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListVersion {
    /// Name, such as `ofac-sdn`.
    pub name: String,
    /// The publisher's version or date.
    pub version: String,
    /// Digest over all entries.
    pub digest: Digest,
}

/// The outcome of screening one party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScreeningFact {
    /// Who was screened.
    pub party: Party,
    /// Digest of what was screened: the party's digest in the register.
    pub subject: Digest,
    /// The outcome, with what reviewers decided on single hits taken into account: once every hit is
    /// dismissed it is clear, and a list that cannot be trusted blocks whatever they decide.
    pub verdict: ScreeningVerdict,
    /// A reviewer's finding, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<HitReview>,
    /// The lists that were searched. None means that nothing was screened.
    pub lists: Vec<ListVersion>,
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub screened_at_ms: i64,
    /// Digest of the full record of the screening.
    pub record: Digest,
}

/// Where a party stands, once everything known is taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Cleared by the lists or by a reviewer.
    Cleared,
    /// Never screened, screened as somebody else, or screened on no list.
    Unscreened,
    /// Screened too long ago.
    Stale,
    /// Waiting for a reviewer.
    UnderReview,
    /// Matched, by the lists or by a reviewer.
    Blocked,
}

/// The lists to search and the thresholds that a zone asks for, as screening takes them.
pub fn policy(zone: &ScreeningPolicy) -> sanctions::Policy {
    let required = |list: &PackItemId| RequiredList {
        name: list.to_string(),
        age_days_max: zone.list_age_max_days,
    };
    sanctions::Policy {
        required: zone.lists.iter().map(required).collect(),
        review_bp: zone.review_from_bps.into(),
        block_bp: zone.block_from_bps.into(),
    }
}

impl ScreeningFact {
    /// What the register keeps of `screening`, which screened the party whose digest in the register
    /// is `subject`.
    ///
    /// The record's digest is salted with the party's salt: a screening follows from the name and
    /// the published lists, so that a plain digest could be found by guessing names.
    pub fn of(
        party: Party,
        subject: Digest,
        salt: &Salt,
        screening: &Screening,
    ) -> Result<Self, CanonicalError> {
        let list = |used: &ListUse| ListVersion {
            name: used.name.clone(),
            version: used.version.clone(),
            digest: used.digest,
        };
        let mut bytes = salt.as_bytes().to_vec();
        bytes.extend(to_vec_of(screening)?);
        Ok(Self {
            party,
            subject,
            verdict: screening.verdict.into(),
            review: None,
            lists: screening.lists.iter().map(list).collect(),
            screened_at_ms: screening.as_of.as_millisecond(),
            record: Digest::of(Purpose::Screening, &bytes),
        })
    }

    /// The standing at `now_ms` of the party whose digest in the register is `subject`, when a
    /// screening counts for `age_max_ms`. A screening dated in the future does not count.
    pub fn standing(&self, subject: &Digest, now_ms: i64, age_max_ms: i64) -> Standing {
        let age_ms = now_ms.saturating_sub(self.screened_at_ms);
        if self.subject != *subject || self.lists.is_empty() || age_ms < 0 {
            return Standing::Unscreened;
        }
        match (
            self.verdict,
            self.review.as_ref().map(|review| review.finding),
        ) {
            (ScreeningVerdict::Block, _) | (_, Some(Finding::TrueMatch)) => Standing::Blocked,
            _ if age_ms > age_max_ms => Standing::Stale,
            (ScreeningVerdict::Clear, None)
            | (ScreeningVerdict::Clear | ScreeningVerdict::Review, Some(Finding::FalsePositive)) => {
                Standing::Cleared
            }
            (ScreeningVerdict::Review, None) => Standing::UnderReview,
        }
    }
}

impl From<Verdict> for ScreeningVerdict {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Clear => Self::Clear,
            Verdict::Review => Self::Review,
            Verdict::Block => Self::Block,
        }
    }
}

impl From<sanctions::Finding> for Finding {
    fn from(finding: sanctions::Finding) -> Self {
        match finding {
            sanctions::Finding::FalsePositive => Self::FalsePositive,
            sanctions::Finding::TrueMatch => Self::TrueMatch,
        }
    }
}

impl Standing {
    /// The text form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cleared => "cleared",
            Self::Unscreened => "unscreened",
            Self::Stale => "stale",
            Self::UnderReview => "under_review",
            Self::Blocked => "blocked",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Company => f.write_str("company"),
            Self::Person(person) => write!(f, "person:{person}"),
        }
    }
}

impl FromStr for Party {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match (text, text.strip_prefix("person:")) {
            ("company", _) => Ok(Self::Company),
            (_, Some(person)) => person.parse().map(Self::Person),
            (_, None) => Err(InvalidId {
                what: "a party",
                rule: "`company`, or `person:` and a person id",
                text: text.to_owned(),
            }),
        }
    }
}

impl TryFrom<String> for Party {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<Party> for String {
    fn from(party: Party) -> Self {
        party.to_string()
    }
}
