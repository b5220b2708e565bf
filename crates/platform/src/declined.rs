//! Why something is not done, for whoever asked: an institution's refusal once it has its stable code and names the field.
//!
//! Nothing here knows HTTP; the edge makes the answer of it. What the journal or the node failed at is a refusal too,
//! and its cause goes to the log.

use api::problem::{Code, FieldError};
use ids::aggregate::CommonRefusal;

/// A refusal. Boxed, because it is the error of nearly every function that meets a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declined(Box<Parts>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    code: Code,
    detail: String,
    errors: Vec<FieldError>,
    retry_after_s: Option<u64>,
    version: Option<u64>,
}

impl Declined {
    /// A refusal of one kind, with what happened this time.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after_s: None,
            version: None,
        }))
    }

    /// A defect of the node. The cause goes to the log, never to the caller.
    pub fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(cause = %Chain(cause), "request failed inside the node");
        Self::new(Code::Internal, "the node could not finish the request")
    }

    /// There is no such thing, or the caller may not know.
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no such {what}"))
    }

    /// Adds what is wrong with one field: where it is, the rule, and the same for people.
    pub fn with_error(
        mut self,
        pointer: impl Into<String>,
        rule: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        self.0.errors.push(FieldError {
            pointer: pointer.into(),
            rule: rule.into(),
            detail: detail.into(),
        });
        self
    }

    /// Says when to try again, in whole seconds.
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after_s = Some(seconds);
        self
    }

    /// Says which version the thing has now.
    pub fn at_version(mut self, version: u64) -> Self {
        self.0.version = Some(version);
        self
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// What happened this time.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// What is wrong with which field.
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// When to try again, in whole seconds.
    pub fn retry_after_s(&self) -> Option<u64> {
        self.0.retry_after_s
    }

    /// The version that the thing has now, where another was expected.
    pub fn version(&self) -> Option<u64> {
        self.0.version
    }
}

impl From<CommonRefusal> for Declined {
    fn from(refusal: CommonRefusal) -> Self {
        let detail = refusal.to_string();
        let (code, pointer) = match &refusal {
            CommonRefusal::Unknown { what } => return Self::not_found(what),
            CommonRefusal::WrongState { .. } => (Code::Conflict, String::new()),
            CommonRefusal::BadText { field, .. } | CommonRefusal::BadCount { field, .. } => {
                (Code::RuleViolated, format!("/{field}"))
            }
        };
        Self::new(code, detail.clone()).with_error(pointer, refusal.code(), detail)
    }
}

impl std::fmt::Display for Declined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.0.code.as_str(), self.0.detail)
    }
}

impl std::error::Error for Declined {}

/// An error with its sources, on one line, for the log.
pub struct Chain<'a>(pub &'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_internal_refusal_tells_the_caller_nothing_of_its_cause() {
        let cause = std::io::Error::other("secret path /var/lib");
        let declined = Declined::internal(&cause);
        assert!(!format!("{declined:?} {declined}").contains("secret"));
    }
}
