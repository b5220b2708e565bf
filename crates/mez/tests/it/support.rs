//! A company on its way through the register.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use evidence::digest::Digest;
use ids::aggregate::Aggregate;
use ids::{ActorId, JurisdictionId, PackItemId, PersonId, Salt};
use law::compliance::{Evaluation, EvaluationRequest, Operation, VerifiedEvidence};
use mez::entity::{self, Application, Command, Context, Decision, Entity, Refusal, Stake};
use mez::person::{Identifier, IdentifierKind, Person};
use mez::screening::{ListVersion, Party, ScreeningFact, ScreeningVerdict};

use super::law_support::{self, DAY_MS, NOW_MS, id, rulebook};

pub(crate) fn person(name: &str, cnic: &str, salt: u8) -> Person {
    Person {
        id: id(name),
        name: format!("Person {name}"),
        other_names: vec![],
        date_of_birth: Some("1980-02-29".parse().unwrap()),
        nationality: Some(id("PK")),
        identifiers: vec![Identifier::new(IdentifierKind::PkCnic, cnic).unwrap()],
        salt: Salt::new([salt; 32]),
    }
}

pub(crate) fn application() -> Application {
    Application {
        id: id("indus-trading"),
        jurisdiction: id("pk"),
        entity_type: id("private-limited"),
        legal_name: "Indus Trading (Private) Limited".to_owned(),
        registered_office: "1 Mall Road, Lahore".to_owned(),
        activities: [id("general-trading")].into(),
        persons: vec![
            person("aisha", "35202-1234567-1", 1),
            person("bilal", "35202-7654321-2", 2),
        ],
        directors: [id("aisha"), id("bilal")].into(),
        owners: vec![
            Stake {
                person: id("aisha"),
                share_bps: 6_000,
            },
            Stake {
                person: id("bilal"),
                share_bps: 4_000,
            },
        ],
    }
}

pub(crate) fn context<'a>(
    actor: &'a ActorId,
    now_ms: i64,
    entity_types: &'a [(JurisdictionId, PackItemId)],
) -> Context<'a> {
    Context {
        now_ms,
        actor,
        entity_types,
        approvals_required: 1,
        screening_age_max_ms: DAY_MS,
    }
}

/// Decides as `actor` and folds the events into the entity.
pub(crate) fn act(
    entity: Option<Entity>,
    actor: &str,
    now_ms: i64,
    command: Command,
) -> Result<(Entity, Decision), Refusal> {
    let actor = id(actor);
    let types = rulebook().entity_types(now_ms).unwrap();
    let decision = Entity::decide(entity.as_ref(), command, &context(&actor, now_ms, &types))?;
    let after = Entity::replay(entity, &decision.events);
    Ok((after.unwrap().unwrap(), decision))
}

pub(crate) fn applied() -> Entity {
    act(
        None,
        "applicant",
        NOW_MS,
        Command::Apply(Box::new(application())),
    )
    .unwrap()
    .0
}

pub(crate) fn screening(
    entity: &Entity,
    party: &Party,
    verdict: ScreeningVerdict,
) -> ScreeningFact {
    ScreeningFact {
        party: party.clone(),
        subject: entity.parties[party].subject,
        verdict,
        review: None,
        lists: vec![ListVersion {
            name: "ofac-sdn".to_owned(),
            version: "2021-07-01".to_owned(),
            digest: Digest::raw(b"list"),
        }],
        screened_at_ms: NOW_MS,
        record: Digest::raw(b"record"),
    }
}

pub(crate) fn all_clear(entity: &Entity) -> Vec<ScreeningFact> {
    let clear = |party| screening(entity, party, ScreeningVerdict::Clear);
    entity.parties.keys().map(clear).collect()
}

/// Screened clear, and in review.
pub(crate) fn in_review() -> Entity {
    let entity = applied();
    let screenings = all_clear(&entity);
    let (entity, _) = act(
        Some(entity),
        "screener",
        NOW_MS,
        Command::RecordScreenings(screenings),
    )
    .unwrap();
    act(Some(entity), "reviewer", NOW_MS, Command::BeginReview)
        .unwrap()
        .0
}

pub(crate) fn active() -> Entity {
    let entity = in_review();
    let command = approval(&entity, NOW_MS);
    act(Some(entity), "reviewer", NOW_MS, command).unwrap().0
}

pub(crate) fn approval(entity: &Entity, now_ms: i64) -> Command {
    let evaluation = Box::new(evaluate(entity, now_ms, &full_evidence(entity, now_ms)));
    Command::Approve {
        evaluation,
        sequence: NonZeroU64::new(42).unwrap(),
    }
}

pub(crate) fn persons() -> BTreeMap<PersonId, Person> {
    application()
        .persons
        .into_iter()
        .map(|person| (person.id.clone(), person))
        .collect()
}

pub(crate) fn evaluate(entity: &Entity, now_ms: i64, evidence: &[VerifiedEvidence]) -> Evaluation {
    let operation = Operation::EntityFormation;
    let facts = entity::facts(entity, operation, &persons(), now_ms, DAY_MS).unwrap();
    let request = EvaluationRequest {
        subject: &entity.id,
        jurisdiction: &entity.jurisdiction,
        as_of_ms: now_ms,
        facts: &facts,
        evidence,
        gates: operation.gates(),
        salt: Salt::new([7; 32]),
    };
    rulebook().evaluate(&request).unwrap()
}

pub(crate) fn full_evidence(entity: &Entity, now_ms: i64) -> Vec<VerifiedEvidence> {
    let persons = entity.parties.keys().filter_map(|party| match party {
        Party::Person(person) => Some(person.clone()),
        Party::Company => None,
    });
    law_support::full_evidence(&entity.id, &persons.collect(), now_ms)
}
