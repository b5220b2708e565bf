//! Whether every word of a credential has a meaning that does not depend on the reader.

use serde_json::Map;
use serde_json::Value;
use thiserror::Error;

use super::context::Vocabulary;
use super::structure::Path;

/// What to do about terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Terms {
    /// Every member name is an address or is defined by a context whose content is known.
    Defined,
    /// Member names are taken as they are. For credentials of others that name contexts of
    /// their own: what is signed is the text, and what it means is for the caller to know.
    Any,
}

/// A credential uses words whose meaning is open.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TermsError {
    /// A context that is not known and would have to be fetched.
    #[error("context {address} is not known")]
    UnknownContext {
        /// Its address.
        address: String,
    },
    /// No context defines the member's name.
    #[error("{path}: defined by no context")]
    UndefinedTerm {
        /// The member.
        path: String,
    },
}

/// Members whose names belong to a specification and are checked where it is applied.
const CHECKED_ELSEWHERE: [&str; 2] = ["@context", "proof"];

/// What may stand in a language object (see [`super::structure`]).
const VALUE_KEYWORDS: [&str; 3] = ["@value", "@language", "@direction"];

pub(super) fn check_terms(
    credential: &Value,
    vocabulary: &Vocabulary<'_>,
) -> Result<(), TermsError> {
    if let Some(address) = vocabulary.unknown {
        let address = address.to_owned();
        return Err(TermsError::UnknownContext { address });
    }
    let Some(members) = credential.as_object() else {
        return Ok(());
    };
    let undefined = members
        .iter()
        .filter(|(name, _)| !CHECKED_ELSEWHERE.contains(&name.as_str()))
        .find_map(|(name, value)| undefined_member(name, value, vocabulary));
    undefined.map_or(Ok(()), refuse)
}

fn refuse(mut names: Vec<String>) -> Result<(), TermsError> {
    names.reverse();
    let path = names
        .iter()
        .fold(Path::root(), |path, name| path.member(name));
    let path = path.to_string();
    Err(TermsError::UndefinedTerm { path })
}

/// The names that lead to the first undefined one, innermost first.
fn undefined_in(value: &Value, vocabulary: &Vocabulary<'_>) -> Option<Vec<String>> {
    match value {
        Value::Object(members) => undefined_among(members, vocabulary),
        Value::Array(items) => items.iter().find_map(|item| undefined_in(item, vocabulary)),
        _ => None,
    }
}

fn undefined_among(
    members: &Map<String, Value>,
    vocabulary: &Vocabulary<'_>,
) -> Option<Vec<String>> {
    members
        .iter()
        .find_map(|(name, value)| undefined_member(name, value, vocabulary))
}

fn undefined_member(name: &str, value: &Value, vocabulary: &Vocabulary<'_>) -> Option<Vec<String>> {
    if !vocabulary.defines(name) && !VALUE_KEYWORDS.contains(&name) {
        return Some(vec![name.to_owned()]);
    }
    let mut names = undefined_in(value, vocabulary)?;
    names.push(name.to_owned());
    Some(names)
}
