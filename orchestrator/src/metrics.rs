//! The metrics of all sagas, from counts that the view keeps: a scrape reads some rows for each step of a definition,
//! however many sagas there are. Every instance reports all sagas.

pub(crate) mod webhooks;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use common::prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use common::prometheus_client::metrics::MetricType;
use common::prometheus_client::metrics::counter::Counter;
use common::prometheus_client::metrics::family::Family;
use common::prometheus_client::metrics::gauge::Gauge;
use common::prometheus_client::registry::{Registry, Unit};
use common::time::Timestamp;
use rusqlite::Connection;
use saga::StepStatus;

use crate::stats::{self, Histogram, OldestWait, OutcomeCount, Total, Waiting, What};

type Labels = Vec<(&'static str, String)>;

/// The counts of the view.
pub(crate) struct Counts {
    totals: Vec<Total>,
    waiting: Vec<Waiting>,
    oldest: Vec<OldestWait>,
    read_at: Timestamp,
    outcomes: Vec<OutcomeCount>,
}

impl Counts {
    /// Reads the counts.
    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let totals = stats::totals(connection)?;
        let waiting = stats::waiting(connection)?;
        let oldest = stats::oldest_waits(connection)?;
        let outcomes = stats::outcomes(connection)?;
        Ok(Self { totals, waiting, oldest, read_at: Timestamp::now(), outcomes })
    }
}

/// Durations by their labels.
#[derive(Debug, Default)]
struct Durations(BTreeMap<Labels, Histogram>);

impl Durations {
    fn add(&mut self, labels: Labels, times: &Histogram) {
        self.0.entry(labels).or_default().merge(times);
    }
}

impl EncodeMetric for Durations {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (labels, times) in &self.0 {
            let seconds = times.total() / 1_000.0;
            let mut family = encoder.encode_family(labels)?;
            family.encode_histogram::<NoLabelSet>(seconds, times.count(), &times.classes(), None)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

/// Registers the metrics.
pub(crate) fn register(counts: &Counts, registry: &mut Registry) {
    let registry = registry.sub_registry_with_prefix("saga");
    register_states(counts, registry);
    register_outcomes(&counts.outcomes, registry);
}

/// The present states of sagas and steps.
fn register_states(counts: &Counts, registry: &mut Registry) {
    let instances = Family::<Labels, Gauge>::default();
    for total in &counts.totals {
        let labels = vec![("definition", total.definition.clone()), ("status", total.status.clone())];
        instances.get_or_create(&labels).inc_by(i64::try_from(total.count).unwrap_or(i64::MAX));
    }
    registry.register("instances", "Sagas by definition and status", instances);
    let waiting = Family::<Labels, Gauge>::default();
    let incidents = Family::<Labels, Gauge>::default();
    for Waiting { definition, step, status, count } in &counts.waiting {
        let mut labels = vec![("definition", definition.clone()), ("step", step.clone())];
        // Steps without incidents and retries are shown with zero, so that an alert has a series from the start.
        let incident = incidents.get_or_create_owned(&labels);
        if status == StepStatus::Stuck.as_str() {
            incident.set(*count);
        }
        labels.push(("status", status.clone()));
        waiting.get_or_create(&labels).set(*count);
    }
    registry.register("waiting_steps", "Steps that open sagas wait for, by their status", waiting);
    registry.register("open_incidents", "Sagas in an incident, by the blocked step", incidents);
    let oldest = Family::<Labels, Gauge<f64, AtomicU64>>::default();
    for OldestWait { definition, step, since } in &counts.oldest {
        let waited = since.map_or(Duration::ZERO, |since| counts.read_at.since(Timestamp(since)));
        let labels = vec![("definition", definition.clone()), ("step", step.clone())];
        oldest.get_or_create(&labels).set(waited.as_secs_f64());
    }
    let help = "How long the first of the open sagas that wait for a step has waited";
    registry.register_with_unit("oldest_wait", help, Unit::Seconds, oldest);
}

/// What happened in all sagas.
fn register_outcomes(all: &[OutcomeCount], registry: &mut Registry) {
    let started = Family::<Labels, Counter>::default();
    let mut durations = Durations::default();
    let retries = Family::<Labels, Counter>::default();
    let mut steps = Durations::default();
    for OutcomeCount { definition, name, what, times } in all {
        let definition = ("definition", definition.clone());
        let with = |label: &'static str| vec![definition.clone(), (label, name.clone())];
        let count = times.count();
        match what {
            What::Started => _ = started.get_or_create(&vec![definition]).inc_by(count),
            What::Ended => durations.add(with("status"), times),
            What::Retried => _ = retries.get_or_create(&with("step")).inc_by(count),
            What::Done | What::Refused | What::Failed | What::TimedOut | What::Abandoned => {
                let mut labels = with("step");
                _ = retries.get_or_create_owned(&labels);
                labels.push(("outcome", what.name().to_owned()));
                steps.add(labels, times);
            }
        }
    }
    registry.register("started", "Sagas that started", started);
    let help = "Time from the start of a saga to its end, by the status of its ending";
    registry.register_with_unit("duration", help, Unit::Seconds, durations);
    registry.register("step_retries", "Attempts of a step after the first", retries);
    let help = "Time from the start of a step to its outcome, with all attempts";
    registry.register_with_unit("step_duration", help, Unit::Seconds, steps);
}

#[cfg(test)]
mod tests {
    use common::prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn a_scrape_has_the_counts_of_the_view() {
        let mut times = Histogram::default();
        times.add(0, 2);
        let outcome = |name: &str, what| {
            let times = times.clone();
            OutcomeCount { definition: "order".to_owned(), name: name.to_owned(), what, times }
        };
        let total = |version| {
            let status = "completed".to_owned();
            Total { definition: "order".to_owned(), version, status, count: 2 }
        };
        let stuck = Waiting {
            definition: "order".to_owned(),
            step: "reserve".to_owned(),
            status: StepStatus::Stuck.as_str().to_owned(),
            count: 1,
        };
        let outcomes = vec![
            outcome("", What::Started),
            outcome("confirmed", What::Ended),
            outcome("reserve", What::Done),
            outcome("reserve", What::Retried),
        ];
        let oldest = |step: &str, since| {
            let step = step.to_owned();
            OldestWait { definition: "order".to_owned(), step, since }
        };
        let counts = Counts {
            totals: vec![total(1), total(2)],
            waiting: vec![stuck],
            oldest: vec![oldest("reserve", Some(2_000)), oldest("ship", None)],
            read_at: Timestamp(9_500),
            outcomes,
        };
        let mut registry = Registry::default();
        register(&counts, &mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "saga_instances{definition=\"order\",status=\"completed\"} 4",
            "saga_waiting_steps{definition=\"order\",step=\"reserve\",status=\"stuck\"} 1",
            "saga_open_incidents{definition=\"order\",step=\"reserve\"} 1",
            "saga_oldest_wait_seconds{definition=\"order\",step=\"reserve\"} 7.5",
            "saga_oldest_wait_seconds{definition=\"order\",step=\"ship\"} 0.0",
            "saga_started_total{definition=\"order\"} 2",
            "saga_duration_seconds_count{definition=\"order\",status=\"confirmed\"} 2",
            "saga_step_retries_total{definition=\"order\",step=\"reserve\"} 2",
            "saga_step_duration_seconds_bucket{le=\"0.004\",definition=\"order\",step=\"reserve\",outcome=\"done\"} 2",
        ] {
            assert!(text.lines().any(|written| written == line), "{line} in {text}");
        }
    }
}
