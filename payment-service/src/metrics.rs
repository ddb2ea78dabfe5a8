//! The metrics of this instance's providers.

use common::prometheus_client::metrics::counter::Counter;
use common::prometheus_client::metrics::family::Family;
use common::prometheus_client::metrics::gauge::Gauge;
use common::prometheus_client::registry::Registry;

use crate::provider::breaker::State as Circuit;
use crate::provider::registry::ProviderReport;

type Labels = Vec<(&'static str, &'static str)>;

/// Registers the providers' calls and circuit breakers.
pub(crate) fn register(reports: Vec<ProviderReport>, registry: &mut Registry) {
    let registry = registry.sub_registry_with_prefix("payment_provider");
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
}

/// The number of cases of each kind, which are of all instances: every view has them.
pub(crate) fn register_cases(counts: Vec<(&'static str, i64)>, registry: &mut Registry) {
    let refunds = Family::<Labels, Gauge>::default();
    let reviews = Family::<Labels, Gauge>::default();
    let disputes = Family::<Labels, Gauge>::default();
    for (kind, count) in counts {
        match kind.split_once('_') {
            Some(("refund", state)) => _ = refunds.get_or_create(&vec![("state", state)]).set(count),
            Some(("review", state)) => _ = reviews.get_or_create(&vec![("state", state)]).set(count),
            Some(("dispute", status)) => _ = disputes.get_or_create(&vec![("status", status)]).set(count),
            Some(_) | None => {}
        }
    }
    registry.register("payment_refunds", "Refunds that are pending, or failed, at the provider", refunds);
    registry.register("payment_reviews", "Payments whose refunds and disputes the provider refuses to list", reviews);
    registry.register("payment_disputes", "Disputes in each status", disputes);
}

#[cfg(test)]
mod tests {
    use common::prometheus_client::encoding::text::encode;
    use common::time::Timestamp;

    use super::*;
    use crate::provider::call::ProviderKind;
    use crate::provider::guard::ProviderHealth;

    #[test]
    fn a_scrape_has_the_refunds_and_disputes_that_operators_look_at() {
        let mut registry = Registry::default();
        register_cases(crate::view::CASES.into_iter().zip(1..).collect(), &mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "payment_refunds{state=\"pending\"} 1",
            "payment_refunds{state=\"failed\"} 2",
            "payment_reviews{state=\"failed\"} 3",
            "payment_disputes{status=\"open\"} 6",
            "payment_disputes{status=\"lost\"} 8",
        ] {
            assert!(text.lines().any(|written| written == line), "{line} in {text}");
        }
    }

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
        let mut registry = Registry::default();
        register(vec![ProviderReport { kind: ProviderKind::Stripe, chosen: true, health }], &mut registry);
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "payment_provider_circuit_state{provider=\"stripe\",state=\"open\"} 1",
            "payment_provider_circuit_state{provider=\"stripe\",state=\"closed\"} 0",
            "payment_provider_consecutive_failures{provider=\"stripe\"} 10",
            "payment_provider_calls_total{provider=\"stripe\"} 12",
            "payment_provider_failed_calls_total{provider=\"stripe\"} 11",
            "# EOF",
        ] {
            assert!(text.lines().any(|written| written == line), "{line} in {text}");
        }
    }
}
