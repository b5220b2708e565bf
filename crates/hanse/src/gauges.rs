//! What is measured when somebody asks: the journal, the outbox, the age of lists.

use std::fmt;

use journal::EffectState;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};

use crate::screening::lists;
use crate::state::Node;
use platform::moment::Moment;

/// Adds the gauges of a node to its metrics.
pub fn register(node: &Node) {
    let gauges = Box::new(Gauges(node.clone()));
    node.platform
        .metrics
        .register(|registry| registry.register_collector(gauges));
}

struct Gauges(Node);

impl fmt::Debug for Gauges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gauges")
    }
}

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let platform = &self.0.platform;
        let stats = platform.journal.stats();
        let counters = [
            ("journal_commits", "Durable commits", stats.groups),
            (
                "journal_transactions",
                "Transactions committed",
                stats.transactions,
            ),
            ("journal_events", "Events committed", stats.events),
            ("journal_refusals", "Transactions refused", stats.refusals),
            (
                "journal_bulk_dropped",
                "Bulk events dropped",
                stats.bulk_dropped,
            ),
            (
                "journal_diverted",
                "Transactions in emergency dumps",
                stats.diverted,
            ),
            (
                "journal_outcome_unknown",
                "Transactions that neither the log nor a dump took",
                stats.outcome_unknown,
            ),
        ];
        for (name, help, value) in counters {
            encode(&mut encoder, name, help, &ConstCounter::new(value))?;
        }
        // Without the journal there is nothing to measure; readiness says so.
        let Ok(moment) = platform.moment() else {
            return Ok(());
        };
        let count = |state| moment.effects_count(state).unwrap_or(0);
        let size = moment.size().unwrap_or(0);
        let gauges = [
            (
                "journal_queued",
                "Transactions waiting for the writer",
                stats.queued,
            ),
            ("journal_size", "Leaves of the log", size),
            (
                "outbox_pending",
                "Effects to be done",
                count(EffectState::Pending),
            ),
            ("outbox_dead", "Effects given up", count(EffectState::Dead)),
        ];
        for (name, help, value) in gauges {
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            encode(&mut encoder, name, help, &ConstGauge::new(value))?;
        }
        Self::list_ages(&moment, &mut encoder)
    }
}

impl Gauges {
    fn list_ages(
        moment: &Moment<'_>,
        encoder: &mut DescriptorEncoder<'_>,
    ) -> Result<(), fmt::Error> {
        let today = lists::day(moment.now_ms);
        let ages = Family::<Vec<(String, String)>, Gauge>::default();
        for list in lists::all(moment).unwrap_or_default() {
            let days = (today - list.body.header.published).get_days();
            ages.get_or_create(&vec![("list".to_owned(), list.id)])
                .set(days.into());
        }
        encode(
            encoder,
            "sanctions_list_age_days",
            "Days since a list was published",
            &ages,
        )
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
