//! Reading a pack, and finding everything that is wrong with it.

use std::collections::BTreeSet;
use std::fmt;

use cedar_policy::{PolicySet, ValidationMode, Validator};
use ids::PackItemId;
use serde::de::DeserializeOwned;

use super::{Pack, PackFiles, PackManifest, Register};
use crate::compliance::RuleError;
use crate::compliance::rule::{Period, Rule};
use crate::yaml::{self, YamlError};

/// One thing that is wrong with a pack.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// A file that every pack has is not there.
    #[error("{path}: the file is missing")]
    FileMissing {
        /// Which.
        path: &'static str,
    },
    /// A file is not what it should be.
    #[error("{path}: {error}")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        #[source]
        error: YamlError,
    },
    /// A file of rules is not text.
    #[error("{path}: the file is not UTF-8")]
    NotUtf8 {
        /// Which.
        path: String,
    },
    /// A file of rules is not Cedar, or does not fit the vocabulary.
    #[error("{path}: {detail}")]
    NotCedar {
        /// Which.
        path: String,
        /// What Cedar says.
        detail: String,
    },
    /// A policy is not a rule.
    #[error("{path}: policy {policy}: {error}")]
    NotARule {
        /// Which file.
        path: String,
        /// Which policy: its `@id`, or its number in the file.
        policy: String,
        /// Why.
        #[source]
        error: RuleError,
    },
    /// A file lies where no pack has one.
    #[error("{path}: no pack has a file there")]
    StrayFile {
        /// Which.
        path: String,
    },
    /// Two things of one sort have one id.
    #[error("there are two of {sort} {id}")]
    Duplicate {
        /// What they are.
        sort: Sort,
        /// Their id.
        id: PackItemId,
    },
    /// Something names something that is not there.
    #[error("{from_sort} {from} names {to_sort} {to}, which the pack does not have")]
    Dangling {
        /// What names it.
        from_sort: Sort,
        /// Its id.
        from: PackItemId,
        /// What it names.
        to_sort: Sort,
        /// The id that is not there.
        to: PackItemId,
    },
    /// A period ends before it begins.
    #[error("{sort} {id} ends before it begins")]
    EmptyPeriod {
        /// What it is the period of.
        sort: Sort,
        /// Its id.
        id: PackItemId,
    },
}

/// What can have an id in a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Sort {
    Pack,
    Source,
    Regulator,
    EntityType,
    Activity,
    Licence,
    Fee,
    EvidenceKind,
    Rule,
}

impl Pack {
    /// Reads a pack from its files. Every problem is listed, not only the first.
    pub fn load(files: &PackFiles) -> Result<Self, Vec<PackError>> {
        let mut errors = Vec::new();
        check_places(files, &mut errors);
        let manifest: Option<PackManifest> = required(files, "pack.yaml", &mut errors);
        let regulators = optional(files, "regulators.yaml", &mut errors);
        let register: Register = optional(files, "register.yaml", &mut errors);
        let evidence_kinds = optional(files, "evidence.yaml", &mut errors);
        let Some(manifest) = manifest else {
            return Err(errors);
        };
        let period = Period {
            from: Some(manifest.effective_from),
            to: manifest.effective_to,
        };
        let rules = read_rules(files, period, &mut errors);
        let digest = files.digests().total;
        let pack = Self {
            manifest,
            regulators,
            register,
            evidence_kinds,
            rules,
            digest,
        };
        pack.check_references(&mut errors);
        pack.check_periods(&mut errors);
        if errors.is_empty() {
            Ok(pack)
        } else {
            Err(errors)
        }
    }

    fn check_references(&self, errors: &mut Vec<PackError>) {
        let Register {
            entity_types,
            activities,
            licences,
            fees,
        } = &self.register;
        let sources = ids(
            Sort::Source,
            self.manifest.sources.iter().map(|s| &s.id),
            errors,
        );
        let regulators = ids(
            Sort::Regulator,
            self.regulators.iter().map(|r| &r.id),
            errors,
        );
        let rules = ids(Sort::Rule, self.rules.iter().map(|r| &r.id), errors);
        let licence_ids = ids(Sort::Licence, licences.iter().map(|l| &l.id), errors);
        ids(Sort::EntityType, entity_types.iter().map(|t| &t.id), errors);
        ids(Sort::Activity, activities.iter().map(|a| &a.id), errors);
        ids(Sort::Fee, fees.iter().map(|f| &f.id), errors);
        ids(
            Sort::EvidenceKind,
            self.evidence_kinds.iter().map(|k| &k.id),
            errors,
        );
        let mut check = |from_sort, from: &PackItemId, to_sort, to: &PackItemId| {
            let known = match to_sort {
                Sort::Source => &sources,
                Sort::Regulator => &regulators,
                Sort::Licence => &licence_ids,
                _ => &rules,
            };
            if !known.contains(to) {
                let (from, to) = (from.clone(), to.clone());
                errors.push(PackError::Dangling {
                    from_sort,
                    from,
                    to_sort,
                    to,
                });
            }
        };
        for regulator in &self.regulators {
            if let Some(parent) = &regulator.parent {
                check(Sort::Regulator, &regulator.id, Sort::Regulator, parent);
            }
        }
        for entity_type in entity_types {
            check(
                Sort::EntityType,
                &entity_type.id,
                Sort::Regulator,
                &entity_type.regulator,
            );
            check(
                Sort::EntityType,
                &entity_type.id,
                Sort::Source,
                &entity_type.source,
            );
            for rule in &entity_type.rules {
                check(Sort::EntityType, &entity_type.id, Sort::Rule, rule);
            }
        }
        for activity in activities {
            if let Some(licence) = &activity.licence {
                check(Sort::Activity, &activity.id, Sort::Licence, licence);
            }
        }
        for licence in licences {
            check(
                Sort::Licence,
                &licence.id,
                Sort::Regulator,
                &licence.regulator,
            );
            check(Sort::Licence, &licence.id, Sort::Source, &licence.source);
        }
        for fee in fees {
            check(Sort::Fee, &fee.id, Sort::Regulator, &fee.regulator);
            check(Sort::Fee, &fee.id, Sort::Source, &fee.source);
        }
        for kind in &self.evidence_kinds {
            check(
                Sort::EvidenceKind,
                &kind.id,
                Sort::Regulator,
                &kind.regulator,
            );
        }
        for rule in &self.rules {
            check(Sort::Rule, &rule.id, Sort::Source, &rule.source);
        }
    }

    fn check_periods(&self, errors: &mut Vec<PackError>) {
        let is_empty = |from, to| matches!((from, to), (Some(from), Some(to)) if to <= from);
        if is_empty(
            Some(self.manifest.effective_from),
            self.manifest.effective_to,
        ) {
            errors.push(PackError::EmptyPeriod {
                sort: Sort::Pack,
                id: self.manifest.id.clone(),
            });
        }
        for rule in self
            .rules
            .iter()
            .filter(|r| is_empty(r.effective.from, r.effective.to))
        {
            errors.push(PackError::EmptyPeriod {
                sort: Sort::Rule,
                id: rule.id.clone(),
            });
        }
    }
}

fn check_places(files: &PackFiles, errors: &mut Vec<PackError>) {
    let is_placed = |path: &str| match path.split_once('/') {
        None => {
            matches!(
                path,
                "pack.yaml" | "regulators.yaml" | "register.yaml" | "evidence.yaml"
            ) || path.ends_with(".md")
        }
        Some(("policies", name)) => name.ends_with(".cedar"),
        Some(("tests", name)) => name.ends_with(".yaml"),
        Some(("texts", name)) => name.ends_with(".xml"),
        Some(_) => false,
    };
    let stray = files
        .iter()
        .filter(|(path, _)| !is_placed(path.as_str()) || path.as_str().matches('/').count() > 1);
    errors.extend(stray.map(|(path, _)| PackError::StrayFile {
        path: path.to_string(),
    }));
}

fn required<T: DeserializeOwned>(
    files: &PackFiles,
    path: &'static str,
    errors: &mut Vec<PackError>,
) -> Option<T> {
    let Some(bytes) = files.get(path) else {
        errors.push(PackError::FileMissing { path });
        return None;
    };
    let read = yaml::from_slice(bytes);
    read.map_err(|error| {
        errors.push(PackError::Unreadable {
            path: path.to_owned(),
            error,
        })
    })
    .ok()
}

fn optional<T: DeserializeOwned + Default>(
    files: &PackFiles,
    path: &'static str,
    errors: &mut Vec<PackError>,
) -> T {
    match files.get(path) {
        Some(_) => required(files, path, errors).unwrap_or_default(),
        None => T::default(),
    }
}

fn ids<'a>(
    sort: Sort,
    items: impl Iterator<Item = &'a PackItemId>,
    errors: &mut Vec<PackError>,
) -> BTreeSet<PackItemId> {
    let mut seen = BTreeSet::new();
    for id in items {
        if !seen.insert(id.clone()) {
            errors.push(PackError::Duplicate {
                sort,
                id: id.clone(),
            });
        }
    }
    seen
}

fn read_rules(files: &PackFiles, default: Period, errors: &mut Vec<PackError>) -> Vec<Rule> {
    let mut rules = Vec::new();
    for (path, bytes) in files.in_folder("policies", ".cedar") {
        match read_policies(path.as_str(), bytes) {
            Ok(policies) => {
                for policy in policies.policies() {
                    let id = policy
                        .annotation("id")
                        .map_or(policy.id().to_string(), str::to_owned);
                    match Rule::read(policy, default) {
                        Ok(rule) => rules.push(rule),
                        Err(error) => errors.push(PackError::NotARule {
                            path: path.to_string(),
                            policy: id,
                            error,
                        }),
                    }
                }
            }
            Err(error) => errors.push(error),
        }
    }
    rules.sort_by(|a, b| a.id.cmp(&b.id));
    rules
}

/// Parses a file of policies and validates them strictly against the vocabulary: an unknown fact, a
/// wrong type or a comparison that cannot hold is refused when the pack is read, not when it is used.
fn read_policies(path: &str, bytes: &[u8]) -> Result<PolicySet, PackError> {
    let path = || path.to_owned();
    let text = std::str::from_utf8(bytes).map_err(|_| PackError::NotUtf8 { path: path() })?;
    let not_cedar = |detail| PackError::NotCedar {
        path: path(),
        detail,
    };
    let policies: PolicySet = text
        .parse()
        .map_err(|error: cedar_policy::ParseErrors| not_cedar(error.to_string()))?;
    let result =
        Validator::new(crate::compliance::schema()).validate(&policies, ValidationMode::Strict);
    let problems: Vec<String> = result
        .validation_errors()
        .map(ToString::to_string)
        .chain(result.validation_warnings().map(ToString::to_string))
        .collect();
    if problems.is_empty() {
        Ok(policies)
    } else {
        Err(not_cedar(problems.join("; ")))
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pack => "pack",
            Self::Source => "source",
            Self::Regulator => "regulator",
            Self::EntityType => "entity type",
            Self::Activity => "activity",
            Self::Licence => "licence",
            Self::Fee => "fee",
            Self::EvidenceKind => "evidence kind",
            Self::Rule => "rule",
        })
    }
}
