//! A rule: one Cedar policy with the annotations that tie it to law.
//!
//! | annotation | meaning |
//! |---|---|
//! | `@id` | name in the pack; required |
//! | `@clause` | the clause that says so, such as `s. 154(1)(b)`; required |
//! | `@source` | id of a source in `pack.yaml`; required |
//! | `@text` | what the clause says, in plain words; required |
//! | `@requires` | what is missing when a `permit` does not hold; required for `permit` |
//! | `@state` | `permit`: `compliant` (default), `exempt`, `not_applicable`; `forbid`: `non_compliant` (default), `pending` |
//! | `@effective_from`, `@effective_to` | first day in force, first day no longer in force; default: those of the pack |

use std::str::FromStr;

use cedar_policy::{ActionConstraint, Effect, Policy, PolicyId};
use ids::PackItemId;
use jiff::civil::Date;

use super::{Domain, State};

/// A rule of a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) id: PackItemId,
    pub(crate) domains: Vec<Domain>,
    pub(crate) is_permit: bool,
    pub(crate) state: State,
    pub(crate) clause: String,
    pub(crate) source: PackItemId,
    pub(crate) text: String,
    pub(crate) requires: Option<String>,
    pub(crate) effective: Period,
    pub(crate) policy: Policy,
}

/// Days in force: from the first, up to but not including the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) from: Option<Date>,
    pub(crate) to: Option<Date>,
}

/// What is wrong with a policy as a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// An annotation is missing or blank.
    #[error("annotation @{annotation} is missing or blank")]
    AnnotationMissing {
        /// Which.
        annotation: &'static str,
    },
    /// An annotation that rules do not have.
    #[error("annotation @{annotation} is not one that rules have")]
    AnnotationUnknown {
        /// Which.
        annotation: String,
    },
    /// An annotation has a value outside its values.
    #[error("annotation @{annotation} cannot be `{value}`; expected {expected}")]
    AnnotationInvalid {
        /// Which.
        annotation: &'static str,
        /// Its value.
        value: String,
        /// What it can be.
        expected: &'static str,
    },
    /// The policy applies to every action.
    #[error("the policy names no compliance domain: write `action == Action::\"aml\"`")]
    NoDomain,
    /// The policy names an action that is no compliance domain.
    #[error("`{action}` is not a compliance domain")]
    UnknownDomain {
        /// Which.
        action: String,
    },
}

const ANNOTATIONS: [&str; 8] = [
    "id",
    "clause",
    "source",
    "text",
    "requires",
    "state",
    "effective_from",
    "effective_to",
];

impl Period {
    pub(crate) fn contains(self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day < to)
    }
}

impl Rule {
    /// Reads a policy as a rule.
    pub(crate) fn read(policy: &Policy, default: Period) -> Result<Self, RuleError> {
        if let Some((annotation, _)) = policy
            .annotations()
            .find(|(name, _)| !ANNOTATIONS.contains(name))
        {
            return Err(RuleError::AnnotationUnknown {
                annotation: annotation.to_owned(),
            });
        }
        let id: PackItemId = parsed(policy, "id", "a name of a-z, 0-9, dots and hyphens")?
            .ok_or(RuleError::AnnotationMissing { annotation: "id" })?;
        let source = parsed(policy, "source", "the id of a source")?.ok_or(
            RuleError::AnnotationMissing {
                annotation: "source",
            },
        )?;
        let is_permit = policy.effect() == Effect::Permit;
        let requires = match is_permit {
            true => Some(text(policy, "requires")?),
            false => None,
        };
        Ok(Self {
            domains: domains(policy)?,
            is_permit,
            state: state(policy, is_permit)?,
            clause: text(policy, "clause")?,
            source,
            text: text(policy, "text")?,
            requires,
            effective: Period {
                from: parsed(policy, "effective_from", "a date")?.or(default.from),
                to: parsed(policy, "effective_to", "a date")?.or(default.to),
            },
            policy: policy.new_id(PolicyId::new(id.as_str())),
            id,
        })
    }
}

fn text(policy: &Policy, annotation: &'static str) -> Result<String, RuleError> {
    match policy.annotation(annotation) {
        Some(value) if !value.trim().is_empty() => Ok(value.to_owned()),
        _ => Err(RuleError::AnnotationMissing { annotation }),
    }
}

fn parsed<T: FromStr>(
    policy: &Policy,
    annotation: &'static str,
    expected: &'static str,
) -> Result<Option<T>, RuleError> {
    let read = |value: &str| {
        value.parse().map_err(|_| RuleError::AnnotationInvalid {
            annotation,
            value: value.to_owned(),
            expected,
        })
    };
    policy.annotation(annotation).map(read).transpose()
}

fn state(policy: &Policy, is_permit: bool) -> Result<State, RuleError> {
    match (is_permit, policy.annotation("state")) {
        (true, None | Some("compliant")) => Ok(State::Compliant),
        (true, Some("exempt")) => Ok(State::Exempt),
        (true, Some("not_applicable")) => Ok(State::NotApplicable),
        (false, None | Some("non_compliant")) => Ok(State::NonCompliant),
        (false, Some("pending")) => Ok(State::Pending),
        (_, Some(value)) => Err(RuleError::AnnotationInvalid {
            annotation: "state",
            value: value.to_owned(),
            expected: "compliant, exempt or not_applicable to permit, non_compliant or pending to forbid",
        }),
    }
}

fn domains(policy: &Policy) -> Result<Vec<Domain>, RuleError> {
    let actions = match policy.action_constraint() {
        ActionConstraint::Any => return Err(RuleError::NoDomain),
        ActionConstraint::Eq(action) => vec![action],
        ActionConstraint::In(actions) => actions,
    };
    let domain = |action: &cedar_policy::EntityUid| {
        let name = action.id().unescaped().to_owned();
        name.parse()
            .map_err(|_| RuleError::UnknownDomain { action: name })
    };
    let mut domains: Vec<Domain> = actions.iter().map(domain).collect::<Result<_, _>>()?;
    domains.sort_unstable();
    domains.dedup();
    Ok(domains)
}
