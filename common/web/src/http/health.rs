//! Liveness and readiness, for supervisors and load balancers.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// The result of a health check.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Report {
    /// True if all checks passed.
    pub ok: bool,
    /// Each check and its result: `"view": "2 ms behind"`.
    pub checks: BTreeMap<String, String>,
    /// The circuit breakers of calls to external systems. They do not affect `ok`.
    pub circuits: Vec<Circuit>,
}

/// The state of a circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CircuitState {
    /// Calls are made.
    Closed,
    /// No calls are made.
    Open,
    /// One call is tried.
    HalfOpen,
}

/// A circuit breaker of calls to an external system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Circuit {
    /// The external system, such as `provider stripe`.
    pub name: String,
    /// The state.
    pub state: CircuitState,
    /// When it entered the state (RFC 3339).
    pub since: String,
    /// The last failure, unless it is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Report {
    /// A report without checks.
    pub fn up() -> Self {
        Self { ok: true, ..Self::default() }
    }

    /// Adds a check.
    pub fn check(&mut self, name: impl Into<String>, ok: bool, seen: impl Into<String>) {
        self.ok &= ok;
        self.checks.insert(name.into(), seen.into());
    }
}

/// The health of a service. Called often; must not block.
pub trait Health: Send + Sync {
    /// Liveness: if not ok, the service should be restarted.
    fn live(&self) -> Report;
    /// Readiness: if not ok, the service should not receive requests.
    fn ready(&self) -> Report;
}

impl IntoResponse for Report {
    fn into_response(self) -> Response {
        let (status, word) = if self.ok { (StatusCode::OK, "up") } else { (StatusCode::SERVICE_UNAVAILABLE, "down") };
        let mut body = json!({ "status": word, "checks": self.checks });
        if !self.circuits.is_empty() {
            body["circuits"] = json!(self.circuits);
        }
        let body = Json(body);
        (status, [(header::CACHE_CONTROL, "no-store")], body).into_response()
    }
}

/// `GET /health/live` and `GET /health/ready`: 200 with `{"status":"up","checks":{…}}`, or 503 with `"down"`. Readiness
/// also has the `circuits`, if there are any.
pub fn health_routes(health: Arc<dyn Health>) -> Router {
    let ready = Arc::clone(&health);
    Router::new()
        .route("/health/live", get(move || async move { health.live() }))
        .route("/health/ready", get(move || async move { ready.ready() }))
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use serde_json::Value;
    use tower::ServiceExt as _;

    use super::*;

    struct Catching;

    impl Health for Catching {
        fn live(&self) -> Report {
            Report::up()
        }
        fn ready(&self) -> Report {
            let mut report = Report::up();
            report.check("kafka", true, "reached");
            report.check("view", false, "12 s behind");
            report.circuits.push(Circuit {
                name: "provider stripe".to_owned(),
                state: CircuitState::HalfOpen,
                since: "2026-01-31T12:00:00Z".to_owned(),
                error: None,
            });
            report
        }
    }

    #[tokio::test]
    async fn up_is_200_and_down_is_503() {
        for (uri, status, body) in [
            ("/health/live", 200, json!({ "status": "up", "checks": {} })),
            (
                "/health/ready",
                503,
                json!({
                    "status": "down",
                    "checks": { "kafka": "reached", "view": "12 s behind" },
                    "circuits": [
                        { "name": "provider stripe", "state": "half-open", "since": "2026-01-31T12:00:00Z" },
                    ],
                }),
            ),
        ] {
            let request = Request::get(uri).body(Body::empty()).unwrap();
            let response = health_routes(Arc::new(Catching)).oneshot(request).await.unwrap();
            assert_eq!(response.status().as_u16(), status);
            let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
            assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), body);
        }
    }
}
