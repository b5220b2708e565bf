//! The cases of a pack: given facts and evidence as of a day, each rule must say what is expected.

use std::collections::{BTreeMap, BTreeSet};

use evidence::digest::{Digest, Purpose};
use ids::{EntityId, JurisdictionId, PackItemId, PersonId, Salt};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::{Pack, PackFiles};
use crate::compliance::{
    Domain, EvaluationRequest, EvidenceSubject, Facts, Operation, Rulebook, ScreeningCounts, State,
    VerifiedEvidence,
};
use crate::yaml::{self, YamlError};

/// Why the cases of a pack cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CasesError {
    /// A file of cases is not what it should be.
    #[error("{path}: {error}")]
    Unreadable {
        /// Which.
        path: String,
        /// Why.
        #[source]
        error: YamlError,
    },
    /// A rule has no case in which it decides: nobody would notice if it were wrong.
    #[error("rule {rule} decides in no case")]
    RuleUntested {
        /// Which.
        rule: String,
    },
    /// A case speaks of an evidence kind that the pack does not have.
    #[error("{path}: case `{case}` names evidence {kind}, which the pack does not have")]
    UnknownEvidence {
        /// The file.
        path: String,
        /// The case.
        case: String,
        /// The kind.
        kind: PackItemId,
    },
}

/// What came of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseOutcome {
    /// The file.
    pub path: String,
    /// The case.
    pub case: String,
    /// What differs from what was expected; empty if the case holds.
    pub failures: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseFile {
    #[serde(default)]
    facts: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    evidence: CaseEvidence,
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    case: String,
    as_of: Date,
    #[serde(default)]
    jurisdiction: Option<JurisdictionId>,
    #[serde(default)]
    facts: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    evidence: Option<CaseEvidence>,
    expect: BTreeMap<Domain, Expectation>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseEvidence {
    #[serde(default)]
    subject: BTreeSet<PackItemId>,
    #[serde(default)]
    every_person: BTreeSet<PackItemId>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectation {
    state: State,
    #[serde(default)]
    rules: BTreeSet<PackItemId>,
}

/// Runs every case in `tests/*.yaml`. A rule that decides in no case is an error of its own.
pub fn run_tests(files: &PackFiles, pack: &Pack) -> Result<Vec<CaseOutcome>, Vec<CasesError>> {
    let rulebook = Rulebook::new(vec![pack.clone()]).expect("one pack cannot be given twice");
    let mut run = Run {
        pack,
        rulebook,
        outcomes: vec![],
        errors: vec![],
        decided: BTreeSet::new(),
    };
    for (path, bytes) in files.in_folder("tests", ".yaml") {
        match yaml::from_slice::<CaseFile>(bytes) {
            Ok(file) => run.file(path.as_str(), &file),
            Err(error) => {
                run.errors.push(CasesError::Unreadable {
                    path: path.to_string(),
                    error,
                });
            }
        }
    }
    run.finish()
}

struct Run<'a> {
    pack: &'a Pack,
    rulebook: Rulebook,
    outcomes: Vec<CaseOutcome>,
    errors: Vec<CasesError>,
    decided: BTreeSet<String>,
}

impl Run<'_> {
    fn file(&mut self, path: &str, file: &CaseFile) {
        for case in &file.cases {
            let failures = match self.judge(path, file, case) {
                Ok(failures) => failures,
                Err(detail) => vec![detail],
            };
            let case = case.case.clone();
            self.outcomes.push(CaseOutcome {
                path: path.to_owned(),
                case,
                failures,
            });
        }
    }

    fn judge(&mut self, path: &str, file: &CaseFile, case: &Case) -> Result<Vec<String>, String> {
        let facts = case_facts(file, case)?;
        let midnight = case
            .as_of
            .to_zoned(TimeZone::UTC)
            .map_err(|error| error.to_string())?;
        let as_of_ms = midnight.timestamp().as_millisecond();
        let held = case.evidence.as_ref().unwrap_or(&file.evidence);
        let subject: EntityId = "case".parse().expect("a constant id is valid");
        let evidence = self.evidence(path, case, held, &facts, &subject, as_of_ms);
        let own = &self.pack.manifest().jurisdiction;
        let request = EvaluationRequest {
            subject: &subject,
            jurisdiction: case.jurisdiction.as_ref().unwrap_or(own),
            as_of_ms,
            facts: &facts,
            evidence: &evidence,
            gates: facts.operation.gates(),
            salt: Salt::new([0; 32]),
        };
        let evaluation = self
            .rulebook
            .evaluate(&request)
            .map_err(|error| error.to_string())?;
        let mut failures = vec![];
        for (domain, expected) in &case.expect {
            let result = &evaluation.domains()[domain];
            let prefix = format!("{}/", self.pack.id());
            let named: BTreeSet<&str> = result
                .reasons
                .iter()
                .filter_map(|r| r.rule.strip_prefix(&prefix))
                .collect();
            if result.state != expected.state {
                failures.push(format!(
                    "{domain} is {}, expected {}; reasons: {named:?}",
                    result.state, expected.state
                ));
            }
            for rule in expected
                .rules
                .iter()
                .filter(|rule| !named.contains(rule.as_str()))
            {
                failures.push(format!(
                    "{domain} is not reasoned by {rule}, but by {named:?}"
                ));
            }
            self.decided
                .extend(expected.rules.iter().map(ToString::to_string));
        }
        Ok(failures)
    }

    /// Evidence as if it had been verified: cases test rules, not signatures.
    fn evidence(
        &mut self,
        path: &str,
        case: &Case,
        held: &CaseEvidence,
        facts: &Facts,
        subject: &EntityId,
        as_of_ms: i64,
    ) -> Vec<VerifiedEvidence> {
        let about_subject = held
            .subject
            .iter()
            .map(|kind| (kind, EvidenceSubject::Entity(subject.clone())));
        let about_persons = held.every_person.iter().flat_map(|kind| {
            facts
                .persons
                .iter()
                .map(move |person| (kind, EvidenceSubject::Person(person.clone())))
        });
        let mut verified = vec![];
        for (kind, subject) in about_subject.chain(about_persons) {
            let Some(known) = self
                .pack
                .evidence_kinds()
                .iter()
                .find(|known| known.id == *kind)
            else {
                let (path, case) = (path.to_owned(), case.case.clone());
                self.errors.push(CasesError::UnknownEvidence {
                    path,
                    case,
                    kind: kind.clone(),
                });
                continue;
            };
            let digest = Digest::of(Purpose::Evidence, kind.as_str().as_bytes());
            verified.push(VerifiedEvidence::supposed(known, subject, digest, as_of_ms));
        }
        verified
    }

    fn finish(mut self) -> Result<Vec<CaseOutcome>, Vec<CasesError>> {
        let untested = self
            .pack
            .rules()
            .iter()
            .filter(|r| !self.decided.contains(r.id.as_str()));
        let untested = untested.map(|rule| CasesError::RuleUntested {
            rule: rule.id.to_string(),
        });
        self.errors.extend(untested);
        if self.errors.is_empty() {
            Ok(self.outcomes)
        } else {
            Err(self.errors)
        }
    }
}

/// The facts of a case: its own over those of the file over a private company of two adults, all
/// identified and cleared.
fn case_facts(file: &CaseFile, case: &Case) -> Result<Facts, String> {
    let mut facts = serde_json::to_value(ordinary_facts()).map_err(|error| error.to_string())?;
    for (name, value) in file.facts.iter().chain(&case.facts) {
        match value {
            serde_json::Value::Null => {
                facts.as_object_mut().and_then(|object| object.remove(name));
            }
            value => facts[name] = value.clone(),
        }
    }
    serde_json::from_value(facts).map_err(|error| format!("the facts do not read: {error}"))
}

fn ordinary_facts() -> Facts {
    let person = |id: &str| id.parse::<PersonId>().expect("a constant id is valid");
    Facts {
        operation: Operation::EntityFormation,
        entity_type: "private-limited".parse().expect("a constant id is valid"),
        legal_name: "Ordinary Trading (Private) Limited".to_owned(),
        activities: ["general-trading".parse().expect("a constant id is valid")].into(),
        persons: [person("first"), person("second")].into(),
        directors: 2,
        owners: 2,
        disclosed_bps: 10_000,
        largest_unidentified_share_bps: 0,
        unidentified_directors: 0,
        youngest_director_age: Some(40),
        screening: ScreeningCounts {
            parties: 3,
            cleared: 3,
            lists: ["example@1".to_owned()].into(),
            ..ScreeningCounts::default()
        },
    }
}
