//! One subject against all lists: verdict, hits, reasons, and which lists were used.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use evidence::{
    canonical,
    digest::{Digest, Purpose},
};
use jiff::{Timestamp, Unit, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::{
    BLOCK_BP, BasisPoints, BirthDate, Feature, FeatureKind, Identifier, List, NameQuality,
    PartyKind, REVIEW_BP,
    index::{Found, Index},
    list::Entry,
    review::Finding,
};

/// Who is screened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Every name they go by, in any script; none where an identifier is asked for.
    pub names: Vec<String>,
    /// What they are.
    pub kind: PartyKind,
    /// Dates of birth, where known.
    #[serde(default)]
    pub births: Vec<BirthDate>,
    /// Document and registration numbers.
    #[serde(default)]
    pub identifiers: Vec<Identifier>,
    /// Nationality, residence or registration.
    #[serde(default)]
    pub countries: Vec<String>,
}

impl Subject {
    /// A subject of whom only a name is known.
    pub fn named(name: impl Into<String>, kind: PartyKind) -> Self {
        Self {
            names: vec![name.into()],
            kind,
            births: Vec::new(),
            identifiers: Vec::new(),
            countries: Vec::new(),
        }
    }

    /// Commits to everything that was screened.
    pub fn digest(&self) -> Digest {
        let bytes = canonical::to_vec_of(self).expect("a subject holds texts and small integers");
        Digest::of(Purpose::Screening, &bytes)
    }
}

/// Which lists must be searched, and what a score means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The lists without which nobody is clear; none at all blocks everybody.
    pub required: Vec<RequiredList>,
    /// The score from which a person looks at a hit.
    pub review_bp: BasisPoints,
    /// The score from which a hit blocks at once.
    pub block_bp: BasisPoints,
}

/// A list that must be searched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequiredList {
    /// Its name.
    pub name: String,
    /// Days after its publication from which it is stale.
    pub age_days_max: u32,
}

impl Policy {
    /// The measured thresholds, for the given lists.
    pub fn standard(required: Vec<RequiredList>) -> Self {
        Self {
            required,
            review_bp: REVIEW_BP,
            block_bp: BLOCK_BP,
        }
    }
}

/// A list prepared for search.
#[derive(Clone, Debug)]
pub struct IndexedList {
    list: List,
    index: Index,
    by_identifier: BTreeMap<String, Vec<usize>>,
}

impl IndexedList {
    /// Prepares the list; the work is proportional to its size.
    pub fn new(list: List) -> Self {
        let names = list
            .entries()
            .iter()
            .enumerate()
            .flat_map(|(number, entry)| {
                let names = entry.names.iter().enumerate();
                names.map(move |(i, name)| (number, i, entry.kind, name.text.as_str()))
            });
        let index = Index::new(names);
        let mut by_identifier: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (number, entry) in list.entries().iter().enumerate() {
            for identifier in &entry.identifiers {
                by_identifier
                    .entry(identifier.normal_value())
                    .or_default()
                    .push(number);
            }
        }
        Self {
            list,
            index,
            by_identifier,
        }
    }

    /// The list itself.
    pub fn list(&self) -> &List {
        &self.list
    }

    /// Entries that the subject may be, best first.
    pub fn search(&self, subject: &Subject, policy: &Policy) -> Vec<Hit> {
        let mut best: BTreeMap<usize, Hit> = BTreeMap::new();
        for name in &subject.names {
            for found in self.index.search(name, subject.kind, policy.review_bp) {
                let hit = self.name_hit(subject, name, found, policy);
                match best.get(&hit.0) {
                    Some(known) if known.score_bp >= hit.1.score_bp => {}
                    _ => drop(best.insert(hit.0, hit.1)),
                }
            }
        }
        for identifier in &subject.identifiers {
            let value = identifier.normal_value();
            let known = self.by_identifier.get(&value).into_iter().flatten();
            for &number in known.filter(|&&it| identifier.identifies(&self.list.entries()[it])) {
                let blank = || self.identifier_hit(subject, number);
                confirm_identifier(best.entry(number).or_insert_with(blank), &value);
            }
        }
        let mut hits: Vec<Hit> = best.into_values().collect();
        hits.sort_by(strongest_first);
        hits
    }

    fn name_hit(&self, s: &Subject, name: &str, found: Found, policy: &Policy) -> (usize, Hit) {
        let entry = &self.list.entries()[found.entry];
        let listed = &entry.names[found.name];
        let mut hit = self.blank_hit(entry, name, &listed.text);
        hit.name_score_bp = found.comparison.score_bp;
        hit.score_bp = found.comparison.score_bp;
        hit.features = found.comparison.features;
        support(&mut hit, s, entry);
        if listed.quality == NameQuality::Weak && hit.name_score_bp == hit.score_bp {
            // Its publisher does not vouch for the alias, so a person decides.
            hit.score_bp = hit.score_bp.min(policy.block_bp.saturating_sub(1));
        }
        (found.entry, hit)
    }

    fn identifier_hit(&self, subject: &Subject, number: usize) -> Hit {
        let entry = &self.list.entries()[number];
        let name = subject.names.first().map_or("", String::as_str);
        self.blank_hit(entry, name, &entry.names[0].text)
    }

    fn blank_hit(&self, entry: &Entry, query: &str, matched: &str) -> Hit {
        Hit {
            list: self.list.header().name.clone(),
            entry_id: entry.id.clone(),
            entry: entry.digest(),
            entry_name: entry.names[0].text.clone(),
            query_name: query.to_owned(),
            matched_name: matched.to_owned(),
            programs: entry.programs.clone(),
            score_bp: 0,
            name_score_bp: 0,
            features: Vec::new(),
            finding: None,
        }
    }
}

/// What an agreeing date of birth or country adds; what disagrees subtracts nothing.
const BIRTH_DATE_BP: BasisPoints = 500;
const BIRTH_YEAR_BP: BasisPoints = 200;
const COUNTRY_BP: BasisPoints = 100;

fn support(hit: &mut Hit, subject: &Subject, entry: &Entry) {
    let note = |kind, query: String, listed: String, weight| Feature {
        kind,
        query,
        listed,
        similarity_bp: if weight > 0 { 10_000 } else { 0 },
        weight,
    };
    let pairs = || {
        subject
            .births
            .iter()
            .flat_map(|a| entry.births.iter().map(move |b| (a, b)))
    };
    let agreed = pairs()
        .filter(|(a, b)| a.agrees_with(b))
        .max_by_key(|(a, b)| (a.is_exact() && b.is_exact(), **a, **b));
    if let Some((a, b)) = agreed {
        let exact = a.is_exact() && b.is_exact();
        hit.score_bp += if exact { BIRTH_DATE_BP } else { BIRTH_YEAR_BP };
        hit.features.push(note(
            FeatureKind::BirthDate,
            a.to_string(),
            b.to_string(),
            1,
        ));
    } else if let Some((a, b)) = pairs().next() {
        let kind = FeatureKind::BirthDateDiffers;
        hit.features
            .push(note(kind, a.to_string(), b.to_string(), 0));
    }
    let same = |a: &&String| entry.countries.iter().any(|b| b.eq_ignore_ascii_case(a));
    if let Some(country) = subject.countries.iter().find(same) {
        hit.score_bp += COUNTRY_BP;
        hit.features.push(note(
            FeatureKind::Country,
            country.clone(),
            country.clone(),
            1,
        ));
    }
    hit.score_bp = hit.score_bp.min(10_000);
}

/// The same number is the same party, whatever the name.
fn confirm_identifier(hit: &mut Hit, value: &str) {
    hit.score_bp = 10_000;
    hit.features.push(Feature {
        kind: FeatureKind::Identifier,
        query: value.to_owned(),
        listed: value.to_owned(),
        similarity_bp: 10_000,
        weight: 1,
    });
}

/// The lists at hand, and those whose import failed.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    loaded: BTreeMap<String, IndexedList>,
    proposed: BTreeMap<String, IndexedList>,
    failed: BTreeSet<String>,
}

impl Lists {
    /// Puts a list in place of its earlier version.
    pub fn insert(&mut self, list: IndexedList) {
        let name = list.list().header().name.clone();
        self.failed.remove(&name);
        self.loaded.insert(name, list);
    }

    /// Puts a version beside the list that it may replace: while nobody has confirmed it, both are searched.
    pub fn propose(&mut self, list: IndexedList) {
        let name = list.list().header().name.clone();
        self.proposed.insert(name, list);
    }

    /// Marks a list whose latest version could not be imported: until one can, it blocks.
    pub fn mark_failed(&mut self, name: impl Into<String>) {
        self.failed.insert(name.into());
    }

    /// The list of that name, whether or not it may be used.
    pub fn find(&self, name: &str) -> Option<&IndexedList> {
        self.loaded.get(name)
    }

    /// Every list, by name; not what is only proposed.
    pub fn iter(&self) -> impl Iterator<Item = &IndexedList> {
        self.loaded.values()
    }
}

/// What screening concludes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every required list was searched and nobody on them comes near.
    Clear,
    /// A person must look at the hits.
    Review,
    /// A listed party, or no trustworthy answer.
    Block,
}

/// A list as it was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListUse {
    /// Its name.
    pub name: String,
    /// The publisher's version.
    pub version: String,
    /// The day it was published.
    pub published: Date,
    /// The commitment to every entry.
    pub digest: Digest,
    /// Days since publication.
    pub age_days: i32,
}

/// Why the verdict is what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reason", deny_unknown_fields)]
pub enum Reason {
    /// The policy names no list.
    NoListRequired {},
    /// There is nothing legible to compare: neither a name nor, where no name is given, an identifier.
    NoLegibleName {},
    /// A required list is not at hand.
    ListMissing {
        /// Its name.
        list: String,
    },
    /// The latest version of a required list could not be imported.
    ListFailed {
        /// Its name.
        list: String,
    },
    /// A required list is older than the policy allows.
    ListStale {
        /// Its name.
        list: String,
        /// Days since publication.
        age_days: i32,
        /// Days allowed.
        age_days_max: u32,
    },
    /// A required list claims to be published after the screening.
    ListFromTheFuture {
        /// Its name.
        list: String,
    },
    /// A hit scores at least the policy's block threshold.
    StrongHit {
        /// The list.
        list: String,
        /// The entry.
        entry_id: String,
        /// Its score.
        score_bp: BasisPoints,
    },
    /// A hit waits for a reviewer.
    HitToReview {
        /// The list.
        list: String,
        /// The entry.
        entry_id: String,
        /// Its score.
        score_bp: BasisPoints,
    },
    /// A reviewer found the subject to be the listed party.
    ConfirmedMatch {
        /// The list.
        list: String,
        /// The entry.
        entry_id: String,
    },
    /// A reviewer found the subject to be somebody else.
    DismissedHit {
        /// The list.
        list: String,
        /// The entry.
        entry_id: String,
    },
}

/// A listed party that the subject may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hit {
    /// The list.
    pub list: String,
    /// The entry's identifier there.
    pub entry_id: String,
    /// The digest of the entry, so that a decision on it expires when it changes.
    pub entry: Digest,
    /// The entry's primary name.
    pub entry_name: String,
    /// The subject's name that was found.
    pub query_name: String,
    /// The listed name that it resembles.
    pub matched_name: String,
    /// Why the entry is listed.
    pub programs: Vec<String>,
    /// The score with the support of dates, countries and identifiers.
    pub score_bp: BasisPoints,
    /// The score of the name alone.
    pub name_score_bp: BasisPoints,
    /// What the score consists of.
    pub features: Vec<Feature>,
    /// What a reviewer found, while the decision holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<Finding>,
}

/// The result of screening one subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Screening {
    /// The conclusion.
    pub verdict: Verdict,
    /// Commits to what was screened.
    pub subject: Digest,
    /// When.
    pub as_of: Timestamp,
    /// What was required and from which score on.
    pub policy: Policy,
    /// What was searched.
    pub lists: Vec<ListUse>,
    /// Who came up, the strongest first within each list.
    pub hits: Vec<Hit>,
    /// Why, the gravest first.
    pub reasons: Vec<Reason>,
}

/// Screens a subject against every list, as of a time: those at hand, and what is proposed in place of one.
///
/// A required list that is missing, failed, stale or dated after `as_of` blocks; it is never taken to
/// say that nobody was found.
pub fn screen(subject: &Subject, lists: &Lists, as_of: Timestamp, policy: &Policy) -> Screening {
    let mut screening = Screening {
        verdict: Verdict::Clear,
        subject: subject.digest(),
        as_of,
        policy: policy.clone(),
        lists: Vec::new(),
        hits: Vec::new(),
        reasons: Vec::new(),
    };
    if policy.required.is_empty() {
        screening.reasons.push(Reason::NoListRequired {});
    }
    let legible = |name: &String| !super::name::readings(name, subject.kind).is_empty();
    let number = |it: &Identifier| !it.normal_value().is_empty();
    let is_asked_by_number = subject.names.is_empty() && subject.identifiers.iter().any(number);
    if !is_asked_by_number && !subject.names.iter().any(legible) {
        screening.reasons.push(Reason::NoLegibleName {});
    }
    for required in &policy.required {
        check_required(&mut screening, lists, required);
        search_all_of(&mut screening, subject, lists, &required.name);
    }
    let is_required = |name: &str| policy.required.iter().any(|it| it.name == name);
    for list in lists.failed.iter().filter(|name| !is_required(name)) {
        let list = list.clone();
        screening.reasons.push(Reason::ListFailed { list });
    }
    for name in lists.loaded.keys().filter(|name| !is_required(name)) {
        search_all_of(&mut screening, subject, lists, name);
    }
    screening.conclude();
    screening
}

/// Notes why a required list cannot be trusted, if it cannot.
fn check_required(out: &mut Screening, lists: &Lists, required: &RequiredList) {
    let list = required.name.clone();
    if lists.failed.contains(&list) {
        out.reasons.push(Reason::ListFailed { list: list.clone() });
    }
    let Some(indexed) = lists.find(&list) else {
        out.reasons.push(Reason::ListMissing { list });
        return;
    };
    let age_days = age_days(indexed.list().header().published, out.as_of);
    let age_days_max = required.age_days_max;
    if age_days < 0 {
        out.reasons.push(Reason::ListFromTheFuture { list });
    } else if i64::from(age_days) > i64::from(age_days_max) {
        out.reasons.push(Reason::ListStale {
            list,
            age_days,
            age_days_max,
        });
    }
}

/// Searches the versions of one list that are at hand. An entry that both have alike is one hit.
fn search_all_of(out: &mut Screening, subject: &Subject, lists: &Lists, name: &str) {
    let first = out.hits.len();
    let versions = lists.find(name).into_iter().chain(lists.proposed.get(name));
    for indexed in versions {
        let header = indexed.list().header();
        out.lists.push(ListUse {
            name: header.name.clone(),
            version: header.version.clone(),
            published: header.published,
            digest: indexed.list().digest(),
            age_days: age_days(header.published, out.as_of),
        });
        for hit in indexed.search(subject, &out.policy) {
            let same = |it: &Hit| it.entry_id == hit.entry_id && it.entry == hit.entry;
            if !out.hits[first..].iter().any(same) {
                out.hits.push(hit);
            }
        }
    }
    out.hits[first..].sort_by(strongest_first);
}

fn strongest_first(a: &Hit, b: &Hit) -> Ordering {
    let by_score = b.score_bp.cmp(&a.score_bp);
    by_score.then_with(|| a.entry_id.cmp(&b.entry_id))
}

fn age_days(published: Date, as_of: Timestamp) -> i32 {
    let today = as_of.to_zoned(TimeZone::UTC).date();
    let span = published
        .until((Unit::Day, today))
        .expect("two civil dates have a distance in days");
    span.get_days()
}

impl Screening {
    /// Sets the verdict and the reasons that follow from the hits and their findings.
    pub(super) fn conclude(&mut self) {
        self.reasons.retain(Reason::is_about_input);
        let mut verdict = match self.reasons.is_empty() {
            true => Verdict::Clear,
            false => Verdict::Block,
        };
        for hit in &self.hits {
            let (list, entry_id) = (hit.list.clone(), hit.entry_id.clone());
            let score_bp = hit.score_bp;
            let (concludes, reason) = match hit.finding {
                Some(Finding::TrueMatch) => {
                    (Verdict::Block, Reason::ConfirmedMatch { list, entry_id })
                }
                Some(Finding::FalsePositive) => {
                    (Verdict::Clear, Reason::DismissedHit { list, entry_id })
                }
                None if score_bp >= self.policy.block_bp => (
                    Verdict::Block,
                    Reason::StrongHit {
                        list,
                        entry_id,
                        score_bp,
                    },
                ),
                None => (
                    Verdict::Review,
                    Reason::HitToReview {
                        list,
                        entry_id,
                        score_bp,
                    },
                ),
            };
            verdict = verdict.max(concludes);
            self.reasons.push(reason);
        }
        self.verdict = verdict;
    }
}

impl Reason {
    fn is_about_input(&self) -> bool {
        match self {
            Self::NoListRequired {}
            | Self::NoLegibleName {}
            | Self::ListMissing { .. }
            | Self::ListFailed { .. }
            | Self::ListStale { .. }
            | Self::ListFromTheFuture { .. } => true,
            Self::StrongHit { .. }
            | Self::HitToReview { .. }
            | Self::ConfirmedMatch { .. }
            | Self::DismissedHit { .. } => false,
        }
    }
}
