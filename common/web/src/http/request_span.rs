//! The span of a request. Its `traceparent` replaces that of the caller in the request's headers, so that what the
//! handler sends continues it.

use std::time::SystemTime;

use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode};
use traces::{Kind, Span, Tracer};
use vocabulary::messages::header::TRACEPARENT;
use vocabulary::messages::{SpanId, TraceContext};

use super::edge;
use super::extract::context_of;
use super::metrics::{self, method_name};

/// A request of a sampled trace.
pub(super) struct RequestSpan {
    own: TraceContext,
    parent: Option<SpanId>,
    start: SystemTime,
}

impl RequestSpan {
    /// Decides if the request is sampled, as its caller did or by the setting, and writes the decision to its headers.
    /// Health checks and scrapes have no spans.
    pub(super) fn begin(tracer: &Tracer, request: &mut Request) -> Option<Self> {
        if !tracer.is_on() || is_poll(request.uri().path()) {
            return None;
        }
        let caller = context_of(request.headers());
        let own = tracer.begin(caller)?;
        let value = HeaderValue::from_str(&own.to_string()).ok()?;
        request.headers_mut().insert(TRACEPARENT, value);
        own.is_sampled.then(|| Self { own, parent: caller.map(|caller| caller.span), start: SystemTime::now() })
    }

    /// The span, when the head of the response is known. `route` is the template of the path.
    pub(super) fn end(self, route: Option<&str>, method: &Method, status: StatusCode) -> Span {
        let Self { own, parent, start } = self;
        let method = method_name(method);
        let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
        let error = status.is_server_error().then(|| status.to_string());
        let mut span = Span::below(own, own.span, Kind::Server, name, start).until(SystemTime::now());
        span.parent = parent;
        span.with_text("http.request.method", Some(method))
            .with_text("http.route", route)
            .with("http.response.status_code", i64::from(status.as_u16()))
            .with("url.scheme", "http")
            .failed(error)
    }
}

/// Returns true for the requests of monitoring, which come without end.
fn is_poll(path: &str) -> bool {
    edge::is_health(path) || path == metrics::PATH
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::http::HeaderMap;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::super::{Edge, Observed, finish, trace_of};
    use super::*;
    use crate::settings::Http;

    /// Requests a path of a service with a share of sampled traces; returns the trace of its effects, and its span.
    async fn requested(sample: f64, path: &str, traceparent: Option<&str>) -> (TraceContext, Option<Span>) {
        let (tracer, mut spans) = Tracer::new(sample);
        let routes = Router::new()
            .route("/orders/{id}", get(|headers: HeaderMap| async move { trace_of(&headers) }))
            .route("/health/live", get(|headers: HeaderMap| async move { trace_of(&headers) }));
        let observed = Observed { tracer, ..Observed::default() };
        let router = finish(routes, &Http::default(), Edge::off(), observed).unwrap();
        let mut request = Request::get(path);
        if let Some(traceparent) = traceparent {
            request = request.header(TRACEPARENT, traceparent);
        }
        let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let text = to_bytes(response.into_body(), 100).await.unwrap();
        let effects = TraceContext::parse(std::str::from_utf8(&text).unwrap()).unwrap();
        (effects, spans.try_recv().ok())
    }

    #[tokio::test]
    async fn a_sampled_request_is_the_first_span_of_its_trace_and_the_cause_of_its_effects() {
        let (effects, span) = requested(1.0, "/orders/7", None).await;
        let span = span.unwrap();
        assert_eq!((span.trace, span.id, span.parent), (effects.trace, effects.span, None));
        assert_eq!((span.name.as_str(), span.kind), ("GET /orders/{id}", Kind::Server));
        assert!(effects.is_sampled);
        let (effects, span) = requested(0.0, "/orders/7", None).await;
        assert!(!effects.is_sampled && span.is_none());
    }

    #[tokio::test]
    async fn the_callers_decision_counts() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";
        let (effects, span) = requested(0.0, "/orders/7", Some(&format!("00-{trace}-01"))).await;
        let span = span.unwrap();
        assert_eq!(span.parent, Some(SpanId(0x00f0_67aa_0ba9_02b7)));
        assert_eq!((effects.trace, effects.span), (span.trace, span.id));
        let (effects, span) = requested(1.0, "/orders/7", Some(&format!("00-{trace}-00"))).await;
        assert!(!effects.is_sampled && span.is_none());
    }

    #[tokio::test]
    async fn health_checks_have_no_spans() {
        assert_eq!(requested(1.0, "/health/live", None).await.1, None);
    }
}
