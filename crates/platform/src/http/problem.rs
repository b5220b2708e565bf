//! What the node answers when it does not do what was asked: RFC 9457 problem details.
//!
//! Every handler, extractor, layer and fallback answers with a [`Problem`]. Its [`Code`] is stable: clients branch on
//! it, and [`Code::status`] is the one place where a code becomes an HTTP status. `type` is a path below `/problems/`
//! that the node serves as a page.

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The media type of every problem (RFC 9457 section 3).
pub const CONTENT_TYPE: &str = "application/problem+json";

macro_rules! codes {
    ($($variant:ident $text:literal $status:ident $title:literal $about:literal;)+) => {
        /// Why a request was not done. The text forms are stable and never reworded.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Code {
            $(#[doc = $about] #[serde(rename = $text)] $variant,)+
        }

        impl Code {
            /// Every code, in alphabetical order of its text.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The stable text, for example `scope_missing`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The HTTP status of this code.
            pub fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            /// A short summary that does not change between occurrences.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// What it means and what the caller can do about it.
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)+ }
            }
        }
    };
}

impl utoipa::PartialSchema for Code {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .enum_values(Some(Self::ALL.iter().map(|code| code.as_str())))
            .into()
    }
}

impl ToSchema for Code {}

codes! {
    BodyInvalid "body_invalid" UNPROCESSABLE_ENTITY "The body does not have the documented shape"
        "The body is JSON, but a field is missing, unknown or not valid. `errors` points at it; correct it and send the request again.";
    BodyMalformed "body_malformed" BAD_REQUEST "The body is not acceptable JSON"
        "The body is not JSON, or is JSON that different readers would understand differently (duplicate members, numbers that are not exact, depth over 128).";
    BodyTooLarge "body_too_large" PAYLOAD_TOO_LARGE "The body is too large"
        "The body is larger than this route accepts. Send less.";
    BootstrapSpent "bootstrap_spent" CONFLICT "The bootstrap token was already redeemed"
        "The one-time bootstrap token makes the first administrator and works once. Ask an administrator of this zone for access.";
    ComplianceBlocked "compliance_blocked" FORBIDDEN "The law does not allow this as things stand"
        "A domain of compliance blocks the operation. `errors` names each domain with the clause and the source that blocks it.";
    Conflict "conflict" CONFLICT "The request does not fit the present state"
        "The resource exists already, or changed while the request was being decided. Read it and decide again.";
    Forbidden "forbidden" FORBIDDEN "The caller may not do this"
        "The caller is known and has the scope, but not for this resource, or its standing does not allow the action.";
    Gone "gone" GONE "The content was erased"
        "The key of this content was destroyed on purpose. What was proven about it stays provable; the content cannot come back.";
    HeadersTooLarge "headers_too_large" REQUEST_HEADER_FIELDS_TOO_LARGE "The request headers are too large"
        "The header fields of the request are larger than the node reads.";
    IdempotencyKeyInvalid "idempotency_key_invalid" BAD_REQUEST "The idempotency key is not usable"
        "`Idempotency-Key` must be 1 to 128 visible ASCII characters; a UUID is a good choice.";
    IdempotencyKeyMissing "idempotency_key_missing" BAD_REQUEST "The idempotency key is missing"
        "Every write needs an `Idempotency-Key` header, so that it can be repeated safely when an answer is lost.";
    IdempotencyKeyReused "idempotency_key_reused" UNPROCESSABLE_ENTITY "The idempotency key belongs to another request"
        "This key was used in the last 24 hours for a request with other content. Use a fresh key.";
    Internal "internal" INTERNAL_SERVER_ERROR "The node made a mistake"
        "This is a defect of the node. Nothing was acknowledged. Report the request id.";
    JournalUnavailable "journal_unavailable" SERVICE_UNAVAILABLE "The journal cannot accept this at the moment"
        "Nothing was acknowledged. Send the same request with the same idempotency key again later.";
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED "The resource does not have this method"
        "The `Allow` header lists the methods of this resource.";
    NotAcceptable "not_acceptable" NOT_ACCEPTABLE "No acceptable representation"
        "The `Accept` header excludes every form this node can answer with.";
    NotFound "not_found" NOT_FOUND "There is no such resource"
        "The resource does not exist, or the caller may not know whether it exists.";
    Overloaded "overloaded" SERVICE_UNAVAILABLE "The node is busy"
        "The node has as much work as it can finish in time and did not start this request. Try again after `Retry-After`.";
    ParameterInvalid "parameter_invalid" BAD_REQUEST "A parameter is not valid"
        "A path, query or header parameter is missing, unknown or not valid. `errors` names it.";
    PreconditionFailed "precondition_failed" PRECONDITION_FAILED "The resource changed"
        "`If-Match` names another version than the present one. Read the resource and decide again.";
    PreconditionRequired "precondition_required" PRECONDITION_REQUIRED "The request must be conditional"
        "This change needs `If-Match` with the `ETag` of the version it was decided on.";
    PrincipalDisabled "principal_disabled" UNAUTHORIZED "The principal is disabled"
        "The token is genuine, but its principal was disabled or no longer exists.";
    RateLimited "rate_limited" TOO_MANY_REQUESTS "Too many requests"
        "The caller sent more requests than its share. Wait for `Retry-After` seconds.";
    RequestTimeout "request_timeout" REQUEST_TIMEOUT "The request took too long"
        "The request was not complete, or not decided, in the time allowed.";
    RuleViolated "rule_violated" UNPROCESSABLE_ENTITY "A rule of the zone refuses this"
        "The request is well formed and a rule refuses it. `errors` names the rule; each denial cites its clause and source.";
    ScopeMissing "scope_missing" FORBIDDEN "The token does not have the scope"
        "The action needs a scope that this token, or its principal at present, does not have. `errors` names it.";
    ScreeningBlocked "screening_blocked" FORBIDDEN "Screening does not allow this as things stand"
        "A party is not cleared: never screened, matched, waiting for a reviewer, or screened on lists that cannot be trusted. `errors` names each party.";
    TokenExpired "token_expired" UNAUTHORIZED "The token is not valid at this time"
        "The token expired, or is not valid yet. Get a fresh one.";
    TokenInvalid "token_invalid" UNAUTHORIZED "The token is not valid"
        "The token is malformed, was not signed by this zone, or is meant for another audience.";
    TokenMissing "token_missing" UNAUTHORIZED "A token is needed"
        "Send `Authorization: Bearer …` with a token of this zone.";
    TokenRevoked "token_revoked" UNAUTHORIZED "The token was revoked"
        "The token was revoked before its end. Get a fresh one.";
    UnsupportedMediaType "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE "The body is not JSON"
        "Send `Content-Type: application/json`.";
    UpgradeRequired "upgrade_required" UPGRADE_REQUIRED "This is a WebSocket"
        "The resource is a stream over a WebSocket (RFC 6455). Ask for it with `Connection: Upgrade`.";
    UriTooLong "uri_too_long" URI_TOO_LONG "The request target is too long"
        "The path and query together are longer than the node reads.";
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body, or `#query/name`, `#path/name`, `#header/name`.
    pub pointer: String,
    /// The rule that was broken, in a stable form, for example `required` or a clause of a policy.
    pub rule: String,
    /// The same for people.
    pub detail: String,
}

/// A refusal, ready to be sent. Boxed, because it is the error of nearly every function that meets a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(Box<Parts>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    code: Code,
    detail: String,
    errors: Vec<FieldError>,
    headers: HeaderMap,
}

/// The body of every refusal (RFC 9457 with the extensions `code`, `errors` and `request_id`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// A page about this kind of problem, relative to the node.
    #[serde(rename = "type")]
    #[schema(example = "/problems/scope_missing")]
    pub kind: String,
    /// A short summary of the kind.
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// The stable machine-readable code.
    pub code: Code,
    /// What happened this time.
    pub detail: String,
    /// What is wrong in the request, as far as the node can point at it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// The id to quote when asking about this request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Problem {
    /// A problem of one kind, with what happened this time.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self(Box::new(Parts {
            code,
            detail,
            errors: Vec::new(),
            headers: HeaderMap::new(),
        }))
    }

    /// A defect of the node. The cause goes to the log, never to the caller.
    pub fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(cause = %Chain(cause), "request failed inside the node");
        Self::new(Code::Internal, "the node could not finish the request")
    }

    /// There is no such thing, or the caller may not know.
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no such {what}"))
    }

    /// Adds one field error.
    pub fn with_error(
        mut self,
        pointer: impl Into<String>,
        rule: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        self.0.errors.push(FieldError {
            pointer: pointer.into(),
            rule: rule.into(),
            detail: detail.into(),
        });
        self
    }

    /// Adds a response header.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// Says when to try again, in whole seconds.
    pub fn retry_after(self, seconds: u64) -> Self {
        self.with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// What happened this time.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The body, with the id of the request it answers.
    pub fn body(&self, request_id: Option<String>) -> ProblemBody {
        ProblemBody {
            kind: format!("/problems/{}", self.0.code.as_str()),
            title: self.0.code.title().to_owned(),
            status: self.0.code.status().as_u16(),
            code: self.0.code,
            detail: self.0.detail.clone(),
            errors: self.0.errors.clone(),
            request_id,
        }
    }

    /// The response. Prefer `?` or [`IntoResponse`] in handlers: the outer layer adds the request id.
    pub fn render(self, request_id: Option<String>) -> Response {
        let mut response = (self.0.code.status(), Json(self.body(request_id))).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if self.0.code.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, challenge(self.0.code));
        }
        headers.extend(self.0.headers.clone());
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.render(None)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.0.code.as_str(), self.0.detail)
    }
}

impl std::error::Error for Problem {}

/// An error with its sources, on one line, for the log.
pub struct Chain<'a>(pub &'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

/// Turns an error status that some layer made without a problem into one. The body of that layer is dropped, the
/// headers that carry meaning (`Allow`, `Retry-After`) stay.
pub fn from_bare_response(response: &Response) -> Option<Problem> {
    if response.extensions().get::<Problem>().is_some() {
        return None;
    }
    let code = match response.status() {
        StatusCode::UNAUTHORIZED => Code::TokenMissing,
        StatusCode::FORBIDDEN => Code::Forbidden,
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
        StatusCode::NOT_ACCEPTABLE => Code::NotAcceptable,
        StatusCode::REQUEST_TIMEOUT => Code::RequestTimeout,
        StatusCode::PAYLOAD_TOO_LARGE => Code::BodyTooLarge,
        StatusCode::URI_TOO_LONG => Code::UriTooLong,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
        StatusCode::UNPROCESSABLE_ENTITY => Code::BodyInvalid,
        StatusCode::SERVICE_UNAVAILABLE => Code::Overloaded,
        status if status.is_client_error() => Code::ParameterInvalid,
        status if status.is_server_error() => Code::Internal,
        _ => return None,
    };
    let mut problem = Problem::new(code, code.title().to_lowercase());
    for name in [header::ALLOW, header::RETRY_AFTER] {
        if let Some(value) = response.headers().get(&name) {
            problem = problem.with_header(name, value.clone());
        }
    }
    Some(problem)
}

/// The page about one kind of problem.
pub fn page(code: Code) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{code}</title>\
         <h1><code>{code}</code></h1><p><strong>{title}</strong> (HTTP {status})</p><p>{about}</p></html>\n",
        code = code.as_str(),
        title = code.title(),
        status = code.status().as_u16(),
        about = code.about(),
    ))
}

/// RFC 6750 section 3: a request without any credentials gets no error code in its challenge.
fn challenge(code: Code) -> HeaderValue {
    HeaderValue::from_static(match code {
        Code::TokenMissing => "Bearer realm=\"hanse\"",
        _ => "Bearer realm=\"hanse\", error=\"invalid_token\"",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_alphabetical_unique_snake_case_and_equal_to_their_wire_form() {
        for pair in Code::ALL.windows(2) {
            assert!(pair[0].as_str() < pair[1].as_str(), "{:?}", pair);
        }
        for code in Code::ALL {
            let text = code.as_str();
            assert!(
                text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'),
                "{text}"
            );
            assert_eq!(serde_json::to_value(code).unwrap(), text);
            assert!(code.status().is_client_error() || code.status().is_server_error());
        }
    }

    #[test]
    fn a_missing_token_is_challenged_without_an_error_code_and_a_bad_one_with_it() {
        let header = |code| {
            Problem::new(code, "x").into_response().headers()[header::WWW_AUTHENTICATE].clone()
        };
        assert_eq!(header(Code::TokenMissing), "Bearer realm=\"hanse\"");
        assert_eq!(
            header(Code::TokenRevoked),
            "Bearer realm=\"hanse\", error=\"invalid_token\""
        );
    }

    #[test]
    fn an_internal_problem_tells_the_caller_nothing_of_its_cause() {
        let cause = std::io::Error::other("secret path /var/lib");
        let problem = Problem::internal(&cause);
        assert!(
            !serde_json::to_string(&problem.body(None))
                .unwrap()
                .contains("secret")
        );
    }
}
