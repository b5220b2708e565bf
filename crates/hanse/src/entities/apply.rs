//! Applying: the application is screened within the transaction that records it.

use axum::extract::State;
use ids::EntityId;
use journal::{Expected, Privacy};
use mez::entity::{self, Command as Step, Context, EntityEvent};
use serde::{Deserialize, Serialize};

use super::wire::{ApplicationBody, EntityView, Minted, actor};
use super::{invalid, refused};
use crate::auth::{Resource, can};
use crate::change::{Change, without_screening};
use crate::entities::step::advance;
use crate::http::extract::{Caller, Command};
use crate::http::idempotency::{Decided, Outcome, Receipted, Reply, execute};
use crate::http::problem::{Code, Problem};
use crate::institutions::{Institutions, Node};
use crate::screening::screen_parties;
use crate::store::{self, kind};
use crate::streams;

/// A legal name was taken in a register. The stream's head keeps two applications from taking one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameReserved {
    /// The name as it is compared.
    pub name: String,
    /// Who has it.
    pub entity: EntityId,
}

/// Apply to register a company. Its name and everybody behind it are screened in the same transaction.
#[utoipa::path(
    post, path = "/v1/entities", tag = "entities", request_body = ApplicationBody,
    responses((status = 201, description = "The application is recorded and screened.", body = Receipted<EntityView>))
)]
pub async fn apply_for_entity(
    caller: Caller<can::ApplyEntity>,
    State(node): State<Node>,
    command: Command<ApplicationBody>,
) -> Result<Outcome, Problem> {
    let permit = caller.permit(Resource::Zone)?;
    let Command { body, ticket } = command;
    let id: EntityId = uuid::Uuid::now_v7()
        .to_string()
        .parse()
        .expect("a UUID is an entity id");
    let minted = mint(&node, &body)?;
    let actor = actor(permit.principal());
    execute(&node.platform, &permit, &ticket, |now_ms| {
        let application = body.clone().into_application(id.clone(), &minted)?;
        let persons = application
            .persons
            .iter()
            .map(|person| (person.id.clone(), person.clone()));
        let persons = persons.collect();
        let jurisdiction = application.jurisdiction.clone();
        let entity_types = node.entity_types(now_ms)?;
        let context = Context {
            entity_types: &entity_types,
            ..node.context(now_ms, &actor)
        };
        let step = Step::Apply(Box::new(application));
        let mut decision = entity::decide(None, step, &context).map_err(refused)?;
        without_screening(&mut decision);
        let applied =
            entity::replay(&decision.events).map_err(|error| Problem::internal(&error))?;
        let applied = applied.ok_or_else(|| Problem::not_found("entity"))?;

        let mut change = Change::new(now_ms);
        change.decision(&id, Expected::NoStream, &decision)?;
        reserve_name(&node, &mut change, &jurisdiction, &applied.legal_name, &id)?;
        let desk = node.shelf.desk();
        let parties = applied.parties.keys().cloned().collect::<Vec<_>>();
        let facts = screen_parties(&node, &desk, &mut change, &applied, &persons, parties)?;
        let actor_node = node.actor();
        let context = node.context(now_ms, &actor_node);
        let screened = entity::decide(Some(&applied), Step::RecordScreenings(facts), &context)
            .map_err(refused)?;
        let after = advance(applied, &screened.events)?;
        change.decision(&id, Expected::NoStream, &screened)?;
        let reply = Reply::created(format!("/v1/entities/{id}"), &node.view_at(&after, now_ms));
        Ok(Decided {
            transaction: change.into_transaction(),
            reply,
            reply_owner: None,
        })
    })
    .await
}

/// Draws an id and a salt for every person of an application.
fn mint(node: &Institutions, body: &ApplicationBody) -> Result<Minted, Problem> {
    let mut minted = Minted::new();
    for (n, person) in body.persons.iter().enumerate() {
        let id = uuid::Uuid::now_v7()
            .to_string()
            .parse()
            .expect("a UUID is a person id");
        if minted
            .insert(person.reference.clone(), (id, node.salt()))
            .is_some()
        {
            return Err(invalid("two persons have one ref").with_error(
                format!("/persons/{n}/ref"),
                "duplicate_person",
                format!("the ref `{}` is given twice", person.reference),
            ));
        }
    }
    Ok(minted)
}

fn reserve_name(
    node: &Institutions,
    change: &mut Change,
    jurisdiction: &ids::JurisdictionId,
    legal_name: &str,
    id: &EntityId,
) -> Result<(), Problem> {
    let reader = &node.platform.reader;
    let stream = streams::register(jurisdiction);
    let expected = store::expected(reader, &stream)?;
    let name = compared(legal_name);
    let record = format!("{jurisdiction}/{name}");
    if store::find::<NameReserved>(reader, kind::LEGAL_NAME, &record)?.is_some() {
        return Err(
            Problem::new(Code::Conflict, "the register has a company of this name").with_error(
                "/legal_name",
                "unique_name",
                "the name is taken in this register",
            ),
        );
    }
    let reserved = NameReserved {
        name,
        entity: id.clone(),
    };
    change.append(
        &stream,
        Privacy::Public,
        expected,
        "register.name_reserved.v1",
        &reserved,
    )
}

/// Names that differ only in case, marks and spacing are one name.
pub(crate) fn compared(legal_name: &str) -> String {
    let words: Vec<String> = legal_name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.join(" ")
}

/// The name that an entity gives back when its application is rejected or it is dissolved.
pub(crate) fn released(event: &EntityEvent) -> bool {
    matches!(event, EntityEvent::Rejected(_) | EntityEvent::Dissolved(_))
}
