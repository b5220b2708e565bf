//! What is measured of the messenger when somebody asks.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::Messenger;

/// Adds the gauges of the messenger to those of the node.
pub fn register(messenger: &Messenger) {
    let gauges = Box::new(Gauges(messenger.clone()));
    messenger
        .platform
        .metrics
        .register(|registry| registry.register_collector(gauges));
}

#[derive(Debug)]
struct Gauges(Messenger);

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let status = self.0.server.status();
        let counters = [
            ("iris_logins", "Sign-ins", status.logins),
            (
                "iris_logins_refused",
                "Refused sign-ins",
                status.logins_refused,
            ),
            ("iris_resumed", "Resumed sessions", status.resumed),
            ("iris_archived", "Messages archived", status.archived),
        ];
        for (name, help, value) in counters {
            encode(&mut encoder, name, help, &ConstCounter::new(value))?;
        }
        let domain_bytes: usize = status
            .domains
            .iter()
            .map(|domain| domain.queued_bytes)
            .sum();
        let gauges = [
            (
                "iris_connections",
                "Open connections of clients",
                status.connections,
            ),
            (
                "iris_sessions",
                "Sessions, with those to be resumed",
                status.sessions,
            ),
            (
                "iris_halted",
                "1 while a change was not stored and nobody can write or sign in",
                usize::from(status.is_halted),
            ),
            (
                "iris_queued_bytes",
                "Bytes waiting for the journal",
                status.queued_bytes,
            ),
            (
                "iris_domain_queued_bytes",
                "Bytes waiting for other servers",
                domain_bytes,
            ),
            (
                "iris_domains",
                "Domains with streams or waiting messages",
                status.domains.len(),
            ),
            (
                "iris_rooms_occupied",
                "Rooms somebody is in",
                status.rooms.len(),
            ),
        ];
        for (name, help, value) in gauges {
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            encode(&mut encoder, name, help, &ConstGauge::new(value))?;
        }
        let lag = ConstGauge::new(status.commit_lag.as_secs_f64());
        let help = "From submission to durable, newest commit";
        encode(&mut encoder, "iris_commit_lag_seconds", help, &lag)
    }
}

fn encode(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    metric: &impl EncodeMetric,
) -> Result<(), fmt::Error> {
    let metric_encoder = encoder.encode_descriptor(name, help, None, metric.metric_type())?;
    metric.encode(metric_encoder)
}
