//! Reading a tree of values as a form, noting every problem instead of stopping at the first.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde_json::{Map, Value};

/// Something that is wrong with a manifest: where, and which rule it breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {rule}")]
pub struct Problem {
    /// Where, such as `packs[0].version`; the file's name for the file as a whole.
    pub path: String,
    /// Which rule.
    pub rule: Rule,
}

/// A rule of the manifest that is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// The file is not YAML.
    NotYaml {
        /// What the parser says.
        detail: String,
    },
    /// A member that no such object has.
    Unknown {
        /// The nearest name that it has.
        did_you_mean: Option<&'static str>,
    },
    /// A member that another program's manifests have.
    OtherDialect {
        /// What to write here.
        instead: &'static str,
    },
    /// A member is missing.
    Missing,
    /// A value is of another type.
    WrongType {
        /// What it must be.
        expected: &'static str,
    },
    /// A text or number does not fit.
    Invalid {
        /// What it must be.
        expected: String,
    },
    /// Two items are the same.
    Duplicate,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotYaml { detail } => write!(f, "not a YAML document: {detail}"),
            Self::Unknown {
                did_you_mean: Some(name),
            } => {
                write!(f, "there is no such member; did you mean `{name}`?")
            }
            Self::Unknown { did_you_mean: None } => f.write_str("there is no such member"),
            Self::OtherDialect { instead } => {
                write!(f, "this spelling is another program's; here: {instead}")
            }
            Self::Missing => f.write_str("is missing"),
            Self::WrongType { expected } => write!(f, "must be {expected}"),
            Self::Invalid { expected } => write!(f, "must be {expected}"),
            Self::Duplicate => f.write_str("is given twice"),
        }
    }
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Field<'a> {
    pub(super) path: String,
    pub(super) value: &'a Value,
}

/// An object whose member names were checked.
pub(super) struct Object<'a> {
    path: String,
    members: &'a Map<String, Value>,
}

/// The problems found so far.
#[derive(Debug, Default)]
pub(super) struct Form {
    pub(super) problems: Vec<Problem>,
}

impl Form {
    pub(super) fn problem(&mut self, path: &str, rule: Rule) {
        self.problems.push(Problem {
            path: path.to_owned(),
            rule,
        });
    }

    pub(super) fn invalid(&mut self, path: &str, expected: impl Into<String>) {
        self.problem(
            path,
            Rule::Invalid {
                expected: expected.into(),
            },
        );
    }

    /// Reads an object that has members of these names only.
    pub(super) fn object<'a>(
        &mut self,
        field: &Field<'a>,
        names: &[&'static str],
        dialect: &[(&str, &'static str)],
    ) -> Option<Object<'a>> {
        let members = self.members(field)?;
        for name in members
            .keys()
            .filter(|name| !names.contains(&name.as_str()))
        {
            let instead = dialect.iter().find(|(other, _)| other == name);
            let rule = match instead {
                Some((_, instead)) => Rule::OtherDialect { instead },
                None => Rule::Unknown {
                    did_you_mean: nearest(name, names),
                },
            };
            self.problem(&join(&field.path, name), rule);
        }
        Some(Object {
            path: field.path.clone(),
            members,
        })
    }

    /// Reads an object whose member names are data.
    pub(super) fn members<'a>(&mut self, field: &Field<'a>) -> Option<&'a Map<String, Value>> {
        let members = field.value.as_object();
        if members.is_none() {
            self.problem(
                &field.path,
                Rule::WrongType {
                    expected: "an object",
                },
            );
        }
        members
    }

    /// A member that must be there.
    pub(super) fn member<'a>(&mut self, object: &Object<'a>, name: &str) -> Option<Field<'a>> {
        let field = object.get(name);
        if field.is_none() {
            self.problem(&join(&object.path, name), Rule::Missing);
        }
        field
    }

    /// A text that must be there, of 1 to 200 bytes.
    pub(super) fn text(&mut self, object: &Object<'_>, name: &str) -> Option<String> {
        let field = self.member(object, name)?;
        self.text_of(&field).map(str::to_owned)
    }

    pub(super) fn text_of<'a>(&mut self, field: &Field<'a>) -> Option<&'a str> {
        match field.value.as_str() {
            Some(text) if !text.trim().is_empty() && text.len() <= 200 => Some(text),
            Some(_) => {
                self.invalid(&field.path, "a text of 1 to 200 bytes");
                None
            }
            None => {
                self.problem(
                    &field.path,
                    Rule::WrongType {
                        expected: "a text; quote it",
                    },
                );
                None
            }
        }
    }

    /// A text that must be there and must read as a `T`.
    pub(super) fn parsed<T: FromStr<Err: fmt::Display>>(
        &mut self,
        object: &Object<'_>,
        name: &str,
    ) -> Option<T> {
        let field = self.member(object, name)?;
        self.parse(&field)
    }

    pub(super) fn parse<T: FromStr<Err: fmt::Display>>(&mut self, field: &Field<'_>) -> Option<T> {
        let text = self.text_of(field)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.invalid(&field.path, format!("valid: {error}"));
                None
            }
        }
    }

    /// A whole number that must be there and lie in the range.
    pub(super) fn number<T: TryFrom<u64>>(
        &mut self,
        object: &Object<'_>,
        name: &str,
        range: RangeInclusive<u64>,
    ) -> Option<T> {
        let field = self.member(object, name)?;
        let number = field.value.as_u64().filter(|number| range.contains(number));
        let value = number.and_then(|number| T::try_from(number).ok());
        if value.is_none() {
            let expected = format!("a whole number from {} to {}", range.start(), range.end());
            self.invalid(&field.path, expected);
        }
        value
    }

    /// The items of a list that must be there, with at least `count_min` of them.
    pub(super) fn list<'a>(
        &mut self,
        object: &Object<'a>,
        name: &str,
        count_min: usize,
    ) -> Vec<Field<'a>> {
        match self.member(object, name) {
            Some(field) => self.items(&field, count_min),
            None => vec![],
        }
    }

    /// The items of a list that may be left out.
    pub(super) fn optional_list<'a>(&mut self, object: &Object<'a>, name: &str) -> Vec<Field<'a>> {
        match object.get(name) {
            Some(field) => self.items(&field, 0),
            None => vec![],
        }
    }

    fn items<'a>(&mut self, field: &Field<'a>, count_min: usize) -> Vec<Field<'a>> {
        let Some(items) = field.value.as_array() else {
            self.problem(&field.path, Rule::WrongType { expected: "a list" });
            return vec![];
        };
        if items.len() < count_min || items.len() > 100 {
            self.invalid(&field.path, format!("a list of {count_min} to 100 items"));
        }
        let item = |(index, value)| Field {
            path: format!("{}[{index}]", field.path),
            value,
        };
        items.iter().enumerate().map(item).collect()
    }

    /// Notes items that repeat an earlier one.
    pub(super) fn distinct<'k, K: PartialEq + 'k>(
        &mut self,
        path: &str,
        keys: impl IntoIterator<Item = &'k K>,
    ) {
        let mut seen: Vec<&K> = vec![];
        for (index, key) in keys.into_iter().enumerate() {
            if seen.contains(&key) {
                self.problem(&format!("{path}[{index}]"), Rule::Duplicate);
            }
            seen.push(key);
        }
    }
}

impl<'a> Object<'a> {
    pub(super) fn get(&self, name: &str) -> Option<Field<'a>> {
        let value = self.members.get(name)?;
        Some(Field {
            path: join(&self.path, name),
            value,
        })
    }
}

pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// The name that a slip of the fingers may have meant: at most a third of it differs.
fn nearest(name: &str, names: &[&'static str]) -> Option<&'static str> {
    names
        .iter()
        .map(|known| (strsim::damerau_levenshtein(name, known), *known))
        .filter(|(distance, known)| distance * 3 <= known.len())
        .min()
        .map(|(_, known)| known)
}
