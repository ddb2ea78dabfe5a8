//! The real handlers for the tests of single handlers; they publish events.

use common::journal::Intent;
use common::messages::{MessageMac, Outgoing};
use common::time::Timestamp;
use common::topics;
use common::worker::Executor;
use inventory_service::handler::Warehouse;
use inventory_service::rules::settings::RuleSettings;
use orchestrator::handler::SagaHandler;
use orchestrator::rules::webhooks::WebhookCall;
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

/// Payments of this provider, whose results are marked.
pub fn marked_payments(provider: ProviderKind) -> Payments {
    let mac = MessageMac::new("a shared secret!").unwrap_or_else(|why| panic!("the secret {why}"));
    Payments { provider, mac, events: true }
}

/// The topics on which the built-in sagas start and wait.
pub const INPUTS_OF_SAGAS: &[&str] =
    &[topics::CREATED_ORDERS, topics::PAYMENT_RESULTS, topics::GOODS_RECEIVED, topics::CASES, topics::CASE_DECISIONS];

pub fn sagas() -> SagaHandler {
    SagaHandler::new(definitions::built_in()).with_events(true)
}

/// The side effects of an orchestrator without webhooks.
pub struct NoWebhooks;

impl Executor for NoWebhooks {
    type SideEffect = WebhookCall;

    async fn execute(&self, intent: &Intent<WebhookCall>, _: Timestamp) -> Vec<Outgoing> {
        panic!("there is no webhook: {intent:?}")
    }
}
