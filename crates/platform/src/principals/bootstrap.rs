//! The first administrator: a one-time token that the first start prints, and its redemption.

use api::principals::RedeemBootstrap;
use api::principals::{CreatePrincipal, PrincipalKind};
use api::problem::Code;
use api::scope::{Role, Standing};
use api::tokens::{IssueToken, TokenView};
use std::collections::BTreeSet;
use std::sync::Arc;

use subtle::ConstantTimeEq as _;

use super::commands::{new_principal, show_token, token_for};
use super::event::{
    BOOTSTRAP, BootstrapBody, BootstrapIssued, BootstrapRedeemed, Happened, PRINCIPAL, append,
    bootstrap_stream, principal_stream, secret_digest,
};
use super::views::find;
use crate::auth::{Action, Permit};
use crate::change::Change;
use crate::http::Platform;
use crate::http::extract::Command;
use crate::http::idempotency::{Decided, Outcome, Reply, execute_as};
use crate::http::problem::Problem;
use crate::moment::Moment;

const SECRET_PREFIX: &str = "hanse-bootstrap-";

/// The bootstrap token to print, if the zone has no administrator who may act. It replaces one that was printed before
/// and not redeemed, so that a token in an old log is worthless.
///
/// # Errors
/// The journal cannot read or write; then nothing is printed either.
pub async fn announce_bootstrap(platform: &Arc<Platform>) -> Result<Option<String>, Problem> {
    let mut random = [0; 32];
    (platform.entropy)(&mut random);
    let secret = format!(
        "{SECRET_PREFIX}{}",
        data_encoding::BASE64URL_NOPAD.encode(&random)
    );
    let announce = move |moment: &Moment<'_>| {
        let filters = [("administrator", "yes"), ("status", "enabled")];
        let administrators = moment
            .records(PRINCIPAL, &filters, None, 1)
            .map_err(|error| Problem::internal(&error))?;
        let mut change = Change::default();
        if !administrators.is_empty() {
            return Ok((change, None));
        }
        let issued = Happened::BootstrapIssued(BootstrapIssued {
            digest: secret_digest(&secret),
        });
        append(&mut change, &bootstrap_stream(), &[issued])?;
        Ok((change, Some(secret.clone())))
    };
    platform.act(announce).await
}

/// Creates the first administrator, issues its token and burns the bootstrap token, in one transaction.
///
/// # Errors
/// `token_invalid` for another token than the one printed last, `bootstrap_spent` after it was redeemed.
pub async fn redeem_bootstrap(
    platform: &Arc<Platform>,
    command: Command<RedeemBootstrap>,
) -> Result<Outcome, Problem> {
    let Command { body: wish, ticket } = command;
    let actor = wish.id.clone();
    let shared = Arc::clone(platform);
    let decide = move |moment: &Moment<'_>| Ok((decide(&shared, moment, &wish)?, ()));
    let (outcome, _) = execute_as(platform, actor.as_str(), ticket, decide).await?;
    show_token(platform, outcome)
}

fn decide(
    platform: &Platform,
    moment: &Moment<'_>,
    wish: &RedeemBootstrap,
) -> Result<Decided, Problem> {
    let invalid = || {
        Problem::new(
            Code::TokenInvalid,
            "this is not the bootstrap token of this zone",
        )
    };
    let (state, _) = find::<BootstrapBody>(moment, BOOTSTRAP, BOOTSTRAP)?.ok_or_else(invalid)?;
    let given = secret_digest(&wish.bootstrap_token).to_hex();
    if !bool::from(given.as_bytes().ct_eq(state.digest.to_hex().as_bytes())) {
        return Err(invalid());
    }
    if state.redeemed_by.is_some() {
        return Err(Problem::new(
            Code::BootstrapSpent,
            "the bootstrap token was redeemed before",
        ));
    }
    if find::<super::views::PrincipalBody>(moment, PRINCIPAL, wish.id.as_str())?.is_some() {
        return Err(Problem::new(
            Code::Conflict,
            format!("`{}` exists already", wish.id),
        ));
    }
    let create = CreatePrincipal {
        id: wish.id.clone(),
        kind: PrincipalKind::Person,
        display_name: wish.display_name.clone(),
        key: wish.key.clone(),
        standing: Standing::staff(Role::Administrator),
        entities: BTreeSet::new(),
        jurisdiction: None,
    };
    let principal = new_principal(&create, moment.now_ms)?;
    let issue = IssueToken {
        principal: wish.id.clone(),
        scopes: None,
        lifetime_s: None,
        entities: BTreeSet::new(),
        jurisdiction: None,
    };
    let token = token_for(
        platform,
        &principal,
        &issue,
        wish.id.as_str(),
        moment.now_ms,
    )?;
    let reply = Reply::created(
        format!("/v1/principals/{}", wish.id),
        &TokenView::from(token.clone()),
    );
    let stream = principal_stream(&wish.id);
    let mut change = Change::default();
    let burn = Happened::BootstrapRedeemed(BootstrapRedeemed {
        principal: wish.id.clone(),
    });
    append(&mut change, &bootstrap_stream(), &[burn])?;
    let first = [Happened::Created(principal), Happened::TokenIssued(token)];
    append(&mut change, &stream, &first)?;
    let permit = Permit::proven(wish.id.clone(), Action::ManagePrincipals);
    Ok(Decided::new(permit, change, reply).sealed_by(stream))
}
