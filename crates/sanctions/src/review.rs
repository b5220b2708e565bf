//! What reviewers decide on hits, and how long it holds.

use evidence::digest::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::screen::{Hit, Screening};

/// What a reviewer found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The subject is the listed party.
    TrueMatch,
    /// The subject is somebody else.
    FalsePositive,
}

/// A reviewer's finding on one subject and one entry, as both were at the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// The digest of the subject that was screened.
    pub subject: Digest,
    /// The list of the entry.
    pub list: String,
    /// The entry's identifier there.
    pub entry_id: String,
    /// The digest of the entry that was seen.
    pub entry: Digest,
    /// What was found.
    pub finding: Finding,
    /// Who found it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl Decision {
    /// Whether it is about this pair, and neither side has changed since.
    pub fn holds_for(&self, subject: Digest, hit: &Hit) -> bool {
        self.subject == subject
            && self.list == hit.list
            && self.entry_id == hit.entry_id
            && self.entry == hit.entry
    }
}

impl Screening {
    /// The same screening in the light of reviewers' decisions; the latest one on a hit counts,
    /// and decisions on an earlier state of either side do not.
    pub fn reviewed(mut self, decisions: &[Decision]) -> Self {
        let subject = self.subject;
        for hit in &mut self.hits {
            let holding = decisions.iter().filter(|d| d.holds_for(subject, hit));
            hit.finding = holding.max_by_key(|d| d.at).map(|d| d.finding);
        }
        self.conclude();
        self
    }
}
