//! `/v1/tokens` and `/v1/bootstrap`: how a principal comes to a token.

use api::page::{Cursor, Page, PageLimit, PageQuery};
use api::principals::RedeemBootstrap;
use api::receipt::Receipted;
use api::tokens::ExchangeAssertion;
use api::tokens::{IssueToken, IssuedToken, RevokeToken, TokenView};
use ids::PrincipalId;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;

use super::Platform;
use super::extract::{Caller, Command, PathOf, QueryOf};
use super::idempotency::Outcome;
use crate::auth::can;
use crate::declined::Declined;
use crate::principals;
use crate::routes;

/// The routes of this module.
pub fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::default()
        .routes(routes!(list_tokens, issue_token))
        .routes(routes!(find_token))
        .routes(routes!(revoke_token))
        .routes(routes!(open: exchange_assertion))
        .routes(routes!(open: redeem_bootstrap))
}

/// Which tokens to list.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TokenQuery {
    /// Only those of this principal.
    principal: Option<PrincipalId>,
    /// The `next` of the page before. Opaque.
    cursor: Option<Cursor>,
    /// How many items at most, 1 to 200.
    #[param(inline)]
    limit: Option<PageLimit>,
}

/// The tokens that were issued, without their texts.
#[utoipa::path(
    get, path = "/v1/tokens", tag = "tokens", params(TokenQuery),
    responses((status = 200, description = "One page of tokens.", body = Page<TokenView>))
)]
async fn list_tokens(
    _caller: Caller<can::SeeTokens>,
    State(platform): State<Arc<Platform>>,
    QueryOf(query): QueryOf<TokenQuery>,
) -> Result<Json<Page<TokenView>>, Declined> {
    let TokenQuery {
        principal,
        cursor,
        limit,
    } = query;
    let page = PageQuery { cursor, limit };
    platform
        .read(move |moment| {
            let principal = principal.as_ref();
            let items = principals::list_tokens(moment, principal, page.after(), page.limit() + 1)?;
            let key = |item: &TokenView| item.jti.clone();
            Ok(Json(Page::cut(items, page.limit(), key)))
        })
        .await
}

/// Issue a token. Its text is in this answer and nowhere else.
#[utoipa::path(
    post, path = "/v1/tokens", tag = "tokens", request_body = IssueToken,
    responses((status = 201, description = "The token is issued.", body = Receipted<IssuedToken>))
)]
async fn issue_token(
    caller: Caller<can::ManageTokens>,
    State(platform): State<Arc<Platform>>,
    command: Command<IssueToken>,
) -> Result<Outcome, Declined> {
    principals::issue_token(&platform, caller, command).await
}

/// One token, without its text.
#[utoipa::path(
    get, path = "/v1/tokens/{jti}", tag = "tokens", params(("jti" = String, Path)),
    responses((status = 200, description = "The token.", body = TokenView))
)]
async fn find_token(
    _caller: Caller<can::SeeTokens>,
    State(platform): State<Arc<Platform>>,
    PathOf(jti): PathOf<String>,
) -> Result<Json<TokenView>, Declined> {
    let found = platform
        .read(move |moment| principals::find_token(moment, &jti))
        .await?;
    found
        .map(|(view, _)| Json(view))
        .ok_or_else(|| Declined::not_found("token"))
}

/// Take a token back at once.
#[utoipa::path(
    post, path = "/v1/tokens/{jti}/revoke", tag = "tokens", params(("jti" = String, Path)),
    request_body = RevokeToken,
    responses((status = 200, description = "The token is revoked.", body = Receipted<TokenView>))
)]
async fn revoke_token(
    caller: Caller<can::ManageTokens>,
    State(platform): State<Arc<Platform>>,
    PathOf(jti): PathOf<String>,
    command: Command<RevokeToken>,
) -> Result<Outcome, Declined> {
    principals::revoke_token(&platform, caller, jti, command).await
}

/// Get a token for a registered key: the principal signs an assertion, the zone answers with a token.
#[utoipa::path(
    post, path = "/v1/tokens/exchange", tag = "tokens", request_body = ExchangeAssertion,
    responses(
        (status = 201, description = "The token is issued.", body = Receipted<IssuedToken>),
    )
)]
async fn exchange_assertion(
    State(platform): State<Arc<Platform>>,
    command: Command<ExchangeAssertion>,
) -> Result<Outcome, Declined> {
    principals::exchange_assertion(&platform, &command.body.assertion).await
}

/// Redeem the one-time bootstrap token: the first administrator exists, and the bootstrap token is spent.
#[utoipa::path(
    post, path = "/v1/bootstrap", tag = "tokens", request_body = RedeemBootstrap,
    responses(
        (status = 201, description = "The first administrator and its token.", body = Receipted<IssuedToken>),
    )
)]
async fn redeem_bootstrap(
    State(platform): State<Arc<Platform>>,
    command: Command<RedeemBootstrap>,
) -> Result<Outcome, Declined> {
    principals::redeem_bootstrap(&platform, command).await
}
