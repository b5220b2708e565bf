//! The form of a credential: what VC-DATA-MODEL-2.0 demands of it before anybody's key is asked.

use std::fmt;

use jiff::Timestamp;
use serde_json::Map;
use serde_json::Value;
use thiserror::Error;

use super::context::Vocabulary;
use super::context::is_address;

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}: {fault}", PathDisplay(path))]
pub struct Malformed {
    /// Where: member names with indices, `credentialStatus[1].id`; empty for the whole document.
    pub path: String,
    /// What.
    pub fault: Fault,
}

struct PathDisplay<'a>(&'a str);

impl fmt::Display for PathDisplay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() {
            "document"
        } else {
            self.0
        })
    }
}

/// What can be wrong with one value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Fault {
    /// A member that must be there is not.
    #[error("is missing")]
    Missing,
    /// Not a JSON object.
    #[error("is not an object")]
    NotAnObject,
    /// An object or array without content.
    #[error("is empty")]
    Empty,
    /// Not one absolute URL.
    #[error("is not a URL")]
    NotAUrl,
    /// Not an XML Schema dateTimeStamp.
    #[error("is not a date and time with an offset")]
    NotADateTime,
    /// Neither a text nor a language object.
    #[error("is neither a text nor an object of @value, @language and @direction")]
    NotLanguageText,
    /// A type is not a text.
    #[error("is not a type name")]
    NotAType,
    /// No context gives the type an address.
    #[error("type `{name}` is defined by no context")]
    UndefinedType {
        /// The type.
        name: String,
    },
    /// The type that makes the document what it is.
    #[error("does not name the type {name}")]
    TypeMissing {
        /// The type.
        name: &'static str,
    },
    /// The first context is not that of VC-DATA-MODEL-2.0.
    #[error("does not begin with https://www.w3.org/ns/credentials/v2")]
    BaseContextNotFirst,
    /// A context is neither an address nor an object.
    #[error("is neither a URL nor a context object")]
    NotAContext,
    /// A context changes what a protected term means.
    #[error("redefines the protected term `{term}`")]
    TermRedefined {
        /// The term.
        term: String,
    },
    /// A term is given a meaning that is no address.
    #[error("term `{term}` does not stand for an absolute URL")]
    TermNotAnAddress {
        /// The term.
        term: String,
    },
    /// A context uses a keyword that would need fetching, or changes how others are read.
    #[error("keyword `{keyword}` is not supported")]
    UnsupportedKeyword {
        /// The keyword.
        keyword: String,
    },
    /// Nested too deeply.
    #[error("is nested too deeply")]
    TooDeep,
    /// `validUntil` is before `validFrom`.
    #[error("is before validFrom")]
    BeforeValidFrom,
}

impl Malformed {
    pub(super) fn at(path: impl Into<String>) -> Path {
        Path(path.into())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A place in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(String);

impl Path {
    pub(super) fn root() -> Self {
        Self(String::new())
    }

    pub(super) fn member(&self, name: &str) -> Self {
        match self.0.as_str() {
            "" => Self(name.to_owned()),
            path => Self(format!("{path}.{name}")),
        }
    }

    pub(super) fn index(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    pub(super) fn because(self, fault: Fault) -> Malformed {
        Malformed {
            path: self.0,
            fault,
        }
    }
}

/// Checks the form of a credential, secured or not.
///
/// Types must be defined by a context, unless a context stands there whose content is not known.
pub fn check_credential(credential: &Value) -> Result<(), Malformed> {
    check_credential_at(&Path::root(), credential).map(drop)
}

/// The period in which a credential says it is valid, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) from: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
}

pub(super) fn check_credential_at<'a>(
    at: &Path,
    credential: &'a Value,
) -> Result<(Vocabulary<'a>, Validity), Malformed> {
    let credential = object(at, credential)?;
    let vocabulary = vocabulary(at, credential)?;
    let form = Form {
        vocabulary: &vocabulary,
    };
    form.types(at, credential, Some("VerifiableCredential"))?;
    form.optional_id(at, credential)?;
    form.language_texts(at, credential)?;
    form.issuer(at, credential)?;
    form.subjects(at, credential)?;
    let validity = validity(at, credential)?;
    let typed = [
        ("credentialSchema", Id::Required),
        ("credentialStatus", Id::Optional),
        ("evidence", Id::Optional),
        ("refreshService", Id::Optional),
        ("termsOfUse", Id::Optional),
        ("proof", Id::Optional),
    ];
    for (name, id) in typed {
        form.typed_objects(at, credential, name, id)?;
    }
    Ok((vocabulary, validity))
}

pub(super) fn object<'a>(at: &Path, value: &'a Value) -> Result<&'a Map<String, Value>, Malformed> {
    value
        .as_object()
        .ok_or_else(|| at.clone().because(Fault::NotAnObject))
}

pub(super) fn vocabulary<'a>(
    at: &Path,
    document: &'a Map<String, Value>,
) -> Result<Vocabulary<'a>, Malformed> {
    Vocabulary::read(document.get("@context")).map_err(|malformed| {
        let path = at.member(&malformed.path);
        path.because(malformed.fault)
    })
}

/// A value that may stand alone or in an array, with the place of each.
pub(super) fn one_or_many<'a>(
    at: &Path,
    value: &'a Value,
) -> Result<Vec<(Path, &'a Value)>, Malformed> {
    match value {
        Value::Array(items) if items.is_empty() => Err(at.clone().because(Fault::Empty)),
        Value::Array(items) => Ok(items
            .iter()
            .enumerate()
            .map(|(index, item)| (at.index(index), item))
            .collect()),
        alone => Ok(vec![(at.clone(), alone)]),
    }
}

/// Whether an object of a kind needs an `id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Id {
    Required,
    Optional,
}

/// The checks that need to know which terms are defined.
pub(super) struct Form<'a> {
    pub(super) vocabulary: &'a Vocabulary<'a>,
}

impl Form<'_> {
    /// `type`: one or more names, each defined; `required` among them.
    pub(super) fn types(
        &self,
        at: &Path,
        object: &Map<String, Value>,
        required: Option<&'static str>,
    ) -> Result<(), Malformed> {
        let at = at.member("type");
        let Some(types) = object.get("type") else {
            return Err(at.because(Fault::Missing));
        };
        let types = one_or_many(&at, types)?;
        for (at, name) in &types {
            let Some(name) = name.as_str() else {
                return Err(at.clone().because(Fault::NotAType));
            };
            if self.vocabulary.unknown.is_none() && !self.vocabulary.defines(name) {
                let name = name.to_owned();
                return Err(at.clone().because(Fault::UndefinedType { name }));
            }
        }
        match required {
            Some(name) if types.iter().all(|(_, found)| *found != name) => {
                Err(at.because(Fault::TypeMissing { name }))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn optional_id(
        &self,
        at: &Path,
        object: &Map<String, Value>,
    ) -> Result<(), Malformed> {
        match object.get("id") {
            None => Ok(()),
            Some(id) => url(&at.member("id"), id),
        }
    }

    fn language_texts(&self, at: &Path, object: &Map<String, Value>) -> Result<(), Malformed> {
        for name in ["name", "description"] {
            let Some(value) = object.get(name) else {
                continue;
            };
            for (at, text) in one_or_many(&at.member(name), value)? {
                if !is_language_text(text) {
                    return Err(at.because(Fault::NotLanguageText));
                }
            }
        }
        Ok(())
    }

    fn issuer(&self, at: &Path, credential: &Map<String, Value>) -> Result<(), Malformed> {
        let at = at.member("issuer");
        match credential.get("issuer") {
            None => Err(at.because(Fault::Missing)),
            Some(Value::Object(issuer)) => {
                required_id(&at, issuer)?;
                self.language_texts(&at, issuer)
            }
            Some(issuer) => url(&at, issuer),
        }
    }

    fn subjects(&self, at: &Path, credential: &Map<String, Value>) -> Result<(), Malformed> {
        let at = at.member("credentialSubject");
        let Some(subjects) = credential.get("credentialSubject") else {
            return Err(at.because(Fault::Missing));
        };
        for (at, subject) in one_or_many(&at, subjects)? {
            let subject = object(&at, subject)?;
            if subject.is_empty() {
                return Err(at.because(Fault::Empty));
            }
            self.optional_id(&at, subject)?;
        }
        Ok(())
    }

    fn typed_objects(
        &self,
        at: &Path,
        credential: &Map<String, Value>,
        name: &str,
        id: Id,
    ) -> Result<(), Malformed> {
        let Some(value) = credential.get(name) else {
            return Ok(());
        };
        for (at, item) in one_or_many(&at.member(name), value)? {
            let item = object(&at, item)?;
            self.types(&at, item, None)?;
            match id {
                Id::Required => required_id(&at, item)?,
                Id::Optional => self.optional_id(&at, item)?,
            }
        }
        Ok(())
    }
}

pub(super) fn required_id(at: &Path, object: &Map<String, Value>) -> Result<(), Malformed> {
    let at = at.member("id");
    match object.get("id") {
        None => Err(at.because(Fault::Missing)),
        Some(id) => url(&at, id),
    }
}

pub(super) fn url(at: &Path, value: &Value) -> Result<(), Malformed> {
    match value.as_str() {
        Some(text) if is_address(text) => Ok(()),
        _ => Err(at.clone().because(Fault::NotAUrl)),
    }
}

/// A text, or what JSON-LD calls a value object, with no other members.
fn is_language_text(value: &Value) -> bool {
    match value {
        Value::String(_) => true,
        Value::Object(members) => {
            let known = ["@value", "@language", "@direction"];
            members.contains_key("@value")
                && members
                    .iter()
                    .all(|(name, value)| known.contains(&name.as_str()) && value.is_string())
        }
        _ => false,
    }
}

fn validity(at: &Path, credential: &Map<String, Value>) -> Result<Validity, Malformed> {
    let instant = |name| {
        let read = |value: &Value| {
            value
                .as_str()
                .and_then(date_time_stamp)
                .ok_or_else(|| at.member(name).because(Fault::NotADateTime))
        };
        credential.get(name).map(read).transpose()
    };
    let (from, until) = (instant("validFrom")?, instant("validUntil")?);
    match (from, until) {
        (Some(from), Some(until)) if until < from => {
            Err(at.member("validUntil").because(Fault::BeforeValidFrom))
        }
        _ => Ok(Validity { from, until }),
    }
}

/// XML Schema 1.1 dateTimeStamp of the years 0000 to 9999, without the hour 24.
fn date_time_stamp(text: &str) -> Option<Timestamp> {
    let shape = b"0000-00-00T00:00:00";
    let (head, tail) = text.as_bytes().split_at_checked(shape.len())?;
    let head_ok = head.iter().zip(shape).all(|(byte, shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        _ => byte == shape,
    });
    // A leap second has no instant of its own; a reader would have to guess.
    let seconds_ok = &head[17..19] < b"60".as_slice();
    let offset = match tail.strip_prefix(b".") {
        None => tail,
        Some(fraction) => {
            let digits = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
            (1..=9).contains(&digits).then(|| &fraction[digits..])?
        }
    };
    let offset_ok = match offset {
        b"Z" => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => [h1, h2, m1, m2].into_iter().all(u8::is_ascii_digit),
        _ => false,
    };
    (head_ok && seconds_ok && offset_ok)
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_times_need_an_offset_and_a_real_date() {
        for good in [
            "2023-02-26T01:02:58Z",
            "2023-02-26T01:02:58.447Z",
            "2023-02-25T19:10:39-06:00",
        ] {
            assert!(date_time_stamp(good).is_some(), "{good}");
        }
        for bad in [
            "2023-02-26T01:02:58",
            "2023-02-26t01:02:58z",
            "2023-02-26 01:02:58Z",
            "2023-02-30T01:02:58Z",
            "2023-02-26T01:02:60Z",
            "2023-02-26T01:02:58.Z",
            "2023-02-26T01:02:58+0600",
            "2023-02-26T01:02:58Z[UTC]",
            "PAST DATE",
        ] {
            assert!(date_time_stamp(bad).is_none(), "{bad}");
        }
    }
}
