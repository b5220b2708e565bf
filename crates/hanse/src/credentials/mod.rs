//! Credentials that the zone issued, and the lists that say whether they still hold.

pub mod issue;
pub mod status;

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use evidence::credential::{self, Issuers, Policy};
use evidence::status_list::StatusList;
use ids::EntityId;
use mez::entity::CredentialStanding;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use crate::auth::{Resource, can};
use crate::change::Change;
use crate::entities::permitted;
use crate::entities::wire::{ReasonBody, time};
use crate::http::extract::{Caller, Command, PathOf, QueryOf, StrictJson};
use crate::http::guard::routes;
use crate::http::idempotency::{Decided, Outcome, Receipted, Reply, execute};
use crate::http::page::{Cursor, Page, PageLimit, PageQuery, etag};
use crate::http::problem::{Code, Problem};
use crate::http::texts::EntityIdText;
use crate::institutions::{Institutions, Node};
use crate::store::{self, Stored, kind};

/// A credential was issued.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialIssued {
    /// Its id, the UUID of its URN.
    pub id: String,
    /// Whom it is about.
    pub entity: EntityId,
    /// Its place on the status lists.
    pub index: u64,
    /// Itself, signed.
    pub credential: Value,
}

/// A credential was suspended, put in force again, or revoked.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandingChanged {
    /// How it stands from then on.
    pub standing: CredentialStanding,
    /// When, in milliseconds since 1970-01-01T00:00:00Z.
    pub at_ms: i64,
}

/// A place on the status lists was taken.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexAssigned {
    /// Which.
    pub index: u64,
}

/// A status list was published.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListPublished {
    /// What its bits mean.
    pub purpose: String,
    /// The list, signed.
    pub credential: Value,
}

/// The read model of a credential.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialRecord {
    /// Whom it is about.
    pub entity: EntityId,
    /// Its place on the status lists.
    pub index: u64,
    /// How it stands.
    pub standing: CredentialStanding,
    /// Itself, signed.
    pub credential: Value,
}

impl CredentialRecord {
    /// Whether it can be made to stand so. Revocation is for good.
    pub fn may_become(&self, standing: CredentialStanding) -> bool {
        self.standing != CredentialStanding::Revoked && self.standing != standing
    }
}

/// A credential that the zone issued.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Credential)]
pub struct CredentialView {
    /// Its id, the UUID of its URN.
    pub id: String,
    /// Whom it is about.
    pub entity: String,
    /// `in_force`, `suspended` or `revoked`.
    #[schema(value_type = String)]
    pub standing: CredentialStanding,
    /// The credential: W3C Verifiable Credentials 2.0 with a Data Integrity proof (eddsa-jcs-2022).
    #[schema(value_type = Object)]
    pub credential: Value,
}

impl From<Stored<CredentialRecord>> for CredentialView {
    fn from(stored: Stored<CredentialRecord>) -> Self {
        Self {
            id: stored.id,
            entity: stored.body.entity.to_string(),
            standing: stored.body.standing,
            credential: stored.body.credential,
        }
    }
}

/// The routes of this module.
pub fn routes() -> OpenApiRouter<Node> {
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
    #[param(inline, value_type = EntityIdText)]
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
) -> Result<Json<Page<CredentialView>>, Problem> {
    if let Err(problem) = permitted(&node, &caller, &query.entity) {
        return match problem.code() {
            Code::NotFound => Ok(Json(Page {
                items: vec![],
                next: None,
            })),
            _ => Err(problem),
        };
    }
    let page = PageQuery {
        cursor: query.cursor,
        limit: query.limit,
    };
    let filter = [("entity", query.entity.as_str())];
    let reader = &node.platform.reader;
    let found = store::list(
        reader,
        kind::CREDENTIAL,
        &filter,
        page.after(),
        page.limit() + 1,
    )?;
    let items = found.into_iter().map(CredentialView::from).collect();
    Ok(Json(Page::cut(
        items,
        page.limit(),
        |item: &CredentialView| item.id.clone(),
    )))
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
) -> Result<impl IntoResponse, Problem> {
    let stored = credential(&node, &id)?;
    hidden(permitted(&node, &caller, &stored.body.entity))?;
    let headers: [(_, HeaderValue); 1] = [(header::ETAG, etag(stored.version))];
    Ok((headers, Json(CredentialView::from(stored))))
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
) -> Result<Outcome, Problem> {
    let stored = credential(&node, &id)?;
    hidden(permitted(&node, &caller, &stored.body.entity))?;
    let permit = caller.permit(Resource::Zone)?;
    execute(&node.platform, &permit, &command.ticket, |now_ms| {
        let mut stored = credential(&node, &id)?;
        if !stored.body.may_become(CredentialStanding::Revoked) {
            return Err(Problem::new(
                Code::Conflict,
                "the credential is revoked already",
            ));
        }
        let mut change = Change::new(now_ms);
        status::publish(
            &node,
            &mut change,
            std::slice::from_ref(&stored),
            CredentialStanding::Revoked,
        )?;
        stored.body.standing = CredentialStanding::Revoked;
        let reply = Reply::ok(&CredentialView::from(stored));
        Ok(Decided {
            transaction: change.into_transaction(),
            reply,
            reply_owner: None,
        })
    })
    .await
}

/// What came of verifying a credential.
#[derive(Debug, Serialize, ToSchema)]
struct VerificationView {
    /// Whether every check passed.
    verified: bool,
    /// Who issued it.
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    /// The check that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
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
) -> Result<Json<VerificationView>, Problem> {
    let now = time(node.platform.clock.now_ms());
    let lists = verified_lists(&node)?;
    let issuers = BTreeSet::from([node.issuer.did().to_string()]);
    let policy = Policy {
        issuers: Issuers::Only(&issuers),
        status_lists: &lists,
        ..Policy::at(now)
    };
    Ok(Json(
        match credential::verify(&Value::Object(document), &policy) {
            Ok(verified) => VerificationView {
                verified: true,
                issuer: Some(verified.issuer),
                refusal: None,
            },
            Err(refusal) => VerificationView {
                verified: false,
                issuer: None,
                refusal: Some(refusal.to_string()),
            },
        },
    ))
}

/// The status lists of the zone, verified like anybody else would.
pub(crate) fn verified_lists(node: &Institutions) -> Result<Vec<StatusList>, Problem> {
    let now = time(node.platform.clock.now_ms());
    let published = status::state(node)?.unwrap_or_default().published;
    let lists = published
        .values()
        .map(|list| StatusList::verify(list, &Policy::at(now)));
    lists
        .collect::<Result<_, _>>()
        .map_err(|error| Problem::internal(&error))
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
) -> Result<impl IntoResponse, Problem> {
    let mut state = status::state(&node)?.unwrap_or_default();
    let list = state
        .published
        .remove(&purpose)
        .ok_or_else(|| Problem::not_found("status list"))?;
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/vc"),
        ),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=300"),
        ),
    ];
    Ok((headers, list.to_string()))
}

fn credential(node: &Institutions, id: &str) -> Result<Stored<CredentialRecord>, Problem> {
    let found = store::find::<CredentialRecord>(&node.platform.reader, kind::CREDENTIAL, id)?;
    found.ok_or_else(|| Problem::not_found("credential"))
}

/// A credential of an entity that the caller may not know of is not found, as itself.
fn hidden<T>(permitted: Result<T, Problem>) -> Result<T, Problem> {
    permitted.map_err(|problem| match problem.code() {
        Code::NotFound => Problem::not_found("credential"),
        _ => problem,
    })
}
