//! Whether the process lives, and whether it can do its work.

use api::health::{Check, Liveness, Readiness};
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use utoipa_axum::router::OpenApiRouter;

use super::Platform;
use super::problem::OwnForm;
use crate::routes;

/// The node's own checks, asked for at each readiness request.
pub type ReadinessChecks = Box<dyn Fn() -> Vec<Check> + Send + Sync>;

/// The routes of this module.
pub fn routes() -> OpenApiRouter<Arc<Platform>> {
    OpenApiRouter::default()
        .routes(routes!(open: read_liveness))
        .routes(routes!(open: read_readiness))
}

/// The process is alive.
#[utoipa::path(
    get, path = "/health/liveness", tag = "health",
    responses((status = 200, description = "The process answers.", body = Liveness))
)]
async fn read_liveness() -> Json<Liveness> {
    Json(Liveness { alive: true })
}

/// The node can do its work.
#[utoipa::path(
    get, path = "/health/readiness", tag = "health",
    responses(
        (status = 200, description = "Every check is ok.", body = Readiness),
        (status = 503, description = "Some check is not ok.", body = Readiness),
    )
)]
async fn read_readiness(
    State(platform): State<Arc<Platform>>,
) -> (StatusCode, Extension<OwnForm>, Json<Readiness>) {
    let checks = (platform.readiness)();
    let ready = checks.iter().all(|check| check.ok);
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Extension(OwnForm),
        Json(Readiness { ready, checks }),
    )
}
