//! What the zone certifies about a company that it registered.

use std::collections::BTreeSet;

use ids::ZoneId;
use law::compliance::{EvidenceSubject, PackVersion};
use serde_json::{Value, json};

use crate::entity::{Entity, Status};
use crate::screening::ListVersion;

/// The type of the credential that formation issues.
pub const FORMATION_CREDENTIAL_TYPE: &str = "HanseFormationCredential";

/// The `credentialSubject` of a formation credential: public facts of the register, the commitment to
/// the compliance judgement, and the exact rules and lists behind it. Persons do not appear.
///
/// `None` unless the entity is active, registered and judged: there is nothing to certify.
pub fn formation_subject(zone: &ZoneId, entity: &Entity, rules: &[PackVersion]) -> Option<Value> {
    let registration = entity.registration.as_ref()?;
    let compliance = entity.compliance.as_ref()?;
    if entity.status != Status::Active {
        return None;
    }
    let lists: BTreeSet<&ListVersion> = entity
        .parties
        .values()
        .filter_map(|record| record.screening.as_ref())
        .flat_map(|fact| &fact.lists)
        .collect();
    Some(json!({
        "id": EvidenceSubject::Entity(entity.id.clone()).to_string(),
        "zone": zone,
        "legalName": entity.legal_name,
        "entityType": entity.entity_type,
        "jurisdiction": entity.jurisdiction,
        "registrationNumber": registration.number,
        "registeredAtMs": registration.at_ms,
        "complianceAsOfMs": compliance.as_of_ms,
        "complianceCommitment": compliance.commitment,
        "rules": rules,
        "screeningLists": lists,
    }))
}
