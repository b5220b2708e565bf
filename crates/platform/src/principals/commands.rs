//! Changes to principals and tokens: what is read, which aggregate decides, and the one transaction that comes of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use api::principals::{CreatePrincipal, DisablePrincipal, PrincipalView, SetStanding};
use api::tokens::{IssueToken, RevokeToken, TokenView};
use evidence::did::DidKey;
use ids::PrincipalId;
use ids::aggregate::Aggregate;

use super::event::{PRINCIPAL, TOKEN, append, principal_stream, secret_digest};
use super::principal::{self, Principal, PrincipalBody, PrincipalCommand, PrincipalEvent};
use super::refusal::Refusal;
use super::token::{self, Token, TokenBody, TokenCommand, TokenEvent};
use super::views::{find, refused};
use crate::auth::token::{Assertion, Claims, ScopeText};
use crate::auth::{Asks as _, Permit, Resource, can};
use crate::change::Change;
use crate::declined::Declined;
use crate::http::Platform;
use crate::http::extract::{Caller, Command};
use crate::http::idempotency::{
    Decided, IdempotencyKey, Outcome, Reply, Ticket, execute, execute_as,
};
use crate::moment::Moment;

/// Creates a principal.
///
/// # Errors
/// `conflict` when the name was ever given out, `body_invalid` for a text that is empty, too long or not a key.
pub async fn create_principal(
    platform: &Arc<Platform>,
    caller: Caller<can::ManagePrincipals>,
    command: Command<CreatePrincipal>,
) -> Result<Outcome, Declined> {
    let Command { body: wish, ticket } = command;
    execute(platform, caller, ticket, move |moment, caller| {
        let permit = caller.permit(Resource::Zone)?;
        let taken = find::<PrincipalBody>(moment, PRINCIPAL, wish.id.as_str())?;
        let taken = taken.map(|(taken, _)| taken);
        let (body, events) = created(
            taken.as_ref(),
            wish.clone(),
            moment.now_ms,
            permit.principal(),
        )?;
        let (stream, mut change) = (principal_stream(&body.id), Change::default());
        append(&mut change, &stream, &events)?;
        let location = format!("/v1/principals/{}", body.id);
        let reply = Reply::created(location, &PrincipalView::from(body));
        Ok(Decided::new(permit, change, reply).sealed_by(stream))
    })
    .await
}

/// A principal that comes into being, and how.
pub(super) fn created(
    taken: Option<&PrincipalBody>,
    wish: CreatePrincipal,
    now_ms: i64,
    by: &PrincipalId,
) -> Result<(PrincipalBody, Vec<PrincipalEvent>), Refusal> {
    let context = principal::Context { now_ms, by };
    let command = PrincipalCommand::Create(wish);
    let events = Principal::decide(taken, command, &context)?.events;
    Ok((after::<Principal>(None, &events), events))
}

/// The state after events that were just decided on it.
fn after<A: Aggregate>(state: Option<A::State>, events: &[A::Event]) -> A::State {
    let state = A::replay(state, events).expect("an event fits the state it was decided on");
    state.expect("something happened")
}

/// Replaces a principal's standing, if it still has the version that `check_version` wants.
///
/// # Errors
/// `conflict` for oneself, so that an administrator cannot lock everybody out by mistake.
pub async fn set_standing(
    platform: &Arc<Platform>,
    caller: Caller<can::ManagePrincipals>,
    id: PrincipalId,
    command: Command<SetStanding>,
    check_version: impl Fn(u64) -> Result<(), Declined> + Send + Sync + 'static,
) -> Result<Outcome, Declined> {
    let Command { body: wish, ticket } = command;
    execute(platform, caller, ticket, move |moment, caller| {
        let command = PrincipalCommand::SetStanding(wish.clone());
        change_principal(moment, caller, &id, command, &check_version)
    })
    .await
}

/// Disables a principal for good. Its tokens stop at once.
///
/// # Errors
/// `conflict` for oneself, or when it is disabled already.
pub async fn disable_principal(
    platform: &Arc<Platform>,
    caller: Caller<can::ManagePrincipals>,
    id: PrincipalId,
    command: Command<DisablePrincipal>,
) -> Result<Outcome, Declined> {
    let Command { body: wish, ticket } = command;
    execute(platform, caller, ticket, move |moment, caller| {
        let command = PrincipalCommand::Disable(wish.clone());
        change_principal(moment, caller, &id, command, &|_| Ok(()))
    })
    .await
}

fn change_principal(
    moment: &Moment<'_>,
    caller: &Caller<can::ManagePrincipals>,
    id: &PrincipalId,
    command: PrincipalCommand,
    check_version: &dyn Fn(u64) -> Result<(), Declined>,
) -> Result<Decided, Declined> {
    let permit = caller.permit(Resource::Zone)?;
    let found = find::<PrincipalBody>(moment, PRINCIPAL, id.as_str())?;
    let (state, version) = found.unzip();
    let context = principal::Context {
        now_ms: moment.now_ms,
        by: permit.principal(),
    };
    version.map_or(Ok(()), check_version)?;
    let events = Principal::decide(state.as_ref(), command, &context)?.events;
    let (stream, mut change) = (principal_stream(id), Change::default());
    append(&mut change, &stream, &events)?;
    let reply = Reply::ok(&PrincipalView::from(after::<Principal>(state, &events)));
    Ok(Decided::new(permit, change, reply).sealed_by(stream))
}

/// Issues a token. The answer holds its text, also when it is given again: the text follows from the claims.
///
/// # Errors
/// `rule_violated` when the principal cannot have what the token would allow.
pub async fn issue_token(
    platform: &Arc<Platform>,
    caller: Caller<can::ManageTokens>,
    command: Command<IssueToken>,
) -> Result<Outcome, Declined> {
    let Command { body: wish, ticket } = command;
    let shared = Arc::clone(platform);
    let outcome = execute(platform, caller, ticket, move |moment, caller| {
        let permit = caller.permit(Resource::Zone)?;
        issue(&shared, moment, permit, wish.clone())
    })
    .await?;
    show_token(platform, outcome)
}

/// Issues a token to a principal that proves its key. The assertion's id takes the place of the caller's idempotency
/// key, so that an assertion that was overheard gives nothing new.
///
/// # Errors
/// `token_invalid` or `token_expired` when the assertion proves nothing, `principal_disabled`.
pub async fn exchange_assertion(
    platform: &Arc<Platform>,
    assertion: &str,
) -> Result<Outcome, Declined> {
    let claimed = Assertion::unverified_subject(assertion).ok_or(Refusal::UnprovenKey)?;
    let subject = claimed.clone();
    let (found, now_ms) = platform
        .read(move |moment| {
            let found = find::<PrincipalBody>(moment, PRINCIPAL, subject.as_str())?;
            Ok((found, moment.now_ms))
        })
        .await?;
    let (principal, _) = found.ok_or(Refusal::UnprovenKey)?;
    let key = principal.key.as_ref().and_then(|key| key.parse().ok());
    let key: DidKey = key.ok_or(Refusal::UnprovenKey)?;
    let (zone, now_s) = (platform.tokens.zone(), now_ms.div_euclid(1000));
    let proven = Assertion::open(assertion, key.verifying_key(), zone, now_s);
    let proven = proven.map_err(|refusal| refused(&refusal))?;
    let ticket = Ticket {
        scope: format!("{claimed} exchange"),
        key: IdempotencyKey::parse(&proven.jti)?,
        request: secret_digest(assertion),
    };
    let wish = IssueToken {
        principal: proven.sub,
        scopes: None,
        lifetime_s: None,
        entities: BTreeSet::new(),
        jurisdiction: None,
    };
    let actor = wish.principal.clone();
    let shared = Arc::clone(platform);
    let decide = move |moment: &Moment<'_>| {
        // The key that proved the assertion is still the principal's.
        let found = find::<PrincipalBody>(moment, PRINCIPAL, wish.principal.as_str())?;
        if found.is_none_or(|(now, _)| now.key != principal.key) {
            return Err(Refusal::UnprovenKey.into());
        }
        let permit = Permit::proven(wish.principal.clone(), can::ManageTokens::ACTION);
        Ok((issue(&shared, moment, permit, wish.clone())?, ()))
    };
    let (outcome, _) = execute_as(platform, actor.as_str(), ticket, decide).await?;
    show_token(platform, outcome)
}

fn issue(
    platform: &Platform,
    moment: &Moment<'_>,
    permit: Permit,
    wish: IssueToken,
) -> Result<Decided, Declined> {
    let found = find::<PrincipalBody>(moment, PRINCIPAL, wish.principal.as_str())?;
    let principal = found.map(|(principal, _)| principal);
    let by = permit.principal();
    let (token, events) = issued(platform, principal.as_ref(), wish, moment.now_ms, by)?;
    let (stream, mut change) = (principal_stream(&token.principal), Change::default());
    append(&mut change, &stream, &events)?;
    let location = format!("/v1/tokens/{}", token.jti);
    let reply = Reply::created(location, &TokenView::from(token));
    Ok(Decided::new(permit, change, reply).sealed_by(stream))
}

/// A token that comes into being, and how. Its principal may just be coming into being itself.
pub(super) fn issued(
    platform: &Platform,
    principal: Option<&PrincipalBody>,
    wish: IssueToken,
    now_ms: i64,
    by: &PrincipalId,
) -> Result<(TokenBody, Vec<TokenEvent>), Refusal> {
    let context = token::Context {
        now_ms,
        by,
        jti: &platform.random_id("tok"),
        principal,
    };
    let events = Token::decide(None, TokenCommand::Issue(wish), &context)?.events;
    Ok((after::<Token>(None, &events), events))
}

/// Adds the token text to an answer that tells about a token.
pub(super) fn show_token(platform: &Platform, mut outcome: Outcome) -> Result<Outcome, Declined> {
    let view: TokenView = serde_json::from_value(outcome.reply.body().clone())
        .map_err(|error| Declined::internal(&error))?;
    let text = platform.tokens.seal(&claims(platform.tokens.zone(), view));
    outcome.reply = outcome.reply.map_body(|body| body["token"] = text.into());
    Ok(outcome)
}

fn claims(zone: &str, token: TokenView) -> Claims {
    Claims {
        iss: zone.to_owned(),
        sub: token.principal.clone(),
        aud: zone.to_owned(),
        exp: token.expires_s,
        iat: token.issued_s,
        nbf: token.issued_s,
        jti: token.jti,
        client_id: token.principal,
        scope: ScopeText(token.scopes),
        entities: token.entities.into_iter().collect(),
        jurisdiction: token.jurisdiction,
    }
}

/// Takes a token back at once.
///
/// # Errors
/// `not_found`, or `conflict` when it was taken back before.
pub async fn revoke_token(
    platform: &Arc<Platform>,
    caller: Caller<can::ManageTokens>,
    jti: String,
    command: Command<RevokeToken>,
) -> Result<Outcome, Declined> {
    let Command { body: wish, ticket } = command;
    execute(platform, caller, ticket, move |moment, caller| {
        let permit = caller.permit(Resource::Zone)?;
        let found = find::<TokenBody>(moment, TOKEN, &jti)?;
        let state = found.map(|(token, _)| token);
        let context = token::Context {
            now_ms: moment.now_ms,
            by: permit.principal(),
            jti: &jti,
            principal: None,
        };
        let command = TokenCommand::Revoke(wish.clone());
        let events = Token::decide(state.as_ref(), command, &context)?.events;
        let token = after::<Token>(state, &events);
        let (stream, mut change) = (principal_stream(&token.principal), Change::default());
        append(&mut change, &stream, &events)?;
        let reply = Reply::ok(&TokenView::from(token));
        Ok(Decided::new(permit, change, reply).sealed_by(stream))
    })
    .await
}
