//! The layers around a whole router: unknown routes, limits, authentication, response headers, and the request log.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts as _, MatchedPath, RawPathParams, Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use tower_http::catch_panic::CatchPanicLayer;
use traces::Tracer;
use tracing::Instrument as _;
use tracing::field::Empty;
use vocabulary::ids::OrderId;
use vocabulary::messages::header::TRACEPARENT;
use vocabulary::messages::trace_id;

use super::edge::response_headers::{self, RequestInfo};
use super::edge::{self, Edge};
use super::metrics::HttpMetrics;
use super::problem::Problem;
use super::request_headers;
use super::request_span::RequestSpan;
use super::site::{self, Site};
use crate::settings::Http;

/// Wraps all routes of a service: 404 and 405 as problems, the body's headers and limit, the time limit, the edge, the
/// rules about foreign web pages, the common response headers, and the request log.
///
/// A request is logged at `debug` (a failed one, 5xx, at `warn`) with method, route, status, latency, and the order's
/// or saga's id: from the path, or from an [`OrderId`] that the handler put into the response's extensions.
/// All lines of a request carry its `request_id`.
///
/// Requests are counted and traced as `observed` has it.
///
/// # Errors
/// The key of an unusable setting.
pub fn finish(router: Router, settings: &Http, edge: Edge, observed: Observed) -> anyhow::Result<Router> {
    let cors = edge.cors()?;
    let site = Arc::new(Site::new(settings, edge.origins().to_vec()));
    let router = router
        .fallback(|uri: Uri| async move { Problem::not_found(format!("There is nothing at {}.", uri.path())) })
        .method_not_allowed_fallback(|method: Method, uri: Uri| async move {
            let detail = format!("{} does not support {method}.", uri.path());
            Problem::of(StatusCode::METHOD_NOT_ALLOWED, detail)
        })
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(request_headers::guard))
        .layer(DefaultBodyLimit::max(settings.body_limit))
        .layer(middleware::from_fn_with_state(settings.timeout, in_time))
        .layer(middleware::from_fn_with_state(Arc::new(edge), edge::guard));
    let router = match cors {
        Some(cors) => router.layer(cors),
        None => router,
    };
    let router = router.layer(middleware::from_fn_with_state(site, site::guard));
    Ok(router.layer(middleware::from_fn_with_state(observed, log)))
}

/// Takes the counts and the spans of requests.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Takes the counts.
    pub metrics: HttpMetrics,
    /// Takes the spans.
    pub tracer: Tracer,
}

fn panicked(reason: Box<dyn Any + Send>) -> Response {
    let text = reason.downcast_ref::<&str>().copied();
    let text = text.or_else(|| reason.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason given");
    Problem::internal(format_args!("a request handler panicked: {text}")).into_response()
}

async fn in_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let limit = limit.as_secs_f64();
            let detail = format!("No response within {limit} s (http.timeout); the outcome is unknown.");
            Problem::unavailable(detail).into_response()
        }
    }
}

async fn log(State(observed): State<Observed>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let info = RequestInfo {
        id: response_headers::request_id(request.headers()),
        method: request.method().clone(),
        is_public: edge::is_description(request.uri().path()),
        https: response_headers::is_https(request.headers()),
    };
    let traced = RequestSpan::begin(&observed.tracer, &mut request);
    let trace_id = request.headers().get(TRACEPARENT).and_then(|value| value.to_str().ok()).and_then(trace_id);
    let span = tracing::info_span!(target: "http", "request", request_id = %info.id, trace_id, caller = Empty);
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = logged(started, &observed.metrics, request, next).instrument(span).await;
    if let Some(traced) = traced {
        let route = route.as_ref().map(MatchedPath::as_str);
        observed.tracer.record(traced.end(route, &info.method, response.status()));
    }
    response_headers::add(&info, response)
}

async fn logged(started: Instant, metrics: &HttpMetrics, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let method = parts.method.clone();
    let route = parts.extensions.get::<MatchedPath>().cloned();
    let mut subject = Subject::default();
    if let Some(route) = route.as_ref().filter(|route| route.as_str().contains('{'))
        && let Ok(params) = RawPathParams::from_request_parts(&mut parts, &()).await
    {
        subject = Subject::of(route.as_str(), &params);
    }
    let response = next.run(Request::from_parts(parts, body)).await;
    let new_order = response.extensions().get::<OrderId>().copied();
    let order_id = new_order.or(subject.order).map(tracing::field::display);
    let saga_id = subject.saga.map(tracing::field::display);
    let status = response.status().as_u16();
    let latency = started.elapsed();
    let latency_ms = latency.as_micros() as f64 / 1000.0;
    let route = route.as_ref().map_or("(none)", MatchedPath::as_str);
    metrics.count(route, &method, response.status(), latency);
    if response.status().is_server_error() {
        tracing::warn!(target: "http", %method, route, status, latency_ms, order_id, saga_id, "request failed");
    } else {
        tracing::debug!(target: "http", %method, route, status, latency_ms, order_id, saga_id, "request");
    }
    response
}

/// The order or saga in a path.
#[derive(Debug, Default, PartialEq, Eq)]
struct Subject {
    order: Option<OrderId>,
    saga: Option<OrderId>,
}

impl Subject {
    /// `/orders/{id}`, `/api/sagas/{id}`, `/payments/{orderId}`; an item's id in `/stock/{itemId}` is neither.
    fn of(route: &str, params: &RawPathParams) -> Self {
        let find = |wanted: &str, collection: &str| {
            let named = params
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted) || *name == "id" && route.contains(collection));
            named.and_then(|(_, value)| value.parse().ok())
        };
        Self { order: find("orderId", "/orders/"), saga: find("sagaId", "/sagas/") }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::routing::get;
    use serde_json::Value;
    use tower::ServiceExt as _;

    use super::*;

    fn router() -> Router {
        async fn slow() -> &'static str {
            tokio::time::sleep(Duration::from_secs(60)).await;
            "late"
        }
        async fn wrong() -> &'static str {
            panic!("a bug")
        }
        let routes =
            Router::new().route("/ok", get(|| async { "ok" })).route("/slow", get(slow)).route("/bug", get(wrong));
        let http = Http { timeout: Duration::from_millis(50), ..Http::default() };
        let off = Edge::off();
        finish(routes, &http, off, Observed::default()).unwrap()
    }

    async fn ask(method: &str, uri: &str) -> (u16, Value) {
        let request = Request::builder().method(method).uri(uri).body(axum::body::Body::empty()).unwrap();
        let response = router().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8(bytes.to_vec()).unwrap().into()))
    }

    #[tokio::test]
    async fn an_unknown_route_is_a_problem() {
        assert_eq!(ask("GET", "/ok").await, (200, "ok".into()));
        let (status, problem) = ask("GET", "/none").await;
        assert_eq!((status, &problem["detail"]), (404, &"There is nothing at /none.".into()));
        let (status, problem) = ask("DELETE", "/ok").await;
        assert_eq!((status, &problem["detail"]), (405, &"/ok does not support DELETE.".into()));
    }

    #[tokio::test]
    async fn a_request_that_takes_too_long_is_a_problem() {
        let (status, problem) = ask("GET", "/slow").await;
        assert_eq!(status, 503);
        assert_eq!(problem["detail"], "No response within 0.05 s (http.timeout); the outcome is unknown.");
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_without_internal_details() {
        let (status, problem) = ask("GET", "/bug").await;
        assert_eq!(status, 500);
        assert_eq!(problem["detail"], "an internal error occurred; the service's log has the reason");
    }

    #[tokio::test]
    async fn the_path_has_the_order_or_saga_of_a_request() {
        let id: OrderId = "3852cb18-9c19-4326-ac77-a1a0264bd98c".parse().unwrap();
        let about = |route: &'static str| async move {
            let show = |route: MatchedPath, params: RawPathParams| async move {
                let Subject { order, saga } = Subject::of(route.as_str(), &params);
                format!("{} {}", order.is_some(), saga.is_some())
            };
            let uri = route
                .replace("{id}", &id.to_string())
                .replace("{orderId}", &id.to_string())
                .replace("{itemId}", &id.to_string());
            let request = Request::get(uri).body(axum::body::Body::empty()).unwrap();
            let response = Router::new().route(route, get(show)).oneshot(request).await.unwrap();
            String::from_utf8(to_bytes(response.into_body(), 100).await.unwrap().to_vec()).unwrap()
        };
        assert_eq!(about("/orders/{id}").await, "true false");
        assert_eq!(about("/payments/{orderId}").await, "true false");
        assert_eq!(about("/api/sagas/{id}").await, "false true");
        assert_eq!(about("/stock/{itemId}").await, "false false");
    }
}
