//! Access tokens of the zone: RFC 9068 claims in a compact JWS, short-lived, for one audience.

use api::scope::{Scope, ScopeSet};
use ids::PrincipalId;
use std::fmt;

use evidence::canonical;
use evidence::key::{SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::jws::{self, JwsRefusal, Kind};

/// How long a token lives when nobody says, in seconds.
pub const LIFETIME_S_DEFAULT: i64 = 60 * 60;
/// How long a token may live, in seconds.
pub const LIFETIME_S_MAX: i64 = 24 * 60 * 60;
/// How far an assertion's end may lie ahead, in seconds.
pub const ASSERTION_LIFETIME_S_MAX: i64 = 120;

/// What a token says (RFC 9068 section 2.2). Times are Unix seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// The zone that issued it.
    pub iss: String,
    /// The principal.
    pub sub: PrincipalId,
    /// The one zone it is for.
    pub aud: String,
    /// The first second at which it is no longer valid.
    pub exp: i64,
    /// When it was issued.
    pub iat: i64,
    /// The first second at which it is valid.
    pub nbf: i64,
    /// Its id, by which it is revoked.
    pub jti: String,
    /// The client, which is the principal itself.
    pub client_id: PrincipalId,
    /// What it allows at most.
    pub scope: ScopeText,
    /// The entities it is bound to; none means no such limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<String>,
    /// The jurisdiction it is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<String>,
}

/// Scopes separated by single spaces, in order (RFC 8693 section 4.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ScopeText(pub ScopeSet);

impl TryFrom<String> for ScopeText {
    type Error = api::scope::UnknownScope;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.split(' ')
            .filter(|part| !part.is_empty())
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl From<ScopeText> for String {
    fn from(scopes: ScopeText) -> Self {
        scopes
            .0
            .iter()
            .map(|scope| Scope::as_str(*scope))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// Why a token is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// It is not a token signed by this zone.
    #[error(transparent)]
    Jws(#[from] JwsRefusal),
    /// The signed claims are not of the one accepted form.
    #[error("token claims are not of the accepted form")]
    Claims,
    /// It was issued by another zone.
    #[error("token was issued by another zone")]
    Issuer,
    /// It is for another zone.
    #[error("token is for another audience")]
    Audience,
    /// It is not valid yet.
    #[error("token is valid from {nbf}")]
    NotYetValid {
        /// The first valid second.
        nbf: i64,
    },
    /// It is no longer valid.
    #[error("token was valid until {exp}")]
    Expired {
        /// The first second at which it was not valid.
        exp: i64,
    },
    /// It claims to live longer than any token may.
    #[error("token claims to live longer than {LIFETIME_S_MAX} seconds")]
    Lifetime,
}

/// Issues and opens the tokens of one zone.
pub struct TokenAuthority {
    key: SigningKey,
    verifying: VerifyingKey,
    zone: String,
}

impl TokenAuthority {
    /// The authority of `zone`, which is issuer and audience.
    pub fn new(zone: impl Into<String>, key: SigningKey) -> Self {
        let verifying = key.verifying_key();
        Self {
            key,
            verifying,
            zone: zone.into(),
        }
    }

    /// The zone: issuer and audience of every token.
    pub fn zone(&self) -> &str {
        &self.zone
    }

    /// The token text. The same claims give the same text, so that no token needs to be stored.
    pub fn seal(&self, claims: &Claims) -> String {
        let payload = canonical::to_vec_of(claims).expect("claims are plain canonical JSON");
        jws::sign(&self.key, Kind::AccessToken, &payload)
    }

    /// 32 bytes that only this zone can compute from these: the digest of a signature, which is always the same for the
    /// same bytes (RFC 8032). What is signed begins as no JWS does, so that it is no token.
    pub fn keyed_digest(&self, purpose: &str, bytes: &[u8]) -> [u8; 32] {
        let mut message = format!("hanse/keyed-digest/v1\0{purpose}\0").into_bytes();
        message.extend_from_slice(bytes);
        Sha256::digest(self.key.sign(&message).as_bytes()).into()
    }

    /// The claims of a token that is valid at `now_s`. Whether it was revoked is the journal's to say.
    ///
    /// # Errors
    /// One variant for each reason.
    pub fn open(&self, text: &str, now_s: i64) -> Result<Claims, TokenRefusal> {
        let payload = jws::verify(text, Kind::AccessToken, &self.verifying)?;
        let value = canonical::parse(&payload).map_err(|_| TokenRefusal::Claims)?;
        let claims: Claims = serde_json::from_value(value).map_err(|_| TokenRefusal::Claims)?;
        self.check(&claims, now_s)?;
        Ok(claims)
    }

    fn check(&self, claims: &Claims, now_s: i64) -> Result<(), TokenRefusal> {
        if claims.iss != self.zone {
            return Err(TokenRefusal::Issuer);
        }
        if claims.aud != self.zone {
            return Err(TokenRefusal::Audience);
        }
        if claims.exp.saturating_sub(claims.nbf) > LIFETIME_S_MAX {
            return Err(TokenRefusal::Lifetime);
        }
        if now_s < claims.nbf {
            return Err(TokenRefusal::NotYetValid { nbf: claims.nbf });
        }
        if now_s >= claims.exp {
            return Err(TokenRefusal::Expired { exp: claims.exp });
        }
        Ok(())
    }
}

impl fmt::Debug for TokenAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenAuthority")
            .field("zone", &self.zone)
            .finish_non_exhaustive()
    }
}

/// By what a principal with a registered key asks for a token (RFC 7523 section 3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assertion {
    /// The principal.
    pub iss: PrincipalId,
    /// The principal again.
    pub sub: PrincipalId,
    /// The zone.
    pub aud: String,
    /// The first second at which it is no longer valid.
    pub exp: i64,
    /// When it was made.
    pub iat: i64,
    /// Makes it usable once.
    pub jti: String,
}

impl Assertion {
    /// Signs the assertion with the principal's key.
    pub fn seal(&self, key: &SigningKey) -> String {
        let payload = canonical::to_vec_of(self).expect("assertions are plain canonical JSON");
        jws::sign(key, Kind::Assertion, &payload)
    }

    /// Who the text claims to be from, before anything of it is verified: only to find the key to verify it with.
    pub fn unverified_subject(text: &str) -> Option<PrincipalId> {
        let payload = text.split('.').nth(1)?;
        let bytes = data_encoding::BASE64URL_NOPAD
            .decode(payload.as_bytes())
            .ok()?;
        canonical::parse(&bytes)
            .ok()?
            .get("sub")?
            .as_str()?
            .parse()
            .ok()
    }

    /// The assertion, if `key` signed it for `zone` and it is valid at `now_s`.
    ///
    /// # Errors
    /// As for tokens.
    pub fn open(
        text: &str,
        key: &VerifyingKey,
        zone: &str,
        now_s: i64,
    ) -> Result<Self, TokenRefusal> {
        let payload = jws::verify(text, Kind::Assertion, key)?;
        let value = canonical::parse(&payload).map_err(|_| TokenRefusal::Claims)?;
        let assertion: Self = serde_json::from_value(value).map_err(|_| TokenRefusal::Claims)?;
        if assertion.iss != assertion.sub {
            return Err(TokenRefusal::Issuer);
        }
        if assertion.aud != zone {
            return Err(TokenRefusal::Audience);
        }
        if now_s >= assertion.exp {
            return Err(TokenRefusal::Expired { exp: assertion.exp });
        }
        if assertion.exp - now_s > ASSERTION_LIFETIME_S_MAX {
            return Err(TokenRefusal::Lifetime);
        }
        Ok(assertion)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn authority(zone: &str) -> TokenAuthority {
        TokenAuthority::new(zone, SigningKey::from_seed([7; 32]))
    }

    fn claims(nbf: i64, exp: i64) -> Claims {
        Claims {
            iss: "zone-a".to_owned(),
            sub: "someone".parse().unwrap(),
            aud: "zone-a".to_owned(),
            exp,
            iat: nbf,
            nbf,
            jti: "t-1".to_owned(),
            client_id: "someone".parse().unwrap(),
            scope: ScopeText(Scope::all().collect()),
            entities: vec!["ent-1".to_owned()],
            jurisdiction: Some("pk".to_owned()),
        }
    }

    proptest! {
        #[test]
        fn a_token_is_valid_from_nbf_to_the_second_before_exp_and_never_else(
            nbf in 0_i64..1_000_000, lifetime in 1..=LIFETIME_S_MAX, offset in -100_i64..100_000,
        ) {
            let exp = nbf + lifetime;
            let text = authority("zone-a").seal(&claims(nbf, exp));
            let now = nbf + offset;
            let expected = if now < nbf {
                Err(TokenRefusal::NotYetValid { nbf })
            } else if now >= exp {
                Err(TokenRefusal::Expired { exp })
            } else {
                Ok(claims(nbf, exp))
            };
            prop_assert_eq!(authority("zone-a").open(&text, now), expected);
        }
    }

    #[test]
    fn the_edges_of_validity_are_exact() {
        let authority = authority("zone-a");
        let text = authority.seal(&claims(100, 200));
        assert_eq!(
            authority.open(&text, 99),
            Err(TokenRefusal::NotYetValid { nbf: 100 })
        );
        assert!(authority.open(&text, 100).is_ok());
        assert!(authority.open(&text, 199).is_ok());
        assert_eq!(
            authority.open(&text, 200),
            Err(TokenRefusal::Expired { exp: 200 })
        );
    }

    #[test]
    fn issuer_audience_and_lifetime_are_refused_one_by_one() {
        let authority = authority("zone-a");
        let check = |change: fn(&mut Claims), expected| {
            let mut claims = claims(100, 200);
            change(&mut claims);
            assert_eq!(authority.open(&authority.seal(&claims), 150), Err(expected));
        };
        check(|c| c.iss = "zone-b".to_owned(), TokenRefusal::Issuer);
        check(|c| c.aud = "zone-b".to_owned(), TokenRefusal::Audience);
        check(|c| c.exp = 101 + LIFETIME_S_MAX, TokenRefusal::Lifetime);
    }

    #[test]
    fn an_assertion_is_no_token_and_a_token_no_assertion() {
        let key = SigningKey::from_seed([7; 32]);
        let principal: PrincipalId = "someone".parse().unwrap();
        let assertion = Assertion {
            iss: principal.clone(),
            sub: principal.clone(),
            aud: "zone-a".to_owned(),
            exp: 160,
            iat: 150,
            jti: "a-1".to_owned(),
        };
        let text = assertion.seal(&key);
        assert_eq!(Assertion::unverified_subject(&text), Some(principal));
        let open = |now| Assertion::open(&text, &key.verifying_key(), "zone-a", now);
        assert_eq!(open(150), Ok(assertion.clone()));
        assert_eq!(open(160), Err(TokenRefusal::Expired { exp: 160 }));
        assert_eq!(open(1), Err(TokenRefusal::Lifetime));
        let as_token = authority("zone-a").open(&text, 150);
        assert_eq!(as_token, Err(TokenRefusal::Jws(JwsRefusal::WrongKind)));
        let token = authority("zone-a").seal(&claims(100, 200));
        let as_assertion = Assertion::open(&token, &key.verifying_key(), "zone-a", 150);
        assert_eq!(as_assertion, Err(TokenRefusal::Jws(JwsRefusal::WrongKind)));
    }
}
