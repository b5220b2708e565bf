//! Applying: the application is screened within the transaction that records it.

use crate::entities::wire::application;
use api::entities::{ApplicationBody, EntityView};
use api::receipt::Receipted;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use ids::{EntityId, PersonId};
use mez::entity::{Application, Command as Step, Context};
use mez::person::Person;

use super::wire::{Minted, actor};
use super::{advance, invalid, register};
use crate::entities::can;
use crate::screening::screen_parties;
use crate::state::{Institutions, Node};
use platform::auth::{Permit, Resource};
use platform::change::Change;
use platform::declined::Declined;
use platform::http::extract::{Caller, Command};
use platform::http::idempotency::{Decided, Outcome, Reply, execute};
use platform::moment::Moment;

/// Apply to register a company. Its name and everybody behind it are screened in the same transaction.
#[utoipa::path(
    post, path = "/v1/entities", tag = "entities", request_body = ApplicationBody,
    responses((status = 201, description = "The application is recorded and screened.", body = Receipted<EntityView>))
)]
pub async fn apply_for_entity(
    caller: Caller<can::ApplyEntity>,
    State(node): State<Node>,
    command: Command<ApplicationBody>,
) -> Result<Outcome, Declined> {
    let platform = Arc::clone(&node.platform);
    let Command { body, ticket } = command;
    execute(&platform, caller, ticket, move |moment, caller| {
        let permit = caller.permit(Resource::Zone)?;
        let minted = mint(&node, &body)?;
        let application = application(body.clone(), new_id(), &minted)?;
        apply(&node, moment, permit, application)
    })
    .await
}

fn apply(
    node: &Institutions,
    moment: &Moment<'_>,
    permit: Permit,
    application: Application,
) -> Result<Decided, Declined> {
    let persons = application.persons.iter();
    let persons: BTreeMap<PersonId, Person> = persons
        .map(|person| (person.id.clone(), person.clone()))
        .collect();
    let applicant = actor(permit.principal());
    let entity_types = node.entity_types(moment.now_ms)?;
    let context = Context {
        entity_types: &entity_types,
        ..node.context(moment.now_ms, &applicant)
    };
    let mut change = Change::default();
    let step = Step::Apply(Box::new(application));
    let applied = advance(&mut change, None, step, &context)?;
    register::reserve_name(moment, &mut change, &applied)?;

    let parties: Vec<_> = applied.parties.keys().cloned().collect();
    let facts = screen_parties(node, moment, &mut change, &applied, &persons, parties)?;
    let screener = node.actor();
    let context = node.context(moment.now_ms, &screener);
    let step = Step::RecordScreenings(facts);
    let after = advance(&mut change, Some(applied), step, &context)?;
    let location = format!("/v1/entities/{}", after.id);
    let reply = Reply::created(location, &node.view_at(&after, moment.now_ms));
    Ok(Decided::new(permit, change, reply))
}

fn new_id() -> EntityId {
    let id = uuid::Uuid::now_v7().to_string();
    id.parse().expect("a UUID is an entity id")
}

/// Draws an id and a salt for every person of an application.
fn mint(node: &Institutions, body: &ApplicationBody) -> Result<Minted, Declined> {
    let mut minted = Minted::new();
    for (n, person) in body.persons.iter().enumerate() {
        let id = uuid::Uuid::now_v7().to_string();
        let id = id.parse().expect("a UUID is a person id");
        let drawn = (id, node.salt());
        if minted.insert(person.reference.clone(), drawn).is_some() {
            return Err(invalid("two persons have one ref").with_error(
                format!("/persons/{n}/ref"),
                "duplicate_person",
                format!("the ref `{}` is given twice", person.reference),
            ));
        }
    }
    Ok(minted)
}
