//! The first administrator: a one-time token that the first start prints, and its redemption.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;

use api::principals::{CreatePrincipal, PrincipalKind, RedeemBootstrap};
use api::scope::{Role, Standing};
use api::tokens::{IssueToken, TokenView};
use evidence::digest::Digest;
use ids::PrincipalId;
use ids::aggregate::{Aggregate, Decision, Misfit};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::commands::{created, issued, show_token};
use super::event::{
    BOOTSTRAP, Happened as _, PRINCIPAL, append, bootstrap_stream, events, principal_stream,
    secret_digest,
};
use super::principal::PrincipalBody;
use super::refusal::Refusal;
use super::views::find;
use crate::auth::{Asks as _, Permit, can};
use crate::change::Change;
use crate::declined::Declined;
use crate::http::Platform;
use crate::http::extract::Command;
use crate::http::idempotency::{Decided, Outcome, Reply, execute_as};
use crate::moment::Moment;

const SECRET_PREFIX: &str = "hanse-bootstrap-";

/// The aggregate: the bootstrap token of the zone.
pub(super) enum Bootstrap {}

/// What is known of the bootstrap token that was issued last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BootstrapBody {
    pub digest: Digest,
    pub redeemed_by: Option<PrincipalId>,
    /// The sequence number of the event that says so.
    pub seq: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BootstrapIssued {
    pub digest: Digest,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BootstrapRedeemed {
    pub principal: PrincipalId,
}

events! {
    /// What happens to the bootstrap token.
    BootstrapEvent {
        Issued(BootstrapIssued) = "bootstrap.issued.v1",
        Redeemed(BootstrapRedeemed) = "bootstrap.redeemed.v1",
    }
}

/// What can be asked of the bootstrap token.
pub(super) enum BootstrapCommand {
    /// Replaces it by one with this digest.
    Issue(Digest),
    /// Spends it for a principal. The digest is that of the secret which the caller has.
    Redeem(Digest, PrincipalId),
}

impl Aggregate for Bootstrap {
    type State = BootstrapBody;
    type Command = BootstrapCommand;
    type Event = BootstrapEvent;
    type Effect = Infallible;
    type Refusal = Refusal;
    type Context<'a> = ();

    fn decide(
        state: Option<&BootstrapBody>,
        command: BootstrapCommand,
        (): &(),
    ) -> Result<Decision<BootstrapEvent, Infallible>, Refusal> {
        let event = match command {
            BootstrapCommand::Issue(digest) => BootstrapEvent::Issued(BootstrapIssued { digest }),
            BootstrapCommand::Redeem(given, principal) => {
                let state = state.ok_or(Refusal::NotTheBootstrapToken)?;
                let (given, known) = (given.to_hex(), state.digest.to_hex());
                if !bool::from(given.as_bytes().ct_eq(known.as_bytes())) {
                    return Err(Refusal::NotTheBootstrapToken);
                }
                if state.redeemed_by.is_some() {
                    return Err(Refusal::BootstrapSpent);
                }
                BootstrapEvent::Redeemed(BootstrapRedeemed { principal })
            }
        };
        Ok(Decision::event(event))
    }

    fn apply(
        state: Option<BootstrapBody>,
        event: &BootstrapEvent,
    ) -> Result<BootstrapBody, Misfit> {
        match (state, event) {
            (_, BootstrapEvent::Issued(BootstrapIssued { digest })) => Ok(BootstrapBody {
                digest: *digest,
                redeemed_by: None,
                seq: 0,
            }),
            (Some(state), BootstrapEvent::Redeemed(redeemed)) => Ok(BootstrapBody {
                redeemed_by: Some(redeemed.principal.clone()),
                ..state
            }),
            (None, event) => Err(Misfit {
                event: event.kind(),
                state: "absent",
            }),
        }
    }
}

/// The bootstrap token to print, if the zone has no administrator who may act. It replaces one that was printed before
/// and not redeemed, so that a token in an old log is worthless.
///
/// # Errors
/// The journal cannot read or write; then nothing is printed either.
pub async fn announce_bootstrap(platform: &Arc<Platform>) -> Result<Option<String>, Declined> {
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
            .map_err(|error| Declined::internal(&error))?;
        let mut change = Change::default();
        if !administrators.is_empty() {
            return Ok((change, None));
        }
        let issue = BootstrapCommand::Issue(secret_digest(&secret));
        let decision = Bootstrap::decide(None, issue, &())?;
        append(&mut change, &bootstrap_stream(), &decision.events)?;
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
) -> Result<Outcome, Declined> {
    let Command { body: wish, ticket } = command;
    let actor = wish.id.clone();
    let shared = Arc::clone(platform);
    let decide = move |moment: &Moment<'_>| Ok((redeem(&shared, moment, &wish)?, ()));
    let (outcome, _) = execute_as(platform, actor.as_str(), ticket, decide).await?;
    show_token(platform, outcome)
}

fn redeem(
    platform: &Platform,
    moment: &Moment<'_>,
    wish: &RedeemBootstrap,
) -> Result<Decided, Declined> {
    let id = &wish.id;
    let state = find::<BootstrapBody>(moment, BOOTSTRAP, BOOTSTRAP)?.map(|(state, _)| state);
    let given = secret_digest(&wish.bootstrap_token);
    let burn = BootstrapCommand::Redeem(given, id.clone());
    let burnt = Bootstrap::decide(state.as_ref(), burn, &())?.events;
    let taken = find::<PrincipalBody>(moment, PRINCIPAL, id.as_str())?.map(|(taken, _)| taken);
    let (principal, first) = created(taken.as_ref(), administrator(wish), moment.now_ms, id)?;
    let issue = IssueToken {
        principal: id.clone(),
        scopes: None,
        lifetime_s: None,
        entities: BTreeSet::new(),
        jurisdiction: None,
    };
    let (token, second) = issued(platform, Some(&principal), issue, moment.now_ms, id)?;
    let (stream, mut change) = (principal_stream(id), Change::default());
    append(&mut change, &bootstrap_stream(), &burnt)?;
    append(&mut change, &stream, &first)?;
    append(&mut change, &stream, &second)?;
    let location = format!("/v1/principals/{id}");
    let reply = Reply::created(location, &TokenView::from(token));
    let permit = Permit::proven(id.clone(), can::ManagePrincipals::ACTION);
    Ok(Decided::new(permit, change, reply).sealed_by(stream))
}

fn administrator(wish: &RedeemBootstrap) -> CreatePrincipal {
    CreatePrincipal {
        id: wish.id.clone(),
        kind: PrincipalKind::Person,
        display_name: wish.display_name.clone(),
        key: wish.key.clone(),
        standing: Standing::staff(Role::Administrator),
        entities: BTreeSet::new(),
        jurisdiction: None,
    }
}
