//! `/v1/entities`: the register, from application to dissolution.
//!
//! Invariants (guard):
//! 1. what happens to an entity is decided by `mez::entity` alone, on the entity of one instant   (`advance`)
//! 2. no two companies of a register have one name or one number      (`register`: what is free is read, and guards)
//! 3. a company is registered with its number, its judgement and its credential, or not at all    (`approve`)

pub mod can;
pub mod wire;

pub mod apply;
pub mod approve;
pub mod step;

mod project;
mod register;
mod work;

use crate::entities::wire::person_view;
use api::entities::EntityStatus;
use api::page::{Page, PageQuery};
use api::problem::Code;
use api::scope::{ReadScope, Scope};
use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use ids::aggregate::Aggregate as _;
use ids::{EntityId, JurisdictionId, PackItemId};
use journal::Privacy;
use mez::entity::{Command as Step, Context, Decision, Entity, Event, Refusal};
use mez::person::Person;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;

use crate::institution::Institution;
use crate::institution::Work as _;
use crate::records::kind;
use crate::state::{Institutions, Node};
use crate::streams;
use api::entities::{EntityView, PersonView};
use platform::auth::{Asks, Permit, Resource};
use platform::change::Change;
use platform::declined::Declined;
use platform::http::extract::{Caller, PathOf, QueryOf};
use platform::http::page::etag;
use platform::moment::Moment;
use platform::routes;
use platform::store::{self, Stored};

/// The register.
pub const INSTITUTION: Institution = Institution {
    name: "entities",
    projections: &[
        ("entity.", project::entity),
        ("person.recorded.v1", project::person),
        (register::NAME_RESERVED_KIND, project::name_reserved),
        (register::NUMBER_ASSIGNED_KIND, project::number_assigned),
    ],
    routes,
    effects: &[
        (work::NOTIFY_REVIEWERS, work::execute),
        (work::PUBLISH_STATUS_LIST, work::execute),
    ],
    sealed: &[("mez/person", Some(Scope::Read(ReadScope::EntitiesRead)))],
    ..Institution::NONE
};

fn routes() -> OpenApiRouter<Node> {
    OpenApiRouter::default()
        .routes(routes!(list_entities, apply::apply_for_entity))
        .routes(routes!(find_entity))
        .routes(routes!(list_persons))
        .routes(routes!(step::begin_review))
        .routes(routes!(approve::approve_entity))
        .routes(routes!(step::reject_entity))
        .routes(routes!(step::suspend_entity))
        .routes(routes!(step::reinstate_entity))
        .routes(routes!(step::initiate_dissolution))
        .routes(routes!(step::advance_dissolution))
        .routes(routes!(step::cancel_dissolution))
}

/// Which entities to list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EntityQuery {
    /// The `next` of the page before. Opaque.
    cursor: Option<api::page::Cursor>,
    /// How many items at most, 1 to 200.
    #[param(inline)]
    limit: Option<api::page::PageLimit>,
    /// Only those in this state.
    #[param(inline)]
    status: Option<EntityStatus>,
    /// Only those of this register.
    #[param(inline)]
    jurisdiction: Option<JurisdictionId>,
    /// Only those of this type.
    #[param(inline)]
    entity_type: Option<PackItemId>,
}

/// The entities of the zone, by id. Those who act for entities see their own.
#[utoipa::path(
    get, path = "/v1/entities", tag = "entities", params(EntityQuery),
    responses((status = 200, description = "One page of entities.", body = Page<EntityView>))
)]
async fn list_entities(
    caller: Caller<can::ReadEntities>,
    State(node): State<Node>,
    QueryOf(query): QueryOf<EntityQuery>,
) -> Result<Json<Page<EntityView>>, Declined> {
    let shared = node.clone();
    let list = move |moment: &Moment<'_>| page_of(&shared, moment, &caller, &query);
    node.platform.read(list).await.map(Json)
}

/// A page of the entities that fit and that the caller may see.
fn page_of(
    node: &Institutions,
    moment: &Moment<'_>,
    caller: &Caller<can::ReadEntities>,
    query: &EntityQuery,
) -> Result<Page<EntityView>, Declined> {
    const CHUNK: usize = 200;
    let page = PageQuery {
        cursor: query.cursor.clone(),
        limit: query.limit,
    };
    let status = query.status.map(status_text);
    let filters = [
        ("status", status.as_deref()),
        (
            "jurisdiction",
            query.jurisdiction.as_ref().map(JurisdictionId::as_str),
        ),
        (
            "entity_type",
            query.entity_type.as_ref().map(PackItemId::as_str),
        ),
    ];
    let filters = filters.into_iter();
    let filters: Vec<_> = filters
        .filter_map(|(field, value)| Some((field, value?)))
        .collect();
    let visible = |entity: &Stored<Entity>| caller.permit(resource(&entity.body)).is_ok();
    let mut items = Vec::new();
    let mut after = page.after().map(str::to_owned);
    while items.len() <= page.limit() {
        let chunk: Vec<Stored<Entity>> =
            store::list(moment, kind::ENTITY, &filters, after.as_deref(), CHUNK)?;
        let is_last = chunk.len() < CHUNK;
        after = chunk.last().map(|entity| entity.id.clone());
        let seen = chunk.into_iter().filter(visible);
        items.extend(seen.map(|entity| node.view_at(&entity.body, moment.now_ms)));
        if is_last {
            break;
        }
    }
    items.truncate(page.limit() + 1);
    let key = |item: &EntityView| item.id.clone();
    Ok(Page::cut(items, page.limit(), key))
}

/// One entity.
#[utoipa::path(
    get, path = "/v1/entities/{id}", tag = "entities", params(("id" = inline(EntityId), Path)),
    responses((
        status = 200, description = "The entity.", body = EntityView,
        headers(("ETag" = String, description = "The version of the entity."))
    ))
)]
async fn find_entity(
    caller: Caller<can::ReadEntities>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
) -> Result<impl IntoResponse, Declined> {
    let shared = node.clone();
    let find = move |moment: &Moment<'_>| {
        let (entity, _) = permitted(moment, &caller, &id)?;
        let headers: [(_, HeaderValue); 1] = [(header::ETAG, etag(entity.version))];
        Ok((headers, Json(shared.view_at(&entity.body, moment.now_ms))))
    };
    node.platform.read(find).await
}

/// The persons behind an entity. Those whose data was erased are shown as erased.
#[utoipa::path(
    get, path = "/v1/entities/{id}/persons", tag = "entities", params(("id" = inline(EntityId), Path)),
    responses((status = 200, description = "The persons.", body = Vec<PersonView>))
)]
async fn list_persons(
    caller: Caller<can::ReadEntities>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
) -> Result<Json<Vec<PersonView>>, Declined> {
    let list = move |moment: &Moment<'_>| {
        let (entity, _) = permitted(moment, &caller, &id)?;
        let owners = entity.body.owners.iter().map(|stake| &stake.person);
        let ids: BTreeSet<_> = entity.body.directors.iter().chain(owners).collect();
        let mut views = Vec::new();
        for id in ids {
            let person = store::find::<Person>(moment, kind::PERSON, id.as_str())?;
            views.push(person_view(id, person.map(|person| person.body)));
        }
        Ok(Json(views))
    };
    node.platform.read(list).await
}

/// An entity that the caller may do `A` to. One it may not know of is not found.
///
/// # Errors
/// `not_found`, or `forbidden`; the journal cannot be read.
pub(crate) fn permitted<A: Asks>(
    moment: &Moment<'_>,
    caller: &Caller<A>,
    id: &EntityId,
) -> Result<(Stored<Entity>, Permit), Declined> {
    let entity =
        crate::records::entity(moment, id)?.ok_or_else(|| Declined::not_found("entity"))?;
    let permit = caller.permit(resource(&entity.body))?;
    Ok((entity, permit))
}

/// Decides a step and writes what comes of it. Returns the entity after it.
///
/// # Errors
/// The register refuses.
pub(crate) fn advance(
    change: &mut Change,
    entity: Option<Entity>,
    step: Step,
    context: &Context<'_>,
) -> Result<Entity, Declined> {
    let decision = Entity::decide(entity.as_ref(), step, context).map_err(refused)?;
    let after = Entity::replay(entity, &decision.events);
    let after = after.map_err(|error| Declined::internal(&error))?;
    let after = after.ok_or_else(|| Declined::not_found("entity"))?;
    record(change, &after.id, &decision)?;
    Ok(after)
}

/// Writes a decision: facts to the stream of what they are about, and work for the outbox.
///
/// # Errors
/// An event or an effect has no canonical form, which is a defect.
fn record(change: &mut Change, id: &EntityId, decision: &Decision) -> Result<(), Declined> {
    for event in &decision.events {
        let (stream, privacy) = match event {
            Event::Entity(_) => (streams::entity(id), Privacy::Public),
            Event::Person(fact) => (streams::person(fact.person()), Privacy::Personal),
        };
        change.append(&stream, privacy, event.kind(), event)?;
    }
    let mut effects = decision.effects.iter();
    effects.try_for_each(|effect| change.effect(effect.kind(), effect))
}

pub(crate) fn resource(entity: &Entity) -> Resource<'_> {
    Resource::Entity {
        id: entity.id.as_str(),
        jurisdiction: entity.jurisdiction.as_str(),
    }
}

/// A well-formed request that a rule refuses.
pub(crate) fn invalid(detail: &str) -> Declined {
    Declined::new(Code::RuleViolated, detail)
}

/// What the caller is told when the register refuses.
pub(crate) fn refused(refusal: Refusal) -> Declined {
    let code = match &refusal {
        Refusal::Common(refusal) => return refusal.clone().into(),
        Refusal::Canonical(_) | Refusal::ForeignScreening { .. } => {
            return Declined::internal(&refusal);
        }
        Refusal::AlreadyApplied(_)
        | Refusal::StaleEvaluation
        | Refusal::ApprovedAlready(_)
        | Refusal::LiquidatorInOffice => Code::Conflict,
        Refusal::PartiesNotCleared(_) => Code::ScreeningBlocked,
        Refusal::Compliance(_) => Code::ComplianceBlocked,
        Refusal::ReviewerIsApplicant(_) => Code::Forbidden,
        Refusal::UnknownEntityType { .. }
        | Refusal::Person(_)
        | Refusal::DuplicatePerson(_)
        | Refusal::UndescribedPerson(_)
        | Refusal::IdlePerson(_)
        | Refusal::DuplicateOwner(_)
        | Refusal::BadShares { .. }
        | Refusal::Dissolution(_) => Code::RuleViolated,
    };
    let detail = refusal.to_string();
    let mut problem = Declined::new(code, detail.clone());
    if let Refusal::PartiesNotCleared(open) = &refusal {
        for (party, standing) in open {
            problem = problem.with_error(
                format!("#party/{party}"),
                "screening_not_clear",
                format!("{party} is {standing}"),
            );
        }
        return problem;
    }
    if !refusal.denials().is_empty() {
        return wire::denial_errors(problem, refusal.denials());
    }
    problem.with_error(pointer(&refusal), refusal.code(), detail)
}

/// Where in the application the broken rule is.
fn pointer(refusal: &Refusal) -> String {
    match refusal {
        Refusal::UnknownEntityType { .. } => "/entity_type".to_owned(),
        Refusal::Person(_) | Refusal::DuplicatePerson(_) | Refusal::IdlePerson(_) => {
            "/persons".to_owned()
        }
        Refusal::DuplicateOwner(_) | Refusal::BadShares { .. } => "/owners".to_owned(),
        Refusal::UndescribedPerson(_) => "/directors".to_owned(),
        Refusal::Dissolution(_) => "/proof".to_owned(),
        _ => String::new(),
    }
}

fn status_text(status: EntityStatus) -> String {
    let value = serde_json::to_value(status).expect("a state is its name");
    value.as_str().unwrap_or_default().to_owned()
}
