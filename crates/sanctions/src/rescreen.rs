//! What another version of the lists changes: entries, verdicts, decisions that no longer hold.

use std::collections::{BTreeMap, BTreeSet};

use evidence::digest::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Decision, Hit, List, Lists, Policy, Reason, Screening, Subject, Verdict, screen::screen,
};

/// What changed between two sets of lists, for everybody screened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RescreenReport {
    /// When.
    pub as_of: Timestamp,
    /// The lists that changed.
    pub lists: Vec<ListDelta>,
    /// How many subjects were screened.
    pub screened: u64,
    /// Those for whom something changed, in the order given.
    pub changes: Vec<VerdictChange>,
}

/// How a list changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListDelta {
    /// Its name.
    pub name: String,
    /// Version and digest before; none if it was not there.
    pub before: Option<(String, Digest)>,
    /// Version and digest after; none if it is gone.
    pub after: Option<(String, Digest)>,
    /// Which entries changed.
    pub entries: EntryDelta,
}

/// Identifiers of entries, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryDelta {
    /// Only in the later version.
    pub added: Vec<String>,
    /// Only in the earlier version.
    pub removed: Vec<String>,
    /// In both, with different content.
    pub changed: Vec<String>,
}

/// How the answer for one subject changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictChange {
    /// The caller's name for the subject.
    pub id: String,
    /// The verdict on the earlier lists.
    pub before: Verdict,
    /// The verdict on the later lists.
    pub after: Verdict,
    /// Reasons that hold only now.
    pub gained: Vec<Reason>,
    /// Reasons that no longer hold.
    pub lost: Vec<Reason>,
    /// Entries whose change ended a reviewer's decision: list and identifier.
    pub expired: Vec<(String, String)>,
}

/// Screens every subject against both sets of lists and reports the differences.
///
/// Both screenings are as of the same time, so that a difference comes from the lists alone.
pub fn rescreen<'a>(
    before: &Lists,
    after: &Lists,
    subjects: impl IntoIterator<Item = (&'a str, &'a Subject)>,
    decisions: &[Decision],
    as_of: Timestamp,
    policy: &Policy,
) -> RescreenReport {
    let by_subject = by_subject(decisions);
    let mut report = RescreenReport {
        as_of,
        lists: list_deltas(before, after),
        screened: 0,
        changes: vec![],
    };
    for (id, subject) in subjects {
        report.screened += 1;
        let known = by_subject
            .get(&subject.digest())
            .map_or(&[][..], Vec::as_slice);
        let was = screen(subject, before, as_of, policy).reviewed(known);
        let is = screen(subject, after, as_of, policy).reviewed(known);
        report.changes.extend(change(id, &was, &is));
    }
    report
}

fn by_subject(decisions: &[Decision]) -> BTreeMap<Digest, Vec<Decision>> {
    let mut out: BTreeMap<Digest, Vec<Decision>> = BTreeMap::new();
    for decision in decisions {
        out.entry(decision.subject)
            .or_default()
            .push(decision.clone());
    }
    out
}

fn change(id: &str, was: &Screening, is: &Screening) -> Option<VerdictChange> {
    let only = |a: &Screening, b: &Screening| -> Vec<Reason> {
        a.reasons
            .iter()
            .filter(|reason| !b.reasons.contains(reason))
            .cloned()
            .collect()
    };
    let change = VerdictChange {
        id: id.to_owned(),
        before: was.verdict,
        after: is.verdict,
        gained: only(is, was),
        lost: only(was, is),
        expired: expired(was, is),
    };
    let same = change.before == change.after && change.gained.is_empty() && change.lost.is_empty();
    (!same).then_some(change)
}

fn expired(was: &Screening, is: &Screening) -> Vec<(String, String)> {
    let undecided = |hit: &&Hit| {
        let same = |h: &&Hit| h.list == hit.list && h.entry_id == hit.entry_id;
        is.hits
            .iter()
            .find(same)
            .is_some_and(|now| now.finding.is_none())
    };
    was.hits
        .iter()
        .filter(|hit| hit.finding.is_some())
        .filter(undecided)
        .map(|hit| (hit.list.clone(), hit.entry_id.clone()))
        .collect()
}

fn list_deltas(before: &Lists, after: &Lists) -> Vec<ListDelta> {
    let names: BTreeSet<&str> = before
        .iter()
        .chain(after.iter())
        .map(|list| list.list().header().name.as_str())
        .collect();
    names
        .into_iter()
        .filter_map(|name| {
            let old = before.find(name).map(|list| list.list());
            let new = after.find(name).map(|list| list.list());
            let version = |l: &List| (l.header().version.clone(), l.digest());
            let delta = ListDelta {
                name: name.to_owned(),
                before: old.map(version),
                after: new.map(version),
                entries: entry_delta(old, new),
            };
            (delta.before != delta.after).then_some(delta)
        })
        .collect()
}

/// Which entries differ between two versions of a list.
pub fn entry_delta(old: Option<&List>, new: Option<&List>) -> EntryDelta {
    let digests = |list: Option<&List>| -> BTreeMap<String, Digest> {
        let entries = list.map_or(&[][..], List::entries);
        entries
            .iter()
            .map(|entry| (entry.id.clone(), entry.digest()))
            .collect()
    };
    let (old, new) = (digests(old), digests(new));
    EntryDelta {
        added: new
            .keys()
            .filter(|id| !old.contains_key(*id))
            .cloned()
            .collect(),
        removed: old
            .keys()
            .filter(|id| !new.contains_key(*id))
            .cloned()
            .collect(),
        changed: new
            .iter()
            .filter(|(id, digest)| old.get(*id).is_some_and(|was| was != *digest))
            .map(|(id, _)| id.clone())
            .collect(),
    }
}
