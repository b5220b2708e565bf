//! The first administrator: a one-time token that the first start prints, and its redemption.

use std::collections::BTreeSet;
use std::sync::Arc;

use journal::{CommitError, Expected, ReadError, Seq, Transaction};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use utoipa::ToSchema;

use super::commands::{CreatePrincipal, IssueToken, new_principal, show_token, token_for};
use super::event::{
    BOOTSTRAP, BootstrapBody, BootstrapIssued, BootstrapRedeemed, Happened, PRINCIPAL, append,
    bootstrap_stream, principal_stream, secret_digest,
};
use super::views::{PrincipalKind, TokenView, find};
use crate::auth::{PrincipalId, Role, Standing};
use crate::http::Platform;
use crate::http::extract::Command;
use crate::http::idempotency::{Decided, Outcome, Reply, execute_as};
use crate::http::problem::{Code, Problem};

const SECRET_PREFIX: &str = "hanse-bootstrap-";

/// Redeems the one-time bootstrap token for the first administrator and its first token.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedeemBootstrap {
    /// What the first start printed.
    pub bootstrap_token: String,
    /// The name of the first administrator.
    pub id: PrincipalId,
    /// The name for people.
    #[schema(value_type = crate::http::texts::LineText)]
    pub display_name: String,
    /// The `did:key` by which the administrator can ask for further tokens.
    #[serde(default)]
    #[schema(value_type = Option<crate::http::texts::DidKeyText>)]
    pub key: Option<String>,
}

impl std::fmt::Debug for RedeemBootstrap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedeemBootstrap")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Why no bootstrap token could be announced.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// The state could not be read.
    #[error("state of the bootstrap token cannot be read")]
    Read(#[from] ReadError),
    /// The digest could not be written.
    #[error("bootstrap token cannot be journalled")]
    Commit(#[from] CommitError),
}

/// The bootstrap token to print, if the zone has no administrator who may act. It replaces one that was printed before
/// and not redeemed, so that a token in an old log is worthless.
///
/// # Errors
/// The journal cannot read or write; then nothing is printed either.
pub async fn announce_bootstrap(platform: &Platform) -> Result<Option<String>, BootstrapError> {
    let filters = [("administrator", "yes"), ("status", "enabled")];
    if !platform
        .reader
        .records(PRINCIPAL, &filters, None, 1)?
        .is_empty()
    {
        return Ok(None);
    }
    let mut random = [0; 32];
    (platform.entropy)(&mut random);
    let secret = format!(
        "{SECRET_PREFIX}{}",
        data_encoding::BASE64URL_NOPAD.encode(&random)
    );
    let issued = Happened::BootstrapIssued(BootstrapIssued {
        digest: secret_digest(&secret),
    });
    let mut transaction = Transaction::new(platform.clock.now_ms(), "node");
    transaction
        .appends
        .push(append(bootstrap_stream(), Expected::Any, &[issued]));
    platform.journal.commit(transaction).await?;
    Ok(Some(secret))
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
    let outcome = execute_as(platform, wish.id.as_str(), &ticket, |now_ms| {
        decide(platform, &wish, now_ms)
    })
    .await?;
    show_token(platform, outcome)
}

fn decide(platform: &Platform, wish: &RedeemBootstrap, now_ms: i64) -> Result<Decided, Problem> {
    let invalid = || {
        Problem::new(
            Code::TokenInvalid,
            "this is not the bootstrap token of this zone",
        )
    };
    let (state, _) = find::<BootstrapBody>(platform, BOOTSTRAP, BOOTSTRAP)?.ok_or_else(invalid)?;
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
    if find::<super::views::PrincipalBody>(platform, PRINCIPAL, wish.id.as_str())?.is_some() {
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
    let principal = new_principal(&create, now_ms)?;
    let issue = IssueToken {
        principal: wish.id.clone(),
        scopes: None,
        lifetime_s: None,
        entities: BTreeSet::new(),
        jurisdiction: None,
    };
    let token = token_for(platform, &principal, &issue, wish.id.as_str(), now_ms)?;
    let reply = Reply::created(
        format!("/v1/principals/{}", wish.id),
        &TokenView::from(token.clone()),
    );
    let stream = principal_stream(&wish.id);
    let mut transaction = Transaction::new(0, "");
    let burn = Happened::BootstrapRedeemed(BootstrapRedeemed {
        principal: wish.id.clone(),
    });
    let expected = Seq::new(state.seq).map_or(Expected::NoStream, Expected::At);
    transaction
        .appends
        .push(append(bootstrap_stream(), expected, &[burn]));
    let first = [Happened::Created(principal), Happened::TokenIssued(token)];
    transaction
        .appends
        .push(append(stream.clone(), Expected::NoStream, &first));
    Ok(Decided {
        transaction,
        reply,
        reply_owner: Some(stream),
    })
}
