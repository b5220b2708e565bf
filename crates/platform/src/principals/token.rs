//! A token, decided without clock and I/O: what its holder may do until when. Its text is never here.

use std::collections::BTreeSet;
use std::convert::Infallible;

use api::principals::PrincipalStatus;
use api::scope::ScopeSet;
use api::tokens::{IssueToken, RevokeToken, TokenStatus, TokenView};
use ids::PrincipalId;
use ids::aggregate::{Aggregate, CommonRefusal, Decision, Misfit};
use serde::{Deserialize, Serialize};

use super::event::{Happened as _, events};
use super::principal::PrincipalBody;
use super::refusal::{Refusal, check_binding, check_text};
use crate::auth::token::{LIFETIME_S_DEFAULT, LIFETIME_S_MAX};

/// The aggregate.
pub(super) enum Token {}

/// A token as stored: its claims, never its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenBody {
    pub jti: String,
    pub principal: PrincipalId,
    pub scopes: ScopeSet,
    pub entities: BTreeSet<String>,
    pub jurisdiction: Option<String>,
    pub issued_s: i64,
    pub expires_s: i64,
    pub issued_by: String,
    pub status: TokenStatus,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenRevoked {
    pub jti: String,
    pub reason: String,
}

events! {
    /// What happens to a token.
    TokenEvent {
        Issued(TokenBody) = "token.issued.v1",
        Revoked(TokenRevoked) = "token.revoked.v1",
    }
}

impl TokenEvent {
    /// Which token it is about.
    pub(super) fn jti(&self) -> &str {
        match self {
            Self::Issued(body) => &body.jti,
            Self::Revoked(revoked) => &revoked.jti,
        }
    }
}

/// What can be asked of a token.
#[derive(Clone, Debug)]
pub(super) enum TokenCommand {
    Issue(IssueToken),
    Revoke(RevokeToken),
}

/// What else a decision depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'a> {
    /// The time, Unix milliseconds.
    pub now_ms: i64,
    /// Who asks.
    pub by: &'a PrincipalId,
    /// An id that no token has.
    pub jti: &'a str,
    /// Whose token it is; nothing if there is no such principal.
    pub principal: Option<&'a PrincipalBody>,
}

impl Aggregate for Token {
    type State = TokenBody;
    type Command = TokenCommand;
    type Event = TokenEvent;
    type Effect = Infallible;
    type Refusal = Refusal;
    type Context<'a> = Context<'a>;

    fn decide(
        state: Option<&TokenBody>,
        command: TokenCommand,
        context: &Context<'_>,
    ) -> Result<Decision<TokenEvent, Infallible>, Refusal> {
        let event = match (state, command) {
            (None, TokenCommand::Issue(wish)) => TokenEvent::Issued(issue(wish, context)?),
            (Some(_), TokenCommand::Issue(_)) => {
                return Err(Refusal::Common(CommonRefusal::WrongState {
                    what: "the token",
                    from: "issued",
                    command: "issue it",
                }));
            }
            (None, TokenCommand::Revoke(_)) => {
                return Err(Refusal::Common(CommonRefusal::Unknown { what: "token" }));
            }
            (Some(token), TokenCommand::Revoke(RevokeToken { reason })) => {
                check_text("reason", &reason)?;
                if token.status == TokenStatus::Revoked {
                    return Err(Refusal::AlreadyRevoked);
                }
                let jti = token.jti.clone();
                TokenEvent::Revoked(TokenRevoked { jti, reason })
            }
        };
        Ok(Decision::event(event))
    }

    fn apply(state: Option<TokenBody>, event: &TokenEvent) -> Result<TokenBody, Misfit> {
        match (state, event) {
            (None, TokenEvent::Issued(body)) => Ok(body.clone()),
            (Some(state), TokenEvent::Revoked(_)) => Ok(TokenBody {
                status: TokenStatus::Revoked,
                ..state
            }),
            (state, event) => Err(Misfit {
                event: event.kind(),
                state: state.map_or("absent", |state| state.status.as_str()),
            }),
        }
    }
}

fn issue(wish: IssueToken, context: &Context<'_>) -> Result<TokenBody, Refusal> {
    let principal = context.principal.ok_or(Refusal::NoSuchPrincipal)?;
    if principal.status == PrincipalStatus::Disabled {
        return Err(Refusal::MayNotAct);
    }
    check_binding(&wish.entities, wish.jurisdiction.as_deref())?;
    let lifetime_s = wish.lifetime_s.unwrap_or(LIFETIME_S_DEFAULT);
    if !(1..=LIFETIME_S_MAX).contains(&lifetime_s) {
        return Err(Refusal::BadLifetime);
    }
    let allowed = principal.standing.scopes();
    let scopes = wish.scopes.unwrap_or_else(|| allowed.clone());
    if let Some(scope) = scopes.difference(&allowed).next() {
        return Err(Refusal::BeyondStanding { scope: *scope });
    }
    if !principal.entities.is_empty() && !wish.entities.is_subset(&principal.entities) {
        return Err(Refusal::OtherEntities);
    }
    let issued_s = context.now_ms.div_euclid(1000);
    Ok(TokenBody {
        jti: context.jti.to_owned(),
        principal: principal.id.clone(),
        scopes,
        entities: match wish.entities.is_empty() {
            true => principal.entities.clone(),
            false => wish.entities,
        },
        jurisdiction: wish.jurisdiction.or_else(|| principal.jurisdiction.clone()),
        issued_s,
        expires_s: issued_s + lifetime_s,
        issued_by: context.by.to_string(),
        status: TokenStatus::Issued,
    })
}

impl From<TokenBody> for TokenView {
    fn from(body: TokenBody) -> Self {
        let TokenBody {
            jti,
            principal,
            scopes,
            entities,
            jurisdiction,
            issued_s,
            expires_s,
            issued_by,
            status,
        } = body;
        Self {
            jti,
            principal,
            scopes,
            entities,
            jurisdiction,
            issued_s,
            expires_s,
            issued_by,
            status,
        }
    }
}
