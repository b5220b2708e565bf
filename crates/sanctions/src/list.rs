//! A sanctions list as a value: entries in order, and a digest that commits to every one of them.

use std::fmt;

use evidence::{
    canonical,
    digest::{Digest, Purpose},
};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{PartyKind, import::ImportError};

/// Longest name, identifier or remark that an importer takes, in bytes.
pub(super) const TEXT_BYTES_MAX: usize = 4_000;
/// Most entries of one list.
pub(super) const ENTRIES_MAX: usize = 2_000_000;
/// Most names of one entry; the longest real one has about 150.
pub(super) const NAMES_MAX: usize = 1_000;

/// A list of sanctioned parties in one version, complete or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    header: ListHeader,
    digest: Digest,
    entries: Vec<Entry>,
}

/// Which list, in which version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListHeader {
    /// A short name, such as `ofac-sdn`.
    pub name: String,
    /// The publisher's version, or the date if there is none.
    pub version: String,
    /// The day it was published.
    pub published: Date,
}

/// A listed party.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The publisher's identifier, unique in the list.
    pub id: String,
    /// What kind of party it is.
    pub kind: PartyKind,
    /// The primary name first; never empty.
    pub names: Vec<ListedName>,
    /// Dates of birth, where known; several where the publisher is unsure.
    pub births: Vec<BirthDate>,
    /// Places of birth, as published.
    pub birth_places: Vec<String>,
    /// Gender, as published.
    pub gender: Option<String>,
    /// Countries of nationality, registration or address, as published.
    pub countries: Vec<String>,
    /// Document and registration numbers.
    pub identifiers: Vec<Identifier>,
    /// The programmes or resolutions under which the party is listed.
    pub programs: Vec<String>,
}

/// A name under which a party is listed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedName {
    /// As published.
    pub text: String,
    /// How far the publisher vouches for it.
    pub quality: NameQuality,
}

/// How far a publisher vouches for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameQuality {
    /// The name of the entry.
    Primary,
    /// Also, formerly or now known as.
    Alias,
    /// A broad or generic alias that its publisher does not expect to be screened alone.
    Weak,
}

/// A document or registration number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identifier {
    /// What it is called, as published: `Passport`, `IMO`, …
    pub kind: String,
    /// As published.
    pub value: String,
}

impl Identifier {
    /// The number in capitals without anything that is not a letter or digit, and without `IMO` and the like before it.
    pub fn normal_value(&self) -> String {
        normal_identifier(&self.value)
    }

    /// Whether it is a number of the entry. Short ones are shared by chance, and have to be of one kind.
    pub(super) fn identifies(&self, entry: &Entry) -> bool {
        let value = self.normal_value();
        let is_long = value.len() >= IDENTIFIER_MIN;
        let kind = normal_identifier(&self.kind);
        !value.is_empty()
            && entry.identifiers.iter().any(|it| {
                it.normal_value() == value && (is_long || normal_identifier(&it.kind) == kind)
            })
    }
}

/// From so many letters and digits on the kind of an identifier does not matter.
const IDENTIFIER_MIN: usize = 5;

/// Identifier numbers are compared in this form: what is written before the number to say what it is, is no part of it.
fn normal_identifier(value: &str) -> String {
    let plain: String = value
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_uppercase)
        .collect();
    let number = NUMBER_PREFIXES.iter().find_map(|prefix| {
        let rest = plain.strip_prefix(prefix)?;
        let is_number = rest.len() >= 5 && rest.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| rest.to_owned())
    });
    number.unwrap_or(plain)
}

/// What clerks write before a number of digits: IMO ship numbers, MMSI, tax and registration numbers.
const NUMBER_PREFIXES: &[&str] = &["IMONO", "IMO", "MMSI", "NO", "NR", "NUMBER"];

/// A date of birth as precisely as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BirthDate {
    /// First year it may be.
    pub year_min: i16,
    /// Last year it may be; the first where the year is known.
    pub year_max: i16,
    /// 1 to 12, where known.
    pub month: Option<i8>,
    /// 1 to 31, where known; only with a month.
    pub day: Option<i8>,
}

impl BirthDate {
    /// A day in the calendar.
    pub fn exact(date: Date) -> Self {
        Self {
            year_min: date.year(),
            year_max: date.year(),
            month: Some(date.month()),
            day: Some(date.day()),
        }
    }

    /// Some time within these years.
    pub fn years(year_min: i16, year_max: i16) -> Self {
        Self {
            year_min,
            year_max,
            month: None,
            day: None,
        }
    }

    /// Parses `1971`, `1971-05` or `1971-05-14`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = |part: &str, len: usize| {
            (part.len() == len && part.bytes().all(|b| b.is_ascii_digit())).then_some(())
        };
        let mut parts = text.split('-');
        let year = parts.next()?;
        digits(year, 4)?;
        let year: i16 = year.parse().ok()?;
        let Some(month) = parts.next() else {
            return Some(Self::years(year, year));
        };
        digits(month, 2)?;
        let month: i8 = month.parse().ok()?;
        let Some(day) = parts.next() else {
            let month = (1..=12).contains(&month).then_some(month)?;
            return Some(Self {
                month: Some(month),
                ..Self::years(year, year)
            });
        };
        digits(day, 2)?;
        if parts.next().is_some() {
            return None;
        }
        Date::new(year, month, day.parse().ok()?)
            .ok()
            .map(Self::exact)
    }

    /// Whether both may be the same day.
    pub fn agrees_with(&self, other: &Self) -> bool {
        let same = |a: Option<i8>, b: Option<i8>| a.is_none() || b.is_none() || a == b;
        self.year_min <= other.year_max
            && other.year_min <= self.year_max
            && same(self.month, other.month)
            && same(self.day, other.day)
    }

    /// Whether it names one day.
    pub fn is_exact(&self) -> bool {
        self.year_min == self.year_max && self.month.is_some() && self.day.is_some()
    }
}

impl fmt::Display for BirthDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.year_min)?;
        if self.year_max != self.year_min {
            write!(f, "/{:04}", self.year_max)?;
        }
        if let Some(month) = self.month {
            write!(f, "-{month:02}")?;
        }
        if let Some(day) = self.day {
            write!(f, "-{day:02}")?;
        }
        Ok(())
    }
}

impl Entry {
    /// An entry with a name and nothing else.
    pub fn named(id: impl Into<String>, kind: PartyKind, name: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            kind,
            names: vec![ListedName {
                text: name.into(),
                quality: NameQuality::Primary,
            }],
            births: Vec::new(),
            birth_places: Vec::new(),
            gender: None,
            countries: Vec::new(),
            identifiers: Vec::new(),
            programs: Vec::new(),
        }
    }

    /// The digest of the entry's canonical JSON.
    pub fn digest(&self) -> Digest {
        Digest::of(Purpose::SanctionsList, &self.canonical())
    }

    fn canonical(&self) -> Vec<u8> {
        canonical::to_vec_of(self).expect("an entry holds texts and small integers only")
    }

    fn check(&self) -> Result<(), ImportError> {
        let bad = |field, rule| ImportError::Entry {
            id: self.id.clone(),
            field,
            rule,
        };
        if self.names.is_empty() || self.names.iter().any(|n| n.text.trim().is_empty()) {
            return Err(bad("name", "is empty"));
        }
        if self.names.len() > NAMES_MAX {
            return Err(bad("names", "are too many"));
        }
        let too_long = |text: &String| text.len() > TEXT_BYTES_MAX;
        let texts = self.names.iter().map(|n| &n.text);
        let numbers = self.identifiers.iter().flat_map(|i| [&i.kind, &i.value]);
        if texts
            .chain(numbers)
            .chain(&self.birth_places)
            .chain(&self.countries)
            .any(too_long)
        {
            return Err(bad("text", "is too long"));
        }
        Ok(())
    }
}

impl List {
    /// Puts the entries in order of their identifiers and commits to them.
    ///
    /// # Errors
    /// An empty list, an identifier given twice, an entry without a name or beyond the limits.
    pub fn new(header: ListHeader, mut entries: Vec<Entry>) -> Result<Self, ImportError> {
        if entries.is_empty() {
            return Err(ImportError::Empty);
        }
        if entries.len() > ENTRIES_MAX {
            return Err(ImportError::TooManyEntries { max: ENTRIES_MAX });
        }
        entries.sort_by(|a, b| a.id.cmp(&b.id));
        if let Some(pair) = entries.windows(2).find(|pair| pair[0].id == pair[1].id) {
            return Err(ImportError::DuplicateId {
                id: pair[0].id.clone(),
            });
        }
        entries.iter().try_for_each(Entry::check)?;
        let digest = commit(&header, &entries);
        Ok(Self {
            header,
            digest,
            entries,
        })
    }

    /// Which list, in which version.
    pub fn header(&self) -> &ListHeader {
        &self.header
    }

    /// The commitment to the header and every entry.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// In order of their identifiers.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

/// Each part is preceded by its length (eight bytes, big-endian), so that no two lists share
/// an input.
fn commit(header: &ListHeader, entries: &[Entry]) -> Digest {
    let mut bytes = Vec::new();
    let mut frame = |part: &[u8]| {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(part);
    };
    frame(&canonical::to_vec_of(header).expect("a header holds texts only"));
    for entry in entries {
        frame(&entry.canonical());
    }
    Digest::of(Purpose::SanctionsList, &bytes)
}
