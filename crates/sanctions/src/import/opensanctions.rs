//! OpenSanctions' FollowTheMoney entities, one JSON object a line (`entities.ftm.json`).
//!
//! Source: followthemoney.tech, the `Thing` and `Interest` schemata. Parties become entries;
//! passports and identifications join their holders; other things (addresses, sanctions,
//! ownership) say nothing about who a party is and are left out.

use std::collections::BTreeMap;

use evidence::canonical;
use serde_json::Value;

use super::{ImportError, check_size};
use crate::{
    PartyKind,
    list::{BirthDate, Entry, Identifier, List, ListHeader, ListedName, NameQuality},
};

const FILE: &str = "entities";

/// Imports the entities.
///
/// # Errors
/// The first line that breaks a rule, by number and field.
pub fn import(bytes: &[u8], header: ListHeader) -> Result<List, ImportError> {
    check_size(FILE, bytes)?;
    let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
    let mut documents = Vec::new();
    for (line, text) in (1_u64..).zip(bytes.split(|b| *b == b'\n')) {
        if text.trim_ascii().is_empty() {
            continue;
        }
        let value = canonical::parse(text).map_err(|_| row(line, "line", "is not strict JSON"))?;
        let thing = Thing { line, value };
        match thing.schema()? {
            Schema::Party(kind) => {
                let entry = thing.entry(kind)?;
                if let Some(twice) = entries.insert(entry.id.clone(), entry) {
                    return Err(ImportError::DuplicateId { id: twice.id });
                }
            }
            Schema::Document => documents.push(thing),
            Schema::Other => {}
        }
    }
    for document in documents {
        for holder in document.texts("holder")? {
            if let Some(entry) = entries.get_mut(&holder) {
                let kind = document.texts("type")?.into_iter().next();
                let kind = kind.unwrap_or_else(|| "Document".to_owned());
                for value in document.texts("number")? {
                    entry.identifiers.push(Identifier {
                        kind: kind.clone(),
                        value,
                    });
                }
            }
        }
    }
    List::new(header, entries.into_values().collect())
}

fn row(line: u64, field: &'static str, rule: &'static str) -> ImportError {
    ImportError::Row {
        file: FILE,
        line,
        field,
        rule,
    }
}

enum Schema {
    Party(PartyKind),
    Document,
    Other,
}

struct Thing {
    line: u64,
    value: Value,
}

/// Properties that hold a number of a document or register.
const NUMBERS: &[&str] = &[
    "idNumber",
    "passportNumber",
    "taxNumber",
    "registrationNumber",
    "innCode",
    "ogrnCode",
    "imoNumber",
    "mmsi",
    "swiftBic",
    "leiCode",
    "dunsCode",
    "uniqueEntityId",
    "socialSecurityNumber",
    "voenCode",
    "vatCode",
    "npiCode",
    "jibCode",
    "okpoCode",
    "callSign",
];

impl Thing {
    fn schema(&self) -> Result<Schema, ImportError> {
        let name = self.value["schema"]
            .as_str()
            .ok_or_else(|| row(self.line, "schema", "is missing"))?;
        Ok(match name {
            "Person" => Schema::Party(PartyKind::Person),
            "Company" | "Organization" | "PublicBody" => Schema::Party(PartyKind::Company),
            "LegalEntity" => Schema::Party(PartyKind::Unknown),
            "Vessel" => Schema::Party(PartyKind::Vessel),
            "Airplane" => Schema::Party(PartyKind::Aircraft),
            "Passport" | "Identification" => Schema::Document,
            "Address" | "Associate" | "Asset" | "CryptoWallet" | "Debt" | "Directorship"
            | "Documentation" | "Employment" | "Family" | "Membership" | "Note" | "Occupancy"
            | "Ownership" | "Payment" | "Position" | "Representation" | "Sanction" | "Security"
            | "Succession" | "UnknownLink" | "Similar" | "BankAccount" | "Event" | "Risk"
            | "Project" | "Article" => Schema::Other,
            _ => return Err(row(self.line, "schema", "is unknown")),
        })
    }

    /// The values of a property; none if it is absent.
    fn texts(&self, property: &str) -> Result<Vec<String>, ImportError> {
        let values = match &self.value["properties"][property] {
            Value::Null => return Ok(Vec::new()),
            Value::Array(values) => values,
            _ => {
                return Err(row(
                    self.line,
                    "properties",
                    "hold something other than a list",
                ));
            }
        };
        values
            .iter()
            .map(|value| match value {
                Value::String(text) => Ok(text.clone()),
                // Nested entities stand in for their identifiers in the nested form of the file.
                Value::Object(nested) => nested
                    .get("id")
                    .and_then(Value::as_str)
                    .map(str::to_owned)
                    .ok_or_else(|| row(self.line, "properties", "hold an entity without id")),
                _ => Err(row(
                    self.line,
                    "properties",
                    "hold something other than text",
                )),
            })
            .collect()
    }

    fn entry(&self, kind: PartyKind) -> Result<Entry, ImportError> {
        let id = self.value["id"]
            .as_str()
            .ok_or_else(|| row(self.line, "id", "is missing"))?;
        let caption = self.value["caption"].as_str().map(str::to_owned);
        let names = self.texts("name")?;
        let primary = caption
            .filter(|c| names.contains(c))
            .or_else(|| names.first().cloned());
        let primary = primary.ok_or_else(|| row(self.line, "name", "is missing"))?;
        let mut entry = Entry::named(id, kind, primary);
        let qualities = [
            ("name", NameQuality::Alias),
            ("alias", NameQuality::Alias),
            ("previousName", NameQuality::Alias),
            ("weakAlias", NameQuality::Weak),
        ];
        for (property, quality) in qualities {
            for text in self.texts(property)? {
                if !entry.names.iter().any(|name| name.text == text) {
                    entry.names.push(ListedName { text, quality });
                }
            }
        }
        for date in self.texts("birthDate")? {
            let birth = BirthDate::parse(date.get(..10).unwrap_or(&date))
                .ok_or_else(|| row(self.line, "birthDate", "is not a date"))?;
            entry.births.push(birth);
        }
        entry.birth_places = self.texts("birthPlace")?;
        entry.gender = self.texts("gender")?.into_iter().next();
        for property in [
            "nationality",
            "citizenship",
            "country",
            "jurisdiction",
            "flag",
        ] {
            for country in self.texts(property)? {
                if !entry.countries.contains(&country) {
                    entry.countries.push(country);
                }
            }
        }
        for property in NUMBERS {
            for value in self.texts(property)? {
                entry.identifiers.push(Identifier {
                    kind: (*property).to_owned(),
                    value,
                });
            }
        }
        for property in ["program", "programId"] {
            entry.programs.extend(self.texts(property)?);
        }
        Ok(entry)
    }
}
