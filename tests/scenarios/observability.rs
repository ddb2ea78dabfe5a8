//! The boards and alerts in `ops/` use metrics and labels that the services have; promtool accepts the configuration
//! and the alerts' unit tests; and a Prometheus with this configuration answers every query.

mod promql;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::broker::Broker;
use tests::cluster::Cluster;
use tests::command;
use tests::ops::{self, Query};
use tests::orders::PlacedOrder;
use tests::process::Name;
use tests::wait::{PATIENT, SOON, until};

use crate::prometheus::{JOB, Prometheus, promtool, scrape, yaml};
use crate::webhooks;

crate::group::scenarios!(
    boards_and_alerts_use_metrics_and_labels_that_exist,
    promtool_accepts_the_configuration_and_the_alerts,
    prometheus_answers_every_query_of_the_boards,
);

/// The scenario that needs promtool.
pub(crate) const BY_PROMTOOL: &str = "promtool_accepts_the_configuration_and_the_alerts";
/// The scenario that needs Prometheus.
pub(crate) const BY_PROMETHEUS: &str = "prometheus_answers_every_query_of_the_boards";

/// Metrics that Prometheus adds.
const OF_PROMETHEUS: [&str; 2] = ["up", "ALERTS"];
/// Labels that Prometheus adds to every sample.
const OF_TARGETS: [&str; 3] = ["job", "instance", "service"];

/// Panels without results while all is well.
const QUIET: [&str; 3] = ["shop: Alerts that fire", "shop: annotation", "services: annotation"];

/// The labels with their values of every metric.
type Scraped = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

async fn boards_and_alerts_use_metrics_and_labels_that_exist(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let mut queries = ops::board_queries()?;
    for alert in ops::alerts(yaml(ops::RULES)?)? {
        queries.push(Query { place: format!("alert {}", alert.name), expr: alert.expr });
    }
    let waiting = orders(&cluster).await?;
    until("the metrics of all boards and alerts", SOON, || async {
        let scraped = scrape_all(&cluster).await?;
        let faults: BTreeSet<String> = queries.iter().flat_map(|query| faults(query, &scraped)).collect();
        ensure!(faults.is_empty(), "{faults:#?}");
        Ok(Some(()))
    })
    .await?;
    waiting.declined_by_hand().await
}

/// Creates a webhook, confirms an order, and places one that waits for its payment, which it returns.
async fn orders(cluster: &Arc<Cluster>) -> Result<PlacedOrder> {
    webhooks::quiet(cluster).await?;
    cluster.confirms_an_order().await?;
    // The provider has no result for these cents.
    cluster.item(10).await?.order(1).amount("10.44").place().await
}

async fn scrape_all(cluster: &Cluster) -> Result<Scraped> {
    let mut scraped = Scraped::new();
    for name in Name::ALL {
        let text = scrape(cluster, name).await?;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (sample, _) = line.rsplit_once(' ').context("a sample without a value")?;
            let (metric, labels) = promql::sample(sample)?;
            let known = scraped.entry(metric).or_default();
            for (label, value) in labels {
                known.entry(label).or_default().insert(value);
            }
        }
    }
    Ok(scraped)
}

/// What is wrong with a query.
fn faults(query: &Query, scraped: &Scraped) -> Vec<String> {
    let used = match promql::used(&query.expr) {
        Ok(used) => used,
        Err(error) => return vec![format!("{}: {error:#}", query.place)],
    };
    let mut faults = Vec::new();
    for promql::Selector { metric, matchers } in &used.selectors {
        let is_ours = !OF_PROMETHEUS.contains(&metric.as_str());
        let known = scraped.get(metric);
        if is_ours && known.is_none() {
            faults.push(format!("{}: no metric {metric}", query.place));
        }
        for matcher in matchers {
            let label = matcher.name.as_str();
            let value = promql::required(matcher);
            let fault = match label {
                "job" => value != Some(JOB),
                "service" => value.is_some_and(|value| !Name::ALL.iter().any(|name| name.binary() == value)),
                "instance" => false,
                _ if is_ours => {
                    let values = known.and_then(|labels| labels.get(label));
                    values.is_none_or(|values| value.is_some_and(|value| !values.contains(value)))
                }
                _ => false,
            };
            if fault {
                faults.push(format!("{}: {metric} has no {label} {value:?}", query.place));
            }
        }
    }
    for promql::Grouping { labels, metrics } in &used.groupings {
        let is_ours = !metrics.iter().any(|metric| OF_PROMETHEUS.contains(&metric.as_str()));
        for label in labels.iter().filter(|label| is_ours && !OF_TARGETS.contains(&label.as_str())) {
            let has = |metric: &String| scraped.get(metric).is_some_and(|labels| labels.contains_key(label));
            if !metrics.iter().all(has) {
                faults.push(format!("{}: grouped by {label}, which not all of {metrics:?} have", query.place));
            }
        }
    }
    faults
}

/// `promtool` finds no fault with the configuration and the alerts, and the alerts' unit tests pass.
async fn promtool_accepts_the_configuration_and_the_alerts(_: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let promtool = promtool().context("PROMTOOL names no program")?;
    for arguments in [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "rules/order-saga.yml"],
        ["test", "rules", "tests/order-saga.test.yml"],
    ] {
        let mut command = Command::new(&promtool);
        command.args(arguments).current_dir(ops::prometheus());
        let output = command::run(command).await?;
        ensure!(output.status.success(), "promtool {arguments:?}: {}", command::text(&output));
    }
    Ok(())
}

async fn prometheus_answers_every_query_of_the_boards(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let prometheus = Prometheus::start(&cluster).await?;
    let job = format!("up{{job=\"{JOB}\"}} == 1");
    until("all services to be scraped", SOON, || async {
        Ok((prometheus.values(&job).await?.len() == Name::ALL.len()).then_some(()))
    })
    .await?;
    let waiting = orders(&cluster).await?;
    let unanswered = Mutex::new(ops::board_queries()?);
    until("results of all queries", PATIENT, || async {
        // Rates need counts that move between two scrapes.
        cluster.confirms_an_order().await?;
        let queries = unanswered.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let empty = without_results(&prometheus, queries).await?;
        *unanswered.lock().unwrap_or_else(PoisonError::into_inner) = empty.clone();
        ensure!(empty.is_empty(), "no results: {empty:#?}");
        Ok(Some(()))
    })
    .await?;
    let alerts = ops::alerts(yaml(ops::RULES)?)?.len();
    until("all alerts to be evaluated", SOON, || async {
        let data = prometheus.rules().await?;
        let rules: Vec<&Value> =
            ops::list(&data["groups"]).iter().flat_map(|group| ops::list(&group["rules"])).collect();
        ensure!(rules.len() == alerts, "{data}");
        let faulty: Vec<_> = rules.iter().filter(|rule| rule["health"] != "ok").collect();
        ensure!(faulty.is_empty(), "{faulty:#?}");
        Ok(Some(()))
    })
    .await?;
    prometheus.stop().await?;
    // Its payment may have timed out meanwhile.
    waiting.result("declined").await?;
    waiting.ends("payment_not_completed").await
}

/// The queries that have no result, and should have one.
async fn without_results(prometheus: &Prometheus, queries: Vec<Query>) -> Result<Vec<Query>> {
    let mut empty = Vec::new();
    for query in queries {
        let values = prometheus.values(&query.expr).await.with_context(|| query.place.clone())?;
        let is_quiet = QUIET.iter().any(|quiet| query.place.starts_with(quiet));
        if !is_quiet && !values.iter().any(|value| value.is_finite()) {
            empty.push(query);
        }
    }
    Ok(empty)
}
