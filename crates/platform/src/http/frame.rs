//! What happens round every request: an id, a log span, counting, and one form for everything that goes wrong.

use api::problem::Code;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument as _;

use super::Platform;
use super::problem::{self, Problem};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request, in its answer, its problem and its log lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// The caller's id when it is safe to log, otherwise a fresh one.
    fn of(headers: &HeaderMap) -> Self {
        let given = headers
            .get(REQUEST_ID)
            .and_then(|value| value.to_str().ok());
        let safe = |text: &&str| {
            (8..=64).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        Self(
            given
                .filter(safe)
                .map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned),
        )
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The outermost layer. Headers, queries and bodies never reach the log: tokens and names of people are in them.
pub(super) async fn layer(
    State(platform): State<Arc<Platform>>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "unmatched".to_owned());
    let span = tracing::info_span!("request", request.id = id.as_str(), %method, route);
    let response = next.run(request).instrument(span.clone()).await;
    let response = finish(response, &id);
    let duration = started.elapsed();
    platform
        .metrics
        .count_request(method_label(&method), route, response.status(), duration);
    span.in_scope(|| {
        let status = response.status().as_u16();
        tracing::info!(
            status,
            duration_ms = duration.as_millis() as u64,
            "request done"
        );
    });
    response
}

fn finish(response: Response, id: &RequestId) -> Response {
    let own = response.extensions().get::<Problem>().cloned();
    let mut response = match own.or_else(|| problem::from_bare_response(&response)) {
        Some(mut problem) => {
            // The router adds `Allow` to the answer of the method fallback, outside the problem.
            if let Some(allow) = response.headers().get(header::ALLOW) {
                problem = problem.with_header(header::ALLOW, allow.clone());
            }
            problem.render(Some(id.0.clone()))
        }
        None => response,
    };
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::try_from(id.as_str()) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// A closed set of labels: a caller can send any method name.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Refuses a request whose `Accept` excludes everything the node can answer with.
pub(super) async fn negotiate(request: Request, next: Next) -> Response {
    if acceptable(request.headers()) {
        next.run(request).await
    } else {
        let detail = "this node answers with application/json, application/problem+json or text";
        Problem::new(Code::NotAcceptable, detail).into_response()
    }
}

fn acceptable(headers: &HeaderMap) -> bool {
    let mut ranges = headers
        .get_all(header::ACCEPT)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .map(str::trim)
        .filter(|range| !range.is_empty())
        .peekable();
    ranges.peek().is_none() || ranges.any(range_acceptable)
}

fn range_acceptable(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default().to_ascii_lowercase();
    let refused = parts.any(|parameter| {
        let weight = parameter
            .strip_prefix("q=")
            .or_else(|| parameter.strip_prefix("Q="));
        weight.is_some_and(|weight| weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0))
    });
    let produced = media == "*/*"
        || media.starts_with("text/")
        || matches!(
            media.as_str(),
            "application/*"
                | "application/fhir+json"
                | "application/json"
                | "application/problem+json"
                | "application/vc"
                | "application/x-ndjson"
                | "application/octet-stream"
        );
    produced && !refused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_acceptable_when_some_range_covers_what_the_node_produces() {
        let check = |accept: &'static str| {
            let header = (header::ACCEPT, HeaderValue::from_static(accept));
            acceptable(&HeaderMap::from_iter([header]))
        };
        assert!(acceptable(&HeaderMap::new()));
        for accept in [
            "*/*",
            "application/json",
            "image/png, application/*;q=0.1",
            "text/html",
            "",
        ] {
            assert!(check(accept), "{accept}");
        }
        for accept in [
            "image/png",
            "application/json;q=0",
            "application/xml, image/*",
        ] {
            assert!(!check(accept), "{accept}");
        }
    }

    #[test]
    fn a_request_id_that_could_forge_a_log_line_is_replaced() {
        let id = |text: &'static str| {
            RequestId::of(&HeaderMap::from_iter([(
                REQUEST_ID,
                HeaderValue::from_static(text),
            )]))
            .0
        };
        assert_eq!(id("client-id-1234"), "client-id-1234");
        for bad in ["short", "with space 1", "x\"y\"zabcdef"] {
            assert_ne!(id(bad), bad);
        }
    }
}
