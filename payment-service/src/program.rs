//! What the payment service is made of: its topics, its settings, and which parts of it go together.

use axum::Router;
use common::service::{Context, Program};
use common::topics;
use serde::{Deserialize, Serialize};

use crate::actor::Cashier;
use crate::api;
use crate::handler::Payments;
use crate::provider::{Provider, ProviderSettings};
use crate::view::PaymentRows;

/// The settings that only this service has.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// `[provider]`
    pub provider: ProviderSettings,
}

/// The payment service.
pub struct PaymentService;

impl Program for PaymentService {
    const NAME: &'static str = "payment-service";
    const ABOUT: &'static str = "Requests payments from a provider, takes their results, and refunds.";
    const JOURNAL: &'static str = "payment-journal";
    const INPUTS: &'static [&'static str] = &[topics::PAYMENT_COMMANDS, topics::PAYMENT_RESULTS];
    const OUTPUTS: &'static [&'static str] = &[
        topics::PAYMENT_COMMANDS,
        topics::PAYMENT_RESULTS,
        topics::SAGA_REPLIES,
        "payment-commands.dlq",
        "payment-results.dlq",
    ];
    const DEFAULTS: &'static str = include_str!("../config/default.toml");
    type Settings = Settings;
    type Handler = Payments;
    type Rows = PaymentRows;
    type Actor = Cashier<Provider>;

    fn build(settings: &Settings) -> anyhow::Result<(Payments, Cashier<Provider>)> {
        let handler = Payments { provider: settings.provider.kind };
        Ok((handler, Cashier { provider: Provider::new(&settings.provider) }))
    }

    fn router(context: Context<Settings>) -> Router {
        api::router(context)
    }
}
