//! The real handlers for the tests of single handlers; they publish events.

use inventory_service::handler::Warehouse;
use inventory_service::rules::settings::RuleSettings;
use orchestrator::handler::SagaHandler;
use order_service::handler::OrderHandler;
use order_service::order::policy::Policy;
use payment_service::handler::Payments;
use payment_service::provider::call::ProviderKind;

use crate::definitions;
use crate::workload::{WAREHOUSE, stock};

pub fn orders() -> OrderHandler {
    OrderHandler { policy: Policy { mails: true, events: true, ..Policy::default() } }
}

pub fn warehouse() -> Warehouse {
    let mut rules = RuleSettings { events: true, ..RuleSettings::default() };
    rules.shipping.simulated_speed = 1;
    Warehouse { name: WAREHOUSE.to_owned(), seed: stock(), rules }
}

pub fn payments() -> Payments {
    Payments { provider: ProviderKind::Simulated, mac: None, events: true }
}

pub fn sagas() -> SagaHandler {
    SagaHandler::new(definitions()).with_events(true)
}
