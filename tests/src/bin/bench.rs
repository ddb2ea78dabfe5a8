//! The benchmark: orders in open and closed loop on its own broker and services, once with the broker's defaults and
//! once with every append synced to disk. Prints a table and writes `target/bench/result.json`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use serde::Serialize;

use tests::broker::Broker;
use tests::cluster::{Cluster, Options};
use tests::load::drive::{Drive, Run, Target, Way};
use tests::load::observe::{Monitoring, SAMPLE};
use tests::load::report::{Row, heading, processes, usages};
use tests::load::restart::{Restart, leave_open, restarts};
use tests::load::sagas::{self, Sagas};
use tests::load::{compare, floor, timers};
use tests::process::Name;
use tests::{files, machine, runner};

/// Measures orders from POST to their final status, on a separate broker and services.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    /// Only these runs: open-RATE, closed-CLIENTS, each with the prefix delivered-, refused- or unpaid- for orders with
    /// that outcome; floor, timers, restart, sagas. Default: open-20, open-200, open-1000, closed-64, closed-256 and
    /// others.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Measured seconds of each run, after its warm-up [default: 15 in open, 20 in closed loop].
    #[arg(long)]
    seconds: Option<u64>,
    /// Seconds of warm-up before each run.
    #[arg(long, default_value_t = 5)]
    warm_up: u64,
    /// Seconds of closed loop before a broker's first run, to warm up its just-in-time compiler.
    #[arg(long, default_value_t = 20)]
    heat: u64,
    /// Orders left open for the restarts.
    #[arg(long, default_value_t = 1000)]
    open_orders: u64,
    /// Waiting sagas at the orchestrator's restart (sagas).
    #[arg(long, default_value_t = 100_000)]
    open_sagas: u64,
    /// Ended sagas at the orchestrator's restart (sagas).
    #[arg(long, default_value_t = 1_000_000)]
    closed_sagas: u64,
    /// Only with the broker's defaults, which leave syncing to the operating system.
    #[arg(long, conflicts_with_all = ["fsync", "all"])]
    plain: bool,
    /// Only with a broker that syncs every append (log.flush.interval.messages=1).
    #[arg(long, conflicts_with = "all")]
    fsync: bool,
    /// Without events for external systems (events.enabled = false in all services). The result is written to
    /// result-no-events.json.
    #[arg(long)]
    no_events: bool,
    /// Watched as a shop would: 1 % of the orders are traced, and metrics are scraped every 15 s. The result is written
    /// to result-observed.json.
    #[arg(long, conflicts_with = "no_events")]
    observed: bool,
    /// Partitions of every topic (kafka.partitions) [default: that of the services].
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..))]
    partitions: i32,
    /// An earlier result.json to compare with.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// With both brokers, one after the other: the default.
    #[arg(long)]
    all: bool,
}

/// In an open loop beyond its capacity order-service has ever more waiting clients.
const SETTINGS: [(Name, &str, &str); 2] =
    [(Name::Orders, "HTTP__CONNECTIONS", "100000"), (Name::Orders, "HTTP__HEADER_TIMEOUT", "1h")];

#[derive(Debug, Default, Serialize)]
struct Outcome {
    cores: usize,
    /// `kafka.partitions`.
    partitions: i32,
    /// Whether changes are published as events.
    events: bool,
    /// Whether traces and metrics were read.
    observed: bool,
    runs: Vec<Row>,
    restarts: Vec<Restart>,
    sagas: Option<Sagas>,
    /// Plain messages over as many hops as an order has, at 20 a second: p50 and p99 in milliseconds; one row per pass.
    floor: Vec<[f64; 2]>,
    /// Lateness of timers: p50, p99 and maximum, in milliseconds; one row per pass.
    timers: Vec<[u64; 3]>,
}

fn main() -> ExitCode {
    match Arguments::parse().bench() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:?}");
            ExitCode::FAILURE
        }
    }
}

impl Arguments {
    fn bench(&self) -> Result<()> {
        let _lock = machine::only_run()?;
        let drives = self.drives()?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.spawn(runner::exit_on_signal());
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let earlier = self.against.as_deref().map(compare::read).transpose()?;
        let Self { partitions, no_events, observed, .. } = *self;
        let mut outcome = Outcome { cores, partitions, events: !no_events, observed, ..Outcome::default() };
        println!("{}", heading());
        if !self.fsync {
            self.pass("default", &[], &drives, &runtime, &mut outcome)?;
        }
        if !self.plain {
            self.pass("fsync", &["log.flush.interval.messages=1"], &drives, &runtime, &mut outcome)?;
        }
        let name = match (no_events, observed) {
            (true, _) => "result-no-events.json",
            (false, true) => "result-observed.json",
            (false, false) => "result.json",
        };
        let path = files::target()?.join("bench").join(name);
        std::fs::create_dir_all(files::target()?.join("bench"))?;
        std::fs::write(&path, serde_json::to_string_pretty(&outcome)?).with_context(|| path.display().to_string())?;
        println!("written to {}", path.display());
        if let Some(earlier) = earlier {
            println!("Compared with {}:", self.against.as_deref().unwrap_or(&path).display());
            compare::lines(&outcome.runs, &earlier).iter().for_each(|line| println!("{line}"));
        }
        Ok(())
    }

    fn drives(&self) -> Result<Vec<(Way, Drive)>> {
        let others = ["delivered-closed-64", "refused-closed-64", "unpaid-closed-64"];
        let all = ["open-20", "open-200", "open-1000", "closed-64", "closed-256"].into_iter().chain(others);
        let all: Vec<String> = all.map(str::to_owned).collect();
        let names = if self.only.is_empty() { all } else { self.only.clone() };
        let names = names.iter().filter(|name| !["floor", "timers", "restart", "sagas"].contains(&name.as_str()));
        let drive = |name: &String| {
            let way = Way::ALL.into_iter().find_map(|(way, prefix)| Some((way, name.strip_prefix(prefix)?)));
            let (way, rest) = way.unwrap_or((Way::Confirmed, name));
            let open = rest.strip_prefix("open-").and_then(|n| n.parse().ok()).map(Drive::Open);
            let closed = || rest.strip_prefix("closed-").and_then(|n| n.parse().ok()).map(Drive::Closed);
            let drive = open.or_else(closed).with_context(|| {
                format!(
                    "'{name}' is not a run: write open-RATE or closed-CLIENTS, with or without the prefix delivered-, \
                     refused- or unpaid-, or floor, timers, restart, sagas"
                )
            });
            anyhow::Ok((way, drive?))
        };
        names.map(drive).collect()
    }

    fn pass(
        &self,
        name: &str,
        settings: &[&str],
        drives: &[(Way, Drive)],
        runtime: &tokio::runtime::Runtime,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let broker = Broker::start(&files::target()?.join("bench-brokers").join(name), settings)?;
        let monitoring = if self.observed { Some(runtime.block_on(Monitoring::start())?) } else { None };
        let options = Options {
            name: "bench",
            instances: 1,
            settings: self.settings(monitoring.as_ref()),
            result_timeout: None,
            definitions: &[timers::DEFINITION],
            log: "warn",
        };
        let cluster = runtime.block_on(Cluster::start(&broker, options))?;
        if let Some(monitoring) = &monitoring {
            let _context = runtime.enter();
            monitoring.scrape(&cluster);
        }
        let measured = runtime.block_on(self.measure(name, &broker, &cluster, drives, outcome));
        measured.with_context(|| cluster.report())?;
        if let Some(monitoring) = &monitoring {
            println!("{}", monitoring.line()?);
        }
        runtime.block_on(cluster.stop())
    }

    /// The settings that differ from the defaults.
    fn settings(&self, monitoring: Option<&Monitoring>) -> &'static [(Name, &'static str, &'static str)] {
        let partitions: &str = self.partitions.to_string().leak();
        let endpoint = monitoring.map(|monitoring| &*monitoring.endpoint.clone().leak());
        let mut settings = SETTINGS.to_vec();
        for service in Name::ALL {
            settings.push((service, "KAFKA__PARTITIONS", partitions));
            if self.no_events {
                settings.push((service, "EVENTS__ENABLED", "false"));
            }
            if let Some(endpoint) = endpoint {
                settings.push((service, "TRACES__ENDPOINT", endpoint));
                settings.push((service, "TRACES__SAMPLE", SAMPLE));
            }
        }
        settings.leak()
    }

    /// Returns true if this pass includes the measurement `name`.
    fn wants(&self, name: &str, pass: &str) -> bool {
        self.only.is_empty() && pass == "default" || self.only.iter().any(|only| only == name)
    }

    async fn measure(
        &self,
        pass: &str,
        broker: &Broker,
        cluster: &Arc<Cluster>,
        drives: &[(Way, Drive)],
        outcome: &mut Outcome,
    ) -> Result<()> {
        let item = cluster.item(1_000_000_000).await?.id;
        let port = cluster.service(tests::process::Name::Orders)?.port;
        let sold_out = cluster.item(0).await?.id;
        let target = |way: Way| way.target(port, &item, &sold_out);
        let processes = processes(broker, cluster)?;
        let heat = Run::new(target(Way::Confirmed), Duration::ZERO, Duration::from_secs(self.heat))?;
        heat.drive(Drive::Closed(64)).await;
        let mut closed = heat.measured().ended.len();
        for (way, drive) in drives {
            let seconds = self.seconds.unwrap_or(if matches!(drive, Drive::Open(_)) { 15 } else { 20 });
            let run = Run::new(target(*way), Duration::from_secs(self.warm_up), Duration::from_secs(seconds))?;
            let driving = Arc::clone(&run);
            let drive = *drive;
            let driving = tokio::spawn(async move { driving.drive(drive).await });
            tokio::time::sleep_until(run.from().into()).await;
            let before = usages(&processes)?;
            driving.await?;
            let length = Instant::now() - run.from();
            let after = usages(&processes)?;
            let row = Row::new(
                pass,
                &format!("{}{}", way.prefix(), drive.name()),
                length.as_secs_f64(),
                &run.measured(),
                &before,
                &after,
            );
            println!("{}", row.line());
            closed += row.orders;
            outcome.runs.push(row);
        }
        if self.wants("floor", pass) {
            outcome.floor.push(self.floor(broker).await?);
        }
        if self.wants("timers", pass) {
            let [p50, p99, longest] = timers::lateness(cluster).await?;
            println!("timers: {p50} ms late at the median, {p99} ms at p99, {longest} ms at most");
            outcome.timers.push([p50, p99, longest]);
        }
        if self.wants("restart", pass) {
            let unanswered = Target { amount: "10.44", ..target(Way::Confirmed) };
            leave_open(&unanswered, self.open_orders).await?;
            outcome.restarts.extend(restarts(cluster, closed, self.open_orders).await?);
        }
        if pass == "default" && self.only.iter().any(|name| name == "sagas") {
            let sagas = sagas::measure(cluster, self.open_sagas, self.closed_sagas).await?;
            println!("{}", sagas.text());
            outcome.sagas = Some(sagas);
        }
        Ok(())
    }

    /// The time of plain messages over an order's hops, at the lowest load.
    async fn floor(&self, broker: &Broker) -> Result<[f64; 2]> {
        let length = Duration::from_secs(self.seconds.unwrap_or(15));
        let times = floor::measure(&broker.address(), 20, Duration::from_secs(self.warm_up), length).await?;
        let millis = |quantile| Duration::from_micros(times.value_at_quantile(quantile)).as_secs_f64() * 1e3;
        let [p50, p99] = [millis(0.5), millis(0.99)];
        println!("floor: {p50:.1} ms at the median, {p99:.1} ms at p99 for {} hops, 20 a second", floor::HOPS);
        Ok([p50, p99])
    }
}
