//! What handlers take: a caller with a scope, strict JSON, checked parameters.
//!
//! Authorisation happens while the parts are read, before the body, so that a caller without the scope learns nothing
//! about the shape of a request.

use api::problem::Code;
use ids::PrincipalId;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{
    FromRef, FromRequest, FromRequestParts, MatchedPath, Path, RawPathParams, Request,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use evidence::canonical::{self, CanonicalError};
use evidence::digest::{Digest, Purpose};
use serde::de::DeserializeOwned;

use super::Platform;
use super::idempotency::{IdempotencyKey, Ticket};
use super::problem::Problem;
use crate::auth::{Asks, Identity, Permit, Refusal, Resource, authorize};
use crate::declined::Declined;
use crate::moment::Moment;
use crate::principals;

/// Largest body of an ordinary request, in bytes.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// How long a body may take to arrive.
pub const BODY_TIME_MAX: Duration = Duration::from_secs(15);

/// A verified caller that has the scope of `A`. What it may do it to is decided by [`Caller::permit`].
#[derive(Debug)]
pub struct Caller<A> {
    identity: Identity,
    operation: PhantomData<fn() -> A>,
}

impl<A: Asks> Caller<A> {
    /// The caller that holds a token, however the token came.
    ///
    /// # Errors
    /// The token does not hold, its principal sends too much, or it lacks the scope.
    pub async fn of_token(platform: &Arc<Platform>, token: &str) -> Result<Self, Declined> {
        let (token, shared) = (token.to_owned(), Arc::clone(platform));
        let identity = platform
            .read(move |moment| principals::authenticate(&shared.tokens, moment, &token))
            .await?;
        platform
            .limits
            .admit_principal(&identity.principal)
            .map_err(Problem::into_declined)?;
        authorize(&identity, A::ACTION, Resource::Collection).map_err(refused)?;
        Ok(Self {
            identity,
            operation: PhantomData,
        })
    }

    /// The same caller as of another instant: its token may have been taken back, its principal disabled or bound otherwise.
    ///
    /// # Errors
    /// As for [`Caller::of_token`].
    pub fn confirmed(&self, moment: &Moment<'_>) -> Result<Self, Declined> {
        let Identity {
            principal,
            token_id,
            token_scopes,
            ..
        } = &self.identity;
        let identity = principals::identify(moment, principal, token_id, token_scopes.clone())?;
        authorize(&identity, A::ACTION, Resource::Collection).map_err(refused)?;
        Ok(Self {
            identity,
            operation: PhantomData,
        })
    }

    /// Who is calling.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The principal that is calling.
    pub fn principal(&self) -> &PrincipalId {
        &self.identity.principal
    }

    /// The permission to do `A` to `resource`, which every write asks for.
    ///
    /// # Errors
    /// `forbidden`, or `not_found` for an entity that the caller may not know about.
    pub fn permit(&self, resource: Resource<'_>) -> Result<Permit, Declined> {
        authorize(&self.identity, A::ACTION, resource).map_err(refused)
    }
}

/// Whether an entity exists is not told to those who do not act for it.
fn refused(refusal: Refusal) -> Declined {
    match &refusal {
        Refusal::ScopeMissing { scope, .. } => {
            Declined::new(Code::ScopeMissing, refusal.to_string()).with_error(
                "#header/Authorization",
                scope.as_str(),
                "the token, or its principal at present, does not have this scope",
            )
        }
        Refusal::OtherEntity { .. } | Refusal::OtherJurisdiction { .. } => {
            Declined::not_found("entity")
        }
        Refusal::NotForEntities { .. } => Declined::new(Code::Forbidden, refusal.to_string()),
    }
}

impl<A, S> FromRequestParts<S> for Caller<A>
where
    A: Asks,
    S: Send + Sync,
    Arc<Platform>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let platform = Arc::<Platform>::from_ref(state);
        let caller = Self::of_token(&platform, bearer(&parts.headers)?).await?;
        parts.extensions.insert(caller.principal().clone());
        Ok(caller)
    }
}

/// The token of RFC 6750 section 2.1. Forms in the body or the query are not read.
fn bearer(headers: &HeaderMap) -> Result<&str, Declined> {
    let missing = || Declined::new(Code::TokenMissing, "the request has no bearer token");
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or_else(missing)?;
    let invalid = || {
        Declined::new(
            Code::TokenInvalid,
            "the authorization header is not readable",
        )
    };
    if values.next().is_some() {
        return Err(invalid());
    }
    let (scheme, token) = value
        .to_str()
        .map_err(|_| invalid())?
        .split_once(' ')
        .ok_or_else(invalid)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(token.trim())
    } else {
        Err(missing())
    }
}

/// A write: its body, and the ticket that makes it happen once.
#[derive(Debug)]
pub struct Command<T> {
    /// The body.
    pub body: T,
    /// The idempotency key bound to this request.
    pub ticket: Ticket,
}

impl<T, S> FromRequest<S> for Command<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Declined;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Declined> {
        let key = IdempotencyKey::from_headers(request.headers())?;
        let (parts, bytes) = read_body(request).await?;
        let value = if bytes.is_empty() {
            serde_json::Value::Null
        } else {
            strict_json(&parts, &bytes)?
        };
        let body = from_value(&value)?;
        let caller = parts
            .extensions
            .get::<PrincipalId>()
            .map_or("anonymous", PrincipalId::as_str);
        let route = parts
            .extensions
            .get::<MatchedPath>()
            .map_or("", MatchedPath::as_str);
        let scope = format!("{caller} {} {route}", parts.method);
        let ticket = Ticket {
            scope,
            key,
            request: request_digest(&parts.method, &parts.uri, &value)?,
        };
        Ok(Self { body, ticket })
    }
}

/// A command without a body, or with an empty object.
#[derive(Clone, Copy, Debug, Default)]
pub struct Empty;

impl<'de> serde::Deserialize<'de> for Empty {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Nothing {}
        Option::<Nothing>::deserialize(deserializer).map(|_| Self)
    }
}

/// A JSON body of a request that changes nothing, so that it needs no idempotency key.
#[derive(Debug)]
pub struct StrictJson<T>(pub T);

impl<T, S> FromRequest<S> for StrictJson<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Declined;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Declined> {
        let (parts, bytes) = read_body(request).await?;
        Ok(Self(from_value(&strict_json(&parts, &bytes)?)?))
    }
}

/// Replaces [`BODY_BYTES_MAX`] for the routes it is layered on with `axum::Extension`.
#[derive(Clone, Copy, Debug)]
pub struct BodyBytesMax(pub usize);

async fn read_body(request: Request<Body>) -> Result<(Parts, axum::body::Bytes), Declined> {
    let (parts, body) = request.into_parts();
    let max = parts
        .extensions
        .get::<BodyBytesMax>()
        .map_or(BODY_BYTES_MAX, |max| max.0);
    let too_large = || {
        Declined::new(
            Code::BodyTooLarge,
            format!("the body is larger than {max} bytes"),
        )
    };
    let declared = parts
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse().ok());
    if declared.is_some_and(|bytes: u64| bytes > max as u64) {
        return Err(too_large());
    }
    let bytes = tokio::time::timeout(BODY_TIME_MAX, to_bytes(body, max))
        .await
        .map_err(|_| {
            Declined::new(
                Code::RequestTimeout,
                format!("the body did not arrive in {BODY_TIME_MAX:?}"),
            )
        })?;
    let bytes = bytes.map_err(|_| {
        // The only other reason is a connection that broke, whose answer nobody reads.
        too_large()
    })?;
    Ok((parts, bytes))
}

fn strict_json(parts: &Parts, bytes: &[u8]) -> Result<serde_json::Value, Declined> {
    let kind = parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = kind.map(|kind| {
        kind.split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
    });
    if essence.as_deref() != Some("application/json") {
        return Err(Declined::new(
            Code::UnsupportedMediaType,
            "the body must be application/json",
        ));
    }
    canonical::parse(bytes).map_err(|error| malformed(&error))
}

fn malformed(error: &CanonicalError) -> Declined {
    Declined::new(Code::BodyMalformed, error.to_string()).with_error(
        "",
        "strict_json",
        error.to_string(),
    )
}

/// A body, or the path that serde stopped at, as a JSON pointer, with what it said.
pub fn from_value<T: DeserializeOwned>(value: &serde_json::Value) -> Result<T, Declined> {
    // Serde would take an array for the fields in their order, which no document says.
    if value.is_array() {
        let detail = "the body must be an object";
        return Err(Declined::new(Code::BodyInvalid, detail).with_error("", "type", detail));
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let pointer = json_pointer(error.path());
        let detail = error.into_inner().to_string();
        Declined::new(
            Code::BodyInvalid,
            "the body does not have the documented shape",
        )
        .with_error(pointer, shape_rule(&detail), detail)
    })
}

fn json_pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in path {
        pointer.push('/');
        match segment {
            Segment::Seq { index } => pointer.push_str(&index.to_string()),
            Segment::Map { key } => pointer.push_str(&key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => pointer.push_str(variant),
            Segment::Unknown => pointer.push('?'),
        }
    }
    pointer
}

/// serde tells its reasons only in words; these beginnings are stable.
fn shape_rule(detail: &str) -> &'static str {
    match detail {
        d if d.starts_with("missing field") => "required",
        d if d.starts_with("unknown field") => "unknown_member",
        d if d.starts_with("unknown variant") => "one_of",
        d if d.starts_with("duplicate field") => "duplicate_member",
        d if d.starts_with("invalid type") => "type",
        _ => "format",
    }
}

/// Binds an idempotency key to the method, the target and the canonical body, each framed by its length.
fn request_digest(
    method: &Method,
    uri: &Uri,
    body: &serde_json::Value,
) -> Result<Digest, Declined> {
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let body = canonical::to_vec(body).map_err(|error| malformed(&error))?;
    let mut framed = Vec::with_capacity(body.len() + target.len() + 32);
    for part in [method.as_str().as_bytes(), target.as_bytes(), &body] {
        framed.extend_from_slice(&(part.len() as u64).to_be_bytes());
        framed.extend_from_slice(part);
    }
    Ok(Digest::of(Purpose::Request, &framed))
}

/// Path parameters, each of which goes through its type's only check.
#[derive(Debug)]
pub struct PathOf<T>(pub T);

impl<T, S> FromRequestParts<S> for PathOf<T>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    type Rejection = Declined;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Declined> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(PathRejection::MissingPathParams(missing)) => Err(Declined::internal(&missing)),
            Err(rejection) => {
                let names = RawPathParams::from_request_parts(parts, state).await;
                let name = names
                    .ok()
                    .and_then(|all| all.iter().next().map(|(name, _)| name.to_owned()));
                let pointer = format!("#path/{}", name.unwrap_or_default());
                debug_assert_ne!(rejection.status(), StatusCode::OK);
                Err(
                    Declined::new(Code::ParameterInvalid, "a path parameter is not valid")
                        .with_error(pointer, "format", rejection.body_text()),
                )
            }
        }
    }
}

/// Query parameters. `T` denies unknown fields, so that a misspelt filter is refused and not ignored.
#[derive(Debug)]
pub struct QueryOf<T>(pub T);

impl<T, S> FromRequestParts<S> for QueryOf<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = Declined;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Declined> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
        serde_path_to_error::deserialize(pairs)
            .map(Self)
            .map_err(|error| {
                let name = error.path().to_string();
                let detail = error.into_inner().to_string();
                Declined::new(Code::ParameterInvalid, "a query parameter is not valid").with_error(
                    format!("#query/{name}"),
                    shape_rule(&detail),
                    detail,
                )
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Shape {
        #[expect(dead_code, reason = "only its shape is tested")]
        rows: Vec<Row>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Row {
        #[expect(dead_code, reason = "only its shape is tested")]
        size: u8,
    }

    #[track_caller]
    fn check(body: &str, pointer: &str, rule: &str) {
        let value = canonical::parse(body.as_bytes()).unwrap();
        let problem = from_value::<Shape>(&value).unwrap_err();
        let errors = problem.errors();
        assert_eq!(
            (errors[0].pointer.as_str(), errors[0].rule.as_str()),
            (pointer, rule)
        );
    }

    #[test]
    fn a_shape_error_points_at_the_field_and_names_the_rule() {
        check(
            r#"{"rows":[{"size":1},{"size":"x"}]}"#,
            "/rows/1/size",
            "type",
        );
        check(r#"{"rows":[{"size":300}]}"#, "/rows/0/size", "format");
        check(r#"{"rows":[{}]}"#, "/rows/0", "required");
        check(r#"{"rows":[],"a/b":1}"#, "/a~1b", "unknown_member");
        check("null", "", "type");
    }

    #[test]
    fn request_digests_differ_when_bytes_move_between_parts() {
        let digest = |uri: &str, body: serde_json::Value| {
            request_digest(&Method::POST, &uri.parse().unwrap(), &body).unwrap()
        };
        assert_ne!(digest("/a?b", 1.into()), digest("/a", 1.into()));
        assert_ne!(digest("/a", 1.into()), digest("/a", "1".into()));
        assert_eq!(
            digest("/a", serde_json::json!({"x":1,"y":2})),
            digest("/a", serde_json::json!({"y":2,"x":1}))
        );
    }
}
