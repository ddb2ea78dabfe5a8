//! The metrics of each service: they are those of docs/operations.md, in a format that Prometheus reads, and move with
//! an order.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use tests::broker::Broker;
use tests::cluster::Cluster;
use tests::files;
use tests::process::Name;
use tests::wait::{SOON, until};

use crate::prometheus::{promtool, scrape};
use crate::webhooks;

crate::group::scenarios!(
    the_documented_metrics_are_those_of_the_services,
    prometheus_finds_no_fault_with_the_metrics,
    an_order_moves_the_metrics,
);

/// The scenario that needs promtool.
pub(crate) const BY_PROMTOOL: &str = "prometheus_finds_no_fault_with_the_metrics";

/// The names of the metrics in a scrape.
fn names(scrape: &str) -> BTreeSet<String> {
    let of_type = |line: &str| line.strip_prefix("# TYPE ")?.split(' ').next().map(str::to_owned);
    scrape.lines().filter_map(of_type).collect()
}

/// The sum of the samples of a metric whose labels contain these.
fn sum(scrape: &str, metric: &str, labels: &[&str]) -> f64 {
    let value = |line: &str| {
        let (sample, value) = line.rsplit_once(' ')?;
        let (name, of) = sample.split_once('{').unwrap_or((sample, ""));
        let is_wanted = name == metric && labels.iter().all(|label| of.contains(label));
        is_wanted.then(|| value.parse().ok()).flatten()
    };
    scrape.lines().filter_map(value).fold(0.0, |sum: f64, value: f64| sum + value)
}

async fn the_documented_metrics_are_those_of_the_services(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let document = std::fs::read_to_string(files::root().join("docs/operations.md"))?;
    let (_, list) = document.split_once("### Metrics\n").context("operations.md lists no metrics")?;
    let list = list.split("\n#").next().unwrap_or_default();
    let row = |line: &str| line.strip_prefix("| `")?.split(['`', '{']).next().map(str::to_owned);
    let documented: BTreeSet<String> = list.lines().filter_map(row).collect();
    // Those of a feature that is off here.
    let optional: BTreeSet<String> = list.lines().filter(|line| line.contains("only with")).filter_map(row).collect();
    cluster.confirms_an_order().await?;
    webhooks::quiet(&cluster).await?;
    // The ends of the inputs are known after some seconds.
    until("the documented metrics", SOON, || async {
        let mut found = BTreeSet::new();
        for name in Name::ALL {
            found.extend(names(&scrape(&cluster, name).await?));
        }
        let missing: Vec<_> = found.difference(&documented).collect();
        let gone: Vec<_> = documented.difference(&found).filter(|name| !optional.contains(*name)).collect();
        ensure!(missing.is_empty() && gone.is_empty(), "not documented: {missing:?}; no metrics: {gone:?}");
        Ok(Some(()))
    })
    .await
}

/// `promtool check metrics` finds nothing.
async fn prometheus_finds_no_fault_with_the_metrics(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let promtool = promtool().context("PROMTOOL names no program")?;
    for name in Name::ALL {
        let text = scrape(&cluster, name).await?;
        let mut command = Command::new(&promtool);
        command.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut checking = command.spawn().with_context(|| format!("{}", promtool.display()))?;
        checking.stdin.take().context("no input")?.write_all(text.as_bytes())?;
        let output = tests::command::text(&checking.wait_with_output()?);
        ensure!(output.trim().is_empty(), "{}: {output}", name.binary());
    }
    Ok(())
}

async fn an_order_moves_the_metrics(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let counted: [(Name, &str, &[&str]); 15] = [
        (Name::Orders, "http_requests_total", &["route=\"/orders\"", "method=\"POST\"", "status=\"201\""]),
        (Name::Orders, "http_request_duration_seconds_count", &["route=\"/orders\"", "method=\"POST\""]),
        (Name::Orders, "journal_decisions_total", &["trigger=\"message\""]),
        (Name::Inventory, "journal_decisions_total", &["trigger=\"message\""]),
        (Name::Payments, "journal_batch_decisions_count", &[]),
        (Name::Payments, "journal_read_back_duration_seconds_count", &[]),
        (Name::Payments, "payment_provider_calls_total", &["provider=\"simulated\""]),
        (Name::Orchestrator, "journal_decisions_total", &["trigger=\"message\""]),
        (Name::Orchestrator, "saga_started_total", &["definition=\"order\""]),
        (Name::Orchestrator, "saga_duration_seconds_count", &["status=\"confirmed\""]),
        (Name::Orchestrator, "saga_step_duration_seconds_count", &["step=\"reserve\"", "outcome=\"done\""]),
        // A result that is there before the step begins takes no time: this one takes a command and its reply.
        (Name::Orchestrator, "saga_step_duration_seconds_sum", &["step=\"reserve\"", "outcome=\"done\""]),
        (Name::Orchestrator, "saga_step_duration_seconds_count", &["step=\"payment-result\"", "outcome=\"done\""]),
        (Name::Orchestrator, "saga_instances", &["definition=\"order\"", "status=\"completed\""]),
        (Name::Inventory, "inventory_low_items", &[]),
    ];
    let sample = async || -> Result<BTreeMap<String, f64>> {
        let mut samples = BTreeMap::new();
        for (name, metric, labels) in &counted {
            let value = sum(&scrape(&cluster, *name).await?, metric, labels);
            samples.insert(format!("{} {metric} {labels:?}", name.binary()), value);
        }
        Ok(samples)
    };
    let before = sample().await?;
    // The default limit is 10: the order makes the item scarce.
    let order = cluster.item(10).await?.order(1).place().await?;
    order.ends("confirmed").await?;
    // The provider has no result for these cents.
    let waiting = cluster.item(10).await?.order(1).amount("10.44").place().await?;
    until("a saga that waits", SOON, || async {
        let waits = ["definition=\"order\"", "step=\"payment-result\""];
        let text = scrape(&cluster, Name::Orchestrator).await?;
        Ok((sum(&text, "saga_waiting_steps", &waits) >= 1.0).then_some(()))
    })
    .await?;
    until("all metrics to move", SOON, || async {
        let now = sample().await?;
        let same: Vec<_> = now.iter().filter(|(key, value)| before.get(*key) >= Some(value)).collect();
        ensure!(same.is_empty(), "they stay: {same:?}");
        Ok(Some(()))
    })
    .await?;
    let text = scrape(&cluster, Name::Orders).await?;
    ensure!(sum(&text, "journal_partitions", &["state=\"owned\""]) >= 1.0, "{text}");
    ensure!(text.contains("journal_input_lag_messages{topic=\"order-commands\"}"), "{text}");
    waiting.declined_by_hand().await
}
