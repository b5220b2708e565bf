//! `/v1/zone`: what the zone is made of.

pub mod can;
pub mod load;

use api::zone::{ActivityView, EntityTypeView, PackView, ZoneView};
use api::zone::{AuthorityView, SourceView};
use axum::Json;
use axum::extract::State;
use ids::PackItemId;
use law::compliance::Authority;
use utoipa_axum::router::OpenApiRouter;

use crate::institution::Institution;
use crate::screening::lists;
use crate::state::{Institutions, Node};
use platform::declined::Declined;
use platform::http::extract::{Caller, PathOf};
use platform::moment::Moment;
use platform::routes;

/// What the zone is made of.
pub const INSTITUTION: Institution = Institution {
    name: "zone",
    routes,
    ..Institution::NONE
};

fn routes() -> OpenApiRouter<Node> {
    OpenApiRouter::default()
        .routes(routes!(read_zone))
        .routes(routes!(find_pack))
}

/// What the zone is made of: keys, law, lists, authorities.
#[utoipa::path(
    get, path = "/v1/zone", tag = "zone",
    responses((status = 200, description = "The zone.", body = ZoneView))
)]
async fn read_zone(
    _caller: Caller<can::ReadZone>,
    State(node): State<Node>,
) -> Result<Json<ZoneView>, Declined> {
    let shared = node.clone();
    let view = node.platform.read(move |moment| zone_view(&shared, moment));
    view.await.map(Json)
}

fn zone_view(node: &Institutions, moment: &Moment<'_>) -> Result<ZoneView, Declined> {
    let manifest = &node.manifest;
    let packs = node.rulebook.packs();
    let stack = manifest.jurisdiction_stack.iter();
    let activities = packs.iter().flat_map(|pack| &pack.register().activities);
    Ok(ZoneView {
        zone_id: manifest.zone_id.to_string(),
        name: manifest.name.clone(),
        did: node.issuer.did().to_string(),
        log_key: node.log_identity.log().to_string(),
        public_url: node.public_url.clone(),
        jurisdiction_stack: stack.map(ToString::to_string).collect(),
        entity_types: entity_types(node, moment.now_ms)?,
        activities: activities
            .map(|it| ActivityView {
                id: it.id.to_string(),
                name: it.name.clone(),
                licence: it.licence.as_ref().map(ToString::to_string),
            })
            .collect(),
        packs: packs.iter().map(pack_view).collect(),
        lock: node.lock.total(),
        authorities: manifest.authorities.iter().map(authority_view).collect(),
        manifest: serde_json::to_value(manifest).map_err(|error| Declined::internal(&error))?,
        sanctions_lists: lists::views(node, moment)?,
    })
}

/// What can be registered at an instant.
fn entity_types(node: &Institutions, now_ms: i64) -> Result<Vec<EntityTypeView>, Declined> {
    let offered = node.entity_types(now_ms)?;
    let mut views = Vec::new();
    for pack in node.rulebook.packs() {
        let jurisdiction = &pack.manifest().jurisdiction;
        let is_offered = |id: &PackItemId| {
            let mut offered = offered.iter();
            offered.any(|(place, known)| place == jurisdiction && known == id)
        };
        let types = pack.register().entity_types.iter();
        views.extend(
            types
                .filter(|it| is_offered(&it.id))
                .map(|it| EntityTypeView {
                    id: it.id.to_string(),
                    name: it.name.clone(),
                    jurisdiction: jurisdiction.to_string(),
                    clause: it.clause.clone(),
                }),
        );
    }
    Ok(views)
}

/// One law pack.
#[utoipa::path(
    get, path = "/v1/zone/packs/{id}", tag = "zone", params(("id" = String, Path)),
    responses((status = 200, description = "The pack.", body = PackView))
)]
async fn find_pack(
    _caller: Caller<can::ReadZone>,
    State(node): State<Node>,
    PathOf(id): PathOf<String>,
) -> Result<Json<PackView>, Declined> {
    let found = node
        .rulebook
        .packs()
        .iter()
        .find(|pack| pack.id().as_str() == id);
    found
        .map(|pack| Json(pack_view(pack)))
        .ok_or_else(|| Declined::not_found("pack"))
}

fn pack_view(pack: &law::pack::Pack) -> PackView {
    PackView {
        id: pack.id().to_string(),
        version: pack.manifest().version.clone(),
        title: pack.title().to_owned(),
        notice: pack.manifest().notice.clone(),
        digest: pack.digest(),
        sources: pack.manifest().sources.iter().map(source_view).collect(),
    }
}

fn source_view(source: &law::pack::Source) -> SourceView {
    SourceView {
        id: source.id.to_string(),
        citation: source.citation.clone(),
        url: source.url.clone(),
        date: source.date,
        checked: source.checked.as_str().to_owned(),
    }
}

fn authority_view(authority: &Authority) -> AuthorityView {
    let domains = authority.domains.iter();
    AuthorityView {
        did: authority.did.clone(),
        name: authority.name.clone(),
        domains: domains.map(ToString::to_string).collect(),
    }
}
