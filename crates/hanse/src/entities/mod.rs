//! `/v1/entities`: the register, from application to dissolution.

pub mod wire;

pub mod apply;
pub mod approve;
pub mod step;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use ids::{EntityId, JurisdictionId, PackItemId};
use mez::entity::{Entity, Refusal};
use mez::person::Person;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;

use crate::auth::{Operation, Permit, Resource, can};
use crate::http::extract::{Caller, PathOf, QueryOf};
use crate::http::guard::routes;
use crate::http::page::{Page, PageQuery, etag};
use crate::http::problem::{Code, Problem};
use crate::http::texts::{EntityIdText, JurisdictionIdText, PackItemIdText};
use crate::institutions::{Institutions, Node};
use crate::store::{self, Stored, kind};
use wire::{EntityView, PersonView};

/// The routes of this module.
pub fn routes() -> OpenApiRouter<Node> {
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
    cursor: Option<crate::http::page::Cursor>,
    /// How many items at most, 1 to 200.
    #[param(inline)]
    limit: Option<crate::http::page::PageLimit>,
    /// Only those in this state.
    #[param(inline)]
    status: Option<StatusName>,
    /// Only those of this register.
    #[param(inline, value_type = Option<JurisdictionIdText>)]
    jurisdiction: Option<JurisdictionId>,
    /// Only those of this type.
    #[param(inline, value_type = Option<PackItemIdText>)]
    entity_type: Option<PackItemId>,
}

/// The states by name.
#[derive(Clone, Copy, Debug, Deserialize, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = EntityStatus)]
enum StatusName {
    Applied,
    InReview,
    Active,
    Rejected,
    Suspended,
    Dissolving,
    Dissolved,
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
) -> Result<Json<Page<EntityView>>, Problem> {
    let page = PageQuery {
        cursor: query.cursor.clone(),
        limit: query.limit,
    };
    let status = query.status.map(status_text);
    let mut filters = Vec::new();
    filters.extend(status.as_deref().map(|status| ("status", status)));
    filters.extend(
        query
            .jurisdiction
            .as_ref()
            .map(|it| ("jurisdiction", it.as_str())),
    );
    filters.extend(
        query
            .entity_type
            .as_ref()
            .map(|it| ("entity_type", it.as_str())),
    );
    let visible = |entity: &Stored<Entity>| caller.permit(resource(&entity.body)).is_ok();
    let mut items = Vec::new();
    let mut after = page.after().map(str::to_owned);
    while items.len() <= page.limit() {
        let chunk: Vec<Stored<Entity>> = store::list(
            &node.platform.reader,
            kind::ENTITY,
            &filters,
            after.as_deref(),
            200,
        )?;
        let is_last = chunk.len() < 200;
        after = chunk.last().map(|entity| entity.id.clone());
        items.extend(
            chunk
                .into_iter()
                .filter(visible)
                .map(|entity| node.view(&entity.body)),
        );
        if is_last {
            break;
        }
    }
    items.truncate(page.limit() + 1);
    Ok(Json(Page::cut(items, page.limit(), |item: &EntityView| {
        item.id.clone()
    })))
}

/// One entity.
#[utoipa::path(
    get, path = "/v1/entities/{id}", tag = "entities", params(("id" = inline(EntityIdText), Path)),
    responses((
        status = 200, description = "The entity.", body = EntityView,
        headers(("ETag" = String, description = "The version of the entity."))
    ))
)]
async fn find_entity(
    caller: Caller<can::ReadEntities>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
) -> Result<impl IntoResponse, Problem> {
    let (entity, _) = permitted(&node, &caller, &id)?;
    let headers: [(_, HeaderValue); 1] = [(header::ETAG, etag(entity.version))];
    Ok((headers, Json(node.view(&entity.body))))
}

/// The persons behind an entity. Those whose data was erased are shown as erased.
#[utoipa::path(
    get, path = "/v1/entities/{id}/persons", tag = "entities", params(("id" = inline(EntityIdText), Path)),
    responses((status = 200, description = "The persons.", body = Vec<PersonView>))
)]
async fn list_persons(
    caller: Caller<can::ReadEntities>,
    State(node): State<Node>,
    PathOf(id): PathOf<EntityId>,
) -> Result<Json<Vec<PersonView>>, Problem> {
    let (entity, _) = permitted(&node, &caller, &id)?;
    let owners = entity.body.owners.iter().map(|stake| stake.person.clone());
    let ids: std::collections::BTreeSet<_> = entity
        .body
        .directors
        .iter()
        .cloned()
        .chain(owners)
        .collect();
    let mut views = Vec::new();
    for id in ids {
        let person = store::find::<Person>(&node.platform.reader, kind::PERSON, id.as_str())?;
        views.push(PersonView::of(&id, person.map(|person| person.body)));
    }
    Ok(Json(views))
}

/// An entity that the caller may do `A` to. One it may not know of is not found.
pub(crate) fn permitted<A: Operation>(
    node: &Institutions,
    caller: &Caller<A>,
    id: &EntityId,
) -> Result<(Stored<Entity>, Permit), Problem> {
    let found = store::find::<Entity>(&node.platform.reader, kind::ENTITY, id.as_str())?;
    let entity = found.ok_or_else(|| Problem::not_found("entity"))?;
    let permit = caller.permit(resource(&entity.body))?;
    Ok((entity, permit))
}

pub(crate) fn resource(entity: &Entity) -> Resource<'_> {
    Resource::Entity {
        id: entity.id.as_str(),
        jurisdiction: entity.jurisdiction.as_str(),
    }
}

/// A well-formed request that a rule refuses.
pub(crate) fn invalid(detail: &str) -> Problem {
    Problem::new(Code::RuleViolated, detail)
}

/// What the caller is told when the register refuses.
pub(crate) fn refused(refusal: Refusal) -> Problem {
    let code = match &refusal {
        Refusal::NoEntity(_) => return Problem::not_found("entity"),
        Refusal::Canonical(_) | Refusal::ForeignScreening { .. } => {
            return Problem::internal(&refusal);
        }
        Refusal::AlreadyApplied(_)
        | Refusal::WrongState { .. }
        | Refusal::StaleEvaluation
        | Refusal::ApprovedAlready(_)
        | Refusal::LiquidatorInOffice => Code::Conflict,
        Refusal::PartiesNotCleared(_) => Code::ScreeningBlocked,
        Refusal::Compliance(_) => Code::ComplianceBlocked,
        Refusal::ReviewerIsApplicant(_) => Code::Forbidden,
        _ => Code::RuleViolated,
    };
    let detail = refusal.to_string();
    let mut problem = Problem::new(code, detail.clone());
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
        Refusal::BadText { field, .. } | Refusal::BadCount { field, .. } => format!("/{field}"),
        Refusal::Person(_) | Refusal::DuplicatePerson(_) | Refusal::IdlePerson(_) => {
            "/persons".to_owned()
        }
        Refusal::DuplicateOwner(_) | Refusal::BadShares { .. } => "/owners".to_owned(),
        Refusal::UndescribedPerson(_) => "/directors".to_owned(),
        Refusal::Dissolution(_) => "/proof".to_owned(),
        _ => String::new(),
    }
}

fn status_text(status: StatusName) -> String {
    let value = serde_json::to_value(status).expect("a state is its name");
    value.as_str().unwrap_or_default().to_owned()
}
