//! The HTTP face of the node: what surrounds every handler, and the handlers that belong to no institution.
//!
//! Order of the layers, from the socket inwards: request id, log span, metrics and problem bodies; panics; limits;
//! content negotiation; then routing. A handler sees a request only when all of them let it pass.

pub mod extract;
pub mod guard;
pub mod health;
pub mod idempotency;
pub mod limits;
pub mod metrics;
pub mod openapi;
pub mod page;
pub mod principals;
pub mod problem;
pub mod serve;
pub mod tokens;

mod frame;

use api::problem::Code;
use std::sync::Arc;

use axum::Router;
use axum::middleware;
use journal::Journal;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::auth::token::TokenAuthority;
use crate::clock::Clock;
use crate::declined::Declined;
use crate::outside::{Entropy, Tasks};
use health::ReadinessChecks;
use limits::Limits;
use metrics::Metrics;

pub use frame::RequestId;

/// What every handler shares, whatever it is about. The node's state hands it out through `FromRef`.
pub struct Platform {
    /// Where everything is written, and read through a [`Moment`](crate::moment::Moment).
    pub journal: Journal,
    /// Issues and opens tokens.
    pub tokens: TokenAuthority,
    /// The time.
    pub clock: Clock,
    /// Random bytes.
    pub entropy: Entropy,
    /// Starts work beside a request.
    pub tasks: Arc<dyn Tasks>,
    /// How much callers may ask for.
    pub limits: Limits,
    /// What is counted.
    pub metrics: Metrics,
    /// What readiness depends on.
    pub readiness: ReadinessChecks,
}

impl Platform {
    /// An identifier that nobody can guess: 128 random bits with a prefix that says what it names.
    pub fn random_id(&self, prefix: &str) -> String {
        let mut bytes = [0; 16];
        (self.entropy)(&mut bytes);
        format!("{prefix}-{}", data_encoding::HEXLOWER.encode(&bytes))
    }
}

impl std::fmt::Debug for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Platform")
            .field("tokens", &self.tokens)
            .finish_non_exhaustive()
    }
}

/// The routes of the platform itself: health, problem pages, principals, tokens, bootstrap.
pub fn platform_routes(platform: &Arc<Platform>) -> OpenApiRouter {
    OpenApiRouter::default()
        .merge(health::routes())
        .merge(problem_pages())
        .merge(principals::routes())
        .merge(tokens::routes())
        .with_state(Arc::clone(platform))
}

/// The whole application: `routes` of the institutions, the platform's own, the document about both, and the layers.
pub fn assemble(platform: &Arc<Platform>, routes: OpenApiRouter) -> (Router, OpenApi) {
    let all = OpenApiRouter::with_openapi(openapi::frame())
        .merge(platform_routes(platform))
        .merge(routes);
    let (router, document) = all.split_for_parts();
    let document = openapi::complete(document);
    let router = router
        .merge(openapi::document_route(&document))
        .fallback(unknown_path)
        .method_not_allowed_fallback(unknown_method)
        .layer(middleware::from_fn(frame::negotiate))
        .layer(middleware::from_fn_with_state(
            Arc::clone(platform),
            limits::layer,
        ))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(
            Arc::clone(platform),
            frame::layer,
        ));
    (router, document)
}

/// What surrounds routes that are no API: protocols over HTTP whose bodies are long, or whose answers are waited for.
/// They have the id, the log span and the counting of every request, and the rate of a peer; no slot, no time limit.
pub fn surround(platform: &Arc<Platform>, router: Router) -> Router {
    router
        .layer(middleware::from_fn_with_state(
            Arc::clone(platform),
            limits::peer_layer,
        ))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(
            Arc::clone(platform),
            frame::layer,
        ))
}

async fn unknown_path() -> Declined {
    Declined::not_found("path")
}

async fn unknown_method() -> Declined {
    Declined::new(
        Code::MethodNotAllowed,
        "this path does not have this method",
    )
}

/// The panic itself was reported by the panic hook; here only the caller is answered.
fn panicked(_panic: Box<dyn std::any::Any + Send>) -> axum::response::Response {
    tracing::error!("handler panicked");
    axum::response::IntoResponse::into_response(Declined::new(
        Code::Internal,
        "the node could not finish the request",
    ))
}

fn problem_pages() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::default().routes(crate::routes!(open: read_problem))
}

/// A page about one kind of problem.
#[utoipa::path(
    get, path = "/problems/{code}", tag = "health",
    params(("code" = Code, Path, description = "The stable code of the problem.")),
    responses((status = 200, description = "What the problem means.", body = String, content_type = "text/html"))
)]
async fn read_problem(
    extract::PathOf(code): extract::PathOf<String>,
) -> Result<axum::response::Html<String>, Declined> {
    let found = Code::ALL.iter().find(|known| known.as_str() == code);
    found
        .map(|code| problem::page(*code))
        .ok_or_else(|| Declined::not_found("kind of problem"))
}
