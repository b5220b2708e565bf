//! Why the node does not do what was asked: RFC 9457 problem details.
//!
//! [`Code`] is stable: clients branch on it, and [`Code::status`] is the one place where a code becomes an HTTP status.
//! `type` is a path below `/problems/` that the node serves as a page.

use serde::{Deserialize, Serialize};

/// The media type of every problem (RFC 9457 section 3).
pub const CONTENT_TYPE: &str = "application/problem+json";

macro_rules! codes {
    ($($variant:ident $text:literal $status:literal $title:literal $about:literal;)+) => {
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
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)+ }
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

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Code {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .enum_values(Some(Self::ALL.iter().map(|code| code.as_str())))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Code {}

codes! {
    BodyInvalid "body_invalid" 422 "The body does not have the documented shape"
        "The body is JSON, but a field is missing, unknown or not valid. `errors` points at it; correct it and send the request again.";
    BodyMalformed "body_malformed" 400 "The body is not acceptable JSON"
        "The body is not JSON, or is JSON that different readers would understand differently (duplicate members, numbers that are not exact, depth over 128).";
    BodyTooLarge "body_too_large" 413 "The body is too large"
        "The body is larger than this route accepts. Send less.";
    BootstrapSpent "bootstrap_spent" 409 "The bootstrap token was already redeemed"
        "The one-time bootstrap token makes the first administrator and works once. Ask an administrator of this zone for access.";
    ComplianceBlocked "compliance_blocked" 403 "The law does not allow this as things stand"
        "A domain of compliance blocks the operation. `errors` names each domain with the clause and the source that blocks it.";
    Conflict "conflict" 409 "The request does not fit the present state"
        "The resource exists already, or changed while the request was being decided. Read it and decide again.";
    Forbidden "forbidden" 403 "The caller may not do this"
        "The caller is known and has the scope, but not for this resource, or its standing does not allow the action.";
    Gone "gone" 410 "The content was erased"
        "The key of this content was destroyed on purpose. What was proven about it stays provable; the content cannot come back.";
    HeadersTooLarge "headers_too_large" 431 "The request headers are too large"
        "The header fields of the request are larger than the node reads.";
    IdempotencyKeyInvalid "idempotency_key_invalid" 400 "The idempotency key is not usable"
        "`Idempotency-Key` must be 1 to 128 visible ASCII characters; a UUID is a good choice.";
    IdempotencyKeyMissing "idempotency_key_missing" 400 "The idempotency key is missing"
        "Every write needs an `Idempotency-Key` header, so that it can be repeated safely when an answer is lost.";
    IdempotencyKeyReused "idempotency_key_reused" 422 "The idempotency key belongs to another request"
        "This key was used in the last 24 hours for a request with other content. Use a fresh key.";
    Internal "internal" 500 "The node made a mistake"
        "This is a defect of the node. Nothing was acknowledged. Report the request id.";
    JournalUnavailable "journal_unavailable" 503 "The journal cannot accept this at the moment"
        "Nothing was acknowledged. Send the same request with the same idempotency key again later.";
    MethodNotAllowed "method_not_allowed" 405 "The resource does not have this method"
        "The `Allow` header lists the methods of this resource.";
    NotAcceptable "not_acceptable" 406 "No acceptable representation"
        "The `Accept` header excludes every form this node can answer with.";
    NotFound "not_found" 404 "There is no such resource"
        "The resource does not exist, or the caller may not know whether it exists.";
    Overloaded "overloaded" 503 "The node is busy"
        "The node has as much work as it can finish in time and did not start this request. Try again after `Retry-After`.";
    ParameterInvalid "parameter_invalid" 400 "A parameter is not valid"
        "A path, query or header parameter is missing, unknown or not valid. `errors` names it.";
    PreconditionFailed "precondition_failed" 412 "The resource changed"
        "`If-Match` names another version than the present one. Read the resource and decide again.";
    PreconditionRequired "precondition_required" 428 "The request must be conditional"
        "This change needs `If-Match` with the `ETag` of the version it was decided on.";
    PrincipalDisabled "principal_disabled" 401 "The principal is disabled"
        "The token is genuine, but its principal was disabled or no longer exists.";
    RateLimited "rate_limited" 429 "Too many requests"
        "The caller sent more requests than its share. Wait for `Retry-After` seconds.";
    RequestTimeout "request_timeout" 408 "The request took too long"
        "The request was not complete, or not decided, in the time allowed.";
    RuleViolated "rule_violated" 422 "A rule of the zone refuses this"
        "The request is well formed and a rule refuses it. `errors` names the rule; each denial cites its clause and source.";
    ScopeMissing "scope_missing" 403 "The token does not have the scope"
        "The action needs a scope that this token, or its principal at present, does not have. `errors` names it.";
    ScreeningBlocked "screening_blocked" 403 "Screening does not allow this as things stand"
        "A party is not cleared: never screened, matched, waiting for a reviewer, or screened on lists that cannot be trusted. `errors` names each party.";
    TokenExpired "token_expired" 401 "The token is not valid at this time"
        "The token expired, or is not valid yet. Get a fresh one.";
    TokenInvalid "token_invalid" 401 "The token is not valid"
        "The token is malformed, was not signed by this zone, or is meant for another audience.";
    TokenMissing "token_missing" 401 "A token is needed"
        "Send `Authorization: Bearer …` with a token of this zone.";
    TokenRevoked "token_revoked" 401 "The token was revoked"
        "The token was revoked before its end. Get a fresh one.";
    UnsupportedMediaType "unsupported_media_type" 415 "The body is not JSON"
        "Send `Content-Type: application/json`.";
    UpgradeRequired "upgrade_required" 426 "This is a WebSocket"
        "The resource is a stream over a WebSocket (RFC 6455). Ask for it with `Connection: Upgrade`.";
    UriTooLong "uri_too_long" 414 "The request target is too long"
        "The path and query together are longer than the node reads.";
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body, or `#query/name`, `#path/name`, `#header/name`.
    pub pointer: String,
    /// The rule that was broken, in a stable form, for example `required` or a clause of a policy.
    pub rule: String,
    /// The same for people.
    pub detail: String,
}

/// The body of every refusal (RFC 9457 with the extensions `code`, `errors` and `request_id`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = Problem))]
pub struct ProblemBody {
    /// A page about this kind of problem, relative to the node.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "openapi", schema(example = "/problems/scope_missing"))]
    pub kind: String,
    /// A short summary of the kind.
    pub title: String,
    /// The HTTP status.
    #[cfg_attr(feature = "openapi", schema(minimum = 400, maximum = 599))]
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
            assert!((400..600).contains(&code.status()));
        }
    }
}
