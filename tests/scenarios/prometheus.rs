//! Scrapes of the services, and Prometheus's programs, which scenarios start if they are installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, ensure};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tests::cluster::Cluster;
use tests::process::{Group, Name};
use tests::wait::{SOON, until};
use tests::{files, machine, ops};

/// The name of the scrape job.
pub(crate) const JOB: &str = "order-saga";

/// promtool, if there is one: `./dev test` names it in `PROMTOOL`.
pub(crate) fn promtool() -> Option<PathBuf> {
    program("PROMTOOL")
}

/// Prometheus, if there is one: `./dev test` names it in `PROMETHEUS`.
pub(crate) fn prometheus() -> Option<PathBuf> {
    program("PROMETHEUS")
}

fn program(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_file())
}

/// Reads a YAML file; `path` is relative to the project's root.
pub(crate) fn yaml(path: &str) -> Result<Value> {
    let text = std::fs::read_to_string(files::root().join(path)).with_context(|| path.to_owned())?;
    serde_saphyr::from_str(&text).with_context(|| path.to_owned())
}

/// The metrics of a service in the text format of Prometheus.
pub(crate) async fn scrape(cluster: &Cluster, name: Name) -> Result<String> {
    let request = cluster.http.get(cluster.service(name)?.url("/metrics")).header("Accept", "text/plain");
    Ok(request.send().await?.error_for_status()?.text().await?)
}

/// A running Prometheus.
pub(crate) struct Prometheus {
    url: String,
    http: reqwest::Client,
    process: Group,
}

impl Prometheus {
    /// Starts it with the repository's configuration. Only the addresses of the services are replaced, and it scrapes
    /// and evaluates the alerts every second.
    pub(crate) async fn start(cluster: &Cluster) -> Result<Self> {
        let program = prometheus().context("PROMETHEUS names no program")?;
        let directory = cluster.scratch("prometheus")?;
        configure(cluster, &directory)?;
        let port = machine::free_ports(1)?;
        let mut command = Command::new(program);
        command
            .arg(format!("--config.file={}", directory.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", directory.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let process = Group::start(&mut command, &directory.join("prometheus.log"))?;
        let url = format!("http://127.0.0.1:{port}");
        let prometheus = Self { url, http: tests::http::client().build()?, process };
        until("Prometheus to be ready", SOON, || async {
            let ready = prometheus.http.get(format!("{}/-/ready", prometheus.url)).send().await?;
            Ok(ready.status().is_success().then_some(()))
        })
        .await?;
        Ok(prometheus)
    }

    /// The groups of rules with their state.
    pub(crate) async fn rules(&self) -> Result<Value> {
        self.data(self.http.get(format!("{}/api/v1/rules", self.url))).await
    }

    async fn data(&self, request: RequestBuilder) -> Result<Value> {
        let answer: Value = request.send().await?.json().await?;
        ensure!(answer["status"] == "success", "{answer}");
        Ok(answer["data"].clone())
    }

    /// The numbers of a query's result.
    pub(crate) async fn values(&self, expr: &str) -> Result<Vec<f64>> {
        let request = self.http.post(format!("{}/api/v1/query", self.url)).form(&[("query", expr)]);
        let data = self.data(request).await.with_context(|| expr.to_owned())?;
        let value = |sample: &Value| sample["value"][1].as_str().and_then(|text| text.parse().ok());
        let values: Option<Vec<f64>> = ops::list(&data["result"]).iter().map(value).collect();
        values.ok_or_else(|| anyhow!("{expr}: {data}"))
    }

    /// Ends it.
    pub(crate) async fn stop(self) -> Result<()> {
        self.process.stop().await
    }
}

/// Writes the repository's configuration, with the addresses of the cluster.
fn configure(cluster: &Cluster, directory: &Path) -> Result<()> {
    let text = std::fs::read_to_string(ops::prometheus().join("prometheus.yml"))?;
    ensure!(text.contains("scrape_interval: 15s\n  scrape_timeout: 10s\n  evaluation_interval: 15s\n"), "{text}");
    let quick = text.replace("interval: 15s", "interval: 1s").replace("scrape_timeout: 10s", "scrape_timeout: 1s");
    std::fs::write(directory.join("prometheus.yml"), quick)?;
    std::fs::create_dir(directory.join("rules"))?;
    let rules = "rules/order-saga.yml";
    std::fs::copy(ops::prometheus().join(rules), directory.join(rules))?;
    let mut targets = yaml(ops::TARGETS)?;
    let groups = targets.as_array_mut().context("the targets are a list")?;
    ensure!(groups.len() == Name::ALL.len(), "{groups:?}");
    for group in groups {
        let of_group = |name: &Name| group["labels"]["service"] == name.binary();
        let name = Name::ALL.into_iter().find(of_group).with_context(|| format!("no service of {group}"))?;
        group["targets"] = json!([format!("127.0.0.1:{}", cluster.service(name)?.port)]);
    }
    std::fs::create_dir(directory.join("targets"))?;
    // JSON is YAML, too.
    Ok(std::fs::write(directory.join("targets/services.yml"), targets.to_string())?)
}
