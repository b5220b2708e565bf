//! What the node counts, in the text format of OpenMetrics, on a listener of its own.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::sync::Arc;

use super::Platform;

/// Upper bounds of the duration buckets, in seconds.
const DURATION_BUCKETS_S: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

/// Content type of the OpenMetrics text format 1.0.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: String,
}

type NewHistogram = fn() -> Histogram;

/// The counters of one node.
pub struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, NewHistogram>,
    decided_again: Counter,
    conflicts: Counter,
}

impl Metrics {
    /// Counters at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("hanse");
        let requests = Family::<RequestLabels, Counter>::default();
        let durations =
            Family::new_with_constructor((|| Histogram::new(DURATION_BUCKETS_S)) as NewHistogram);
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register(
            "http_request_duration_seconds",
            "Time from the head of a request to the head of its answer",
            durations.clone(),
        );
        let (decided_again, conflicts) = (Counter::default(), Counter::default());
        registry.register(
            "decisions_repeated",
            "Decisions made again because what they had read changed before the commit",
            decided_again.clone(),
        );
        registry.register(
            "decision_conflicts",
            "Decisions given up, and told to the caller as a conflict, because what they read kept changing",
            conflicts.clone(),
        );
        Self {
            registry: Mutex::new(registry),
            requests,
            durations,
            decided_again,
            conflicts,
        }
    }

    /// Gives access to the registry, for what other parts of the node count.
    pub fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self
            .registry
            .lock()
            .expect("no code panics while it holds the registry"));
    }

    /// Counts one answered request under its route template, never under its path.
    pub fn count_request(
        &self,
        method: &'static str,
        route: String,
        status: StatusCode,
        duration: Duration,
    ) {
        let labels = RouteLabels {
            method,
            route: route.clone(),
        };
        self.durations
            .get_or_create(&labels)
            .observe(duration.as_secs_f64());
        self.requests
            .get_or_create(&RequestLabels {
                method,
                route,
                status: status.as_u16(),
            })
            .inc();
    }

    /// Counts a decision that is made again because what it had read moved.
    pub fn count_decided_again(&self) {
        self.decided_again.inc();
    }

    /// Counts a decision that was given up because what it read kept moving.
    pub fn count_conflict(&self) {
        self.conflicts.inc();
    }

    /// Everything that is counted, as text.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(
            &mut text,
            &self
                .registry
                .lock()
                .expect("no code panics while it holds the registry"),
        )?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// The application of the metrics listener. It is not the public one: counts tell about the business of the zone.
pub fn app(platform: Arc<Platform>) -> Router {
    Router::new()
        .route("/metrics", get(read_metrics))
        .with_state(platform)
}

async fn read_metrics(State(platform): State<Arc<Platform>>) -> Response {
    match platform.metrics.render() {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_route_template_and_status() {
        let metrics = Metrics::new();
        for status in [StatusCode::OK, StatusCode::OK, StatusCode::NOT_FOUND] {
            metrics.count_request(
                "GET",
                "/v1/x/{id}".to_owned(),
                status,
                Duration::from_millis(3),
            );
        }
        let text = metrics.render().unwrap();
        let line = r#"hanse_http_requests_total{method="GET",route="/v1/x/{id}",status="200"} 2"#;
        assert!(text.contains(line), "{text}");
        let bucket = r#"le="0.005",method="GET",route="/v1/x/{id}"} 3"#;
        assert!(text.contains(bucket), "{text}");
    }
}
