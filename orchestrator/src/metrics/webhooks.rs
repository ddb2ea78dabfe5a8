//! The metrics of webhooks, from the state of their deliveries in the view. Every instance reports all of them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicU64;

use common::prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use common::prometheus_client::metrics::MetricType;
use common::prometheus_client::metrics::counter::Counter;
use common::prometheus_client::metrics::family::Family;
use common::prometheus_client::metrics::gauge::Gauge;
use common::prometheus_client::registry::{Registry, Unit};
use common::time::Timestamp;

use crate::entity::webhooks::Webhook;
use crate::entity::webhooks::lane::Durations;
use crate::entity::webhooks::subscription::{DisabledReason, WebhookStatus};

type Labels = Vec<(&'static str, String)>;

/// The durations of the requests to each receiver.
#[derive(Debug, Default)]
struct Requests(BTreeMap<String, Durations>);

impl EncodeMetric for Requests {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (webhook, durations) in &self.0 {
            let labels: Labels = vec![("webhook", webhook.clone())];
            let bounds = Durations::BOUNDS_MS.iter().map(|bound| *bound as f64 / 1_000.0).chain([f64::INFINITY]);
            let classes: Vec<(f64, u64)> = bounds.zip(durations.counts).collect();
            let sum = durations.total as f64 / 1_000.0;
            let mut family = encoder.encode_family(&labels)?;
            family.encode_histogram::<NoLabelSet>(sum, durations.counts.iter().sum(), &classes, None)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

/// Registers the metrics.
pub(crate) fn register(all: &[Webhook], now: Timestamp, registry: &mut Registry) {
    let registry = registry.sub_registry_with_prefix("webhook");
    let pending = Family::<Labels, Gauge>::default();
    let undelivered = Family::<Labels, Gauge>::default();
    let disabled = Family::<Labels, Gauge>::default();
    let failing = Family::<Labels, Gauge<f64, AtomicU64>>::default();
    let attempts = Family::<Labels, Counter>::default();
    let given_up = Family::<Labels, Counter>::default();
    let mut requests = Requests::default();
    for webhook in all.iter().filter(|webhook| !webhook.subscription.is_deleted()) {
        let lane = &webhook.lane;
        let labels: Labels = vec![("webhook", webhook.id.clone())];
        let with = |name, value: &str| vec![("webhook", webhook.id.clone()), (name, value.to_owned())];
        pending.get_or_create(&labels).inc_by(i64::try_from(lane.pending).unwrap_or(i64::MAX));
        undelivered.get_or_create(&labels).inc_by(i64::try_from(lane.undelivered).unwrap_or(i64::MAX));
        for reason in [DisabledReason::Operator, DisabledReason::Gone, DisabledReason::Failing] {
            let is_so =
                matches!(webhook.subscription.status, WebhookStatus::Disabled { reason: why, .. } if why == reason);
            disabled.get_or_create(&with("reason", reason.as_str())).set(i64::from(is_so));
        }
        let failed = lane.failing_since.map_or(0.0, |since| now.since(since).as_secs_f64());
        let longest = failing.get_or_create_owned(&labels);
        longest.set(longest.get().max(failed));
        attempts.get_or_create(&with("outcome", "accepted")).inc_by(lane.accepted);
        attempts.get_or_create(&with("outcome", "failed")).inc_by(lane.failed);
        given_up.get_or_create(&labels).inc_by(lane.given_up);
        let durations = requests.0.entry(webhook.id.clone()).or_default();
        durations.counts.iter_mut().zip(lane.durations.counts).for_each(|(sum, count)| *sum += count);
        durations.total += lane.durations.total;
    }
    registry.register("pending_events", "Events that wait for a webhook, or are being sent", pending);
    registry.register("undelivered_events", "Deliveries that were given up and are kept", undelivered);
    registry.register("disabled", "1 if a webhook is disabled for this reason", disabled);
    let help = "How long all attempts of a partition have failed; 0 if its last one succeeded";
    registry.register_with_unit("failing", help, Unit::Seconds, failing);
    registry.register("attempts", "Attempts to deliver an event, by outcome", attempts);
    registry.register("given_up", "Deliveries that were given up", given_up);
    let help = "Time until a receiver answered";
    registry.register_with_unit("request_duration", help, Unit::Seconds, requests);
}

#[cfg(test)]
mod tests {
    use common::prometheus_client::encoding::text::encode;

    use super::*;
    use crate::entity::webhooks::lane::Lane;
    use crate::entity::webhooks::subscription::Subscription;

    fn webhook(partition: i32, status: WebhookStatus, lane: Lane) -> Webhook {
        let subscription = Subscription {
            url: String::new(),
            description: String::new(),
            events: Vec::new(),
            secrets: Vec::new(),
            status,
            by: String::new(),
            created: Timestamp(0),
            revision: 1,
        };
        Webhook { id: "w".to_owned(), partition, subscription, lane }
    }

    #[test]
    fn a_scrape_has_the_sums_of_all_partitions() {
        let mut durations = Durations::default();
        durations.add(70);
        let first = Lane { pending: 2, accepted: 5, failed: 1, given_up: 1, durations, ..Lane::default() };
        let second = Lane { pending: 1, failing_since: Some(Timestamp(4_000)), ..first.clone() };
        let disabled = || WebhookStatus::Disabled { at: Timestamp(0), reason: DisabledReason::Failing };
        let all = [webhook(0, disabled(), first), webhook(1, disabled(), second)];
        let mut registry = Registry::default();
        register(&all, Timestamp(9_000), &mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "webhook_pending_events{webhook=\"w\"} 3",
            "webhook_disabled{webhook=\"w\",reason=\"failing\"} 1",
            "webhook_disabled{webhook=\"w\",reason=\"gone\"} 0",
            "webhook_failing_seconds{webhook=\"w\"} 5.0",
            "webhook_attempts_total{webhook=\"w\",outcome=\"accepted\"} 10",
            "webhook_given_up_total{webhook=\"w\"} 2",
            "webhook_request_duration_seconds_bucket{le=\"0.1\",webhook=\"w\"} 2",
        ] {
            assert!(text.lines().any(|written| written == line), "{line} in {text}");
        }
    }
}
