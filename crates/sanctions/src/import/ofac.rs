//! OFAC's Specially Designated Nationals in the legacy CSV form: `sdn.csv`, `alt.csv`, `add.csv`.
//!
//! Source: US Treasury, "Specification for the SDN delimited files" (`dat_spec.txt`). The files
//! have no header; `-0-` stands for nothing; a last line with the single byte 0x1A ends a file.
//! What the columns lack stands in the remarks, as clauses separated by semicolons.

use std::collections::BTreeMap;

use super::{ImportError, check_size};
use crate::{
    PartyKind,
    list::{BirthDate, Entry, Identifier, List, ListHeader, ListedName, NameQuality},
};

/// The three files of one publication.
#[derive(Clone, Copy, Debug)]
pub struct OfacFiles<'a> {
    /// One row per party.
    pub sdn: &'a [u8],
    /// One row per further name.
    pub alt: &'a [u8],
    /// One row per address.
    pub add: &'a [u8],
}

/// Imports one publication.
///
/// # Errors
/// The first row that breaks a rule, by file, line and field.
pub fn import(files: OfacFiles<'_>, header: ListHeader) -> Result<List, ImportError> {
    let mut entries = BTreeMap::new();
    for row in rows("sdn.csv", files.sdn, 12)? {
        let entry = sdn_entry(&row)?;
        if let Some(twice) = entries.insert(entry.id.clone(), entry) {
            return Err(ImportError::DuplicateId { id: twice.id });
        }
    }
    for row in rows("alt.csv", files.alt, 5)? {
        let entry = owner(&mut entries, &row)?;
        let text = row.required(3, "name")?.to_owned();
        if !["aka", "fka", "nka"].contains(&row.required(2, "kind of name")?) {
            return Err(row.error("kind of name", "is not aka, fka or nka"));
        }
        let quality = match row.field(4) {
            Some(remark) if remark.contains("weak") => NameQuality::Weak,
            _ => NameQuality::Alias,
        };
        push_name(entry, text, quality);
    }
    for row in rows("add.csv", files.add, 6)? {
        let entry = owner(&mut entries, &row)?;
        if let Some(country) = row.field(4) {
            push_new(&mut entry.countries, country.to_owned());
        }
    }
    List::new(header, entries.into_values().collect())
}

fn push_new<T: PartialEq>(all: &mut Vec<T>, one: T) {
    if !all.contains(&one) {
        all.push(one);
    }
}

fn push_name(entry: &mut Entry, text: String, quality: NameQuality) {
    if !entry.names.iter().any(|name| name.text == text) {
        entry.names.push(ListedName { text, quality });
    }
}

struct Row {
    file: &'static str,
    line: u64,
    fields: Vec<String>,
}

impl Row {
    fn error(&self, field: &'static str, rule: &'static str) -> ImportError {
        ImportError::Row {
            file: self.file,
            line: self.line,
            field,
            rule,
        }
    }

    /// The field, or nothing where the file says `-0-`.
    fn field(&self, column: usize) -> Option<&str> {
        let text = self.fields[column].trim();
        (!text.is_empty() && text != "-0-").then_some(text)
    }

    fn required(&self, column: usize, field: &'static str) -> Result<&str, ImportError> {
        self.field(column)
            .ok_or_else(|| self.error(field, "is missing"))
    }
}

fn rows(file: &'static str, bytes: &[u8], columns: usize) -> Result<Vec<Row>, ImportError> {
    check_size(file, bytes)?;
    let body = bytes.trim_ascii_end();
    let body = body.strip_suffix(b"\x1a").unwrap_or(body);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(body);
    let mut out = Vec::new();
    for (line, record) in (1_u64..).zip(reader.records()) {
        let unreadable = ImportError::Row {
            file,
            line,
            field: "row",
            rule: "is not UTF-8 text",
        };
        let record = record.map_err(|_| unreadable)?;
        let row = Row {
            file,
            line,
            fields: record.iter().map(str::to_owned).collect(),
        };
        if row.fields.len() != columns {
            return Err(row.error("row", "has the wrong number of columns"));
        }
        out.push(row);
    }
    Ok(out)
}

fn owner<'a>(
    entries: &'a mut BTreeMap<String, Entry>,
    row: &Row,
) -> Result<&'a mut Entry, ImportError> {
    let id = row.required(0, "number")?;
    entries
        .get_mut(id)
        .ok_or_else(|| row.error("number", "belongs to no row of sdn.csv"))
}

fn sdn_entry(row: &Row) -> Result<Entry, ImportError> {
    let id = row.required(0, "number")?;
    if !id.bytes().all(|b| b.is_ascii_digit()) {
        return Err(row.error("number", "is not a number"));
    }
    let kind = match row.field(2) {
        None => PartyKind::Company,
        Some("individual") => PartyKind::Person,
        Some("vessel") => PartyKind::Vessel,
        Some("aircraft") => PartyKind::Aircraft,
        Some(_) => return Err(row.error("type", "is not individual, vessel or aircraft")),
    };
    let mut entry = Entry::named(id, kind, row.required(1, "name")?);
    let programs = row.required(3, "program")?;
    entry.programs = programs
        .split(['[', ']'])
        .flat_map(|p| p.split("; "))
        .map(str::trim)
        .filter(|p| !p.is_empty())
        .map(str::to_owned)
        .collect();
    if let Some(sign) = row.field(5) {
        entry.identifiers.push(Identifier {
            kind: "Call Sign".to_owned(),
            value: sign.to_owned(),
        });
    }
    if let Some(flag) = row.field(9) {
        entry.countries.push(flag.to_owned());
    }
    if let Some(remarks) = row.field(11) {
        read_remarks(&mut entry, remarks, row)?;
    }
    Ok(entry)
}

/// Labels of document, registration and account numbers and of addresses on a network, as they begin a clause.
const IDENTIFIERS: &[&str] = &[
    "Aircraft Construction Number",
    "Aircraft Manufacturer's Serial Number (MSN)",
    "Aircraft Tail Number",
    "Birth Certificate Number",
    "BIK (RU)",
    "Business Number",
    "Business Registration Number",
    "C.I.F.",
    "C.R. No.",
    "C.U.I.P.",
    "C.U.I.T.",
    "C.U.R.P.",
    "Cartilla de Servicio Militar Nacional",
    "Cedula No.",
    "Certificate of Incorporation Number",
    "Chamber of Commerce Number",
    "Chinese Commercial Code",
    "Citizen's Card Number",
    "Commercial Registry Number",
    "Company Number",
    "Credencial electoral",
    "D-U-N-S Number",
    "D.N.I.",
    "Digital Currency Address",
    "Diplomatic Passport",
    "Driver's License No.",
    "Electoral Registry No.",
    "Email Address",
    "Enterprise Number",
    "File Number",
    "Fiscal Code",
    "Folio Mercantil No.",
    "Government Gazette Number",
    "I.F.E.",
    "ISIN",
    "Identification Number",
    "Immigration No.",
    "Italian Fiscal Code",
    "Kenyan ID No.",
    "L.E. Number",
    "LE Number",
    "Legal Entity Number",
    "License",
    "MMSI",
    "MSB Registration Number",
    "Matricula Mercantil No",
    "Moroccan Personal ID No.",
    "N.I.E.",
    "NIT #",
    "National Foreign ID Number",
    "National ID No.",
    "Numero de Identidad",
    "Organization Code",
    "Passport",
    "Personal ID Card",
    "Phone Number",
    "Pilot License Number",
    "Public Registration Number",
    "R.F.C.",
    "RFC",
    "RIF #",
    "RSIN",
    "RTN",
    "RUC #",
    "Registered Charity No.",
    "Registration ID",
    "Registration Number",
    "Residency Number",
    "Romanian C.R.",
    "Romanian Permanent Resident",
    "SRE Permit No.",
    "SSN",
    "SWIFT/BIC",
    "Serial No.",
    "Stateless Person ID Card",
    "Stateless Person Passport",
    "Tarjeta de Identidad",
    "Tax ID No.",
    "Tourism License No.",
    "Trade License No.",
    "Travel Document Number",
    "Turkish Identification Number",
    "U.S. FEIN",
    "UAE Identification",
    "UK Company Number",
    "Unified Social Credit Code (USCC)",
    "United Social Credit Code Certificate (USCCC)",
    "VAT Number",
    "V.A.T. Number",
    "Vessel Registration Identification",
    "Vessel Registration Number",
    "Voter Registration Number",
];

/// Labels of numbers that need no digit.
const LETTERS_ALONE: &[&str] = &["Aircraft Tail Number", "Email Address", "SWIFT/BIC"];

/// Reads the clauses that say who somebody is; the others say why and are left alone.
fn read_remarks(entry: &mut Entry, remarks: &str, row: &Row) -> Result<(), ImportError> {
    for clause in remarks.split(';') {
        let clause = clause.trim().trim_end_matches('.');
        let clause = clause.strip_prefix("alt. ").unwrap_or(clause);
        if let Some(date) = clause.strip_prefix("DOB ") {
            let birth = birth_date(date)
                .ok_or_else(|| row.error("remarks", "have a date of birth that is no date"))?;
            push_new(&mut entry.births, birth);
        } else if let Some(place) = clause.strip_prefix("POB ") {
            push_new(&mut entry.birth_places, place.to_owned());
        } else if let Some(gender) = clause.strip_prefix("Gender ") {
            entry.gender = Some(gender.to_owned());
        } else if let Some(country) = clause
            .strip_prefix("nationality ")
            .or_else(|| clause.strip_prefix("citizen "))
        {
            push_new(&mut entry.countries, country.to_owned());
        } else if let Some(name) = clause.strip_prefix("a.k.a. ") {
            let name = name.trim_matches(['\'', '"', ' ']);
            if !name.is_empty() {
                push_name(entry, name.to_owned(), NameQuality::Weak);
            }
        } else if let Some(identifier) = identifier(clause) {
            push_new(&mut entry.identifiers, identifier);
        }
    }
    Ok(())
}

/// `Passport A0000021 (Nicaragua) issued …` gives its label and its number.
fn identifier(clause: &str) -> Option<Identifier> {
    let label = IDENTIFIERS
        .iter()
        .filter(|label| clause.starts_with(**label))
        .max_by_key(|l| l.len())?;
    let rest = clause[label.len()..].trim_start_matches([' ', '-', '#', ':', '.']);
    let (kind, rest) = match rest.strip_prefix("IMO ") {
        Some(number) => ("IMO", number),
        None => (*label, rest),
    };
    // A digital currency is named before the address.
    let rest = if *label == "Digital Currency Address" {
        rest.split_once(' ').map_or(rest, |(_, address)| address)
    } else {
        rest
    };
    let value = rest.split(" (").next().unwrap_or(rest);
    let value = value
        .split(" issued ")
        .next()
        .unwrap_or(value)
        .split(" expires ")
        .next()?
        .trim();
    // Some are made of letters alone; behind the other labels these are words.
    let known = value.chars().any(|c| c.is_ascii_digit()) || LETTERS_ALONE.contains(label);
    (known && !value.is_empty()).then(|| Identifier {
        kind: kind.to_owned(),
        value: value.to_owned(),
    })
}

/// `08 Jan 1947`, `Jan 1947`, `1947`, any of them after `circa`, or two around `to` or `-`.
fn birth_date(text: &str) -> Option<BirthDate> {
    let text = text.trim();
    if let Some(range) = text
        .strip_prefix("circa ")
        .filter(|range| range.contains('-'))
    {
        return birth_date(range);
    }
    let range = text.split_once(" to ").or_else(|| text.split_once('-'));
    if let Some((from, to)) = range {
        let (from, to) = (birth_date(from)?, birth_date(to)?);
        return (from.year_min <= to.year_max)
            .then(|| BirthDate::years(from.year_min, to.year_max));
    }
    if let Some(about) = text.strip_prefix("circa ") {
        let about = birth_date(about)?;
        return Some(BirthDate::years(about.year_min - 1, about.year_max + 1));
    }
    let parts: Vec<&str> = text.split_whitespace().collect();
    match parts.as_slice() {
        [year] => BirthDate::parse(year),
        [month, year] => BirthDate::parse(&format!("{year}-{:02}", month_number(month)?)),
        [day, month, year] => {
            BirthDate::parse(&format!("{year}-{:02}-{day:0>2}", month_number(month)?))
        }
        _ => None,
    }
}

fn month_number(name: &str) -> Option<usize> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    MONTHS
        .iter()
        .position(|month| *month == name)
        .map(|index| index + 1)
}
