//! `GET /metrics` of every service, in OpenMetrics 1.0 (<https://github.com/prometheus/OpenMetrics>) or in the text
//! format of Prometheus 0.0.4, and the counts of HTTP requests.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::problem::Problem;

/// The path of the metrics.
pub(super) const PATH: &str = "/metrics";

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The upper bounds of the durations of requests, in seconds.
const DURATIONS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Registers all metrics with their present values. Called by each scrape on a thread for blocking work.
pub type Collect = Arc<dyn Fn(&mut Registry) -> anyhow::Result<()> + Send + Sync>;

/// The requests to a service by route template, method and status. Cheap to clone.
#[derive(Clone, Debug)]
pub struct HttpMetrics {
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
}

type RequestLabels = [(&'static str, String); 3];
type RouteLabels = [(&'static str, String); 2];

impl Default for HttpMetrics {
    fn default() -> Self {
        Self { requests: Family::default(), durations: Family::new_with_constructor(|| Histogram::new(DURATIONS)) }
    }
}

impl HttpMetrics {
    /// Counts a request. `route` is the template of its path.
    pub(super) fn count(&self, route: &str, method: &Method, status: StatusCode, duration: Duration) {
        let route = ("route", route.to_owned());
        let method = ("method", method_name(method).to_owned());
        let status = ("status", status.as_u16().to_string());
        self.requests.get_or_create(&[route.clone(), method.clone(), status]).inc();
        self.durations.get_or_create(&[route, method]).observe(duration.as_secs_f64());
    }

    /// Registers the metrics.
    pub fn register(&self, registry: &mut Registry) {
        let http = registry.sub_registry_with_prefix("http");
        http.register("requests", "Requests by route, method and status", self.requests.clone());
        let help = "Time until the head of the response, by route and method";
        http.register_with_unit("request_duration", help, Unit::Seconds, self.durations.clone());
    }
}

/// A method of the standard, or `other`: clients may invent methods.
pub(super) fn method_name(method: &Method) -> &str {
    let standard =
        [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    if standard.contains(method) { method.as_str() } else { "other" }
}

/// `GET /metrics`.
pub fn metrics_route(collect: Collect) -> Router {
    Router::new().route(PATH, get(move |headers: HeaderMap| scrape(collect, headers)))
}

async fn scrape(collect: Collect, headers: HeaderMap) -> Result<Response, Problem> {
    let text = tokio::task::spawn_blocking(move || {
        let mut registry = Registry::default();
        collect(&mut registry)?;
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok::<_, anyhow::Error>(text)
    });
    let text = text.await.map_err(Problem::internal)?.map_err(|error| Problem::internal(format_args!("{error:#}")))?;
    let (kind, text) = if wants_prometheus(&headers) { (PROMETHEUS, prometheus(&text)) } else { (OPEN_METRICS, text) };
    Ok(([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-store")], text).into_response())
}

/// Returns true if the client accepts plain text and not OpenMetrics.
fn wants_prometheus(headers: &HeaderMap) -> bool {
    let mut all = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let accepted = |all: &mut dyn Iterator<Item = &str>| {
        all.fold((false, false), |(open, plain), value| {
            (open || value.contains("application/openmetrics-text"), plain || value.contains("text/plain"))
        })
    };
    accepted(&mut all) == (false, true)
}

/// OpenMetrics in the text format of Prometheus 0.0.4: the family of a counter has the name of its sample, and there
/// are neither units nor an end.
fn prometheus(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut help = None;
    for line in open_metrics.lines() {
        let mut push = |line: &str| {
            text.push_str(line);
            text.push('\n');
        };
        if let Some(described) = line.strip_prefix("# HELP ") {
            help = described.split_once(' ');
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|typed| typed.split_once(' ')) {
            let suffix = if kind == "counter" { "_total" } else { "" };
            if let Some((_, help)) = help.take() {
                push(&format!("# HELP {name}{suffix} {help}"));
            }
            push(&format!("# TYPE {name}{suffix} {kind}"));
        } else if !line.starts_with("# UNIT ") && line != "# EOF" {
            push(line);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;

    async fn scraped(accept: &str) -> (String, String) {
        let metrics = HttpMetrics::default();
        metrics.count("/orders/{id}", &Method::GET, StatusCode::OK, Duration::from_millis(3));
        metrics.count("/orders/{id}", &Method::from_bytes(b"MADE-UP").unwrap(), StatusCode::OK, Duration::ZERO);
        let collect: Collect = Arc::new(move |registry| {
            metrics.register(registry);
            Ok(())
        });
        let request = Request::get(PATH).header(ACCEPT, accept).body(Body::empty()).unwrap();
        let response = metrics_route(collect).oneshot(request).await.unwrap();
        let kind = response.headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
        let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (kind, String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_scraper_gets_the_format_that_it_accepts() {
        for accept in ["application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5", "*/*"] {
            let (kind, text) = scraped(accept).await;
            assert_eq!(kind, OPEN_METRICS);
            let sample = "http_requests_total{route=\"/orders/{id}\",method=\"GET\",status=\"200\"} 1\n";
            assert!(text.contains("# TYPE http_requests counter\n") && text.contains(sample), "{text}");
            assert!(text.contains("# UNIT http_request_duration_seconds seconds\n"), "{text}");
            assert!(text.contains("method=\"other\"") && !text.contains("MADE-UP"), "{text}");
            assert!(text.ends_with("# EOF\n"), "{text}");
        }
        let (kind, text) = scraped("text/plain").await;
        assert_eq!(kind, PROMETHEUS);
        let head = "# HELP http_requests_total Requests by route, method and status.\n\
                    # TYPE http_requests_total counter\nhttp_requests_total{";
        assert!(text.starts_with(head) && !text.contains("# UNIT") && !text.contains("# EOF"), "{text}");
    }
}
