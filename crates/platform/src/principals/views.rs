//! What is known of principals and tokens, and the check that every request goes through.

use api::principals::{PrincipalStatus, PrincipalView};
use api::problem::Code;
use api::scope::ScopeSet;
use api::tokens::{TokenStatus, TokenView};
use ids::PrincipalId;
use std::collections::BTreeSet;

use journal::{ReadError, Record, Snapshot};
use serde::de::DeserializeOwned;

use super::event::{PRINCIPAL, TOKEN};
use super::principal::PrincipalBody;
use super::token::TokenBody;
use crate::auth::token::{TokenAuthority, TokenRefusal};
use crate::auth::{Binding, Identity};
use crate::declined::Declined;
use crate::moment::Moment;

/// A principal and the version of its record.
pub fn find_principal(
    snapshot: &Snapshot<'_>,
    id: &PrincipalId,
) -> Result<Option<(PrincipalView, u64)>, Declined> {
    Ok(find::<PrincipalBody>(snapshot, PRINCIPAL, id.as_str())?
        .map(|(body, version)| (body.into(), version)))
}

/// A token and the version of its record.
pub fn find_token(
    snapshot: &Snapshot<'_>,
    jti: &str,
) -> Result<Option<(TokenView, u64)>, Declined> {
    Ok(find::<TokenBody>(snapshot, TOKEN, jti)?.map(|(body, version)| (body.into(), version)))
}

/// Up to `limit` principals with ids after `after`.
pub fn list_principals(
    snapshot: &Snapshot<'_>,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<PrincipalView>, Declined> {
    let records = snapshot
        .records(PRINCIPAL, &[], after, limit)
        .map_err(unreadable)?;
    records
        .iter()
        .map(|record| body::<PrincipalBody>(record).map(PrincipalView::from))
        .collect()
}

/// Up to `limit` tokens with ids after `after`, of one principal or of all.
pub fn list_tokens(
    snapshot: &Snapshot<'_>,
    principal: Option<&PrincipalId>,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<TokenView>, Declined> {
    let filters: Vec<_> = principal
        .iter()
        .map(|id| ("principal", id.as_str()))
        .collect();
    let records = snapshot
        .records(TOKEN, &filters, after, limit)
        .map_err(unreadable)?;
    records
        .iter()
        .map(|record| body::<TokenBody>(record).map(TokenView::from))
        .collect()
}

pub(super) fn find<T: DeserializeOwned>(
    snapshot: &Snapshot<'_>,
    kind: &str,
    id: &str,
) -> Result<Option<(T, u64)>, Declined> {
    let record = snapshot.record(kind, id).map_err(unreadable)?;
    record
        .map(|record| Ok((body(&record)?, record.version)))
        .transpose()
}

fn body<T: DeserializeOwned>(record: &Record) -> Result<T, Declined> {
    serde_json::from_slice(&record.body).map_err(|error| Declined::internal(&error))
}

fn unreadable(error: ReadError) -> Declined {
    Declined::internal(&error)
}

/// Who sends this token, as of now: signature and times, then [`identify`].
///
/// # Errors
/// `token_invalid`, `token_expired`, `token_revoked` or `principal_disabled`, all of them 401.
pub fn authenticate(
    tokens: &TokenAuthority,
    moment: &Moment<'_>,
    text: &str,
) -> Result<Identity, Declined> {
    let claims = tokens
        .open(text, moment.now_ms.div_euclid(1000))
        .map_err(|refusal| refused(&refusal))?;
    identify(moment, &claims.sub, &claims.jti, claims.scope.0)
}

/// What the holder of a token may do at this instant: whether the journal knows the token and has not taken it back, whether
/// its time is not over, then whether its principal may still act.
///
/// # Errors
/// `token_invalid`, `token_expired`, `token_revoked` or `principal_disabled`.
pub fn identify(
    moment: &Moment<'_>,
    subject: &PrincipalId,
    jti: &str,
    token_scopes: ScopeSet,
) -> Result<Identity, Declined> {
    let unknown = || Declined::new(Code::TokenInvalid, "the token was not issued by this zone");
    let (token, _) = find::<TokenBody>(moment, TOKEN, jti)?.ok_or_else(unknown)?;
    if moment.now_ms.div_euclid(1000) >= token.expires_s {
        let exp = token.expires_s;
        return Err(refused(&TokenRefusal::Expired { exp }));
    }
    if token.status == TokenStatus::Revoked {
        return Err(Declined::new(Code::TokenRevoked, "the token was revoked"));
    }
    let disabled = || Declined::new(Code::PrincipalDisabled, "the principal may no longer act");
    let (principal, _) =
        find::<PrincipalBody>(moment, PRINCIPAL, subject.as_str())?.ok_or_else(disabled)?;
    if principal.status == PrincipalStatus::Disabled {
        return Err(disabled());
    }
    let binding = combine(&principal, &token).ok_or_else(|| {
        Declined::new(
            Code::TokenInvalid,
            "the token is bound to what its principal no longer acts for",
        )
    })?;
    Ok(Identity {
        principal: principal.id,
        standing: principal.standing,
        token_scopes,
        token_id: jti.to_owned(),
        binding,
    })
}

/// The limits of both. Nothing, if they exclude each other: an empty set would read as "no limit".
fn combine(principal: &PrincipalBody, token: &TokenBody) -> Option<Binding> {
    let entities = match (principal.entities.is_empty(), token.entities.is_empty()) {
        // Who acts for entities and has none acts for none, whatever a token says.
        (true, _) if principal.standing.is_entity_bound() => BTreeSet::new(),
        (true, _) => token.entities.clone(),
        (_, true) => principal.entities.clone(),
        (false, false) => {
            let both: BTreeSet<_> = principal
                .entities
                .intersection(&token.entities)
                .cloned()
                .collect();
            if both.is_empty() {
                return None;
            }
            both
        }
    };
    let jurisdiction = match (&principal.jurisdiction, &token.jurisdiction) {
        (Some(one), Some(other)) if one != other => return None,
        (Some(only), _) | (None, Some(only)) => Some(only.clone()),
        (None, None) => None,
    };
    Some(Binding {
        entities,
        jurisdiction,
    })
}

pub(super) fn refused(refusal: &TokenRefusal) -> Declined {
    let code = match refusal {
        TokenRefusal::NotYetValid { .. } | TokenRefusal::Expired { .. } => Code::TokenExpired,
        TokenRefusal::Jws(_)
        | TokenRefusal::Claims
        | TokenRefusal::Issuer
        | TokenRefusal::Audience
        | TokenRefusal::Lifetime => Code::TokenInvalid,
    };
    Declined::new(code, refusal.to_string())
}
