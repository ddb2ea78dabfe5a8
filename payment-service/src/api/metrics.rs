//! `GET /metrics`: the health of this instance's providers and the messages it set aside, for Prometheus
//! (OpenMetrics 1.0, <https://github.com/prometheus/OpenMetrics>).

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use common::http::Problem;
use common::service::Context;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::provider::breaker::State as Circuit;
use crate::provider::registry::ProviderReport;
use crate::settings::Settings;

const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels = Vec<(&'static str, &'static str)>;

/// The providers' calls and circuit breakers in this instance, as OpenMetrics text.
#[utoipa::path(get, path = "/metrics", operation_id = "show_metrics",
    responses((status = 200, description = "OpenMetrics 1.0.", content_type = "application/openmetrics-text",
        body = String)))]
pub(super) async fn show(State(context): State<Context<Settings>>) -> Result<Response, Problem> {
    let reports = context.settings.providers().map(|providers| providers.reports()).unwrap_or_default();
    let set_aside = context.status.messages_set_aside();
    Ok(([(CONTENT_TYPE, TEXT)], text(reports, set_aside).map_err(Problem::internal)?).into_response())
}

fn text(reports: Vec<ProviderReport>, messages_set_aside: u64) -> Result<String, std::fmt::Error> {
    let mut service = Registry::with_prefix("payment");
    let set_aside = Counter::<u64>::default();
    set_aside.inc_by(messages_set_aside);
    let help = "Messages that could not be processed and were set aside as dead letters, since the start";
    service.register("messages_set_aside", help, set_aside);
    let registry = service.sub_registry_with_prefix("provider");
    let circuit = Family::<Labels, Gauge>::default();
    let failing = Family::<Labels, Gauge>::default();
    let calls = Family::<Labels, Counter>::default();
    let failed = Family::<Labels, Counter>::default();
    for ProviderReport { kind, health, .. } in reports {
        for state in Circuit::ALL {
            let labels = vec![("provider", kind.name()), ("state", state.name())];
            circuit.get_or_create(&labels).set(i64::from(health.state == state));
        }
        let labels = vec![("provider", kind.name())];
        failing.get_or_create(&labels).set(health.failures.into());
        calls.get_or_create(&labels).inc_by(health.calls);
        failed.get_or_create(&labels).inc_by(health.failed);
    }
    registry.register("circuit_state", "1 for the state that the circuit breaker is in", circuit);
    registry.register("consecutive_failures", "Calls that failed one after the other, up to now", failing);
    registry.register("calls", "Calls made", calls);
    registry.register("failed_calls", "Calls that failed technically", failed);
    let mut text = String::new();
    encode(&mut text, &service)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use common::time::Timestamp;

    use super::*;
    use crate::provider::call::ProviderKind;
    use crate::provider::guard::ProviderHealth;

    #[test]
    fn a_scrape_has_the_health_of_each_provider() {
        let health = ProviderHealth {
            state: Circuit::Open,
            since: Timestamp(0),
            failures: 10,
            last_error: Some("gone".to_owned()),
            calls: 12,
            failed: 11,
        };
        let text = text(vec![ProviderReport { kind: ProviderKind::Stripe, chosen: true, health }], 3).unwrap();
        for line in [
            "payment_provider_circuit_state{provider=\"stripe\",state=\"open\"} 1",
            "payment_provider_circuit_state{provider=\"stripe\",state=\"closed\"} 0",
            "payment_provider_consecutive_failures{provider=\"stripe\"} 10",
            "payment_provider_calls_total{provider=\"stripe\"} 12",
            "payment_provider_failed_calls_total{provider=\"stripe\"} 11",
            "payment_messages_set_aside_total 3",
            "# EOF",
        ] {
            assert!(text.lines().any(|written| written == line), "{line} in {text}");
        }
    }
}
