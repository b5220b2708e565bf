//! What must be unique in a register: names and numbers. That a name is free, and which number is the next one, is read in
//! the instant of the decision, and the guards keep it so.

use api::problem::Code;
use std::num::NonZeroU64;

use ids::{EntityId, JurisdictionId};
use journal::Privacy;
use mez::entity::Entity;
use serde::{Deserialize, Serialize};

use crate::records::kind;
use crate::streams;
use platform::change::Change;
use platform::declined::Declined;
use platform::moment::Moment;
use platform::store;

/// The kind of [`NameReserved`].
pub(super) const NAME_RESERVED_KIND: &str = "register.name_reserved.v1";
/// The kind of [`NumberAssigned`].
pub(super) const NUMBER_ASSIGNED_KIND: &str = "register.number_assigned.v1";

/// A legal name was taken in a register.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NameReserved {
    /// The name as it is compared.
    pub name: String,
    /// Who has it.
    pub entity: EntityId,
}

/// A number was taken in a register.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NumberAssigned {
    /// The number.
    pub registration_number: String,
    /// Who has it.
    pub entity: EntityId,
    /// Its place in the sequence.
    pub sequence: u64,
}

/// How far a register has counted.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RegisterCounter {
    /// Numbers taken so far.
    pub numbers: u64,
}

/// Takes the legal name of an entity, if nobody has it.
///
/// # Errors
/// `conflict` when the register has the name; the journal cannot be read.
pub(super) fn reserve_name(
    moment: &Moment<'_>,
    change: &mut Change,
    entity: &Entity,
) -> Result<(), Declined> {
    let record = name_id(entity);
    if store::find::<NameReserved>(moment, kind::LEGAL_NAME, &record)?.is_some() {
        let refusal = Declined::new(Code::Conflict, "the register has a company of this name");
        let detail = "the name is taken in this register";
        return Err(refusal.with_error("/legal_name", "unique_name", detail));
    }
    let reserved = NameReserved {
        name: compared(&entity.legal_name),
        entity: entity.id.clone(),
    };
    let stream = streams::register(&entity.jurisdiction);
    change.append(&stream, Privacy::Public, NAME_RESERVED_KIND, &reserved)
}

/// The number after the newest one of a register.
///
/// # Errors
/// The journal cannot be read.
pub(super) fn next_sequence(
    moment: &Moment<'_>,
    jurisdiction: &JurisdictionId,
) -> Result<NonZeroU64, Declined> {
    let counter = store::find::<RegisterCounter>(moment, kind::REGISTER, jurisdiction.as_str())?;
    let used = counter.map_or(0, |counter| counter.body.numbers);
    Ok(NonZeroU64::MIN.saturating_add(used))
}

/// Takes the number of a company that is being registered.
///
/// # Errors
/// The event has no canonical form, which is a defect.
pub(super) fn assign_number(
    change: &mut Change,
    entity: &Entity,
    number: &str,
    sequence: NonZeroU64,
) -> Result<(), Declined> {
    let assigned = NumberAssigned {
        registration_number: number.to_owned(),
        entity: entity.id.clone(),
        sequence: sequence.get(),
    };
    let stream = streams::register(&entity.jurisdiction);
    change.append(&stream, Privacy::Public, NUMBER_ASSIGNED_KIND, &assigned)
}

/// The id of the record of an entity's legal name.
pub(super) fn name_id(entity: &Entity) -> String {
    format!("{}/{}", entity.jurisdiction, compared(&entity.legal_name))
}

/// Names that differ only in case, marks and spacing are one name.
fn compared(legal_name: &str) -> String {
    let words: Vec<String> = legal_name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_by_more_than_case_marks_and_spacing() {
        let known = compared("Indus Valley Software (Private) Limited");
        assert_eq!(compared("INDUS  valley software, private limited."), known);
        assert_ne!(compared("Indus Valley Software Limited"), known);
    }
}
