//! The traces of an order, as the OpenTelemetry Collector's receiver gets them from the four services.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::broker::Broker;
use tests::cluster::{Cluster, Options};
use tests::machine;
use tests::orders::OrderDraft;
use tests::process::{Group, Name};
use tests::wait::{SOON, until};
use uuid::Uuid;

use crate::prometheus::scrape;

crate::group::scenarios!(an_order_is_one_trace_over_the_four_services);

/// The scenario that needs the collector.
pub(crate) const BY_COLLECTOR: &str = "an_order_is_one_trace_over_the_four_services";

/// The span of the client that places the order.
const CLIENT: &str = "00f067aa0ba902b7";

/// Spans that an order with a delivery and a customer has, by service.
const EXPECTED: [(&str, &str); 25] = [
    ("order-service", "POST /orders"),
    ("order-service", "send order-commands"),
    ("order-service", "receive order-commands"),
    ("order-service", "process order-commands"),
    ("order-service", "append order-journal"),
    ("order-service", "send created-orders"),
    ("order-service", "send notifications"),
    ("order-service", "send order-events"),
    ("order-service", "mail.send"),
    ("orchestrator", "receive created-orders"),
    ("orchestrator", "process created-orders"),
    ("orchestrator", "append saga-journal"),
    ("orchestrator", "send inventory-commands"),
    ("orchestrator", "send payment-commands"),
    ("orchestrator", "process payment-results"),
    ("orchestrator", "process saga-replies"),
    ("inventory-service", "process inventory-commands"),
    ("inventory-service", "append inventory-journal"),
    ("inventory-service", "send saga-replies"),
    ("inventory-service", "carrier.book"),
    ("payment-service", "process payment-commands"),
    ("payment-service", "append payment-journal"),
    ("payment-service", "payment.request"),
    ("payment-service", "payment.query"),
    ("payment-service", "send payment-results"),
];

/// The collector, if there is one: `./dev test` builds it and names it in `OTELCOL`.
pub(crate) fn program() -> Option<PathBuf> {
    std::env::var_os("OTELCOL").map(PathBuf::from).filter(|path| path.is_file())
}

/// Orders at the prices of the warehouse's items, and traces of the requests whose caller samples them.
pub(crate) fn options() -> Result<Options> {
    let mail: &'static str = Box::leak(tests::mail::shared()?.port().to_string().into_boxed_str());
    let mut settings = vec![
        (Name::Orders, "ORDERS__PRICE", "catalogue"),
        (Name::Orders, "NOTICES__SMTP__HOST", "127.0.0.1"),
        (Name::Orders, "NOTICES__SMTP__PORT", mail),
        (Name::Orders, "NOTICES__SMTP__TLS", "none"),
        (Name::Orders, "NOTICES__SMTP__FROM", "Tickets <tickets@example.com>"),
    ];
    if program().is_some() {
        let endpoint: &'static str =
            Box::leak(format!("http://127.0.0.1:{}", machine::free_ports(1)?).into_boxed_str());
        for name in Name::ALL {
            settings.push((name, "TRACES__ENDPOINT", endpoint));
            settings.push((name, "TRACES__SAMPLE", "0"));
        }
    }
    let settings = Box::leak(settings.into_boxed_slice());
    Ok(Options { name: "catalogue", instances: 1, settings, result_timeout: None, definitions: &[], log: "info" })
}

/// A running collector.
struct Collector {
    process: Group,
    received: PathBuf,
}

impl Collector {
    /// Starts it where the services of the cluster send their spans.
    async fn start(cluster: &Cluster) -> Result<Self> {
        let program = program().context("OTELCOL names no program")?;
        let mut settings = cluster.options.settings.iter();
        let endpoint = settings.find(|(_, key, _)| *key == "TRACES__ENDPOINT").context("traces are off")?.2;
        let received = cluster.scratch("collector")?.join("received");
        let mut command = Command::new(program);
        command.arg(endpoint.trim_start_matches("http://"));
        let process = Group::start(&mut command, &received)?;
        let answers = || async { Ok(cluster.http.get(endpoint).send().await.ok()) };
        until("the collector to answer", SOON, answers).await?;
        Ok(Self { process, received })
    }

    fn spans(&self, trace: &str) -> Result<Vec<Value>> {
        spans(&self.received, trace)
    }
}

/// The spans of a trace that a collector has received, each with its service.
fn spans(received: &Path, trace: &str) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(received)?;
    let mut spans = Vec::new();
    // The last line may not be complete.
    for request in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        for resource in request["resourceSpans"].as_array().into_iter().flatten() {
            let attributes = resource["resource"]["attributes"].as_array().into_iter().flatten();
            let mut names = attributes.filter(|attribute| attribute["key"] == "service.name");
            let service = names.next().map(|name| name["value"]["stringValue"].clone()).unwrap_or_default();
            let scopes = resource["scopeSpans"].as_array().into_iter().flatten();
            let all = scopes.flat_map(|scope| scope["spans"].as_array().into_iter().flatten());
            for span in all.filter(|span| span["traceId"] == trace) {
                let mut span = span.clone();
                span["service"] = service.clone();
                spans.push(span);
            }
        }
    }
    Ok(spans)
}

/// An order with a delivery and a customer who is notified.
async fn draft(cluster: &Arc<Cluster>) -> Result<OrderDraft> {
    let item = cluster.item(10).await?;
    let url = cluster.service(Name::Inventory)?.url(&format!("/stock/{}", item.id));
    let price = json!({"amount": 10.50, "currency": "BRL"});
    let body = json!({"name": "a ticket", "onHand": 10, "price": price});
    cluster.http.put(url).json(&body).send().await?.error_for_status()?;
    let address =
        json!({"name": "Ana", "line1": "Rua A, 1", "city": "Recife", "postalCode": "50000-000", "country": "BR"});
    let delivery = json!({"method": "standard", "address": address});
    let customer = json!({"name": "Ana", "email": "traces@example.com", "language": "pt"});
    Ok(item.order(2).amount("21.00").with(json!({"delivery": delivery, "customer": customer})))
}

async fn an_order_is_one_trace_over_the_four_services(cluster: Arc<Cluster>, _: Arc<Broker>) -> Result<()> {
    let collector = Collector::start(&cluster).await?;
    let unsampled = Uuid::new_v4().simple().to_string();
    let first = draft(&cluster).await?.traceparent(&format!("00-{unsampled}-{CLIENT}-00")).place().await?;
    let trace = Uuid::new_v4().simple().to_string();
    let order = draft(&cluster).await?.traceparent(&format!("00-{trace}-{CLIENT}-01")).place().await?;
    first.ends("shipped").await?;
    order.ends("shipped").await?;
    let tree = until("the whole trace", SOON, || async {
        let spans = collector.spans(&trace)?;
        check(&spans)?;
        Ok(Some(spans))
    })
    .await?;
    let mut counts = BTreeMap::<&str, usize>::new();
    for span in &tree {
        *counts.entry(span["service"].as_str().unwrap_or_default()).or_default() += 1;
    }
    eprint!("[{} spans: {counts:?}] ", tree.len());
    ensure!(collector.spans(&unsampled)?.is_empty(), "a trace that its caller does not sample has spans");
    for name in Name::ALL {
        let log = std::fs::read_to_string(cluster.service(name)?.log())?;
        ensure!(log.contains(&trace), "no line of {}'s log has the trace's id", name.binary());
        let metrics = scrape(&cluster, name).await?;
        ensure!(metrics.contains("traces_spans_total{result=\"dropped\"} 0"), "{metrics}");
    }
    let text = serde_json::to_string(&tree)?;
    ensure!(
        !text.contains("Ana") && !text.contains("example.com") && !text.contains("Recife"),
        "personal data: {text}"
    );
    collector.process.stop().await
}

/// Fails unless the spans are one tree below the client's span, with all that is expected.
fn check(spans: &[Value]) -> Result<()> {
    let text = |span: &Value, key: &str| span[key].as_str().unwrap_or_default().to_owned();
    let names: BTreeSet<(String, String)> =
        spans.iter().map(|span| (text(span, "service"), text(span, "name"))).collect();
    let is_missing = |(service, name): &&(&str, &str)| !names.contains(&((*service).to_owned(), (*name).to_owned()));
    let missing: Vec<_> = EXPECTED.iter().filter(is_missing).collect();
    ensure!(missing.is_empty(), "no spans {missing:?} among {names:#?}");
    let ids: BTreeSet<String> = spans.iter().map(|span| text(span, "spanId")).collect();
    ensure!(ids.len() == spans.len(), "a span was sent twice");
    let roots: Vec<&Value> = spans.iter().filter(|span| span["parentSpanId"] == CLIENT).collect();
    ensure!(roots.len() == 1 && roots[0]["name"] == "POST /orders", "not one root: {roots:#?}");
    let is_orphan = |span: &&Value| span["parentSpanId"] != CLIENT && !ids.contains(&text(span, "parentSpanId"));
    let orphans: Vec<&Value> = spans.iter().filter(is_orphan).collect();
    ensure!(orphans.is_empty(), "spans without their parents: {orphans:#?}");
    Ok(())
}
