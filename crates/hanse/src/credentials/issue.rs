//! Issues a credential within the transaction of the fact it states.

use evidence::credential::Builder;
use evidence::data_integrity::{self, ProofPurpose};
use evidence::status_list::{Entry, StatusPurpose};
use journal::{Expected, Privacy};
use law::compliance::Evaluation;
use mez::credential::{FORMATION_CREDENTIAL_TYPE, formation_subject};
use mez::entity::Entity;
use serde_json::Value;

use super::{CredentialIssued, IndexAssigned, status};
use crate::change::Change;
use crate::entities::wire::time;
use crate::http::problem::{Code, Problem};
use crate::institutions::Institutions;
use crate::{store, streams};

/// Issues the credential of a company that is being registered: its id and itself.
///
/// # Errors
/// The journal cannot be read, or the status list is full.
pub fn formation(
    node: &Institutions,
    change: &mut Change,
    entity: &Entity,
    evaluation: &Evaluation,
) -> Result<(String, Value), Problem> {
    let subject = formation_subject(&node.manifest.zone_id, entity, evaluation.rules())
        .ok_or_else(|| Problem::new(Code::Conflict, "the company is not registered"))?;
    let now = time(change.now_ms());
    let index = take_index(node, change)?;
    let id = uuid::Uuid::now_v7().to_string();
    let place = |purpose| {
        Entry {
            list: status::url(node, purpose),
            index,
            purpose,
        }
        .to_value()
    };
    let unsigned = Builder {
        id: format!("urn:uuid:{id}"),
        issuer: node.issuer.did().to_string(),
        types: vec![FORMATION_CREDENTIAL_TYPE.to_owned()],
        subject,
        valid_from: now,
        valid_until: None,
        status: vec![
            place(StatusPurpose::Revocation),
            place(StatusPurpose::Suspension),
        ],
    }
    .build()
    .map_err(|error| Problem::internal(&error))?;
    let signed = data_integrity::sign(unsigned, &node.issuer, now, ProofPurpose::AssertionMethod)
        .map_err(|error| Problem::internal(&error))?;
    let issued = CredentialIssued {
        id: id.clone(),
        entity: entity.id.clone(),
        index: index as u64,
        credential: signed.clone(),
    };
    let stream = streams::credential(&id);
    change.append(
        &stream,
        Privacy::Public,
        Expected::NoStream,
        "credential.issued.v1",
        &issued,
    )?;
    Ok((id, signed))
}

/// The next free place on the status lists. Both lists use one place for one credential.
fn take_index(node: &Institutions, change: &mut Change) -> Result<usize, Problem> {
    let reader = &node.platform.reader;
    let stream = streams::status_list(status::LIST);
    let expected = store::expected(reader, &stream)?;
    let index = status::state(node)?.map_or(0, |state| state.assigned);
    if index >= status::BITS as u64 {
        return Err(Problem::new(
            Code::Conflict,
            "the status lists have no free place",
        ));
    }
    let assigned = IndexAssigned { index };
    change.append(
        &stream,
        Privacy::Public,
        expected,
        "status_list.index_assigned.v1",
        &assigned,
    )?;
    Ok(usize::try_from(index).expect("an index is below the length of the list"))
}
