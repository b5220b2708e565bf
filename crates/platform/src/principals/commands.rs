//! Changes to principals and tokens. Each decides on the stored state and becomes one journal transaction.

use api::principals::{CreatePrincipal, DisablePrincipal, SetStanding};
use api::principals::{PrincipalStatus, PrincipalView};
use api::problem::Code;
use api::scope::Scope;
use api::tokens::{IssueToken, RevokeToken};
use api::tokens::{TokenStatus, TokenView};
use ids::PrincipalId;
use std::collections::BTreeSet;
use std::sync::Arc;

use evidence::did::DidKey;

use super::event::{
    Disabled, Happened, PRINCIPAL, StandingSet, TOKEN, TokenRevoked, append, principal_stream,
    secret_digest,
};
use super::views::{PrincipalBody, TokenBody, find, refused};
use crate::auth::token::{Assertion, Claims, LIFETIME_S_DEFAULT, LIFETIME_S_MAX, ScopeText};
use crate::auth::{Action, Permit, Resource, can};
use crate::change::Change;
use crate::http::Platform;
use crate::http::extract::{Caller, Command};
use crate::http::idempotency::{
    Decided, IdempotencyKey, Outcome, Reply, Ticket, execute, execute_as,
};
use crate::http::problem::Problem;
use crate::moment::{Moment, NODE_ACTOR};

/// Names of actors in the journal that are no principals.
const RESERVED: [&str; 3] = [NODE_ACTOR, "iris", "invitation"];
/// Most characters in a name or a reason.
const TEXT_CHARS_MAX: usize = 200;
/// Most entities one principal or token is bound to.
const ENTITIES_MAX: usize = 100;

/// Creates a principal.
///
/// # Errors
/// `conflict` when the name was ever given out, `body_invalid` for a text that is empty, too long or not a key.
pub async fn create_principal(
    platform: &Arc<Platform>,
    caller: Caller<can::ManagePrincipals>,
    command: Command<CreatePrincipal>,
) -> Result<Outcome, Problem> {
    let Command { body: wish, ticket } = command;
    execute(platform, caller, ticket, move |moment, caller| {
        let permit = caller.permit(Resource::Zone)?;
        if find::<PrincipalBody>(moment, PRINCIPAL, wish.id.as_str())?.is_some() {
            return Err(Problem::new(
                Code::Conflict,
                format!("`{}` exists already", wish.id),
            ));
        }
        let body = new_principal(&wish, moment.now_ms)?;
        let location = format!("/v1/principals/{}", wish.id);
        let reply = Reply::created(location, &PrincipalView::from(body.clone()));
        one(permit, &wish.id, Happened::Created(body), reply)
    })
    .await
}

pub(super) fn new_principal(wish: &CreatePrincipal, now_ms: i64) -> Result<PrincipalBody, Problem> {
    if RESERVED.contains(&wish.id.as_str()) {
        let detail = format!("`{}` is what the journal calls a part of the node", wish.id);
        return Err(invalid("/id", "reserved", detail));
    }
    check_text("/display_name", &wish.display_name)?;
    check_binding(&wish.entities, wish.jurisdiction.as_deref())?;
    if let Some(key) = &wish.key {
        key.parse::<DidKey>()
            .map_err(|error| invalid("/key", "did_key", error.to_string()))?;
    }
    Ok(PrincipalBody {
        id: wish.id.clone(),
        kind: wish.kind,
        display_name: wish.display_name.clone(),
        key: wish.key.clone(),
        standing: wish.standing.clone(),
        entities: wish.entities.clone(),
        jurisdiction: wish.jurisdiction.clone(),
        status: PrincipalStatus::Enabled,
        created_ms: now_ms,
    })
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
    check_version: impl Fn(u64) -> Result<(), Problem> + Send + Sync + 'static,
) -> Result<Outcome, Problem> {
    let Command { body: wish, ticket } = command;
    execute(platform, caller, ticket, move |moment, caller| {
        let permit = caller.permit(Resource::Zone)?;
        let (mut body, version) = changeable(moment, &permit, &id)?;
        check_version(version)?;
        check_binding(&wish.entities, wish.jurisdiction.as_deref())?;
        let SetStanding {
            standing,
            entities,
            jurisdiction,
        } = wish.clone();
        let happened = StandingSet {
            standing,
            entities,
            jurisdiction,
        };
        body.standing = happened.standing.clone();
        body.entities.clone_from(&happened.entities);
        body.jurisdiction.clone_from(&happened.jurisdiction);
        let reply = Reply::ok(&PrincipalView::from(body));
        one(permit, &id, Happened::StandingSet(happened), reply)
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
) -> Result<Outcome, Problem> {
    let Command { body: wish, ticket } = command;
    execute(platform, caller, ticket, move |moment, caller| {
        let permit = caller.permit(Resource::Zone)?;
        let (mut body, _) = changeable(moment, &permit, &id)?;
        check_text("/reason", &wish.reason)?;
        body.status = PrincipalStatus::Disabled;
        let reply = Reply::ok(&PrincipalView::from(body));
        let happened = Happened::Disabled(Disabled {
            reason: wish.reason.clone(),
        });
        one(permit, &id, happened, reply)
    })
    .await
}

fn changeable(
    moment: &Moment<'_>,
    permit: &Permit,
    id: &PrincipalId,
) -> Result<(PrincipalBody, u64), Problem> {
    let found = find::<PrincipalBody>(moment, PRINCIPAL, id.as_str())?;
    let (body, version) = found.ok_or_else(|| Problem::not_found("principal"))?;
    if permit.principal() == id {
        return Err(Problem::new(
            Code::Conflict,
            "a principal cannot change its own standing",
        ));
    }
    if body.status == PrincipalStatus::Disabled {
        return Err(Problem::new(Code::Conflict, format!("`{id}` is disabled")));
    }
    Ok((body, version))
}

/// Issues a token. The answer holds its text, also when it is given again: the text follows from the claims.
///
/// # Errors
/// `rule_violated` when the principal cannot have what the token would allow.
pub async fn issue_token(
    platform: &Arc<Platform>,
    caller: Caller<can::ManageTokens>,
    command: Command<IssueToken>,
) -> Result<Outcome, Problem> {
    let Command { body: wish, ticket } = command;
    let shared = Arc::clone(platform);
    let outcome = execute(platform, caller, ticket, move |moment, caller| {
        let permit = caller.permit(Resource::Zone)?;
        let token = new_token(&shared, moment, &wish, permit.principal().as_str())?;
        issued(permit, token)
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
) -> Result<Outcome, Problem> {
    let invalid = || {
        Problem::new(
            Code::TokenInvalid,
            "the assertion proves no key of a principal",
        )
    };
    let claimed = Assertion::unverified_subject(assertion).ok_or_else(invalid)?;
    let subject = claimed.clone();
    let (found, now_ms) = platform
        .read(move |moment| {
            let found = find::<PrincipalBody>(moment, PRINCIPAL, subject.as_str())?;
            Ok((found, moment.now_ms))
        })
        .await?;
    let (principal, _) = found.ok_or_else(invalid)?;
    let key: DidKey = principal
        .key
        .as_ref()
        .and_then(|key| key.parse().ok())
        .ok_or_else(invalid)?;
    let zone = platform.tokens.zone();
    let proven = Assertion::open(
        assertion,
        key.verifying_key(),
        zone,
        now_ms.div_euclid(1000),
    );
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
        found
            .filter(|(now, _)| now.key == principal.key)
            .ok_or_else(invalid)?;
        let token = new_token(&shared, moment, &wish, wish.principal.as_str())?;
        let permit = Permit::proven(wish.principal.clone(), Action::ManageTokens);
        Ok((issued(permit, token)?, ()))
    };
    let (outcome, _) = execute_as(platform, actor.as_str(), ticket, decide).await?;
    show_token(platform, outcome)
}

fn issued(permit: Permit, token: TokenBody) -> Result<Decided, Problem> {
    let location = format!("/v1/tokens/{}", token.jti);
    let reply = Reply::created(location, &TokenView::from(token.clone()));
    let principal = token.principal.clone();
    one(permit, &principal, Happened::TokenIssued(token), reply)
}

fn new_token(
    platform: &Platform,
    moment: &Moment<'_>,
    wish: &IssueToken,
    issued_by: &str,
) -> Result<TokenBody, Problem> {
    let found = find::<PrincipalBody>(moment, PRINCIPAL, wish.principal.as_str())?;
    let (principal, _) = found.ok_or_else(|| {
        let detail = "there is no such principal";
        Problem::new(Code::RuleViolated, detail).with_error("/principal", "exists", detail)
    })?;
    token_for(platform, &principal, wish, issued_by, moment.now_ms)
}

/// A token for a principal that may just be coming into being.
pub(super) fn token_for(
    platform: &Platform,
    principal: &PrincipalBody,
    wish: &IssueToken,
    issued_by: &str,
    now_ms: i64,
) -> Result<TokenBody, Problem> {
    if principal.status == PrincipalStatus::Disabled {
        return Err(Problem::new(
            Code::PrincipalDisabled,
            "the principal may no longer act",
        ));
    }
    check_binding(&wish.entities, wish.jurisdiction.as_deref())?;
    let lifetime_s = wish.lifetime_s.unwrap_or(LIFETIME_S_DEFAULT);
    if !(1..=LIFETIME_S_MAX).contains(&lifetime_s) {
        let detail = format!("a token lives 1 to {LIFETIME_S_MAX} seconds");
        return Err(invalid("/lifetime_s", "range", detail));
    }
    let allowed = principal.standing.scopes();
    let scopes = wish.scopes.clone().unwrap_or_else(|| allowed.clone());
    if let Some(beyond) = scopes.difference(&allowed).next() {
        return Err(beyond_standing(*beyond));
    }
    if !principal.entities.is_empty() && !wish.entities.is_subset(&principal.entities) {
        let detail = "the principal does not act for all of these entities";
        return Err(Problem::new(Code::RuleViolated, detail).with_error(
            "/entities",
            "subset",
            detail,
        ));
    }
    let entities = if wish.entities.is_empty() {
        &principal.entities
    } else {
        &wish.entities
    };
    let issued_s = now_ms.div_euclid(1000);
    Ok(TokenBody {
        jti: platform.random_id("tok"),
        principal: principal.id.clone(),
        scopes,
        entities: entities.clone(),
        jurisdiction: wish
            .jurisdiction
            .clone()
            .or_else(|| principal.jurisdiction.clone()),
        issued_s,
        expires_s: issued_s + lifetime_s,
        issued_by: issued_by.to_owned(),
        status: TokenStatus::Issued,
    })
}

fn beyond_standing(scope: Scope) -> Problem {
    let detail = format!("the standing of the principal does not allow `{scope}`");
    Problem::new(Code::RuleViolated, detail.clone()).with_error("/scopes", "subset", detail)
}

/// Adds the token text to an answer that tells about a token.
pub(super) fn show_token(platform: &Platform, mut outcome: Outcome) -> Result<Outcome, Problem> {
    let view: TokenView = serde_json::from_value(outcome.reply.body().clone())
        .map_err(|error| Problem::internal(&error))?;
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
) -> Result<Outcome, Problem> {
    let Command { body: wish, ticket } = command;
    execute(platform, caller, ticket, move |moment, caller| {
        let permit = caller.permit(Resource::Zone)?;
        let found = find::<TokenBody>(moment, TOKEN, &jti)?;
        let (mut token, _) = found.ok_or_else(|| Problem::not_found("token"))?;
        check_text("/reason", &wish.reason)?;
        if token.status == TokenStatus::Revoked {
            return Err(Problem::new(Code::Conflict, "the token is revoked already"));
        }
        token.status = TokenStatus::Revoked;
        let principal = token.principal.clone();
        let happened = TokenRevoked {
            jti: jti.clone(),
            reason: wish.reason.clone(),
        };
        let reply = Reply::ok(&TokenView::from(token));
        one(permit, &principal, Happened::TokenRevoked(happened), reply)
    })
    .await
}

/// One event in one principal's stream.
fn one(
    permit: Permit,
    id: &PrincipalId,
    happened: Happened,
    reply: Reply,
) -> Result<Decided, Problem> {
    let stream = principal_stream(id);
    let mut change = Change::default();
    append(&mut change, &stream, &[happened])?;
    Ok(Decided::new(permit, change, reply).sealed_by(stream))
}

fn check_text(pointer: &str, text: &str) -> Result<(), Problem> {
    let chars = text.chars().count();
    if (1..=TEXT_CHARS_MAX).contains(&chars) && !text.chars().any(char::is_control) {
        Ok(())
    } else {
        let detail =
            format!("a text has 1 to {TEXT_CHARS_MAX} characters and no control characters");
        Err(invalid(pointer, "text", detail))
    }
}

fn check_binding(entities: &BTreeSet<String>, jurisdiction: Option<&str>) -> Result<(), Problem> {
    if entities.len() > ENTITIES_MAX {
        return Err(invalid(
            "/entities",
            "max_items",
            format!("at most {ENTITIES_MAX} entities"),
        ));
    }
    entities
        .iter()
        .try_for_each(|id| check_text("/entities", id))?;
    jurisdiction.map_or(Ok(()), |text| check_text("/jurisdiction", text))
}

fn invalid(pointer: &str, rule: &str, detail: String) -> Problem {
    Problem::new(Code::BodyInvalid, "the body is not valid").with_error(pointer, rule, detail)
}
