//! What changed between two versions of a pack, for a person to review.

use std::collections::{BTreeMap, BTreeSet};

use ids::PackItemId;
use serde::Serialize;

use super::{Pack, PackFiles, PackPath};

/// One change from an older to a newer version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// A file was added.
    FileAdded {
        /// Which.
        path: PackPath,
    },
    /// A file was removed.
    FileRemoved {
        /// Which.
        path: PackPath,
    },
    /// A file has other bytes.
    FileChanged {
        /// Which.
        path: PackPath,
    },
    /// A rule was added.
    RuleAdded {
        /// Which.
        rule: PackItemId,
    },
    /// A rule was removed.
    RuleRemoved {
        /// Which.
        rule: PackItemId,
    },
    /// A rule says something else, or cites something else, or holds at other times.
    RuleChanged {
        /// Which.
        rule: PackItemId,
    },
}

/// The changes from `older` to `newer`: files first, then rules, each by name.
pub fn diff(older: (&PackFiles, &Pack), newer: (&PackFiles, &Pack)) -> Vec<Change> {
    let files = |files: &PackFiles| files.digests().files;
    let file_changes = compare(
        &files(older.0),
        &files(newer.0),
        |path| Change::FileAdded { path },
        |path| Change::FileRemoved { path },
        |path| Change::FileChanged { path },
    );
    let rules = |pack: &Pack| -> BTreeMap<PackItemId, _> {
        pack.rules()
            .iter()
            .map(|rule| (rule.id.clone(), rule.clone()))
            .collect()
    };
    let rule_changes = compare(
        &rules(older.1),
        &rules(newer.1),
        |rule| Change::RuleAdded { rule },
        |rule| Change::RuleRemoved { rule },
        |rule| Change::RuleChanged { rule },
    );
    file_changes.into_iter().chain(rule_changes).collect()
}

fn compare<K: Ord + Clone, V: PartialEq>(
    older: &BTreeMap<K, V>,
    newer: &BTreeMap<K, V>,
    added: impl Fn(K) -> Change,
    removed: impl Fn(K) -> Change,
    changed: impl Fn(K) -> Change,
) -> Vec<Change> {
    let keys: BTreeSet<&K> = older.keys().chain(newer.keys()).collect();
    let change = |key: &K| match (older.get(key), newer.get(key)) {
        (Some(old), Some(new)) if old == new => None,
        (Some(_), Some(_)) => Some(changed(key.clone())),
        (None, _) => Some(added(key.clone())),
        (_, None) => Some(removed(key.clone())),
    };
    keys.into_iter().filter_map(change).collect()
}
