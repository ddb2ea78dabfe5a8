//! The benchmark's results: a table to read, and JSON for programs.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::drive::Measured;
use crate::broker::Broker;
use crate::cluster::Cluster;
use crate::machine::{Usage, usage};

/// One run.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// The broker's configuration: `default`, or `fsync` after every append.
    pub broker: String,
    /// The drive, such as `open-200`.
    pub name: String,
    /// The measured time.
    pub seconds: f64,
    /// Orders with the expected final status.
    pub orders: u64,
    /// Orders without it.
    pub failures: u64,
    /// The first failure.
    pub failure: Option<String>,
    /// Ended orders per second.
    pub per_second: f64,
    /// POST to 201, in milliseconds.
    pub created: Times,
    /// POST to the final status, in milliseconds.
    pub ended: Times,
    /// CPU seconds per thousand orders, by process.
    pub cpu: BTreeMap<String, f64>,
    /// Context switches per order, by process.
    #[serde(default)]
    pub switches: BTreeMap<String, f64>,
    /// Resident memory at the end, in MB, by process.
    pub memory: BTreeMap<String, f64>,
}

/// Percentiles in milliseconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Times {
    /// The median.
    pub p50: f64,
    /// The 99th percentile.
    pub p99: f64,
    /// The maximum.
    pub max: f64,
}

impl Times {
    fn of(histogram: &hdrhistogram::Histogram<u64>) -> Self {
        let at = |quantile| millis(histogram.value_at_quantile(quantile));
        Self { p50: at(0.5), p99: at(0.99), max: millis(histogram.max()) }
    }
}

fn millis(micros: u64) -> f64 {
    std::time::Duration::from_micros(micros).as_secs_f64() * 1e3
}

/// The measured processes: the broker, the services, this program.
///
/// # Errors
/// When one of them does not run.
pub fn processes(broker: &Broker, cluster: &Cluster) -> Result<Vec<(String, u32)>> {
    let mut all = vec![("broker".to_owned(), broker.pid()?)];
    for service in cluster.services() {
        all.push((service.name.binary().to_owned(), service.pid()?));
    }
    all.push(("load".to_owned(), std::process::id()));
    Ok(all)
}

/// The resource usage of the processes so far.
///
/// # Errors
/// When one of them does not run.
pub fn usages(processes: &[(String, u32)]) -> Result<BTreeMap<String, Usage>> {
    processes.iter().map(|(name, pid)| Ok((name.clone(), usage(*pid)?))).collect()
}

impl Row {
    /// The row of a run.
    pub fn new(
        broker: &str,
        name: &str,
        seconds: f64,
        measured: &Measured,
        before: &BTreeMap<String, Usage>,
        after: &BTreeMap<String, Usage>,
    ) -> Self {
        let orders = measured.ended.len();
        let count = f64::from(u32::try_from(orders).unwrap_or(u32::MAX));
        let per_order = |of: fn(&Usage) -> f64, factor: f64| {
            let used = move |(name, usage): (&String, &Usage)| {
                let begin = before.get(name).map_or(0.0, of);
                (name.clone(), (of(usage) - begin).max(0.0) * factor / count.max(1.0))
            };
            after.iter().map(used).collect()
        };
        Self {
            broker: broker.to_owned(),
            name: name.to_owned(),
            seconds,
            orders,
            failures: measured.failures,
            failure: measured.failure.clone(),
            per_second: count / seconds,
            created: Times::of(&measured.created),
            ended: Times::of(&measured.ended),
            cpu: per_order(|usage| usage.cpu, 1000.0),
            switches: per_order(|usage| usage.switches, 1.0),
            memory: after.iter().map(|(name, usage)| (name.clone(), usage.resident)).collect(),
        }
    }

    /// The row as a line of the table.
    pub fn line(&self) -> String {
        let Self { broker, name, per_second, created, ended, failures, .. } = self;
        let mut line = format!(
            "{broker:<8} {name:<20} {per_second:>9.1} {:>8.1} {:>8.1} {:>9.1} {:>9.1} {failures:>6}  ",
            created.p50, created.p99, ended.p50, ended.p99
        );
        for process in PROCESSES {
            line += &format!("{:>8.2}", self.cpu.get(process).copied().unwrap_or_default());
        }
        line += &format!("  {:>8.0}  ", without_load(&self.switches));
        for process in PROCESSES {
            line += &format!("{:>7.0}", self.memory.get(process).copied().unwrap_or_default());
        }
        match &self.failure {
            Some(failure) => format!("{line}\n    first failure: {failure}"),
            None => line,
        }
    }
}

/// The sum of the broker and the services.
pub fn without_load(by_process: &BTreeMap<String, f64>) -> f64 {
    by_process.iter().filter(|(name, _)| *name != "load").map(|(_, value)| value).sum()
}

const PROCESSES: [&str; 6] =
    ["broker", "order-service", "inventory-service", "payment-service", "orchestrator", "load"];

/// The heading of the table.
pub fn heading() -> String {
    let names = "  broker   order   stock payment    saga    load";
    let memory = " broker  order  stock    pay   saga   load";
    format!(
        "{:<8} {:<20} {:>9} {:^17} {:^19} {:>6}  {:^48}  {:>8}  {:^42}\n{:<8} {:<20} {:>9} {:>8} {:>8} {:>9} {:>9} \
         {:>6}  {names}  {:>8}  {memory}",
        "",
        "",
        "ended/s",
        "201, ms",
        "ended, ms",
        "not",
        "CPU seconds per 1,000 orders",
        "switches",
        "memory, MB",
        "broker",
        "load",
        "orders/s",
        "p50",
        "p99",
        "p50",
        "p99",
        "not",
        "an order",
    )
}
