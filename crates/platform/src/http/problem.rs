//! What the node answers when it does not do what was asked: RFC 9457 problem details.
//!
//! A [`Declined`] becomes a [`Problem`] here and nowhere else; layers and fallbacks, which have headers of their own to say,
//! make theirs. `type` is a path below `/problems/` that the node serves as a page.

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use api::problem::{CONTENT_TYPE, Code, ProblemBody};

use super::page::etag;
use crate::declined::Declined;

/// A refusal as HTTP says it, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    declined: Declined,
    headers: HeaderMap,
}

impl From<Declined> for Problem {
    fn from(declined: Declined) -> Self {
        let mut headers = HeaderMap::new();
        if let Some(seconds) = declined.retry_after_s() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(version) = declined.version() {
            headers.insert(header::ETAG, etag(version));
        }
        Self { declined, headers }
    }
}

impl Problem {
    /// A problem of one kind, with what happened this time.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Declined::new(code, detail).into()
    }

    /// Adds a response header.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The refusal, where there is no place for headers.
    pub fn into_declined(self) -> Declined {
        self.declined
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.declined.code()
    }

    /// The body, with the id of the request it answers.
    pub fn body(&self, request_id: Option<String>) -> ProblemBody {
        let code = self.declined.code();
        ProblemBody {
            kind: format!("/problems/{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status(),
            code,
            detail: self.declined.detail().to_owned(),
            errors: self.declined.errors().to_vec(),
            request_id,
        }
    }

    /// The response. Prefer `?` or [`IntoResponse`] in handlers: the outer layer adds the request id.
    pub fn render(self, request_id: Option<String>) -> Response {
        let status = status(self.code());
        let mut response = (status, Json(self.body(request_id))).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, challenge(self.code()));
        }
        headers.extend(self.headers.clone());
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.render(None)
    }
}

/// Handlers decline; only here does it become HTTP.
impl IntoResponse for Declined {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}

/// Beside an error status whose body is no problem, and says in a form of its own what is wrong.
#[derive(Clone, Copy, Debug)]
pub struct OwnForm;

/// Turns an error status that some layer made without a problem into one. The body of that layer is dropped, the
/// headers that carry meaning (`Allow`, `Retry-After`) stay.
pub fn from_bare_response(response: &Response) -> Option<Problem> {
    let extensions = response.extensions();
    if extensions.get::<Problem>().is_some() || extensions.get::<OwnForm>().is_some() {
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
}
