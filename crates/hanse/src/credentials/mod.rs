//! Credentials that the zone issued, and the lists that say whether they still hold.
//!
//! Invariants (guard):
//! 1. credentials and lists change by decisions of `mez::credential` alone                 (`status`, `issue`)
//! 2. what was revoked does not come back because somebody publishes a list of before      (the record of the lists and
//!    the credentials are read in the instant of the decision, and guard it)

pub mod can;
pub mod issue;
pub mod status;

mod project;

use api::credentials::{CredentialView, VerificationView};
use api::entities::ReasonBody;
use api::page::{Cursor, Page, PageLimit, PageQuery};
use api::problem::Code;
use api::receipt::Receipted;
use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use evidence::credential::{self, Issuers, Policy};
use evidence::status_list::StatusList;
use ids::EntityId;
use mez::credential::{
    Context, Credential, CredentialEvent, CredentialStanding, Issuer, ListEvent, Refusal,
};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;

use crate::entities::permitted;
use crate::entities::wire::time;
use crate::institution::Institution;
use crate::records::kind;
use crate::state::{Institutions, Node};
use platform::auth::Resource;
use platform::change::Change;
use platform::declined::Declined;
use platform::http::extract::{Caller, Command, PathOf, QueryOf, StrictJson};
use platform::http::idempotency::{Decided, Outcome, Reply, execute};
use platform::http::page::etag;
use platform::moment::Moment;
use platform::routes;
use platform::store::{self, Stored};

/// Credentials and status lists.
pub const INSTITUTION: Institution = Institution {
    name: "credentials",
    projections: &[
        (CredentialEvent::ISSUED, project::issued),
        (CredentialEvent::STANDING_CHANGED, project::standing_changed),
        (ListEvent::INDEX_ASSIGNED, project::index_assigned),
        (ListEvent::PUBLISHED, project::list_published),
    ],
    routes,
    ..Institution::NONE
};

fn credential_view(stored: Stored<Credential>) -> CredentialView {
    CredentialView {
        id: stored.id,
        entity: stored.body.entity.to_string(),
        standing: stored.body.standing.as_str().to_owned(),
        credential: stored.body.credential,
    }
}

fn routes() -> OpenApiRouter<Node> {
    OpenApiRouter::default()
        .routes(routes!(list_credentials))
        .routes(routes!(find_credential))
        .routes(routes!(revoke_credential))
        .routes(routes!(verify_credential))
        .routes(routes!(open: find_status_list))
}

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct CredentialQuery {
    /// The `next` of the page before. Opaque.
    cursor: Option<Cursor>,
    /// How many items at most, 1 to 200.
    #[param(inline)]
    limit: Option<PageLimit>,
    /// Only those about this entity.
    #[param(inline)]
    entity: EntityId,
}

/// The credentials of one entity, by id.
#[utoipa::path(
    get, path = "/v1/credentials", tag = "credentials", params(CredentialQuery),
    responses((status = 200, description = "One page of credentials.", body = Page<CredentialView>))
)]
async fn list_credentials(
    caller: Caller<can::ReadCredentials>,
    State(node): State<Node>,
    QueryOf(query): QueryOf<CredentialQuery>,
) -> Result<Json<Page<CredentialView>>, Declined> {
    let list = move |moment: &Moment<'_>| {
        if let Err(problem) = permitted(moment, &caller, &query.entity) {
            return match problem.code() {
                Code::NotFound => Ok(Json(Page {
                    items: vec![],
                    next: None,
                })),
                _ => Err(problem),
            };
        }
        let page = PageQuery {
            cursor: query.cursor.clone(),
            limit: query.limit,
        };
        let filter = [("entity", query.entity.as_str())];
        let (after, limit) = (page.after(), page.limit());
        let found = store::list(moment, kind::CREDENTIAL, &filter, after, limit + 1)?;
        let items = found.into_iter().map(credential_view).collect();
        let key = |item: &CredentialView| item.id.clone();
        Ok(Json(Page::cut(items, limit, key)))
    };
    node.platform.read(list).await
}

/// One credential.
#[utoipa::path(
    get, path = "/v1/credentials/{id}", tag = "credentials", params(("id" = String, Path)),
    responses((
        status = 200, description = "The credential.", body = CredentialView,
        headers(("ETag" = String, description = "The version of the credential."))
    ))
)]
async fn find_credential(
    caller: Caller<can::ReadCredentials>,
    State(node): State<Node>,
    PathOf(id): PathOf<String>,
) -> Result<impl IntoResponse, Declined> {
    let find = move |moment: &Moment<'_>| {
        let stored = credential(moment, &id)?;
        hidden(permitted(moment, &caller, &stored.body.entity))?;
        let headers: [(_, HeaderValue); 1] = [(header::ETAG, etag(stored.version))];
        Ok((headers, Json(credential_view(stored))))
    };
    node.platform.read(find).await
}

/// Revoke a credential for good. The status list that says so is published in the same transaction.
#[utoipa::path(
    post, path = "/v1/credentials/{id}/revoke", tag = "credentials", params(("id" = String, Path)),
    request_body = ReasonBody,
    responses((status = 200, description = "It is revoked.", body = Receipted<CredentialView>))
)]
async fn revoke_credential(
    caller: Caller<can::IssueCredential>,
    State(node): State<Node>,
    PathOf(id): PathOf<String>,
    command: Command<ReasonBody>,
) -> Result<Outcome, Declined> {
    let platform = Arc::clone(&node.platform);
    execute(&platform, caller, command.ticket, move |moment, caller| {
        let mut stored = credential(moment, &id)?;
        hidden(permitted(moment, caller, &stored.body.entity))?;
        let permit = caller.permit(Resource::Zone)?;
        let mut change = Change::default();
        let revoked = CredentialStanding::Revoked;
        let listed = status::change_standing(&node, moment, &mut change, &mut stored, revoked)?;
        status::publish(&node, moment, &mut change, vec![listed])?;
        let reply = Reply::ok(&credential_view(stored));
        Ok(Decided::new(permit, change, reply))
    })
    .await
}

/// Verify a credential that this zone issued: form, proof, issuer, period and status, as of now.
#[utoipa::path(
    post, path = "/v1/credentials/verify", tag = "credentials", request_body = Object,
    extensions(("x-changes-nothing" = json!(true))),
    responses((status = 200, description = "What came of it.", body = VerificationView))
)]
async fn verify_credential(
    _caller: Caller<can::ReadCredentials>,
    State(node): State<Node>,
    StrictJson(document): StrictJson<serde_json::Map<String, Value>>,
) -> Result<Json<VerificationView>, Declined> {
    let shared = node.clone();
    let verify = move |moment: &Moment<'_>| {
        let lists = verified_lists(moment)?;
        let issuers = BTreeSet::from([shared.issuer.did().to_string()]);
        let policy = Policy {
            issuers: Issuers::Only(&issuers),
            status_lists: &lists,
            ..Policy::at(time(moment.now_ms))
        };
        let verified = credential::verify(&Value::Object(document), &policy);
        Ok(Json(VerificationView {
            verified: verified.is_ok(),
            refusal: verified.as_ref().err().map(ToString::to_string),
            issuer: verified.ok().map(|verified| verified.issuer),
        }))
    };
    node.platform.read(verify).await
}

/// The status lists of the zone, verified like anybody else would.
///
/// # Errors
/// The journal cannot be read, or a published list does not verify.
pub(crate) fn verified_lists(moment: &Moment<'_>) -> Result<Vec<StatusList>, Declined> {
    let policy = Policy::at(time(moment.now_ms));
    let lists = status::lists(moment)?.unwrap_or_default();
    let lists = lists.published.values();
    lists
        .map(|list| StatusList::verify(list, &policy))
        .collect::<Result<_, _>>()
        .map_err(|error| Declined::internal(&error))
}

/// A status list, as a credential (W3C Bitstring Status List). Public: verifiers need no account.
#[utoipa::path(
    get, path = "/v1/status-lists/{purpose}", tag = "credentials",
    params(("purpose" = String, Path, description = "`revocation` or `suspension`.")),
    responses((status = 200, description = "The list.", body = Object, content_type = "application/vc"))
)]
async fn find_status_list(
    State(node): State<Node>,
    PathOf(purpose): PathOf<String>,
) -> Result<impl IntoResponse, Declined> {
    let find = move |moment: &Moment<'_>| {
        let mut lists = status::lists(moment)?.unwrap_or_default();
        let list = lists.published.remove(&purpose);
        list.ok_or_else(|| Declined::not_found("status list"))
    };
    let list = node.platform.read(find).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/vc"),
        (header::CACHE_CONTROL, "public, max-age=300"),
    ];
    Ok((headers, list.to_string()))
}

fn credential(moment: &Moment<'_>, id: &str) -> Result<Stored<Credential>, Declined> {
    let found = store::find::<Credential>(moment, kind::CREDENTIAL, id)?;
    found.ok_or_else(|| Declined::not_found("credential"))
}

/// What decisions about credentials and lists depend on besides.
fn context(node: &Institutions, now_ms: i64) -> Context<'_> {
    let issuer = Issuer {
        zone: &node.manifest.zone_id,
        key: &node.issuer,
        url: &node.public_url,
    };
    Context { now_ms, issuer }
}

/// What the caller is told when a credential or the lists refuse.
fn refused(refusal: Refusal) -> Declined {
    match &refusal {
        Refusal::Common(refusal) => refusal.clone().into(),
        Refusal::StandsAlready(_) | Refusal::NotRegistered(_) | Refusal::ListsFull => {
            let detail = refusal.to_string();
            Declined::new(Code::Conflict, detail.clone()).with_error("", refusal.code(), detail)
        }
        Refusal::IndexFree { .. }
        | Refusal::Instant(_)
        | Refusal::Malformed(_)
        | Refusal::Unsigned(_)
        | Refusal::Unreadable(_) => Declined::internal(&refusal),
    }
}

/// A credential of an entity that the caller may not know of is not found, as itself.
fn hidden<T>(permitted: Result<T, Declined>) -> Result<T, Declined> {
    permitted.map_err(|problem| match problem.code() {
        Code::NotFound => Declined::not_found("credential"),
        _ => problem,
    })
}
