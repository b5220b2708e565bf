//! `/v1/principals`: who may act in the zone.

use api::page::{Page, PageQuery};
use api::principals::{CreatePrincipal, DisablePrincipal, PrincipalView, SetStanding};
use api::problem::Code;
use api::receipt::Receipted;
use ids::PrincipalId;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::IntoResponse;
use utoipa_axum::router::OpenApiRouter;

use super::Platform;
use super::extract::{Caller, Command, PathOf, QueryOf};
use super::idempotency::Outcome;
use super::page::{etag, require_match};
use crate::auth::can;
use crate::declined::Declined;
use crate::principals;
use crate::routes;

/// The routes of this module.
pub fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::default()
        .routes(routes!(list_principals, create_principal))
        .routes(routes!(find_principal))
        .routes(routes!(set_standing))
        .routes(routes!(disable_principal))
}

/// The principals of the zone, by id.
#[utoipa::path(
    get, path = "/v1/principals", tag = "principals", params(PageQuery),
    responses((status = 200, description = "One page of principals.", body = Page<PrincipalView>))
)]
async fn list_principals(
    _caller: Caller<can::SeePrincipals>,
    State(platform): State<Arc<Platform>>,
    QueryOf(page): QueryOf<PageQuery>,
) -> Result<Json<Page<PrincipalView>>, Declined> {
    platform
        .read(move |moment| {
            let items = principals::list_principals(moment, page.after(), page.limit() + 1)?;
            let key = |item: &PrincipalView| item.id.to_string();
            Ok(Json(Page::cut(items, page.limit(), key)))
        })
        .await
}

/// Create a principal.
#[utoipa::path(
    post, path = "/v1/principals", tag = "principals", request_body = CreatePrincipal,
    responses((status = 201, description = "The principal exists.", body = Receipted<PrincipalView>))
)]
async fn create_principal(
    caller: Caller<can::ManagePrincipals>,
    State(platform): State<Arc<Platform>>,
    command: Command<CreatePrincipal>,
) -> Result<Outcome, Declined> {
    principals::create_principal(&platform, caller, command).await
}

/// One principal.
#[utoipa::path(
    get, path = "/v1/principals/{id}", tag = "principals", params(("id" = PrincipalId, Path)),
    responses((
        status = 200, description = "The principal.", body = PrincipalView,
        headers(("ETag" = String, description = "The version, for `If-Match`."))
    ))
)]
async fn find_principal(
    _caller: Caller<can::SeePrincipals>,
    State(platform): State<Arc<Platform>>,
    PathOf(id): PathOf<PrincipalId>,
) -> Result<impl IntoResponse, Declined> {
    let found = platform
        .read(move |moment| principals::find_principal(moment, &id))
        .await?;
    let (view, version) = found.ok_or_else(|| Declined::not_found("principal"))?;
    let headers: [(_, HeaderValue); 1] = [(header::ETAG, etag(version))];
    Ok((headers, Json(view)))
}

/// Replace what a principal is in the zone: its roles, its entities, its jurisdiction.
#[utoipa::path(
    put, path = "/v1/principals/{id}/standing", tag = "principals",
    params(
        ("id" = PrincipalId, Path),
        ("If-Match" = String, Header, description = "The `ETag` of the principal that this was decided on."),
    ),
    request_body = SetStanding,
    responses(
        (status = 200, description = "The standing is set.", body = Receipted<PrincipalView>),
    )
)]
async fn set_standing(
    caller: Caller<can::ManagePrincipals>,
    State(platform): State<Arc<Platform>>,
    PathOf(id): PathOf<PrincipalId>,
    headers: HeaderMap,
    command: Command<SetStanding>,
) -> Result<Outcome, Declined> {
    let check_version = move |version| require_match(&headers, version);
    principals::set_standing(&platform, caller, id, command, check_version).await
}

/// Disable a principal for good; its tokens stop at once.
#[utoipa::path(
    post, path = "/v1/principals/{id}/disable", tag = "principals", params(("id" = PrincipalId, Path)),
    request_body = DisablePrincipal,
    responses((status = 200, description = "The principal is disabled.", body = Receipted<PrincipalView>))
)]
async fn disable_principal(
    caller: Caller<can::ManagePrincipals>,
    State(platform): State<Arc<Platform>>,
    PathOf(id): PathOf<PrincipalId>,
    command: Command<DisablePrincipal>,
) -> Result<Outcome, Declined> {
    principals::disable_principal(&platform, caller, id, command).await
}

impl From<principals::Refusal> for Declined {
    fn from(refusal: principals::Refusal) -> Self {
        use principals::Refusal as R;
        let detail = refusal.to_string();
        let invalid = |pointer: String, rule: &str| {
            Self::new(Code::BodyInvalid, "the body is not valid").with_error(
                pointer,
                rule,
                detail.clone(),
            )
        };
        let violated = |pointer: &str, rule: &str| {
            Self::new(Code::RuleViolated, detail.clone()).with_error(pointer, rule, detail.clone())
        };
        match refusal {
            R::Common(refusal) => Self::from(refusal),
            R::NameReserved { .. } => invalid("/id".to_owned(), "reserved"),
            R::BadText { field } => invalid(format!("/{field}"), "text"),
            R::TooManyEntities => invalid("/entities".to_owned(), "max_items"),
            R::BadKey(_) => invalid("/key".to_owned(), "did_key"),
            R::BadLifetime => invalid("/lifetime_s".to_owned(), "range"),
            R::NoSuchPrincipal => violated("/principal", "exists"),
            R::BeyondStanding { .. } => violated("/scopes", "subset"),
            R::OtherEntities => violated("/entities", "subset"),
            R::NameTaken { .. } | R::OwnStanding | R::Disabled { .. } | R::AlreadyRevoked => {
                Self::new(Code::Conflict, detail)
            }
            R::MayNotAct => Self::new(Code::PrincipalDisabled, detail),
            R::UnprovenKey | R::NotTheBootstrapToken => Self::new(Code::TokenInvalid, detail),
            R::BootstrapSpent => Self::new(Code::BootstrapSpent, detail),
        }
    }
}
