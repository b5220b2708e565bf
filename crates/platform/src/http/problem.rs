//! What the node answers when it does not do what was asked: RFC 9457 problem details.
//!
//! Every handler, extractor, layer and fallback answers with a [`Problem`]. Its [`Code`] is stable: clients branch on
//! it, and [`Code::status`] is the one place where a code becomes an HTTP status. `type` is a path below `/problems/`
//! that the node serves as a page.

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use api::problem::{CONTENT_TYPE, Code, FieldError, ProblemBody};
use ids::aggregate::CommonRefusal;

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
            status: self.0.code.status(),
            code: self.0.code,
            detail: self.0.detail.clone(),
            errors: self.0.errors.clone(),
            request_id,
        }
    }

    /// The response. Prefer `?` or [`IntoResponse`] in handlers: the outer layer adds the request id.
    pub fn render(self, request_id: Option<String>) -> Response {
        let status = status(self.0.code);
        let mut response = (status, Json(self.body(request_id))).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, challenge(self.0.code));
        }
        headers.extend(self.0.headers.clone());
        response.extensions_mut().insert(self);
        response
    }
}

impl From<CommonRefusal> for Problem {
    fn from(refusal: CommonRefusal) -> Self {
        let detail = refusal.to_string();
        let (code, pointer) = match &refusal {
            CommonRefusal::Unknown { what } => return Self::not_found(what),
            CommonRefusal::WrongState { .. } => (Code::Conflict, String::new()),
            CommonRefusal::BadText { field, .. } | CommonRefusal::BadCount { field, .. } => {
                (Code::RuleViolated, format!("/{field}"))
            }
        };
        Self::new(code, detail.clone()).with_error(pointer, refusal.code(), detail)
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
        status = code.status(),
        about = code.about(),
    ))
}

fn status(code: Code) -> StatusCode {
    StatusCode::from_u16(code.status()).expect("codes have HTTP statuses")
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
