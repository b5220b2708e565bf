//! The register on the wire: from and to the types of `api`.

use std::collections::BTreeMap;

use api::entities::{
    ApplicationBody, ComplianceView, DissolutionView, EntityView, IdentifierKind as WireKind,
    OwnerView, PartyView, PersonBody, PersonView,
};
use api::screening::ListVersion;
use ids::{ActorId, EntityId, PersonId, PrincipalId, Salt};
use jiff::Timestamp;
use law::compliance::{ComplianceRecord, Denial};
use mez::entity::{Application, Entity, PartyRecord, StageProof, Stake, Status};
use mez::person::{Identifier, IdentifierKind, Person};
use mez::screening::Standing;

use platform::declined::Declined;

/// Ids and salts for the persons of an application, drawn once by the shell.
pub type Minted = BTreeMap<String, (PersonId, Salt)>;

/// An application in the core's terms.
///
/// # Errors
/// A reference leads nowhere, or an official number is not one.
pub fn application(
    body: ApplicationBody,
    id: EntityId,
    minted: &Minted,
) -> Result<Application, Declined> {
    let find = |pointer: String, reference: &str| {
        let found = minted.get(reference).map(|(id, _)| id.clone());
        found.ok_or_else(|| {
            let detail = format!("no person has the ref `{reference}`");
            super::invalid("the application names a person it does not describe").with_error(
                pointer,
                "undescribed_person",
                detail,
            )
        })
    };
    let directors = body.directors.iter().enumerate();
    let directors = directors
        .map(|(n, reference)| find(format!("/directors/{n}"), reference))
        .collect::<Result<_, _>>()?;
    let owners = body.owners.iter().enumerate();
    let owners = owners
        .map(|(n, stake)| {
            let person = find(format!("/owners/{n}/person"), &stake.person)?;
            let share_bps = stake.share_bps;
            Ok(Stake { person, share_bps })
        })
        .collect::<Result<_, Declined>>()?;
    let persons = body.persons.into_iter().enumerate();
    let persons = persons
        .map(|(n, body)| person(n, body, minted))
        .collect::<Result<_, Declined>>()?;
    Ok(Application {
        id,
        jurisdiction: body.jurisdiction,
        entity_type: body.entity_type,
        legal_name: body.legal_name,
        registered_office: body.registered_office,
        activities: body.activities,
        persons,
        directors,
        owners,
    })
}

/// The `n`th person of an application.
fn person(n: usize, body: PersonBody, minted: &Minted) -> Result<Person, Declined> {
    let (id, salt) = minted[&body.reference].clone();
    let identifiers = body.identifiers.iter().enumerate();
    let identifiers = identifiers
        .map(|(m, number)| identifier(number, format!("/persons/{n}/identifiers/{m}")))
        .collect::<Result<_, _>>()?;
    Ok(Person {
        id,
        name: body.name,
        other_names: body.other_names,
        date_of_birth: body.date_of_birth,
        nationality: body.nationality,
        identifiers,
        salt,
    })
}

fn identifier(number: &api::entities::Identifier, pointer: String) -> Result<Identifier, Declined> {
    let kind = match number.kind {
        WireKind::PkCnic => IdentifierKind::PkCnic,
        WireKind::PkNtn => IdentifierKind::PkNtn,
        WireKind::Passport => IdentifierKind::Passport,
        WireKind::AeEmiratesId => IdentifierKind::AeEmiratesId,
        WireKind::SgNric => IdentifierKind::SgNric,
    };
    Identifier::new(kind, &number.value).map_err(|error| {
        let detail = error.to_string();
        super::invalid("an official number is not one").with_error(pointer, "invalid", detail)
    })
}

fn identifier_view(number: &Identifier) -> api::entities::Identifier {
    api::entities::Identifier {
        kind: match number.kind() {
            IdentifierKind::PkCnic => WireKind::PkCnic,
            IdentifierKind::PkNtn => WireKind::PkNtn,
            IdentifierKind::Passport => WireKind::Passport,
            IdentifierKind::AeEmiratesId => WireKind::AeEmiratesId,
            IdentifierKind::SgNric => WireKind::SgNric,
        },
        value: number.value().to_owned(),
    }
}

/// The proof of a stage in the core's terms.
pub const fn stage_proof(proof: api::entities::StageProof) -> StageProof {
    use api::entities::StageProof as Wire;
    match proof {
        Wire::None {} => StageProof::None,
        Wire::Vote { in_favour_bps } => StageProof::Vote { in_favour_bps },
        Wire::Gazette { published_at_ms } => StageProof::Gazette { published_at_ms },
    }
}

/// The entity at `now_ms`, when a screening counts for `age_max_ms`.
pub fn entity_view(entity: &Entity, now_ms: i64, age_max_ms: i64) -> EntityView {
    let standings = entity.parties.values();
    let standings = standings.map(|record| record.standing(now_ms, age_max_ms));
    let parties = entity.parties.iter();
    let parties = parties.map(|(party, record)| {
        let standing = record.standing(now_ms, age_max_ms);
        party_view(party.to_string(), record, standing)
    });
    EntityView {
        id: entity.id.to_string(),
        status: entity.status.name().to_owned(),
        reason: reason(&entity.status),
        jurisdiction: entity.jurisdiction.to_string(),
        entity_type: entity.entity_type.to_string(),
        legal_name: entity.legal_name.clone(),
        registered_office: entity.registered_office.clone(),
        activities: texts(&entity.activities),
        registration_number: entity.registration.as_ref().map(|r| r.number.to_string()),
        registered_at: entity.registration.as_ref().map(|r| time(r.at_ms)),
        applied_at: time(entity.applied_at_ms),
        applicant: entity.applicant.to_string(),
        directors: texts(&entity.directors),
        owners: entity.owners.iter().map(owner_view).collect(),
        screening: standings
            .max()
            .unwrap_or(Standing::Unscreened)
            .as_str()
            .to_owned(),
        parties: parties.collect(),
        compliance: entity.compliance.as_ref().map(compliance_view),
        approvals: texts(&entity.approvals),
        dissolution: dissolution_view(&entity.status),
    }
}

fn texts<'a>(all: impl IntoIterator<Item = &'a (impl ToString + 'a)>) -> Vec<String> {
    all.into_iter().map(ToString::to_string).collect()
}

fn party_view(party: String, record: &PartyRecord, standing: Standing) -> PartyView {
    let fact = record.screening.as_ref();
    let lists = fact.map_or(&[][..], |fact| &fact.lists);
    let lists = lists.iter().map(|list| ListVersion {
        name: list.name.clone(),
        version: list.version.clone(),
        digest: list.digest,
    });
    PartyView {
        party,
        standing: standing.as_str().to_owned(),
        verdict: fact.map(|fact| fact.verdict.as_str().to_owned()),
        lists: lists.collect(),
        screened_at: fact.map(|fact| time(fact.screened_at_ms)),
    }
}

fn owner_view(stake: &Stake) -> OwnerView {
    OwnerView {
        person: stake.person.to_string(),
        share_bps: stake.share_bps,
    }
}

fn compliance_view(record: &ComplianceRecord) -> ComplianceView {
    let states = record.states.iter();
    ComplianceView {
        as_of: time(record.as_of_ms),
        states: states
            .map(|(domain, state)| (domain.to_string(), state.to_string()))
            .collect(),
        commitment: record.commitment,
    }
}

fn dissolution_view(status: &Status) -> Option<DissolutionView> {
    match status {
        Status::Dissolving(dissolution) => Some(DissolutionView {
            stage: dissolution.stage.to_string(),
            began_at: time(dissolution.stage_began_ms),
            due_by: time(dissolution.due_by_ms()),
        }),
        _ => None,
    }
}

fn reason(status: &Status) -> Option<String> {
    match status {
        Status::Rejected { reason } | Status::Suspended { reason } => Some(reason.clone()),
        _ => None,
    }
}

/// An instant on the wire. Instants of the journal are within the calendar.
pub fn time(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(if ms < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

/// A person, or the place where one was erased.
pub fn person_view(id: &PersonId, person: Option<Person>) -> PersonView {
    let blank = PersonView {
        id: id.to_string(),
        erased: person.is_none(),
        name: None,
        other_names: vec![],
        date_of_birth: None,
        nationality: None,
        identifiers: vec![],
    };
    let Some(person) = person else { return blank };
    let identifiers = person.identifiers.iter();
    PersonView {
        name: Some(person.name),
        other_names: person.other_names,
        date_of_birth: person.date_of_birth,
        nationality: person.nationality,
        identifiers: identifiers.map(identifier_view).collect(),
        ..blank
    }
}

/// Field errors for what blocks by law: each names its clause and its source.
pub fn denial_errors(mut problem: Declined, denials: &[Denial]) -> Declined {
    for denial in denials {
        for reason in &denial.reasons {
            problem = problem.with_error(
                format!("#domain/{}", denial.domain),
                format!("{} {}", reason.rule, reason.clause),
                format!(
                    "{} is {}: {} ({}, {}; {})",
                    denial.domain,
                    denial.state,
                    reason.text,
                    reason.source,
                    reason.clause,
                    reason.url
                ),
            );
        }
    }
    problem
}

/// An actor as the cores name it.
pub fn actor(principal: &PrincipalId) -> ActorId {
    principal
        .as_str()
        .parse()
        .expect("principal ids are printable ASCII without blanks")
}
